"""The commands ``search`` and ``keywords``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np
from rich.markup import escape

from sunpy_flarecast.utils.reports import counted

from .console import kept, out, plain_errors, show, show_records
from .main import cli
from .options import examples, output_options, query_options, search_table, service_options

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["keywords", "search"]


@cli.command(
    epilog=examples(
        "search 2014-10-23 2014-10-24 --harp 3944 --segment bitmap",
        "search 2014-10-23 2014-10-24 --where 'usflux > 1e22 Mx'",
        "search 2014-10-23 2014-10-24 -o search.ecsv",
    )
)
@query_options
@output_options
@service_options
def search(output: Path | None, overwrite: bool, **options: Any) -> None:
    """List records, or write them to a file.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. The exit status is 0 only if there are
    records, and none is missing or unreadable.
    """
    from sunpy_flarecast.table.io import check_path

    with plain_errors() as missing:
        if output:
            check_path(output, "The search", overwrite=overwrite)
        rest = "FLARECASTResponse.read({}).retry_missing()"
        with kept(output, "search", lambda table, path: table.write(path, overwrite=overwrite), rest):
            table = search_table(**options)
        count = f"{counted(len(table), 'record')}, {counted(int(np.sum(table['Segments'])), 'file')}"
        if output:
            table.write(output, overwrite=overwrite)
            count += f" in {output}"
        else:
            show_records(table)
        out.print(escape(count), soft_wrap=True)
    raise SystemExit(1 if missing or not len(table) else 0)


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
    show_default="the 18 space-weather parameters; for SMARPs, their four",
    help="Keyword or pattern, such as 'mean*'; may be repeated; 'default' stands for the default keywords.",
)
@output_options
@service_options
def keywords(
    names: tuple[str, ...], output: Path | None, overwrite: bool, strict: bool, progress: bool, **options: Any
) -> None:
    """Show keywords of records as a table, or write them to a file.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. The exit status is 0 only if there are
    records, and neither records nor keywords are missing.
    """
    from sunpy_flarecast.keywords.files import WHAT, write_keywords
    from sunpy_flarecast.keywords.table import LEADING
    from sunpy_flarecast.sharp.keyword_names import choose_keywords, default_keywords
    from sunpy_flarecast.table.io import check_path

    with plain_errors() as missing:
        if output:
            check_path(output, WHAT, overwrite=overwrite)
        series = [options["series"]]
        wanted = [one for name in names for one in (default_keywords(series) if name == "default" else (name,))]
        choose_keywords(wanted, series)  # before any request
        found = search_table(strict=strict, progress=progress, **options)
        rest = "results.keywords(..., known=read_keywords({})), where results is the same search"
        with kept(output, "request", lambda table, path: write_keywords(table, path, overwrite=overwrite), rest):
            table = found.keywords(*wanted, strict=strict, progress=progress)
        count = counted(len(table), "record")
        if output:
            write_keywords(table, output, overwrite=overwrite)
            count += f", {counted(len(table.columns) - len(LEADING), 'keyword')} in {output}"
        else:
            show(table)
        out.print(escape(count), soft_wrap=True)
    raise SystemExit(1 if missing or not len(table) else 0)
