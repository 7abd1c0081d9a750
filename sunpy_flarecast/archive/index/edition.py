"""Editions of a record: reprocessed, it keeps HARP number and T_REC and gets a new record number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sunpy_flarecast.sharp.times import read_instant

from .records import jsoc_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["Edition", "edition_of"]


class Edition(NamedTuple):
    """What the header of a file says of the edition of its record; None if it says nothing."""

    recnum: int | None = None
    date: str | None = None  # when the record was made

    def __str__(self) -> str:
        return f"DATE {self.date}" if self.recnum is None else f"RECNUM {self.recnum}"

    def compare(self, other: Edition) -> int:
        """
        Return 1 if this is newer than another edition, -1 if it is older, and 0 if they may be the same.

        Dates decide only where a number is missing, since exports of one record may write them differently.

        Examples
        --------
        >>> from sunpy_flarecast.archive.index.edition import Edition
        >>> Edition(5, "2013-12-19").compare(Edition(5, "2015-04-16")), Edition(6).compare(Edition(5))
        (0, 1)
        """
        if self.recnum is not None and other.recnum is not None:
            return (self.recnum > other.recnum) - (self.recnum < other.recnum)
        mine, theirs = _instant(self.date), _instant(other.date)
        return 0 if mine is None or theirs is None else (mine > theirs) - (mine < theirs)


def _instant(date: str | None) -> datetime | None:
    try:
        return None if date is None else read_instant(date)
    except ValueError:
        return None


def edition_of(cards: Mapping[str, Any]) -> Edition:
    """Read the edition from the cards of a header, of which ``DRMS_ID`` has the record number, too."""
    recnum, date = jsoc_number(cards.get("RECNUM")), cards.get("DATE")
    if recnum is None:
        recnum = jsoc_number(str(cards.get("DRMS_ID")).partition(":")[2].partition(":")[0])
    return Edition(recnum, date if isinstance(date, str) else None)
