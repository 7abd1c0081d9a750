"""Which days have records, as a picture: a strip for each year or month, a cell for each day; pure geometry."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["LEVELS", "Coverage", "Gap", "Strip", "cover"]

#: Shades of days that have records, by how many they have.
LEVELS: Final = 4

#: Days, beyond which strips are years and not months.
_LONG: Final = 100

#: Gaps that are told in words, the longest of them.
_TOLD: Final = 5


class Gap(msgspec.Struct, frozen=True):
    """Days without records, between days that have some."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1


class Strip(msgspec.Struct, frozen=True, kw_only=True):
    """
    One row of the picture.

    Parameters
    ----------
    label : str
        The year or the month, or several years without any record.
    title : str
        What it shows, in words.
    paths : tuple
        For each shade (0 for days without records, 1 to `LEVELS`) the outline of its cells, in the syntax of SVG; a
        cell is one unit wide and high. Shades without cells are left out.
    """

    label: str
    title: str
    paths: tuple[tuple[int, str], ...] = ()


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """
    The picture of one series.

    Parameters
    ----------
    columns : int
        Cells of a strip: 366 if it is a year, 31 if it is a month.
    ticks : tuple
        Where months (or days) begin, in percent of the width, and what they are called.
    strips : tuple of Strip
        From early to late.
    first, last : `datetime.date`
        First and last day with records.
    held : int
        Days with records.
    busiest : `datetime.date`
        The day with most records.
    most : int
        Their number.
    gaps : tuple of Gap
        The longest, by their length.
    more_gaps : int
        How many shorter ones there are.
    """

    columns: int
    ticks: tuple[tuple[float, str], ...]
    strips: tuple[Strip, ...]
    first: date
    last: date
    held: int
    busiest: date
    most: int
    gaps: tuple[Gap, ...]
    more_gaps: int

    @property
    def span(self) -> int:
        """Days from the first to the last, both included."""
        return (self.last - self.first).days + 1


def cover(counts: Mapping[date, int]) -> Coverage | None:
    """
    Draw which days have records.

    Parameters
    ----------
    counts : mapping
        Numbers of records by day; days that are not in it have none.

    Returns
    -------
    Coverage or None
        None if there are no records.

    Examples
    --------
    >>> from datetime import date
    >>> from sunpy_flarecast.archive.web.coverage import cover
    >>> picture = cover({date(2015, 12, 11): 900, date(2015, 12, 13): 1000})
    >>> [gap.days for gap in picture.gaps], picture.span
    ([1], 3)
    >>> picture.strips[0].paths
    ((0, 'M11 0h1v1h-1z'), (4, 'M10 0h1v1h-1zM12 0h1v1h-1z'))
    """
    held = sorted(day for day, count in counts.items() if count > 0)
    if not held:
        return None
    first, last = held[0], held[-1]
    busiest = max(held, key=lambda day: counts[day])
    yearly = (last - first).days > _LONG
    gaps = list(_gaps(held))
    longest = sorted(gaps, key=lambda gap: -gap.days)[:_TOLD]
    periods: dict[tuple[int, int], list[date]] = {}
    for day in held:
        periods.setdefault((day.year, 0 if yearly else day.month), []).append(day)
    return Coverage(
        columns=366 if yearly else 31,
        ticks=_ticks(yearly=yearly),
        strips=tuple(_strips(periods, counts, first, last, counts[busiest])),
        first=first,
        last=last,
        held=len(held),
        busiest=busiest,
        most=counts[busiest],
        gaps=tuple(longest),
        more_gaps=len(gaps) - len(longest),
    )


def _gaps(held: list[date]) -> Iterator[Gap]:
    day = timedelta(days=1)
    for before, after in pairwise(held):
        if after - before > day:
            yield Gap(before + day, after - day)


def _ticks(*, yearly: bool) -> tuple[tuple[float, str], ...]:
    if yearly:
        starts = (date(2000, month, 1).timetuple().tm_yday - 1 for month in range(1, 13))
        return tuple((round(100 * start / 366, 2), calendar.month_abbr[month]) for month, start in enumerate(starts, 1))
    return tuple((round(100 * (day - 1) / 31, 2), str(day)) for day in (1, 6, 11, 16, 21, 26))


def _strips(
    periods: Mapping[tuple[int, int], list[date]], counts: Mapping[date, int], first: date, last: date, most: int
) -> Iterator[Strip]:
    """Draw the periods that have records, and say of years between them that have none that they have none."""
    previous: tuple[int, int] | None = None
    for (year, month), held in sorted(periods.items()):
        if previous is not None:
            yield from _empty(previous, (year, month))
        previous = year, month
        start = date(year, month or 1, 1)
        stop = date(year, 12, 31) if not month else date(year, month, calendar.monthrange(year, month)[1])
        inside = _range(max(start, first), min(stop, last))
        cells = [((day - start).days, _level(counts.get(day, 0), most)) for day in inside]
        records = sum(counts[day] for day in held)
        label = f"{year}-{month:02}" if month else str(year)
        missing = len(cells) - len(held)
        title = f"{label}: {records:,} records on {len(held)} days"
        yield Strip(label=label, title=f"{title}; {missing} days without" if missing else title, paths=_paths(cells))


def _empty(before: tuple[int, int], after: tuple[int, int]) -> Iterator[Strip]:
    """Stand for the periods between two, however many: one strip, of days without records."""
    if before[1]:
        start, stop = before[0] * 12 + before[1], after[0] * 12 + after[1] - 2
        labels = [f"{month // 12}-{month % 12 + 1:02}" for month in (start, stop)]
        columns = 31
    else:
        start, stop = before[0] + 1, after[0] - 1
        labels = [str(start), str(stop)]
        columns = 366
    if start <= stop:
        label = labels[0] if start == stop else f"{labels[0]}–{labels[1]}"
        yield Strip(label=label, title=f"{label}: no records", paths=_paths((place, 0) for place in range(columns)))


def _range(first: date, last: date) -> Iterator[date]:
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(ordinal)


def _level(count: int, most: int) -> int:
    return -(-LEVELS * count // most) if count > 0 else 0


def _paths(cells: Iterable[tuple[int, int]]) -> tuple[tuple[int, str], ...]:
    """Join neighbouring cells of one shade into rectangles."""
    runs: dict[int, list[list[int]]] = {}
    for place, level in cells:
        found = runs.setdefault(level, [])
        if found and found[-1][1] == place:
            found[-1][1] = place + 1
        else:
            found.append([place, place + 1])
    return tuple(
        (level, "".join(f"M{start} 0h{stop - start}v1h{start - stop}z" for start, stop in found))
        for level, found in sorted(runs.items())
    )
