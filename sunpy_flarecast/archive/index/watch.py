"""The index kept up to date for as long as a process runs: of each change just the folder is looked at."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .database import BESIDE, ArchiveIndexError, AwayError, identity
from .digests import add_digests
from .report import IndexReport
from .scan import is_there, is_wanted
from .update import refresh, update
from .whereabouts import folder_at, index_path
from .write import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .report import Progress

__all__ = ["watch_index"]

#: Milliseconds in which changes are collected before they are looked at.
_COLLECTED: Final = 1000

#: How often watchfiles looks whether it shall stop, in milliseconds.
_HEARTBEAT: Final = 500

#: Where the system tells of no changes (network disks, more folders than it can watch), all is looked at again after
#: so many times the time that it takes, and not sooner than after so many seconds.
_REST: Final = 10
_LEAST_REST: Final = 30.0

#: Seconds in which digests are computed before changes are looked at again.
_AT_A_TIME: Final = 10.0

#: Seconds between two looks at whether a folder that was away is back.
_BACK: Final = 1.0

_log: Final = logging.getLogger(__name__)


def watch_index(
    root: str | os.PathLike[str],
    *,
    index: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    digests: bool = True,
    progress: Progress | None = None,
    told: Callable[[IndexReport], None] | None = None,
    stop: threading.Event | None = None,
    every: float = 3600.0,
) -> None:
    """
    Bring the index of a folder up to date, and keep it so until it is stopped or interrupted.

    The system tells of changes through the package watchfiles. Where that cannot be, and every hour in any case, the
    whole folder is compared with the index. While the folder is away, as when its disk is not mounted, it waits, and
    goes on when the folder is back with its index; both are logged.

    Parameters
    ----------
    root : path-like
        The folder.
    index : path-like, optional
        The database; by default a hidden file in the folder.
    jobs, digests, progress
        As of `build_index`; ``progress`` is told of the first comparison only. Digests are computed after that, while
        nothing changes.
    told : callable, optional
        Is given a report of the first comparison, and of each that found something.
    stop : `threading.Event`, optional
        Ends it when it is set.
    every : float, optional
        Seconds after which everything is compared again.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    ArchiveIndexError
        If the index cannot be used, or written by this process.
    """
    folder = folder_at(root)
    stop = stop or threading.Event()
    tell = told or _ignore
    path = index_path(folder, index)
    begun = False

    def begin(report: IndexReport) -> None:
        nonlocal begun
        if not begun or report.new or report.changed or report.removed:
            tell(report)
        begun = True

    while True:
        try:
            _watch(folder, path, jobs, digests, None if begun else progress, begin, stop, every)
        except (ArchiveIndexError, OSError) as error:
            away = isinstance(error, AwayError) or not is_there(str(folder)) or not path.parent.is_dir()
            if not begun or not away:
                raise
        else:
            return
        if not (is_there(str(folder)) and path.exists()):
            _log.warning("%s is not there: new files in it are noticed when it is back", folder)
            while not (is_there(str(folder)) and path.exists()):
                if stop.wait(_BACK):
                    return
            _log.warning("%s is back: new files in it are noticed again", folder)


def _watch(
    folder: Path,
    index: Path,
    jobs: int,
    digests: bool,
    progress: Progress | None,
    tell: Callable[[IndexReport], None],
    stop: threading.Event,
    every: float,
) -> None:
    """Keep the index for as long as the folder is there."""
    place = identity(folder)
    # Watched from the beginning, so that nothing can change unseen between the comparison and the watching.
    with Writer(folder, index) as writer, closing(_changes(folder, stop)) as changes:
        next(changes)
        # Digests come later, between changes: of a large archive they take hours.
        tell(update(writer, jobs=jobs, digests=False, progress=progress))
        due = time.monotonic() + every
        for folders in changes:
            if folders is None:
                due = min(due, time.monotonic())
            _check(writer, place)
            if time.monotonic() >= due:
                report = update(writer, jobs=jobs, digests=False)
                due = time.monotonic() + every
            elif folders:
                report = refresh(writer, folders)
            else:
                report = IndexReport()
            if digests:
                report.digests = add_digests(writer, jobs=jobs, enough=_after(_AT_A_TIME, stop))
            if report.new or report.changed or report.removed:
                tell(report)


def _check(writer: Writer, place: tuple[int, int] | None) -> None:
    """Make sure that the folder is that which is watched, and the index that which is written."""
    if not is_there(str(writer.root)) and writer.index.is_relative_to(writer.root):
        raise AwayError(f"{writer.root} is not there any more")
    writer.check()
    if identity(writer.root) != place:  # another disk, of which the system tells nothing
        raise AwayError(f"{writer.root} was replaced")


def _changes(root: Path, stop: threading.Event) -> Generator[set[str] | None, None, None]:
    """
    Yield the folders in which something changed, again and again; empty sets where nothing did for a while.

    The first is empty, and comes when changes are noticed from then on; None stands for any folder.
    """
    try:
        from watchfiles import watch
    except ImportError:
        yield from _looking_again(stop)
        return
    try:
        watcher = watch(
            root,
            watch_filter=_is_of_interest,
            debounce=_COLLECTED,
            rust_timeout=_HEARTBEAT,
            yield_on_timeout=True,
            stop_event=stop,
            raise_interrupt=True,
            ignore_permission_denied=True,
        )
        # It begins to watch when it is first asked, and gives nothing after that for a while.
        first = next(watcher, None)
    except OSError:
        yield from _looking_again(stop)
        return
    yield set()
    if first is None:
        return
    pending: Any = first
    while pending is not None:
        yield {folder for _, path in pending if (folder := _folder_of(root, path)) is not None}
        pending = next(watcher, None)


def _looking_again(stop: threading.Event) -> Generator[set[str] | None, None, None]:
    yield set()
    while True:
        started = time.monotonic()
        yield None
        if stop.wait(max(_LEAST_REST, _REST * (time.monotonic() - started))):
            return


def _is_of_interest(_: object, path: str) -> bool:
    """Whether a change can be one of the archive: of a file that the index shall know, or of a folder."""
    name = os.path.basename(path)
    if name.startswith(BESIDE):
        return False
    return is_wanted(name) or not os.path.isfile(path)


def _folder_of(root: Path, path: str) -> str | None:
    """Give the folder to look at for a change, below the root: a folder itself, or that of a file."""
    changed = Path(path)
    if not changed.is_relative_to(root):
        return None
    folder = changed.parent if is_wanted(changed.name) and not changed.is_dir() else changed
    return "" if folder == root else folder.relative_to(root).as_posix()


def _after(seconds: float, stop: threading.Event) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: stop.is_set() or time.monotonic() > end


def _ignore(report: IndexReport) -> None:
    del report
