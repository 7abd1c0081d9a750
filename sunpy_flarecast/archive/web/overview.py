"""What the first page shows of an archive: what it holds, on which days, and the HARPs of its latest time step."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sunpy_flarecast.archive.base import Holding, NotHeldError
from sunpy_flarecast.sharp.t_rec import t_rec_text
from sunpy_flarecast.sharp.values import is_missing, noaa_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sunpy_flarecast.archive.base import Archive, Record

__all__ = ["Harp", "Overview", "Span", "Step", "overview_of", "span_of"]

#: The box that holds a HARP during its whole passage, at T_REC, in longitude from the observer's meridian and latitude;
#: and the extent of its pixels, where there is no box.
_BOX: Final = ("londtmin", "latdtmin", "londtmax", "latdtmax")
_EXTENT: Final = ("lon_min", "lat_min", "lon_max", "lat_max")

_KEYWORDS: Final = (*_BOX, *_EXTENT, "crlt_obs", "noaa_ar", "noaa_ars")

#: Most HARPs and gaps that are shown; the Sun has had some twenty HARPs at a time.
_MOST_HARPS: Final = 60
_MOST_GAPS: Final = 5


class Harp(msgspec.Struct, frozen=True, kw_only=True):
    """A HARP with its NOAA numbers and, if known, least longitude, least latitude and greatest of both, in degree."""

    recnum: int
    harpnum: int | None
    noaa: tuple[int, ...] = ()
    box: tuple[float, ...] | None = None

    @property
    def name(self) -> str:
        """Its label in a picture."""
        if self.noaa:
            more = f" +{len(self.noaa) - 1}" if len(self.noaa) > 1 else ""
            return f"NOAA {self.noaa[0]}{more}"
        return f"HARP {self.harpnum}" if self.harpnum is not None else f"record {self.recnum}"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The latest time step of a series: T_REC, its HARPs and how many are not shown, latitude of the observer."""

    series: str
    t_rec: str
    harps: tuple[Harp, ...]
    more: int
    b0: float | None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The days that have records: first, last, their number, the busiest, and the longest gaps between them."""

    first: date
    last: date
    held: int
    busiest: date
    most: int
    gaps: tuple[tuple[date, date], ...]
    more_gaps: int

    @property
    def days(self) -> int:
        """Days from the first to the last, both included."""
        return (self.last - self.first).days + 1


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive holds."""

    # By series: numbers of records by day (UTC), and the segments of the records of its last day. The latest day of
    # all, and the latest time step of the first series that has it, which is the definitive one on the CCD grid.

    synthetic: bool
    holdings: tuple[Holding, ...]
    days: dict[str, dict[date, int]]
    segments: dict[str, tuple[str, ...]] = {}
    latest: date | None = None
    step: Step | None = None


def overview_of(archive: Archive) -> Overview:
    """Collect what an archive holds."""
    holdings = tuple(archive.holdings())
    days: dict[str, dict[date, int]] = {}
    records: dict[str, list[Record]] = {}
    for holding in holdings:
        name = holding.series
        days[name], records[name] = {}, []
        with suppress(NotHeldError):  # removed since the holdings were read
            days[name] = {day: count.records for day, count in archive.days(name).items()}
            if days[name]:
                start = datetime.combine(max(days[name]), time(), UTC)
                records[name] = list(archive.records(name, start, start + timedelta(days=1, microseconds=-1)))
    latest = max((max(counts) for counts in days.values() if counts), default=None)
    series = next((name for name, counts in days.items() if latest in counts), "")
    return Overview(
        synthetic=archive.synthetic,
        holdings=holdings,
        days=days,
        segments={name: tuple({held: 0 for one in found for held in one.segments}) for name, found in records.items()},
        latest=latest,
        step=_step(archive, series, records[series]) if records.get(series) else None,
    )


def span_of(counts: Mapping[date, int]) -> Span | None:
    """Summarise on which days there are records."""
    if not counts:
        return None
    held, day = sorted(counts), timedelta(days=1)
    gaps = [(before + day, after - day) for before, after in pairwise(held) if after - before > day]
    busiest = max(held, key=lambda one: counts[one])
    return Span(
        first=held[0],
        last=held[-1],
        held=len(held),
        busiest=busiest,
        most=counts[busiest],
        gaps=tuple(sorted(gaps, key=lambda gap: gap[0] - gap[1])[:_MOST_GAPS]),
        more_gaps=max(len(gaps) - _MOST_GAPS, 0),
    )


def _step(archive: Archive, series: str, records: list[Record]) -> Step | None:
    """Find the latest time step; records without T_REC count only if no record has one."""
    slot = max((one.t_rec_index for one in records if one.t_rec_index is not None), default=None)
    latest = [one for one in records if one.t_rec_index == slot]
    shown = latest[:_MOST_HARPS]
    try:
        keywords = archive.keywords_of(series, [record.recnum for record in shown], _KEYWORDS)
    except NotHeldError:
        return None
    tilts = (_number(held.get("crlt_obs")) for held in keywords.values())
    return Step(
        series=series,
        t_rec="" if slot is None else t_rec_text(slot),
        harps=tuple(_harp(record, keywords.get(record.recnum, {})) for record in shown),
        more=len(latest) - len(shown),
        b0=next((tilt for tilt in tilts if math.isfinite(tilt)), None),
    )


def _harp(record: Record, keywords: Mapping[str, Any]) -> Harp:
    boxes = (tuple(_number(keywords.get(name)) for name in names) for names in (_BOX, _EXTENT))
    box = next((one for one in boxes if one[0] <= one[2] and one[1] <= one[3]), None)  # not if a number is NaN
    return Harp(recnum=record.recnum, harpnum=record.harpnum, noaa=noaa_numbers(keywords), box=box)


def _number(value: Any) -> float:
    """Read a number as headers of any generation have it; NaN if it is missing."""
    try:
        return math.nan if is_missing(value) else float(value)
    except (TypeError, ValueError):
        return math.nan
