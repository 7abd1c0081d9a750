"""The images of a record: for each segment its pixels, and how a file stores them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from .ephemeris import RSUN

if TYPE_CHECKING:
    from collections.abc import Callable

    from .pixels import View

__all__ = ["Storage", "image", "storage"]

_YEAR: Final = 365.25 * 86400


class Storage(NamedTuple):
    """
    How a segment is stored.

    Parameters
    ----------
    bits : int
        8, 16 or 32.
    scale, zero : float
        ``BSCALE`` and ``BZERO``.
    blank : int or None
        The integer of missing pixels.
    """

    bits: int = 32
    scale: float = 1.0
    zero: float = 0.0
    blank: int | None = -(2**31)


def _magnetogram(view: View) -> Any:
    return view.seen[2]


def _dopplergram(view: View) -> Any:
    return _velocity(view) + 35.0 * view.noise(1, 1)[0]


def _velocity(view: View) -> Any:
    """
    Compute the velocity along the line of sight, positive away, in m/s.

    The surface turns after Snodgrass & Ulrich (1990, ApJ 351, 309), their rate of the plasma from Doppler shifts;
    the observer's own motion is left in, as HMI has it.
    """
    grid, observer = view.grid, view.observer
    square = np.sin(grid.latitude) ** 2
    rate = np.radians(14.713 - 2.396 * square - 1.787 * square * square) / 86400
    speed = rate * RSUN * np.cos(grid.latitude)
    rotation = speed * np.sin(grid.longitude) * np.cos(np.radians(observer.latitude))
    # The observer's velocity along each line of sight, of which `radial` is the part of the disk's centre.
    outward = view.outward
    slant = RSUN / (observer.distance - RSUN * outward[2])
    motion = observer.radial - observer.west * outward[0] * slant - observer.north * outward[1] * slant
    return rotation + motion


def _continuum(view: View) -> Any:
    """
    Compute the continuum in DN/s: limb darkening (Cox 2000, Allen's Astrophysical Quantities, at 600 nm) and spots.

    Where the field passes 900 G there is penumbra, above 1700 G umbra; the camera loses sensitivity over the years.
    """
    mu, strength = view.towards, view.field.smooth
    darkening = 1 - 0.88 + 0.23 + 0.88 * mu - 0.23 * mu * mu
    grain = view.noise(2, 1)[0]
    penumbra = 1 / (1 + np.exp(-(strength - 950.0 + 60.0 * grain) / 70.0))
    umbra = 1 / (1 + np.exp(-(strength - 1700.0) / 130.0))
    spots = 1 - 0.22 * penumbra - 0.56 * umbra
    level = 64500.0 - 1650.0 * (view.seconds / _YEAR - 17.3)
    return level * darkening * spots * (1 + 0.012 * grain * (1 - 0.6 * penumbra))


def _azimuth(view: View) -> Any:
    """Give the direction of the field across the line of sight, counter-clockwise from the CCD's +y, from 0 to 360."""
    x, y = view.on_ccd
    return np.degrees(np.arctan2(-x, y)) % 360


def _field(view: View) -> Any:
    west, north, towards = view.seen
    return np.sqrt(west * west + north * north + towards * towards)


def _inclination(view: View) -> Any:
    west, north, towards = view.seen
    return np.degrees(np.arctan2(np.hypot(west, north), towards))


def _field_error(view: View) -> Any:
    return 0.8 * view.across_error + 0.004 * _field(view)


def _across(view: View) -> Any:
    return np.maximum(np.hypot(view.seen[0], view.seen[1]), 5.0)


def _like(view: View, value: float, spread: float, slope: float = 0.0, what: int = 3) -> Any:
    """Make an image of a quantity of the inversion that scatters around a value and changes with the field (per kG)."""
    return value + slope * view.field.smooth / 1000 + spread * view.noise(what, 1)[0]


def _strong(view: View, strong: int, weak: int) -> Any:
    return np.where(view.confidence == 90, strong, weak)


_REAL: Final = Storage(scale=0.01)
_CODE: Final = Storage(bits=16, blank=-(2**15))
_ERROR: Final = Storage(scale=0.001)
_CORRELATION: Final = Storage(scale=0.0001)

# Scales are those of JSOC where a file at hand showed them, else of like precision. Values of the Milne-Eddington
# inversion are typical of VFISV (Centeno et al. 2014, Sol. Phys. 289, 3531), whose filling factor is fixed at 1.
_SEGMENTS: Final[dict[str, tuple[Storage, Callable[[View], Any]]]] = {
    "magnetogram": (Storage(scale=0.1), _magnetogram),
    "bitmap": (Storage(bits=8, blank=None), lambda view: view.bitmap),
    "Dopplergram": (Storage(scale=0.5), _dopplergram),
    "continuum": (Storage(scale=3.0, zero=97304.0), _continuum),
    "inclination": (_REAL, _inclination),
    "azimuth": (_REAL, lambda view: _azimuth(view) % 180),
    "field": (_REAL, _field),
    "vlos_mag": (Storage(scale=1.0), lambda view: 100 * (_velocity(view) + 45.0 * view.noise(4, 1)[0])),
    "dop_width": (_REAL, lambda view: _like(view, 27.0, 1.5, 2.0)),
    "eta_0": (_REAL, lambda view: np.maximum(_like(view, 9.0, 1.5, 3.0, 5), 1.0)),
    "damping": (_CORRELATION, lambda view: np.full(view.towards.shape, 0.5)),
    "src_continuum": (_REAL, lambda view: 0.34 * _continuum(view)),
    "src_grad": (_REAL, lambda view: 0.66 * _continuum(view)),
    "alpha_mag": (_CORRELATION, lambda view: np.ones(view.towards.shape)),
    "chisq": (_CORRELATION, lambda view: np.exp(0.5 * _like(view, 3.0, 0.8, 0.6, 6))),
    "conv_flag": (_CODE, lambda view: np.zeros(view.towards.shape)),
    "info_map": (Storage(), lambda view: _strong(view, 0, 0x10000000)),
    "confid_map": (_CODE, lambda view: _strong(view, 0, 1)),
    "inclination_err": (_ERROR, lambda view: np.degrees(np.arctan2(view.across_error, _field(view) + 60.0))),
    "azimuth_err": (_ERROR, lambda view: np.minimum(np.degrees(np.arctan2(view.across_error, _across(view))), 90.0)),
    "field_err": (_ERROR, _field_error),
    "vlos_err": (_REAL, lambda view: np.abs(_like(view, 2200.0, 150.0, 1500.0, 7))),
    "alpha_err": (_CORRELATION, lambda view: np.zeros(view.towards.shape)),
    "field_inclination_err": (_CORRELATION, lambda view: np.tanh(_like(view, 0.0, 0.25, -0.3, 8))),
    "field_az_err": (_CORRELATION, lambda view: np.tanh(_like(view, 0.0, 0.05, 0.0, 9))),
    "inclin_azimuth_err": (_CORRELATION, lambda view: np.tanh(_like(view, 0.0, 0.05, 0.0, 10))),
    "field_alpha_err": (_CORRELATION, lambda view: np.zeros(view.towards.shape)),
    "inclination_alpha_err": (_CORRELATION, lambda view: np.zeros(view.towards.shape)),
    "azimuth_alpha_err": (_CORRELATION, lambda view: np.zeros(view.towards.shape)),
    # One bit each for the potential, random and radial method; where the truth is known, all three find it.
    "disambig": (_CODE, lambda view: np.where(_azimuth(view) >= 180, 7, 0)),
    "conf_disambig": (_CODE, lambda view: view.confidence),
    "Bp": (_REAL, lambda view: view.vector[0]),
    "Bt": (_REAL, lambda view: view.vector[1]),
    "Br": (_REAL, lambda view: view.vector[2]),
    "Bp_err": (_ERROR, lambda view: view.vector_errors[0]),
    "Bt_err": (_ERROR, lambda view: view.vector_errors[1]),
    "Br_err": (_ERROR, lambda view: view.vector_errors[2]),
}


def storage(name: str) -> Storage:
    """
    Tell how a segment is stored.

    Parameters
    ----------
    name : str
        The segment's name in JSOC's spelling.

    Returns
    -------
    Storage

    Raises
    ------
    KeyError
        There is no such segment.

    Examples
    --------
    >>> from sunpy_flarecast.archive.demo.images import storage
    >>> storage("Br").scale
    0.01
    """
    return _SEGMENTS[name][0]


def image(name: str, view: View) -> Any:
    """
    Make the image of a segment as it is stored.

    Parameters
    ----------
    name : str
        The segment's name in JSOC's spelling.
    view : View
        The record in the projection of the segment's series.

    Returns
    -------
    ndarray of int
        The value of a pixel is ``BZERO + BSCALE * integer``.

    Raises
    ------
    KeyError
        There is no such segment.
    """
    how, make = _SEGMENTS[name]
    values = make(view)
    if how.blank is None:
        return values
    stored = np.rint((values - how.zero) / how.scale).astype(f"int{how.bits}")
    return np.where(view.grid.visible, stored, np.array(how.blank, dtype=stored.dtype))
