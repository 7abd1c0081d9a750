"""The days of an archive as cells of a calendar: for each year with records, four quarters divided into weeks."""

from __future__ import annotations

import calendar
from bisect import bisect_right
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CELL", "Cell", "Quarter", "Year", "years_of"]

#: Distance between cells.
CELL: Final = 10

#: Number of shades of days with records, each for a quarter of these days.
_SHADES: Final = 4


class Cell(msgspec.Struct, frozen=True):
    """A day with records: its position, their number, and its shade (1 for the fewest)."""

    day: date
    x: int
    y: int
    count: int
    shade: int


class Quarter(msgspec.Struct, frozen=True, kw_only=True):
    """A quarter of a year, with the positions of days without records and of the names of months."""

    cells: tuple[Cell, ...]
    empty: tuple[tuple[int, int], ...]
    months: tuple[tuple[str, int], ...]


class Year(msgspec.Struct, frozen=True, kw_only=True):
    """A year of the calendar: its four quarters, the number of records and of days with records, and the last day."""

    year: int
    quarters: tuple[Quarter, ...]
    records: int
    days: int
    last: date


def years_of(counts: Mapping[date, int]) -> list[Year]:
    """
    Arrange days by week (columns) and weekday (rows) for each quarter of years with records, the latest year first.

    Days before the first and after the last one with records are left out.

    Examples
    --------
    >>> from datetime import date
    >>> from sunpy_flarecast.archive.web.calendar import years_of
    >>> [year] = years_of({date(2014, 10, 23): 5, date(2014, 10, 25): 10})
    >>> autumn = year.quarters[3]
    >>> [(cell.day.day, cell.shade) for cell in autumn.cells], len(autumn.empty)
    ([(23, 1), (25, 2)], 1)
    """
    held = sorted(day for day, count in counts.items() if count > 0)
    if not held:
        return []
    ranked = sorted(counts[day] for day in held)
    limits = [ranked[len(ranked) * part // _SHADES] for part in range(1, _SHADES)]
    return [_year(year, held[0], held[-1], counts, limits) for year in sorted({day.year for day in held}, reverse=True)]


def _year(year: int, first: date, last: date, counts: Mapping[date, int], limits: list[int]) -> Year:
    quarters = tuple(_quarter(year, month, first, last, counts, limits) for month in (1, 4, 7, 10))
    cells = [cell for quarter in quarters for cell in quarter.cells]
    return Year(
        year=year,
        quarters=quarters,
        records=sum(cell.count for cell in cells),
        days=len(cells),
        last=cells[-1].day,
    )


def _quarter(year: int, month: int, first: date, last: date, counts: Mapping[date, int], limits: list[int]) -> Quarter:
    cells, empty = [], []
    start, end = date(year, month, 1), date(year, month + 2, calendar.monthrange(year, month + 2)[1])

    def column(day: date) -> int:
        """Return the number of weeks since the first one; weeks begin on Monday."""
        return ((day - start).days + start.weekday()) // 7

    for offset in range((end - start).days + 1):
        day = start + timedelta(days=offset)
        x, y = column(day) * CELL, day.weekday() * CELL
        if count := counts.get(day, 0):
            cells.append(Cell(day, x, y, count, bisect_right(limits, count - 1) + 1))
        elif first <= day <= last:
            empty.append((x, y))
    months = [(calendar.month_abbr[one], column(date(year, one, 1)) * CELL) for one in range(month, month + 3)]
    return Quarter(cells=tuple(cells), empty=tuple(empty), months=tuple(months))
