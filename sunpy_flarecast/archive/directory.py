"""An archive of SHARP FITS files that lie in a folder, as JSOC or a Fido client left them there."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sunpy.util.exceptions import warn_user

from sunpy_flarecast.trec import slot_text

from .base import NotHeldError
from .headers import keywords_of, read_header
from .scan import Scan
from .tree import fault_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from .base import Record
    from .shelf import Held, Shelf

__all__ = ["DirectoryArchive"]

#: Headers kept, for clients that ask for the keywords and then for the files of a record.
_HEADERS_KEPT: Final = 256

#: Characters of what was asked for that a message repeats.
_QUOTED: Final = 80


class DirectoryArchive:
    """
    An archive of the SHARP files in a folder and the folders in it.

    The folder is read once. Files named as JSOC names them may be bare; those with other names must have full
    headers, whose ``DRMS_ID`` tells series and segment. Where no header of a record tells its number, it has one
    made of its HARP number and T_REC.

    Parameters
    ----------
    path : path-like
        The folder.

    Attributes
    ----------
    path : `pathlib.Path`
        The folder.
    skipped : list of tuple
        Files that are not served, each with the reason.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.

    Warns
    -----
    sunpy.util.exceptions.SunpyUserWarning
        If files are not served.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from sunpy_flarecast.archive import DirectoryArchive
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "hmi.sharp_720s.6178.20151211_233600_TAI.magnetogram.fits")
    ...     fits.PrimaryHDU(np.zeros((2, 2))).writeto(file)
    ...     archive = DirectoryArchive(folder)
    >>> archive.series(), len(archive)
    (('hmi.sharp_720s',), 1)
    """

    synthetic: bool = False

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser().resolve()
        if not self.path.is_dir():
            raise NotADirectoryError(f"There is no folder {str(path)!r} to serve SHARP files from")
        scan = Scan(self.path)
        self.skipped: list[tuple[Path, str]] = scan.skipped
        self._shelves = scan.shelves
        self._keywords_in = lru_cache(_HEADERS_KEPT)(_keywords_in)
        if self.skipped:
            first, reason = self.skipped[0]
            warn_user(
                f"{len(self.skipped)} of the files in {self.path} are not served (see DirectoryArchive.skipped); "
                f"the first is {first.relative_to(self.path)}: {reason}."
            )

    def __len__(self) -> int:
        return sum(len(shelf) for shelf in self._shelves.values())

    def __repr__(self) -> str:
        return (
            f"<DirectoryArchive {str(self.path)!r}: {len(self)} records of {', '.join(self._shelves) or 'no series'}>"
        )

    def series(self) -> tuple[str, ...]:
        """List the full names of the series held."""
        return tuple(self._shelves)

    def records(self, series: str, start: datetime, end: datetime) -> Iterator[Record]:
        """
        List the records of a series in a range of time, ends included, by T_REC and HARP number.

        Where ``date__obs`` is not known T_REC decides.

        Parameters
        ----------
        series : str
            Full name of the series.
        start, end : `datetime.datetime`
            UTC, with their time zone.
        """
        return self._shelf(series).between(start, end)

    def keywords(self, series: str, recnum: int) -> Mapping[str, Any]:
        """
        Give all keywords of a record; for one without a full header those that the names of its files tell.

        Parameters
        ----------
        series : str
            Full name of the series.
        recnum : int
            Record number.
        """
        held = self._find(series, recnum)
        # Records without a header, and those of another generation, have the same names, so that a keyword asked of
        # several records is missing in some and not unknown.
        keywords: dict[str, Any] = dict.fromkeys(self._shelf(series).names)
        if held.source is None:
            return keywords | {"harpnum": held.record.harpnum, "t_rec": _t_rec_text(held.record.t_rec_index)}
        path = self.path / held.files[held.source]
        try:
            stat = path.stat()
            return keywords | self._keywords_in(path, stat.st_mtime_ns, stat.st_size)
        except (OSError, ValueError) as error:
            raise NotHeldError(f"The keywords of record {recnum} of {series} cannot be read any more") from error

    def segment(self, series: str, recnum: int, name: str) -> Path:
        """
        Give the path of a segment's file.

        Parameters
        ----------
        series : str
            Full name of the series.
        recnum : int
            Record number.
        name : str
            The segment's name.
        """
        held = self._find(series, recnum)
        segments = held.record.segments
        if name not in segments:
            near = difflib.get_close_matches(name[:_QUOTED], segments, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise NotHeldError(
                f"Record {recnum} of {series} has no segment {name[:_QUOTED]!r}.{hint} It has: {', '.join(segments)}."
            )
        path = self.path / held.files[segments.index(name)]
        if fault := fault_of(path, self.path):
            raise NotHeldError(f"Segment {name} of record {recnum} of {series} is not there any more. {fault}.")
        return path

    def _shelf(self, series: str) -> Shelf:
        shelf = self._shelves.get(series)
        if shelf is None:
            held = ", ".join(self._shelves) or "none"
            raise NotHeldError(f"This archive holds no series {series[:_QUOTED]!r}. It holds: {held}.")
        return shelf

    def _find(self, series: str, recnum: int) -> Held:
        held = self._shelf(series).find(recnum)
        if held is None:
            raise NotHeldError(f"{series} has no record {recnum} in this archive")
        return held


def _keywords_in(path: Path, mtime: int, size: int) -> dict[str, Any]:
    """Read the keywords in a file; its ``mtime`` and ``size`` keep what is remembered from outliving a change."""
    del mtime, size
    return keywords_of(read_header(path))


def _t_rec_text(slot: int | None) -> str | None:
    """Write T_REC as the keyword does."""
    if slot is None:
        return None
    text = slot_text(slot)
    return f"{text[:4]}.{text[4:6]}.{text[6:8]}_{text[9:11]}:{text[11:13]}:{text[13:]}"
