"""The slots of a day: their times of observation, gaps, and quality."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from sunpy_flarecast.sharp.t_rec import CADENCE

from .ephemeris import AU, LIGHT, distance, utc_micros
from .random import generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    _Integers = np.ndarray[tuple[int], np.dtype[np.int64]]

__all__ = [
    "COMBINED_FROM",
    "FIRST_DAY",
    "FIRST_SLOT",
    "LAST_DAY",
    "LAST_SLOT",
    "SLOTS_A_DAY",
    "Day",
    "dates_of",
    "day_of",
    "is_present",
    "missing_slots",
    "observed_seconds",
]

SLOTS_A_DAY: Final = 86400 // CADENCE

#: 2010-05-01 and 2027-01-01 as days since 1993-01-01; the first slot of the latter was still observed in 2026.
FIRST_DAY: Final = 6329
LAST_DAY: Final = 12418
#: The first slot observed in 2010-05 (UTC), and the last one observed in 2026.
FIRST_SLOT: Final = FIRST_DAY * SLOTS_A_DAY + 1
LAST_SLOT: Final = LAST_DAY * SLOTS_A_DAY

#: Since 2016-04-13, both HMI cameras take filtergrams for vectors, every 90 s instead of 135 s.
COMBINED_FROM: Final = 8503 * SLOTS_A_DAY

#: Quality words found in SHARPs: 0x400 (a filtergram was missing), and two with more significant bits.
_FLAWS: Final = (1024, 1024, 1024, 0x10000, 0x20000400)


class Day(NamedTuple):
    """The 120 slots of a day (TAI), in order."""

    #: ``date__obs`` in UTC microseconds since 1970, and as text.
    observed: tuple[int, ...]
    dates: tuple[str, ...]
    #: When the record entered the archive, UTC.
    entered: tuple[str, ...]
    #: Whether there are records, and their quality.
    present: tuple[bool, ...]
    quality: tuple[int, ...]


def observed_seconds(slot: int) -> float:
    """Return ``T_OBS`` in TAI seconds since 1993-01-01: T_REC, corrected for the light travel time as at JSOC."""
    seconds = float(slot * CADENCE)
    return seconds + (float(distance(seconds)) - AU) / LIGHT


@lru_cache(maxsize=512)
def day_of(day: int, near_real_time: bool) -> Day:
    """Return the slots of a day (days since 1993-01-01); the near-real-time series have different gaps."""
    slots = np.arange(day * SLOTS_A_DAY, (day + 1) * SLOTS_A_DAY, dtype=np.int64)
    observed = _observed(slots)
    # Definitive SHARPs appear about five weeks later, near-real-time ones after three hours; seconds differ by slot.
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


def dates_of(slots: Sequence[int]) -> tuple[str, ...]:
    """Return ``date__obs`` of slots, which need not have records."""
    return _texts(_observed(np.array(slots, dtype=np.int64)))


def _observed(slots: _Integers) -> _Integers:
    """Return ``date__obs`` of slots in UTC microseconds since 1970."""
    seconds = slots * float(CADENCE)
    light = (distance(seconds) - AU) / LIGHT
    # DATE__OBS precedes T_OBS by half of the time that one set of filtergrams takes; JSOC gives it to 0.1 s.
    half = np.where(slots < COMBINED_FROM, 67.5, 45.0)
    return utc_micros(np.rint((seconds + light - half) * 10).astype(np.int64) * 100_000)


@lru_cache(maxsize=16384)
def missing_slots(day: int, near_real_time: bool) -> range:
    """Return the slots of a day without records, by index in the day; usually none."""
    return _gap(generator(1, int(near_real_time), day))


def is_present(slot: int, near_real_time: bool) -> bool:
    """Return whether a slot has records of the regions on the disk."""
    day, place = divmod(slot, SLOTS_A_DAY)
    return place not in missing_slots(day, near_real_time)


def _gap(random: np.random.Generator) -> range:
    if random.random() >= 0.35:
        return range(0)
    gap = int(random.integers(SLOTS_A_DAY))
    return range(gap, min(gap + int(random.integers(1, 4)), SLOTS_A_DAY))


def _texts(micros: _Integers) -> tuple[str, ...]:
    return tuple(f"{text}Z" for text in np.datetime_as_string(micros.astype("datetime64[us]"), unit="us").tolist())
