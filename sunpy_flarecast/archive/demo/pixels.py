"""One record seen in one projection: the field on the pixels, noise included, and what a mask says of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .magnetic_field import Field, evaluate
from .projections import image_axes, roll
from .random import generator

if TYPE_CHECKING:
    from .ephemeris import Observer
    from .projections import Grid
    from .regions import Region

__all__ = ["ACTIVE", "CONFIDENT", "PATCH", "View"]

#: Values of ``bitmap`` (Turmon et al. 2014, ApJ 788, 126): 1 quiet and 2 active, and 32 more inside the HARP.
PATCH: Final = 33
ACTIVE: Final = 34
#: Value of ``conf_disambig`` where the field is strong enough for the annealing to find its direction.
CONFIDENT: Final = 90

#: Noise of the line-of-sight field, in G (Liu et al. 2012, Sol. Phys. 279, 295).
_LOS_NOISE: Final = 5.0
#: Steps of ``Br``, ``Bt`` and ``Bp`` in the files, in G.
_STEP: Final = 0.01


class View:
    """
    The model on the pixels of one projection.

    Everything is computed when first asked for; two threads that ask at once compute the same twice.

    Parameters
    ----------
    one : Region
        The region.
    seconds : float
        Time of the observation, TAI seconds since 1993-01-01T00:00:00 TAI.
    slot : int
        Slot of T_REC.
    grid : Grid
        The pixels.
    observer : Observer
        Who looks.
    key : int
        Distinguishes the noise of projections and of near-real-time data.
    """

    def __init__(self, one: Region, seconds: float, slot: int, grid: Grid, observer: Observer, key: int) -> None:
        self.one, self.seconds, self.slot, self.grid, self.observer = one, seconds, slot, grid, observer
        self._key = key
        self._axes = image_axes(grid.longitude, grid.latitude, observer)

    def noise(self, what: int, count: int) -> Any:
        """Give `count` images of normal noise for a purpose, the same at every call."""
        random = generator(16 + 8 * what + self._key, self.one.ordinal, self.slot)
        return random.standard_normal((count, *self.grid.visible.shape), dtype=np.float32)

    @cached_property
    def towards(self) -> Any:
        """Cosine of the angle between the vertical and the line of sight (mu)."""
        return np.clip(self._axes[2][2], 0, 1)

    @property
    def outward(self) -> tuple[Any, Any, Any]:
        """The vertical, by its components towards image west, image north and the observer."""
        axes: tuple[Any, Any, Any] = self._axes[2]
        return axes

    @cached_property
    def field(self) -> Field:
        """The model's field without noise."""
        offset = self.grid.longitude - np.radians(self.one.carrington(self.seconds) - self.observer.longitude)
        return evaluate(self.one, self.seconds, offset, self.grid.latitude)

    @cached_property
    def across_error(self) -> Any:
        """Noise of the field across the line of sight in G, less where the polarisation is strong."""
        return 30.0 + 55.0 / (1.0 + (self.field.smooth / 350.0) ** 2)

    @cached_property
    def seen(self) -> tuple[Any, Any, Any]:
        """The field towards image west, image north and the observer, with noise, in G."""
        field, (west, north, outward) = self.field, self._axes
        parts = [
            w * field.west + n * field.north + o * field.radial for w, n, o in zip(west, north, outward, strict=True)
        ]
        noise = self.noise(0, 3)
        across = self.across_error
        return parts[0] + across * noise[0], parts[1] + across * noise[1], parts[2] + _LOS_NOISE * noise[2]

    @cached_property
    def vector(self) -> tuple[Any, Any, Any]:
        """``Bp``, ``Bt`` and ``Br`` as the files give them, in G: of the seen field, in steps of 0.01."""
        west, north, outward = (
            sum(part * axis for part, axis in zip(self.seen, direction, strict=True)) for direction in self._axes
        )
        return (_stepped(west), _stepped(-north), _stepped(outward))

    @cached_property
    def vector_errors(self) -> tuple[Any, Any, Any]:
        """Standard deviations of ``Bp``, ``Bt`` and ``Br``, in G."""
        across = self.across_error**2
        p, t, r = (np.sqrt(across * (1 - axis[2] ** 2) + (_LOS_NOISE * axis[2]) ** 2) for axis in self._axes)
        return p, t, r

    @cached_property
    def bitmap(self) -> Any:
        """
        The mask: 0 off the disk, 1 quiet, 2 active, and 32 more inside the HARP.

        It follows from the model without its noise, so that both projections agree on it.
        """
        active = self.field.smooth > 110.0
        inside = self.field.envelope > 0.35
        mask = np.where(active, 2, 1) + np.where(inside, 32, 0)
        return np.where(self.grid.visible, mask, 0).astype(np.uint8)

    @cached_property
    def confidence(self) -> Any:
        """``conf_disambig``: 90 where the field rises above the noise: above 150 G, at the limb 300 G."""
        strong = self.field.smooth > 300.0 - 150.0 * self.towards
        return np.where(self.grid.visible, np.where(strong, CONFIDENT, 60), 0).astype(np.int16)

    @cached_property
    def counted(self) -> Any:
        """
        Pixels that the SHARP parameters count: those in the HARP with a confident direction of the field.

        This is JSOC's recipe (``bitmap`` 33 and more, ``conf_disambig`` 90), which gives the USFLUX and CMASK of
        real CEA files from their pixels.
        """
        return (self.bitmap >= PATCH) & (self.confidence == CONFIDENT)

    @cached_property
    def on_ccd(self) -> tuple[Any, Any]:
        """The field across the line of sight along the CCD's columns (x) and rows (y), in G."""
        angle = np.radians(roll(self.slot))
        west, north, _ = self.seen
        return np.cos(angle) * west + np.sin(angle) * north, np.cos(angle) * north - np.sin(angle) * west


def _stepped(values: Any) -> Any:
    return np.rint(values / _STEP) * _STEP
