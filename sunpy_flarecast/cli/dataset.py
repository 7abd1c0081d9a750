"""The commands for data sets: ``dataset build``, ``dataset check`` and ``dataset info``."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

import click
from rich.markup import escape

from sunpy_flarecast import Interrupted, QueryError
from sunpy_flarecast.utils.files import check_output

from .console import err, finish, out, plain_errors
from .main import cli
from .options import attrs_of, check_workers, examples, query_options, report_option, service_options, step_of, time_of

if TYPE_CHECKING:
    from pathlib import Path

    import astropy.units as u
    from astropy.time import Time

__all__ = ["dataset"]

_BUILD: Final = "dataset build 2014-10-23 2014-10-24 --out sharps\n--segment magnetogram --sample '6 h'"


def _set(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name.strip() and sign and value.strip()):
        raise click.BadParameter(f"{text!r} is invalid. Write NAME=VALUE, such as train=0.7.")
    return name.strip(), value.strip()


def _gap(text: str) -> u.Quantity:
    import astropy.units as u

    return 0 * u.hour if text == "0" else step_of(text)


def _value(text: str, by: str) -> Any:
    """Parse the value of a set: a share, the start and end of a range, or months."""
    try:
        if by == "region":
            return float(text)
        return [int(month) for month in text.split(",")] if by == "month" else text
    except ValueError:
        write = "a share, such as train=0.7" if by == "region" else "months, such as train=1,2,3"
        raise click.BadParameter(
            f"{text!r} is invalid. With --split-by {by} write {write}.", param_hint="--split"
        ) from None


@cli.group(epilog=examples(_BUILD, "dataset check sharps", "dataset info sharps"))
def dataset() -> None:
    """Build, check and describe data sets for flare forecasting."""


@dataset.command(
    epilog=examples(
        _BUILD,
        "dataset build 2014-10-23 2014-10-24 --out sharps\n--series hmi.sharp_cea_720s --segment Br --sample '1 h'\n"
        "--flares flares.csv --split train=0.7 --split test=0.3",
    )
)
@query_options
@click.option(
    "--out", "place", required=True, metavar="PLACE", help="Folder of the data set, or a URL supported by fsspec."
)
@click.option(
    "--keyword",
    "keywords",
    multiple=True,
    metavar="NAME",
    show_default="17 parameters of SWAN-SF; for SMARPs, their four",
    help="Keyword or pattern, such as 'mean*'; may be repeated.",
)
@click.option("--flares", metavar="FILE", help="List of flares to label the records with.")
@click.option(
    "--flares-extent",
    "extent",
    nargs=2,
    type=time_of,
    metavar="START END",
    show_default="from its first to its last flare",
    help="Time range that the list of flares covers. If a window is not entirely in it, its label is unknown, unless "
    "the list has a flare of the record at or above the threshold within the window.",
)
@click.option(
    "--window",
    "windows",
    multiple=True,
    type=step_of,
    metavar="LENGTH",
    show_default="24 h",
    help="Length of a window after T_REC in which flares count; may be repeated.",
)
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="CLASS",
    show_default="M1.0",
    help="Smallest GOES class of flares that count; may be repeated.",
)
@click.option(
    "--flare-time",
    type=click.Choice(["peak", "start"]),
    default="peak",
    show_default=True,
    help="Time of a flare that must be in the window.",
)
@click.option("--by-position", is_flag=True, help="Assign flares without a NOAA number by position.")
@click.option(
    "--noaa-numbers", metavar="FILE", help="JSOC's list of HARP and NOAA numbers, for records without NOAA_ARS."
)
@click.option(
    "--split",
    "sets",
    multiple=True,
    type=_set,
    metavar="NAME=VALUE",
    help="A set with its share (train=0.7), range (train=START/END) or months (train=1,2,3); repeat for each set.",
)
@click.option(
    "--split-by",
    type=click.Choice(["region", "time", "month"]),
    default="region",
    show_default=True,
    help="Whether sets are shares of the regions, time ranges, or months.",
)
@click.option(
    "--gap",
    type=_gap,
    default="0",
    metavar="LENGTH",
    help="Time to leave out between consecutive sets; only with --split-by time or month.",
)
@click.option(
    "--stratify",
    is_flag=True,
    help="Keep the fraction of each flare class about the same in every set, as far as whole regions allow; only with "
    "--split-by region.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Seed of the split.")
@click.option("--images/--no-images", default=True, help="Store images, or only keywords, labels and sets.")
@click.option(
    "--encoding",
    type=click.Choice(["lossless", "int16", "binned"]),
    default="lossless",
    show_default=True,
    help="How images are stored: exactly, in steps of 1 G (magnetic-field segments only), or averaged over squares "
    "(see --bin).",
)
@click.option(
    "--bin",
    "pixels",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    metavar="N",
    help="Side of the squares that --encoding binned averages, in pixels.",
)
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Number of Dask processes."
)
@click.option("--scheduler", metavar="ADDRESS", help="Address of a Dask scheduler, such as tcp://host:8786.")
@click.option(
    "--max-conn",
    default=5,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Number of simultaneous transfers, in all processes together.",
)
@click.option("--files", metavar="DIRECTORY", help="Folder of existing FITS files to use instead of downloads.")
@click.option(
    "--keep-files",
    metavar="DIRECTORY",
    help="Folder in which to keep downloaded FITS files; otherwise they are removed.",
)
@click.option("--overwrite", is_flag=True, help="Remove an existing data set and start over.")
@report_option
@service_options
def build(
    place: str,
    report: Path | None,
    progress: bool,
    strict: bool,
    keywords: tuple[str, ...],
    windows: tuple[u.Quantity, ...],
    thresholds: tuple[str, ...],
    sets: tuple[tuple[str, str], ...],
    pixels: int,
    extent: tuple[Time, Time] | None,
    scheduler: str | None,
    **options: Any,
) -> None:
    """Build a data set of images, keywords, labels and splits.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. The same command resumes an interrupted
    build, and requests missing data again. The exit status is 0 only if nothing is missing; images that the service
    does not list count as missing.
    """
    check_workers(options["workers"], scheduler)
    with plain_errors() as missing:
        from sunpy_flarecast import dataset as datasets
        from sunpy_flarecast.flares import read_flares
        from sunpy_flarecast.utils.cluster import scheduler_client

        if report:
            # If this build fails, the report of an earlier build must not remain.
            report = check_output(report, "The report", fresh=True)
        own = ("flares", "flare_time", "by_position", "noaa_numbers", "split_by", "gap", "stratify", "seed")
        more = ("images", "encoding", "workers", "max_conn", "files", "keep_files", "overwrite")
        chosen = {name: options.pop(name) for name in (*own, *more)}
        if len({name for name, _ in sets}) < len(sets):
            raise QueryError("--split names a set twice. Name each set once.")
        if extent:
            if not chosen["flares"]:
                raise QueryError("--flares-extent requires --flares. Name the list, or leave out --flares-extent.")
            chosen["flares"] = read_flares(chosen["flares"], extent=(str(extent[0]), str(extent[1])))
        if windows:
            chosen["windows"] = list(windows)
        with scheduler_client(scheduler) if scheduler else nullcontext() as client:
            try:
                got = datasets.build(
                    place,
                    *attrs_of(**options),
                    keywords=keywords or datasets.SWAN,
                    threshold=thresholds or "M1.0",
                    split={name: _value(value, chosen["split_by"]) for name, value in sets} or None,
                    bin=pixels,
                    client=client,
                    strict=strict,
                    progress=progress,
                    **chosen,
                )
            except Interrupted as error:
                got = error.partial
        finish(got, report, well=got.complete and not got.unlisted and not missing)


@dataset.command(epilog=examples("dataset check sharps"))
@click.argument("place")
def check(place: str) -> None:
    """Check that a data set is complete, unchanged and consistent.

    PLACE is its folder or URL. The exit status is 0 only if there are no problems.
    """
    with plain_errors():
        from sunpy_flarecast import dataset as datasets

        found = datasets.check(place)
    (out if found.ok else err).print(escape(str(found)), soft_wrap=True)
    raise SystemExit(0 if found.ok else 1)


@dataset.command(epilog=examples("dataset info sharps"))
@click.argument("place")
def info(place: str) -> None:
    """Describe a data set.

    PLACE is its folder or URL.
    """
    with plain_errors():
        from sunpy_flarecast import dataset as datasets

        out.print(escape(str(datasets.info(place))), soft_wrap=True)
