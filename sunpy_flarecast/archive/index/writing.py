"""The only one who writes to an index: what was read goes in, what is gone goes out, in short transactions."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from sunpy_flarecast.archive.headers import is_full, keywords_of, read_header

from .assembly import Assembly, Key
from .facts import Version, is_table
from .lock import only_writer
from .numbers import lasting_number
from .schema import ArchiveIndexError, create, identity, unusable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from .facts import FileFacts

__all__ = ["Writer"]

#: Why a table of no series is left out.
_AMBIGUOUS: Final = (
    "It has no column SERIES, and there are files of several series beside or below it: {}. Their keywords and record "
    "numbers differ; add the column, or give each series a folder with a table of its own"
)

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
    >>> from sunpy_flarecast.archive.index.facts import FileFacts, Version
    >>> from sunpy_flarecast.archive.index.writing import Writer
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
        self._folders: dict[str, int] = {}
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
            self._folders.clear()
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
        fresh: dict[int, dict[str, Any]] = {}
        with self._transaction():
            numbers = _Numbers(self._database)
            for one in facts:
                number = self._add_file(one, numbers, records)
                if one.keywords is not None:
                    fresh[number] = one.keywords
                if is_table(one.name):
                    self._replace_rows(number, one, records)
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
                    self._touch(number, records)
                    self._remove_rows(number, records)
                    self._database.execute("DELETE FROM files WHERE id = ?", (number,))
                self._assembly.assemble(records, {})
        return len(numbers)

    def remove_folder(self, folder: str) -> int:
        """Take out a folder that is not there any more; give the number of its files."""
        gone = self.remove(number for number, _ in self.held(folder, "", None).values())
        with self._transaction():
            self._database.execute("DELETE FROM folders WHERE path = ?", (folder,))
        self._folders.pop(folder, None)
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

        Keywords and record numbers differ between series, and NRT series have HARP numbers of their own. This is done
        when all files of a run are in: what the rows hold for must not depend on what came first.
        """
        tables = self._database.execute(
            "SELECT files.id, path, files.fault FROM files JOIN folders ON folders.id = folder WHERE files.id IN"
            ' (SELECT DISTINCT "table" FROM "rows" INDEXED BY rows_of_no_series WHERE series IS NULL)'
        ).fetchall()
        for table, folder, before in tables:
            series = self._series_below(folder)
            fault = _AMBIGUOUS.format(", ".join(series)) if len(series) > 1 else None
            if fault == before:
                continue
            records: dict[int, Key] = {}
            with self._transaction():
                self._database.execute("UPDATE files SET fault = ? WHERE id = ?", (fault, table))
                for slot, harpnum in self._database.execute(
                    'SELECT slot, harpnum FROM "rows" WHERE "table" = ?', (table,)
                ).fetchall():
                    self._touch_records(slot, harpnum, records)
                self._assembly.assemble(records, {})

    def _series_below(self, folder: str) -> list[str]:
        """List the series of the files in a folder and below it."""
        query = "SELECT DISTINCT name FROM tally JOIN series ON series.id = tally.series"
        every = sorted(name for (name,) in self._database.execute(query))
        if not folder or len(every) < 2:
            return every
        rows = self._database.execute(
            "SELECT DISTINCT records.series FROM folders CROSS JOIN files ON files.folder = folders.id"
            " CROSS JOIN records ON records.id = files.record WHERE path = ? OR substr(path, 1, ?) = ?",
            (folder, len(folder) + 1, f"{folder}/"),
        )
        below = {number for (number,) in rows}
        return [name for name in every if lasting_number(name) in below]

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

    def _add_file(self, facts: FileFacts, numbers: _Numbers, records: dict[int, Key]) -> int:
        folder = self._folder(facts.folder)
        record = None
        if facts.place is not None:
            key = Key(numbers.series(facts.place.series), facts.place.slot, facts.place.harpnum)
            record = numbers.record(key)
            records[record] = key
        old = self._database.execute(
            "SELECT id FROM files WHERE folder = ? AND name = ?", (folder, facts.name)
        ).fetchone()
        values = (
            *facts.version,
            record,
            None if facts.place is None else facts.place.segment,
            facts.full,
            facts.fault,
        )
        if old is None:
            cursor = self._database.execute(
                'INSERT INTO files (size, mtime_ns, ctime_ns, record, segment, "full", fault, folder, name)'
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, folder, facts.name),
            )
            return cursor.lastrowid or 0
        self._touch(old[0], records)
        self._database.execute(
            'UPDATE files SET size = ?, mtime_ns = ?, ctime_ns = ?, record = ?, segment = ?, "full" = ?, fault = ?,'
            " sha256 = NULL WHERE id = ?",
            (*values, old[0]),
        )
        # The header that was kept of it holds no more.
        self._database.execute(
            "UPDATE records SET source = -1 WHERE id = (SELECT record FROM files WHERE id = ?) AND source = ?",
            (old[0], old[0]),
        )
        return int(old[0])

    def _touch(self, file: int, records: dict[int, Key]) -> None:
        """Note that the record of a file is to be made anew."""
        row = self._database.execute(
            "SELECT records.id, series, slot, harpnum FROM files JOIN records ON records.id = record"
            " WHERE files.id = ?",
            (file,),
        ).fetchone()
        if row is not None:
            records[row[0]] = Key(*row[1:])

    def _folder(self, path: str) -> int:
        number = self._folders.get(path)
        if number is None:
            self._database.execute("INSERT OR IGNORE INTO folders (path) VALUES (?)", (path,))
            (number,) = self._database.execute("SELECT id FROM folders WHERE path = ?", (path,)).fetchone()
            self._folders[path] = number
        return int(number)

    def _replace_rows(self, table: int, facts: FileFacts, records: dict[int, Key]) -> None:
        self._remove_rows(table, records)
        for row in facts.rows:
            keywords = self._assembly.keep_keywords(row.keywords)
            self._database.execute(
                'INSERT INTO "rows" ("table", series, slot, harpnum, keywords) VALUES (?, ?, ?, ?, ?)',
                (table, row.series, row.slot, row.harpnum, keywords),
            )
            self._touch_records(row.slot, row.harpnum, records)

    def _remove_rows(self, table: int, records: dict[int, Key]) -> None:
        gone = self._database.execute(
            'SELECT id, slot, harpnum, keywords FROM "rows" WHERE "table" = ?', (table,)
        ).fetchall()
        for number, slot, harpnum, keywords in gone:
            self._touch_records(slot, harpnum, records)
            self._database.execute('DELETE FROM "rows" WHERE id = ?', (number,))
            self._database.execute("DELETE FROM keywords WHERE id = ?", (keywords,))

    def _touch_records(self, slot: int, harpnum: int, records: dict[int, Key]) -> None:
        """Note that the records of all series at a slot and HARP are to be made anew."""
        found = self._database.execute(
            "SELECT records.id, records.series, slot, harpnum FROM series CROSS JOIN records"
            " ON records.series = series.id AND slot = ? AND harpnum = ?",
            (slot, harpnum),
        )
        for number, *key in found:
            records[number] = Key(*key)

    def _keywords_in(self, folder: str, name: str) -> dict[str, Any] | None:
        """Read the keywords of a file that became the one that tells them; None if it has changed meanwhile."""
        try:
            cards = read_header(self.root.joinpath(*folder.split("/"), name))
        except (OSError, ValueError):
            return None
        return keywords_of(cards) if is_full(cards) else None


class _Numbers:
    """Numbers of series and records in the index, for what is there and for what is being added."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._series: dict[str, int] = {}
        self._records: dict[Key, int] = {}
        self._next = 1 + database.execute("SELECT coalesce(max(id), 0) FROM records").fetchone()[0]

    def series(self, name: str) -> int:
        """Give the number of a series."""
        number = self._series.get(name)
        if number is None:
            number = self._series[name] = lasting_number(name)
            self._database.execute("INSERT OR IGNORE INTO series (id, name) VALUES (?, ?)", (number, name))
        return number

    def record(self, key: Key) -> int:
        """Give the number of a record."""
        number = self._records.get(key)
        if number is None:
            row = self._database.execute(
                "SELECT id FROM records WHERE series = ? AND slot = ? AND harpnum = ?", key
            ).fetchone()
            number = self._next if row is None else row[0]
            self._next += row is None
            self._records[key] = number
        return int(number)
