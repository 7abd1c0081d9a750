"""Build records from the files and keyword-table rows in the index, in whatever order they were added."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.times import read_instant
from sunpy_flarecast.sharp.values import noaa_numbers

from .edition import Edition, newest_of
from .model import EPOCH, SLOT, microseconds, stable_id, t_rec_utc
from .records import derived_recnum, jsoc_number, record_of
from .scan import is_in

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

__all__ = ["Assembly", "Key"]

_DAY: Final = 86_400_000_000


class Key(NamedTuple):
    """Identifies a record: the id of its series in the index, its slot and its HARP number."""

    series: int
    slot: int
    harpnum: int


class _File(NamedTuple):
    """A file of a record, as stored in the index."""

    folder: str
    name: str
    number: int
    segment: str
    full: bool
    fault: str | None
    edition: Edition

    @property
    def path(self) -> str:
        return "/".join(filter(None, (self.folder, self.name)))


class _Row(NamedTuple):
    """A row of a keyword table that belongs to a record."""

    folder: str
    name: str
    number: int
    keywords: int


class Assembly:
    """Builds records, within the caller's transaction."""

    # ``read`` returns the keywords of a file by folder and name, or None if it cannot be read. It is called when a file
    # that was not read in this run becomes the source of a record's keywords.

    def __init__(self, database: sqlite3.Connection, read: Callable[[str, str], dict[str, Any] | None]) -> None:
        self._database = database
        self._read = read
        self._series: dict[int, str] = {}
        self._layouts: dict[tuple[str, ...], int] = {}
        self._names: dict[int, list[str]] = {}
        self._sets: dict[tuple[str, ...], int] = {}

    def forget(self) -> None:
        """Drop the cached ids after a failed transaction."""
        self._layouts.clear()
        self._names.clear()
        self._sets.clear()

    def keep_keywords(self, keywords: dict[str, Any]) -> int:
        """Store keywords; return their id."""
        names = tuple(keywords)
        layout = self._layouts.get(names)
        if layout is None:
            layout = self._layouts[names] = self._number("layouts", names)
        values = msgspec.json.encode(list(keywords.values())).decode()
        cursor = self._database.execute('INSERT INTO keywords (layout, "values") VALUES (?, ?)', (layout, values))
        return cursor.lastrowid or 0

    def assemble(self, records: dict[int, Key], fresh: dict[int, dict[str, Any]]) -> None:
        """Rebuild or remove records; ``fresh`` has the keywords of files just read, by file id."""
        contested: set[tuple[int, int]] = set()
        for number, key in records.items():
            self._assemble(number, key, fresh, contested)
        for series, claimed in sorted(contested):
            self._settle(series, claimed)
        changed = {key.series for key in records.values()}
        self._database.executemany("UPDATE series SET version = version + 1 WHERE id = ?", [(id_,) for id_ in changed])

    def _assemble(
        self, number: int, key: Key, fresh: dict[int, dict[str, Any]], contested: set[tuple[int, int]]
    ) -> None:
        old = self._database.execute(
            "SELECT source, header, keywords, claimed FROM records WHERE id = ?", (number,)
        ).fetchone()
        source, header, keywords, claimed = old or (None, None, None, None)
        files = self._files(number)
        served = self._choose(files) if files else {}
        new_source = next((file for file in served.values() if file.full), None)
        if new_source is None or new_source.number != source or source in fresh:
            self._drop(header)
            header = None
            if new_source is not None:
                found = fresh.get(new_source.number) or self._read(new_source.folder, new_source.name)
                header = None if found is None else self.keep_keywords(found)
                if found is None:  # the next run reads it again
                    self._database.execute("UPDATE files SET ctime_ns = 0 WHERE id = ?", (new_source.number,))
        rows = self._rows(key, {file.folder for file in files}) if served else []
        if keywords is not None and keywords != (old[1] if old else None):
            self._drop_if_merged(keywords)
        if not served:
            self._drop(header)
            self._database.execute("DELETE FROM records WHERE id = ?", (number,))
            if claimed is not None:
                contested.add((key.series, claimed))
            return
        parts = ([] if header is None else [header]) + [row.keywords for row in rows]
        layout, values = self._merged(parts)
        keywords = parts[0] if len(parts) == 1 else None
        if len(parts) > 1:
            keywords = self.keep_keywords(values)
            layout = self._layouts[tuple(values)]
        facts = record_of(0, values)
        new_claim = jsoc_number(values.get("recnum"))
        if claimed is not None and claimed != new_claim:
            contested.add((key.series, claimed))
        recnum = derived_recnum(key.harpnum, key.slot)
        if new_claim is not None:
            if self._is_claimed(key.series, new_claim, number):
                contested.add((key.series, new_claim))
            else:
                recnum = new_claim
        observed = t_rec_utc(key.slot) if facts.date__obs is None else microseconds(read_instant(facts.date__obs))
        segments = self._segment_set(key.series, served)
        row = {
            "id": number,
            "series": key.series,
            "recnum": recnum,
            "slot": key.slot,
            "harpnum": key.harpnum,
            "date__obs": facts.date__obs,
            "quality": facts.quality,
            "wavelnth": facts.wavelnth,
            "observed": observed,
            "lead": observed - EPOCH - key.slot * SLOT,
            "day": observed // _DAY,
            "segments": segments,
            "claimed": new_claim,
            "source": None if new_source is None else new_source.number,
            "header": header,
            "keywords": keywords,
            "layout": layout,
            "noaa": "".join(f" {number} " for number in noaa_numbers(values)),
        }
        self._database.execute(_INSERT if old is None else _UPDATE, row)

    def _files(self, number: int) -> list[_File]:
        rows = self._database.execute(
            "SELECT folders.path, files.name, files.id, segment, full, files.fault, edition_recnum, edition_date"
            " FROM files JOIN folders ON folders.id = files.folder WHERE record = ?",
            (number,),
        )
        return sorted(_File._make((*row[:6], Edition(*row[6:]))) for row in rows)

    def _choose(self, files: list[_File]) -> dict[str, _File]:
        """Choose one file of the newest edition for each segment, preferably with keywords; the others get a fault."""
        served: dict[str, _File] = {}
        edition = newest_of([file.edition for file in files])
        newest = next(file for file in files if file.edition == edition)
        for file in sorted(files, key=lambda file: (not file.full, [part is None for part in file.edition])):
            fault = None
            if order := file.edition.compare(edition):
                kind, link = ("an older", "than") if order < 0 else ("a different", "from")
                fault = (
                    f"It belongs to {kind} version of this record ({file.edition}) {link} {newest.path} ({edition}); "
                    "only one version is served"
                )
            elif (first := served.setdefault(file.segment, file)) is not file:
                fault = f"Segment {file.segment} of this record is already served from {first.path}"
            if file.fault != fault:
                self._database.execute("UPDATE files SET fault = ? WHERE id = ?", (fault, file.number))
        return served

    def _rows(self, key: Key, folders: Iterable[str]) -> list[_Row]:
        """Find the rows of keyword tables that belong to a record, ordered by the tables' paths."""
        found = self._database.execute(
            'SELECT "rows".series, folders.path, files.name, "rows".id, keywords FROM "rows"'
            ' JOIN files ON files.id = "rows"."table" JOIN folders ON folders.id = files.folder'
            " WHERE slot = ? AND harpnum = ? AND files.fault IS NULL",
            (key.slot, key.harpnum),
        ).fetchall()
        if not found:
            return []
        name = self._series_name(key.series)
        return sorted(
            _Row(*row)
            for series, *row in found
            if (series == name if series is not None else any(is_in(folder, row[0]) for folder in folders))
        )

    def _series_name(self, number: int) -> str:
        name = self._series.get(number)
        if name is None:
            (name,) = self._database.execute("SELECT name FROM series WHERE id = ?", (number,)).fetchone()
            self._series[number] = name
        return name

    def _merged(self, parts: list[int]) -> tuple[int, dict[str, Any]]:
        """Merge keywords, taking the first value that is not missing; return the layout of the last part, too."""
        merged: dict[str, Any] = {}
        layout = 0
        for part in parts:
            layout, values = self._database.execute(
                'SELECT layout, "values" FROM keywords WHERE id = ?', (part,)
            ).fetchone()
            for name, value in zip(self._layout_names(layout), msgspec.json.decode(values), strict=True):
                if merged.get(name) is None:
                    merged[name] = value
        return layout, merged

    def _layout_names(self, layout: int) -> list[str]:
        names = self._names.get(layout)
        if names is None:
            (text,) = self._database.execute("SELECT names FROM layouts WHERE id = ?", (layout,)).fetchone()
            names = self._names[layout] = msgspec.json.decode(text, type=list[str])
        return names

    def _segment_set(self, series: int, served: Iterable[str]) -> int:
        rank = _ranks(self._series_name(series))
        names = tuple(sorted(served, key=lambda name: (rank.get(name, len(rank)), name)))
        number = self._sets.get(names)
        if number is None:
            number = self._sets[names] = self._number("segment_sets", names)
        return number

    def _number(self, table: str, names: tuple[str, ...]) -> int:
        """Return the id of a tuple of names in a table; add the tuple if it is new."""
        text = msgspec.json.encode(names).decode()
        number = stable_id(text)
        self._database.execute(f"INSERT OR IGNORE INTO {table} (id, names) VALUES (?, ?)", (number, text))  # noqa: S608
        return number

    def _drop(self, keywords: int | None) -> None:
        if keywords is not None:
            self._database.execute("DELETE FROM keywords WHERE id = ?", (keywords,))

    def _drop_if_merged(self, keywords: int) -> None:
        """Remove keywords that were merged; those of a table row stay with it."""
        self._database.execute(
            'DELETE FROM keywords WHERE id = ? AND NOT EXISTS (SELECT 1 FROM "rows" WHERE keywords = ?)',
            (keywords, keywords),
        )

    def _is_claimed(self, series: int, claimed: int, but: int) -> bool:
        return (
            self._database.execute(
                "SELECT 1 FROM records WHERE series = ? AND claimed = ? AND id <> ?", (series, claimed, but)
            ).fetchone()
            is not None
        )

    def _settle(self, series: int, claimed: int) -> None:
        """Assign a record number claimed by several records to the first of them."""
        claims = self._database.execute(
            "SELECT id, slot, harpnum, recnum FROM records INDEXED BY records_by_claim"
            " WHERE series = ? AND claimed = ? ORDER BY slot, harpnum",
            (series, claimed),
        ).fetchall()
        for number, slot, harpnum, recnum in claims[1:]:
            if recnum == claimed:
                made = derived_recnum(harpnum, slot)
                self._database.execute("UPDATE records SET recnum = ? WHERE id = ?", (made, number))
        if claims and claims[0][3] != claimed:
            self._database.execute("UPDATE records SET recnum = ? WHERE id = ?", (claimed, claims[0][0]))


_COLUMNS: Final = (
    *("id", "series", "recnum", "slot", "harpnum", "date__obs", "quality", "wavelnth", "observed", "lead"),
    *("day", "segments", "claimed", "source", "header", "keywords", "layout", "noaa"),
)
_INSERT: Final = f"INSERT INTO records ({', '.join(_COLUMNS)}) VALUES ({', '.join(':' + name for name in _COLUMNS)})"  # noqa: S608
_UPDATE: Final = f"UPDATE records SET {', '.join(f'{name} = :{name}' for name in _COLUMNS[1:])} WHERE id = :id"  # noqa: S608


@cache
def _ranks(series: str) -> dict[str, int]:
    """Return the positions of the segments of a series in JSOC's order."""
    known = find_series(series)
    return {segment.name: number for number, segment in enumerate(known.segments)} if known else {}
