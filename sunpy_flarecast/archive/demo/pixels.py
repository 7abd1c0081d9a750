"""A record in one projection: the field on its pixels, including noise, and masks."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .magnetic_field import Field, field_at
from .projections import Vectors, roll

if TYPE_CHECKING:
    from .projections import Grid
    from .regions import Observation

__all__ = ["ACTIVE", "CONFIDENT", "LOS_STEP", "PATCH", "STEP", "View"]

#: Values of ``bitmap`` (Bobra et al. 2014, Sol. Phys. 289, 3549): 1 quiet and 2 active; 32 is added inside the HARP.
PATCH: Final = 33
ACTIVE: Final = 34
#: Value of ``conf_disambig`` where the field is strong enough for a confident disambiguation.
CONFIDENT: Final = 90

#: Noise of the line-of-sight field, in G: below the upper bound of 6.3 by Liu et al. (2012, Sol. Phys. 279, 295).
_LOS_NOISE: Final = 5.0

#: Steps of the ``magnetogram``, and of ``Bp``, ``Bt`` and ``Br`` in the files, in G.
LOS_STEP: Final = 0.1
STEP: Final = 0.01


class View:
    """The model on the pixels of one projection, computed when needed."""

    # `key` distinguishes the noise of projections and of near-real-time data.

    def __init__(self, seen: Observation, grid: Grid, key: int) -> None:
        self.seen, self.grid, self.observer = seen, grid, seen.observer
        self._key = key

    def noise(self, purpose: int, count: int = 1) -> Any:
        """Return `count` images of normal noise for a purpose, the same at every call."""
        # SFC64 is a third faster than Philox.
        random = np.random.Generator(np.random.SFC64((purpose, self._key, self.seen.region.ordinal, self.seen.slot)))
        return random.standard_normal((count, *self.grid.visible.shape), dtype=np.float32)

    @cached_property
    def towards(self) -> Any:
        """Cosine of the angle between the vertical and the line of sight (mu)."""
        return np.clip(self.grid.outward[2], 0, 1, dtype=np.float32)

    @cached_property
    def field(self) -> Field:
        """The model's field without noise."""
        offset = self.grid.longitude - math.radians(self.seen.longitude)
        return field_at(self.seen.region, self.seen.seconds, offset, self.grid.latitude)

    @cached_property
    def across_error(self) -> Any:
        """Noise of the transverse field in G, less where the polarization is strong."""
        scaled = self.field.smooth * np.float32(1 / 350)
        return 30 + 55 / (1 + scaled * scaled)

    @cached_property
    def _without_noise(self) -> Vectors:
        return self.grid.to_image(self.field.west, self.field.north, self.field.radial)

    @cached_property
    def towards_observer(self) -> Any:
        """The field along the line of sight, with noise, in G."""
        noise = self.noise(0)[0]
        noise *= _LOS_NOISE
        return self._without_noise[2] + noise

    @cached_property
    def across(self) -> tuple[Any, Any]:
        """The transverse field towards image west and image north, with noise, in G."""
        noise = self.noise(1, 2)
        noise *= self.across_error
        return self._without_noise[0] + noise[0], self._without_noise[1] + noise[1]

    @cached_property
    def los(self) -> Any:
        """The line-of-sight field in steps of the ``magnetogram``."""
        return np.rint(self.towards_observer * np.float32(1 / LOS_STEP))

    @cached_property
    def vector(self) -> Vectors:
        """``Bp``, ``Bt`` and ``Br`` of the observed field, in steps of the files."""
        west, north, outward = self.grid.to_sun(*self.across, self.towards_observer)
        steps = np.float32(1 / STEP)
        return np.rint(west * steps), np.rint(north * -steps), np.rint(outward * steps)

    def vector_errors(self, part: Any = ...) -> Vectors:
        """Return the standard deviations of ``Bp``, ``Bt`` and ``Br`` in G, for a part of the pixels."""
        across = self.across_error[part] ** 2
        (sin_l, cos_l), (sin_p, cos_p) = ((sine[part], cosine[part]) for sine, cosine in self.grid.turns)
        sine, cosine = self.grid.tilt
        # The parts of the three directions along the line of sight.
        along = cosine * sin_l, cosine * sin_p * cos_l - sine * cos_p, self.towards[part]
        p, t, r = (np.sqrt(across + (_LOS_NOISE**2 - across) * (axis * axis)) for axis in along)
        return p, t, r

    @cached_property
    def bitmap(self) -> Any:
        """The mask: 0 off the disk, 1 quiet, 2 active; 32 is added inside the HARP."""
        # Computed without noise, so that both projections agree.
        mask = (self.field.smooth > 110).view(np.uint8) + np.uint8(1)
        mask += (self.field.envelope > 0.35).view(np.uint8) * np.uint8(32)
        return mask * self.grid.visible.view(np.uint8)

    @cached_property
    def confidence(self) -> Any:
        """``conf_disambig``: 90 where the field exceeds a threshold of 150 G at disk centre and 300 G at the limb."""
        strong = self.field.smooth > 300 - 150 * self.towards
        return np.where(self.grid.visible, np.where(strong, CONFIDENT, 60), 0).astype(np.int16)

    @cached_property
    def counted(self) -> Any:
        """Pixels counted in the SHARP parameters, as at JSOC: in the HARP, with a confident disambiguation."""
        return (self.bitmap >= PATCH) & (self.confidence == CONFIDENT)

    @cached_property
    def on_ccd(self) -> tuple[Any, Any]:
        """The transverse field along the CCD's columns (x) and rows (y), in G."""
        angle = math.radians(roll(self.seen.slot))
        sine, cosine = math.sin(angle), math.cos(angle)
        west, north = self.across
        return cosine * west + sine * north, cosine * north - sine * west
