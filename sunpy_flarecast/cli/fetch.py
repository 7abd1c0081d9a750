"""The commands that download files and add missing keywords: ``fetch`` and ``complete``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from sunpy_flarecast import Interrupted, conf
from sunpy_flarecast import fetch as fetch_all
from sunpy_flarecast.utils.cluster import scheduler_client
from sunpy_flarecast.utils.files import check_output

from .console import err, finish, out, plain_errors
from .main import cli
from .options import FOLDER, check_workers, examples, query_options, report_option, search_table, service_options

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["complete", "fetch"]


@cli.command(
    epilog=examples(
        "fetch 2014-10-23 2014-10-24 --harp 3944 --segment 'field*'",
        "fetch 2014-10-23 2014-10-24 --sample '6 h' --path data",
    )
)
@query_options
@click.option(
    "--path",
    default="{file}",
    show_default=True,
    metavar="TEMPLATE",
    help="Folder, or template such as 'data/{harpnum}/{t_rec:%Y%m%d}/{file}'; {file} means the current folder.",
)
@click.option(
    "--max-conn",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of simultaneous transfers, in all processes together.",
)
@click.option(
    "--overwrite",
    type=click.Choice(["no", "yes", "unique"]),
    default="no",
    show_default=True,
    help="What to do with complete files that already exist: keep them, replace them, or keep both.",
)
@click.option(
    "--passes",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Maximum number of passes over the missing files.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of processes to fetch with.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Address of a Dask scheduler, such as tcp://host:8786, whose workers fetch the files; all must share the disk "
    "of --path.",
)
@click.option(
    "--complete-headers",
    type=click.Choice(["auto", "yes", "no"]),
    show_default="conf.complete_headers, which is auto",
    help="Which files get their missing keywords from the service: only files without keywords (auto), all (yes), or "
    "none (no).",
)
@click.option(
    "--verify",
    is_flag=True,
    show_default="conf.verify_checksum",
    help="Verify the DATASUM of all files, including files on disk; files that fail are fetched again.",
)
@report_option
@service_options
def fetch(
    path: str,
    max_conn: int,
    overwrite: str,
    progress: bool,
    passes: int,
    report: Path | None,
    complete_headers: str | None,
    verify: bool,
    workers: int,
    scheduler: str | None,
    **options: Any,
) -> None:
    """Fetch the files of records.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. The exit status is 0 only if all requested
    files are complete.
    """
    check_workers(workers, scheduler)
    with plain_errors() as missing:
        if report:
            # If this fetch fails, the report of an earlier one must not remain.
            report = check_output(report, "The report", fresh=True)
        if verify:
            click.get_current_context().with_resource(conf.set_temp("verify_checksum", True))
        client = click.get_current_context().with_resource(scheduler_client(scheduler)) if scheduler else None
        table = search_table(progress=progress, path=path, **options)
        try:
            got = fetch_all(
                table,
                path=path,
                passes=passes,
                max_conn=max_conn,
                progress=progress,
                overwrite={"no": False, "yes": True, "unique": "unique"}[overwrite],  # type: ignore[arg-type]
                complete_headers={"yes": True, "no": False}.get(complete_headers, "auto") if complete_headers else None,
                client=client,
                workers=workers,
            )
        except Interrupted as error:
            got = error.partial
        finish(got, report, well=bool(got.files) and not (missing or got.failed))


@cli.command(epilog=examples("complete sharps"))
@click.argument("directory", type=FOLDER)
@service_options
def complete(directory: Path, progress: bool) -> None:
    """Add keywords to files that lack them.

    SHARP files below DIRECTORY whose headers lack keywords are completed with the keywords of the service; their
    records are identified by JSOC's file names. The exit status is 0 only if all files are intact FITS files with
    keywords.
    """
    with plain_errors():
        from sunpy_flarecast.download.complete_folder import complete_folder

        got = complete_folder(directory, progress=progress)
    (err if got.bare else out).print(escape(str(got)), soft_wrap=True)
    raise SystemExit(1 if got.bare else 0)
