"""The terminal: ``sunpy-flarecast demo, serve, search, fetch``; options, tables and messages, nothing else."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import astropy.units as u
import click
import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sunpy import log
from sunpy.net import attr
from sunpy.net import attrs as a
from sunpy.time import parse_time
from sunpy.util.exceptions import SunpyUserWarning

from . import (
    HARPNUM,
    FLARECASTClient,
    FLARECASTError,
    MissingDataWarning,
    QueryError,
    Segment,
    Series,
    __version__,
    conf,
)
from . import fetch as fetch_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from astropy.time import Time

    from .response import FLARECASTResponse

__all__ = ["cli"]

#: Rows shown of a long table, half from its beginning and half from its end.
_ROWS: Final = 30

#: Characters that a table of records needs.
_WIDTH: Final = 120

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@contextmanager
def _plain_errors() -> Iterator[list[Warning]]:
    """Turn errors into one message and exit status 1, and show warnings as messages; gives those of missing data."""
    missing: list[Warning] = []

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if isinstance(message, MissingDataWarning):
            missing.append(message)
        if issubclass(category, UserWarning):
            err.print(f"[yellow]Warning:[/] {escape(str(message))}", soft_wrap=True)

    level = log.level
    with warnings.catch_warnings():
        warnings.showwarning = show
        warnings.simplefilter("always", SunpyUserWarning)  # each is told, and none ends the command half-way
        log.setLevel("CRITICAL")  # errors are told below, once
        try:
            yield missing
        except (FLARECASTError, OSError, ValueError, ImportError) as error:
            err.print(f"[red]Error:[/] {escape(str(error))}", soft_wrap=True)
            raise SystemExit(1) from None
        finally:
            log.setLevel(level)


def _use_url(context: click.Context, _: click.Parameter, url: str | None) -> None:
    if url:
        context.with_resource(conf.set_temp("url", url))


#: For the whole command and for those that ask a service, so that it may stand before or after their names.
_url_option = click.option(
    "--url",
    callback=_use_url,
    expose_value=False,
    help="Base URL of the service; by default conf.url or the environment variable FLARECAST_URL.",
)


def _query_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the arguments and options of a search."""
    for decorator in reversed(
        (
            click.argument("start"),
            click.argument("end"),
            click.option("--series", default="hmi.sharp_720s", show_default=True, help="SHARP series."),
            click.option(
                "--segment",
                "segments",
                multiple=True,
                metavar="NAME",
                help="Segment or pattern, such as 'B?'; may be repeated. All segments without it.",
            ),
            click.option(
                "--harp", "harps", multiple=True, metavar="N[:M]", help="HARP number or range; may be repeated."
            ),
            click.option("--sample", metavar="STEP", help="Only records nearest to a regular grid, such as '6 h'."),
            click.option("--near", metavar="TIME", help="Only the one time step nearest to this."),
            click.option("--strict", is_flag=True, help="Fail if the service does not answer for a part of the range."),
            click.option("--progress/--no-progress", default=True, show_default=True, help="Show a progress bar."),
            _url_option,
        )
    ):
        command = decorator(command)
    return command


def _query(
    start: str,
    end: str,
    series: str,
    segments: tuple[str, ...],
    harps: tuple[str, ...],
    sample: str | None,
    near: str | None,
) -> attr.Attr:
    first, last = _time(start), _time(end)
    if first > last:
        raise click.UsageError(f"START {start} is after END {end}; write the earlier time first.")
    query = attr.and_(a.Time(first, last, near=_time(near) if near else None), Series(series))
    if segments:
        query &= Segment(*segments)
    if sample:
        query &= a.Sample(_step(sample))
    if harps:
        query &= attr.or_(*map(_harp, harps))
    return query


