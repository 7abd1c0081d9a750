"""What the first page tells of an archive: what it holds, when, and the HARPs of its latest time step; no pictures."""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sunpy_flarecast.archive.base import Holding, NotHeldError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sunpy_flarecast.archive.base import Archive, Record

__all__ = ["Harp", "Overview", "Remembered", "Step", "overview_of"]

#: The box that holds a HARP during its whole passage, where it is at T_REC, in longitude from the observer's meridian
#: and latitude; and the extent of its pixels, where there is no box.
_BOX: Final = ("londtmin", "latdtmin", "londtmax", "latdtmax")
_EXTENT: Final = ("lon_min", "lat_min", "lon_max", "lat_max")

_KEYWORDS: Final = (*_BOX, *_EXTENT, "crlt_obs", "noaa_ar", "noaa_ars")

#: HARPs that are shown of a time step; the Sun has had some twenty at a time.
_MOST_HARPS: Final = 60

#: Seconds for which an overview is shown at least, and how many times as long as it took to make.
_SECONDS: Final = 5.0
_TIMES: Final = 20

_NUMBER: Final = re.compile(r"\d{1,6}", re.ASCII)


class Harp(msgspec.Struct, frozen=True, kw_only=True):
    """
    A HARP at the latest time step.

    Parameters
    ----------
    recnum : int
        Number of its record.
    harpnum : int, optional
        HARP number.
    noaa : tuple of int
        NOAA numbers of the active regions in it.
    box : tuple of float, optional
        Least longitude from the observer's meridian, least latitude, greatest of both, in degree; None if not known.
    """

    recnum: int
    harpnum: int | None
    noaa: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None

    @property
    def name(self) -> str:
        """What to call it on a picture."""
        if self.noaa:
            more = f" +{len(self.noaa) - 1}" if len(self.noaa) > 1 else ""
            return f"NOAA {self.noaa[0]}{more}"
        return f"HARP {self.harpnum}" if self.harpnum is not None else f"record {self.recnum}"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """
    The latest time step of a series.

    Parameters
    ----------
    series : str
        Full name of the series.
    slot : int, optional
        Slots of 720 s since 1993-01-01T00:00:00 TAI.
    observed : str, optional
        ``date__obs``, UTC.
    harps : tuple of Harp
        By HARP number.
    more : int
        How many there are besides.
    b0 : float, optional
        Latitude of the observer, in degree.
    """

    series: str
    slot: int | None
    observed: str | None
    harps: tuple[Harp, ...]
    more: int = 0
    b0: float | None = None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an archive holds.

    Parameters
    ----------
    synthetic : bool
        Whether its records are made up.
    holdings : tuple of Holding
        The series.
    days : dict
        Numbers of records by day (UTC), by series.
    step : Step, optional
        The latest time step of the series that has the latest day; None if there are no records.
    segments : dict, optional
        Segments that records of its latest day have, by series.
    """

    synthetic: bool
    holdings: tuple[Holding, ...]
    days: dict[str, dict[date, int]]
    step: Step | None
    segments: dict[str, tuple[str, ...]] = {}

    @property
    def latest(self) -> date | None:
        """The last day that has records."""
        return max((max(days) for days in self.days.values() if days), default=None)

    @property
    def records(self) -> int | None:
        """Number of all records; None if not all of them are counted."""
        counts = [holding.records for holding in self.holdings]
        return None if None in counts else sum(count for count in counts if count is not None)


def overview_of(archive: Archive) -> Overview:
    """
    Ask an archive what it holds.

    Parameters
    ----------
    archive : Archive
        Any archive.

    Returns
    -------
    Overview

    Examples
    --------
    >>> from sunpy_flarecast.archive import DirectoryArchive
    >>> from sunpy_flarecast.archive.web.overview import overview_of
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     overview_of(DirectoryArchive(folder)).records
    0
    """
    holdings = tuple(archive.holdings())
    days = {}
    for holding in holdings:
        # Between two questions a series may have gone.
        try:
            days[holding.series] = dict(archive.days(holding.series))
        except NotHeldError:
            days[holding.series] = {}
    step = None
    # Of series with the same last day the first is shown, the definitive one in the image's own projection.
    latest = max((max(counts) for counts in days.values() if counts), default=None)
    if latest is not None:
        series = next(name for name, counts in days.items() if latest in counts)
        step = _step(archive, series, latest)
    segments = {series: _segments(archive, series, max(counts)) for series, counts in days.items() if counts}
    return Overview(synthetic=archive.synthetic, holdings=holdings, days=days, step=step, segments=segments)


def _whole(day: date) -> tuple[datetime, datetime]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + timedelta(days=1, microseconds=-1)


def _segments(archive: Archive, series: str, day: date) -> tuple[str, ...]:
    """List the segments that some record of a day has; not all that the series has may have come yet."""
    try:
        return tuple(dict.fromkeys(name for one in archive.records(series, *_whole(day)) for name in one.segments))
    except NotHeldError:
        return ()


def _step(archive: Archive, series: str, day: date) -> Step | None:
    """Find the latest time step of a day."""
    try:
        records = _latest(archive, series, *_whole(day))
        shown = records[:_MOST_HARPS]
        keywords = archive.keywords_of(series, [record.recnum for record in shown], _KEYWORDS)
    except NotHeldError:
        return None
    if not records:
        return None
    harps = [_harp(record, keywords.get(record.recnum, {})) for record in shown]
    tilts = (_number(held.get("crlt_obs")) for held in keywords.values())
    return Step(
        series=series,
        slot=records[0].t_rec_index,
        observed=records[0].date__obs,
        harps=tuple(harps),
        more=len(records) - len(shown),
        b0=next((tilt for tilt in tilts if tilt is not None), None),
    )


def _latest(archive: Archive, series: str, start: datetime, end: datetime) -> list[Record]:
    """Give the records of the last T_REC in a range; records without one only where no record has one."""
    latest: list[Record] = []
    for record in archive.records(series, start, end):
        last = latest[0].t_rec_index if latest else None
        if record.t_rec_index == last:
            latest.append(record)
        elif last is None or (record.t_rec_index is not None and record.t_rec_index > last):
            latest = [record]
    return latest


def _harp(record: Record, keywords: Mapping[str, Any]) -> Harp:
    box = _corners(keywords, _BOX) or _corners(keywords, _EXTENT)
    return Harp(recnum=record.recnum, harpnum=record.harpnum, noaa=_noaa_numbers(keywords), box=box)


def _corners(keywords: Mapping[str, Any], names: Sequence[str]) -> tuple[float, float, float, float] | None:
    west, south, east, north = (_number(keywords.get(name)) for name in names)
    if west is None or south is None or east is None or north is None:
        return None
    return (west, south, east, north) if west <= east and south <= north else None


def _noaa_numbers(keywords: Mapping[str, Any]) -> tuple[int, ...]:
    """Read NOAA_ARS, a list in text, or NOAA_AR, one number; 0 stands for none."""
    text = keywords.get("noaa_ars")
    found = [int(number) for number in _NUMBER.findall(text)] if isinstance(text, str) else []
    if not found:
        number = _number(keywords.get("noaa_ar"))
        found = [int(number)] if number is not None else []
    return tuple(dict.fromkeys(number for number in found if number > 0))


def _number(value: object) -> float | None:
    """Read a number as headers of any generation have it."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


class Remembered:
    """
    Makes something again when it has become old, and gives the same until then.

    It is kept for some seconds, or for many times as long as it took to make, if that is longer: however slow it is,
    and however many ask, it takes a small part of the machine.

    Parameters
    ----------
    make : callable
        Makes it.
    clock : callable, optional
        Gives seconds.

    Examples
    --------
    >>> from itertools import count
    >>> from sunpy_flarecast.archive.web.overview import Remembered
    >>> number = Remembered(count().__next__, clock=iter([0.0, 0.0, 4.9, 5.1, 5.1]).__next__)
    >>> number(), number(), number()
    (0, 0, 1)
    """

    def __init__(self, make: Callable[[], Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._make = make
        self._clock = clock
        self._until = -math.inf
        self._made: Any = None

    def __call__(self) -> Any:
        """Give what was made, and make it before if it is too old."""
        began = self._clock()
        if began >= self._until:
            self._made = self._make()
            ended = self._clock()
            self._until = ended + max(_SECONDS, _TIMES * (ended - began))
        return self._made
