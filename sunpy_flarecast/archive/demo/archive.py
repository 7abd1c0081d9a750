"""`DemoArchive`: synthetic SHARPs made on request, for trying the service and the client out, and for tests."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from sunpy_flarecast._version import __version__
from sunpy_flarecast.archive.base import Holding, NotHeldError, Record
from sunpy_flarecast.sharp.catalog import all_series

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from sunpy_flarecast.sharp.catalog import Series

    from .record import Scene
    from .regions import Region

__all__ = ["DemoArchive"]

#: Records whose measured keywords are kept, some 6 kB each.
_MEASURED: Final = 4096


class DemoArchive:
    """
    An archive of synthetic SHARPs, made on request from a model and stored nowhere.

    There are about eight HARPs on the disk at any time from 2010-05 to 2026. Each is a bipole that emerges, grows and
    decays while the Sun's rotation carries it over the disk. All segments and keywords of a record, in both
    projections, follow from one model of its field; the same request gives the same bytes at all times.

    All methods may be called from several threads at once.

    Parameters
    ----------
    headers : {"full", "bare"}
        Whether the files carry all keywords (as JSOC exports them), or only what describes the image itself (as
        files lie in JSOC's own archive).
    cached : int
        How many records to keep in memory, with about 20 MB each, for requests for their other segments.

    Raises
    ------
    ValueError
        ``headers`` is something else.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from sunpy_flarecast.archive.demo.archive import DemoArchive
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
        self._series: Final = {series.name: (place, series) for place, series in enumerate(all_series())}
        self._names: Final = {
            series.name: tuple(segment.name for segment in series.segments) for series in all_series()
        }
        self._scene: Final = lru_cache(maxsize=cached)(_scene)
        self._measured: Final = lru_cache(maxsize=_MEASURED)(self._measure)
        self._ends: Final = lru_cache(maxsize=None)(self._find_ends)
        self._keyword_names: Final[dict[str, tuple[str, ...]]] = {}

    def __reduce__(self) -> tuple[type[DemoArchive], tuple[str, int]]:
        # Another process begins with empty caches.
        return type(self), ("full" if self._full else "bare", self._scene.cache_parameters()["maxsize"])

    def series(self) -> tuple[str, ...]:
        """
        List the full names of the series held: all four.

        Examples
        --------
        >>> from sunpy_flarecast.archive.demo.archive import DemoArchive
        >>> DemoArchive().series()[0]
        'hmi.sharp_720s'
        """
        return tuple(self._series)

    def version(self, series: str) -> str:
        """Return the version of the package, which alone decides what the demo holds."""
        self._find(series)
        return __version__

    def records(self, series: str, start: datetime, end: datetime) -> Iterator[Record]:
        """
        List the records of a series whose ``date__obs`` lies in a range, ends included, by T_REC and HARP number.

        Parameters
        ----------
        series : str
            Full name of the series.
        start, end : `datetime.datetime`
            UTC, with their time zone.

        Returns
        -------
        iterator of Record
            It makes the records as they are taken.

        Raises
        ------
        NotHeldError
            There is no such series.
        TypeError
            ``start`` or ``end`` has no time zone.
        """
        from .listing import list_records

        place, found = self._find(series)
        return list_records(place, found.near_real_time, self._names[series], start, end)

    def keywords(self, series: str, recnum: int) -> dict[str, Any]:
        """
        Give all keywords of a record, by their DRMS names in lower case.

        Parameters
        ----------
        series : str
            Full name of the series.
        recnum : int
            Record number.

        Returns
        -------
        dict
            Numbers, text, or None for missing.

        Raises
        ------
        NotHeldError
            There is no such series or record.
        """
        return self._keywords(series, recnum, None)

    def keywords_of(
        self, series: str, recnums: Sequence[int], names: Sequence[str] | None = None
    ) -> dict[int, dict[str, Any]]:
        """
        Give keywords of several records.

        Parameters
        ----------
        series : str
            Full name of the series.
        recnums : sequence of int
            Record numbers.
        names : sequence of str, optional
            DRMS names in lower case of those wanted; all without it.

        Returns
        -------
        dict
            Keywords by record number.

        Raises
        ------
        NotHeldError
            There is no such series, or there are no such records: all that are missing are named.
        """
        self._find(series)
        missing: list[str] = []
        for recnum in recnums:
            try:
                self._held(series, recnum)
            except NotHeldError:
                missing.append(str(recnum))
        if missing:
            raise NotHeldError(f"{series} has no record {', '.join(missing)}; list records to learn their numbers.")
        held = {recnum: self._keywords(series, recnum, names) for recnum in recnums}
        if names is None:
            return held
        return {recnum: {name: keywords.get(name) for name in names} for recnum, keywords in held.items()}

    def _keywords(self, series: str, recnum: int, names: Sequence[str] | None) -> dict[str, Any]:
        """Give the keywords of a record; those measured on its pixels, which takes long, only if they are wanted."""
        found, scene = self._record(series, recnum)
        told = scene.told(found.projection, recnum)
        if names is not None and told.keys() >= set(names):
            return told
        return told | self._measured(scene.one.ordinal, scene.slot, scene.near_real_time)

    def _measure(self, index: int, slot: int, near_real_time: bool) -> dict[str, Any]:
        return self._scene(index, slot, near_real_time).measured

    def keyword_names(self, series: str) -> tuple[str, ...]:
        """
        List the names of all keywords, which are the same for all records of a series.

        Parameters
        ----------
        series : str
            Full name of the series.

        Raises
        ------
        NotHeldError
            There is no such series.

        Examples
        --------
        >>> from sunpy_flarecast.archive.demo.archive import DemoArchive
        >>> "usflux" in DemoArchive().keyword_names("hmi.sharp_720s")
        True
        """
        if series not in self._keyword_names:
            self._keyword_names[series] = tuple(self.keywords(series, self._ends(series)[0].recnum))
        return self._keyword_names[series]

    def record(self, series: str, recnum: int) -> Record:
        """
        Give a record by its number.

        Parameters
        ----------
        series : str
            Full name of the series.
        recnum : int
            Record number.

        Raises
        ------
        NotHeldError
            There is no such series or record.
        """
        from .time_slots import SLOTS_A_DAY, day_of

        found, one, slot = self._held(series, recnum)
        day, rest = divmod(slot, SLOTS_A_DAY)
        times = day_of(day, found.near_real_time)
        return Record(
            recnum=recnum,
            segments=self._names[series],
            harpnum=one.harpnum(found.near_real_time),
            t_rec_index=slot,
            date__obs=times.dates[rest],
            quality=times.quality[rest],
            time=times.entered[rest],
        )

    def holdings(self) -> tuple[Holding, ...]:
        """Say what is held of each series."""
        return tuple(
            Holding(
                series=series,
                records=sum(self.days(series).values()),
                first=self._ends(series)[0].date__obs,
                last=self._ends(series)[1].date__obs,
                segments=names,
            )
            for series, names in self._names.items()
        )

    def days(self, series: str) -> Mapping[date, int]:
        """
        Count the records of each day (UTC); it takes about a second, and nothing the second time.

        Parameters
        ----------
        series : str
            Full name of the series.

        Raises
        ------
        NotHeldError
            There is no such series.
        """
        from .census import records_a_day

        return records_a_day(self._find(series)[1].near_real_time)

    def segment(self, series: str, recnum: int, name: str) -> bytes:
        """
        Make the FITS file of a segment.

        Parameters
        ----------
        series : str
            Full name of the series.
        recnum : int
            Record number.
        name : str
            The segment's name in the spelling of `Record.segments`.

        Returns
        -------
        bytes
            The file.

        Raises
        ------
        NotHeldError
            There is no such series, record or segment.
        """
        from sunpy_flarecast.archive.demo import fits_writer as fitsfile
        from sunpy_flarecast.archive.demo import images as segments

        names = self._names[self._find(series)[1].name]
        if name not in names:
            raise NotHeldError(f"{series} has no segment {name!r}; it has {', '.join(names)}.")
        found, scene = self._record(series, recnum)
        how = segments.storage(name)
        stored = segments.image(name, scene.view(found.projection))
        when = scene.date
        if not self._full:
            return fitsfile.fits_bytes(stored, how, "", when)
        unit = next(segment.unit for segment in found.segments if segment.name == name)
        cards = [("BUNIT", unit, "physical unit")] if unit else []
        cards += fitsfile.statistics(stored, how)
        cards.append(("DRMS_ID", f"{series}:{recnum}:{name}", "DRMS ID"))
        text = scene.header(found.projection, recnum) + fitsfile.card_text(cards)
        return fitsfile.fits_bytes(stored, how, text, when)

    def _find(self, series: str) -> tuple[int, Series]:
        try:
            return self._series[series]
        except KeyError:
            raise NotHeldError(f"There is no series {series!r}; there are {', '.join(self._series)}.") from None

    def _find_ends(self, series: str) -> tuple[Record, Record]:
        """Find the first and the last record."""
        from datetime import UTC, datetime, time, timedelta

        days = list(self.days(series))
        first, last = (datetime.combine(day, time(), UTC) for day in (days[0], days[-1]))
        whole = timedelta(days=1)
        *_, end = self.records(series, last, last + whole)
        return next(self.records(series, first, first + whole)), end

    def _record(self, series: str, recnum: int) -> tuple[Series, Scene]:
        found, one, slot = self._held(series, recnum)
        return found, self._scene(one.ordinal, slot, found.near_real_time)

    def _held(self, series: str, recnum: int) -> tuple[Series, Region, int]:
        """Find series, region and slot of a record that is there."""
        from .regions import record_of
        from .time_slots import SLOTS_A_DAY, day_of

        place, found = self._find(series)
        record = record_of(recnum)
        if record is None:
            raise NotHeldError(f"{series} has no record {recnum}; list records to learn the numbers that there are.")
        where, one, slot = record
        if where != place:
            raise NotHeldError(f"{series} has no record {recnum}; it is one of {self.series()[where]}.")
        day, rest = divmod(slot, SLOTS_A_DAY)
        if not day_of(day, found.near_real_time).present[rest]:
            raise NotHeldError(f"{series} has no record {recnum}; the observation of that slot is missing.")
        return found, one, slot


def _scene(index: int, slot: int, near_real_time: bool) -> Scene:
    from .record import Scene
    from .regions import region

    return Scene(region(index), slot, near_real_time)
