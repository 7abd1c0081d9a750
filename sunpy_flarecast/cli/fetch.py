"""The commands that download files and complete them: ``fetch, complete``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from sunpy_flarecast import Interrupted, conf
from sunpy_flarecast import fetch as fetch_all
from sunpy_flarecast.utils.files import check_output

from .console import err, out, plain_errors
from .main import cli
from .options import examples, progress_option, query_options, search_table, url_option

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
    help="Folder, or template such as 'data/{harpnum}/{t_rec:%Y%m%d}/{file}'.",
)
@click.option(
    "--max-conn", default=5, show_default=True, type=click.IntRange(min=1), metavar="N", help="Transfers at a time."
)
@click.option(
    "--overwrite",
    type=click.Choice(["no", "yes", "unique"]),
    default="no",
    show_default=True,
    help="Complete files that already exist: keep, replace, or keep both.",
)
@click.option(
    "--passes",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Most passes over missing files.",
)
@click.option(
    "--complete-headers",
    type=click.Choice(["auto", "yes", "no"]),
    show_default="conf.complete_headers, which is auto",
    help="Files to complete with missing keywords: those that have none, all, or no file.",
)
@click.option(
    "--verify",
    is_flag=True,
    show_default="conf.verify_checksum",
    help="Verify DATASUM of all files, also of those already on disk; files with a wrong one are fetched again.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a report of all files to this file, as JSON; one of an earlier fetch is removed at the start.",
)
@progress_option
@url_option
def fetch(
    path: str,
    max_conn: int,
    overwrite: str,
    progress: bool,
    passes: int,
    report: Path | None,
    complete_headers: str | None,
    verify: bool,
    **options: Any,
) -> None:
    """Fetch the files of records.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. Status 0 only if all requested files
    are complete.
    """
    with plain_errors() as missing:
        if report:
            # If this fetch fails, the report of another one must not be taken for its own.
            report = check_output(report, "The report", fresh=True)
        if verify:
            click.get_current_context().with_resource(conf.set_temp("verify_checksum", True))
        table = search_table(progress=progress, **options)
        try:
            got = fetch_all(
                table,
                path=path,
                passes=passes,
                max_conn=max_conn,
                progress=progress,
                overwrite={"no": False, "yes": True, "unique": "unique"}[overwrite],  # type: ignore[arg-type]
                complete_headers={"yes": True, "no": False}.get(complete_headers, "auto") if complete_headers else None,
            )
        except Interrupted as error:
            got = error.partial
    (err if got.failed else out).print(escape(str(got)), soft_wrap=True)
    if report:
        with plain_errors():
            got.write(report)
    if got.interrupted:
        raise SystemExit(130)
    raise SystemExit(1 if missing or got.failed or not got.files else 0)


@cli.command(epilog=examples("complete sharps"))
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@progress_option
@url_option
def complete(directory: Path, progress: bool) -> None:
    """Put keywords into files that lack them.

    The SHARP files below DIRECTORY that have no keywords in their headers get them from the service, by the names that
    JSOC gives files. Status 0 only if none still lacks them, is damaged, or is another file.
    """
    with plain_errors():
        from sunpy_flarecast.download.complete_folder import complete_folder

        got = complete_folder(directory, progress=progress)
    (err if got.bare else out).print(escape(str(got)), soft_wrap=True)
    raise SystemExit(1 if got.bare else 0)
