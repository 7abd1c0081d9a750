"""The commands that search: ``search, fetch, keywords, complete``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.markup import escape

from sunpy_flarecast import conf
from sunpy_flarecast import fetch as fetch_all
from sunpy_flarecast.utils.files import check_output

from .console import ROWS, WIDTH, err, out, plain_errors, show
from .main import cli
from .options import examples, progress_option, query_options, search_table, url_option

__all__ = ["complete", "fetch", "keywords", "search"]


@cli.command(
    epilog=examples(
        "search 2014-10-23 2014-10-24 --harp 3944 --segment bitmap",
        "search 2014-10-23 2014-10-24 --where 'usflux > 1e22 Mx'",
    )
)
@query_options
@progress_option
@url_option
def search(**options: Any) -> None:
    """List records.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. Status 0 only if there are records, and none
    are missing or cannot be read.
    """
    with plain_errors() as missing:
        table = search_table(**options)
        show(table)
    raise SystemExit(1 if missing or not len(table) else 0)


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
    help="What to do with files that are already there and whole: keep, replace, or keep both.",
)
@click.option(
    "--passes",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="How often to go over what is missing at most.",
)
@click.option(
    "--headers",
    type=click.Choice(["auto", "yes", "no"]),
    show_default="conf.complete_headers, which is auto",
    help="Which files get the keywords that they lack: those that have none, all, or no file.",
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
    help="Write what became of every file to this file, as JSON; one of an earlier fetch is removed at the beginning.",
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
    headers: str | None,
    verify: bool,
    **options: Any,
) -> None:
    """Fetch the files of records.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. Status 0 only if all files asked for are
    there and whole.
    """
    with plain_errors() as missing:
        if report:
            # If this fetch comes to nothing, that of another one must not be taken for its report.
            report = check_output(report, "The report", fresh=True)
        if verify:
            click.get_current_context().with_resource(conf.set_temp("verify_checksum", True))
        table = search_table(progress=progress, **options)
        got = fetch_all(
            table,
            path=path,
            passes=passes,
            max_conn=max_conn,
            progress=progress,
            overwrite={"no": False, "yes": True, "unique": "unique"}[overwrite],  # type: ignore[arg-type]
            complete_headers={"yes": True, "no": False}.get(headers, "auto") if headers else None,
        )
    (err if got.failed else out).print(escape(str(got)), soft_wrap=True)
    if report:
        with plain_errors():
            got.write(report)
    raise SystemExit(1 if missing or got.failed or not got.files else 0)


@cli.command(
    epilog=examples(
        "keywords 2014-10-23 2014-10-24 --harp 3944 --keyword 'mean*'",
        "keywords 2014-10-23 2014-10-24 --good -o keywords.ecsv",
    )
)
@query_options
@click.option(
    "--keyword",
    "names",
    multiple=True,
    metavar="NAME",
    show_default="the 18 space-weather parameters",
    help="Keyword or pattern, such as 'mean*'; may be repeated.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the table to this file instead of showing it: .ecsv or .parquet, which keep units (the latter needs "
    "the extra parquet), or .csv.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
@progress_option
@url_option
def keywords(
    names: tuple[str, ...], output: Path | None, overwrite: bool, strict: bool, progress: bool, **options: Any
) -> None:
    """Show keywords of records as a table, or write them to a file.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. Status 0 only if there are records, and none
    of them or of their keywords are missing.
    """
    from sunpy_flarecast.keywords.files import WHAT, write_keywords
    from sunpy_flarecast.keywords.table import LEADING
    from sunpy_flarecast.sharp.keyword_names import choose_keywords
    from sunpy_flarecast.table.io import check_path

    with plain_errors() as missing:
        if output:
            check_path(output, WHAT, overwrite=overwrite)
        choose_keywords(names, [options["series"]])  # before anything is asked for
        table = search_table(strict=strict, progress=progress, **options).keywords(
            *names, strict=strict, progress=progress
        )
        if output:
            write_keywords(table, output, overwrite=overwrite)
            count = len(table.columns) - len(LEADING)
            out.print(f"{len(table):,} records, {count} keywords in {escape(str(output))}", soft_wrap=True)
        else:
            # A file or another program takes the whole table; a person in a terminal sees as much as fits.
            if out.is_terminal:
                for name in table.colnames:
                    if getattr(table[name], "dtype", np.dtype(object)).kind == "f":
                        table[name].info.format = ".6g"  # of this table, which is written nowhere
            width = max(out.width, WIDTH) if out.is_terminal else -1
            lines = table.pformat(
                max_lines=ROWS + 4 if out.is_terminal else -1, max_width=width, show_unit=True, show_dtype=False
            )
            width = max(map(len, lines))
            Console(width=width, highlight=False, markup=False).print("\n".join(lines))
            out.print(f"{len(table):,} records")
    raise SystemExit(1 if missing or not len(table) else 0)


@cli.command(epilog=examples("complete sharps"))
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@progress_option
@url_option
def complete(directory: Path, progress: bool) -> None:
    """Put keywords into files that lack them.

    The SHARP files below DIRECTORY that have no keywords in their headers get them from the service, by the names that
    JSOC gives files. Status 0 only if none lacks them in the end, is broken, or is no FITS file.
    """
    with plain_errors():
        from sunpy_flarecast.download.complete_folder import complete_folder

        got = complete_folder(directory, progress=progress)
    (err if got.bare else out).print(escape(str(got)), soft_wrap=True)
    raise SystemExit(1 if got.bare else 0)
