"""Parse the parameters of a search."""

from __future__ import annotations

import math
import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from fastapi import HTTPException

from sunpy_flarecast.archive.base import NotHeldError
from sunpy_flarecast.sharp.catalog import find_keyword, step_of
from sunpy_flarecast.sharp.operators import wrong_operator
from sunpy_flarecast.sharp.t_rec import CADENCE
from sunpy_flarecast.sharp.values import QUALITY_WORDS, read_quality

from .parameters import QUOTED, held_series, read_fields, read_instant_parameter, read_number
from .search import ALL_BITS, Comparison, Search

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sunpy_flarecast.archive.base import Archive

__all__ = ["PARAMETERS", "read_search"]

PARAMETERS: Final = ("series", "start", "end", "harp", "noaa", "quality", "condition", "cadence")

_CONDITION: Final = re.compile(
    r"(?:(?P<abs>abs)\s*\(\s*(?P<inner>\w{1,80})\s*\)|(?P<name>\w{1,80}))\s*(?P<sign><=|>=|==|!=|<|>|=)\s*(?P<value>.{1,100})",
    re.ASCII | re.IGNORECASE,
)
_CADENCE: Final = re.compile(r"(\d{1,6})\s*(min|h|d)", re.ASCII)
_MINUTES: Final = {"min": 1, "h": 60, "d": 1440}
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def read_search(parameters: Mapping[str, str], archive: Archive) -> Search:
    """
    Parse the parameters of a search; empty and blank ones count as not given.

    Raises an HTTPException (400) for invalid parameters, and a `NotHeldError` for an unknown series.
    """
    query = {name: text.strip() for name in PARAMETERS if (text := parameters.get(name, "")).strip()}
    held = archive.series()
    if "series" not in query and not held:
        raise NotHeldError("This archive holds no records yet.")
    series = held_series(query.get("series", held[0] if held else ""), held)
    query = {"series": series} | query | {"series": series}
    start, end = (read_instant_parameter(name, query[name]) if name in query else None for name in ("start", "end"))
    if end is not None and _DAY.fullmatch(query["end"]) and end.date() < date.max:
        end += timedelta(days=1, microseconds=-1)  # the whole day is included
    if start is not None and end is not None and start > end:
        raise HTTPException(400, f"start ({query['start'][:QUOTED]}) is after end ({query['end'][:QUOTED]}).")
    return Search(
        series=series,
        start=start,
        end=end,
        harp=read_number("harp", query.get("harp", "")),
        noaa=read_number("noaa", query.get("noaa", "")),
        quality=_quality(query.get("quality", "any")),
        condition=_condition(query["condition"], archive.keyword_names(series)) if "condition" in query else None,
        cadence=_cadence(query["cadence"], series) if "cadence" in query else 1,
        query=query,
    )


def _quality(text: str) -> int | None:
    if text == "any":
        return None
    if text == "good":
        return ALL_BITS
    mask = read_quality(text)
    if not isinstance(mask, int) or not 0 < mask < 1 << 32:
        raise HTTPException(
            400,
            f"Parameter 'quality' is invalid: {text[:QUOTED]!r}. Write good, any, or the bits that must not be set, "
            "for example 0x10000.",
        )
    return mask


def _cadence(text: str, series: str) -> int:
    step = step_of(series) // 60
    match = _CADENCE.fullmatch(text)
    minutes = int(match[1]) * _MINUTES[match[2]] if match else 0
    if minutes <= 0 or minutes % step:
        raise HTTPException(
            400,
            f"Parameter 'cadence' is invalid: {text[:QUOTED]!r}. Write a multiple of the {step} min between time "
            "steps, for example 96min or 1d.",
        )
    return minutes * 60 // CADENCE


def _condition(text: str, names: Sequence[str]) -> Comparison:
    if (wrong := wrong_operator(text)) is not None:
        raise HTTPException(400, f"Parameter 'condition' is invalid: {text[:QUOTED]!r}. {wrong}.")
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise HTTPException(
            400,
            f"Cannot parse the condition {text[:QUOTED]!r}. Write, for example, USFLUX > 1e22 or abs(LON_FWT) < 60.",
        )
    name = match["inner"] or match["name"]
    known = find_keyword(name)
    (keyword,) = read_fields(known.name if known else name, names) or ("",)
    sign, value = match["sign"].replace("=", "==") if match["sign"] == "=" else match["sign"], match["value"].strip()
    if known is not None and known.kind == "text":
        if match["abs"] or sign not in ("==", "!="):
            raise HTTPException(400, f"{known.fits} is text and can only be compared with = and !=.")
        return Comparison(keyword, sign, value.strip("'\""))
    number, _, unit = value.partition(" ")
    if unit and known is not None and unit.strip() != known.unit:
        raise HTTPException(
            400, f"{known.fits} {f'is in {known.unit}' if known.unit else 'has no unit'}. Omit {unit[:QUOTED]!r}."
        )
    try:
        compared = float(read_quality(number) if known is not None and known.name in QUALITY_WORDS else number)
    except ValueError:
        compared = math.nan
    if not math.isfinite(compared):
        raise HTTPException(400, f"{name.upper()} can only be compared with a number, not {number[:QUOTED]!r}.")
    return Comparison(keyword, sign, compared, match["abs"] is not None)