def _time(text: str) -> Time:
    try:
        return parse_time(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a time; write 2015-12-11 or 2015-12-11T12:00 (UTC).") from error


def _search(harps: tuple[str, ...], strict: bool, progress: bool, **options: Any) -> FLARECASTResponse:
    """Search, and warn of HARPs that were asked for and have no record."""
    table = FLARECASTClient().search(_query(harps=harps, **options), strict=strict, progress=progress)
    for text in harps:
        asked = _harp(text)
        if not any(number in asked for number in set(table["HARPNUM"].tolist()) - {None}):
            warnings.warn(f"There is no record of HARP {text}.", MissingDataWarning, stacklevel=2)
    return table


def _step(text: str) -> u.Quantity:
    try:
        return u.Quantity(text).to(u.s)
    except (TypeError, ValueError) as error:
        raise click.BadParameter(f"{text!r} is not a length of time; write '6 h' or '12 min'.") from error


def _harp(text: str) -> HARPNUM:
    first, _, last = text.partition(":")
    try:
        return HARPNUM(int(first), int(last) if last else None)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a HARP number or range; write 377 or 377:380.") from error


def _show(table: FLARECASTResponse) -> None:
    """Print a table of records, the middle left out if it is long."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    columns = ("Start Time", "T_REC", "Series", "HARPNUM", "Quality", "Segments", "Record")
    for name, scale in zip(columns, ("UTC", "TAI", "", "", "", "", ""), strict=True):
        number = name in ("HARPNUM", "Quality", "Segments", "Record")
        shown.add_column(f"{name} ({scale})" if scale else name, justify="right" if number else "left", no_wrap=True)
    whole = len(table) <= _ROWS
    chosen = range(len(table)) if whole else (*range(_ROWS // 2), *range(len(table) - _ROWS // 2, len(table)))
    for place, row in enumerate(chosen):
        if not whole and place == _ROWS // 2:
            shown.add_row(*["..."] * len(columns))
        shown.add_row(*(_cell(table[name][row]) for name in columns))
    # A line that a narrow terminal wraps can be read; half a time cannot.
    Console(width=max(out.width, _WIDTH), highlight=False).print(shown)
    files = int(np.sum(table["Segments"]))
    out.print(f"{len(table):,} records, {files:,} files")


def _cell(value: Any) -> str:
    if np.any(getattr(value, "mask", False)):
        return "--"
    return str(value.iso[:19]) if hasattr(value, "iso") else str(value)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sunpy-flarecast")
@_url_option
def cli() -> None:
    """SDO/HMI SHARP data from a FLARECAST service: search, fetch, and run such a service."""


@cli.command()
@_query_options
def search(**options: Any) -> None:
    """List records.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. Status 0 only if there are records, and none
    are missing or cannot be read.
    """
    with _plain_errors() as missing:
        table = _search(**options)
        _show(table)
    raise SystemExit(1 if missing or not len(table) else 0)


@cli.command()
@_query_options
@click.option(
    "--path",
    default="{file}",
    show_default=True,
    metavar="TEMPLATE",
    help="Folder, or template such as 'data/{harpnum}/{t_rec:%Y%m%d}/{file}'.",
)
@click.option("--max-conn", default=5, show_default=True, type=click.IntRange(min=1), help="Transfers at a time.")
@click.option(
    "--overwrite",
    type=click.Choice(["no", "yes", "unique"]),
    default="no",
    show_default=True,
    help="What to do with files that are already there and whole: keep, replace, or keep both.",
)
@click.option(
    "--passes",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    help="How often to go over what is missing at most.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what became of every file to this file, as JSON.",
)
def fetch(
    path: str, max_conn: int, overwrite: str, progress: bool, passes: int, report: Path | None, **options: Any
) -> None:
    """Fetch the files of records.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. Status 0 only if all files asked for are
    there and whole.
    """
    with _plain_errors() as missing:
        if report and not report.absolute().parent.is_dir():
            raise QueryError(f"The report cannot be written to {report}, since there is no such folder. Make it first.")
        table = _search(progress=progress, **options)
        got = fetch_all(
            table,
            path=path,
            passes=passes,
            max_conn=max_conn,
            progress=progress,
            overwrite={"no": False, "yes": True, "unique": "unique"}[overwrite],  # type: ignore[arg-type]
        )
    (err if got.failed else out).print(escape(str(got)), soft_wrap=True)
    if report:
        with _plain_errors():
            got.write(report)
    raise SystemExit(1 if missing or got.failed or not got.files else 0)


@cli.command()
@click.argument("directory", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--demo", is_flag=True, help="Serve synthetic SHARPs instead of a directory.")
@click.option(
    "--headers",
    type=click.Choice(["full", "bare"]),
    default="full",
    show_default=True,
    help="With --demo: whether files carry their keywords, or are as bare as stored ones.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8001, show_default=True, type=click.IntRange(0, 65535), help="0 for a free one.")
def serve(directory: Path | None, demo: bool, headers: Literal["full", "bare"], host: str, port: int) -> None:
    """Serve SHARP files as a FLARECAST service.

    The files are those below DIRECTORY, or synthetic ones; Ctrl-C stops it.
    """
    if demo == (directory is not None):
        raise click.UsageError("Name a DIRECTORY of SHARP files, or write --demo for synthetic ones.")
    with _plain_errors():
        from .archive import DemoArchive, DirectoryArchive
        from .archive import serve as run

        archive = DemoArchive(headers=headers) if directory is None else DirectoryArchive(directory)
        run(archive, host, port, ready=_say_where)
    out.print("Stopped.")


def _say_where(url: str) -> None:
    out.print(f"Serving at {url} (Swagger UI at {url}/ui); Ctrl-C stops.", soft_wrap=True)
    out.print(f"In Python: sunpy_flarecast.conf.url = '{url}'", soft_wrap=True)


@cli.command()
@click.option(
    "--output",
    default="flarecast-demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for files and picture.",
)
@click.option("--progress/--no-progress", default=True, show_default=True, help="Show a progress bar.")
def demo(output: Path, progress: bool) -> None:
    """Try it out.

    Run a service of synthetic SHARPs, search a day, fetch a few segments, load them as maps and draw them. No network
    is needed.
    """
    with _plain_errors():
        from .demo import run_demo

        picture = run_demo(output, say=lambda text: out.print(text, soft_wrap=True), show=_show, progress=progress)
    out.print(f"The picture is {picture}.", soft_wrap=True)
