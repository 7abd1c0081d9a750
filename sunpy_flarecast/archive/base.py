"""The `Archive` protocol, on which the service is built, and the types that its methods return."""

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
    "is_temporary",
]

#: Temporary read errors: too many open files, or a network disk that does not respond.
_TEMPORARY: Final = frozenset(
    (errno.EAGAIN, errno.EBUSY, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT)
)


class NotHeldError(LookupError):
    """
    The archive does not hold the series, record or segment; the service answers 404 with the message.

    Parameters
    ----------
    message : str
        What was requested and what exists instead.
    """


def is_temporary(error: OSError) -> bool:
    """Return whether reading a file may succeed if retried; the service then answers 503, not 404."""
    return error.errno in _TEMPORARY


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """
    One HARP at one T_REC in one series; fields are named as in the service's lists.

    Parameters
    ----------
    recnum : int
        Record number, unique within the series. It does not change when the archive is reopened.
    segments : tuple of str
        Names of the segments held. Records with the same segments should share one tuple object.
    harpnum : int, optional
        HARP number.
    t_rec_index : int, optional
        T_REC in slots of 720 s (for SMARPs, too) since 1993-01-01T00:00:00 TAI.
    date__obs : str, optional
        Start of the observation, UTC, ISO 8601 with ``Z``.
    quality : int, optional
        Quality bits; 0 is good.
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
        Its path, with symbolic links resolved.
    size : int
        Its size in bytes when the archive last checked it.
    mtime_ns : int
        Its modification time at that moment, in nanoseconds since 1970.
    root : `pathlib.Path`, optional
        The archive's folder, which contains `path`. If given, a reverse proxy can send the file (`Settings.x_accel`).
    """

    path: Path
    size: int
    mtime_ns: int
    root: Path | None = None


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """
    A summary of the records of one series.

    Parameters
    ----------
    series : str
        Full name of the series.
    records : int, optional
        Number of records; None if they are not counted.
    first, last : str, optional
        ``date__obs`` of the first and the last record, UTC, ISO 8601 with ``Z``; None if there are no records.
    segments : tuple of str
        Names of the segments present.
    """

    series: str
    records: int | None
    first: str | None
    last: str | None
    segments: tuple[str, ...]


class DayCount(msgspec.Struct, frozen=True):
    """
    The numbers of records and HARPs on one day (UTC).

    Parameters
    ----------
    records : int
        Number of records whose ``date__obs`` falls on the day.
    harps : int
        Number of HARPs among them.
    """

    records: int
    harps: int


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """
    A summary of the records of one HARP in one series.

    Parameters
    ----------
    harpnum : int
        HARP number.
    first, last : str
        ``date__obs`` of its first and its last record, UTC, ISO 8601 with ``Z``.
    records : int
        Number of its records.
    noaa : tuple of int
        NOAA numbers of its records, in ascending order.
    """

    harpnum: int
    first: str
    last: str
    records: int
    noaa: tuple[int, ...]


class SegmentFile(msgspec.Struct, frozen=True):
    """
    The size and state of a segment's file as recorded by the archive; the disk is not accessed.

    Parameters
    ----------
    size : int or None
        Size of the FITS file in bytes; None if unknown until the file is read or generated.
    state : str
        Text that changes when the file does.
    """

    size: int | None
    state: str


class Steps(msgspec.Struct, frozen=True):
    """
    The time steps around a requested slot, as slots of 720 s (``t_rec_index``).

    Parameters
    ----------
    before : int or None
        The time step before the nearest; None if the nearest is the first.
    nearest : int
        Of the time steps with records, the one nearest to the requested slot; the earlier of two at the same distance.
    after : int or None
        The time step after the nearest; None if the nearest is the last.
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
        When the index was last brought up to date, UTC, ISO 8601 with ``Z``; None if there is no index.
    reindex_failed : bool, optional
        Whether the latest update of the index failed.
    """

    fault: str | None = None
    indexed: str | None = None
    reindex_failed: bool = False


@runtime_checkable
class Conditioned(Protocol):
    """An archive whose files may become unavailable, or that may fail to notice new ones."""

    def condition(self) -> Condition:
        """Return the current state; cheap enough to be called every second."""
        ...


@runtime_checkable
class Caching(Protocol):
    """An archive with a folder for files that can be regenerated."""

    #: The folder; it need not exist.
    cache: Path


class Archive(Protocol):
    """
    A collection of SHARP records.

    All methods may be called from several threads at once, and raise `NotHeldError` for a series, record or segment
    that the archive does not hold. Series are given by their full names.
    """

    #: Whether the records are synthetic; replies then forbid clients to store them.
    synthetic: bool

    def series(self) -> Sequence[str]:
        """List the full names of the series held."""
        ...

    def version(self, series: str) -> str | None:
        """
        Return an identifier of the current state of a series' records and keywords; None if the archive has none.

        It changes whenever a record or keyword changes, and is never reused for another state, not even after the index
        is rebuilt. From it the service derives the ``ETag`` with which clients validate stored lists and keywords.
        Cheap enough to be called for every request.
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
        List the records whose ``date__obs`` lies between two times (inclusive), sorted by T_REC and HARP number.

        ``harpnums`` restricts them to some HARPs (default: all), ``every`` to records whose T_REC is a multiple of this
        many slots, and ``after`` to records that follow the given slot and HARP number.
        """
        ...

    def records_at(self, series: str, slot: int) -> Sequence[Record]:
        """List the records of a T_REC, sorted by HARP number; the list may be empty."""
        ...

    def steps(self, series: str, slot: int) -> Steps:
        """Of the time steps with records, find the one nearest to a slot, and those before and after it."""
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
        Return keywords of records (default: all keywords) by their DRMS names in lower case, as JSON values.

        Missing values are None. A `NotHeldError` names all records that are not held.
        """
        ...

    def keyword_names(self, series: str) -> Sequence[str]:
        """List the names of all keywords that records of a series have."""
        ...

    def holdings(self) -> Sequence[Holding]:
        """Summarize each series held; cheap enough to be called for every page view."""
        ...

    def days(self, series: str, start: date | None = None, end: date | None = None) -> Mapping[date, DayCount]:
        """Count the records and HARPs of each day (UTC) with records, in order; optionally only in a range of days."""
        ...

    def harps(
        self, series: str, start: date | None = None, end: date | None = None, noaa: int | None = None
    ) -> Sequence[Passage]:
        """
        List the HARPs by number, optionally only those with records in a range of days, or with a NOAA number.

        Times and counts are always those of all records of a HARP.
        """
        ...

    def segment_files(self, series: str, recnum: int) -> Mapping[str, SegmentFile]:
        """Describe the files of a record by segment, in the order of `Record.segments`, without reading any."""
        ...

    def segment(self, series: str, recnum: int, name: str) -> Stored | bytes:
        """
        Return the FITS file of a segment: a `Stored` if it is on disk, else its content.

        The name is spelled as in `Record.segments`. Raises an `OSError` if the file cannot be read now.
        """
        ...
