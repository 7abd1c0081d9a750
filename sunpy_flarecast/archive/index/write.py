"""The only one who writes to an index: what was read goes in, what is gone goes out, in short transactions."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from .database import ArchiveIndexError, create, identity, unusable
from .entries import Entries
from .headers import is_full, keywords_of, read_header
from .lock import only_writer
from .model import Version
from .records import Assembly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from .model import FileFacts
    from .records import Key

__all__ = ["Writer"]

#: Files taken out in one transaction.
_AT_ONCE: Final = 1000


class Writer:
    """
    Writes to the index of a folder, while others read it.

    Parameters
    ----------
    root : `pathlib.Path`
        The folder, resolved.
    index : `pathlib.Path`
        The database; made if it is not there.

    Raises
    ------
    ArchiveIndexError
        If it cannot be written, is written by another process, or is that of another folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sunpy_flarecast.archive.index.model import FileFacts, Version
    >>> from sunpy_flarecast.archive.index.write import Writer
    >>> with TemporaryDirectory() as folder, Writer(Path(folder), Path(folder, "index.sqlite")) as writer:
    ...     writer.add([FileFacts(folder="2015", name="a.fits", version=Version(5, 1, 1), fault="It is empty")])
    ...     writer.held("2015", "", None)
    {'a.fits': (1, Version(size=5, mtime_ns=1, ctime_ns=1))}
    """

    def __init__(self, root: Path, index: Path) -> None:
        self.root = root
        self.index = index
        self._lock = only_writer(index)
        try:
            self._database = create(index)
        except BaseException:
            self._lock.close()
            raise
        self._identity = identity(index)
        self._assembly = Assembly(self._database, self._keywords_in)
        self._entries = Entries(self._database, self._assembly.keep_keywords)
        try:
            self._check_root()
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
        """Close the database, and let others write."""
        self._database.close()
        self._lock.close()

    def _check_root(self) -> None:
        """Keep the index of one folder from being made that of another; one beside the data moves with them."""
        row = self._database.execute("SELECT value FROM about WHERE name = 'root'").fetchone()
        root = str(self.root)
        if row is None or (row[0] != root and self.index.is_relative_to(self.root)):
            self._database.execute("INSERT OR REPLACE INTO about VALUES ('root', ?)", (root,))
        elif row[0] != root:
            raise ArchiveIndexError(
                f"The index {self.index} is that of {row[0]}, and not of {root}. Choose another with --index, or "
                "delete it if that folder has moved here."
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._database.in_transaction:  # after some errors SQLite has ended it already
                self._database.execute("ROLLBACK")
            self._entries.forget()
            self._assembly.forget()
            raise
        self._database.execute("COMMIT")

    def check(self) -> None:
        """
        Make sure that the index is still there, for who writes it for long.

        Raises
        ------
        ArchiveIndexError
            If it was deleted or replaced, so that nobody reads what this one writes.
        """
        if identity(self.index) != self._identity:
            raise ArchiveIndexError(
                f"The index {self.index} was deleted or replaced while it was kept up to date. Start the same command "
                "again, which makes it anew where there is none."
            )

    def held(self, folder: str, after: str, last: str | None) -> dict[str, tuple[int, Version]]:
        """
        Tell what the index knows of the files of a folder.

        Parameters
        ----------
        folder : str
            Below the root, with slashes.
        after : str
            Only of names that come after this one.
        last : str or None
            And up to this one.

        Returns
        -------
        dict
            Numbers and versions of the files, by their names.
        """
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

    def count_bare(self) -> int:
        """Count the records of which no header and no table has any keywords."""
        (count,) = self._database.execute("SELECT coalesce(sum(records), 0) FROM tally WHERE layout = 0").fetchone()
        return int(count)

    def add(self, facts: Sequence[FileFacts]) -> None:
        """
        Write what was read of files, in the place of what the index knew of them, and make their records.

        Parameters
        ----------
        facts : sequence of FileFacts
            Some hundreds; they are one transaction.
        """
        records: dict[int, Key] = {}
        with self._transaction():
            fresh = self._entries.add(facts, records)
            self._assembly.assemble(records, fresh)

    def remove(self, files: Iterable[int]) -> int:
        """
        Take files out of the index, and out of their records.

        Parameters
        ----------
        files : iterable of int
            Their numbers.

        Returns
        -------
        int
            How many there were.
        """
        numbers = list(files)
        for start in range(0, len(numbers), _AT_ONCE):
            records: dict[int, Key] = {}
            with self._transaction():
                for number in numbers[start : start + _AT_ONCE]:
                    self._entries.remove(number, records)
                self._assembly.assemble(records, {})
        return len(numbers)

    def remove_folder(self, folder: str) -> int:
        """Take out a folder that is not there any more; give the number of its files."""
        gone = self.remove(number for number, _ in self.held(folder, "", None).values())
        with self._transaction():
            self._entries.remove_folder(folder)
        return gone

    def note_folder(self, folder: str, fault: str | None) -> None:
        """Note that a folder is there, and what keeps it from being read."""
        row = self._database.execute("SELECT fault FROM folders WHERE path = ?", (folder,)).fetchone()
        if row is None or row[0] != fault:
            with self._transaction():
                self._database.execute(
                    "INSERT INTO folders (path, fault) VALUES (?, ?)"
                    " ON CONFLICT (path) DO UPDATE SET fault = excluded.fault",
                    (folder, fault),
                )

    def settle_tables(self) -> None:
        """
        Leave out tables that do not tell their series and have files of several below them; take in all others.

        This is done when all files of a run are in: what the rows hold for must not depend on what came first.
        """
        for table, fault in self._entries.unsettled_tables():
            records: dict[int, Key] = {}
            with self._transaction():
                self._entries.settle_table(table, fault, records)
                self._assembly.assemble(records, {})

    def without_digest(self, after: tuple[int, str], limit: int) -> list[tuple[int, str, int, str, Version]]:
        """
        List files that have no digest yet, in the order of folders and names.

        Parameters
        ----------
        after : tuple
            Number of the folder, and name, of the last one of the list before; ``(0, "")`` for the first list.
        limit : int
            How many at most.

        Returns
        -------
        list of tuple
            Number of the folder, its path, number of the file, its name, its version.
        """
        rows = self._database.execute(
            "SELECT folder, path, files.id, name, size, mtime_ns, ctime_ns FROM files"
            " INDEXED BY files_without_digest JOIN folders ON folders.id = folder"
            " WHERE sha256 IS NULL AND record IS NOT NULL AND files.fault IS NULL AND (folder, name) > (?, ?)"
            " ORDER BY folder, name LIMIT ?",
            (*after, limit),
        )
        return [(folder, path, number, name, Version(*version)) for folder, path, number, name, *version in rows]

    def count_without_digest(self) -> int:
        """Count the files that have no digest yet."""
        (count,) = self._database.execute(
            "SELECT count(*) FROM files INDEXED BY files_without_digest"
            " WHERE sha256 IS NULL AND record IS NOT NULL AND fault IS NULL"
        ).fetchone()
        return int(count)

    def add_digests(self, digests: Iterable[tuple[int, Version, bytes]]) -> None:
        """Write digests of files, unless the index knows another version of them by now."""
        with self._transaction():
            self._database.executemany(
                "UPDATE files SET sha256 = ? WHERE id = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ?",
                [(digest, number, *version) for number, version, digest in digests],
            )

    def _keywords_in(self, folder: str, name: str) -> dict[str, Any] | None:
        """Read the keywords of a file that became the one that tells them; None if it has changed meanwhile."""
        try:
            cards = read_header(self.root.joinpath(*folder.split("/"), name))
        except (OSError, ValueError):
            return None
        return keywords_of(cards) if is_full(cards) else None
