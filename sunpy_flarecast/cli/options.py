"""Arguments and options that several commands share, and the search that they specify."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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
from sunpy_flarecast.query.conditions import compared, known_keyword
from sunpy_flarecast.query.keyword_attr import KeywordCondition
from sunpy_flarecast.sharp.operators import wrong_operator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.time import Time

    from sunpy_flarecast.fido.response import FLARECASTResponse

__all__ = [
    "FILE",
    "FOLDER",
    "attrs_of",
    "check_workers",
    "conditions_of",
    "examples",
    "index_option",
    "output_options",
    "progress_option",
    "query_options",
    "range_arguments",
    "report_option",
    "search_table",
    "selection_options",
    "service_options",
    "step_of",
    "time_of",
    "url_option",
]

_Command = Callable[..., None]

#: Types of arguments and options: a file that may be written, a folder that exists.
FILE: Final = click.Path(dir_okay=False, path_type=Path)
FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)


def check_workers(workers: int, scheduler: str | None) -> None:
    """Refuse a number of processes together with the address of a scheduler, whose workers would be used instead."""
    if scheduler and workers != 1:
        raise click.UsageError(
            "--workers and --scheduler cannot be combined. Leave out --workers to use those of the scheduler."
        )


def _use_url(context: click.Context, _: click.Parameter, url: str | None) -> None:
    if url is not None:
        context.with_resource(conf.set_temp("url", url))


def _together(*decorators: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Combine decorators, in the order in which ``--help`` lists them."""
    return lambda command: reduce(lambda decorated, decorator: decorator(decorated), reversed(decorators), command)


def time_of(text: str) -> Time:
    """Parse a time."""
    try:
        return parse_time(text)
    except ValueError as error:
        message = f"{text!r} is not a time; write 2015-12-11 or 2015-12-11T12:00 (UTC), or 2015.12.11_12:00:00_TAI."
        raise click.BadParameter(message) from error


def _end_of(context: click.Context, _: click.Parameter, end: Time) -> Time:
    if end < context.params["start"]:
        raise click.BadParameter("it is before START; write the earlier time first.")
    return end


def step_of(text: str) -> u.Quantity:
    """Parse a length of time."""
    try:
        if (step := u.Quantity(text).to(u.s)) > 0 * u.s:
            return step
    except (TypeError, ValueError):
        pass
    raise click.BadParameter(f"{text!r} is not a length of time; write '6 h' or '12 min'.")


def _harp(text: str) -> HARPNUM:
    """Parse a HARP number, or a range of them."""
    first, _, last = text.partition(":")
    try:
        return HARPNUM(int(first), int(last) if last else None)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a HARP number or range; write 377 or 377:380.") from error


def _noaa(text: str) -> NOAA:
    if not text.isdecimal():
        raise click.BadParameter(f"{text!r} is not a NOAA number; write 12673.")
    try:
        return NOAA(int(text))
    except QueryError as error:
        text = re.sub(r"NOAA\((\d+)\)", r"--noaa \1", str(error))
        raise click.BadParameter(re.sub(r"HARPNUM\((\d+)\)", r"--harp \1", text)) from error


def _condition(text: str) -> KeywordCondition:
    if (wrong := wrong_operator(text)) is not None:
        raise click.BadParameter(f"{text!r}: {wrong}.")
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
            its, example = "is text, which takes only == and !=", f"{known.name} == ..."
        else:
            its = f"is in {known.unit}" if known.unit else "has no unit"
            number = "1e22 Mx" if known.unit == "Mx" else f"5 {known.unit}".strip()
            its, example = f"{its}, and cannot be compared with {value}", f"{known.name} {comparison} {number}"
        raise click.BadParameter(f"{text!r}: {known.fits} ({known.meaning}) {its}; write {example!r}.") from error


#: An option of ``sunpy-flarecast`` itself and of the commands that use a service, for use before or after their names.
url_option = click.option(
    "--url",
    metavar="URL",
    callback=_use_url,
    expose_value=False,
    show_default="environment variable FLARECAST_URL, or conf.url",
    help="Base URL of the service.",
)
progress_option = click.option("--progress/--no-progress", default=True, show_default=True, help="Show a progress bar.")
#: Options of all commands that use a service; the last in their lists.
service_options = _together(progress_option, url_option)
report_option = click.option(
    "--report",
    type=FILE,
    metavar="FILE",
    help="Write a report of fetched and missing files to FILE, as JSON; an existing FILE is removed first.",
)
index_option = click.option(
    "--index",
    "database",
    type=FILE,
    metavar="FILE",
    show_default="a hidden file in DIRECTORY",
    help="File of the index, which must not be on a network disk.",
)

