"""Why a search found nothing, in one sentence, with what to search for instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from astropy.time import Time

from sunpy_flarecast.query.conditions import LEAST_NOAA
from sunpy_flarecast.sharp.catalog import region_word

if TYPE_CHECKING:
    from collections.abc import Collection

    from sunpy_flarecast.query.conditions import Condition
    from sunpy_flarecast.query.query import Query

__all__ = ["requested_harps", "why_empty"]

#: The first SHARPs.
_BEGIN: Final = Time("2010-05-01", scale="utc")

#: Maximum number of HARPs that are all listed.
_LISTED: Final = 10

#: NOAA numbers have five digits.
_NOAA_END: Final = 100_000


def requested_harps(query: Query) -> tuple[int, ...]:
    """Return the numbers of a list of HARPs, or the ends of a range; empty for all HARPs."""
    for condition in query.conditions:
        if condition.keywords == ("harpnum",) and isinstance(condition.value, tuple):
            return condition.value
    return query.harps or ()


def why_empty(query: Query, listed: Collection[int] | None) -> str:
    """
    Say why a query found nothing.

    ``listed`` are the HARPs with records in its range (needed only if the query names HARPs), or None if the service
    has no records there.
    """
    if listed is not None:
        first, last = query.harps or (0, 0)
        harps = [f"HARPNUM {first}" if first == last else f"HARPNUM {first} to {last}"] if query.harps else []
        near = [] if query.tolerance is None else [f"a T_REC within {query.tolerance:g} s of the requested times"]
        without = " and ".join([*harps, *map(_as_noun, query.conditions), *near])
        return f"There are records of {query}, but none with {without}.{_others(query, listed)}"
    if query.start.jd > Time.now().jd:
        return f"The range of {query} lies in the future."
    if query.end.jd < _BEGIN.jd and query.series.startswith("hmi."):
        return f"The range of {query} is before the first SHARPs ({_BEGIN.strftime('%Y-%m-%d')})."
    if query.start.jd == query.end.jd:
        tai = query.start.strftime("%Y.%m.%d_%H:%M:%S_TAI")
        return f"No record of {query.series} is at exactly {query.start.isot} UTC. To give a T_REC, write {tai!r}."
    return f"The service has no records of {query}."


def _as_noun(condition: Condition) -> str:
    """Return a condition as text that can follow "with"."""
    if condition.operator == "lists" and isinstance(condition.value, tuple):
        names = " or ".join(name.upper() for name in condition.keywords)
        numbers = " or ".join(map(str, condition.value))
        return f"{names} {numbers}" if len(condition.keywords) == 1 else f"{numbers} in {names}"
    if condition.operator == "without":
        return f"{condition.keywords[0].upper()} & {condition.value:#x} == 0"
    return str(condition)


def _others(query: Query, listed: Collection[int]) -> str:
    """Name the HARPs of a range if it has none of the requested ones, and the attr for NOAA numbers."""
    wanted = requested_harps(query)
    if not wanted or not listed:
        return ""
    first, last = min(wanted), max(wanted)
    if any(first <= harp <= last if query.harps else harp in wanted for harp in listed):
        return ""
    word = region_word(query.series)
    near = [*sorted(harp for harp in listed if harp < first)[-1:], *sorted(harp for harp in listed if harp > last)[:1]]
    if len(listed) <= _LISTED:
        some = f"{word} in this time range is" if len(listed) == 1 else f"{word}s in this time range are"
        text = f" The {some} {', '.join(map(str, sorted(listed)))}."
    elif near:
        which = f"{near[0]} is" if len(near) == 1 else f"{near[0]} and {near[1]} are"
        text = f" Of the {len(listed):,} {word}s in this time range, {which} the nearest."
    else:
        text = ""
    if first >= LEAST_NOAA and last < _NOAA_END and not (query.harps and first != last):
        noaa = f"{first}" if first == last else f"{list(wanted)}"
        text += f" To search for NOAA numbers, which are not HARP numbers, write a.flarecast.NOAA({noaa}) (--noaa)."
    return text
