"""One process writes an index at a time: the lock that it holds meanwhile."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from .database import ArchiveIndexError, BusyIndexError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["is_written", "only_writer"]

#: Seconds in which others may look whether the lock is held.
_LOOK: Final = 0.5


def only_writer(index: Path) -> sqlite3.Connection:
    """
    Become the only writer, for as long as the connection is open; a process that is killed gives the lock back.

    Parameters
    ----------
    index : `pathlib.Path`
        The database; the lock lies beside it.

    Raises
    ------
    BusyIndexError
        If another process holds it.
    ArchiveIndexError
        If it cannot be made.
    """
    path = _beside(index)
    lock = None
    try:
        lock = sqlite3.connect(path, timeout=_LOOK, isolation_level=None, check_same_thread=False)
        lock.execute("PRAGMA journal_mode = MEMORY")
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if lock is not None:
            lock.close()
        if "locked" in str(error):
            raise BusyIndexError(
                f"Another process is writing the index {index}. Wait for its end, or stop it; what it has written is "
                "kept."
            ) from error
        raise ArchiveIndexError(
            f"The index {index} cannot be written ({error}). Choose another place with --index."
        ) from error
    return lock


def is_written(index: Path) -> bool:
    """
    Tell whether some process, perhaps this one, is the writer of an index now.

    Parameters
    ----------
    index : `pathlib.Path`
        The database.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sunpy_flarecast.archive.index.lock import is_written, only_writer
    >>> with TemporaryDirectory() as folder:
    ...     index = Path(folder, "index.sqlite")
    ...     lock = only_writer(index)
    ...     held = is_written(index)
    ...     lock.close()
    ...     print(held, is_written(index))
    True False
    """
    path = _beside(index)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0)) as lock:
            lock.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.Error as error:
        return "locked" in str(error)
    return False


def _beside(index: Path) -> Path:
    return index.with_name(f"{index.name}-lock")
