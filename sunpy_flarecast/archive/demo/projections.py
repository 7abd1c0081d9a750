"""The two projections: from pixels to places on the Sun, and the field's components as the observer sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from .ephemeris import RSUN

if TYPE_CHECKING:
    from .ephemeris import Observer

__all__ = ["CCD_SCALE", "CEA_SCALE", "CENTRE", "Grid", "ccd_grid", "ccd_pixel", "cea_grid", "image_axes", "roll"]

#: Pixel of the CCD in arcsec, pixel of the CEA grid in degree, and the Sun's centre on the CCD (pixels from 1).
CCD_SCALE: Final = 0.504042
CEA_SCALE: Final = 0.03
CENTRE: Final = (2036.91125, 2054.1084)

_ARCSEC: Final = np.pi / 180 / 3600


class Grid(NamedTuple):
    """
    Where the pixels of an image lie.

    Parameters
    ----------
    longitude, latitude : ndarray
        Longitude from the central meridian (of the observer) and heliographic latitude, in radians; arbitrary where
        not `visible`.
    visible : ndarray of bool
        Whether the pixel shows the disk, or a place that the observer can see.
    reference : tuple of float
        ``CRPIX1``, ``CRPIX2``, ``CRVAL1``, ``CRVAL2``.
    """

    longitude: Any
    latitude: Any
    visible: Any
    reference: tuple[float, float, float, float]


def roll(slot: int) -> float:
    """
    Give ``CROTA2``: HMI's CCD stands on its head, and the spacecraft's roll wanders a little.

    Parameters
    ----------
    slot : int
        Slot of T_REC.

    Returns
    -------
    float
        In degree.

    Examples
    --------
    >>> from sunpy_flarecast.archive.demo.projections import roll
    >>> abs(roll(1005598) - 180) < 0.1
    True
    """
    return float(180.0134 + 0.004 * np.sin(2 * np.pi * slot / 43830))


def image_axes(longitude: Any, latitude: Any, observer: Observer) -> tuple[Any, Any, Any]:
    """
    Give the local directions in the observer's axes.

    As JSOC does it (Sun 2013, arXiv:1309.2392), the line of sight is taken as the same over the disk.

    Parameters
    ----------
    longitude, latitude : ndarray
        In radians, longitude from the central meridian.
    observer : Observer
        Who looks.

    Returns
    -------
    tuple of tuple of ndarray
        The directions west (of Bp), north (against Bt) and outward (of Br), each by its components towards image
        west, image north and the observer.
    """
    sin_b, cos_b = np.sin(np.radians(observer.latitude)), np.cos(np.radians(observer.latitude))
    sin_l, cos_l, sin_p, cos_p = np.sin(longitude), np.cos(longitude), np.sin(latitude), np.cos(latitude)
    west = (cos_l, sin_l * sin_b, -sin_l * cos_b)
    north = (-sin_p * sin_l, cos_p * cos_b + sin_p * cos_l * sin_b, cos_p * sin_b - sin_p * cos_l * cos_b)
    outward = (cos_p * sin_l, sin_p * cos_b - cos_p * cos_l * sin_b, sin_p * sin_b + cos_p * cos_l * cos_b)
    return west, north, outward


def cea_grid(centre: tuple[float, float], shape: tuple[int, int], observer: Observer) -> Grid:
    """
    Lay the cylindrical equal-area grid around a centre.

    The projection is oblique: its equator goes through the centre (Sun 2013, arXiv:1309.2392), so that all pixels
    show the same area; FITS says the same with CRVAL2 other than 0.

    Parameters
    ----------
    centre : tuple of float
        Carrington longitude and latitude in degree.
    shape : tuple of int
        Rows and columns.
    observer : Observer
        Who looks.

    Returns
    -------
    Grid
    """
    rows, columns = shape
    reference = ((columns + 1) / 2, (rows + 1) / 2, *centre)
    along = np.radians((np.arange(columns) + 1 - reference[0]) * CEA_SCALE)[np.newaxis, :]
    up = np.radians((np.arange(rows) + 1 - reference[1]) * CEA_SCALE)[:, np.newaxis]
    cosine = np.sqrt(1 - up * up)
    sin_c, cos_c = np.sin(np.radians(centre[1])), np.cos(np.radians(centre[1]))
    latitude = np.arcsin(cosine * np.cos(along) * sin_c + up * cos_c)
    turn = np.arctan2(cosine * np.sin(along), cosine * np.cos(along) * cos_c - up * sin_c)
    longitude = turn + np.radians(centre[0] - observer.longitude)
    towards = image_axes(longitude, latitude, observer)[2][2]
    return Grid(longitude, latitude, towards > RSUN / observer.distance, reference)


def ccd_grid(box: tuple[int, int, int, int], angle: float, observer: Observer) -> Grid:
    """
    Lay a cutout of the CCD on the Sun.

    Parameters
    ----------
    box : tuple of int
        First column, first row, number of columns, number of rows; columns and rows of the CCD from 1.
    angle : float
        ``CROTA2`` in degree.
    observer : Observer
        Who looks.

    Returns
    -------
    Grid
    """
    reference = (CENTRE[0] - box[0] + 1, CENTRE[1] - box[1] + 1, 0.0, 0.0)
    x = (np.arange(box[2]) + 1 - reference[0])[np.newaxis, :] * (CCD_SCALE * _ARCSEC)
    y = (np.arange(box[3]) + 1 - reference[1])[:, np.newaxis] * (CCD_SCALE * _ARCSEC)
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    # Tangents of the angles to solar west and north, which is what the TAN projection has.
    west, north = cosine * x - sine * y, sine * x + cosine * y
    # The nearer crossing of the ray (west, north, -1) with the sphere.
    square = west * west + north * north + 1
    away = observer.distance
    root = away * away - square * (away * away - RSUN * RSUN)
    way = (away - np.sqrt(np.maximum(root, 0))) / square
    w, n, t = way * west / RSUN, way * north / RSUN, (away - way) / RSUN
    sin_b, cos_b = np.sin(np.radians(observer.latitude)), np.cos(np.radians(observer.latitude))
    latitude = np.arcsin(np.clip(n * cos_b + t * sin_b, -1, 1))
    longitude = np.arctan2(w, t * cos_b - n * sin_b)
    return Grid(longitude, latitude, root > 0, reference)


def ccd_pixel(longitude: Any, latitude: Any, angle: float, observer: Observer) -> tuple[Any, Any, Any]:
    """
    Tell where on the CCD a place on the Sun is seen.

    Parameters
    ----------
    longitude, latitude : ndarray
        In radians, longitude from the central meridian.
    angle : float
        ``CROTA2`` in degree.
    observer : Observer
        Who looks.

    Returns
    -------
    tuple of ndarray
        Column and row (the first are 1), and whether the observer sees it at all.
    """
    west, north, towards = (part * RSUN for part in image_axes(longitude, latitude, observer)[2])
    scale = CCD_SCALE * _ARCSEC * (observer.distance - towards)
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    column = CENTRE[0] + (cosine * west + sine * north) / scale
    row = CENTRE[1] + (cosine * north - sine * west) / scale
    return column, row, towards > RSUN * RSUN / observer.distance
