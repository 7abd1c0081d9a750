"""Position and velocity of the observer (SDO) relative to the Sun, and the conversion of TAI to UTC.

This module uses erfa; `sunpy.coordinates` gives the same values (tested) but takes milliseconds per call.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import erfa
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["AU", "LIGHT", "RSUN", "Observer", "distance", "observe", "utc_micros"]

#: Radius of the Sun that JSOC uses (keyword ``RSUN_REF``) and astronomical unit (``DSUN_REF``) in m; c in m/s.
RSUN: Final = 696_000_000.0
AU: Final = 149_597_870_691.0
LIGHT: Final = 299_792_458.0

# Rotation elements of the Sun as in `sunpy.coordinates` (Archinal et al. 2011, Celest. Mech. Dyn. Astron. 109, 101):
# north pole in ICRS, prime meridian at J2000.0, sidereal Carrington rotation rate.
_POLE_RA: Final = 286.13
_POLE_DEC: Final = 63.87
_MERIDIAN: Final = 84.176
_SIDEREAL: Final = 14.1844

#: Julian date (TT) of 1993-01-01T00:00:00 TAI, the epoch of slots, and the microseconds from 1970 to 1993.
_EPOCH_JD: Final = 2448988.5 + 32.184 / 86400
_J2000: Final = 2451545.0
_EPOCH_MICROS: Final = 725_846_400_000_000

# SDO's inclined geosynchronous orbit: speed, inclination, longitude (Pesnell et al. 2012, Sol. Phys. 275, 3).
_ORBIT_SPEED: Final = 3074.7
_ORBIT_TILT: Final = 28.5
_ORBIT_LONGITUDE: Final = -102.0


class Observer(NamedTuple):
    """The observer at one instant, in m, degrees and m/s; velocities are outward, westward and northward."""

    distance: float
    #: Carrington longitude (apparent) and latitude.
    longitude: float
    latitude: float
    #: Angular radius of the Sun in arcsec.
    radius: float
    #: Number of the Carrington rotation.
    rotation: int
    radial: float
    west: float
    north: float


@cache
def _axes() -> npt.NDArray[np.float64]:
    """Return the node of the Sun's equator on the ICRS equator, the direction 90° ahead, and the pole, as rows."""
    ra, dec = np.radians(_POLE_RA), np.radians(_POLE_DEC)
    pole = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    node = np.array([-np.sin(ra), np.cos(ra), 0.0])
    return np.stack([node, np.cross(pole, node), pole])


def _earth(seconds: npt.ArrayLike) -> tuple[Any, Any]:
    """Return the Earth's heliocentric position (m) and velocity (m/s) in the axes of `_axes`."""
    days = np.asarray(seconds, dtype=np.float64) / 86400
    # TT is used for TDB; they differ by 2 ms at most.
    heliocentric, _ = erfa.epv00(_EPOCH_JD, days)
    axes = _axes()
    return heliocentric["p"] @ axes.T * AU, heliocentric["v"] @ axes.T * (AU / 86400)


def distance(seconds: npt.ArrayLike) -> Any:
    """Return the distance of the Earth from the Sun in m, at TAI seconds since 1993-01-01T00:00:00 TAI."""
    position, _ = _earth(seconds)
    return np.sqrt((position * position).sum(axis=-1))


def observe(seconds: float) -> Observer:
    """Return where the observer is and how it moves, at TAI seconds since 1993-01-01T00:00:00 TAI."""
    # The position is the Earth's centre: SDO's orbit shifts it by 0.016 degree at most, and users can check it
    # against `sunpy.coordinates`. The velocity includes the orbit, since the Dopplergram shows it.
    position, velocity = _earth(seconds)
    away = float(np.sqrt(position @ position))
    unit = position / away
    # The surface is seen as it was when light left its nearest point, as in `sunpy.coordinates.sun.L0`.
    days = _EPOCH_JD - _J2000 + (seconds - (away - RSUN) / LIGHT) / 86400
    longitude = (np.degrees(np.arctan2(unit[1], unit[0])) - _MERIDIAN - _SIDEREAL * days) % 360
    west = np.array([-unit[1], unit[0], 0.0]) / np.hypot(unit[0], unit[1])
    velocity = velocity + _orbit(seconds)
    # Meeus, Astronomical Algorithms (1998), chapter 29: the mean rotation number, corrected with the true longitude.
    mean = (_EPOCH_JD + seconds / 86400 - 2398140.227) / 27.2752316
    return Observer(
        distance=away,
        longitude=float(longitude),
        latitude=float(np.degrees(np.arcsin(unit[2]))),
        radius=float(np.degrees(np.arcsin(RSUN / away)) * 3600),
        rotation=round(mean - (1 - float(longitude) / 360)),
        radial=float(velocity @ unit),
        west=float(velocity @ west),
        north=float(velocity @ np.cross(unit, west)),
    )


def _orbit(seconds: float) -> npt.NDArray[np.float64]:
    """Return the velocity of SDO around the Earth (m/s) in the axes of `_axes`."""
    # Sidereal time gives the position of a geosynchronous satellite; UT1 differs from TT by little more than a minute.
    phase = erfa.era00(_EPOCH_JD, seconds / 86400) + np.radians(_ORBIT_LONGITUDE)
    tilt = np.radians(_ORBIT_TILT)
    ahead = [-np.sin(phase), np.cos(phase) * np.cos(tilt), np.cos(phase) * np.sin(tilt)]
    return np.asarray(_ORBIT_SPEED * (_axes() @ np.array(ahead)), dtype=np.float64)


@cache
def _leaps() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the TAI microseconds since 1970 at which TAI-UTC took a new value, and the values in microseconds."""
    table = erfa.leap_seconds.get()
    table = table[table["year"] >= 1972]  # before 1972, UTC had different rates
    months = (table["year"].astype(np.int64) - 1970) * 12 + table["month"] - 1
    begins = months.astype("datetime64[M]").astype("datetime64[us]").astype(np.int64)
    offsets = np.rint(table["tai_utc"] * 1e6).astype(np.int64)
    return begins + offsets, offsets


def utc_micros(micros: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Convert TAI microseconds since 1993-01-01T00:00:00 TAI, not within a leap second, to POSIX microseconds."""
    begins, offsets = _leaps()
    tai = micros + _EPOCH_MICROS
    return np.asarray(tai - offsets[np.searchsorted(begins, tai, side="right") - 1], dtype=np.int64)
