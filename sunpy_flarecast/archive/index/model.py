"""Types shared by the modules of the index, the report of a run, and conversions of times and names to numbers."""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from sunpy_flarecast.sharp.t_rec import slot_time
from sunpy_flarecast.utils.reports import counted

from .edition import Edition
from .file_names import Place  # noqa: TC001 (msgspec reads the annotations)

__all__ = [
    "EPOCH",
    "SLOT",
    "FileFacts",
    "IndexReport",
    "LastRun",
    "Progress",
    "Row",
    "Version",
    "is_table",
    "microseconds",
    "stable_id",
    "t_rec_utc",
    "version_of",
]

#: Called during an indexing run with the number of files checked so far and the number of all files.
Progress = Callable[[int, int], None]

#: How far a file's time may lag behind the clock, in nanoseconds: where times have a resolution of 1 or 2 s, and where
#: it is finer (Linux takes them from a clock that ticks every 10 ms or less).
_COARSE_GRAIN: Final = 3_000_000_000
_FINE_GRAIN: Final = 50_000_000

_SECOND: Final = 1_000_000_000

_TABLE_NAMES: Final = ("keywords.ecsv", "keywords.csv", "keywords.parquet")

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

#: Slot 0 and the length of a slot in microseconds, as if TAI were UTC.
EPOCH: Final = (datetime(1993, 1, 1, tzinfo=UTC) - _UNIX) // _MICROSECOND
SLOT: Final = 720_000_000


class Version(NamedTuple):
    """Size and times of a file, which differ between versions of its content."""

    size: int  # -1 for a file that cannot be accessed
    mtime_ns: int
    ctime_ns: int  # 0 if a later change could leave the times unaltered

    @property
    def settled(self) -> bool:
        """Whether any later change will alter the times."""
        return self.ctime_ns != 0


class Row(msgspec.Struct, frozen=True):
    """A row of a keyword table: a record and its keywords by their DRMS names in lower case."""

    series: str | None  # None: the series of the files beside and below the table
    harpnum: int
    slot: int
    keywords: dict[str, Any]


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts read from a file."""

    folder: str  # relative to the root, with slashes
    name: str
    version: Version
    fault: str | None = None  # why it cannot be served
    place: Place | None = None
    full: bool = False  # whether its header has the keywords of the record
    edition: Edition = Edition()
    keywords: dict[str, Any] | None = None  # None if they are known from another file of the record
    rows: tuple[Row, ...] = ()  # of a keyword table


class LastRun(msgspec.Struct, frozen=True):
    """When the last complete indexing run ended, and its duration in seconds."""

    time: datetime
    seconds: float


class IndexReport(msgspec.Struct, kw_only=True):
    """
    The result of an indexing run.

    Parameters
    ----------
    files : int
        Number of FITS files and keyword tables in the folder.
    unchanged, new, changed : int
        How many of them were unchanged, new or changed since the last run.
    removed : int
        Number of files removed since the last run.
    faulty : int
        Number of files and folders that cannot be served, found in this run or an earlier one.
    faults : tuple of str
        Their paths and the reasons.
    records : int
        Number of records in the index.
    bare : int
        Number of records that have no keywords other than those in their file names.
    seconds : float
        Duration of the run.

    Examples
    --------
    >>> from sunpy_flarecast.archive.index import IndexReport
    >>> print(IndexReport(files=31, new=31, records=1, seconds=0.25))
    1 record in 31 files (31 new) after 0.2 s
    """

    files: int = 0
    unchanged: int = 0
    new: int = 0
    changed: int = 0
    removed: int = 0
    faulty: int = 0
    faults: tuple[str, ...] = ()
    records: int = 0
    bare: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        counts = {"new": self.new, "changed": self.changed, "removed": self.removed, "unchanged": self.unchanged}
        found = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count) or "nothing new"
        text = (
            f"{counted(self.records, 'record')} in {counted(self.files, 'file')} ({found}) after {self.seconds:.1f} s"
        )
        if self.bare:
            text += (
                f"; {counted(self.bare, 'record')} {'has' if self.bare == 1 else 'have'} no keywords (a table "
                "keywords.ecsv beside the files can supply them)"
            )
        if self.faulty:
            text += f"; {counted(self.faulty, 'file')} cannot be served:"
            text += "".join(f"\n  {fault}" for fault in self.faults)
        return text


def is_table(name: str) -> bool:
    """Return whether a file is a keyword table, by its name."""
    return name in _TABLE_NAMES or name.endswith(tuple(f".{table}" for table in _TABLE_NAMES))


def version_of(stat: os.stat_result) -> Version:
    """Return the version of a file, whose ``stat`` was taken just now."""
    # On Windows, ctime is the time of creation; elsewhere every change alters it, while mtime may be set at will.
    newest = max(stat.st_mtime_ns, stat.st_ctime_ns) if os.name == "nt" else stat.st_ctime_ns
    grain = _FINE_GRAIN if newest % _SECOND else _COARSE_GRAIN
    recent = time.time_ns() - newest < grain
    return Version(stat.st_size, stat.st_mtime_ns, 0 if recent else stat.st_ctime_ns)


def microseconds(instant: datetime) -> int:
    """Return an instant in microseconds since 1970 UTC."""
    return (instant - _UNIX) // _MICROSECOND


@lru_cache(1024)
def t_rec_utc(slot: int) -> int:
    """Return the time of a slot in microseconds since 1970 UTC."""
    with warnings.catch_warnings():
        # Ignore warnings about unknown leap seconds in the far future; such a T_REC is meaningless anyway.
        warnings.simplefilter("ignore")
        return round(float(slot_time(slot).utc.unix) * 1e6)


def stable_id(text: str) -> int:
    """Derive a 62-bit id from a text, the same in every index."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 2
