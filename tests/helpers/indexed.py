"""The contents of an index, independent of the order in which it was built; and small files to index."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sunpy_flarecast.sharp.t_rec import slot_text, t_rec_text

if TYPE_CHECKING:
    from pathlib import Path

    from sunpy_flarecast.archive import DirectoryArchive, Record

CCD, CEA = "hmi.sharp_720s", "hmi.sharp_cea_720s"
FIRST = 1005481

#: An arbitrary time.
ALL = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)

#: Cards of a full header, and the pattern of file names at the same T_REC.
FULL = {
    "HARPNUM": 377,
    "T_REC": "2011.02.15_02:00:00.000_TAI",
    "DATE_OBS": "2011-02-15T01:58:12.300",
    "QUALITY": 1024,
    "WAVELNTH": 6173.0,
    "RECNUM": 3464220,
    "AREA": 12.5,
}
JSOC = "hmi.sharp_cea_720s.{}.20110215_020000_TAI.{}.fits"


def listed(
    archive: DirectoryArchive, series: str = CEA, start: datetime = ALL[0], end: datetime = ALL[1]
) -> list[Record]:
    return list(archive.records(series, start, end))


def contents(index: Path) -> dict[str, Any]:
    """Return the contents of an index, after checking its consistency."""
    with closing(sqlite3.connect(index)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        _check_references(database)
        files = {
            number: (f"{folder}/{name}", *rest)
            for number, folder, name, *rest in database.execute(
                'SELECT files.id, path, name, size, mtime_ns, segment, "full", files.fault FROM files'
                " JOIN folders ON folders.id = folder"
            )
        }
        keywords = {
            number: dict(zip(json.loads(names), json.loads(values), strict=True))
            for number, names, values in database.execute(
                'SELECT keywords.id, names, "values" FROM keywords JOIN layouts ON layouts.id = layout'
            )
        }
        records = [
            (*row[:-3], json.loads(row[-3]), files.get(row[-2], (None,))[0], keywords.get(row[-1]))
            for row in database.execute(
                "SELECT name, slot, harpnum, recnum, date__obs, quality, wavelnth, observed, lead, day, claimed,"
                " names, source, keywords FROM records JOIN series ON series.id = series"
                " JOIN segment_sets ON segment_sets.id = segments ORDER BY name, slot, harpnum"
            )
        ]
        rows = sorted(
            (files[table][0], series or "", slot, harpnum, json.dumps(keywords[number]))
            for table, series, slot, harpnum, number in database.execute(
                'SELECT "table", series, slot, harpnum, keywords FROM "rows"'
            )
        )
        folders = sorted(database.execute("SELECT path, fault FROM folders WHERE fault IS NOT NULL"))
        tally = sorted(
            database.execute(
                "SELECT name, day, names, records FROM tally JOIN series ON series.id = series"
                " JOIN segment_sets ON segment_sets.id = segments"
            )
        )
    return {"files": sorted(files.values()), "records": records, "rows": rows, "folders": folders, "tally": tally}


def _check_references(database: sqlite3.Connection) -> None:
    """Check that all references exist, nothing is left over, and the counts are right."""
    kept = {number for (number,) in database.execute("SELECT id FROM keywords")}
    used = {number for (number,) in database.execute('SELECT keywords FROM "rows"')}
    for row in database.execute("SELECT header, keywords FROM records"):
        used |= {number for number in row if number is not None}
    assert kept == used
    assert not database.execute(
        "SELECT * FROM files WHERE record IS NOT NULL AND record NOT IN (SELECT id FROM records)"
    ).fetchall()
    assert not database.execute('SELECT * FROM "rows" WHERE "table" NOT IN (SELECT id FROM files)').fetchall()
    counted = database.execute(
        "SELECT series, day, segments, layout, count(*) FROM records GROUP BY series, day, segments, layout"
    ).fetchall()
    assert sorted(counted) == sorted(database.execute("SELECT * FROM tally").fetchall())


def name_of(harp: int, step: int, segment: str, series: str = CEA) -> str:
    return f"{series}.{harp}.{slot_text(FIRST + step)}.{segment}.fits"


def header_of(harp: int, step: int, **more: object) -> dict[str, object]:
    """Return the cards of a full header."""
    return {"HARPNUM": harp, "T_REC": t_rec_text(FIRST + step), **more}


def tiny(path: Path, *, pixel: int = 0, **cards: object) -> Path:
    """Write a FITS file of one pixel."""
    lines = ["SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    1"]
    lines.append("NAXIS1  =                    1")
    for name, value in cards.items():
        shown = f"'{value:<8}'" if isinstance(value, str) else f"{value:>20}"
        lines.append(f"{name.replace('DATE_OBS', 'DATE-OBS'):8}= {shown}")
    text = "".join(f"{line:80}" for line in [*lines, "END"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.ljust(-(-len(text) // 2880) * 2880).encode() + bytes([pixel]).ljust(2880, b"\0"))
    return path
