"""The synthetic active regions (HARPs): their times, positions and numbers, and the numbers of their records."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from sunpy_flarecast.sharp.t_rec import CADENCE

from .ephemeris import observe
from .random import generator
from .time_slots import FIRST_DAY, FIRST_SLOT, LAST_SLOT, SLOTS_A_DAY, missing_slots, observed_seconds

if TYPE_CHECKING:
    from .ephemeris import Observer

__all__ = [
    "Observation",
    "Region",
    "drift",
    "flux_of",
    "missing_records",
    "noaa_numbers",
    "observation_of",
    "recnum_of",
    "record_of",
    "region_numbered",
    "region_of",
    "regions_on",
    "regions_with_noaa",
]

_DAY: Final = 86400.0
#: Days between the appearances of successive HARPs; they are visible for ten days on average, so eight are on the disk.
_SPACING: Final = 1.25
#: Longest time in days for which a HARP is visible (its record numbers have 2048 slots, which are 17 days).
_LONGEST: Final = 14.0
_SHIFT: Final = 11
_BEGIN: Final = (FIRST_DAY - _LONGEST - 1) * _DAY
#: Stonyhurst longitude of the centre at which a HARP appears or disappears, in degrees.
_EDGE: Final = 84.0
#: Offset of record numbers; as in an old archive, they do not begin at zero.
_RECORDS_FROM: Final = 64 << _SHIFT
#: Of every `_BLOCK` HARPs, one has two NOAA numbers, `_SINGLES` have one, and the others none.
_BLOCK: Final = 20
_SINGLES: Final = 12
_NOAA_FROM: Final = 11060


class Region(NamedTuple):
    """The constant properties of an active region. Times are TAI seconds since 1993-01-01T00:00:00 TAI."""

    #: Number of the region in order of first appearance, from 0.
    ordinal: int
    #: Slots of its first and last record; the last is before the first if it was never seen.
    first: int
    last: int
    #: Time at which the centre has the Carrington longitude `longitude`; longitude and latitude in degrees.
    reference: float
    longitude: float
    latitude: float
    #: Time of its emergence, and seconds from then to its maximum and to its end.
    born: float
    rise: float
    life: float
    #: Number of its sunspot cycle.
    cycle: int

    def harpnum(self, near_real_time: bool) -> int:
        """Return the HARP number; there are gaps, like those from JSOC's tracker when it merges HARPs."""
        if near_real_time:
            return 5003 + 2 * self.ordinal + int(generator(3, 1, self.ordinal).integers(2))
        return 1 + 3 * self.ordinal + int(generator(3, 0, self.ordinal).integers(3))

    def carrington(self, seconds: float) -> float:
        """Return the Carrington longitude of the centre at a time, in degrees, not wrapped at 360."""
        return self.longitude + drift(self.latitude) * (seconds - self.reference) / _DAY


class Observation(NamedTuple):
    """One region in one slot, and its observer."""

    region: Region
    slot: int
    #: Whether it is for the near-real-time series, which have different noise.
    near_real_time: bool
    #: TAI seconds since 1993-01-01T00:00:00 TAI.
    seconds: float
    observer: Observer
    #: Stonyhurst longitude of the region's centre, in degrees.
    longitude: float


def observation_of(region: Region, slot: int, near_real_time: bool) -> Observation:
    """Return when a slot of a region was observed, and from where."""
    seconds = observed_seconds(slot)
    observer = observe(seconds)
    longitude = (region.carrington(seconds) - observer.longitude + 180) % 360 - 180
    return Observation(region, slot, near_real_time, seconds, observer, longitude)


def drift(latitude: float) -> float:
    """
    Return the rotation rate of active regions relative to Carrington's, in degrees per day, positive to the west.

    The formula is that of `sunpy.sun.models.differential_rotation` with the model ``"snodgrass"``, for magnetic
    features (Snodgrass 1983, ApJ 270, 288). It is computed without units, which would take longer.
    """
    square = math.sin(math.radians(latitude)) ** 2
    return math.degrees((2.851 - 0.343 * square - 0.474 * square * square) * 1e-6 * _DAY) - 14.1844


@lru_cache(maxsize=8192)
def region_of(ordinal: int) -> Region:
    """Make a region by its ordinal."""
    random = generator(2, 0, ordinal)
    seen = _BEGIN + (ordinal + 0.999 * random.random()) * _SPACING * _DAY
    cycle, latitude = _latitude(seen, random.random(), random.random(), random.standard_normal())
    rise = float(random.uniform(1.2, 3.5)) * _DAY
    if random.random() < 0.6:  # it appears at the east limb, and probably has a long life
        start = -_EDGE
        life = float(random.uniform(11.0, 38.0)) * _DAY
        born = seen - float(random.uniform(0.12, 0.5)) * life
    else:  # it emerges on the disk
        start = float(random.uniform(-70.0, 45.0))
        life = float(random.uniform(4.5, 24.0)) * _DAY
        born = seen
    leaves = seen + (_EDGE - start) / (14.1844 + drift(latitude) - 0.9856) * _DAY
    ends = min(leaves, born + life, seen + _LONGEST * _DAY)
    return Region(
        ordinal=ordinal,
        first=max(math.ceil(seen / CADENCE), FIRST_SLOT),
        last=min(math.floor(ends / CADENCE), LAST_SLOT),
        reference=seen,
        longitude=observe(seen).longitude + start,
        latitude=latitude,
        born=born,
        rise=rise,
        life=life,
        cycle=cycle,
    )


