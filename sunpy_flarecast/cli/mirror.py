"""The command ``mirror``, which fills an archive's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sunpy_flarecast.utils.files import check_output

from .console import finish, plain_errors
from .main import cli
from .options import conditions_of, examples, range_arguments, report_option, selection_options, service_options

if TYPE_CHECKING:
    from astropy.time import Time

__all__ = ["mirror"]


@cli.command(epilog=examples("mirror 2015-12-11 2015-12-12 sharps --series hmi.sharp_720s"))
@range_arguments
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--series", multiple=True, required=True, metavar="NAME", help="SHARP or SMARP series; may be repeated.")
@selection_options
@click.option("--from", "service", metavar="URL", show_default="that of --url", help="FLARECAST service to copy from.")
@click.option("--from-jsoc", is_flag=True, help="Copy from JSOC with the package drms.")
@click.option("--jsoc-url", metavar="URL", help="Copy from another site that runs JSOC's software.")
@click.option(
    "--email",
    metavar="ADDRESS",
    envvar="JSOC_EMAIL",
    show_envvar=True,
    help="E-mail address registered at JSOC, required for exports of files that are not online.",
)
@click.option(
    "--stage-wait",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="MINUTES",
    help="How long to wait for each export; the next run fetches files that take longer.",
)
@click.option(
    "--max-conn",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="5; 2 from JSOC",
    help="Number of simultaneous transfers.",
)
@click.option("--index/--no-index", default=True, show_default=True, help="Update the index of DIRECTORY at the end.")
@report_option
@service_options
def mirror(start: Time, end: Time, directory: Path, email: str | None, report: Path | None, **others: Any) -> None:
    """Fill a folder with SHARP files from another service or JSOC.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. The same command resumes an interrupted
    mirror, and fetches new and changed files. The exit status is 0 only if nothing is missing.
    """
    from_jsoc = others.pop("from_jsoc")
    jsoc = others.pop("jsoc_url") or from_jsoc
    if click.get_current_context().get_parameter_source("email") is ParameterSource.ENVIRONMENT and not jsoc:
        email = None  # the environment variable is meant for mirrors of JSOC only
    with plain_errors():
        from sunpy_flarecast import mirror as fill

        if report:
            # If this mirror fails, the report of an earlier one must not remain.
            report = check_output(report, "The report", fresh=True)
        got = fill(
            start,
            end,
            directory,
            segment=others.pop("segments"),
            harpnum=[(harp.min, harp.max) for harp in others.pop("harps")],
            where=conditions_of(*(others.pop(name) for name in ("noaa", "good", "conditions"))),
            jsoc=jsoc,
            email=email,
            stage_wait=60 * others.pop("stage_wait"),
            jobs=os.cpu_count() or 1,
            **others,
        )
        finish(got, report, well=got.complete)
