"""The HARPs of a time step, for the disk and the table on the page of a day."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from sunpy_flarecast.sharp.catalog import region_word
from sunpy_flarecast.sharp.t_rec import CADENCE
from sunpy_flarecast.sharp.values import is_synthetic, noaa_numbers

from .disk import outlines_of
from .text import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sunpy_flarecast.archive.base import Archive, Record

    from .disk import Outline

__all__ = [
    "KEYWORDS",
    "NOAA",
    "SLOTS_A_DAY",
    "Harp",
    "Step",
    "day_of",
    "harp_of",
    "page_of",
    "slot_at",
    "step_of",
    "t_rec_date",
    "time_of",
]

SLOTS_A_DAY: Final = 86400 // CADENCE

#: Slot 0 is midnight (TAI).
_EPOCH: Final = date(1993, 1, 1)

#: Maximum number of HARPs shown; about twenty have been seen at a time.
_MOST_HARPS: Final = 60

#: The box that encloses a HARP during its whole passage, rotated to T_REC, in longitude from the central meridian and
#: latitude; and the extent of its pixels, used if the box is missing.
_BOX: Final = ("londtmin", "latdtmin", "londtmax", "latdtmax")
_EXTENT: Final = ("lon_min", "lat_min", "lon_max", "lat_max")

#: Flux-weighted centre.
_CENTRE: Final = ("lon_fwt", "lat_fwt")

#: Total unsigned flux of the vector field; SMARPs have only that of the line-of-sight field.
_FLUX: Final = ("usflux", "usfluxl")

NOAA: Final = ("noaa_ar", "noaa_ars")

#: All keywords shown for a HARP.
KEYWORDS: Final = (*_BOX, *_EXTENT, *_CENTRE, *_FLUX, *NOAA, "crlt_obs", "origin", "content")


class Harp(msgspec.Struct, frozen=True, kw_only=True):
    """A HARP or TARP in one record: NOAA numbers, bounds (east, south, west, north), centre, flux (Mx), B0."""

    record: Record
    word: str
    noaa: tuple[int, ...] = ()
    box: tuple[float, ...] | None = None
    centre: tuple[float, float] | None = None
    flux: float = math.nan
    b0: float = math.nan
    synthetic: bool = False

    @property
    def name(self) -> str:
        """Label in pictures."""
        if self.noaa:
            more = f" +{len(self.noaa) - 1}" if len(self.noaa) > 1 else ""
            return f"NOAA {self.noaa[0]}{more}"
        harpnum = self.record.harpnum
        return f"{self.word} {harpnum}" if harpnum is not None else f"record {self.record.recnum}"

    @property
    def segment(self) -> str | None:
        """Segment of its quicklook."""
        held = self.record.segments
        return next((name for name in ("Br", "magnetogram", "field") if name in held), held[0] if held else None)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A time step of a series: its HARPs by flux, the number of HARPs not shown, and their outlines on the disk."""

    series: str
    slot: int | None
    harps: tuple[Harp, ...]
    more: int = 0
    b0: float | None = None
    outlines: tuple[Outline, ...] = ()

    @property
    def page(self) -> str:
        """Path of its page, relative to the front page."""
        return "" if self.slot is None else page_of(self.series, self.slot)


def step_of(archive: Archive, series: str, slot: int | None, records: Sequence[Record]) -> Step:
    """Describe the records of a time step."""
    shown = records[:_MOST_HARPS]
    keywords = archive.keywords_of(series, [record.recnum for record in shown], KEYWORDS)
    harps = [harp_of(series, record, keywords[record.recnum]) for record in shown]
    harps.sort(key=lambda harp: -harp.flux if math.isfinite(harp.flux) else math.inf)
    b0 = next((harp.b0 for harp in harps if math.isfinite(harp.b0)), None)
    outlines = outlines_of([(harp.box, harp.name, harp) for harp in harps], b0)
    more = len(records) - len(shown)
    return Step(series=series, slot=slot, harps=tuple(harps), more=more, b0=b0, outlines=tuple(outlines))


def harp_of(series: str, record: Record, keywords: Mapping[str, Any]) -> Harp:
    """Collect the values that pages show for a record."""
    boxes = (tuple(number(keywords.get(name)) for name in names) for names in (_BOX, _EXTENT))
    box = next((box for box in boxes if box[0] <= box[2] and box[1] <= box[3]), None)  # excludes NaN
    longitude, latitude = (number(keywords.get(name)) for name in _CENTRE)
    centre = (longitude, latitude) if math.isfinite(longitude + latitude) else None
    if centre is None and box is not None:
        centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    fluxes = (number(keywords.get(name)) for name in _FLUX)
    return Harp(
        record=record,
        word=region_word(series),
        noaa=noaa_numbers(keywords),
        box=box,
        centre=centre,
        flux=next((flux for flux in fluxes if math.isfinite(flux)), math.nan),
        b0=number(keywords.get("crlt_obs")),
        synthetic=is_synthetic(keywords),
    )


def page_of(series: str, slot: int) -> str:
    """Return the path of a time step's page, relative to the front page."""
    return f"day/{day_of(slot)}?series={quote(series)}&time={time_of(slot)}"


def slot_at(day: date, minutes: int = 0) -> int:
    """Return the slot nearest to a time (TAI) on a day."""
    return (day - _EPOCH).days * SLOTS_A_DAY + round(minutes * 60 / CADENCE)


def day_of(slot: int) -> date:
    """Return the day (UTC) when a slot was observed, two minutes earlier; midnight belongs to the day before."""
    return _EPOCH + timedelta(days=(slot - 1) // SLOTS_A_DAY)


def t_rec_date(slot: int) -> date:
    """Return the date of a T_REC (TAI); at midnight it is the day after `day_of`."""
    return _EPOCH + timedelta(days=slot // SLOTS_A_DAY)


def time_of(slot: int) -> str:
    """
    Return the time of day of a slot, from 00:12 to 24:00.

    Examples
    --------
    >>> from sunpy_flarecast.archive.web.steps import day_of, time_of
    >>> str(day_of(1005598)), time_of(1005598), str(day_of(1005600)), time_of(1005600)
    ('2015-12-11', '23:36', '2015-12-11', '24:00')
    """
    minutes = (slot - slot_at(day_of(slot))) * CADENCE // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"
