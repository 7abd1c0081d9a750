"""The images of a record: the pixels of each segment, and their storage in files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from .ephemeris import RSUN
from .pixels import LOS_STEP, STEP

if TYPE_CHECKING:
    from collections.abc import Callable

    from .pixels import View

__all__ = ["Storage", "image", "storage"]

_YEAR: Final = 365.25 * 86400


class Storage(NamedTuple):
    """The storage of a segment: BITPIX, BSCALE, BZERO and BLANK."""

    bits: int = 32
    scale: float = 1.0
    zero: float = 0.0
    blank: int | None = -(2**31)


def _velocity(view: View) -> Any:
    """Compute the line-of-sight velocity (positive away) in m/s."""
    # The surface rotates at the rate of Doppler features (Snodgrass & Ulrich 1990, ApJ 351, 309), a few percent faster
    # than the plasma. The observer's own motion is not removed, as in HMI data.
    (sin_l, _), (sin_p, cos_p) = view.grid.turns
    observer = view.observer
    square = sin_p * sin_p
    # From degrees per day to m/s along the line of sight.
    unit = math.radians(1) / 86400 * RSUN * math.cos(math.radians(observer.latitude))
    rotation = (14.713 - 2.396 * square - 1.787 * square * square) * cos_p * sin_l * unit
    # The observer's velocity along each line of sight; `radial` is that at disk centre.
    west, north, towards = view.grid.outward
    slant = RSUN / (observer.distance - RSUN * towards)
    return rotation + observer.radial - (observer.west * west + observer.north * north) * slant


def _continuum(view: View) -> Any:
    """
    Compute the continuum in DN/s: limb darkening (Cox 2000, Allen's Astrophysical Quantities, at 600 nm) and spots.

    Penumbrae lie above about 950 G, umbrae above 1700 G. The camera loses sensitivity over the years.
    """
    mu, strength = view.towards, view.field.smooth
    darkening = 1 - 0.88 + 0.23 + 0.88 * mu - 0.23 * mu * mu
    grain = view.noise(3)[0]
    penumbra = 1 / (1 + np.exp((950 - strength - 60 * grain) / 70))
    umbra = 1 / (1 + np.exp((1700 - strength) / 130))
    spots = 1 - 0.22 * penumbra - 0.56 * umbra
    level = 64500.0 - 1650.0 * (view.seen.seconds / _YEAR - 17.3)
    return level * darkening * spots * (1 + 0.012 * grain * (1 - 0.6 * penumbra))


def _azimuth(view: View) -> Any:
    """Return the azimuth of the transverse field in degrees (0 to 360), counter-clockwise from the CCD's +y."""
    x, y = view.on_ccd
    return np.degrees(np.arctan2(-x, y)) % 360


def _across(view: View) -> Any:
    west, north = view.across
    return np.sqrt(west * west + north * north)


def _field(view: View) -> Any:
    (west, north), towards = view.across, view.towards_observer
    return np.sqrt(west * west + north * north + towards * towards)


def _like(view: View, value: float, spread: float, slope: float = 0.0, purpose: int = 11) -> Any:
    """Make an image of an inversion parameter that scatters around a value; ``slope`` is its change per kG."""
    noise = view.noise(purpose)[0]
    noise *= spread
    noise += value
    return noise + view.field.smooth * (slope / 1000) if slope else noise


def _strong(view: View, strong: int, weak: int) -> Any:
    return np.where(view.confidence == 90, strong, weak)


def _all(view: View, value: float) -> Any:
    return np.full(view.grid.visible.shape, value, dtype=np.float32)


_REAL: Final = Storage(scale=STEP)
_CODE: Final = Storage(bits=16, blank=-(2**15))
_ERROR: Final = Storage(scale=0.001)
_CORRELATION: Final = Storage(scale=0.0001)

# Scales are those of JSOC where a file was available, otherwise of similar precision. Values of the Milne-Eddington
# inversion are typical of VFISV (Centeno et al. 2014, Sol. Phys. 289, 3531), whose filling factor is fixed at 1.
_SEGMENTS: Final[dict[str, tuple[Storage, Callable[[View], Any]]]] = {
    "magnetogram": (Storage(scale=LOS_STEP), lambda view: view.los * LOS_STEP),
    "bitmap": (Storage(bits=8, blank=None), lambda view: view.bitmap),
    "Dopplergram": (Storage(scale=0.5), lambda view: _velocity(view) + 35 * view.noise(2)[0]),
    "continuum": (Storage(scale=3.0, zero=97304.0), _continuum),
    "inclination": (_REAL, lambda view: np.degrees(np.arctan2(_across(view), view.towards_observer))),
    "azimuth": (_REAL, lambda view: _azimuth(view) % 180),
    "field": (_REAL, _field),
    "vlos_mag": (Storage(scale=1.0), lambda view: 100 * (_velocity(view) + 45 * view.noise(4)[0])),
    "dop_width": (_REAL, lambda view: _like(view, 27.0, 1.5, 2.0)),
    "eta_0": (_REAL, lambda view: np.maximum(_like(view, 9.0, 1.5, 3.0, 5), 1)),
    "damping": (_CORRELATION, lambda view: _all(view, 0.5)),
    "src_continuum": (_REAL, lambda view: 0.34 * _continuum(view)),
    "src_grad": (_REAL, lambda view: 0.66 * _continuum(view)),
    "alpha_mag": (_CORRELATION, lambda view: _all(view, 1)),
    "chisq": (_CORRELATION, lambda view: np.exp(0.5 * _like(view, 3.0, 0.8, 0.6, 6))),
    "conv_flag": (_CODE, lambda view: _all(view, 0)),
    "info_map": (Storage(), lambda view: _strong(view, 0, 0x10000000)),
    "confid_map": (_CODE, lambda view: _strong(view, 0, 1)),
    "inclination_err": (_ERROR, lambda view: np.degrees(np.arctan2(view.across_error, _field(view) + 60))),
    "azimuth_err": (
        _ERROR,
        lambda view: np.minimum(np.degrees(np.arctan2(view.across_error, np.maximum(_across(view), 5))), 90),
    ),
    "field_err": (_ERROR, lambda view: 0.8 * view.across_error + 0.004 * _field(view)),
    "vlos_err": (_REAL, lambda view: np.abs(_like(view, 2200.0, 150.0, 1500.0, 7))),
    "alpha_err": (_CORRELATION, lambda view: _all(view, 0)),
    "field_inclination_err": (_CORRELATION, lambda view: np.tanh(_like(view, 0.0, 0.25, -0.3, 8))),
    "field_az_err": (_CORRELATION, lambda view: np.tanh(_like(view, 0.0, 0.05, 0.0, 9))),
    "inclin_azimuth_err": (_CORRELATION, lambda view: np.tanh(_like(view, 0.0, 0.05, 0.0, 10))),
    "field_alpha_err": (_CORRELATION, lambda view: _all(view, 0)),
    "inclination_alpha_err": (_CORRELATION, lambda view: _all(view, 0)),
    "azimuth_alpha_err": (_CORRELATION, lambda view: _all(view, 0)),
    # One bit for each of the potential, random and radial methods, which all give the true direction here.
    "disambig": (_CODE, lambda view: np.where(_azimuth(view) >= 180, 7, 0)),
    "conf_disambig": (_CODE, lambda view: view.confidence),
    "Bp": (_REAL, lambda view: view.vector[0] * STEP),
    "Bt": (_REAL, lambda view: view.vector[1] * STEP),
    "Br": (_REAL, lambda view: view.vector[2] * STEP),
    "Bp_err": (_ERROR, lambda view: view.vector_errors()[0]),
    "Bt_err": (_ERROR, lambda view: view.vector_errors()[1]),
    "Br_err": (_ERROR, lambda view: view.vector_errors()[2]),
}


def storage(name: str) -> Storage:
    """Return the storage of a segment."""
    return _SEGMENTS[name][0]


def image(name: str, view: View) -> Any:
    """Make the image of a segment as it is stored: the value of a pixel is ``BZERO + BSCALE * integer``."""
    layout, make = _SEGMENTS[name]
    values = make(view)
    if layout.blank is None:
        return values
    stored = np.rint((values - layout.zero) / layout.scale).astype(f"int{layout.bits}")
    if not view.grid.visible.all():
        stored[~view.grid.visible] = layout.blank
    return stored
