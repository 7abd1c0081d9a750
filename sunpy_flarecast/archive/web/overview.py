"""The overview of an archive on the front page: its series, days with records, and latest time step."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from sunpy_flarecast.archive.api.search import Search
from sunpy_flarecast.archive.base import Holding, NotHeldError
from sunpy_flarecast.sharp.catalog import find_series

from .calendar import Year, years_of
from .site import in_order
from .steps import SLOTS_A_DAY, Step, slot_at, step_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sunpy_flarecast.archive.base import Archive

__all__ = ["Overview", "Span", "example_of", "overview_of", "span_of"]

#: The example of a search in an archive without records.
_DAY: Final = date(2015, 12, 11)
_SERIES: Final = "hmi.sharp_720s"
_SEGMENT: Final = "magnetogram"

#: Maximum number of gaps shown.
_MOST_GAPS: Final = 5


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The days with records: first, last, numbers of days and records, the busiest day, and the longest gaps."""

    first: date
    last: date
    held: int
    records: int
    busiest: date
    most: int
    gaps: tuple[tuple[date, date], ...]
    more_gaps: int

    @property
    def days(self) -> int:
        """Number of days from the first to the last, both included."""
        return (self.last - self.first).days + 1


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """An overview: holdings, records of each day by series, the calendar, the latest time step, and an example."""

    holdings: tuple[Holding, ...]
    meanings: dict[str, str]
    days: dict[str, dict[date, int]]
    years: list[Year]
    span: Span | None
    step: Step | None
    example: tuple[Search, str]


def overview_of(archive: Archive) -> Overview:
    """Make the overview of an archive."""
    held = {holding.series: holding for holding in archive.holdings()}
    days: dict[str, dict[date, int]] = {}
    for name in in_order(held):
        with suppress(NotHeldError):  # removed since the holdings were read
            days[name] = {day: count.records for day, count in archive.days(name).items()}
    total: Counter[date] = Counter()
    for counts in days.values():
        total.update(counts)
    latest = max(total, default=None)
    step = None
    if latest is not None:
        series = next(name for name, counts in days.items() if latest in counts)
        with suppress(NotHeldError):
            slot = archive.steps(series, slot_at(latest) + SLOTS_A_DAY).nearest
            step = step_of(archive, series, slot, archive.records_at(series, slot))
    meanings = ((name, find_series(name)) for name in held)
    return Overview(
        holdings=tuple(held[name] for name in in_order(held)),
        meanings={name: known.meaning if known else "" for name, known in meanings},
        days=days,
        years=years_of(total),
        span=span_of(total),
        step=step,
        example=example_of(days, step, held),
    )


def example_of(
    days: Mapping[str, Mapping[date, int]], step: Step | None, held: Mapping[str, Holding]
) -> tuple[Search, str]:
    """Choose the example of a search: the latest day of a series in the catalog, and a segment."""
    known = [name for name, counts in days.items() if find_series(name) and counts]
    series = max(known, key=lambda name: max(days[name]), default=_SERIES)
    day = max(days.get(series, {}), default=_DAY)
    shown = step.harps[0].record.segments if step is not None and step.series == series and step.harps else ()
    segments = shown or (held[series].segments if series in held else ()) or (_SEGMENT,)
    segment = next((name for name in (_SEGMENT, "Br") if name in segments), segments[0])
    start = datetime.combine(day, time(), UTC)
    return Search(series=series, start=start, end=start + timedelta(days=1, microseconds=-1)), segment


def span_of(counts: Mapping[date, int]) -> Span | None:
    """Summarize the days with records."""
    if not counts:
        return None
    held, day = sorted(counts), timedelta(days=1)
    gaps = [(before + day, after - day) for before, after in pairwise(held) if after - before > day]
    busiest = max(held, key=lambda day: counts[day])
    return Span(
        first=held[0],
        last=held[-1],
        held=len(held),
        records=sum(counts.values()),
        busiest=busiest,
        most=counts[busiest],
        gaps=tuple(sorted(gaps, key=lambda gap: gap[0] - gap[1])[:_MOST_GAPS]),
        more_gaps=max(len(gaps) - _MOST_GAPS, 0),
    )
