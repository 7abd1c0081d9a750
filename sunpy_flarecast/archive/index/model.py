"""What the index is made from: `FileFacts`, which reading gives and writing takes, and the `Version` of a file."""

from __future__ import annotations

import os
import time
from typing import Any, Final, NamedTuple

import msgspec

from .file_names import Place  # noqa: TC001 (msgspec reads the annotations)

__all__ = ["FileFacts", "Row", "Version", "is_table", "version_of"]

#: How a time that is kept in whole seconds, or in steps of two, may lag behind, and one that is kept finely (Linux
#: takes it from a clock that ticks every 10 ms or less); in nanoseconds.
_COARSE_GRAIN: Final = 3_000_000_000
_FINE_GRAIN: Final = 50_000_000

_SECOND: Final = 1_000_000_000

_TABLE_ENDS: Final = ("keywords.ecsv", "keywords.csv", "keywords.parquet")


class Version(NamedTuple):
    """
    What tells one content of a file from another.

    Parameters
    ----------
    size : int
        In bytes; -1 for a file that cannot be looked at.
    mtime_ns, ctime_ns : int
        Times of its last changes; ctime_ns is 0 if it may have changed after it was looked at and before the clock of
        the file system went on.
    """

    size: int
    mtime_ns: int
    ctime_ns: int

    @property
    def settled(self) -> bool:
        """Whether a later change will show."""
        return self.ctime_ns != 0


class Row(msgspec.Struct, frozen=True):
    """
    A row of a keyword table.

    Parameters
    ----------
    series : str or None
        None if the table has no such column; the row is then for the series of the files beside and below it.
    harpnum, slot : int
        The record.
    keywords : dict
        By DRMS names in lower case, as JSON has them.
    """

    series: str | None
    harpnum: int
    slot: int
    keywords: dict[str, Any]


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """
    What there is to know of a file.

    Parameters
    ----------
    folder : str
        Below the root, with slashes; empty for the root.
    name : str
        Its name there.
    version : Version
        What was read.
    fault : str, optional
        Why it cannot be served.
    place : Place, optional
        The record and segment, of a file that can be served.
    full : bool, optional
        Whether its header has the keywords of the record.
    keywords : dict, optional
        Those keywords, unless another file that was read with it gives them.
    rows : tuple of Row, optional
        Of a keyword table.

    Examples
    --------
    >>> from sunpy_flarecast.archive.index.model import FileFacts, Version
    >>> FileFacts(folder="", name="a.fits", version=Version(0, 1, 2), fault="It is empty").full
    False
    """

    folder: str
    name: str
    version: Version
    fault: str | None = None
    place: Place | None = None
    full: bool = False
    keywords: dict[str, Any] | None = None
    rows: tuple[Row, ...] = ()


def is_table(name: str) -> bool:
    """
    Whether a file is a keyword table, by its name.

    Examples
    --------
    >>> from sunpy_flarecast.archive.index.model import is_table
    >>> [is_table(name) for name in ("keywords.ecsv", "2015.keywords.csv", "mykeywords.csv", ".a.keywords.csv.tmp")]
    [True, True, False, False]
    """
    return name.endswith(_TABLE_ENDS) and (
        name in _TABLE_ENDS or name.endswith(tuple(f".{end}" for end in _TABLE_ENDS))
    )


def version_of(stat: os.stat_result) -> Version:
    """
    Give the version of a file.

    Parameters
    ----------
    stat : `os.stat_result`
        Taken just now.
    """
    # On Windows, ctime is when the file was made; elsewhere every change shows in it, and mtime may be set at will.
    newest = max(stat.st_mtime_ns, stat.st_ctime_ns) if os.name == "nt" else stat.st_ctime_ns
    grain = _FINE_GRAIN if newest % _SECOND else _COARSE_GRAIN
    young = time.time_ns() - newest < grain
    return Version(stat.st_size, stat.st_mtime_ns, 0 if young else stat.st_ctime_ns)
