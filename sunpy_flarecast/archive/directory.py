"""An archive of SHARP FITS files in a folder, read through its index."""

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
from sunpy_flarecast.utils.reports import counted

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
from .index.model import stable_id
from .index.present import GoneError, present_file
from .index.scan import CACHE_SUFFIX, MISSING

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from .base import DayCount, Holding, Passage, Record, SegmentFile, Steps, Stored
    from .index import IndexReport, Progress

__all__ = ["DirectoryArchive"]

#: Longest part of a name that a message quotes, in characters.
_QUOTED: Final = 80


class DirectoryArchive:
    """
    An archive of the SHARP files in a folder and its subfolders.

    It is read from an index (``sunpy_flarecast.archive.index``), which is created or updated when the archive is
    opened; another process may write to it at the same time. Files with JSOC's names may lack keywords; files
    with other names must have full headers, whose ``DRMS_ID`` identifies series and segment. Names end in ``.fits``,
    ``.fit`` or ``.fts``, optionally followed by ``.fz`` or ``.gz``; gzip files are served decompressed. Keywords of
    as-is exports come from tables beside the files (``keywords.ecsv``). A record without a record number gets one
    derived from its HARP number and T_REC. Only the newest version of a reprocessed record is served.

    Parameters
    ----------
    path : path-like
        The folder.
    index : path-like, optional
        The index (default: a hidden file in the folder; if the folder is not writable and has no readable index, a
        temporary file).
    update : bool, optional
        Whether to bring the index up to date first (default: True); skipped while another process writes it. A
        readable index in a folder that is not writable is used without updates.
    reindex : float, optional
        Interval in seconds at which a thread looks for new files until the archive is closed (default: never). If
        several processes serve one folder, only one of them looks at a time.
    jobs : int, optional
        Number of processes that read files for the index (default: 1).
    progress : callable, optional
        Called with the number of files checked so far and the number of all files.

    Attributes
    ----------
    path, index : `pathlib.Path`
        The folder and its index.
    report : `~sunpy_flarecast.archive.index.IndexReport` or None
        Result of bringing the index up to date; None if that was skipped.

    Raises
    ------
    NotADirectoryError
        If the folder does not exist.
    ValueError
        If ``reindex`` is not positive.
    ~sunpy_flarecast.archive.index.ArchiveIndexError
        If the index cannot be used.

    Warns
    -----
    sunpy.util.exceptions.SunpyUserWarning
        If some files cannot be served, or the index cannot be kept.

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
            raise ValueError(f"reindex={reindex!r} is not a positive number of seconds. None disables reindexing.")
        self.path = folder_at(path)
        self.index = index_path(self.path, index)
        self.report: IndexReport | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if index is None and not can_write(self.path):
            # An index that another user keeps there is used without an update, even while that user writes it.
            if self._can_read():
                update, reindex = False, None
            else:
                update = True
                self._keep_elsewhere()
        if update:
            with suppress(BusyIndexError):  # its writer will bring it up to date
                self.report = build_index(self.path, index=self.index, jobs=jobs, progress=progress)
        self._reader = Reader(self.index)
        self._reindexing = Reindexing(self.path, self.index, reindex) if reindex else None
        self._finalizer = weakref.finalize(self, _close, self._reader, self._reindexing, self._temporary)
        if skipped := self.skipped:
            first, reason = skipped[0]
            warn_user(
                f"{len(skipped)} of the files in {self.path} cannot be served (see DirectoryArchive.skipped). "
                f"The first is {first.relative_to(self.path)}: {reason}."
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
        return f"<DirectoryArchive {str(self.path)!r}: {counted(len(self), 'record')} of {series}>"

    @property
    def cache(self) -> Path:
        """Folder beside the index for files that can be regenerated, such as quicklooks."""
        return self.index.with_name(f"{self.index.name}{CACHE_SUFFIX}")

    @property
    def skipped(self) -> list[tuple[Path, str]]:
        """Files and folders that cannot be served, each with the reason."""
        return self._reader.faults(self.path)

    def close(self) -> None:
        """Close the index; the archive cannot be used afterwards."""
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
            f"{self.path} is not writable, so its index will be rebuilt each time. To keep it, choose a file "
            "elsewhere: DirectoryArchive(path, index=FILE), or --index FILE on the command line."
        )

    def series(self) -> tuple[str, ...]:
        """List the full names of the series held."""
        return tuple(self._reader.series())

    def version(self, series: str) -> str | None:
        """Return an identifier that changes with every change of a series' records, and when the index is rebuilt."""
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
        """List the records in a time range, as `Archive.records`; T_REC replaces a missing ``date__obs``."""
        return self._reader.records(self._number(series), start, end, harpnums, every, after)

    def records_at(self, series: str, slot: int) -> list[Record]:
        """List the records of a T_REC, sorted by HARP number."""
        return self._reader.records_at(self._number(series), slot)

    def steps(self, series: str, slot: int) -> Steps:
        """Find the time step nearest to a slot, and those before and after it."""
        steps = self._reader.steps(self._number(series), slot)
        if steps is None:  # removed in the meantime
            raise NotHeldError(f"{series} has no records in this archive.")
        return steps

    def neighbours(self, series: str, recnum: int) -> tuple[Record | None, Record | None]:
        """Find the records of the same HARP before and after a record."""
        before, after = self._reader.neighbours(stable_id(series), self.record(series, recnum))
        return before, after

    def record(self, series: str, recnum: int) -> Record:
        """Return a record by its number."""
        record = self._reader.record(stable_id(series), recnum)
        if record is None:
            self._number(series)  # raises if the series is not held either
            raise NotHeldError(f"{series} has no record {recnum} in this archive.")
        return record

    def keywords(self, series: str, recnum: int) -> Mapping[str, Any]:
        """Return all keywords of a record; for as-is exports without a table, those in the file names."""
        return self.keywords_of(series, [recnum])[recnum]

    def keywords_of(
        self, series: str, recnums: Sequence[int], names: Sequence[str] | None = None
    ) -> Mapping[int, Mapping[str, Any]]:
        """Return keywords of several records, as `Archive.keywords_of`."""
        number = self._number(series)
        found = self._reader.keywords(number, recnums)
        if missing := [str(recnum) for recnum in dict.fromkeys(recnums) if recnum not in found]:
            noun = "record" if len(missing) == 1 else "records"
            raise NotHeldError(f"{series} has no {noun} {', '.join(missing)} in this archive.")
        # All records get the same names, so that a keyword that only some records have is missing in the others, not
        # unknown.
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
        # The last two come from the file names.
        return tuple(
            dict.fromkeys((*self._reader.keyword_names(self._number(series)), _region_keyword(series), "t_rec"))
        )

    def holdings(self) -> list[Holding]:
        """Summarize each series held; T_REC in UTC replaces a missing ``date__obs``."""
        return self._reader.holdings()

    def days(self, series: str, start: date | None = None, end: date | None = None) -> Mapping[date, DayCount]:
        """Count the records and HARPs of each day (UTC) with records."""
        return self._reader.days(self._number(series), start, end)

    def harps(
        self, series: str, start: date | None = None, end: date | None = None, noaa: int | None = None
    ) -> list[Passage]:
        """List the HARPs by number, as `Archive.harps`."""
        return self._reader.harps(self._number(series), start, end, noaa)

    def segment_files(self, series: str, recnum: int) -> dict[str, SegmentFile]:
        """Describe the files of a record by segment, as recorded in the index."""
        files = self._reader.segment_files(stable_id(series), recnum)
        return {segment: files[segment] for segment in self.record(series, recnum).segments if segment in files}

    def segment(self, series: str, recnum: int, name: str) -> Stored | bytes:
        """Return the file of a segment as it is on disk now, or its content if it is compressed."""
        filed = self._reader.segment(stable_id(series), recnum, name)
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
            if self._is_missing():
                raise OSError(errno.ESTALE, "the folder of the archive is missing") from error
            raise NotHeldError(
                f"Segment {name} of record {recnum} of {series} is no longer available. {error}."
            ) from error

    def condition(self) -> Condition:
        """Return whether the folder exists and its index is complete, and when the index was last updated."""
        if self._is_missing():
            return Condition(fault=MISSING)
        try:
            run = self._reader.last_run()
        except ArchiveIndexError:
            return Condition(
                fault="The index of the archive cannot be read. Run sunpy-flarecast index DIRECTORY to see why."
            )
        if run is None:
            return Condition(fault=f"The index is being built; it has {counted(len(self), 'record')} so far.")
        return Condition(
            indexed=f"{run.time:%Y-%m-%dT%H:%M:%SZ}",
            reindex_failed=self._reindexing is not None and self._reindexing.fault is not None,
        )

    def _is_missing(self) -> bool:
        """Return whether the folder is missing, or empty although the index has records."""
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
        warnings.simplefilter("ignore")  # the first process has warned about files that cannot be served
        return DirectoryArchive(path, index=index, update=False, reindex=reindex)


def _region_keyword(series: str) -> str:
    known = find_series(series)
    return known.region_keyword if known else "harpnum"
