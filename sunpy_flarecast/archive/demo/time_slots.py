"""The slots of a day: when each was observed, which are missing, and with what quality."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from sunpy_flarecast.sharp.t_rec import CADENCE

from .ephemeris import AU, LIGHT, distance, utc_micros
from .random import generator

__all__ = [
    "FIRST_DAY",
    "FIRST_SLOT",
    "LAST_DAY",
    "LAST_SLOT",
    "SLOTS_A_DAY",
    "Day",
    "day_of",
    "missing_slots",
    "observed_seconds",
]

SLOTS_A_DAY: Final = 86400 // CADENCE

#: Days since 1993-01-01 of 2010-05-01 and of 2027-01-01, whose first slot was still observed in 2026.
FIRST_DAY: Final = 6329
LAST_DAY: Final = 12418
#: The first slot observed in 2010-05 (UTC), and the last one observed in 2026.
FIRST_SLOT: Final = FIRST_DAY * SLOTS_A_DAY + 1
LAST_SLOT: Final = LAST_DAY * SLOTS_A_DAY

#: From 2016-04-13 on HMI took its filtergrams for vectors every 90 s instead of 135 s.
_FASTER_FROM: Final = 8503 * SLOTS_A_DAY

#: Quality words seen in SHARPs: 0x400 (a filtergram was missing), and two with more significant bits.
_FLAWS: Final = (1024, 1024, 1024, 0x10000, 0x20000400)


class Day(NamedTuple):
    """
    The 120 slots of one day (TAI), by their place in the day.

    Parameters
    ----------
    observed : tuple of int
        ``date__obs`` in UTC microseconds since 1970.
    dates : tuple of str
        ``date__obs``.
    entered : tuple of str
        When the record entered the archive, UTC.
    present : tuple of bool
        Whether there are records at all.
    quality : tuple of int
        Quality bit word.
    """

    observed: tuple[int, ...]
    dates: tuple[str, ...]
    entered: tuple[str, ...]
    present: tuple[bool, ...]
    quality: tuple[int, ...]


def observed_seconds(slot: int) -> float:
    """
    Compute ``T_OBS`` of a slot: T_REC, corrected for the way of the light as JSOC does it.

    Parameters
    ----------
    slot : int
        Slots of 720 s since 1993-01-01T00:00:00 TAI.

    Returns
    -------
    float
        TAI seconds since 1993-01-01T00:00:00 TAI.

    Examples
    --------
    >>> from sunpy_flarecast.archive.demo.time_slots import observed_seconds
    >>> round(observed_seconds(1005598) - 1005598 * 720, 1)
    -7.6
    """
    seconds = float(slot * CADENCE)
    return seconds + (float(distance(seconds)) - AU) / LIGHT


@lru_cache(maxsize=512)
def day_of(day: int, near_real_time: bool) -> Day:
    """
    Tell the slots of a day.

    Parameters
    ----------
    day : int
        Days since 1993-01-01.
    near_real_time : bool
        Whether for the near-real-time series, which have gaps of their own.

    Returns
    -------
    Day

    Examples
    --------
    >>> from sunpy_flarecast.archive.demo.time_slots import day_of
    >>> day_of(8379, near_real_time=False).dates[118]
    '2015-12-11T23:34:08.900000Z'
    """
    slots = np.arange(day * SLOTS_A_DAY, (day + 1) * SLOTS_A_DAY, dtype=np.int64)
    seconds = slots * float(CADENCE)
    light = (distance(seconds) - AU) / LIGHT
    # DATE__OBS precedes T_OBS by half of the time that one set of filtergrams takes; JSOC gives it to 0.1 s.
    half = np.where(slots < _FASTER_FROM, 67.5, 45.0)
    observed = utc_micros(np.rint((seconds + light - half) * 10).astype(np.int64) * 100_000)
    # Definitive SHARPs appear about five weeks later, near-real-time ones after some hours; slots follow one another.
    delay = 3 * 3600 if near_real_time else 36 * 86400
    entered = observed // 1_000_000 * 1_000_000 + (delay * 1_000_000 + slots % 7 * 1_000_000)
    random = generator(1, int(near_real_time), day)
    missing = _gap(random)
    present = np.ones(SLOTS_A_DAY, dtype=bool)
    present[missing.start : missing.stop] = False
    quality = np.where(random.random(SLOTS_A_DAY) < 0.012, random.choice(_FLAWS, SLOTS_A_DAY), 0)
    return Day(
        observed=tuple(observed.tolist()),
        dates=_texts(observed),
        entered=_texts(entered),
        present=tuple(present.tolist()),
        quality=tuple(quality.tolist()),
    )


def missing_slots(day: int, near_real_time: bool) -> range:
    """
    Tell the slots of a day of which there are no records.

    Parameters
    ----------
    day : int
        Days since 1993-01-01.
    near_real_time : bool
        Whether of the near-real-time series.

    Returns
    -------
    range
        Places in the day; mostly none.

    Examples
    --------
    >>> from sunpy_flarecast.archive.demo.time_slots import day_of, missing_slots
    >>> len(missing_slots(8379, False)) == day_of(8379, False).present.count(False)
    True
    """
    return _gap(generator(1, int(near_real_time), day))


def _gap(random: np.random.Generator) -> range:
    if random.random() >= 0.35:
        return range(0)
    gap = int(random.integers(SLOTS_A_DAY))
    return range(gap, min(gap + int(random.integers(1, 4)), SLOTS_A_DAY))


def _texts(micros: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[str, ...]:
    return tuple(f"{text}Z" for text in np.datetime_as_string(micros.astype("datetime64[us]"), unit="us").tolist())
