"""The commands that build and check data sets: ``dataset build, check, info``."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

import click
from rich.markup import escape

from sunpy_flarecast import Interrupted, QueryError
from sunpy_flarecast.utils.files import check_output

from .console import err, finish, out, plain_errors
from .main import cli
from .options import attrs_of, examples, query_options, report_option, service_options, step_of

if TYPE_CHECKING:
    from pathlib import Path

    import astropy.units as u

__all__ = ["dataset"]

_BUILD: Final = "dataset build 2014-10-23 2014-10-24"


def _set(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name.strip() and sign and value.strip()):
        raise click.BadParameter(f"{text!r}: write NAME=VALUE, such as train=0.7.")
    return name.strip(), value.strip()


def _gap(text: str) -> u.Quantity:
    import astropy.units as u

    return 0 * u.hour if text == "0" else step_of(text)


def _value(text: str, by: str) -> Any:
    """Read the value of a set: a share, the start and end of a range, or months."""
    try:
        if by == "region":
            return float(text)
        return [int(month) for month in text.split(",")] if by == "month" else text
    except ValueError:
        write = "a share, such as train=0.7" if by == "region" else "months, such as train=1,2,3"
        raise click.BadParameter(f"{text!r}: with --split-by {by} write {write}.", param_hint="--split") from None


@cli.group(epilog=examples(f"{_BUILD} --good --out sharps", "dataset check sharps", "dataset info sharps"))
def dataset() -> None:
    """Build, check and describe data sets for flare forecasting."""


@dataset.command(epilog=examples(f"{_BUILD} --good --out sharps", f"{_BUILD} --flares f.csv --out x"))
@query_options
@click.option(
    "--out", "place", required=True, metavar="PLACE", help="Folder of the data set, or a URL that fsspec knows."
)
@click.option(
    "--keyword",
    "keywords",
    multiple=True,
    metavar="NAME",
    show_default="the 17 parameters of SWAN-SF",
    help="Keyword or pattern, such as 'mean*'; may be repeated.",
)
@click.option("--flares", metavar="FILE", help="List of flares, by which records are labelled.")
@click.option(
    "--window",
    "windows",
    multiple=True,
    type=step_of,
    metavar="LENGTH",
    show_default="24 h",
    help="Length of the window after T_REC in which flares count; may be repeated.",
)
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="CLASS",
    show_default="M1.0",
    help="GOES class from which on a flare counts; may be repeated.",
)
@click.option(
    "--flare-time",
    type=click.Choice(["peak", "start"]),
    default="peak",
    show_default=True,
    help="Time of a flare that has to be in the window.",
)
@click.option("--by-position", is_flag=True, help="Assign flares without a NOAA number by their positions.")
@click.option(
    "--noaa-numbers", metavar="FILE", help="JSOC's list of HARP and NOAA numbers, for records without NOAA_ARS."
)
@click.option(
    "--split",
    "sets",
    multiple=True,
    type=_set,
    metavar="NAME=VALUE",
    help="A set: its share (train=0.7), range (train=START/END) or months (train=1,2,3); repeat for each set.",
)
@click.option(
    "--split-by",
    type=click.Choice(["region", "time", "month"]),
    default="region",
    show_default=True,
    help="Whether sets are shares of the regions, ranges of time, or months.",
)
@click.option("--gap", type=_gap, default="0", metavar="LENGTH", help="Time left out between two sets.")
@click.option("--stratify", is_flag=True, help="Give each set the same share of each class, as far as possible.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Seed of the split.")
@click.option("--images/--no-images", default=True, help="Build images, or keywords, labels and sets alone.")
@click.option(
    "--encoding",
    type=click.Choice(["lossless", "int16", "binned"]),
    default="lossless",
    show_default=True,
    help="How images are stored: exactly, in steps of 1 G, or averaged over --bin pixels.",
)
@click.option("--bin", "pixels", type=click.IntRange(1), default=4, show_default=True, metavar="N", help="With binned.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Processes of Dask.")
@click.option("--scheduler", metavar="ADDRESS", help="Scheduler of a Dask cluster, such as tcp://host:8786.")
@click.option(
    "--max-conn", default=5, show_default=True, type=click.IntRange(1), metavar="N", help="Transfers at a time, of all."
)
@click.option("--files", metavar="DIRECTORY", help="FITS files that are already there, which are used first.")
@click.option("--keep-files", metavar="DIRECTORY", help="Keep the FITS files, which are removed otherwise.")
@click.option("--overwrite", is_flag=True, help="Begin anew where another data set is.")
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
    scheduler: str | None,
    **options: Any,
) -> None:
    """Build a data set of images, keywords, labels and splits.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. The same command resumes an interrupted
    build, and requests what is missing. Status 0 only if nothing is missing, not even images that the service does not
    list, which the report counts.
    """
    with plain_errors() as missing:
        from sunpy_flarecast import dataset as datasets
        from sunpy_flarecast.utils.cluster import scheduler_client

        if report:
            # If this build fails, the report of another one must not be taken for its own.
            report = check_output(report, "The report", fresh=True)
        own = ("flares", "flare_time", "by_position", "noaa_numbers", "split_by", "gap", "stratify", "seed")
        more = ("images", "encoding", "workers", "max_conn", "files", "keep_files", "overwrite")
        chosen = {name: options.pop(name) for name in (*own, *more)}
        if len({name for name, _ in sets}) < len(sets):
            raise QueryError("--split names a set twice; write each set once.")
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
    """Check a data set: that all is there, and as its checksums say.

    PLACE is its folder or URL. Status 0 only if nothing is wrong.
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
