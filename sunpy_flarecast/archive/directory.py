"""An archive of SHARP FITS files in a folder, as JSOC or a Fido client left them there, by its index."""

from __future__ import annotations

import difflib
import errno
import tempfile
import threading
import warnings
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from sunpy.util.exceptions import warn_user

from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.t_rec import t_rec_text

from .base import Condition, NotHeldError
from .index import (
    ArchiveIndexError,
    BusyIndexError,
    Reader,
    Reindexing,
    build_index,
    can_write,
    copy_index,
    folder_at,
    index_path,
    is_there,
)
from .index.file_names import Place
from .index.model import lasting_number
from .index.present import GoneError, present_file
from .index.scan import AWAY, CACHE_ENDING

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from .base import DayCount, Holding, Passage, Record, SegmentFile, Steps, Stored
    from .index import IndexReport, Progress

__all__ = ["DirectoryArchive"]

#: Characters of a name that a message repeats.
_QUOTED: Final = 80


class DirectoryArchive:
    """
    An archive of the SHARP files in a folder and the folders in it.

    It is read from an index (``sunpy_flarecast.archive.index``), which is made or brought up to date when the archive
    is opened, and may be written by another process meanwhile. Files named as JSOC names them may lack keywords; those
    with other names must have full headers, whose ``DRMS_ID`` tells series and segment. Names end as those of FITS
    files (``.fits``, ``.fit``, ``.fts``, also with ``.fz`` or ``.gz``); what gzip has packed is served unpacked.
    Keywords of files without them come from tables beside them (``keywords.ecsv``). A record without a number gets one
    made of its HARP number and T_REC. Of a reprocessed record the newest edition is served.

    Parameters
    ----------
    path : path-like
        The folder.
    index : path-like, optional
        The index (default: a hidden file in the folder, or a temporary one where nothing may be written there).
    update : bool, optional
        Whether to bring the index up to date first (default: True). It stays as it is while another process writes it.
    reindex : float, optional
        Seconds after which new files are looked for again, in a thread, until the archive is closed (default: never).
        Of several processes that serve one folder, one at a time looks.
    jobs : int, optional
        Processes that read files while the index is brought up to date (default: 1).
    progress : callable, optional
        Called with the number of files looked at, and of all files.

    Attributes
    ----------
    path, index : `pathlib.Path`
        The folder and its index.
    report : `~sunpy_flarecast.archive.index.IndexReport` or None
        What was done to bring the index up to date.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    ValueError
        If ``reindex`` is not above 0.
    ~sunpy_flarecast.archive.index.ArchiveIndexError
        If the index cannot be used.

    Warns
    -----
    sunpy.util.exceptions.SunpyUserWarning
        If files are not served, or the index cannot be kept.

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
    ...     with DirectoryArchive(folder) as archive:
    ...         archive.series(), len(archive)
    (('hmi.sharp_720s',), 1)
    """

    synthetic: bool = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        index: str | os.PathLike[str] | None = None,
        update: bool = True,
        reindex: float | None = None,
        jobs: int = 1,
        progress: Progress | None = None,
    ) -> None:
        if reindex is not None and not 0 < reindex <= threading.TIMEOUT_MAX:
            raise ValueError(f"reindex={reindex!r}: give a number of seconds above 0, or None to look once only")
        self.path = folder_at(path)
        self.index = index_path(self.path, index)
        self.report: IndexReport | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if index is None and not can_write(self.path):
            # An index that another user keeps there is used as it is, also while it is written.
            if self._can_read():
                update, reindex = False, None
            else:
                update = True
                self._keep_elsewhere()
        if update:
            with suppress(BusyIndexError):  # whoever writes it has it up to date, or will soon
                self.report = build_index(self.path, index=self.index, jobs=jobs, progress=progress)
        self._reader = Reader(self.index)
        self._reindexing = Reindexing(self.path, self.index, reindex) if reindex else None
        self._finalizer = weakref.finalize(self, _close, self._reader, self._reindexing, self._temporary)
        if skipped := self.skipped:
            first, reason = skipped[0]
            warn_user(
                f"{len(skipped)} of the files in {self.path} are not served (see DirectoryArchive.skipped); "
                f"the first is {first.relative_to(self.path)}: {reason}."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, tuple[Path, Path, float | None]]:
        return _reopened, (self.path, self.index, self._reindexing.every if self._reindexing else None)

    def __len__(self) -> int:
        return self._reader.count()

    def __repr__(self) -> str:
        series = ", ".join(self._reader.series(unfinished=True)) or "no series"
        return f"<DirectoryArchive {str(self.path)!r}: {len(self)} records of {series}>"

    @property
    def cache(self) -> Path:
        """Folder beside the index for files that can be made again, such as quicklooks."""
        return self.index.with_name(f"{self.index.name}{CACHE_ENDING}")

    @property
    def skipped(self) -> list[tuple[Path, str]]:
        """Files and folders that are not served, each with the reason."""
        return self._reader.faults(self.path)

    def close(self) -> None:
        """Close the index; the archive cannot be used any more."""
        self._finalizer()

    def _can_read(self) -> bool:
        try:
            Reader(self.index).close()
        except ArchiveIndexError:
            return False
        return True

    def _keep_elsewhere(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="sunpy-flarecast-", ignore_cleanup_errors=True)
        beside, self.index = self.index, Path(self._temporary.name, "index.sqlite")
        copy_index(beside, self.index)
        warn_user(
            f"Nothing may be written in {self.path}, so the index of its files is rebuilt each time. To keep "
            "it, name a file for it elsewhere: DirectoryArchive(path, index=FILE), or --index FILE in the terminal."
        )

    def series(self) -> tuple[str, ...]:
        """List the full names of the series held."""
        return tuple(self._reader.series())

    def version(self, series: str) -> str | None:
        """Return a text that changes with every change of the records of a series, or when the index is rebuilt."""
        return self._reader.version(self._number(series))

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
        """List the records in a range, as `Archive.records`; T_REC stands for a missing ``date__obs``."""
        return self._reader.records(self._number(series), start, end, harpnums, every, after)

    def records_at(self, series: str, slot: int) -> list[Record]:
        """List the records of a T_REC by HARP number."""
        return self._reader.records_at(self._number(series), slot)

    def steps(self, series: str, slot: int) -> Steps:
        """Find the time step nearest to a slot, and those before and after it."""
        steps = self._reader.steps(self._number(series), slot)
        if steps is None:  # they were removed just now
            raise NotHeldError(f"{series} has no records in this archive")
        return steps

    def neighbours(self, series: str, recnum: int) -> tuple[Record | None, Record | None]:
        """Find the records of the same HARP before and after a record."""
        before, after = self._reader.neighbours(lasting_number(series), self.record(series, recnum))
        return before, after

    def record(self, series: str, recnum: int) -> Record:
        """Return a record by its number."""
        record = self._reader.record(lasting_number(series), recnum)
        if record is None:
            self._number(series)  # which says that there is no such series
            raise NotHeldError(f"{series} has no record {recnum} in this archive")
        return record

    def keywords(self, series: str, recnum: int) -> Mapping[str, Any]:
        """Return all keywords of a record; of one without any, those in the names of its files."""
        return self.keywords_of(series, [recnum])[recnum]

    def keywords_of(
        self, series: str, recnums: Sequence[int], names: Sequence[str] | None = None
    ) -> Mapping[int, Mapping[str, Any]]:
        """Return keywords of several records, as `Archive.keywords_of`."""
        number = self._number(series)
        found = self._reader.keywords(number, recnums)
        if missing := [str(recnum) for recnum in dict.fromkeys(recnums) if recnum not in found]:
            raise NotHeldError(f"{series} has no record {', '.join(missing)} in this archive")
        # Records without keywords, and those of another generation, have the same names, so that a keyword asked of
        # several records is missing in some and not unknown.
        blank: dict[str, Any] = dict.fromkeys(self.keyword_names(series) if names is None else names)
        replies: dict[int, Mapping[str, Any]] = {}
        for recnum in recnums:
            harpnum, slot, held = found[recnum]
            known = {_region_keyword(series): harpnum, "t_rec": t_rec_text(slot)} | held
            wanted = known if names is None else {name: known[name] for name in names if name in known}
            replies[recnum] = blank | wanted
        return replies

    def keyword_names(self, series: str) -> tuple[str, ...]:
        """List the names of all keywords that records of a series have."""
        # The last two are in the names of files.
        return tuple(
            dict.fromkeys((*self._reader.keyword_names(self._number(series)), _region_keyword(series), "t_rec"))
        )

    def holdings(self) -> list[Holding]:
        """Describe what is held of each series; T_REC in UTC stands for a missing ``date__obs``."""
        return self._reader.holdings()

    def days(self, series: str, start: date | None = None, end: date | None = None) -> Mapping[date, DayCount]:
        """Count the records and HARPs of each day (UTC) that has any."""
        return self._reader.days(self._number(series), start, end)

    def harps(
        self, series: str, start: date | None = None, end: date | None = None, noaa: int | None = None
    ) -> list[Passage]:
        """List the HARPs by number, as `Archive.harps`."""
        return self._reader.harps(self._number(series), start, end, noaa)

    def segment_files(self, series: str, recnum: int) -> dict[str, SegmentFile]:
        """Describe the files of a record by segment, as the index knows them."""
        files = self._reader.segment_files(lasting_number(series), recnum)
        return {segment: files[segment] for segment in self.record(series, recnum).segments if segment in files}

    def segment(self, series: str, recnum: int, name: str) -> Stored | bytes:
        """Return the file of a segment as it is on disk now, or its content if it is packed, as `Archive.segment`."""
        filed = self._reader.segment(lasting_number(series), recnum, name)
        if filed is None:
            segments = self.record(series, recnum).segments
            near = difflib.get_close_matches(name[:_QUOTED], segments, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise NotHeldError(
                f"Record {recnum} of {series} has no segment {name[:_QUOTED]!r}.{hint} It has: {', '.join(segments)}."
            )
        try:
            return present_file(self.path, filed, Place(series, filed.harpnum, filed.slot, name))
        except GoneError as error:
            if self._is_away():
                raise OSError(errno.ESTALE, "the folder of the archive is not there") from error
            raise NotHeldError(
                f"Segment {name} of record {recnum} of {series} is not there any more. {error}."
            ) from error

    def condition(self) -> Condition:
        """Return whether the folder is there and its index complete, and when it was last brought up to date."""
        if self._is_away():
            return Condition(fault=AWAY)
        try:
            look = self._reader.look()
        except ArchiveIndexError:
            return Condition(fault="The index of the archive cannot be read: sunpy-flarecast index DIRECTORY says why.")
        if look is None:
            return Condition(fault=f"The index is being made; it has {len(self):,} records so far.")
        return Condition(
            indexed=f"{look.time:%Y-%m-%dT%H:%M:%SZ}",
            reindex_failed=self._reindexing is not None and self._reindexing.fault is not None,
        )

    def _is_away(self) -> bool:
        """Whether the disk is missing; of an archive that never had any files, whether its folder is."""
        if is_there(str(self.path)):
            return False
        try:
            return not self.path.is_dir() or len(self) > 0
        except ArchiveIndexError:
            return True

    def _number(self, series: str) -> int:
        held = self._reader.series()
        number = held.get(series)
        if number is None:
            raise NotHeldError(
                f"This archive holds no series {series[:_QUOTED]!r}. It holds: {', '.join(held) or 'none'}."
            )
        return number


def _close(reader: Reader, reindexing: Reindexing | None, temporary: tempfile.TemporaryDirectory[str] | None) -> None:
    if reindexing is not None:
        reindexing.stop()
    reader.close()
    if temporary is not None:
        temporary.cleanup()


def _reopened(path: Path, index: Path, reindex: float | None) -> DirectoryArchive:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that are not served; the first process gave the warning
        return DirectoryArchive(path, index=index, update=False, reindex=reindex)


def _region_keyword(series: str) -> str:
    known = find_series(series)
    return known.region_keyword if known else "harpnum"
