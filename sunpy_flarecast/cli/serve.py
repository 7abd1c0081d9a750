"""The commands that run a service: ``serve`` and ``demo``."""

from __future__ import annotations

import os
import re
import signal
import socket
import warnings
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click
from click.core import ParameterSource
from rich.markup import escape

from sunpy_flarecast.config import TOKEN_VARIABLE, URL_VARIABLE
from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.utils.optional_deps import install_command
from sunpy_flarecast.utils.progress import counting_bar

from .console import err, finish, out, plain_errors, show_index, show_records
from .main import cli
from .options import FOLDER, examples, index_option, progress_option, step_of

if TYPE_CHECKING:
    from sunpy_flarecast.archive import Archive

__all__ = ["demo", "serve"]

_EXISTING_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)

#: A path: a word with a slash or an ending, but not a URL.
_PATH: Final = re.compile(r"(?!\w+://)(\S*[/\\]\S*|\S*\.\w{1,8})")

#: How many files that cannot be served are listed with their reasons.
_NAMED: Final = 10


@cli.command(epilog=examples("serve --demo", "serve sharps --port 8002 --workers 2"))
@click.argument("directory", required=False, type=FOLDER)
@click.option("--demo", is_flag=True, help="Serve synthetic SHARPs instead of the files of a DIRECTORY.")
@click.option(
    "--headers",
    type=click.Choice(["full", "bare"]),
    show_default="full",
    help="With --demo: files with all keywords in their headers, or without keywords, as JSOC stores them.",
)
@index_option
@click.option(
    "--reindex",
    default="60s",
    show_default=True,
    metavar="TIME",
    help="Interval between searches for new and changed files, such as 10min; never or 0 disables them.",
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--port",
    default=8001,
    show_default=True,
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Port to listen on; 0 for a free one.",
)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1), metavar="N", help="Number of processes."
)
@click.option(
    "--public-url",
    metavar="URL",
    show_default="from the Host header of each request",
    help="URL of the service in its replies.",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="ADDRESS",
    show_default="none",
    help="Address or network of a proxy whose X-Forwarded-For and -Proto are trusted; may be repeated.",
)
@click.option(
    "--max-days",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    show_default="unlimited",
    help="Longest range of one list, in days; longer requests get 413.",
)
@click.option(
    "--max-connections",
    default=250,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Maximum number of connections at a time in each process; further requests get 503.",
)
@click.option(
    "--token-file",
    type=_EXISTING_FILE,
    metavar="FILE",
    help="Require a token whose SHA-256 digest is a line of this file.",
)
@click.option("--ssl-cert", type=_EXISTING_FILE, metavar="FILE", help="Serve https with this certificate, in PEM.")
@click.option(
    "--ssl-key",
    type=_EXISTING_FILE,
    metavar="FILE",
    help="Key of the certificate, in PEM, if it is not in the same file.",
)
@click.option("--access-log", metavar="FILE", help="Append a line of JSON for every request; - for standard error.")
@click.option(
    "--metrics-from",
    multiple=True,
    metavar="ADDRESS",
    show_default="this machine",
    help="Address or network that gets /metrics without a token; may be repeated, and replaces the default.",
)
@click.option("--title", default="FLARECAST HMI service", show_default=True, metavar="TEXT", help="Name on the pages.")
@click.option("--contact", default="", metavar="TEXT", show_default="none", help="Contact shown on the pages.")
@click.option(
    "--acknowledge",
    default="",
    metavar="TEXT|FILE",
    show_default="none",
    help="How to acknowledge and use the data, shown on the pages: text, or a file that contains it.",
)
@click.option("--pages/--no-pages", default=True, help="Serve web pages besides the REST routes.", show_default=True)
@click.option(
    "--max-download",
    default=2000,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Maximum number of files in one tar download; larger requests get 413.",
)
@click.option("--x-accel", metavar="PATH", help="Let nginx send the files from its internal location PATH.")
@click.option(
    "--grace",
    default=30,
    show_default=True,
    type=click.IntRange(0),
    metavar="SECONDS",
    help="Time that running transfers are given to finish when the service stops.",
)
def serve(
    directory: Path | None,
    demo: bool,
    headers: Literal["full", "bare"] | None,
    database: Path | None,
    reindex: str,
    host: str,
    port: int,
    workers: int,
    access_log: str | None,
    token_file: Path | None,
    metrics_from: tuple[str, ...],
    public_url: str | None,
    max_days: float | None,
    x_accel: str | None,
    title: str,
    contact: str,
    acknowledge: str,
    pages: bool,
    max_download: int,
    **options: Any,
) -> None:
    """Serve SHARP files as a FLARECAST service.

    The files are those below DIRECTORY, or synthetic ones. After Ctrl-C (or SIGTERM), the service completes running
    transfers, for at most the time of --grace, and stops; with one process, a second Ctrl-C ends them at once.
    """
    if demo == (directory is not None):
        raise click.UsageError("Specify either a DIRECTORY of SHARP files, or --demo for synthetic ones.")
    reindex_given = click.get_current_context().get_parameter_source("reindex") is not ParameterSource.DEFAULT
    if demo and (database is not None or reindex_given or x_accel is not None):
        raise click.UsageError("--index, --reindex and --x-accel require a DIRECTORY and cannot be used with --demo.")
    if headers is not None and not demo:
        raise click.UsageError("--headers requires --demo; files of a DIRECTORY are served as they are.")
    try:
        every = None if reindex in ("never", "0") else float(step_of(reindex).value)
    except click.BadParameter:
        raise click.BadParameter(f"--reindex {reindex!r}: write a time, such as 60s or 10min, or never.") from None
    with plain_errors(), ExitStack() as stack:
        # Options are checked before the index is built, which may take hours, and the port before slow imports.
        from sunpy_flarecast.archive.server.listener import listen

        try:
            listener = stack.enter_context(listen(host, port))

            from sunpy_flarecast.archive import DemoArchive, Settings
            from sunpy_flarecast.archive.middleware.access_log import log_handler
            from sunpy_flarecast.archive.middleware.tokens import read_token_hashes
            from sunpy_flarecast.archive.server.run import serve as run
            from sunpy_flarecast.archive.server.run import uvicorn_options

            uvicorn_options(**options)
            if access_log is not None:
                log_handler(access_log).close()
            settings = Settings(
                public_url=public_url,
                max_days=max_days,
                token_hashes=frozenset() if token_file is None else read_token_hashes(token_file),
                metrics_from=metrics_from or Settings().metrics_from,
                x_accel=x_accel,
                title=title,
                contact=contact,
                acknowledgement=_text_of(acknowledge),
                pages=pages,
                max_download=max_download,
            )
        except (ValueError, PermissionError) as error:
            raise QueryError(str(error)) from error
        if pages and find_spec("matplotlib") is None:
            err.print(
                "[yellow]Warning:[/] The pages have no quicklooks, since matplotlib is not installed. To install it: "
                + escape(install_command("plot")),
                soft_wrap=True,
            )
        # A terminated service closes everything as well.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        archive = (
            DemoArchive(headers=headers or "full") if directory is None else _opened(directory, database, every, stack)
        )
        try:
            run(
                archive,
                settings=settings,
                workers=workers,
                access_log=access_log,
                listener=listener,
                ready=partial(_print_url, host, public_url, token_file is not None),
                **options,
            )
        except RuntimeError as error:  # it did not start
            raise click.ClickException(str(error)) from error
    out.print("Stopped.")


