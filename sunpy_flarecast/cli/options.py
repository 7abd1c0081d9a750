"""Arguments and options that several commands have, and the search that they mean."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import astropy.units as u
import click
from sunpy.net import attr
from sunpy.net import attrs as a
from sunpy.time import parse_time

from sunpy_flarecast import (
    HARPNUM,
    NOAA,
    FLARECASTClient,
    MissingDataWarning,
    Quality,
    QueryError,
    Segment,
    Series,
    Tolerance,
    conf,
)
from sunpy_flarecast.query.attrs import KeywordCondition
from sunpy_flarecast.query.conditions import compared, known_keyword

if TYPE_CHECKING:
    from collections.abc import Callable

    from astropy.time import Time

    from sunpy_flarecast.fido.response import FLARECASTResponse

__all__ = [
    "examples",
    "harp_of",
    "harp_option",
    "output_options",
    "progress_option",
    "query_options",
    "range_of",
    "sample_option",
    "search_table",
    "segment_option",
    "step_of",
    "time_of",
    "url_option",
]

#: Options that several commands have, in the same words.
harp_option = click.option(
    "--harp", "harps", multiple=True, metavar="N[:M]", help="HARP number or range; may be repeated."
)
segment_option = click.option(
    "--segment",
    "segments",
    multiple=True,
    metavar="NAME",
    show_default="all",
    help="Segment or pattern, such as 'field*'; may be repeated.",
)
sample_option = click.option("--sample", metavar="STEP", help="Only records nearest to a regular grid, such as '6 h'.")
progress_option = click.option("--progress/--no-progress", default=True, show_default=True, help="Show a progress bar.")


def _use_url(context: click.Context, _: click.Parameter, url: str | None) -> None:
    if url is not None:
        context.with_resource(conf.set_temp("url", url))


#: For the whole command and for those that ask a service, so that it may stand before or after their names.
url_option = click.option(
    "--url",
    metavar="URL",
    callback=_use_url,
    expose_value=False,
    show_default="FLARECAST_URL of the environment, or conf.url",
    help="Base URL of the service.",
)


def examples(*lines: str) -> str:
    """Return the end of a help page: commands that can be copied."""
    return "\n".join(["\b", "Examples:", *(f"  sunpy-flarecast {line}" for line in lines)])


def query_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the arguments and options of a search."""
    for decorator in reversed(
        (
            click.argument("start"),
            click.argument("end"),
            click.option("--series", default="hmi.sharp_720s", show_default=True, metavar="NAME", help="SHARP series."),
            segment_option,
            harp_option,
            click.option(
                "--noaa",
                multiple=True,
                type=int,
                metavar="N",
                help="NOAA active region, such as 12673; may be repeated.",
            ),
            click.option("--good", is_flag=True, help="Only records of quality 0."),
            click.option(
                "--where",
                "conditions",
                multiple=True,
                metavar="CONDITION",
                help="Keep records satisfying CONDITION, such as 'usflux > 1e22 Mx' or 'abs(lon_fwt) < 60'; repeat for "
                "AND.",
            ),
            sample_option,
            click.option(
                "--tolerance",
                metavar="LENGTH",
                help="Leave out records farther than this, such as '12 min', from the grid or --near.",
            ),
            click.option("--near", metavar="TIME", help="Only the one time step nearest to this."),
            click.option("--strict", is_flag=True, help="Fail if the service does not answer for a part of the range."),
        )
    ):
        command = decorator(command)
    return command


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a table that is written to a file."""
    command = click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")(command)
    return click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write the table to this file instead of showing it: .ecsv, .parquet (needs the extra parquet), .csv or "
        ".json.",
    )(command)


def query_of(
    start: str,
    end: str,
    series: str,
    segments: tuple[str, ...],
    harps: tuple[str, ...],
    noaa: tuple[int, ...],
    good: bool,
    conditions: tuple[str, ...],
    sample: str | None,
    near: str | None,
    tolerance: str | None,
) -> attr.Attr:
    first, last = range_of(start, end)
    query = attr.and_(a.Time(first, last, near=None if near is None else time_of(near)), Series(series))
    if segments:
        query &= Segment(*segments)
    if sample is not None:
        query &= a.Sample(step_of(sample))
    if tolerance is not None:
        query &= Tolerance(step_of(tolerance))
    if harps:
        query &= attr.or_(*map(harp_of, harps))
    if noaa:
        query &= attr.or_(*map(_noaa, noaa))
    if good:
        query &= Quality("good")
    for condition in conditions:
        query &= _condition(condition)
    return query


def time_of(text: str) -> Time:
    """Parse a time."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a time; write 2015-12-11 or 2015-12-11T12:00 (UTC).") from error


