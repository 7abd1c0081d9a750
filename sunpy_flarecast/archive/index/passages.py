"""Queries for days, HARPs and time steps, which read counts and look up single records but list none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.archive.base import DayCount, Passage, Steps

if TYPE_CHECKING:
    import sqlite3

__all__ = ["days_of", "harps_of", "instant_text", "steps_near"]

#: HARPs with records on some days and, on any day, with a NOAA number; stored NOAA numbers have a blank on each side.
_HARPS: Final = (  # noqa: S608
    "SELECT harpnum, group_concat(DISTINCT noaa), sum(records), {}"
    " FROM passages AS harp INDEXED BY passages_of_harps WHERE series = :series AND harpnum IN"
    " (SELECT harpnum FROM passages WHERE series = :series AND day BETWEEN :first AND :last)"
    " AND (:noaa = '' OR harpnum IN (SELECT harpnum FROM passages WHERE series = :series AND noaa LIKE :noaa))"
    " GROUP BY harpnum ORDER BY harpnum"
).format(
    ", ".join(
        f"(SELECT {value} FROM records INDEXED BY records_of_harps WHERE series = :series"  # noqa: S608
        f" AND harpnum = harp.harpnum ORDER BY slot {order} LIMIT 1)"
        for order in ("ASC", "DESC")
        for value in ("date__obs", "observed")
    )
)

#: The last time step at or before a slot, and the first at or after it.
_STEPS: Final = tuple(
    f"SELECT {chosen}(slot) FROM records INDEXED BY records_in_order WHERE series = ? AND slot {sign} ?"  # noqa: S608
    for chosen, sign in (("max", "<="), ("min", ">="))
)

_UNIX: Final = date(1970, 1, 1)


def days_of(database: sqlite3.Connection, series: int, start: date | None, end: date | None) -> dict[date, DayCount]:
    """Count the records and HARPs of each day with records."""
    rows = database.execute(
        "SELECT day, sum(records), count(DISTINCT harpnum) FROM passages"
        " WHERE series = ? AND day BETWEEN ? AND ? GROUP BY day ORDER BY day",
        (series, *_days(start, end)),
    )
    return {_UNIX + timedelta(days=day): DayCount(*counts) for day, *counts in rows}


def harps_of(
    database: sqlite3.Connection, series: int, start: date | None, end: date | None, noaa: int | None
) -> list[Passage]:
    """List HARPs by number, as `Archive.harps`."""
    first, last = _days(start, end)
    bounds = {"series": series, "first": first, "last": last, "noaa": "" if noaa is None else f"% {noaa} %"}
    return [
        Passage(
            harpnum=harpnum,
            first=ends[0] or instant_text(ends[1]),
            last=ends[2] or instant_text(ends[3]),
            records=records,
            noaa=tuple(sorted({int(number) for number in noaas.replace(",", " ").split()})),
        )
        for harpnum, noaas, records, *ends in database.execute(_HARPS, bounds)
    ]


def steps_near(database: sqlite3.Connection, series: int, slot: int) -> Steps | None:
    """Find the time step nearest to a slot and its neighbours; None if there are no records."""

    def find(query: str, slot: int) -> int | None:
        found: int | None = database.execute(query, (series, slot)).fetchone()[0]
        return found

    known = [step for query in _STEPS if (step := find(query, slot)) is not None]
    if not known:
        return None
    nearest = min(known, key=lambda step: abs(step - slot))
    return Steps(find(_STEPS[0], nearest - 1), nearest, find(_STEPS[1], nearest + 1))


def _days(start: date | None, end: date | None) -> tuple[int, int]:
    """Return a range of days as days since 1970."""
    return ((date.min if start is None else start) - _UNIX).days, ((date.max if end is None else end) - _UNIX).days


def instant_text(microseconds: int) -> str:
    """Write microseconds since 1970 UTC as an instant."""
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    return f"{instant:%Y-%m-%dT%H:%M:%S}Z"
