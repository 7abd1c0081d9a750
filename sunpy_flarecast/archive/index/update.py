"""Bring the index of a folder up to date: read new and changed files, and remove missing ones."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.utils.reports import counted

from .database import ArchiveIndexError, MissingFolderError
from .model import IndexReport, Version, version_of
from .read import Found, read_files
from .scan import can_write, count_files, folder_at, index_path, is_empty_folder, is_in, walk
from .worker_pool import Readers
from .write import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Progress
    from .scan import Folder

__all__ = ["build_index", "compare"]

#: Files of a folder compared with the index at a time.
_SLICE: Final = 4096

#: Longest time in seconds until any later change of a file would alter its times.
_LONGEST_GRAIN: Final = 3.1
_PAUSE: Final = 0.02


def build_index(
    root: str | os.PathLike[str],
    *,
    index: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    wait: float = 0.0,
    max_keywords: int | None = None,
    progress: Progress | None = None,
) -> IndexReport:
    """
    Bring the index of a folder of SHARP files up to date; create it if needed.

    Files whose size and times have not changed are not opened. An interrupted run is resumed by the next one. Other
    processes can read the index meanwhile.

    Parameters
    ----------
    root : path-like
        The folder.
    index : path-like, optional
        The database (default: a hidden file in the folder).
    jobs : int, optional
        Number of processes that read headers if there are thousands of new files (default: 1).
    wait : float, optional
        Seconds to wait for another process that writes the index (default: 0).
    max_keywords : int, optional
        Limit on the cards of a header and the columns of a keyword table; files with more are not served. It is stored
        in the index (default: the stored number, initially 1000; SHARPs have about 200 keywords). After a change,
        all files are read again.
    progress : callable, optional
        Called with the number of files checked so far and the number of all files.

    Returns
    -------
    IndexReport
        Counts of files and records, and the files that cannot be served.

    Raises
    ------
    NotADirectoryError
        If the folder does not exist.
    BusyIndexError
        If another process writes the index.
    ArchiveIndexError
        If the index cannot be used.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from sunpy_flarecast.archive.index import build_index
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "hmi.sharp_720s.6178.20151211_233600_TAI.magnetogram.fits")
    ...     fits.PrimaryHDU(np.zeros((2, 2))).writeto(file)
    ...     first, second = build_index(folder), build_index(folder)
    >>> first.new, second.new, second.unchanged
    (1, 0, 1)
    """
    folder = folder_at(root)
    path = index_path(folder, index)
    if index is None and not can_write(folder):
        raise ArchiveIndexError(
            f"The index cannot be kept in {folder}, which is not writable. Choose another place with --index."
        )
    with Writer(folder, path, wait, max_keywords) as writer:
        total = count_files(str(folder)) if progress is not None else 0
        return compare(writer, walk(str(folder)), jobs=jobs, progress=progress, total=total)


def _check_mounted(writer: Writer) -> None:
    """Raise an error if the disk seems not to be mounted, so that its records stay in the index."""
    try:
        empty = is_empty_folder(str(writer.root))
    except OSError as error:
        raise MissingFolderError(
            f"{writer.root} cannot be read: {error.strerror or error}. Is the disk mounted? The index "
            f"{writer.index} is kept as it is."
        ) from error
    if empty and (records := writer.count()):  # the index is elsewhere, since the folder is empty
        raise MissingFolderError(
            f"{writer.root} is empty, but its index {writer.index} has {counted(records, 'record')}. Is the disk "
            "mounted? If the files were removed on purpose, delete the index."
        )


def compare(
    writer: Writer,
    folders: Iterator[Folder],
    *,
    jobs: int = 1,
    progress: Progress | None = None,
    total: int = 0,
) -> IndexReport:
    """Compare all folders of an archive with the index, and bring the index up to date."""
    started = time.monotonic()
    report = IndexReport()
    _check_mounted(writer)
    expected = set(writer.folders())
    late: list[Found] = []
    with Readers(partial(read_files, str(writer.root), most=writer.most), jobs, writer.add) as readers:
        for folder in folders:
            if folder.failing or not (folder.names or folder.folders):
                _check_mounted(writer)  # the disk may have been unmounted during the run
            expected -= _store_folder(writer, folder)
            if folder.failing:
                expected -= {path for path in expected if is_in(path, folder.path)}
                continue
            for file, version in _changes(writer, folder, report):
                # A file that may still be written is read later, when another change would alter its times.
                if version.settled:
                    readers.read(file)
                else:
                    late.append(file)
            if progress is not None:
                progress(report.files, max(total, report.files))
        if late:
            _let_settle(str(writer.root), late)
        for file in late:
            readers.read(file)
        readers.finish()
        if expected:
            _check_mounted(writer)
        report.removed += sum(writer.remove_folder(path) for path in sorted(expected))
    writer.settle_tables()
    report.records = writer.count()
    report.bare = writer.count_bare()
    faults = writer.faults()
    report.faulty = len(faults)
    report.faults = tuple(f"{path.relative_to(writer.root)}: {reason}" for path, reason in faults)
    report.seconds = time.monotonic() - started
    writer.store_run(report.seconds)
    return report


def _store_folder(writer: Writer, folder: Folder) -> set[str]:
    """Store a folder and the entries left out of it; return their paths."""
    prefix = f"{folder.path}/" if folder.path else ""
    faults = {folder.path: folder.fault} | {f"{prefix}{name}": fault for name, fault in folder.faults.items()}
    for path, fault in faults.items():
        writer.store_folder(path, fault)
    return set(faults)


def _changes(writer: Writer, folder: Folder, report: IndexReport) -> Iterator[tuple[Found, Version]]:
    """Yield the new and changed files of a folder; remove missing files from the index."""
    path = os.path.join(str(writer.root), *folder.path.split("/"))
    after = ""
    slices: list[list[str]] = [folder.names[start : start + _SLICE] for start in range(0, len(folder.names), _SLICE)]
    for number, names in enumerate(slices or [[]], 1):
        last = names[-1] if number < len(slices) else None
        held = writer.held(folder.path, after, last)
        for name in names:
            report.files += 1
            try:
                version = version_of(os.stat(f"{path}{os.sep}{name}"))
            except OSError:
                version = Version(-1, -1, -1)
            known = held.pop(name, None)
            if known is not None and known[1] == version and version.settled:
                report.unchanged += 1
                continue
            if known is None:
                report.new += 1
            else:
                report.changed += 1
            yield Found(folder.path, name), version
        report.removed += writer.remove(file for file, _ in held.values())
        after = last or ""


def _let_settle(root: str, files: list[Found]) -> None:
    """Wait until later changes of files would alter their times, but not for files that keep changing."""
    end = time.monotonic() + _LONGEST_GRAIN
    paths = [os.path.join(root, *file.folder.split("/"), file.name) for file in files]
    for path in paths:
        while time.monotonic() < end:
            try:
                if version_of(os.stat(path)).settled:
                    break
            except OSError:
                break
            time.sleep(_PAUSE)
