"""`DemoArchive`: synthetic SHARPs made on request, for trying the service and the client out, and for tests."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from sunpy_flarecast.archive.base import NotHeldError, Record
from sunpy_flarecast.catalog import all_series

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sunpy_flarecast.archive.demo.scene import Scene
    from sunpy_flarecast.catalog import Series

__all__ = ["DemoArchive"]


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
        `headers` is something else.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from sunpy_flarecast.archive.demo import DemoArchive
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

    def series(self) -> tuple[str, ...]:
        """
        List the full names of the series held: all four.

        Examples
        --------
        >>> from sunpy_flarecast.archive.demo import DemoArchive
        >>> DemoArchive().series()[0]
        'hmi.sharp_720s'
        """
        return tuple(self._series)

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
            `start` or `end` has no time zone.
        """
        from sunpy_flarecast.archive.demo.listing import list_records

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
        found, scene = self._record(series, recnum)
        return scene.keywords(found.projection, recnum)

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
        from sunpy_flarecast.archive.demo import fitsfile, segments

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

    def _record(self, series: str, recnum: int) -> tuple[Series, Scene]:
        from sunpy_flarecast.archive.demo.population import record_of
        from sunpy_flarecast.archive.demo.timetable import SLOTS_A_DAY, day_of

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
        return found, self._scene(one.ordinal, slot, found.near_real_time)


def _scene(index: int, slot: int, near_real_time: bool) -> Scene:
    from sunpy_flarecast.archive.demo.population import region
    from sunpy_flarecast.archive.demo.scene import Scene

    return Scene(region(index), slot, near_real_time)
