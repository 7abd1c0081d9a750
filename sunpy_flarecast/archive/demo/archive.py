"""`DemoArchive`: synthetic SHARPs computed on request, for trying the service and the client, and for tests."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from sunpy_flarecast._version import __version__
from sunpy_flarecast.archive.base import DayCount, Holding, NotHeldError, Passage, Record, SegmentFile, Steps
from sunpy_flarecast.sharp.catalog import all_series

from .fits_writer import fits_bytes, image_cards, record_cards
from .flares import list_flares
from .images import image, storage
from .keywords import PATCH_KEYWORDS
from .listing import counts_of_days, list_harps, list_records, steps_near
from .record import SyntheticRecord, patch_parameters, record_at, sharp_parameters
from .regions import Region, recnum_of, record_of, regions_on
from .time_slots import FIRST_SLOT, LAST_SLOT, SLOTS_A_DAY, day_of, is_present

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date

    from astropy.table import Table

    from sunpy_flarecast.sharp.catalog import Series

__all__ = ["DemoArchive"]


class DemoArchive:
    """
    An archive of synthetic SHARPs, computed on request from a model and stored nowhere.

    There are about eight HARPs on the disk at any time from 2010-05 to 2026. Each is a bipole that emerges, grows and
    decays while the Sun's rotation carries it across the disk. All segments and keywords of a record, in both
    projections, follow from one model of its field. Repeated requests give the same bytes.

    All methods may be called from several threads at once.

    Parameters
    ----------
    headers : {"full", "bare"}
        Whether the files have all keywords (default), or only those that describe the image itself, like as-is exports
        of JSOC.
    cached : int
        Number of records to keep in memory, about 20 MB each, for requests for their other segments (default: 8). Eight
        times as many files are kept, too.

    Raises
    ------
    ValueError
        If ``headers`` has another value.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from sunpy_flarecast.archive import DemoArchive
    >>> archive = DemoArchive()
    >>> start, end = datetime(2015, 12, 11, 23, 30, tzinfo=UTC), datetime(2015, 12, 12, tzinfo=UTC)
    >>> record = next(archive.records("hmi.sharp_cea_720s", start, end))
    >>> record.date__obs
    '2015-12-11T23:34:08.900000Z'
    >>> archive.keywords("hmi.sharp_cea_720s", record.recnum)["origin"]
    'sunpy_flarecast DemoArchive (SYNTHETIC)'
    >>> archive.segment("hmi.sharp_cea_720s", record.recnum, "Br")[:9]
    b'SIMPLE  ='
    """

    synthetic: bool = True

    def __init__(self, headers: Literal["full", "bare"] = "full", cached: int = 8) -> None:
        if headers not in ("full", "bare"):
            raise ValueError(f"headers must be 'full' or 'bare', not {headers!r}.")
        self._full: Final = headers == "full"
        sharps = [series for series in all_series() if series.instrument == "HMI"]
        self._series: Final = {series.name: (place, series) for place, series in enumerate(sharps)}
        self._names: Final = {series.name: tuple(item.name for item in series.segments) for series in sharps}
        self._made: Final = lru_cache(maxsize=cached)(record_at)
        self._files: Final = lru_cache(maxsize=8 * cached)(self._make_file)
        self._ends: Final = lru_cache(maxsize=None)(self._find_ends)
        self._keyword_names: Final = lru_cache(maxsize=None)(self._find_names)

    def __reduce__(self) -> tuple[type[DemoArchive], tuple[str, int]]:
        # Another process begins with empty caches.
        return type(self), ("full" if self._full else "bare", self._made.cache_parameters()["maxsize"])

    def __repr__(self) -> str:
        return "<DemoArchive: synthetic SHARPs>"

    def series(self) -> tuple[str, ...]:
        """List the full names of the series held: the four SHARP series. See `Archive.series`."""
        return tuple(self._series)

    def version(self, series: str) -> str:
        """Return the version of the package, which alone determines the data. See `Archive.version`."""
        self._find(series)
        return __version__

    def records(
        self,
        series: str,
        start: datetime,
        end: datetime,
        *,
        harpnums: Collection[int] | None = None,
        every: int = 1,
        after: tuple[int, int] | None = None,
    ) -> Iterator[Record]:
        """Yield the records in a range of ``date__obs``. See `Archive.records`."""
        place, found = self._find(series)
        return list_records(place, found.near_real_time, self._names[series], start, end, harpnums, every, after)

    def records_at(self, series: str, slot: int) -> tuple[Record, ...]:
        """List the records of a T_REC, sorted by HARP number. See `Archive.records_at`."""
        place, found = self._find(series)
        if not FIRST_SLOT <= slot <= LAST_SLOT or not is_present(slot, found.near_real_time):
            return ()
        regions = [region for region in regions_on(slot // SLOTS_A_DAY) if region.first <= slot <= region.last]
        return tuple(self.record(series, recnum_of(place, region, slot)) for region in regions)

    def steps(self, series: str, slot: int) -> Steps:
        """Find the time step nearest to a slot, and those before and after it. See `Archive.steps`."""
        return steps_near(slot, self._find(series)[1].near_real_time)

    def neighbours(self, series: str, recnum: int) -> tuple[Record | None, Record | None]:
        """Find the records of the same HARP before and after a record. See `Archive.neighbours`."""
        found, region, slot = self._held(series, recnum)
        place = self._find(series)[0]

        def first_of(slots: range) -> Record | None:
            held = next((slot for slot in slots if is_present(slot, found.near_real_time)), None)
            return None if held is None else self.record(series, recnum_of(place, region, held))

        return first_of(range(slot - 1, region.first - 1, -1)), first_of(range(slot + 1, region.last + 1))

    def keywords(self, series: str, recnum: int) -> dict[str, Any]:
        """Return all keywords of a record by their DRMS names in lower case: numbers, text, or None if missing."""
        return self._keywords(series, recnum, None)

    def keywords_of(
        self, series: str, recnums: Sequence[int], names: Sequence[str] | None = None
    ) -> dict[int, dict[str, Any]]:
        """Return keywords of several records, by record number. See `Archive.keywords_of`."""
        self._find(series)
        missing: list[str] = []
        for recnum in recnums:
            try:
                self._held(series, recnum)
            except NotHeldError:
                missing.append(str(recnum))
        if missing:
            noun = "record" if len(missing) == 1 else "records"
            raise NotHeldError(f"{series} has no {noun} {', '.join(missing)}. List records to find their numbers.")
        held = {recnum: self._keywords(series, recnum, names) for recnum in recnums}
        if names is None:
            return held
        return {recnum: {name: keywords.get(name) for name in names} for recnum, keywords in held.items()}

    def _keywords(self, series: str, recnum: int, names: Sequence[str] | None) -> dict[str, Any]:
        """Return keywords of a record; those measured on its pixels, which take longer, only if requested."""
        found, record = self._record(series, recnum)
        keywords = record.known(found.projection) | {"recnum": recnum}
        wanted = None if names is None else set(names) - keywords.keys()
        if wanted is None or not wanted.issubset(PATCH_KEYWORDS):
            keywords |= sharp_parameters(*record.key)
        if wanted is None or not wanted.isdisjoint(PATCH_KEYWORDS):
            keywords |= patch_parameters(*record.key)
        return keywords

    def keyword_names(self, series: str) -> tuple[str, ...]:
        """List the names of all keywords, which all records of a series have. See `Archive.keyword_names`."""
        return self._keyword_names(series)

    def record(self, series: str, recnum: int) -> Record:
        """Return a record by its number. See `Archive.record`."""
        found, region, slot = self._held(series, recnum)
        day, rest = divmod(slot, SLOTS_A_DAY)
        times = day_of(day, found.near_real_time)
        return Record(
            recnum=recnum,
            segments=self._names[series],
            harpnum=region.harpnum(found.near_real_time),
            t_rec_index=slot,
            date__obs=times.dates[rest],
            quality=times.quality[rest],
            time=times.entered[rest],
        )

    def holdings(self) -> tuple[Holding, ...]:
        """Summarize each series. See `Archive.holdings`."""
        return tuple(
            Holding(
                series=series,
                records=sum(day.records for day in self.days(series).values()),
                first=self._ends(series)[0].date__obs,
                last=self._ends(series)[1].date__obs,
                segments=names,
            )
            for series, names in self._names.items()
        )

    def days(self, series: str, start: date | None = None, end: date | None = None) -> Mapping[date, DayCount]:
        """Count records and HARPs of each day; the first call takes about a second. See `Archive.days`."""
        counts = counts_of_days(self._find(series)[1].near_real_time)
        if start is None and end is None:
            return counts
        return {day: count for day, count in counts.items() if (start or day) <= day <= (end or day)}

    def harps(
        self, series: str, start: date | None = None, end: date | None = None, noaa: int | None = None
    ) -> list[Passage]:
        """List the HARPs by number. See `Archive.harps`."""
        return list_harps(self._find(series)[1].near_real_time, start, end, noaa)

    def segment_files(self, series: str, recnum: int) -> dict[str, SegmentFile]:
        """Describe the files of a record; sizes are unknown until a file is made. See `Archive.segment_files`."""
        kind = "full" if self._full else "bare"
        return dict.fromkeys(self.record(series, recnum).segments, SegmentFile(None, f"{kind}-{__version__}"))

    def flares(self, start: datetime | None = None, end: datetime | None = None) -> Table:
        """
        Return the synthetic flares of the regions; a month takes about 0.1 s, and all 16 years about 10 s.

        Regions with larger flux and twist have more flares. Some flares have no NOAA number, as in real lists.

        Parameters
        ----------
        start, end : datetime, optional
            Range of the peaks, excluding ``end`` (default: all).

        Returns
        -------
        `~astropy.table.Table`
            Columns start, peak, end (text, UTC), class, noaa (masked if unknown), position (such as ``S12W47``), and
            origin, which contains ``SYNTHETIC``. ``.write("flares.csv")`` writes it to a file.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> from sunpy_flarecast.archive import DemoArchive
        >>> flares = DemoArchive().flares(datetime(2015, 12, 11, tzinfo=UTC), datetime(2015, 12, 13, tzinfo=UTC))
        >>> print(*flares["peak", "class", "position"][0])
        2015-12-12T11:31:00 C1.3 S11E67
        """
        return list_flares(start, end)

    def segment(self, series: str, recnum: int, name: str) -> bytes:
        """Make the FITS file of a segment. See `Archive.segment`."""
        names = self._names[self._find(series)[1].name]
        if name not in names:
            raise NotHeldError(f"{series} has no segment {name!r}. It has: {', '.join(names)}.")
        return self._files(series, recnum, name)

    def _make_file(self, series: str, recnum: int, name: str) -> bytes:
        found, record = self._record(series, recnum)
        layout = storage(name)
        stored = image(name, record.view(found.projection))
        cards = ""
        if self._full:
            unit = next(segment.unit for segment in found.segments if segment.name == name)
            cards = record_cards(self.keywords(series, recnum))
            cards += image_cards(stored, layout, unit, f"{series}:{recnum}:{name}")
        return fits_bytes(stored, layout, cards, record.date)

    def _find(self, series: str) -> tuple[int, Series]:
        try:
            return self._series[series]
        except KeyError:
            raise NotHeldError(
                f"This archive holds no series {series!r}. It holds: {', '.join(self._series)}."
            ) from None

    def _find_ends(self, series: str) -> tuple[Record, Record]:
        days = [datetime.combine(day, time(), UTC) for day in self.days(series)]
        *_, last = self.records(series, days[-1], days[-1] + timedelta(days=1))
        return next(self.records(series, days[0], days[0] + timedelta(days=1))), last

    def _find_names(self, series: str) -> tuple[str, ...]:
        return tuple(self.keywords(series, self._ends(series)[0].recnum))

    def _record(self, series: str, recnum: int) -> tuple[Series, SyntheticRecord]:
        found, region, slot = self._held(series, recnum)
        return found, self._made(region, slot, found.near_real_time)

    def _held(self, series: str, recnum: int) -> tuple[Series, Region, int]:
        """Find series, region and slot of an existing record."""
        place, found = self._find(series)
        record = record_of(recnum)
        if record is None:
            raise NotHeldError(f"{series} has no record {recnum}. List records to find their numbers.")
        index, region, slot = record
        if index != place:
            raise NotHeldError(f"Record {recnum} belongs to {self.series()[index]}, not to {series}.")
        day, rest = divmod(slot, SLOTS_A_DAY)
        if not day_of(day, found.near_real_time).present[rest]:
            raise NotHeldError(f"{series} has no record {recnum}. The observation of that slot is missing.")
        return found, region, slot
