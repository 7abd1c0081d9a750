"""How many records there are on each day, without making any of them."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from .regions import region
from .time_slots import (
    FIRST_DAY,
    FIRST_SLOT,
    LAST_DAY,
    LAST_SLOT,
    SLOTS_A_DAY,
    missing_slots,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["records_a_day"]

_EPOCH: Final = date(1993, 1, 1)


@lru_cache(maxsize=2)
def records_a_day(near_real_time: bool) -> Mapping[date, int]:
    """
    Count the records of each day (UTC) that has any; about a second for all 16 years, and nothing the second time.

    Parameters
    ----------
    near_real_time : bool
        Whether of a near-real-time series.

    Returns
    -------
    mapping
        In order.

    Examples
    --------
    >>> from datetime import date
    >>> from sunpy_flarecast.archive.demo.census import records_a_day
    >>> 700 < records_a_day(False)[date(2015, 12, 11)] < 1400
    True
    """
    begin = FIRST_DAY * SLOTS_A_DAY
    # Differences from one slot to the next in the number of HARPs.
    steps = np.zeros((LAST_DAY + 1) * SLOTS_A_DAY - begin + 1, dtype=np.int64)
    for ordinal in count():
        one = region(ordinal)
        if one.first > LAST_SLOT:
            break
        if FIRST_SLOT <= one.last >= one.first:
            steps[one.first - begin] += 1
            steps[one.last - begin + 1] -= 1
    harps = np.cumsum(steps[:-1])
    for day in range(FIRST_DAY, LAST_DAY + 1):
        missing = missing_slots(day, near_real_time)
        start = day * SLOTS_A_DAY - begin
        harps[start + missing.start : start + missing.stop] = 0
    # The first slot of a day (TAI) was observed on the day before (UTC), all others on the same.
    counts = harps[1 : 1 - SLOTS_A_DAY].reshape(-1, SLOTS_A_DAY).sum(axis=1).tolist()
    first = _EPOCH + timedelta(days=FIRST_DAY)
    return MappingProxyType({first + timedelta(days=day): number for day, number in enumerate(counts) if number})
