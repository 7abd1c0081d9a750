"""The two projections: from pixels to positions on the Sun, and the field's components relative to the observer."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .ephemeris import RSUN

if TYPE_CHECKING:
    from .ephemeris import Observer

__all__ = ["CCD_SCALE", "CEA_SCALE", "CENTRE", "Grid", "ccd_box", "ccd_grid", "cea_grid", "roll"]

#: Pixel size of the CCD in arcsec, that of the CEA grid in degrees, and the Sun's centre on the CCD (pixels from 1).
CCD_SCALE: Final = 0.504042
CEA_SCALE: Final = 0.03
CENTRE: Final = (2036.91125, 2054.1084)

#: Side of the CCD in pixels.
_CCD: Final = 4096
_ARCSEC: Final = math.pi / 180 / 3600

#: Three components of vectors.
Vectors = tuple[Any, Any, Any]


class Grid:
    """
    The positions of an image's pixels on the Sun.

    Directions are computed with products and roots only, which is faster than with sines of angles, and gives the same
    results on every machine.

    ``unit`` holds unit vectors from the Sun's centre to the pixels, as components towards the west limb, the north
    pole, and the equator at the observer's central meridian; vectors off the disk are longer. ``outward`` holds the
    same vectors as components towards image west, image north and the observer. ``tilt`` is the sine and cosine of the
    observer's latitude. ``visible`` marks the pixels that show a position visible to the observer.
    """

    def __init__(self, unit: Vectors, outward: Vectors, tilt: tuple[float, float], visible: Any) -> None:
        self.unit, self.outward, self.tilt, self.visible = unit, outward, tilt, visible

    @property
    def longitude(self) -> Any:
        """Longitude from the central meridian in radians."""
        return np.arctan2(self.unit[0], self.unit[2])

    @property
    def latitude(self) -> Any:
        """Heliographic latitude in radians."""
        return np.arcsin(np.clip(self.unit[1], -1, 1))

    @cached_property
    def turns(self) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        """Sines and cosines of longitude and of latitude."""
        # Single precision changes a field of 1000 G by 1e-4 G.
        west, north, centre = (part.astype(np.float32) for part in self.unit)
        cosine = np.sqrt(west * west + centre * centre)
        return (west / cosine, centre / cosine), (north, cosine)

    def to_image(self, west: Any, north: Any, radial: Any) -> Vectors:
        """Turn vectors on the Sun so that their components are towards image west, image north and the observer."""
        # As at JSOC (Sun 2013, arXiv:1309.2392), the line of sight is assumed to be the same over the disk.
        (sin_l, cos_l), (sin_p, cos_p) = self.turns
        along, out = _turned(north, radial, sin_p, cos_p)
        x, out = _turned(west, out, sin_l, cos_l)
        return (x, *_turned(along, out, -self.tilt[0], self.tilt[1]))

    def to_sun(self, x: Any, y: Any, towards: Any) -> Vectors:
        """Return components to the west, to the north and outward, the inverse of `to_image`."""
        (sin_l, cos_l), (sin_p, cos_p) = self.turns
        along, out = _turned(y, towards, *self.tilt)
        west, out = _turned(x, out, -sin_l, cos_l)
        return (west, *_turned(along, out, -sin_p, cos_p))


def _turned(first: Any, second: Any, sine: Any, cosine: Any) -> tuple[Any, Any]:
    return first * cosine + second * sine, second * cosine - first * sine


def _sine_cosine(degrees: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return math.sin(angle), math.cos(angle)


def roll(slot: int) -> float:
    """Return ``CROTA2`` in degrees: HMI's CCD is upside down, and the spacecraft's roll varies a little."""
    return 180.0134 + 0.004 * math.sin(2 * math.pi * slot / 43830)


def cea_grid(centre: tuple[float, float], shape: tuple[int, int], observer: Observer, every: int = 1) -> Grid:
    """Make the cylindrical equal-area grid around a centre (Carrington longitude and latitude in degrees)."""
    # The projection is oblique: its equator goes through the centre (Sun 2013, arXiv:1309.2392), so that shapes are
    # least distorted there; in FITS, a CRVAL2 other than 0 means the same. `every` selects every nth row and column.
    up, along = (np.radians((np.arange(0, side, every) - (side - 1) / 2) * CEA_SCALE) for side in shape)
    up = up[:, np.newaxis]
    level = np.sqrt(1 - up * up)
    ahead = level * np.cos(along)
    sine, cosine = _sine_cosine(centre[1])
    middle = _sine_cosine(centre[0] - observer.longitude)
    west, out = _turned(level * np.sin(along), ahead * cosine - up * sine, *middle)
    unit = west, ahead * sine + up * cosine, out
    tilt = _sine_cosine(observer.latitude)
    outward = (west, *_turned(*unit[1:], -tilt[0], tilt[1]))
    return Grid(unit, outward, tilt, outward[2] > RSUN / observer.distance)


def ccd_grid(box: tuple[int, int, int, int], angle: float, observer: Observer) -> Grid:
    """Make the grid of a CCD cutout: first and last column, first and last row (from 1); `angle` is ``CROTA2``."""
    x = (np.arange(box[0], box[1] + 1) - CENTRE[0]) * (CCD_SCALE * _ARCSEC)
    y = (np.arange(box[2], box[3] + 1) - CENTRE[1])[:, np.newaxis] * (CCD_SCALE * _ARCSEC)
    sine, cosine = _sine_cosine(angle)
    # The nearer intersection of the ray (west, north, -1) of the TAN projection with a sphere of radius 1.
    away = observer.distance / RSUN
    square = x * x + y * y
    root = 1 - square * (away * away - 1)
    path = (away - np.sqrt(np.maximum(root, 0))) / (1 + square)
    outward = (cosine * x - sine * y) * path, (sine * x + cosine * y) * path, away - path
    tilt = _sine_cosine(observer.latitude)
    return Grid((outward[0], *_turned(*outward[1:], *tilt)), outward, tilt, root > 0)


def ccd_box(grid: Grid, angle: float, observer: Observer) -> tuple[int, int, int, int]:
    """Return the cutout of the CCD that contains the visible pixels of a grid."""
    west, north, towards = (axis[grid.visible] * RSUN for axis in grid.outward)
    scale = CCD_SCALE * _ARCSEC * (observer.distance - towards)
    sine, cosine = _sine_cosine(angle)
    column = CENTRE[0] + (cosine * west + sine * north) / scale
    row = CENTRE[1] + (cosine * north - sine * west) / scale
    left, low = (max(int(places.min()) - 3, 1) for places in (column, row))
    right, high = (min(math.ceil(places.max()) + 3, _CCD) for places in (column, row))
    return left, right, low, high
