"""The list of records in a range of time, day by day, as fast as objects can be made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.archive.base import Record

from .regions import recnum_of, regions_on
from .time_slots import FIRST_DAY, LAST_DAY, SLOTS_A_DAY, day_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["list_records"]

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Days from 1970 to 1993, whence slots count.
_SLOT_DAYS: Final = 8401
_DAY_MICROS: Final = 86_400_000_000


def list_records(
    series: int, near_real_time: bool, names: tuple[str, ...], start: datetime, end: datetime
) -> Iterator[Record]:
    """
    List records, see `DemoArchive.records`.

    Parameters
    ----------
    series : int
        Place of the series among the four.
    near_real_time : bool
        Whether it is a near-real-time series.
    names : tuple of str
        Its segments.
    start, end : `datetime.datetime`
        UTC, with their time zone; both are included.

    Returns
    -------
    iterator of Record

    Raises
    ------
    TypeError
        `start` or `end` has no time zone.
    """
    micro = timedelta(microseconds=1)
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
        harps = [
            (one.first, one.last, one.harpnum(near_real_time), recnum_of(series, one, begin)) for one in regions_on(day)
        ]
        harps.sort(key=lambda harp: harp[2])
        rows = zip(times.observed, times.dates, times.entered, times.present, times.quality, strict=True)
        for place, (observed, date, entered, present, quality) in enumerate(rows):
            if not present or not start <= observed <= end:
                continue
            slot = begin + place
            for appears, leaves, harpnum, recnum in harps:
                if appears <= slot <= leaves:
                    yield Record(
                        recnum=recnum + 4 * place,
                        segments=names,
                        harpnum=harpnum,
                        t_rec_index=slot,
                        date__obs=date,
                        quality=quality,
                        time=entered,
                    )
