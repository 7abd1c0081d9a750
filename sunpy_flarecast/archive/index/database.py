"""The index as an SQLite database: its tables, its version, and how it is opened."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.errors import FLARECASTError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BESIDE", "ArchiveIndexError", "BusyIndexError", "connect", "copy_index", "create", "identity", "unusable"]

#: Name of an index that lies in the folder that it describes.
BESIDE: Final = ".flarecast-index.sqlite"

#: Written into the database's header, so that other databases are not taken for an index ("FLCX").
_APPLICATION: Final = 0x464C4358

#: Raised with every change of the tables or of what stands in them.
_VERSION: Final = 4

#: Seconds to wait for another process that writes.
_PATIENCE: Final = 30.0

_TABLES: Final = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
-- Their numbers follow from what they name: processes keep them in mind, also when an index is made anew.
CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE segment_sets (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
CREATE TABLE layouts (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
CREATE TABLE folders (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, fault TEXT);

-- Values of keywords, in the order of the names of their layout.
CREATE TABLE keywords (id INTEGER PRIMARY KEY AUTOINCREMENT, layout INTEGER NOT NULL, "values" TEXT NOT NULL);

-- What was found in the folders, also what cannot be served (which has a fault). ctime_ns is 0 for a file that could
-- have changed again without new times; it is read again the next time. A keyword table has no segment.
CREATE TABLE files (
    id INTEGER PRIMARY KEY, folder INTEGER NOT NULL, name TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    record INTEGER, segment TEXT, "full" INTEGER NOT NULL DEFAULT 0, fault TEXT, sha256 BLOB,
    UNIQUE (folder, name)
);
CREATE INDEX files_of_records ON files (record) WHERE record IS NOT NULL;
CREATE INDEX files_with_faults ON files (folder) WHERE fault IS NOT NULL;
CREATE INDEX files_without_digest ON files (folder, name)
    WHERE sha256 IS NULL AND record IS NOT NULL AND fault IS NULL;

-- Rows of keyword tables; those of no series are for the files in the table's folder and below, if they are of one
-- series; else the table has a fault.
CREATE TABLE "rows" (
    id INTEGER PRIMARY KEY, "table" INTEGER NOT NULL, series TEXT, slot INTEGER NOT NULL, harpnum INTEGER NOT NULL,
    keywords INTEGER NOT NULL
);
CREATE INDEX rows_of_records ON "rows" (slot, harpnum);
CREATE INDEX rows_of_tables ON "rows" ("table");
CREATE INDEX rows_of_no_series ON "rows" ("table") WHERE series IS NULL;

-- Made of files and rows. observed: date__obs, or T_REC if that is unknown, in microseconds since 1970 UTC. lead: that
-- against the slot, nearly the same for all records. source: the file that has the keywords, header: what it has.
CREATE TABLE records (
    id INTEGER PRIMARY KEY, series INTEGER NOT NULL, recnum INTEGER NOT NULL, slot INTEGER NOT NULL,
    harpnum INTEGER NOT NULL, date__obs TEXT, quality INTEGER, wavelnth INTEGER,
    observed INTEGER NOT NULL, lead INTEGER NOT NULL, day INTEGER NOT NULL, segments INTEGER NOT NULL,
    claimed INTEGER, source INTEGER, header INTEGER, keywords INTEGER, layout INTEGER NOT NULL
);
CREATE UNIQUE INDEX records_in_order ON records (series, slot, harpnum);
CREATE UNIQUE INDEX records_by_number ON records (series, recnum);
CREATE INDEX records_by_claim ON records (series, claimed) WHERE claimed IS NOT NULL;
CREATE INDEX records_by_lead ON records (series, lead);

-- Counts of records, kept by the triggers; series, days, segments and names of keywords are read from here.
CREATE TABLE tally (
    series INTEGER NOT NULL, day INTEGER NOT NULL, segments INTEGER NOT NULL, layout INTEGER NOT NULL,
    records INTEGER NOT NULL, PRIMARY KEY (series, day, segments, layout)
) WITHOUT ROWID;
CREATE TRIGGER record_added AFTER INSERT ON records BEGIN
    INSERT INTO tally VALUES (new.series, new.day, new.segments, new.layout, 1)
        ON CONFLICT (series, day, segments, layout) DO UPDATE SET records = records + 1;
END;
CREATE TRIGGER record_removed AFTER DELETE ON records BEGIN
    UPDATE tally SET records = records - 1
        WHERE series = old.series AND day = old.day AND segments = old.segments AND layout = old.layout;
    DELETE FROM tally WHERE series = old.series AND day = old.day AND segments = old.segments
        AND layout = old.layout AND records = 0;
END;
CREATE TRIGGER record_changed AFTER UPDATE OF day, segments, layout ON records
    WHEN (old.day, old.segments, old.layout) <> (new.day, new.segments, new.layout) BEGIN
    INSERT INTO tally VALUES (new.series, new.day, new.segments, new.layout, 1)
        ON CONFLICT (series, day, segments, layout) DO UPDATE SET records = records + 1;
    UPDATE tally SET records = records - 1
        WHERE series = old.series AND day = old.day AND segments = old.segments AND layout = old.layout;
    DELETE FROM tally WHERE series = old.series AND day = old.day AND segments = old.segments
        AND layout = old.layout AND records = 0;
END;
"""