def _text_of(given: str) -> str:
    """Return the given text, or the content of a file; a single word that looks like a path must be a file."""
    try:
        if given and Path(given).is_file():
            return Path(given).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise QueryError(f"--acknowledge {given}: the file cannot be read as UTF-8 text ({error}).") from error
    if _PATH.fullmatch(given):
        raise QueryError(f"--acknowledge {given}: this file does not exist. Check its path, or write a sentence.")
    return given


def _opened(directory: Path, index: Path | None, every: float | None, stack: ExitStack) -> Archive:
    """Bring the index of a folder up to date, and open the archive."""
    from sunpy_flarecast.archive import DirectoryArchive

    bar = counting_bar(shown=err.is_terminal, desc="Index", unit="file")
    with bar as progress, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s).*see DirectoryArchive.skipped")  # they are listed below
        archive = DirectoryArchive(directory, index=index, reindex=every, jobs=os.cpu_count() or 1, progress=progress)
    stack.callback(archive.close)
    skipped = [f"{path.relative_to(archive.path)}: {reason}" for path, reason in archive.skipped]
    show_index(directory, archive.report, archive.report.faults if archive.report else skipped, _NAMED)
    if archive.report and not archive.report.records:
        where = escape(str(directory))
        err.print(f"[yellow]Warning:[/] No files below {where} can be served.", soft_wrap=True)
    return archive


def _print_url(host: str, public_url: str | None, token: bool, url: str) -> None:
    out.print(f"Serving at {url} (Swagger UI at {url}/ui); press Ctrl-C to stop.", soft_wrap=True)
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared, not bound)
        remote = f"{url.partition('://')[0]}://{socket.gethostname()}:{url.rpartition(':')[2]}"
        out.print(f"The service listens on all addresses of this machine; other machines may reach it at {remote}")
    out.print(f"In Python: sunpy_flarecast.conf.url = '{public_url or url}'", soft_wrap=True)
    if token:
        out.print(
            "Users also need a token: sunpy_flarecast.conf.token = '...', or the environment variables "
            f"{URL_VARIABLE} and {TOKEN_VARIABLE}.",
            soft_wrap=True,
        )


@cli.command(epilog=examples("demo", "demo -o trial", "demo --dataset"))
@click.option(
    "-o",
    "--output",
    default="flarecast-demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Folder for the files and the plot, or for the data set.",
)
@click.option("--dataset", "data_set", is_flag=True, help="Build a small data set for flare forecasting instead.")
@progress_option
def demo(output: Path, data_set: bool, progress: bool) -> None:
    """Try the package with synthetic SHARPs.

    Start a service, search a day, fetch a few segments, load them as maps and plot the magnetograms. No network is
    needed.
    """
    with plain_errors():
        from sunpy_flarecast.tour import demo_data_set, run_demo

        if data_set:
            report = demo_data_set(output, say=lambda text: out.print(escape(text), soft_wrap=True), progress=progress)
            finish(report, None, well=report.complete)
        picture = run_demo(
            output,
            say=lambda text: out.print(text, soft_wrap=True),
            show=lambda table: show_records(table, short=True),
            progress=progress,
        )
    out.print(f"Wrote {picture}.", soft_wrap=True)
