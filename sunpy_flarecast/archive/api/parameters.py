"""The parameters of the routes: their descriptions, their values, and the limits on a request."""
# No postponed annotations: FastAPI reads those of the routes when they are defined.

import difflib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, HTTPException, Path, Query, Request

from sunpy_flarecast.archive.base import NotHeldError
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.times import read_instant

__all__ = [
    "HINTS",
    "QUOTED",
    "EndParameter",
    "FieldsParameter",
    "FromDayParameter",
    "MetaParameter",
    "NoaaParameter",
    "RecnumParameter",
    "RecnumsParameter",
    "SegmentParameter",
    "SeriesParameter",
    "StartParameter",
    "ToDayParameter",
    "check_parameters",
    "held_series",
    "only_parameters",
    "read_fields",
    "read_instant_parameter",
    "read_number",
    "read_range",
    "read_recnums",
    "short_body",
]

#: Longest part of a client's text that a message quotes, in characters.
QUOTED: Final = 80

#: Maximum number of records in one request for keywords.
_MOST_RECORDS: Final = 1000

#: Largest body of a request in bytes; only the login reads it.
_MOST_BODY: Final = 64 * 1024

#: By how much a range may exceed ``max_days``: clients request overlapping parts with a margin, since they do not know
#: whether a service compares DATE-OBS or T_REC (SMARP: 48 minutes on each side).
_OVERLAP: Final = timedelta(hours=2)

_RECNUMS: Final = re.compile(r"\d{1,18}(?:,\d{1,18})*", re.ASCII)

_INSTANT_HINT: Final = "Write a day or an instant in ISO 8601 and UTC, for example 2015-12-11 or 2015-12-11T12:00:00Z."

#: How to write a parameter, for messages.
HINTS: Final = {
    "start": _INSTANT_HINT,
    "end": _INSTANT_HINT,
    "meta": "Write true or false.",
    "harp": "Write a HARP number, for example 7115.",
    "noaa": "Write a NOAA number with all its digits, for example 12673.",
    "recnum": "Write a record number, for example 5605571.",
}

_INSTANT: Final = "{} `date__obs`, inclusive; ISO 8601, UTC unless it has an offset; a day stands for its 00:00."

_SOME_DAY: Final[dict[str, Any]] = {"all": {"value": ""}, "day": {"value": "2015-12-11"}}

SeriesParameter = Annotated[
    str,
    Path(
        description="Name of the series, full (`hmi.sharp_720s`) or short (`sharp_720s`), in any letter case.",
        openapi_examples={"CCD": {"value": "hmi.sharp_720s"}, "CEA": {"value": "hmi.sharp_cea_720s"}},
    ),
]
StartParameter = Annotated[
    str, Query(description=_INSTANT.format("First"), openapi_examples={"day": {"value": "2015-12-11T00:00:00Z"}})
]
EndParameter = Annotated[
    str, Query(description=_INSTANT.format("Last"), openapi_examples={"day": {"value": "2015-12-12T00:00:00Z"}})
]
MetaParameter = Annotated[
    bool, Query(description="Include all keywords of every record. Slow; `/meta/` returns selected keywords.")
]
RecnumsParameter = Annotated[
    str,
    Path(
        description=f"Record numbers, separated by commas; at most {_MOST_RECORDS}.",
        openapi_examples={"one": {"value": "5605571"}, "several": {"value": "5605571,5605572"}},
    ),
]
FromDayParameter = Annotated[
    str, Query(description="First day, or an instant on that day, UTC; default: all days.", openapi_examples=_SOME_DAY)
]
ToDayParameter = Annotated[
    str, Query(description="Last day, or an instant on that day, UTC; default: all days.", openapi_examples=_SOME_DAY)
]
NoaaParameter = Annotated[
    str,
    Query(
        description="NOAA number of the HARPs at any time during their passage; default: all.",
        openapi_examples={"all": {"value": ""}, "one": {"value": "12673"}},
    ),
]
FieldsParameter = Annotated[
    str,
    Query(
        description="DRMS names of keywords, separated by commas; default: all.",
        openapi_examples={"all": {"value": ""}, "some": {"value": "area,cmask,distcoef"}},
    ),
]
RecnumParameter = Annotated[
    int, Path(ge=0, le=10**18 - 1, description="Record number.", openapi_examples={"one": {"value": 5605571}})
]
SegmentParameter = Annotated[
    str, Path(description="Name of the segment.", openapi_examples={"magnetogram": {"value": "magnetogram"}})
]


