"""A record with everything that its number determines: the observer, both projections, and the keywords."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from .keywords import patch_keywords, record_keywords
from .magnetic_field import bipole_of
from .pixels import View
from .projections import CENTRE, ccd_box, ccd_grid, cea_grid, roll
from .regions import observation_of
from .sharp_parameters import parameters
from .time_slots import SLOTS_A_DAY, day_of

if TYPE_CHECKING:
    from .regions import Region

__all__ = ["SyntheticRecord", "patch_parameters", "record_at", "sharp_parameters"]

#: Number of records whose measured keywords are cached, some 6 kB each.
_MEASURED: Final = 4096


class SyntheticRecord:
    """HMI's view of a region in one slot, shared by the CCD and CEA series (definitive or near-real-time)."""

    def __init__(self, region: Region, slot: int, near_real_time: bool) -> None:
        self.key = region, slot, near_real_time
        self.seen = observation_of(*self.key)

    @property
    def date(self) -> str:
        """Time when the record entered the archive, also used as the time when its files were written."""
        day, place = divmod(self.seen.slot, SLOTS_A_DAY)
        return day_of(day, self.seen.near_real_time).entered[place][:19]

    @property
    def _centre(self) -> tuple[float, float]:
        # JSOC adds the Stonyhurst longitude to CRLN_OBS without wrapping the sum, which may be negative or above 360.
        return self.seen.observer.longitude + self.seen.longitude, self.seen.region.latitude

    @cached_property
    def _box(self) -> tuple[int, int, int, int]:
        """The cutout of the CCD that contains the patch."""
        coarse = cea_grid(self._centre, bipole_of(self.seen.region).shape, self.seen.observer, every=4)
        return ccd_box(coarse, roll(self.seen.slot), self.seen.observer)

    def known(self, projection: str) -> dict[str, Any]:
        """Return the keywords that are not measured on pixels, except the record number, for a projection."""
        if projection == "CEA":
            rows, columns = bipole_of(self.seen.region).shape
            reference = (columns + 1) / 2, (rows + 1) / 2, *self._centre
        else:
            reference = CENTRE[0] - self._box[0] + 1, CENTRE[1] - self._box[2] + 1, 0.0, 0.0
        return record_keywords(self.seen, projection, reference)

    @cached_property
    def cea(self) -> View:
        """The record on the CEA grid."""
        grid = cea_grid(self._centre, bipole_of(self.seen.region).shape, self.seen.observer)
        return View(self.seen, grid, int(self.seen.near_real_time))

    @cached_property
    def ccd(self) -> View:
        """The record on the CCD."""
        return View(
            self.seen, ccd_grid(self._box, roll(self.seen.slot), self.seen.observer), 2 + int(self.seen.near_real_time)
        )

    def view(self, projection: str) -> View:
        """Return the projection of a series, ``"CCD"`` or ``"CEA"``."""
        return self.cea if projection == "CEA" else self.ccd


@lru_cache(maxsize=_MEASURED)
def sharp_parameters(region: Region, slot: int, near_real_time: bool) -> dict[str, float | int | None]:
    """Return the keywords measured on the vector field on the CEA grid."""
    return _single(parameters(record_at(region, slot, near_real_time).cea))


@lru_cache(maxsize=_MEASURED)
def patch_parameters(region: Region, slot: int, near_real_time: bool) -> dict[str, float | int | None]:
    """Return the keywords measured on the pixels of the CCD."""
    return _single(patch_keywords(record_at(region, slot, near_real_time).ccd))


def _single(keywords: dict[str, float | int | None]) -> dict[str, float | int | None]:
    """Round floats to nine digits, like JSOC, which stores these keywords in single precision."""
    return {name: float(f"{value:.9g}") if isinstance(value, float) else value for name, value in keywords.items()}


def record_at(region: Region, slot: int, near_real_time: bool) -> SyntheticRecord:
    """Return a record, the same object as long as it is referenced."""
    record = _REFERENCED.get((region, slot, near_real_time))
    if record is None:
        record = _REFERENCED[region, slot, near_real_time] = SyntheticRecord(region, slot, near_real_time)
    return record


_REFERENCED: Final[WeakValueDictionary[tuple[Region, int, bool], SyntheticRecord]] = WeakValueDictionary()
