"""The writer of an index: adds files that were read and removes missing ones, in short transactions."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from .assembly import Assembly
from .database import ArchiveIndexError, create, lock_index, max_keywords, unusable
from .entries import Entries
from .headers import is_full, keywords_of, read_header
from .model import LastRun, Version
from .query import faults_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from .assembly import Key
    from .model import FileFacts

__all__ = ["Writer"]

#: Files removed in one transaction.
_AT_ONCE: Final = 1000


class Writer:
    """Writes to the index of a folder while others read it; creates it if needed."""

    # ``root`` is resolved. ``wait`` is the longest wait for another writer in seconds, ``most`` the limit on the
    # keywords of a record (default: unchanged).

    def __init__(self, root: Path, index: Path, wait: float = 0.0, most: int | None = None) -> None:
        self.root = root
        self.index = index
        self._lock = lock_index(index, wait)
        try:
            self._database = create(index)
        except BaseException:
            self._lock.release()
            raise
        self._assembly = Assembly(self._database, self._keywords_in)
        self._entries = Entries(self._database, self._assembly.keep_keywords)
        try:
            self._check_root()
            self.most = self._bound(most)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            raise unusable(self.index, error) from error

    def close(self) -> None:
        """Close the database, and release the lock."""
        self._database.close()
        self._lock.release()

    def _check_root(self) -> None:
        """Reject the index of another folder; an index inside its folder may move with it."""
        row = self._database.execute("SELECT value FROM about WHERE name = 'root'").fetchone()
        root = str(self.root)
        if row is None or (row[0] != root and self.index.is_relative_to(self.root)):
            self._database.execute("INSERT OR REPLACE INTO about VALUES ('root', ?)", (root,))
        elif row[0] != root:
            raise ArchiveIndexError(
                f"The index {self.index} belongs to {row[0]}, not to {root}. Choose another with --index, or delete it "
                "if that folder has moved here."
            )

    def _bound(self, most: int | None) -> int:
        """Store and return the limit on the keywords of a record; after a change, all files are read again."""
        before = max_keywords(self._database)
        if most not in (None, before):
            with self._transaction():
                self._database.execute("UPDATE about SET value = ? WHERE name = 'max_keywords'", (str(most),))
                self._database.execute("UPDATE files SET ctime_ns = 0")
        return most or before

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._database.in_transaction:  # SQLite ends it itself after some errors
                self._database.execute("ROLLBACK")
            self._entries.forget()
            self._assembly.forget()
            raise
        self._database.execute("COMMIT")

    def store_run(self, seconds: float) -> None:
        """Store the time and duration of a run that has just completed."""
        run = msgspec.json.encode(LastRun(datetime.now(UTC), seconds)).decode()
        self._database.execute("INSERT OR REPLACE INTO about VALUES ('looked', ?)", (run,))

    def held(self, folder: str, after: str, last: str | None) -> dict[str, tuple[int, Version]]:
        """Return ids and versions of the files of a folder, by name: those after one name and up to another."""
        rows = self._database.execute(
            "SELECT name, files.id, size, mtime_ns, ctime_ns FROM files JOIN folders ON folders.id = folder"
            " WHERE path = ? AND name > ? AND (? IS NULL OR name <= ?)",
            (folder, after, last, last),
        )
        return {name: (number, Version(*version)) for name, number, *version in rows}

    def folders(self) -> list[str]:
        """List the folders that the index knows."""
        return [path for (path,) in self._database.execute("SELECT path FROM folders")]

    def count(self) -> int:
        """Count the records."""
        return int(self._database.execute("SELECT coalesce(sum(records), 0) FROM tally").fetchone()[0])

    def faults(self) -> list[tuple[Path, str]]:
        """List the files and folders that cannot be served, each with the reason."""
        return faults_in(self._database, self.root)

    def count_bare(self) -> int:
        """Count the records without keywords."""
        (count,) = self._database.execute("SELECT coalesce(sum(records), 0) FROM tally WHERE layout = 0").fetchone()
        return int(count)

    def add(self, facts: Sequence[FileFacts]) -> None:
        """Add a few hundred files in one transaction, and update their records."""
        records: dict[int, Key] = {}
        with self._transaction():
            fresh = self._entries.add(facts, records)
            self._assembly.assemble(records, fresh)

    def remove(self, files: Iterable[int]) -> int:
        """Remove files by id and update their records; return the number of files."""
        numbers = list(files)
        for start in range(0, len(numbers), _AT_ONCE):
            records: dict[int, Key] = {}
            with self._transaction():
                for number in numbers[start : start + _AT_ONCE]:
                    self._entries.remove(number, records)
                self._assembly.assemble(records, {})
        return len(numbers)

    def remove_folder(self, folder: str) -> int:
        """Remove a folder that is gone; return the number of its files."""
        gone = self.remove(number for number, _ in self.held(folder, "", None).values())
        with self._transaction():
            self._entries.remove_folder(folder)
        return gone

    def store_folder(self, folder: str, fault: str | None) -> None:
        """Store a folder, and the reason if it cannot be read or is left out."""
        row = self._database.execute("SELECT fault FROM folders WHERE path = ?", (folder,)).fetchone()
        if row is None or row[0] != fault:
            with self._transaction():
                self._database.execute(
                    "INSERT INTO folders (path, fault) VALUES (?, ?)"
                    " ON CONFLICT (path) DO UPDATE SET fault = excluded.fault",
                    (folder, fault),
                )

    def settle_tables(self) -> None:
        """Set the faults of tables without series, once all files of a run are stored."""
        for table, fault in self._entries.unsettled_tables():
            records: dict[int, Key] = {}
            with self._transaction():
                self._entries.settle_table(table, fault, records)
                self._assembly.assemble(records, {})

    def _keywords_in(self, folder: str, name: str) -> dict[str, Any] | None:
        """Read the keywords of a file; None if it has changed in the meantime."""
        try:
            cards = read_header(self.root.joinpath(*folder.split("/"), name))
        except (OSError, ValueError):
            return None
        return keywords_of(cards) if is_full(cards) else None