class ArchiveIndexError(FLARECASTError):
    """The index of a folder cannot be used; the message says what to do."""


class AwayError(ArchiveIndexError):
    """The folder of an archive is not there, as when its disk is not mounted: what the index knows of it holds on."""


class BusyIndexError(ArchiveIndexError):
    """Another process is writing the index."""


def create(path: Path) -> sqlite3.Connection:
    """
    Open an index for writing; make it first where there is none.

    Parameters
    ----------
    path : `pathlib.Path`
        The database.

    Raises
    ------
    ArchiveIndexError
        If it is not an index, was made by another version, or cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sunpy_flarecast.archive.index.database import create
    >>> with TemporaryDirectory() as folder:
    ...     database = create(Path(folder, "index.sqlite"))
    ...     print(*database.execute("SELECT count(*) FROM records").fetchone())
    ...     database.close()
    0
    """
    database = _open(path, "rwc")
    try:
        if database.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise ArchiveIndexError(
                f"The index {path} cannot be kept there, since several processes could not read it while it is "
                "written. Choose a local disk with --index."
            )
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("BEGIN IMMEDIATE")
        if not _is_current(database, path):
            for statement in _statements(_TABLES):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {_APPLICATION}")
            database.execute(f"PRAGMA user_version = {_VERSION}")
        database.execute("COMMIT")
    except sqlite3.Error as error:
        database.close()
        raise unusable(path, error) from error
    except ArchiveIndexError:
        database.close()
        raise
    return database


def connect(path: Path) -> sqlite3.Connection:
    """
    Open an index for reading; any thread may use the connection, one at a time.

    Parameters
    ----------
    path : `pathlib.Path`
        The database.

    Raises
    ------
    ArchiveIndexError
        If there is none, it was made by another version, or cannot be read.
    """
    if not path.exists():
        raise ArchiveIndexError(f"There is no index {path}. Make it first: sunpy-flarecast index DIRECTORY")
    last: sqlite3.Error | None = None
    # Reading takes files beside the database that tell writers of it; who may not write there may still read them.
    for mode in ("rw", "ro"):
        database = _open(path, mode)
        try:
            database.execute("PRAGMA query_only = ON")
            database.execute("PRAGMA cache_size = -1024")
            if not _is_current(database, path):
                raise ArchiveIndexError(f"The index {path} is empty. Make it: sunpy-flarecast index DIRECTORY")
        except sqlite3.Error as error:
            database.close()
            last = error
        except ArchiveIndexError:
            database.close()
            raise
        else:
            return database
    raise unusable(path, last) from last


def copy_index(index: Path, copy: Path) -> None:
    """
    Copy an index that cannot be opened where it lies, if nobody writes it; leaves nothing if that cannot be.

    Who may not write beside an index can only read it while others do, since reading takes files beside it.

    Parameters
    ----------
    index, copy : `pathlib.Path`
        The databases.
    """
    try:
        before = index.stat()
        shutil.copyfile(index, copy)
        after = index.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or _journal(index).exists():
            raise ArchiveIndexError(f"{index} is being written")
        with closing(_open(copy, "rw")) as database:
            if _is_current(database, copy):
                # The folder may be known by another path to whoever keeps the index beside it.
                database.execute("DELETE FROM about WHERE name = 'root'")
    except (OSError, sqlite3.Error, ArchiveIndexError):
        for path in (copy, _journal(copy)):
            path.unlink(missing_ok=True)


def _journal(index: Path) -> Path:
    return index.with_name(f"{index.name}-wal")


def _open(path: Path, mode: str) -> sqlite3.Connection:
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


def _is_current(database: sqlite3.Connection, path: Path) -> bool:
    """Tell whether the tables are there; complain of tables that are others."""
    if database.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0] == 0:
        return False
    if database.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        raise ArchiveIndexError(f"{path} is a database, but no index of SHARP files. Choose another with --index.")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version != _VERSION:
        raise ArchiveIndexError(
            f"The index {path} was made by another version of sunpy_flarecast (its form is {version}, and {_VERSION} "
            "is needed). Delete it and make it again (sunpy-flarecast index DIRECTORY), or choose another with --index."
        )
    return True


def identity(path: Path) -> tuple[int, int] | None:
    """Tell an index from one that was made in its place later; None if there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def unusable(path: Path, error: sqlite3.Error | None) -> ArchiveIndexError:
    """Say what is wrong with an index, and what to do."""
    reason = str(error).strip()
    advice = "Choose another place with --index, on a local disk where this user may write."
    if isinstance(error, sqlite3.DatabaseError) and "not a database" in reason:
        advice = "It is another file, or broken. Delete it if it was an index, or choose another with --index."
    elif "full" in reason:
        advice = "Free the disk, or choose another place with --index; what is written is kept."
    elif "malformed" in reason:
        advice = "It is broken. Delete it and make it again: sunpy-flarecast index DIRECTORY"
    return ArchiveIndexError(f"The index {path} cannot be used: {reason}. {advice}")


def _statements(text: str) -> list[str]:
    """Split a script, so that it can be run in a transaction, which `executescript` ends."""
    statements: list[str] = []
    begun = ""
    for line in text.splitlines():
        begun += f"{line}\n"
        if sqlite3.complete_statement(begun):
            statements.append(begun)
            begun = ""
    return statements
