"""The commands ``plot disk, coverage, record, keywords``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from sunpy_flarecast.flares.read import flares_to_mark
from sunpy_flarecast.keywords.timeseries import curve_names

from .console import err, out, plain_errors
from .main import cli
from .options import FILE, examples, query_options, search_table, service_options, time_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from astropy.time import Time

    from sunpy_flarecast.fido.response import FLARECASTResponse

__all__ = ["plot"]


@cli.group(epilog=examples("plot disk 2014-10-23 2014-10-24 -o disk.png", "plot disk --help"))
def plot() -> None:
    """Draw plots and write them to files."""


_output_option = click.option(
    "-o",
    "--output",
    required=True,
    type=FILE,
    metavar="FILE",
    help="File of the plot: .png, .pdf, .svg, or another format of matplotlib (.jpg, .webp, .eps, ...).",
)


@plot.command("disk", epilog=examples("plot disk 2014-10-23 2014-10-24 --color usflux -o disk.png"))
@query_options
@click.option(
    "--time",
    "when",
    type=time_of,
    metavar="TIME",
    show_default="that of --near, or START",
    help="Draw the time step nearest to this time.",
)
@click.option("--color", metavar="KEYWORD", help="Colour the boxes by this keyword, such as usflux.")
@_output_option
@service_options
def plot_disk_command(when: Time | None, color: str | None, output: Path, **options: Any) -> None:
    """Draw the HARPs of one time step on the solar disk.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. The exit status is 0 only if nothing is
    missing.
    """
    chosen = next(time for time in (when, options["near"], options["start"]) if time is not None)
    near = chosen if options["near"] is None else options["near"]
    options |= {"near": near, "sample": None}  # other steps are not needed

    _write(output, lambda pictures: pictures.plot_disk(_found(**options), chosen, color, progress=options["progress"]))


@plot.command("coverage", epilog=examples("plot coverage 2014-10-23 2014-10-24 -o coverage.png"))
@query_options
@_output_option
@service_options
def plot_coverage_command(output: Path, **options: Any) -> None:
    """Draw the records over time: a row for each HARP.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. The exit status is 0 only if nothing is
    missing.
    """
    _write(output, lambda pictures: pictures.plot_coverage(_found(**options)))


@plot.command("record", epilog=examples("plot record hmi.sharp_720s.3944.20141023_1200*.fits\n-o record.png"))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--columns", type=click.IntRange(min=1), metavar="NUMBER", help="Number of columns; 2 for a narrow page.")
@click.option("--skip-broken", is_flag=True, help="Skip files that cannot be read, and list them.")
@_output_option
def plot_record_command(files: tuple[Path, ...], columns: int | None, skip_broken: bool, output: Path) -> None:
    """Draw all segments of one record.

    FILES are the files of the record, or a folder that contains only these. The exit status is 0 only if all are drawn.
    """

    def draw(pictures: Any) -> Any:
        if lost := [file for file in files if not file.exists() and not set("*?[") & set(str(file))]:
            raise click.BadParameter(f"There is no file {str(lost[0])!r}.")
        chosen = files[0] if len(files) == 1 else files
        return pictures.plot_record(chosen, columns=columns, skip_broken=skip_broken)

    _write(output, draw)


@plot.command(
    "keywords",
    epilog=examples(
        "plot keywords 2014-10-23 2014-10-24 --harp 3944 -o flux.png",
        "plot keywords 2014-10-23 2014-10-24 --errors -o errors.png",
    ),
)
@query_options
@click.option(
    "--keyword", "names", multiple=True, default=("usflux",), show_default=True, metavar="NAME",
    help="Keyword or pattern, such as 'mean*'; may be repeated.",
)  # fmt: skip
@click.option("--errors", is_flag=True, help="Draw the errors of the keywords, too.")
@click.option(
    "--flares",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="List of flares to mark: a table (.ecsv, .csv, ...) with peak times and GOES classes, or a GOES XRS report.",
)
@_output_option
@service_options
def plot_keywords_command(
    names: tuple[str, ...], errors: bool, flares: Path | None, output: Path, **options: Any
) -> None:
    """Draw keywords over time.

    START and END are times in UTC, such as 2015-12-11 or 2015-12-11T12:00. The exit status is 0 only if nothing is
    missing.
    """

    def draw(pictures: Any) -> Any:
        curve_names(names, [options["series"]], errors=errors)  # before anything is requested
        marks = None if flares is None else flares_to_mark(flares)
        return _found(**options).plot_keywords(
            *names, errors=errors, flares=marks, strict=options["strict"], progress=options["progress"]
        )

    _write(output, draw)


def _found(**options: Any) -> FLARECASTResponse:
    """Search, and exit with status 1 if there is no record."""
    if not len(table := search_table(**options)):
        err.print("There is nothing to draw.")
        raise SystemExit(1)
    return table


def _write(output: Path, draw: Callable[[Any], Any]) -> None:
    """Check that the plot can be written, draw and write it, and exit."""
    with plain_errors() as missing:
        from sunpy_flarecast import plot as pictures

        pictures.check_picture(output)
        import matplotlib as mpl

        mpl.use("agg")
        pictures.save(draw(pictures), output)
    out.print(f"Wrote {escape(str(output))}.", soft_wrap=True)
    raise SystemExit(1 if missing else 0)
