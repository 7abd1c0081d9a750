"""Connections to an index, each lent to one thread for as long as a query takes."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .database import ArchiveIndexError, connect, identity, unusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Connections"]


class Connections:
    """
    Connections to an index, for any number of threads; there are as many as queries ever ran at a time.

    Parameters
    ----------
    index : `pathlib.Path`
        The database. If it is made anew in its place, it is the new one that is asked from then on.

    Raises
    ------
    ArchiveIndexError
        If it cannot be read.
    """

    def __init__(self, index: Path) -> None:
        self._index = index
        self._identity = identity(index)
        self._idle: list[sqlite3.Connection] = [connect(index)]
        self._closed = False
        self._guard = threading.Lock()

    def close(self) -> None:
        """Close the connections, those in use as soon as they are given back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for database in idle:
            database.close()

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for a moment."""
        now = identity(self._index)
        old: list[sqlite3.Connection] = []
        with self._guard:
            if self._closed:
                raise ArchiveIndexError(f"The archive with the index {self._index} was closed")
            if now not in (None, self._identity):  # the index was made anew
                old, self._idle, self._identity = self._idle, [], now
            database = self._idle.pop() if self._idle else None
            lent = self._identity
        for one in old:
            one.close()
        if database is None:
            database = connect(self._index)
        keep = False
        try:
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
