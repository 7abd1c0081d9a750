"""The index as an SQLite database: its tables, how it is opened and copied, and the lock of its writer."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout

from sunpy_flarecast.errors import FLARECASTError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "BESIDE",
    "ArchiveIndexError",
    "BusyIndexError",
    "MissingFolderError",
    "copy_index",
    "create",
    "is_current",
    "lock_index",
    "max_keywords",
    "open_database",
    "unusable",
]

#: File name of an index in the folder that it describes.
BESIDE: Final = ".flarecast-index.sqlite"

#: Written into the database's header ("FLCX"), so that other databases are not mistaken for an index.
_APPLICATION: Final = 0x464C4358

#: Increased with every change of the tables or of the meaning of their columns.
_VERSION: Final = 7

#: Seconds to wait for another process that writes.
_PATIENCE: Final = 30.0

#: Statements of the triggers.
_COUNTED: Final = """
    INSERT INTO tally VALUES (new.series, new.day, new.segments, new.layout, 1)
        ON CONFLICT (series, day, segments, layout) DO UPDATE SET records = records + 1;
    INSERT INTO passages VALUES (new.series, new.day, new.harpnum, new.noaa, 1)
        ON CONFLICT (series, day, harpnum, noaa) DO UPDATE SET records = records + 1;
"""
_DISCOUNTED: Final = """
    UPDATE tally SET records = records - 1
        WHERE series = old.series AND day = old.day AND segments = old.segments AND layout = old.layout;
    DELETE FROM tally WHERE series = old.series AND day = old.day AND segments = old.segments
        AND layout = old.layout AND records = 0;
    UPDATE passages SET records = records - 1
        WHERE series = old.series AND day = old.day AND harpnum = old.harpnum AND noaa = old.noaa;
    DELETE FROM passages WHERE series = old.series AND day = old.day AND harpnum = old.harpnum
        AND noaa = old.noaa AND records = 0;
