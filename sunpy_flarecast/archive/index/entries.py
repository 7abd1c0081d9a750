"""Store and remove files, folders and keyword-table rows in an index, and collect the records to be rebuilt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .assembly import Key
from .model import is_table, stable_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence

    from .model import FileFacts

__all__ = ["Entries"]

#: The fault of a table whose series is ambiguous.
_AMBIGUOUS: Final = (
    "It has no column SERIES, but there are files of several series beside or below it: {}. Add the column, or put "
    "each series into a folder with its own table"
)


class Entries:
    """Adds and removes files, within the caller's transaction."""

    # The methods add the keys of the records that must be rebuilt to ``records``, by id.

    def __init__(self, database: sqlite3.Connection, keep_keywords: Callable[[dict[str, Any]], int]) -> None:
        self._database = database
        self._keep_keywords = keep_keywords
        self._folders: dict[str, int] = {}

    def forget(self) -> None:
        """Drop the cached ids after a failed transaction."""
        self._folders.clear()

    def add(self, facts: Sequence[FileFacts], records: dict[int, Key]) -> dict[int, dict[str, Any]]:
        """Add or replace files; return the keywords in their headers by file id."""
        fresh: dict[int, dict[str, Any]] = {}
        numbers = _Numbers(self._database)
        for file in facts:
            number = self._add_file(file, numbers, records)
            if file.keywords is not None:
                fresh[number] = file.keywords
            if is_table(file.name):
                self._replace_rows(number, file, records)
        return fresh

    def remove(self, file: int, records: dict[int, Key]) -> None:
        """Remove a file by its id."""
        self._touch(file, records)
        self._remove_rows(file, records)
        self._database.execute("DELETE FROM files WHERE id = ?", (file,))

    def remove_folder(self, path: str) -> None:
        """Remove a folder that has no files."""
        self._database.execute("DELETE FROM folders WHERE path = ?", (path,))
        self._folders.pop(path, None)

    def unsettled_tables(self) -> Iterator[tuple[int, str | None]]:
        """Yield the ids of tables without series whose fault has changed, each with the new fault."""
        # Keywords and record numbers differ between series, and near-real-time series have their own HARP numbers. Such
        # a table is therefore used only if all files are of one series.
        tables = self._database.execute(
            "SELECT files.id, path, files.fault FROM files JOIN folders ON folders.id = folder WHERE files.id IN"
            ' (SELECT DISTINCT "table" FROM "rows" INDEXED BY rows_of_no_series WHERE series IS NULL)'
        ).fetchall()
        for table, folder, before in tables:
            series = self._series_below(folder)
            fault = _AMBIGUOUS.format(", ".join(series)) if len(series) > 1 else None
            if fault != before:
                yield table, fault

    def settle_table(self, table: int, fault: str | None, records: dict[int, Key]) -> None:
        """Set the fault of a table."""
        self._database.execute("UPDATE files SET fault = ? WHERE id = ?", (fault, table))
        rows = self._database.execute('SELECT slot, harpnum FROM "rows" WHERE "table" = ?', (table,)).fetchall()
        for slot, harpnum in rows:
            self._touch_records(slot, harpnum, records)

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
        return [name for name in every if stable_id(name) in below]

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
            *facts.edition,
        )
        if old is None:
            cursor = self._database.execute(
                'INSERT INTO files (size, mtime_ns, ctime_ns, record, segment, "full", fault, edition_recnum,'
                " edition_date, folder, name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, folder, facts.name),
            )
            return cursor.lastrowid or 0
        self._touch(old[0], records)
        self._database.execute(
            'UPDATE files SET size = ?, mtime_ns = ?, ctime_ns = ?, record = ?, segment = ?, "full" = ?, fault = ?,'
            " edition_recnum = ?, edition_date = ? WHERE id = ?",
            (*values, old[0]),
        )
        # The keywords stored from its header are outdated.
        self._database.execute(
            "UPDATE records SET source = -1 WHERE id = (SELECT record FROM files WHERE id = ?) AND source = ?",
            (old[0], old[0]),
        )
        return int(old[0])

    def _touch(self, file: int, records: dict[int, Key]) -> None:
        """Add the record of a file to those that must be rebuilt."""
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
            keywords = self._keep_keywords(row.keywords)
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
        """Add the records of all series at a slot and HARP to those that must be rebuilt."""
        found = self._database.execute(
            "SELECT records.id, records.series, slot, harpnum FROM series CROSS JOIN records"
            " ON records.series = series.id AND slot = ? AND harpnum = ?",
            (slot, harpnum),
        )
        for number, *key in found:
            records[number] = Key(*key)


class _Numbers:
    """Ids of series and records in the index, existing and new."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._series: dict[str, int] = {}
        self._records: dict[Key, int] = {}
        self._next = 1 + database.execute("SELECT coalesce(max(id), 0) FROM records").fetchone()[0]

    def series(self, name: str) -> int:
        number = self._series.get(name)
        if number is None:
            number = self._series[name] = stable_id(name)
            self._database.execute("INSERT OR IGNORE INTO series (id, name) VALUES (?, ?)", (number, name))
        return number

    def record(self, key: Key) -> int:
        number = self._records.get(key)
        if number is None:
            row = self._database.execute(
                "SELECT id FROM records WHERE series = ? AND slot = ? AND harpnum = ?", key
            ).fetchone()
            number = self._next if row is None else row[0]
            self._next += row is None
            self._records[key] = number
        return int(number)