def range_of(start: str, end: str) -> tuple[Time, Time]:
    """Parse a range of time."""
    first, last = time_of(start), time_of(end)
    if first > last:
        raise click.UsageError(f"START {start} is after END {end}; write the earlier time first.")
    return first, last


def search_table(harps: tuple[str, ...], strict: bool, progress: bool, **options: Any) -> FLARECASTResponse:
    """Search, and warn of requested HARPs that have no record."""
    table = FLARECASTClient().search(query_of(harps=harps, **options), strict=strict, progress=progress)
    others = any(options[name] for name in ("noaa", "good", "conditions"))
    for text in harps:
        asked = harp_of(text)
        if len(table) and not any(number in asked for number in set(table["HARPNUM"].tolist()) - {None}):
            which = " that satisfies the other conditions" if others else ""
            warnings.warn(f"There is no record of HARP {text} in this range{which}.", MissingDataWarning, stacklevel=2)
    return table


def step_of(text: str) -> u.Quantity:
    """Parse a length of time."""
    try:
        if (step := u.Quantity(text).to(u.s)) > 0 * u.s:
            return step
    except (TypeError, ValueError):
        pass
    raise click.BadParameter(f"{text!r} is not a length of time; write '6 h' or '12 min'.")


def harp_of(text: str) -> HARPNUM:
    """Parse a HARP number, or a range of them."""
    first, _, last = text.partition(":")
    try:
        return HARPNUM(int(first), int(last) if last else None)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a HARP number or range; write 377 or 377:380.") from error


def _noaa(number: int) -> NOAA:
    try:
        return NOAA(number)
    except QueryError as error:
        right = f"; write --noaa {number + 10_000}" if 1000 < number < 10_000 else ""
        raise click.BadParameter(
            f"--noaa {number}: NOAA's active regions of the years that SHARPs cover have numbers of five digits, from "
            f"11064 on{right}."
        ) from error


def _condition(text: str) -> KeywordCondition:
    match = re.fullmatch(r"(?i)\s*(abs\(\s*)?([\w*?-]+)(?(1)\s*\))\s*(<=|>=|==|!=|<|>|=)\s*(\S.*?)\s*", text)
    if match is None:
        raise click.BadParameter(
            f"Cannot parse the condition {text!r}; write 'usflux > 1e22 Mx' or 'abs(lon_fwt) <= 60'."
        )
    absolute, name, comparison, value = match.groups()
    comparison = {"=": "=="}.get(comparison, comparison)
    try:
        known = known_keyword(name)
    except QueryError as error:
        raise click.BadParameter(f"{text!r}: {error}") from error
    operand: Any = value.strip("'\"")
    try:
        if re.fullmatch(r"0[xX][0-9a-fA-F]+", value):
            operand = int(value, 16)  # of a quality word
        elif re.fullmatch(r"[\d.eE+-]+", value) and known.kind != "text":
            operand = float(value)  # in the keyword's own unit
        elif known.kind != "text":
            operand = u.Quantity(value)
        compared(known.name, comparison, operand, absolute=bool(absolute))
        return KeywordCondition(name, comparison, operand, absolute=bool(absolute))
    except (QueryError, TypeError, ValueError) as error:
        if known.kind == "text":
            its, example = "is text, which takes == and != alone", f"{known.name} == ..."
        else:
            its = f"is in {known.unit}" if known.unit else "has no unit"
            number = "1e22 Mx" if known.unit == "Mx" else f"5 {known.unit}".strip()
            its, example = f"{its}, and cannot be compared with {value}", f"{known.name} {comparison} {number}"
        raise click.BadParameter(f"{text!r}: {known.fits} ({known.meaning}) {its}; write {example!r}.") from error
