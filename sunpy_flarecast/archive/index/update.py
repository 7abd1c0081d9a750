"""The index of a folder, brought up to date: what is new or changed is read, what is gone is taken out."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from .database import ArchiveIndexError, AwayError
from .digests import add_digests
from .model import Version, version_of
from .query import faults_in
from .read import Found
from .report import IndexReport
from .scan import count_files, is_bare_place, is_in, link_on, look_into, walk
from .whereabouts import can_write, folder_at, index_path
from .worker_pool import Readers
from .write import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .report import Progress
    from .scan import Folder

__all__ = ["build_index", "compare", "refresh", "update"]

#: Files of a folder compared with the index at once.
_SLICE: Final = 4096

#: Longest time that a file may have to be left alone before it is read, in seconds.
_LONGEST_GRAIN: Final = 3.1
_PAUSE: Final = 0.02


def build_index(
    root: str | os.PathLike[str],
    *,
    index: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    digests: bool = True,
    progress: Progress | None = None,
) -> IndexReport:
    """
    Bring the index of a folder of SHARP files up to date; make it if there is none.

    Files that the index knows, by size and times, are not opened. An interrupted run is gone on with by the next one.
    Others may read the index meanwhile.

    Parameters
    ----------
    root : path-like
        The folder.
    index : path-like, optional
        The database; by default a hidden file in the folder.
    jobs : int, optional
        Processes that read headers once there are thousands of new files, and threads that compute digests.
    digests : bool, optional
        Whether to compute the digests (SHA-256) of new files, with which files are served; it takes reading all of
        them, after everything else is in the index.
    progress : callable, optional
        Is told how far it is.

    Returns
    -------
    IndexReport
        What was done, and which files cannot be served.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    ArchiveIndexError
        If the index cannot be used, or written by this process.

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
    >>> (first.new, first.digests), (second.unchanged, second.digests)
    ((1, 1), (1, 0))
    """
    folder = folder_at(root)
    path = index_path(folder, index)
    if index is None and not can_write(folder):
        raise ArchiveIndexError(
            f"The index of {folder} cannot be kept there, since nothing may be written there. Choose another place "
            "with --index."
        )
    with Writer(folder, path) as writer:
        return update(writer, jobs=jobs, digests=digests, progress=progress)


def update(writer: Writer, *, jobs: int = 1, digests: bool = True, progress: Progress | None = None) -> IndexReport:
    """
    Compare a whole folder with its index, and bring that up to date.

    Parameters
    ----------
    writer : Writer
        Writes to the index.
    jobs, digests, progress
        As of `build_index`.
    """
    root = str(writer.root)
    _check_mounted(writer)
    total = count_files(root) if progress is not None else 0
    return compare(
        writer, walk(root), set(writer.folders()), jobs=jobs, digests=digests, progress=progress, total=total
    )


def refresh(writer: Writer, folders: Iterable[str]) -> IndexReport:
    """
    Compare some folders with the index, and bring that up to date.

    Parameters
    ----------
    writer : Writer
        Writes to the index.
    folders : iterable of str
        Below the root, with slashes. What is in them is compared, with all below those that are new; those that are
        not there any more are taken out, with all below them. Digests are left for later.
    """
    root = str(writer.root)
    _check_mounted(writer)
    known = set(writer.folders())
    gone: set[str] = set()
    there: dict[str, Folder] = {}
    for changed in sorted(set(folders)):
        path = changed
        link = link_on(root, path)
        if link is not None or not os.path.isdir(os.path.join(root, *path.split("/"))):
            gone |= {one for one in known if is_in(one, link or path)}
            if link is None:
                continue
            path = link.rpartition("/")[0]  # where it is said of it that it is left out
        folder = look_into(root, path)
        there[path] = folder
        prefix = f"{path}/" if path else ""
        for name in folder.folders:
            if f"{prefix}{name}" not in known:
                there |= {one.path: one for one in walk(root, f"{prefix}{name}")}
    report = compare(writer, iter(there.values()), gone)
    report.part = True
    return report


def _check_mounted(writer: Writer) -> None:
    """Do not take the records out of the index when only the disk is away."""
    try:
        bare = is_bare_place(str(writer.root))
    except OSError as error:
        raise AwayError(
            f"{writer.root} cannot be read: {error.strerror or error}. Is the disk mounted? The index "
            f"{writer.index} is kept as it is."
        ) from error
    if bare and (records := writer.count()):  # an index beside the data would be there
        raise AwayError(
            f"{writer.root} is empty, but its index {writer.index} knows {records:,} records. Is the disk mounted? If "
            "the files are really gone, delete the index."
        )


def compare(
    writer: Writer,
    folders: Iterator[Folder],
    expected: set[str],
    *,
    jobs: int = 1,
    digests: bool = False,
    progress: Progress | None = None,
    total: int = 0,
) -> IndexReport:
    """
    Compare folders with the index, and bring that up to date.

    Parameters
    ----------
    writer : Writer
        Writes to the index.
    folders : iterator of Folder
        As they are on disk.
    expected : set of str
        Folders that the index knows; those that do not come are gone.
    jobs, digests, progress
        As of `build_index`.
    total : int, optional
        How many files there are.
    """
    started = time.monotonic()
    report = IndexReport()
    late: list[Found] = []
    with Readers(str(writer.root), jobs, writer.add) as readers:
        for folder in folders:
            if folder.failing or not (folder.names or folder.folders):
                _check_mounted(writer)  # a disk may go at any moment
            expected.discard(folder.path)
            expected -= _note(writer, folder)
            if folder.failing:
                expected -= {path for path in expected if is_in(path, folder.path)}
                continue
            for file, version in _news(writer, folder, report):
                # A file that is being written is looked at later, when a change would show.
                if version.settled:
                    readers.read(file)
                else:
                    late.append(file)
            if progress is not None:
                progress("files", report.files, max(total, report.files))
        if late:
            _let_settle(str(writer.root), late)
        for file in late:
            readers.read(file)
        readers.finish()
        if expected:
            _check_mounted(writer)
        report.removed += sum(writer.remove_folder(path) for path in sorted(expected))
    writer.settle_tables()
    if digests:
        report.digests = add_digests(writer, jobs=jobs, progress=progress)
    report.records = writer.count()
    report.bare = writer.count_bare()
    faults = faults_in(writer.index, writer.root)
    report.faulty = len(faults)
    report.faults = tuple(f"{path.relative_to(writer.root)}: {reason}" for path, reason in faults)
    report.seconds = time.monotonic() - started
    return report


def _note(writer: Writer, folder: Folder) -> set[str]:
    """Note folders that are left out; give their paths."""
    prefix = f"{folder.path}/" if folder.path else ""
    writer.note_folder(folder.path, folder.fault)
    for name, fault in folder.faults.items():
        writer.note_folder(f"{prefix}{name}", fault)
    return {f"{prefix}{name}" for name in folder.faults}


def _news(writer: Writer, folder: Folder, report: IndexReport) -> Iterator[tuple[Found, Version]]:
    """Find the files of a folder that the index does not know as they are; take out those that are gone."""
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
        report.removed += writer.remove(one for one, _ in held.values())
        after = last or ""


def _let_settle(root: str, files: list[Found]) -> None:
    """Wait until later changes of files would show in their times; not for those that keep changing."""
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