"""

_TABLES: Final = f"""
-- root: the folder. made: a random identifier of this index. looked: the last complete run.
-- max_keywords: the limit on the keywords of a record.
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
INSERT INTO about VALUES ('made', lower(hex(randomblob(8)))), ('max_keywords', '1000');
-- Ids of series, segment sets and layouts are derived from the names, so that readers may keep them when an index is
-- rebuilt. version: increased by every transaction that changes records of the series.
CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, version INTEGER NOT NULL DEFAULT 0);
CREATE TABLE segment_sets (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
CREATE TABLE layouts (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
CREATE TABLE folders (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, fault TEXT);

-- Values of keywords, in the order of the names of their layout.
CREATE TABLE keywords (id INTEGER PRIMARY KEY AUTOINCREMENT, layout INTEGER NOT NULL, "values" TEXT NOT NULL);

-- Files and keyword tables, including those that cannot be served, which have a fault. ctime_ns is 0 for a file that
-- could have changed again without new times; the next run reads it again. A keyword table has no segment. edition_*:
-- the edition of the record according to the header.
CREATE TABLE files (
    id INTEGER PRIMARY KEY, folder INTEGER NOT NULL, name TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    record INTEGER, segment TEXT, "full" INTEGER NOT NULL DEFAULT 0, fault TEXT,
    edition_recnum INTEGER, edition_date TEXT,
    UNIQUE (folder, name)
);
CREATE INDEX files_of_records ON files (record) WHERE record IS NOT NULL;
CREATE INDEX files_with_faults ON files (folder) WHERE fault IS NOT NULL;

-- Rows of keyword tables. A row without series belongs to the files in the table's folder and below if these are of
-- one series; otherwise the table has a fault.
CREATE TABLE "rows" (
    id INTEGER PRIMARY KEY, "table" INTEGER NOT NULL, series TEXT, slot INTEGER NOT NULL, harpnum INTEGER NOT NULL,
    keywords INTEGER NOT NULL
);
CREATE INDEX rows_of_records ON "rows" (slot, harpnum);
CREATE INDEX rows_of_tables ON "rows" ("table");
CREATE INDEX rows_of_no_series ON "rows" ("table") WHERE series IS NULL;

-- Derived from files and rows. observed: date__obs, or T_REC if that is missing, in microseconds since 1970 UTC. lead:
-- observed minus the slot's time as if TAI were UTC, nearly the same for all records. claimed: JSOC's record number in
-- the keywords. source: the file whose header has keywords. header: these keywords. noaa: the NOAA numbers, each with a
-- blank on both sides, or empty.
CREATE TABLE records (
    id INTEGER PRIMARY KEY, series INTEGER NOT NULL, recnum INTEGER NOT NULL, slot INTEGER NOT NULL,
    harpnum INTEGER NOT NULL, date__obs TEXT, quality INTEGER, wavelnth INTEGER,
    observed INTEGER NOT NULL, lead INTEGER NOT NULL, day INTEGER NOT NULL, segments INTEGER NOT NULL,
    claimed INTEGER, source INTEGER, header INTEGER, keywords INTEGER, layout INTEGER NOT NULL, noaa TEXT NOT NULL
);
CREATE UNIQUE INDEX records_in_order ON records (series, slot, harpnum);
CREATE UNIQUE INDEX records_by_number ON records (series, recnum);
CREATE INDEX records_by_claim ON records (series, claimed) WHERE claimed IS NOT NULL;
CREATE UNIQUE INDEX records_of_harps ON records (series, harpnum, slot);
CREATE INDEX records_by_lead ON records (series, lead);

-- Counts of records, maintained by the triggers. tally: series, segments and names of keywords are read from it;
-- passages: days, HARPs and their NOAA numbers.
CREATE TABLE tally (
    series INTEGER NOT NULL, day INTEGER NOT NULL, segments INTEGER NOT NULL, layout INTEGER NOT NULL,
    records INTEGER NOT NULL, PRIMARY KEY (series, day, segments, layout)
) WITHOUT ROWID;
CREATE TABLE passages (
    series INTEGER NOT NULL, day INTEGER NOT NULL, harpnum INTEGER NOT NULL, noaa TEXT NOT NULL,
    records INTEGER NOT NULL, PRIMARY KEY (series, day, harpnum, noaa)
) WITHOUT ROWID;
CREATE INDEX passages_of_harps ON passages (series, harpnum, noaa, records);
CREATE TRIGGER record_added AFTER INSERT ON records BEGIN
    {_COUNTED}
END;
CREATE TRIGGER record_removed AFTER DELETE ON records BEGIN
    {_DISCOUNTED}
END;
CREATE TRIGGER record_changed AFTER UPDATE OF day, segments, layout, noaa ON records
    WHEN (old.day, old.segments, old.layout, old.noaa) <> (new.day, new.segments, new.layout, new.noaa) BEGIN
    {_COUNTED}
    {_DISCOUNTED}
END;
"""  # noqa: S608 (nothing comes from outside)


class ArchiveIndexError(FLARECASTError):
    """The index of a folder cannot be used; the message says what to do."""


class MissingFolderError(ArchiveIndexError):
    """The folder of an archive is missing, as when its disk is not mounted; its index stays as it is."""


class BusyIndexError(ArchiveIndexError):
    """Another process is writing the index."""


def create(path: Path) -> sqlite3.Connection:
    """Open an index for writing; create it if needed."""
    database = open_database(path, "rwc")
    try:
        if database.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise ArchiveIndexError(
                f"The index {path} is on a disk where it cannot be read while it is being written. Choose a local "
                "disk with --index."
            )
        database.execute("PRAGMA synchronous = NORMAL")
        if not is_current(database, path):
            about = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {_VERSION};"
            database.executescript(f"BEGIN IMMEDIATE; {about} {_TABLES} COMMIT;")
    except sqlite3.Error as error:
        database.close()
        raise unusable(path, error) from error
    except ArchiveIndexError:
        database.close()
        raise
    return database


def max_keywords(database: sqlite3.Connection) -> int:
    """Return the limit on the keywords of a record, which keeps replies with the keywords of many records short."""
    return int(database.execute("SELECT value FROM about WHERE name = 'max_keywords'").fetchone()[0])


def lock_index(index: Path, wait: float = 0.0) -> FileLock:
    """Become the only writer of an index, until the lock is released or the process ends."""
    # The lock is a separate file, since network file systems lock only files that are open for writing.
    file = index.with_name(f"{index.name}-lock")
    lock = FileLock(file, thread_local=False)
    try:
        lock.acquire(timeout=wait)
    except (OSError, NotImplementedError) as error:  # a Timeout is an OSError
        if isinstance(error, Timeout) and file.exists():
            raise BusyIndexError(
                f"Another process is writing the index {index}. Wait until it ends, or stop it; what it has written is "
                "kept."
            ) from error
        raise ArchiveIndexError(
            f"The index {index} cannot be written ({error}). Choose another place with --index."
        ) from error
    return lock


def copy_index(index: Path, copy: Path) -> None:
    """
    Copy an index that cannot be opened in place, unless it is being written; leave no file if that fails.

    Without permission to write beside an index, it can be read only while another process has it open, since SQLite
    needs files there.
    """
    try:
        before = index.stat()
        shutil.copyfile(index, copy)
        after = index.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or _journal(index).exists():
            raise ArchiveIndexError(f"{index} is being written")
        with closing(open_database(copy, "rw")) as database:
            if is_current(database, copy):
                # The owner of the index may know the folder by another path.
                database.execute("DELETE FROM about WHERE name = 'root'")
    except (OSError, sqlite3.Error, ArchiveIndexError):
        for path in (copy, _journal(copy)):
            path.unlink(missing_ok=True)


def _journal(index: Path) -> Path:
    return index.with_name(f"{index.name}-wal")


def open_database(path: Path, mode: str) -> sqlite3.Connection:
    """Open a database in a mode of SQLite's URIs; any thread may use the connection, one at a time."""
    try:
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=_PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise unusable(path, error) from error


def is_current(database: sqlite3.Connection, path: Path) -> bool:
    """Return whether the tables exist; raise an error if they are of another kind or version."""
    if database.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0] == 0:
        return False
    if database.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        raise ArchiveIndexError(f"{path} is a database, but not an index of SHARP files. Choose another with --index.")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version != _VERSION:
        raise ArchiveIndexError(
            f"The index {path} was built by another version of sunpy_flarecast (format {version}, not {_VERSION}). "
            "Delete it and build it again (sunpy-flarecast index DIRECTORY), or choose another with --index."
        )
    return True


def unusable(path: Path, error: sqlite3.Error | None) -> ArchiveIndexError:
    """Make the error for an index that SQLite cannot use, with advice."""
    reason = str(error).strip()
    advice = "Choose another place with --index, on a local disk where this user may write."
    if isinstance(error, sqlite3.DatabaseError) and "not a database" in reason:
        advice = "It is damaged, or another kind of file. Delete it if it was an index, or choose another with --index."
    elif "full" in reason:
        advice = "Free disk space, or choose another place with --index; what has been written is kept."
    elif "malformed" in reason:
        advice = "It is damaged. Delete it and build it again: sunpy-flarecast index DIRECTORY"
    return ArchiveIndexError(f"The index {path} cannot be used: {reason}. {advice}")