def held_series(name: str, held: Sequence[str]) -> str:
    """Find the full name of a series that an archive holds, even if it is not in the catalog."""
    known = find_series(name)
    wanted = (known.name if known else name.strip()).casefold()
    for series in held:
        if series.casefold() in (wanted, f"hmi.{wanted}"):
            return series
    raise NotHeldError(f"This archive holds no series {name[:QUOTED]!r}. It holds: {', '.join(held) or 'none'}.")


async def short_body(request: Request) -> None:
    """Reject requests with a long body, or a chunked one of unknown length; a dependency of most routes."""
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not length.isdecimal() or int(length[:20]) > _MOST_BODY:
        raise HTTPException(
            413,
            f"The request's body exceeds {_MOST_BODY // 1024} kB or has no known length. Send requests without a body.",
            {"Connection": "close"},  # the rest of the body is not read
        )


def check_parameters(request: Request, *known: str, repeated: Sequence[str] = ()) -> None:
    """Reject unknown query parameters, and repeated ones except ``repeated``: 400."""
    # Otherwise a misspelt parameter would be ignored, and only one of two values used.
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name[:QUOTED].lower(), known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known parameters: {', '.join(known)}."
            raise HTTPException(400, f"Unknown parameter {name[:QUOTED]!r}. {hint}")
        if given.count(name) > 1 and name not in repeated:
            raise HTTPException(400, f"Parameter {name!r} is given {given.count(name)} times. Write it once.")


def only_parameters(*known: str, repeated: Sequence[str] = ()) -> Any:
    """Make a dependency that rejects unknown query parameters, and repeated ones except ``repeated``."""

    async def check(request: Request) -> None:
        check_parameters(request, *known, repeated=repeated)

    return Depends(check)


def read_range(start: str, end: str, max_days: float | None = None) -> tuple[datetime, datetime]:
    """Parse the range of a list: 400 if it is invalid, 413 if it exceeds `max_days` by more than a margin."""
    first, last = read_instant_parameter("start", start), read_instant_parameter("end", end)
    if first > last:
        raise HTTPException(400, f"start ({start[:QUOTED]}) is after end ({end[:QUOTED]}).")
    days = (last - first) / timedelta(days=1)
    if max_days is not None and last - first > timedelta(days=max_days) + _OVERLAP:
        until = (first + timedelta(days=max_days)).replace(tzinfo=None).isoformat(timespec="seconds")
        raise HTTPException(
            413,
            f"The range from {start[:QUOTED]} to {end[:QUOTED]} spans {days:.6g} days, but this service lists at most "
            f"{max_days:g} at a time. Split it: request {start[:QUOTED]} to {until}Z first, then continue from there.",
        )
    return first, last


def read_instant_parameter(parameter: str, text: str) -> datetime:
    """Parse an instant: 400 if it is invalid."""
    try:
        return read_instant(text)
    except ValueError as error:
        raise HTTPException(400, f"Parameter {parameter!r} is invalid: {text[:QUOTED]!r}. {_INSTANT_HINT}") from error


def read_number(name: str, text: str) -> int | None:
    """Parse a HARP or NOAA number; None for a blank text."""
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise HTTPException(400, f"Parameter {name!r} is invalid: {text[:QUOTED]!r}. {HINTS[name]}")
    return int(text)


def read_recnums(text: str) -> list[int]:
    """Parse record numbers separated by commas, without duplicates: 400 if one is invalid, 413 for too many."""
    if _RECNUMS.fullmatch(text) is None:
        raise HTTPException(
            400,
            f"Invalid record numbers: {text[:QUOTED]!r}. Write one, or several separated by commas: 5605571,5605572.",
        )
    numbers = list(dict.fromkeys(int(number) for number in text.split(",")))
    if len(numbers) > _MOST_RECORDS:
        raise HTTPException(
            413, f"{len(numbers)} record numbers are too many for one request. Request at most {_MOST_RECORDS} at once."
        )
    return numbers


def read_fields(text: str, known: Sequence[str]) -> list[str] | None:
    """Parse names of keywords separated by commas, in any letter case: 400 for unknown ones; None means all."""
    fields = list(dict.fromkeys(field.strip().lower() for field in text.split(",") if field.strip()))
    held = set(known)
    for field in fields:
        if field not in held:
            near = difflib.get_close_matches(field[:QUOTED], known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise HTTPException(400, f"Unknown keyword {field[:QUOTED]!r}.{hint}")
    return fields or None
