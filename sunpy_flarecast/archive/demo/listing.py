"""Lists of records, time steps and HARPs, and counts of each day, without computing any image."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from sunpy_flarecast.archive.base import DayCount, Passage, Record, Steps

from .regions import missing_records, noaa_numbers, recnum_of, region_numbered, region_of, regions_on, regions_with_noaa
from .time_slots import (
    FIRST_DAY,
    FIRST_SLOT,
    LAST_DAY,
    LAST_SLOT,
    SLOTS_A_DAY,
    dates_of,
    day_of,
    is_present,
    missing_slots,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from .regions import Region

__all__ = ["counts_of_days", "ends_of", "list_harps", "list_records", "steps_near"]

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: The epoch of slots, and the number of days from 1970-01-01 to the epoch.
_EPOCH: Final = date(1993, 1, 1)
_SLOT_DAYS: Final = 8401
_DAY_MICROS: Final = 86_400_000_000


#: The first day (UTC), and a key that sorts before all records.
_FIRST_DATE: Final = _EPOCH + timedelta(days=FIRST_DAY)
_BEFORE_ALL: Final = (-1, -1)


def list_records(
    series: int,
    near_real_time: bool,
    names: tuple[str, ...],
    start: datetime,
    end: datetime,
    harpnums: Collection[int] | None = None,
    every: int = 1,
    after: tuple[int, int] | None = None,
) -> Iterator[Record]:
    """List records of the series with this index; `names` are its segments. See `DemoArchive.records`."""
    micro = timedelta(microseconds=1)
    # Computed outside the generator, so that a range without a time zone is rejected at once.
    bounds = (start - _UNIX) // micro, (end - _UNIX) // micro
    return _records(series, near_real_time, names, *bounds, harpnums, every, after or _BEFORE_ALL)


def _records(
    series: int,
    near_real_time: bool,
    names: tuple[str, ...],
    start: int,
    end: int,
    harpnums: Collection[int] | None,
    every: int,
    after: tuple[int, int],
) -> Iterator[Record]:
    # TAI is ahead of UTC by less than a minute, and T_REC is about a minute later than the observation; one more day on
    # each side suffices.
    first = max(start // _DAY_MICROS - _SLOT_DAYS - 1, FIRST_DAY, after[0] // SLOTS_A_DAY)
    last = min(end // _DAY_MICROS - _SLOT_DAYS + 1, LAST_DAY)
    days: Iterable[int] = range(first, last + 1)
    if harpnums is not None:
        chosen = [region for number in harpnums if (region := region_numbered(number, near_real_time)) is not None]
        seen = {day for region in chosen for day in range(region.first // SLOTS_A_DAY, region.last // SLOTS_A_DAY + 1)}
        days = sorted(day for day in seen if first <= day <= last)
    for day in days:
        times = day_of(day, near_real_time)
        if times.observed[0] > end or times.observed[-1] < start:
            continue
        begin = day * SLOTS_A_DAY
        # Successive record numbers of a region differ by 4, the number of series.
        harps = sorted(
            (region.harpnum(near_real_time), region.first, region.last, recnum_of(series, region, begin))
            for region in regions_on(day)
            if harpnums is None or region.harpnum(near_real_time) in harpnums
        )
        rows = zip(times.observed, times.dates, times.entered, times.present, times.quality, strict=True)
        for place, (observed, date__obs, entered, present, quality) in enumerate(rows):
            slot = begin + place
            if not present or not start <= observed <= end or slot % every:
                continue
            for harpnum, appears, leaves, recnum in harps:
                if appears <= slot <= leaves and (slot, harpnum) > after:
                    yield Record(
                        recnum=recnum + 4 * place,
                        segments=names,
                        harpnum=harpnum,
                        t_rec_index=slot,
                        date__obs=date__obs,
                        quality=quality,
                        time=entered,
                    )


def steps_near(slot: int, near_real_time: bool) -> Steps:
    """Find the time step with records nearest to a slot, and those before and after it."""
    before = _step(min(slot, LAST_SLOT), -1, near_real_time)
    after = _step(max(slot, FIRST_SLOT), 1, near_real_time)
    nearest = min((step for step in (before, after) if step is not None), key=lambda step: abs(step - slot))
    return Steps(_step(nearest - 1, -1, near_real_time), nearest, _step(nearest + 1, 1, near_real_time))


def _step(slot: int, direction: int, near_real_time: bool) -> int | None:
    """Find the nearest time step with records in one direction, starting with the slot itself."""
    while FIRST_SLOT <= slot <= LAST_SLOT:
        regions = regions_on(slot // SLOTS_A_DAY)
        if is_present(slot, near_real_time) and any(region.first <= slot <= region.last for region in regions):
            return slot
        slot += direction
    return None


def list_harps(near_real_time: bool, start: date | None, end: date | None, noaa: int | None) -> list[Passage]:
    """List the HARPs by number. See `Archive.harps`."""
    first_day, last_day = start or date.min, end or date.max
    found: list[Region] = []
    slots: list[int] = []
    for region in _all_regions() if noaa is None else regions_with_noaa(noaa):
        if _day(region.last) < first_day or _day(region.first) > last_day:
            continue
        ends = ends_of(region, near_real_time)
        if ends is not None and _day(ends[1]) >= first_day and _day(ends[0]) <= last_day:
            found.append(region)
            slots += ends
    dates = dates_of(slots)
    return [
        Passage(
            harpnum=region.harpnum(near_real_time),
            first=first,
            last=last,
            records=region.last - region.first + 1 - missing_records(region, near_real_time),
            noaa=noaa_numbers(region.ordinal),
        )
        for region, first, last in zip(found, dates[::2], dates[1::2], strict=True)
    ]


def _all_regions() -> Iterator[Region]:
    """List the regions that have a slot."""
    for region in map(region_of, count()):
        if region.first > LAST_SLOT:
            return
        if region.last >= region.first:
            yield region


def ends_of(region: Region, near_real_time: bool) -> tuple[int, int] | None:
    """Return the slots of the first and the last record of a region; None if it has none."""
    slots = range(region.first, region.last + 1)
    ends = (next((slot for slot in order if is_present(slot, near_real_time)), None) for order in (slots, slots[::-1]))
    first, last = ends
    return None if first is None or last is None else (first, last)


def _day(slot: int) -> date:
    """Return the day (UTC) when a slot was observed; the first slot of a day (TAI) belongs to the day before."""
    return _EPOCH + timedelta(days=(slot - 1) // SLOTS_A_DAY)


@lru_cache(maxsize=2)
def counts_of_days(near_real_time: bool) -> Mapping[date, DayCount]:
    """Count records and HARPs of each day (UTC) with records, in order; the first call takes a second."""
    begin = FIRST_DAY * SLOTS_A_DAY
    # Differences in the number of HARPs between successive slots, or days.
    steps = np.zeros((LAST_DAY + 1) * SLOTS_A_DAY - begin + 1, dtype=np.int64)
    days = np.zeros(LAST_DAY - FIRST_DAY + 2, dtype=np.int64)
    for region in _all_regions():
        steps[region.first - begin] += 1
        steps[region.last - begin + 1] -= 1
        if (ends := ends_of(region, near_real_time)) is not None:
            days[(_day(ends[0]) - _FIRST_DATE).days] += 1
            days[(_day(ends[1]) - _FIRST_DATE).days + 1] -= 1
    slots = np.cumsum(steps[:-1])
    for day in range(FIRST_DAY, LAST_DAY + 1):
        missing = missing_slots(day, near_real_time)
        start = day * SLOTS_A_DAY - begin
        slots[start + missing.start : start + missing.stop] = 0
    records = slots[1 : 1 - SLOTS_A_DAY].reshape(-1, SLOTS_A_DAY).sum(axis=1).tolist()
    harps = np.cumsum(days).tolist()
    return MappingProxyType(
        {
            _FIRST_DATE + timedelta(days=day): DayCount(number, harps[day])
            for day, number in enumerate(records)
            if number
        }
    )
