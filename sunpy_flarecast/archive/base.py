"""What the service needs of an archive: the `Archive` protocol, and what its methods return."""

from __future__ import annotations

import errno
from pathlib import Path  # noqa: TC003 (msgspec reads the annotations)
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date, datetime

__all__ = [
    "Archive",
    "Caching",
    "Condition",
    "Conditioned",
    "DayCount",
    "Holding",
    "NotHeldError",
    "Passage",
    "Record",
    "SegmentFile",
    "Steps",
    "Stored",
    "may_pass",
]

#: Temporary reasons why a file cannot be read: too much is open, or a network disk stumbles.
_PASSING: Final = frozenset(
    (errno.EAGAIN, errno.EBUSY, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT)
)


class NotHeldError(LookupError):
    """
    The archive does not hold the series, record or segment; the service answers 404 with this text.

    Parameters
    ----------
    message : str
        One sentence: what was asked for, and what exists instead.
    """


def may_pass(error: OSError) -> bool:
    """Tell whether a file that cannot be read may be readable in a moment; the service then answers 503, not 404."""
    return error.errno in _PASSING


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """
    One HARP at one T_REC in one series; the fields have the names of the service's list.

    Parameters
    ----------
    recnum : int
        Record number, unique within the series and the same at every start of the archive.
    segments : tuple of str
        Names of the segments held. Records with the same segments should share one tuple object.
    harpnum : int, optional
        HARP number.
    t_rec_index : int, optional
        T_REC in slots of 720 s, also for SMARPs, since 1993-01-01T00:00:00 TAI.
    date__obs : str, optional
        Start of the observation, UTC, ISO 8601 with ``Z``.
    quality : int, optional
        Quality bit word, 0 for good.
    time : str, optional
        When the record entered the archive, UTC, ISO 8601 with ``Z``.
    wavelnth : int, optional
        Wavelength in ångström.
    """

    recnum: int
    segments: tuple[str, ...]
    harpnum: int | None = None
    t_rec_index: int | None = None
    date__obs: str | None = None
    quality: int | None = None
    time: str | None = None
    wavelnth: int | None = 6173


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """
    A file on disk.

    Parameters
    ----------
    path : `pathlib.Path`
        Its path, without symbolic links.
    size : int
        Its size in bytes when the archive last looked at it.
    mtime_ns : int
        Its time of modification at that moment, in nanoseconds since 1970.
    root : `pathlib.Path`, optional
        The archive's folder, a parent of `path`. Where it is given, a front server can send the file
        (`Settings.x_accel`).
    """

    path: Path
    size: int
    mtime_ns: int
    root: Path | None = None


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an archive holds of one series.

    Parameters
    ----------
    series : str
        Full name of the series.
    records : int, optional
        Number of records; None if they are not counted.
    first, last : str, optional
        ``date__obs`` of the first and the last record, UTC, ISO 8601 with ``Z``; None if there are no records.
    segments : tuple of str
        Names of the segments that at least one record has.
    """

    series: str
    records: int | None
    first: str | None
    last: str | None
    segments: tuple[str, ...]


class DayCount(msgspec.Struct, frozen=True):
    """
    What an archive holds of one day (UTC).

    Parameters
    ----------
    records : int
        Number of records whose ``date__obs`` lies in the day.
    harps : int
        Number of HARPs that they are of.
    """

    records: int
    harps: int


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an archive holds of one HARP in one series.

    Parameters
    ----------
    harpnum : int
        HARP number.
    first, last : str
        ``date__obs`` of its first and its last record, UTC, ISO 8601 with ``Z``.
    records : int
        Number of its records.
    noaa : tuple of int
        NOAA numbers that its records have had, in ascending order.
    """

    harpnum: int
    first: str
    last: str
    records: int
    noaa: tuple[int, ...]


class SegmentFile(msgspec.Struct, frozen=True):
    """
    A segment's file as the archive knows it, without looking at it.

    Parameters
    ----------
    size : int or None
        Size of the FITS file in bytes; None if it is known only when the file is read or made.
    state : str
        Text that changes when the file does.
    """

    size: int | None
    state: str