#: The range of a search.
range_arguments = _together(
    click.argument("start", type=time_of), click.argument("end", type=time_of, callback=_end_of)
)

#: Options that select records, and their files.
selection_options = _together(
    click.option(
        "--segment",
        "segments",
        multiple=True,
        metavar="NAME",
        show_default="all",
        help="Segment or pattern, such as 'field*'; may be repeated.",
    ),
    click.option(
        "--harp",
        "harps",
        multiple=True,
        type=_harp,
        metavar="N|N:M",
        help="HARP number or range; may be repeated.",
    ),
    click.option(
        "--noaa",
        multiple=True,
        type=_noaa,
        metavar="N",
        help="NOAA active region, such as 12673; may be repeated.",
    ),
    click.option("--good", is_flag=True, help="Only records of quality 0."),
    click.option(
        "--where",
        "conditions",
        multiple=True,
        type=_condition,
        metavar="CONDITION",
        help="Keep records satisfying CONDITION, such as 'usflux > 1e22 Mx' or 'abs(lon_fwt) < 60'; repeat for AND.",
    ),
    click.option(
        "--sample",
        type=step_of,
        metavar="STEP",
        help="Only the records nearest to a regular time grid with this step, such as '6 h'.",
    ),
)

#: The arguments and options of a search.
query_options = _together(
    range_arguments,
    click.option(
        "--series", default="hmi.sharp_720s", show_default=True, metavar="NAME", help="SHARP or SMARP series."
    ),
    selection_options,
    click.option(
        "--tolerance",
        type=step_of,
        metavar="LENGTH",
        help="Leave out records farther than this, such as '12 min', from the grid or the --near time.",
    ),
    click.option("--near", type=time_of, metavar="TIME", help="Only the time step nearest to this time."),
    click.option(
        "--strict",
        is_flag=True,
        help="Fail if the service does not answer for part of the range, or does not return requested keywords.",
    ),
)

#: The options of a table that is written to a file.
output_options = _together(
    click.option(
        "-o",
        "--output",
        type=FILE,
        metavar="FILE",
        help="Write the table to this file instead of showing it: .ecsv, .parquet (needs the parquet extra), .csv or "
        ".json.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace the file if it exists."),
)


def examples(*lines: str) -> str:
    """Return the examples at the end of a help page; long ones are continued with backslashes, as in a shell."""
    shown = (f"  sunpy-flarecast {line}".replace("\n", " \\\n      ") for line in lines)
    return "\n".join(["\b", "Examples:", *shown])


def conditions_of(noaa: Sequence[NOAA], good: bool, conditions: Sequence[KeywordCondition]) -> list[attr.Attr]:
    """Make attrs of the options ``--noaa``, ``--good`` and ``--where``."""
    return [*([attr.or_(*noaa)] if noaa else []), *([Quality("good")] if good else []), *conditions]


def attrs_of(
    start: Time, end: Time, series: str, segments: Sequence[str], harps: Sequence[HARPNUM], **options: Any
) -> list[attr.Attr]:
    """Make the attrs of the arguments and options of a search."""
    query = [a.Time(start, end, near=options["near"]), Series(series)]
    if segments:
        query.append(Segment(*segments))
    if options["sample"] is not None:
        query.append(a.Sample(options["sample"]))
    if options["tolerance"] is not None:
        query.append(Tolerance(options["tolerance"]))
    if harps:
        query.append(attr.or_(*harps))
    return [*query, *conditions_of(options["noaa"], options["good"], options["conditions"])]


def search_table(*, harps: Sequence[HARPNUM], strict: bool, progress: bool, **options: Any) -> FLARECASTResponse:
    """Check the ``path``, if there is one, then search, and warn if a requested HARP has no record."""
    query = attrs_of(harps=harps, **options)
    others = conditions_of(options["noaa"], options["good"], options["conditions"])
    if "path" in options:
        from sunpy_flarecast.download.plan import check_path
        from sunpy_flarecast.query.attr_walker import queries

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the search warns
            check_path(options["path"], queries(*query))
    table = FLARECASTClient().search(*query, strict=strict, progress=progress)
    for asked in harps:
        if len(table) and not any(number in asked for number in set(table["HARPNUM"].tolist()) - {None}):
            which = " that satisfies the other conditions" if others else ""
            harp = f"{asked.min}{f':{asked.max}' * (asked.max > asked.min)}"
            warnings.warn(f"There is no record of HARP {harp} in this range{which}.", MissingDataWarning, stacklevel=2)
    return table
