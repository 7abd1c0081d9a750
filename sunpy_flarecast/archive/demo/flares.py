"""Synthetic flares; regions with large flux and twist have more, so that models have something to learn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from astropy.table import MaskedColumn, Table

from sunpy_flarecast.flares.classes import class_of_flux
from sunpy_flarecast.sharp.t_rec import CADENCE

from .ephemeris import utc_micros
from .keywords import ORIGIN
from .magnetic_field import bipole_of
from .random import generator
from .regions import drift, flux_of, noaa_numbers, observation_of, regions_on
from .time_slots import FIRST_DAY, LAST_DAY

if TYPE_CHECKING:
    from datetime import datetime

    import numpy.typing as npt

    from .regions import Region

__all__ = ["list_flares"]

_DAY: Final = 86400.0
#: Flares of C1 or larger per day in a region with 1e22 Mx whose field is twisted by `_TWIST` radians.
_RATE: Final = 0.25
#: The maximum number of flares per day.
_MOST: Final = 40.0
_TWIST: Final = math.radians(16)
#: The number of flares above a size goes as its inverse (Veronig et al. 2002, A&A 382, 1070), up to X20.
_SMALLEST: Final = 1e-6
_LARGEST: Final = 2e-3
#: The fraction of flares without a NOAA number.
_UNNUMBERED: Final = 0.08
_MINUTE: Final = 60_000_000


def list_flares(start: datetime | None, end: datetime | None) -> Table:
    """List the flares that peak at or after ``start`` and before ``end``, sorted by peak time."""
    begin, stop = (None if time is None else np.datetime64(time.replace(tzinfo=None), "us") for time in (start, end))
    first = FIRST_DAY if begin is None else max(_day(begin) - 1, FIRST_DAY)
    last = LAST_DAY if stop is None else min(_day(stop) + 1, LAST_DAY)
    regions = {region.ordinal: region for day in range(first, last + 1) for region in regions_on(day)}
    parts = [_flares_of(regions[ordinal]) for ordinal in sorted(regions)]
    columns = {name: np.concatenate([part[name] for part in parts]) if parts else np.zeros(0) for name in _NAMES}
    peak = columns["peak"].astype("datetime64[us]")
    chosen = np.ones(len(peak), dtype=bool)
    if begin is not None:
        chosen &= peak >= begin
    if stop is not None:
        chosen &= peak < stop
    order = np.flatnonzero(chosen)[np.argsort(peak[chosen], kind="stable")]
    noaa = columns["noaa"][order].astype(np.int64)
    table: dict[str, Any] = {}
    for name in ("start", "peak", "end"):
        table[name] = np.datetime_as_string(columns[name][order].astype("datetime64[us]"), unit="s")
    table["class"] = np.array([class_of_flux(size) for size in columns["size"][order].tolist()], dtype="U6")
    table["noaa"] = MaskedColumn(noaa, mask=noaa == 0)
    places = zip(columns["lat"][order].tolist(), columns["lon"][order].tolist(), strict=True)
    table["position"] = np.array([_position(*place) for place in places], dtype="U7")
    table["origin"] = np.full(len(order), ORIGIN)
    return Table(table, meta={"origin": ORIGIN})


_NAMES: Final = ("start", "peak", "end", "size", "noaa", "lon", "lat")


def _day(time: np.datetime64) -> int:
    return int((time - np.datetime64("1993-01-01", "us")) // np.timedelta64(1, "D"))


def _position(lat: float, lon: float) -> str:
    """Write a position as NOAA does."""
    return f"{'N' if lat >= 0 else 'S'}{abs(round(lat)):02d}{'W' if lon >= 0 else 'E'}{abs(round(lon)):02d}"


def _flares_of(region: Region) -> dict[str, npt.NDArray[Any]]:
    """Sample the flares of a region while it is on the disk."""
    random = generator(7, 0, region.ordinal)
    hours = np.arange(region.first * CADENCE, region.last * CADENCE, 3600.0)
    count = random.poisson(_rate(region, hours + 1800) / 24)
    number = int(count.sum())
    seconds = np.repeat(hours, count) + random.uniform(0, 3600, number)
    seconds = np.minimum(seconds, region.last * CADENCE)
    peak = utc_micros(np.rint(seconds * 1e6).astype(np.int64)) // _MINUTE * _MINUTE
    rise = np.clip(np.rint(8 * np.exp(0.7 * random.standard_normal(number))), 1, 90).astype(np.int64)
    decay = np.clip(np.rint(9 * np.exp(0.7 * random.standard_normal(number))), 1, 180).astype(np.int64)
    # The inverse of the cumulative distribution, between the smallest and the largest size.
    share = random.random(number) * (1 - _SMALLEST / _LARGEST)
    numbers = noaa_numbers(region.ordinal)
    choice = random.integers(max(len(numbers), 1), size=number)
    unnumbered = random.random(number) < _UNNUMBERED
    noaa = np.array([0, *numbers])[choice + 1] if numbers else np.zeros(number, dtype=np.int64)
    rotation = 14.1844 - 0.9856 + drift(region.latitude)
    lon, lat = random.normal(0, 1.0, (2, number))
    if number:
        seen = observation_of(region, region.first, near_real_time=False)
        lon += seen.longitude + rotation * (seconds - seen.seconds) / _DAY
    return {
        "start": peak - rise * _MINUTE,
        "peak": peak,
        "end": peak + decay * _MINUTE,
        "size": _SMALLEST / (1 - share),
        "noaa": np.where(unnumbered, 0, noaa),
        "lon": lon,
        "lat": lat + region.latitude,
    }


def _rate(region: Region, seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the flares per day, which increase with the flux and the twist; see `sources_of`."""
    grown = np.sin(np.pi / 2 * np.clip((seconds - region.born) / region.rise, 0, 1)) ** 2
    decayed = np.clip((seconds - region.born - region.rise) / (region.life - region.rise), 0, 1)
    flux = flux_of(region.ordinal) / 1e22 * (0.06 + 0.94 * grown) * (1 - 0.96 * decayed)
    twist = abs(float(bipole_of(region).twist.mean())) / _TWIST
    return np.minimum(_RATE * flux**2 * math.exp(1.5 * (twist - 1)), _MOST)