def _latitude(seconds: float, choice: float, side: float, scatter: float) -> tuple[int, float]:
    """Draw cycle and latitude from the butterfly diagram (Hathaway 2011, Sol. Phys. 273, 221)."""
    year = 1993 + seconds / (365.25 * _DAY)
    # Around the minimum of 2019.9, regions of the new cycle replace those of the old one within two years.
    cycle = 25 if choice < (year - 2018.9) / 2.0 else 24
    age = max(year - (2008.9 if cycle == 24 else 2018.9), 0.0)
    mean = 28 * math.exp(-age / 7.5)
    latitude = min(max(mean + (2.0 + 0.12 * mean) * scatter, 3.0), 38.0)
    return cycle, latitude if side < 0.5 else -latitude


@lru_cache(maxsize=512)
def regions_on(day: int) -> tuple[Region, ...]:
    """List the regions that have a slot on a day (days since 1993-01-01), by HARP number."""
    begin, end = day * SLOTS_A_DAY, (day + 1) * SLOTS_A_DAY
    # Regions first appear in order, one in each interval of `_SPACING`, so only a few can have a slot on this day.
    earliest = max(math.floor((day - _LONGEST - _BEGIN / _DAY) / _SPACING) - 1, 0)
    latest = math.ceil((day + 1 - _BEGIN / _DAY) / _SPACING)
    known = map(region_of, range(earliest, latest + 1))
    return tuple(region for region in known if max(region.first, begin) <= min(region.last, end - 1))


def region_numbered(harpnum: int, near_real_time: bool) -> Region | None:
    """Find a region by its HARP number, the inverse of `Region.harpnum`; None if no region with a record has it."""
    ordinal = (harpnum - 5003) // 2 if near_real_time else (harpnum - 1) // 3
    if ordinal < 0 or ordinal * _SPACING * _DAY + _BEGIN > LAST_SLOT * CADENCE:
        return None
    region = region_of(ordinal)
    return region if region.harpnum(near_real_time) == harpnum and region.first <= region.last else None


def recnum_of(series: int, region: Region, slot: int) -> int:
    """Return the number of a record; ``series`` is the index of its series, which the number encodes, too."""
    return (_RECORDS_FROM + (region.ordinal << _SHIFT) + slot - region.first) * 4 + series


def record_of(recnum: int) -> tuple[int, Region, int] | None:
    """Return series, region and slot of a record number, the inverse of `recnum_of`; None if it is invalid."""
    rest, series = divmod(recnum, 4)
    ordinal, offset = divmod(rest - _RECORDS_FROM, 1 << _SHIFT)
    if ordinal < 0 or ordinal * _SPACING * _DAY + _BEGIN > LAST_SLOT * CADENCE:
        return None
    region = region_of(ordinal)
    slot = region.first + offset
    return (series, region, slot) if slot <= region.last else None


@lru_cache(maxsize=512)
def missing_records(region: Region, near_real_time: bool) -> int:
    """Count the slots in the life of a region that have no record."""
    return sum(
        region.first <= day * SLOTS_A_DAY + place <= region.last
        for day in range(region.first // SLOTS_A_DAY, region.last // SLOTS_A_DAY + 1)
        for place in missing_slots(day, near_real_time)
    )


@lru_cache(maxsize=8192)
def flux_of(ordinal: int) -> float:
    """Return the unsigned flux of a region at its maximum in Mx; most are small."""
    drawn = 1.1e22 * math.exp(0.75 * float(generator(5, 1, ordinal).standard_normal()))
    return min(max(drawn, 2.5e21), 4.5e22)


@lru_cache(maxsize=512)
def noaa_numbers(ordinal: int) -> tuple[int, ...]:
    """Return the NOAA numbers of a region: none, one or two."""
    block, place = divmod(ordinal, _BLOCK)
    kinds = [2] + [1] * _SINGLES + [0] * (_BLOCK - 1 - _SINGLES)
    # NOAA assigns numbers to regions with spots; the largest HARPs get two.
    order = sorted(range(block * _BLOCK, (block + 1) * _BLOCK), key=flux_of, reverse=True)
    counts = [kinds[order.index(member)] for member in sorted(order)]
    number = _NOAA_FROM + block * sum(kinds) + sum(counts[:place])
    return tuple(range(number, number + counts[place]))


def regions_with_noaa(number: int) -> list[Region]:
    """List the regions with a NOAA number and a record: one, or none."""
    block = (number - _NOAA_FROM) // (_SINGLES + 2)
    if block < 0 or block * _BLOCK * _SPACING * _DAY + _BEGIN > LAST_SLOT * CADENCE:
        return []
    ordinals = range(block * _BLOCK, (block + 1) * _BLOCK)
    found = [region_of(ordinal) for ordinal in ordinals if number in noaa_numbers(ordinal)]
    return [region for region in found if region.first <= region.last]
