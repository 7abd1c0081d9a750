"""Queries of the index: records, keywords, counts and files."""

from __future__ import annotations

import heapq
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sunpy_flarecast.archive.base import DayCount, Holding, Passage, Record, SegmentFile, Steps

from .connections import Connections
from .database import ArchiveIndexError, max_keywords
from .edition import Edition
from .model import EPOCH, SLOT, LastRun, Version, microseconds
from .packed import is_packed
from .passages import days_of, harps_of, instant_text, steps_near
from .present import Filed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Sequence
    from datetime import date, datetime
    from pathlib import Path

__all__ = ["Reader", "faults_in"]

#: Records read by one query, which takes a few milliseconds; other threads can use the connection in between.
_PAGE: Final = 1024

#: Records whose keywords are read by one query.
_BATCH: Final = 500

_FIELDS: Final = "recnum, harpnum, slot, date__obs, quality, wavelnth, segments"

#: A page of the records of all HARPs, and of one HARP.
_LIST: Final = (
    f"SELECT {_FIELDS} FROM records INDEXED BY records_in_order"  # noqa: S608
    " WHERE series = :series AND (slot, harpnum) > (:slot, :harpnum) AND slot <= :last AND slot % :every = 0"
    " AND observed BETWEEN :start AND :end ORDER BY slot, harpnum LIMIT :page"
)
_LIST_OF_HARP: Final = (
    f"SELECT {_FIELDS} FROM records INDEXED BY records_of_harps"  # noqa: S608
    " WHERE series = :series AND harpnum = :harpnum AND slot > :slot AND slot <= :last AND slot % :every = 0"
    " AND observed BETWEEN :start AND :end ORDER BY slot LIMIT :page"
)

#: The previous and the next record of the same HARP.
_NEIGHBOURS: Final = tuple(
    f"SELECT {_FIELDS} FROM records INDEXED BY records_of_harps"  # noqa: S608
    f" WHERE series = ? AND harpnum = ? AND slot {sign} ? ORDER BY slot {order} LIMIT 1"
    for sign, order in (("<", "DESC"), (">", "ASC"))
)

#: The first and the last record, and the smallest and the largest lead; each is a single look-up in an SQL index.
_ENDS: Final = tuple(
    "SELECT date__obs, observed FROM records INDEXED BY records_in_order WHERE series = ?"  # noqa: S608
    f" ORDER BY slot {order}, harpnum {order} LIMIT 1"
    for order in ("ASC", "DESC")
)
_LEADS: Final = tuple(
    f"SELECT lead FROM records INDEXED BY records_by_lead WHERE series = ? ORDER BY lead {order} LIMIT 1"  # noqa: S608
    for order in ("ASC", "DESC")
)

#: Larger than any HARP number.
_BEYOND: Final = 2**62


