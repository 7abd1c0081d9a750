"""One record with all that follows from its number: the observer, both projections, and the keywords' ingredients."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .ephemeris import observe
from .fits_writer import card_text, header_cards
from .keywords import keywords_of
from .magnetic_field import build_of
from .patch import patch_keywords
from .pixels import View
from .projections import ccd_grid, ccd_pixel, cea_grid, roll
from .sharp_parameters import parameters
from .time_slots import SLOTS_A_DAY, day_of, observed_seconds

if TYPE_CHECKING:
    from .regions import Region

__all__ = ["Scene"]

#: Side of the CCD in pixels.
_CCD: Final = 4096


class Scene:
    """
    What HMI sees of one region in one slot; the CCD and the CEA series of a kind share it.

    Parameters
    ----------
    one : Region
        The region.
    slot : int
        Slot of T_REC.
    near_real_time : bool
        Whether for the near-real-time series, whose noise is another.
    """

    def __init__(self, one: Region, slot: int, near_real_time: bool) -> None:
        self.one, self.slot, self.near_real_time = one, slot, near_real_time
        self.seconds = observed_seconds(slot)
        self.observer = observe(self.seconds)
        self._headers: dict[int, str] = {}
        #: Stonyhurst longitude of the patch's centre, in degree.
        self.longitude = (one.carrington(self.seconds) - self.observer.longitude + 180) % 360 - 180

    @property
    def date(self) -> str:
        """When the record entered the archive, which stands for the time when its files were written."""
        day, place = divmod(self.slot, SLOTS_A_DAY)
        return day_of(day, self.near_real_time).entered[place][:19]

    @cached_property
    def cea(self) -> View:
        """The record on the CEA grid."""
        # JSOC adds the Stonyhurst longitude to CRLN_OBS and leaves the sum as it is, negative or beyond 360.
        centre = self.observer.longitude + self.longitude, self.one.latitude
        grid = cea_grid(centre, build_of(self.one).shape, self.observer)
        return View(self.one, self.seconds, self.slot, grid, self.observer, int(self.near_real_time))

    @cached_property
    def ccd(self) -> View:
        """The record on the CCD: the rectangle of its pixels that holds the patch."""
        angle = roll(self.slot)
        edge = self.cea.grid
        column, row, seen = ccd_pixel(edge.longitude[::4, ::4], edge.latitude[::4, ::4], angle, self.observer)
        column, row = column[seen], row[seen]
        left, right = max(int(column.min()) - 3, 1), min(int(np.ceil(column.max())) + 3, _CCD)
        low, high = max(int(row.min()) - 3, 1), min(int(np.ceil(row.max())) + 3, _CCD)
        grid = ccd_grid((left, low, right - left + 1, high - low + 1), angle, self.observer)
        return View(self.one, self.seconds, self.slot, grid, self.observer, 2 + int(self.near_real_time))

    def view(self, projection: str) -> View:
        """Give the projection of a series, ``"CCD"`` or ``"CEA"``."""
        return self.cea if projection == "CEA" else self.ccd

    @cached_property
    def measured(self) -> dict[str, float | int | None]:
        """The keywords that are measured on the pixels; those of the vector field on CEA, those of HARPs on the CCD."""
        return parameters(self.cea) | patch_keywords(self.ccd)

    def told(self, projection: str, recnum: int) -> dict[str, Any]:
        """Give the keywords that are not measured; `recnum` is the record's number in the series of a projection."""
        wcs = self.view(projection).grid.reference
        times = self.one, self.slot, self.seconds, self.near_real_time
        return keywords_of(*times, self.observer, projection, wcs) | {"recnum": recnum}

    def keywords(self, projection: str, recnum: int) -> dict[str, Any]:
        """Give all keywords of the record as DRMS has them; `recnum` is its number in the series of a projection."""
        return self.told(projection, recnum) | self.measured

    def header(self, projection: str, recnum: int) -> str:
        """Give the cards that the full headers of all segments share, as text."""
        if recnum not in self._headers:
            self._headers[recnum] = card_text(header_cards(self.keywords(projection, recnum)))
        return self._headers[recnum]
