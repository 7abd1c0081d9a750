"""What the index is made of: facts of files, rows of tables, numbers of slots and records, and a run's report."""

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

from .edition import Edition
from .file_names import Place  # noqa: TC001 (msgspec reads the annotations)

__all__ = [
    "EPOCH",
    "SLOT",
    "FileFacts",
    "IndexReport",
    "Look",
    "Progress",
    "Row",
    "Version",
    "is_table",
    "lasting_number",
    "microseconds",
    "t_rec_utc",
    "version_of",
]

#: Called during an indexing run with the number of files looked at, and of those that there were when it began.
Progress = Callable[[int, int], None]

#: How far a file's time may lag behind in nanoseconds, where times have whole seconds (or steps of two), and where they
#: are finer: Linux takes them from a clock that ticks every 10 ms or less.
_COARSE_GRAIN: Final = 3_000_000_000
_FINE_GRAIN: Final = 50_000_000

_SECOND: Final = 1_000_000_000

_TABLE_ENDS: Final = ("keywords.ecsv", "keywords.csv", "keywords.parquet")

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

#: Slot 0 and the length of a slot in microseconds, as if TAI were UTC.
EPOCH: Final = (datetime(1993, 1, 1, tzinfo=UTC) - _UNIX) // _MICROSECOND
SLOT: Final = 720_000_000


class Version(NamedTuple):
    """Tells one content of a file from another."""

    size: int  # -1 for a file that cannot be looked at
    mtime_ns: int
    ctime_ns: int  # 0 if another change could have left the same times

    @property
    def settled(self) -> bool:
        """Whether a later change will show."""
        return self.ctime_ns != 0


class Row(msgspec.Struct, frozen=True):
    """A row of a keyword table: a record and its keywords by their DRMS names in lower case."""

    series: str | None  # None for that of the files beside and below the table
    harpnum: int
    slot: int
    keywords: dict[str, Any]


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of a file."""

    folder: str  # below the root, with slashes
    name: str
    version: Version
    fault: str | None = None  # why it cannot be served
    place: Place | None = None
    full: bool = False  # whether its header has the keywords of the record
    edition: Edition = Edition()
    keywords: dict[str, Any] | None = None  # unless another file that was read with it has them
    rows: tuple[Row, ...] = ()  # of a keyword table


class Look(msgspec.Struct, frozen=True):
    """When an indexing run came to its end, and how many seconds it took."""

    time: datetime
    seconds: float


class IndexReport(msgspec.Struct, kw_only=True):
    """
    What an indexing run has done.

    Parameters
    ----------
    files : int
        Files looked at: FITS files and keyword tables.
    unchanged, new, changed, removed : int
        How many of them were as the index knew them, new, changed, or gone (which were not looked at).
    faulty : int
        Files and folders that cannot be served, of this run and of earlier ones.
    faults : tuple of str
        What is wrong with them.
    records : int
        Records in the index now.
    bare : int
        How many of them have no keywords but those in their names.
    seconds : float
        How long it took.

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
        found = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing new"
        text = f"{_count(self.records, 'record')} in {_count(self.files, 'file')} ({found}) after {self.seconds:.1f} s"
        if self.bare:
            text += (
                f"; {_count(self.bare, 'record')} {'has' if self.bare == 1 else 'have'} no keywords, which a table "
                "keywords.ecsv beside the files can supply"
            )
        if self.faulty:
            text += f"; {self.faulty:,} cannot be served:"
            text += "".join(f"\n  {fault}" for fault in self.faults)
        return text


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def is_table(name: str) -> bool:
    """Whether a file is a keyword table, by its name."""
    return name in _TABLE_ENDS or name.endswith(tuple(f".{end}" for end in _TABLE_ENDS))


def version_of(stat: os.stat_result) -> Version:
    """Give the version of a file, whose ``stat`` was taken just now."""
    # On Windows, ctime is when the file was made; elsewhere every change shows in it, and mtime may be set at will.
    newest = max(stat.st_mtime_ns, stat.st_ctime_ns) if os.name == "nt" else stat.st_ctime_ns
    grain = _FINE_GRAIN if newest % _SECOND else _COARSE_GRAIN
    young = time.time_ns() - newest < grain
    return Version(stat.st_size, stat.st_mtime_ns, 0 if young else stat.st_ctime_ns)


def microseconds(instant: datetime) -> int:
    """Give an instant in microseconds since 1970 UTC."""
    return (instant - _UNIX) // _MICROSECOND


@lru_cache(1024)
def t_rec_utc(slot: int) -> int:
    """Give the time of a slot in microseconds since 1970 UTC."""
    with warnings.catch_warnings():
        # Leap seconds of the far future are unknown, and a T_REC there is nonsense anyway.
        warnings.simplefilter("ignore")
        return round(float(slot_time(slot).utc.unix) * 1e6)


def lasting_number(text: str) -> int:
    """Give a number of 62 bits that stands for a text, the same in any index."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 2
