"""Assign flares without a NOAA number to the records whose patch contains their position, rotated to T_REC."""

from __future__ import annotations

from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from sunpy.sun.models import differential_rotation

if TYPE_CHECKING:
    import numpy.typing as npt

    from sunpy_flarecast.flares import FlareList

__all__ = ["pairs_by_position"]


def pairs_by_position(
    times: npt.NDArray[np.datetime64],
    box: npt.NDArray[np.float64],
    flares: FlareList,
    moments: npt.NDArray[np.datetime64],
    longest: np.timedelta64,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """
    Pair records with the flares in their patch that have no NOAA number: rows, and indices in the list.

    ``times`` are T_REC in UTC. ``box`` has the latitudes and longitudes (Stonyhurst, degrees) that bound the patch of
    each record at T_REC, in the columns LATDTMIN, LATDTMAX, LONDTMIN, LONDTMAX. ``moments`` are the times of
    the flares, which count up to ``longest`` (the longest window) after T_REC.
    """
    order = np.argsort(times, kind="stable")
    sorted_times = times[order]
    known = (flares.noaa == 0) & np.isfinite(flares.lon) & np.isfinite(flares.lat) & ~np.isnat(moments)
    candidates = np.flatnonzero(known)
    first = np.searchsorted(sorted_times, moments[candidates] - longest, "left")
    last = np.searchsorted(sorted_times, moments[candidates], "left")
    # Synodic rate in degrees per day; over a few days the rotation is linear in time.
    rates = differential_rotation(1 * u.day, flares.lat * u.deg, frame_time="synodic").to_value(u.deg)
    rows, found = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for flare, begin, end in zip(candidates.tolist(), first.tolist(), last.tolist(), strict=True):
        near = order[begin:end]
        south, north, east, west = box[near].T
        longitude = flares.lon[flare] - rates[flare] * ((moments[flare] - times[near]) / np.timedelta64(1, "D"))
        latitude = flares.lat[flare]
        inside = near[(south <= latitude) & (latitude <= north) & (east <= longitude) & (longitude <= west)]
        rows.append(inside)
        found.append(np.full(len(inside), flare, dtype=np.int64))
    return np.concatenate(rows), np.concatenate(found)
