"""One process writes an index at a time: the lock that it holds meanwhile."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from .schema import ArchiveIndexError, BusyIndexError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["only_writer"]


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
    path = index.with_name(f"{index.name}-lock")
    lock = None
    try:
        lock = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
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
