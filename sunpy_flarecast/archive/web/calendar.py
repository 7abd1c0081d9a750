"""The days of an archive as cells of a calendar, with a row of weeks for each year with records."""

from __future__ import annotations

import calendar
from bisect import bisect_right
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CELL", "Cell", "Year", "years_of"]

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


class Year(msgspec.Struct, frozen=True, kw_only=True):
    """A year of the calendar, with the positions of days without records and of the names of months."""

    year: int
    cells: tuple[Cell, ...]
    empty: tuple[tuple[int, int], ...]
    months: tuple[tuple[str, int], ...]
    records: int


def years_of(counts: Mapping[date, int]) -> list[Year]:
    """
    Arrange days by week (columns) and weekday (rows) for each year with records, the latest year first.

    Days before the first and after the last one with records are left out.

    Examples
    --------
    >>> from datetime import date
    >>> from sunpy_flarecast.archive.web.calendar import years_of
    >>> [year] = years_of({date(2014, 10, 23): 5, date(2014, 10, 25): 10})
    >>> [(cell.day.day, cell.shade) for cell in year.cells], len(year.empty)
    ([(23, 1), (25, 2)], 1)
    """
    held = sorted(day for day, count in counts.items() if count > 0)
    if not held:
        return []
    ranked = sorted(counts[day] for day in held)
    limits = [ranked[len(ranked) * part // _SHADES] for part in range(1, _SHADES)]
    return [_year(year, held[0], held[-1], counts, limits) for year in sorted({day.year for day in held}, reverse=True)]


def _year(year: int, first: date, last: date, counts: Mapping[date, int], limits: list[int]) -> Year:
    cells, empty = [], []
    begin, end = max(first, date(year, 1, 1)), min(last, date(year, 12, 31))
    for offset in range((end - begin).days + 1):
        day = begin + timedelta(days=offset)
        x, y = _column(day) * CELL, day.weekday() * CELL
        if count := counts.get(day, 0):
            cells.append(Cell(day, x, y, count, bisect_right(limits, count - 1) + 1))
        else:
            empty.append((x, y))
    months = [(calendar.month_abbr[month], _column(date(year, month, 1)) * CELL) for month in range(1, 13)]
    records = sum(cell.count for cell in cells)
    return Year(year=year, cells=tuple(cells), empty=tuple(empty), months=tuple(months), records=records)


def _column(day: date) -> int:
    """Return the number of weeks since that of 1 January; weeks begin on Monday."""
    return (day.timetuple().tm_yday - 1 + date(day.year, 1, 1).weekday()) // 7
