"""Boxes of longitude and latitude on the Sun: what an observer sees of them, up to the limb."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

__all__ = ["box_outline"]

#: Points of a side of a box.
_POINTS: Final = 40


def box_outline(west: float, south: float, east: float, north: float, b0: float, edge: float) -> tuple[Any, Any]:
    """
    Walk around a box of longitudes and latitudes, along the limb where it goes beyond.

    Parameters
    ----------
    west, south, east, north : float
        The least longitude from the observer's meridian, the least latitude, the greatest of both, in degree.
    b0 : float
        Latitude of the observer, in degree.
    edge : float
        Radius of the Sun over the observer's distance; places whose vertical has less than this as its cosine to the
        observer are beyond the limb.

    Returns
    -------
    longitude, latitude : ndarray
        In degree; empty if nothing of the box can be seen, or its bounds are not known (NaN).

    Examples
    --------
    >>> from sunpy_flarecast.utils.outlines import box_outline
    >>> longitude, latitude = box_outline(60, -10, 120, 10, 0.0, 0.0)
    >>> print(longitude.min(), longitude.max())
    60.0 90.0
    >>> box_outline(100, -10, 120, 10, 0.0, 0.0)[0].size
    0
    """
    if not np.all(np.isfinite((west, south, east, north))):
        return np.empty(0), np.empty(0)
    latitude = np.linspace(south, north, _POINTS)
    sine, cosine = np.sin(np.radians(latitude)), np.cos(np.radians(latitude))
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = (edge - np.sin(np.radians(b0)) * sine) / (np.cos(np.radians(b0)) * cosine)
    limb = np.degrees(np.arccos(np.clip(limit, -1, 1)))
    least, most = np.maximum(west, -limb), np.minimum(east, limb)
    seen = least < most
    if not seen.any():
        return np.empty(0), np.empty(0)
    latitude, least, most = latitude[seen], least[seen], most[seen]
    along = np.linspace(0, 1, _POINTS)[1:-1]
    parts = (
        (least[0] + (most[0] - least[0]) * along, np.full(along.size, latitude[0])),
        (most, latitude),
        (most[-1] + (least[-1] - most[-1]) * along, np.full(along.size, latitude[-1])),
        (least[::-1], latitude[::-1]),
    )
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
