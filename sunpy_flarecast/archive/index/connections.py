"""The connections of an index's readers."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .database import ArchiveIndexError, is_current, open_database, unusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Connections"]


class Connections:
    """Connections to an index for any number of threads, each lent for the duration of a query."""

    # If the index is replaced, the new one is used from then on.

    def __init__(self, index: Path) -> None:
        self._index = index
        self._identity = _identity(index)
        self._idle: list[sqlite3.Connection] = [_connect(index)]
        self._complete = False
        self._closed = False
        self._guard = threading.Lock()

    def close(self) -> None:
        """Close the connections, those in use as soon as they are returned."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for database in idle:
            database.close()

    @contextmanager
    def lent(self, *, unfinished: bool = False) -> Iterator[sqlite3.Connection]:
        """Lend a connection; raise an error before the first run has completed, unless ``unfinished``."""
        now = _identity(self._index)
        old: list[sqlite3.Connection] = []
        with self._guard:
            if self._closed:
                raise ArchiveIndexError(f"The archive with the index {self._index} is closed.")
            if now not in (None, self._identity):  # the index was replaced
                old, self._idle, self._identity, self._complete = self._idle, [], now, False
            database = self._idle.pop() if self._idle else None
            lent = self._identity
        for connection in old:
            connection.close()
        if database is None:
            database = _connect(self._index)
        keep = False
        try:
            if not unfinished and not self._complete:
                self._check_complete(database)
            yield database
            keep = True
        except sqlite3.Error as error:
            raise unusable(self._index, error) from error
        finally:
            with self._guard:
                keep = keep and not self._closed and lent == self._identity
                if keep:
                    self._idle.append(database)
            if not keep:
                database.close()

    def _check_complete(self, database: sqlite3.Connection) -> None:
        if database.execute("SELECT 1 FROM about WHERE name = 'looked'").fetchone() is None:
            raise ArchiveIndexError(
                f"The index {self._index} is not finished yet. Wait for the process that builds it; if there is none, "
                "run: sunpy-flarecast index DIRECTORY"
            )
        self._complete = True


def _connect(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise ArchiveIndexError(f"The index {path} does not exist. Create it: sunpy-flarecast index DIRECTORY")
    last: sqlite3.Error | None = None
    # SQLite needs files beside a database even to read it; without write permission, they must exist already.
    for mode in ("rw", "ro"):
        database = open_database(path, mode)
        try:
            database.execute("PRAGMA query_only = ON")
            database.execute("PRAGMA cache_size = -1024")
            if not is_current(database, path):
                raise ArchiveIndexError(f"The index {path} is empty. Build it: sunpy-flarecast index DIRECTORY")
        except sqlite3.Error as error:
            database.close()
            last = error
        except ArchiveIndexError:
            database.close()
            raise
        else:
            return database
    raise unusable(path, last) from last


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode, which differ if an index was replaced; None if it does not exist."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