class Steps(msgspec.Struct, frozen=True):
    """
    Time steps of a series as slots of 720 s (``t_rec_index``), None where there is none.

    Parameters
    ----------
    before : int or None
        The step before the nearest.
    nearest : int
        The step with records nearest to the slot that was asked for; the earlier of two.
    after : int or None
        The step after the nearest.
    """

    before: int | None
    nearest: int
    after: int | None


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """
    The state of an archive, as ``/health`` reports it.

    Parameters
    ----------
    fault : str, optional
        Why its files cannot be served now, as a sentence.
    indexed : str, optional
        When all files were last looked at, UTC, ISO 8601 with ``Z``; None if there is no index.
    reindex_failed : bool, optional
        Whether looking for new files has failed since.
    """

    fault: str | None = None
    indexed: str | None = None
    reindex_failed: bool = False


@runtime_checkable
class Conditioned(Protocol):
    """An archive whose files may become unavailable, or that may fail to notice new ones."""

    def condition(self) -> Condition:
        """Return the present state; cheap enough to be called every second."""
        ...


@runtime_checkable
class Caching(Protocol):
    """An archive with a folder for files that can be made again."""

    #: The folder; it need not exist.
    cache: Path


class Archive(Protocol):
    """
    A collection of SHARP records.

    All methods may be called from several threads at once, and raise `NotHeldError` for a series, record or segment
    that the archive does not hold. Series are given by their full names.
    """

    #: Whether the records are made up: clients are then told not to store them.
    synthetic: bool

    def series(self) -> Sequence[str]:
        """List the full names of the series held."""
        ...

    def version(self, series: str) -> str | None:
        """
        Return a text that identifies the present state of a series' records and keywords; None if there is none.

        It changes whenever a record or a keyword does, and no text ever comes back for another state, not even after
        an index was rebuilt. From it the service makes the ``ETag`` of lists and keywords, by which clients learn
        that a stored reply is still valid. Cheap enough to be called for every request.
        """
        ...

    def records(
        self,
        series: str,
        start: datetime,
        end: datetime,
        *,
        harpnums: Collection[int] | None = None,
        every: int = 1,
        after: tuple[int, int] | None = None,
    ) -> Iterable[Record]:
        """
        List the records whose ``date__obs`` lies between two times, ends included, by T_REC and HARP number.

        Only those of some HARPs (default: all), with a T_REC that is a multiple of so many slots, and after a slot and
        HARP number, if these are given.
        """
        ...

    def records_at(self, series: str, slot: int) -> Sequence[Record]:
        """List the records of a T_REC by HARP number; it may have none."""
        ...

    def steps(self, series: str, slot: int) -> Steps:
        """Find the time step with records nearest to a slot, and those before and after it."""
        ...

    def neighbours(self, series: str, recnum: int) -> tuple[Record | None, Record | None]:
        """Find the records of the same HARP before and after a record."""
        ...

    def record(self, series: str, recnum: int) -> Record:
        """Return a record by its number."""
        ...

    def keywords_of(
        self, series: str, recnums: Sequence[int], names: Sequence[str] | None = None
    ) -> Mapping[int, Mapping[str, Any]]:
        """
        Return keywords of several records (default: all) by their DRMS names in lower case, as JSON values.

        A keyword that a record lacks is None. A `NotHeldError` names all records that are not held.
        """
        ...

    def keyword_names(self, series: str) -> Sequence[str]:
        """List the names of all keywords that records of a series have."""
        ...

    def holdings(self) -> Sequence[Holding]:
        """Describe what is held of each series; cheap enough to be called for every visitor."""
        ...

    def days(self, series: str, start: date | None = None, end: date | None = None) -> Mapping[date, DayCount]:
        """Count the records and HARPs of each day (UTC) that has any, in order; from one day to another if given."""
        ...

    def harps(
        self, series: str, start: date | None = None, end: date | None = None, noaa: int | None = None
    ) -> Sequence[Passage]:
        """
        List the HARPs by number; those with records on the days from one to another, or with a NOAA number, if given.

        Times and counts are those of all records of a HARP.
        """
        ...

    def segment_files(self, series: str, recnum: int) -> Mapping[str, SegmentFile]:
        """Describe the files of a record by segment, in the order of `Record.segments`; reads and makes no file."""
        ...

    def segment(self, series: str, recnum: int, name: str) -> Stored | bytes:
        """
        Return the FITS file of a segment: a `Stored` if it is on disk, else its content.

        The name is spelled as in `Record.segments`. An `OSError` says why the file cannot be read now.
        """
        ...
