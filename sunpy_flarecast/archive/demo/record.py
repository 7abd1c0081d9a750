"""One record with all that follows from its number: the observer, both projections, and the keywords."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from .ephemeris import observe
from .keywords import patch_keywords
from .magnetic_field import bipole_of
from .pixels import View
from .projections import CENTRE, ccd_box, ccd_grid, cea_grid, roll
from .sharp_parameters import parameters
from .time_slots import SLOTS_A_DAY, day_of, observed_seconds

if TYPE_CHECKING:
    from .regions import Region

__all__ = ["SyntheticRecord", "patch_parameters", "record_at", "sharp_parameters"]

#: Number of records whose measured keywords are kept, some 6 kB each.
_MEASURED: Final = 4096


class SyntheticRecord:
    """What HMI sees of one region in one slot; the CCD and the CEA series of a kind share it."""

    def __init__(self, region: Region, slot: int, near_real_time: bool) -> None:
        self.region, self.slot, self.near_real_time = region, slot, near_real_time
        self.seconds = observed_seconds(slot)
        self.observer = observe(self.seconds)
        #: Stonyhurst longitude of the patch's centre, in degree.
        self.longitude = (region.carrington(self.seconds) - self.observer.longitude + 180) % 360 - 180

    @property
    def date(self) -> str:
        """When the record entered the archive, which stands for the time when its files were written."""
        day, place = divmod(self.slot, SLOTS_A_DAY)
        return day_of(day, self.near_real_time).entered[place][:19]

    @property
    def _centre(self) -> tuple[float, float]:
        # JSOC adds the Stonyhurst longitude to CRLN_OBS and leaves the sum as it is, negative or beyond 360.
        return self.observer.longitude + self.longitude, self.region.latitude

    @cached_property
    def _box(self) -> tuple[int, int, int, int]:
        """The cutout of the CCD that holds the patch."""
        coarse = cea_grid(self._centre, bipole_of(self.region).shape, self.observer, every=4)
        return ccd_box(coarse, roll(self.slot), self.observer)

    def reference(self, projection: str) -> tuple[float, float, float, float]:
        """Return ``CRPIX1``, ``CRPIX2``, ``CRVAL1``, ``CRVAL2``."""
        if projection == "CEA":
            rows, columns = bipole_of(self.region).shape
            return (columns + 1) / 2, (rows + 1) / 2, *self._centre
        return CENTRE[0] - self._box[0] + 1, CENTRE[1] - self._box[2] + 1, 0.0, 0.0

    @cached_property
    def cea(self) -> View:
        """The record on the CEA grid."""
        grid = cea_grid(self._centre, bipole_of(self.region).shape, self.observer)
        return View(self, grid, int(self.near_real_time))

    @cached_property
    def ccd(self) -> View:
        """The record on the CCD."""
        return View(self, ccd_grid(self._box, roll(self.slot), self.observer), 2 + int(self.near_real_time))

    def view(self, projection: str) -> View:
        """Return the projection of a series, ``"CCD"`` or ``"CEA"``."""
        return self.cea if projection == "CEA" else self.ccd


@lru_cache(maxsize=_MEASURED)
def sharp_parameters(region: Region, slot: int, near_real_time: bool) -> dict[str, float | int | None]:
    """Return the keywords that are measured on the pixels of the vector field, on the CEA grid."""
    return parameters(record_at(region, slot, near_real_time).cea)


@lru_cache(maxsize=_MEASURED)
def patch_parameters(region: Region, slot: int, near_real_time: bool) -> dict[str, float | int | None]:
    """Return the keywords that are measured on the pixels of the CCD."""
    return patch_keywords(record_at(region, slot, near_real_time).ccd)


def record_at(region: Region, slot: int, near_real_time: bool) -> SyntheticRecord:
    """Return a record; the same one while someone holds it."""
    record = _HELD.get((region, slot, near_real_time))
    if record is None:
        record = _HELD[region, slot, near_real_time] = SyntheticRecord(region, slot, near_real_time)
    return record


_HELD: Final[WeakValueDictionary[tuple[Region, int, bool], SyntheticRecord]] = WeakValueDictionary()