class Reader:
    """Reads an index, from any number of threads and while another process writes it."""

    def __init__(self, index: Path) -> None:
        self._connections = Connections(index)
        self._sets: dict[int, tuple[str, ...]] = {}
        self._layouts: dict[int, tuple[str, ...]] = {}

    def close(self) -> None:
        """Close the connections, those in use as soon as they are returned."""
        self._connections.close()

    def series(self, *, unfinished: bool = False) -> dict[str, int]:
        """Return the ids of the series that have records, by name."""
        with self._connections.lent(unfinished=unfinished) as database:
            rows = database.execute(
                "SELECT name, id FROM series WHERE EXISTS (SELECT 1 FROM tally WHERE series = id) ORDER BY name"
            )
            return dict(rows.fetchall())

    def count(self) -> int:
        """Count all records, including those of an unfinished index."""
        with self._connections.lent(unfinished=True) as database:
            return int(database.execute("SELECT coalesce(sum(records), 0) FROM tally").fetchone()[0])

    def last_run(self) -> LastRun | None:
        """Return the last complete indexing run; None if none has completed."""
        with self._connections.lent(unfinished=True) as database:
            row = database.execute("SELECT value FROM about WHERE name = 'looked'").fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=LastRun)

    def version(self, series: int) -> str:
        """Return an identifier that changes with every change of a series' records, and when the index is rebuilt."""
        with self._connections.lent() as database:
            row = database.execute(
                "SELECT value || '-' || version FROM about, series WHERE about.name = 'made' AND id = ?", (series,)
            ).fetchone()
        return str(_only(row))

    def holdings(self) -> list[Holding]:
        """Summarize each series."""
        return [self._holding(name, number) for name, number in self.series().items()]

    def _holding(self, name: str, series: int) -> Holding:
        with self._connections.lent() as database:
            (records,) = database.execute("SELECT sum(records) FROM tally WHERE series = ?", (series,)).fetchone()
            ends = [database.execute(query, (series,)).fetchone() for query in _ENDS]
            sets = database.execute("SELECT DISTINCT segments FROM tally WHERE series = ?", (series,)).fetchall()
        names: dict[str, None] = {}
        for segments in sorted((self._segments(number) for (number,) in sets), key=len, reverse=True):
            names |= dict.fromkeys(segments)
        first, last = (None if end is None else end[0] or instant_text(end[1]) for end in ends)
        return Holding(series=name, records=records or 0, first=first, last=last, segments=tuple(names))

    def days(self, series: int, start: date | None, end: date | None) -> dict[date, DayCount]:
        """Count the records and HARPs of each day with records."""
        with self._connections.lent() as database:
            return days_of(database, series, start, end)

    def harps(self, series: int, start: date | None, end: date | None, noaa: int | None) -> list[Passage]:
        """List HARPs by number, as `~sunpy_flarecast.archive.Archive.harps`."""
        with self._connections.lent() as database:
            return harps_of(database, series, start, end, noaa)

    def steps(self, series: int, slot: int) -> Steps | None:
        """Find the time step nearest to a slot and its neighbours; None if there are no records."""
        with self._connections.lent() as database:
            return steps_near(database, series, slot)

    def records_at(self, series: int, slot: int) -> list[Record]:
        """List the records of a slot, sorted by HARP number."""
        with self._connections.lent() as database:
            rows = database.execute(
                f"SELECT {_FIELDS} FROM records INDEXED BY records_in_order"  # noqa: S608
                " WHERE series = ? AND slot = ? ORDER BY harpnum",
                (series, slot),
            ).fetchall()
        return [self._record(row) for row in rows]

    def neighbours(self, series: int, record: Record) -> list[Record | None]:
        """Return the previous and the next record of the same HARP, or None."""
        with self._connections.lent() as database:
            rows = [
                database.execute(query, (series, record.harpnum, record.t_rec_index)).fetchone()
                for query in _NEIGHBOURS
            ]
        return [None if row is None else self._record(row) for row in rows]

    def records(
        self,
        series: int,
        start: datetime,
        end: datetime,
        harpnums: Collection[int] | None,
        every: int,
        after: tuple[int, int] | None,
    ) -> Iterator[Record]:
        """List records, sorted by T_REC and HARP number, page by page."""
        first, last = microseconds(start), microseconds(end)
        with self._connections.lent() as database:
            leads = [database.execute(query, (series,)).fetchone() for query in _LEADS]
        if None in leads:
            return
        least, most = (lead[0] for lead in leads)
        begin = -((EPOCH + most - first) // SLOT) - 1
        place = {"series": series, "start": first, "end": last, "every": every, "page": _PAGE}
        place["last"] = (last - EPOCH - least) // SLOT
        from_here = max((begin, _BEYOND), after or (begin, _BEYOND))
        if harpnums is None:
            yield from self._pages(_LIST, place | {"slot": from_here[0], "harpnum": from_here[1]})
            return
        # A HARP with a number above that of the last record may have a record at the same slot.
        lists = [
            self._pages(_LIST_OF_HARP, place | {"slot": from_here[0] - (harpnum > from_here[1]), "harpnum": harpnum})
            for harpnum in set(harpnums)
        ]
        yield from heapq.merge(*lists, key=lambda record: (record.t_rec_index, record.harpnum))

    def _pages(self, query: str, place: dict[str, int]) -> Iterator[Record]:
        while True:
            with self._connections.lent() as database:
                rows = database.execute(query, place).fetchall()
            for row in rows:
                yield self._record(row)
            if len(rows) < place["page"]:
                return
            place |= {"slot": rows[-1][2], "harpnum": rows[-1][1]}

    def record(self, series: int, recnum: int) -> Record | None:
        """Return a record by its number, or None."""
        with self._connections.lent() as database:
            row = database.execute(
                f"SELECT {_FIELDS} FROM records WHERE series = ? AND recnum = ?",  # noqa: S608
                (series, recnum),
            ).fetchone()
        return None if row is None else self._record(row)

    def _record(self, row: tuple[Any, ...]) -> Record:
        recnum, harpnum, slot, date__obs, quality, wavelnth, segments = row
        return Record(
            recnum=recnum,
            segments=self._sets.get(segments) or self._segments(segments),
            harpnum=harpnum,
            t_rec_index=slot,
            date__obs=date__obs,
            quality=quality,
            wavelnth=wavelnth,
        )

    def keywords(self, series: int, recnums: Sequence[int]) -> dict[int, tuple[int, int, dict[str, Any]]]:
        """Return HARP number, slot and keywords of the records that exist, by record number."""
        found: dict[int, tuple[int, int, dict[str, Any]]] = {}
        for start in range(0, len(recnums), _BATCH):
            batch = recnums[start : start + _BATCH]
            marks = ", ".join("?" * len(batch))
            with self._connections.lent() as database:
                rows = database.execute(
                    'SELECT recnum, harpnum, slot, records.layout, "values" FROM records'  # noqa: S608
                    f" LEFT JOIN keywords ON keywords.id = records.keywords WHERE series = ? AND recnum IN ({marks})",
                    (series, *batch),
                ).fetchall()
            for recnum, harpnum, slot, layout, values in rows:
                names = self._layout(layout) if values is not None else ()
                decoded = msgspec.json.decode(values) if values is not None else []
                found[recnum] = harpnum, slot, dict(zip(names, decoded, strict=True))
        return found

    def keyword_names(self, series: int) -> tuple[str, ...]:
        """List the names of the records' keywords, the most frequent first, up to the limit on keywords."""
        with self._connections.lent() as database:
            layouts = database.execute(
                "SELECT layout FROM tally WHERE series = ? AND layout > 0 GROUP BY layout ORDER BY sum(records) DESC",
                (series,),
            ).fetchall()
            most = max_keywords(database)
        return tuple(islice(dict.fromkeys(name for (layout,) in layouts for name in self._layout(layout)), most))

    def segment(self, series: int, recnum: int, name: str) -> Filed | None:
        """Return the file of a segment, or None."""
        with self._connections.lent() as database:
            row = database.execute(
                "SELECT path, name, size, mtime_ns, ctime_ns, edition_recnum, edition_date, harpnum, slot FROM records"
                " JOIN files ON record = records.id JOIN folders ON folders.id = folder"
                " WHERE records.series = ? AND recnum = ? AND segment = ? AND files.fault IS NULL",
                (series, recnum, name),
            ).fetchone()
        if row is None:
            return None
        folder, file = row[:2]
        return Filed(f"{folder}/{file}" if folder else file, Version(*row[2:5]), Edition(*row[5:7]), *row[7:])

    def segment_files(self, series: int, recnum: int) -> dict[str, SegmentFile]:
        """Describe the files of a record by segment; the size of gzip files is unknown until they are decompressed."""
        with self._connections.lent() as database:
            rows = database.execute(
                "SELECT segment, name, size, mtime_ns FROM records JOIN files ON record = records.id"
                " WHERE records.series = ? AND recnum = ? AND files.fault IS NULL",
                (series, recnum),
            ).fetchall()
        return {
            segment: SegmentFile(None if is_packed(name) else size, f"{size}-{mtime_ns}")
            for segment, name, size, mtime_ns in rows
        }

    def faults(self, root: Path) -> list[tuple[Path, str]]:
        """List the files and folders that cannot be served, each with the reason."""
        with self._connections.lent(unfinished=True) as database:
            return faults_in(database, root)

    def _segments(self, number: int) -> tuple[str, ...]:
        return self._sets.get(number) or self._read_names("segment_sets", self._sets, number)

    def _layout(self, number: int) -> tuple[str, ...]:
        return self._layouts.get(number) or self._read_names("layouts", self._layouts, number)

    def _read_names(self, table: str, known: dict[int, tuple[str, ...]], number: int) -> tuple[str, ...]:
        # All records with the same names share one tuple. The names of an id never change.
        with self._connections.lent() as database:
            row = database.execute(f"SELECT names FROM {table} WHERE id = ?", (number,)).fetchone()  # noqa: S608
        return known.setdefault(number, msgspec.json.decode(_only(row), type=tuple[str, ...]))


def _only(row: tuple[Any] | None) -> Any:
    """Return the value of a row, which is missing only if the index was replaced in the meantime."""
    if row is None:
        raise ArchiveIndexError("The index of the archive was rebuilt in the meantime. Try again.")
    return row[0]


def faults_in(database: sqlite3.Connection, root: Path) -> list[tuple[Path, str]]:
    """List the files and folders in an index that cannot be served, each with the reason, by path."""
    files = database.execute(
        "SELECT path, name, files.fault FROM files INDEXED BY files_with_faults"
        " JOIN folders ON folders.id = folder WHERE files.fault IS NOT NULL"
    ).fetchall()
    folders = database.execute("SELECT path, '', fault FROM folders WHERE fault IS NOT NULL").fetchall()
    return sorted((root.joinpath(path, name), fault) for path, name, fault in files + folders)
