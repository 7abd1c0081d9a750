"""The command that fills an archive's folder: ``mirror``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.markup import escape

from sunpy_flarecast.utils.files import check_output

from .console import err, out, plain_errors
from .main import cli
from .options import (
    examples,
    harp_of,
    harp_option,
    progress_option,
    range_of,
    sample_option,
    segment_option,
    step_of,
    url_option,
)

__all__ = ["mirror"]


@cli.command(epilog=examples("mirror 2015-12-11 2015-12-12 sharps --series hmi.sharp_720s"))
@click.argument("start")
@click.argument("end")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--series", multiple=True, required=True, metavar="NAME", help="SHARP series; may be repeated.")
@segment_option
@harp_option
@sample_option
@click.option("--from", "service", metavar="URL", show_default="that of --url", help="FLARECAST service to copy from.")
@click.option("--from-jsoc", is_flag=True, help="Copy from JSOC, through the package drms.")
@click.option("--jsoc-url", metavar="URL", help="Copy from another site that runs JSOC's software.")
@click.option(
    "--email",
    metavar="ADDRESS",
    envvar="JSOC_EMAIL",
    show_envvar=True,
    help="Address registered at JSOC, needed for exports of files that are not online there.",
)
@click.option(
    "--stage-wait",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="MINUTES",
    help="How long to wait for such files; the next mirror fetches those that take longer.",
)
@click.option(
    "--max-conn",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="5, from JSOC 2",
    help="Transfers at a time.",
)
@click.option(
    "--index/--no-index", default=True, show_default=True, help="Bring the index of DIRECTORY up to date in the end."
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what was fetched and what is missing to this file, as JSON; an earlier one is removed first.",
)
@progress_option
@url_option
def mirror(
    start: str, end: str, directory: Path, harps: tuple[str, ...], email: str | None, report: Path | None, **others: Any
) -> None:
    """Fill a folder with SHARP files of another service or of JSOC.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. The same command resumes an interrupted
    mirror, and fetches what has changed. Status 0 only if nothing is missing.
    """
    from_jsoc, sample = others.pop("from_jsoc"), others.pop("sample")
    jsoc = others.pop("jsoc_url") or from_jsoc
    if click.get_current_context().get_parameter_source("email") is ParameterSource.ENVIRONMENT and not jsoc:
        email = None  # which is set for all requests to JSOC
    with plain_errors():
        from sunpy_flarecast import mirror as fill

        if report:
            # If this mirror fails, the report of another one must not be taken for its own.
            report = check_output(report, "The report", fresh=True)
        got = fill(
            *range_of(start, end),
            directory,
            segment=others.pop("segments"),
            harpnum=[(harp.min, harp.max) for harp in map(harp_of, harps)],
            sample=None if sample is None else step_of(sample),
            jsoc=jsoc,
            email=email,
            stage_wait=60 * others.pop("stage_wait"),
            jobs=os.cpu_count() or 1,
            **others,
        )
    (out if got.complete else err).print(escape(str(got)), soft_wrap=True)
    if report:
        with plain_errors():
            got.write(report)
    raise SystemExit(0 if got.complete else 1)
