"""What the service needs of an archive: the `Archive` protocol, and the `Record` it lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

__all__ = ["Archive", "NotHeldError", "Record"]


class NotHeldError(LookupError):
    """
    The archive does not hold what was asked for; the service answers 404 with this text.

    Parameters
    ----------
    message : str
        One sentence: what was asked for, and what there is instead.
    """


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

    def segment(self, series: str, recnum: int, name: str) -> Path | bytes:
        """
        Give the FITS file of a segment, as a path if it lies on disk.

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
