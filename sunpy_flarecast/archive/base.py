"""What the service needs of an archive: the `Archive` protocol, and what it gives: `Record`, `Stored`, `Holding`."""

from __future__ import annotations

import errno
from pathlib import Path  # noqa: TC003 (msgspec reads the annotations)
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

__all__ = ["Archive", "Condition", "Conditioned", "Holding", "NotHeldError", "Record", "Stored", "may_pass"]

#: Why a file cannot be read now, and perhaps can in a moment: too much is open, or a disk in the network stumbles.
_PASSING: Final = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)


class NotHeldError(LookupError):
    """
    The archive does not hold what was asked for; the service answers 404 with this text.

    Parameters
    ----------
    message : str
        One sentence: what was asked for, and what there is instead.
    """


def may_pass(error: OSError) -> bool:
    """
    Tell whether what cannot be read now may be read in a moment; the service answers 503 then, and not 404.

    Examples
    --------
    >>> from sunpy_flarecast.archive.base import may_pass
    >>> may_pass(OSError(24, "Too many open files")), may_pass(FileNotFoundError(2, "No such file or directory"))
    (True, False)
    """
    return error.errno in _PASSING


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """
    One HARP at one T_REC in one series; the fields are those of the service's list (names are its own).

    Parameters
    ----------
    recnum : int
        Record number, unique within the series and the same at every start of the archive.
    segments : tuple of str
        Names of the segments held. One tuple object should serve all records that hold the same.
    harpnum : int, optional
        HARP number.
    t_rec_index : int, optional
        Slots of 720 s since 1993-01-01T00:00:00 TAI.
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
    A file on disk, and what the archive knows of it without opening it.

    Parameters
    ----------
    path : `pathlib.Path`
        Where it lies; itself no link.
    size : int
        Its size in bytes when it was last looked at.
    mtime_ns : int
        Its time of modification then, in nanoseconds since 1970.
    sha256 : bytes, optional
        Digest of its content at that size and time, 32 bytes.
    """

    path: Path
    size: int
    mtime_ns: int
    sha256: bytes | None = None


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
        ``date__obs`` of the first and of the last record, UTC, ISO 8601 with ``Z``; None where there is none.
    segments : tuple of str
        Names of the segments that some record has.
    """

    series: str
    records: int | None
    first: str | None
    last: str | None
    segments: tuple[str, ...]


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """
    How an archive is, for those who look after the service.

    Parameters
    ----------
    fault : str, optional
        Why its files cannot be served now, as a sentence.
    watching : bool, optional
        Whether new files are noticed; None if they need not be.
    """

    fault: str | None = None
    watching: bool | None = None


@runtime_checkable
class Conditioned(Protocol):
    """An archive whose files may be away, or that may fail to notice new ones."""

    def condition(self) -> Condition:
        """Say how it is now; cheap enough to be asked every second."""
        ...


class Archive(Protocol):
    """
    A holding of SHARP records.

    All methods may be called from several threads at once, and raise `NotHeldError` for a series, record or segment
    that the archive does not hold. Series are given by their full names.
    """

    #: Whether the records are made up, so that nobody should keep them as if they were real.
    synthetic: bool

    def series(self) -> Sequence[str]:
        """List the full names of the series held."""
        ...

    def records(self, series: str, start: datetime, end: datetime) -> Iterable[Record]:
        """
        List the records of a series whose ``date__obs`` lies in a range, ends included, by T_REC and HARP number.

        Parameters
        ----------
        series : str
            Full name of the series.
        start, end : `datetime.datetime`
            UTC, with their time zone.
        """
        ...

    def keywords(self, series: str, recnum: int) -> Mapping[str, Any]:
        """
        Give all keywords of a record, by their DRMS names in lower case, as JSON has them (None for missing).

        Parameters
        ----------
        series : str
            Full name of the series.
        recnum : int
            Record number.
        """
        ...

    def keywords_of(
        self, series: str, recnums: Sequence[int], names: Sequence[str] | None = None
    ) -> Mapping[int, Mapping[str, Any]]:
        """
        Give keywords of several records; a `NotHeldError` names all that are not held.

        Parameters
        ----------
        series : str
            Full name of the series.
        recnums : sequence of int
            Record numbers.
        names : sequence of str, optional
            DRMS names in lower case of those wanted; a record that lacks one has None. All without it.
        """
        ...

    def keyword_names(self, series: str) -> Sequence[str]:
        """
        List the names of all keywords that records of a series have.

        Parameters
        ----------
        series : str
            Full name of the series.
        """
        ...

    def record(self, series: str, recnum: int) -> Record:
        """
        Give a record by its number.

        Parameters
        ----------
        series : str
            Full name of the series.
        recnum : int
            Record number.
        """
        ...

    def holdings(self) -> Sequence[Holding]:
        """Say what is held of each series; cheap enough to be asked by everybody who comes by."""
        ...

    def days(self, series: str) -> Mapping[date, int]:
        """
        Count the records of each day (UTC) that has any.

        Parameters
        ----------
        series : str
            Full name of the series.
        """
        ...

    def segment(self, series: str, recnum: int, name: str) -> Stored | bytes:
        """
        Give the FITS file of a segment, as a `Stored` if it lies on disk; an `OSError` says why it cannot be read now.

        Parameters
        ----------
        series : str
            Full name of the series.
        recnum : int
            Record number.
        name : str
            The segment's name in the spelling of `Record.segments`.
        """
        ...
