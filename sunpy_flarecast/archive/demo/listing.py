"""Lists of records in a range of time, and the number of records of each day, without making any of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from sunpy_flarecast.archive.base import Record

from .regions import recnum_of, region_of, regions_on
from .time_slots import FIRST_DAY, FIRST_SLOT, LAST_DAY, LAST_SLOT, SLOTS_A_DAY, day_of, missing_slots

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["list_records", "records_a_day"]

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: The epoch of slots, and days from 1970 to there.
_EPOCH: Final = date(1993, 1, 1)
_SLOT_DAYS: Final = 8401
_DAY_MICROS: Final = 86_400_000_000


def list_records(
    series: int, near_real_time: bool, names: tuple[str, ...], start: datetime, end: datetime
) -> Iterator[Record]:
    """List records of the series at this place among the four; `names` are its segments. See `DemoArchive.records`."""
    micro = timedelta(microseconds=1)
    # At once, so that a range without time zone is refused here.
    return _records(series, near_real_time, names, (start - _UNIX) // micro, (end - _UNIX) // micro)


def _records(series: int, near_real_time: bool, names: tuple[str, ...], start: int, end: int) -> Iterator[Record]:
    # TAI is ahead of UTC by less than a minute and T_REC of the observation by two: a day more on each side is enough.
    first = max(start // _DAY_MICROS - _SLOT_DAYS - 1, FIRST_DAY)
    last = min(end // _DAY_MICROS - _SLOT_DAYS + 1, LAST_DAY)
    for day in range(first, last + 1):
        times = day_of(day, near_real_time)
        if times.observed[0] > end or times.observed[-1] < start:
            continue
        begin = day * SLOTS_A_DAY
        # Record numbers of a region follow one another: 4 apart, for the four series.
        harps = sorted(
            (region.harpnum(near_real_time), region.first, region.last, recnum_of(series, region, begin))
            for region in regions_on(day)
        )
        rows = zip(times.observed, times.dates, times.entered, times.present, times.quality, strict=True)
        for place, (observed, date__obs, entered, present, quality) in enumerate(rows):
            if not present or not start <= observed <= end:
                continue
            slot = begin + place
            for harpnum, appears, leaves, recnum in harps:
                if appears <= slot <= leaves:
                    yield Record(
                        recnum=recnum + 4 * place,
                        segments=names,
                        harpnum=harpnum,
                        t_rec_index=slot,
                        date__obs=date__obs,
                        quality=quality,
                        time=entered,
                    )


@lru_cache(maxsize=2)
def records_a_day(near_real_time: bool) -> Mapping[date, int]:
    """Count the records of each day (UTC) that has any, in order; takes a second for all years, once."""
    begin = FIRST_DAY * SLOTS_A_DAY
    # Differences from one slot to the next in the number of HARPs.
    steps = np.zeros((LAST_DAY + 1) * SLOTS_A_DAY - begin + 1, dtype=np.int64)
    for region in map(region_of, count()):
        if region.first > LAST_SLOT:
            break
        if FIRST_SLOT <= region.last >= region.first:
            steps[region.first - begin] += 1
            steps[region.last - begin + 1] -= 1
    harps = np.cumsum(steps[:-1])
    for day in range(FIRST_DAY, LAST_DAY + 1):
        missing = missing_slots(day, near_real_time)
        start = day * SLOTS_A_DAY - begin
        harps[start + missing.start : start + missing.stop] = 0
    # The first slot of a day (TAI) was observed on the day before (UTC), all others on the same.
    counts = harps[1 : 1 - SLOTS_A_DAY].reshape(-1, SLOTS_A_DAY).sum(axis=1).tolist()
    first = _EPOCH + timedelta(days=FIRST_DAY)
    return MappingProxyType({first + timedelta(days=day): number for day, number in enumerate(counts) if number})
