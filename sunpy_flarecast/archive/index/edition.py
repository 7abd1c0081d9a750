"""Editions of a record: a reprocessed record keeps its HARP number and T_REC, and gets a new record number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sunpy_flarecast.sharp.times import read_instant

from .records import jsoc_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Edition", "edition_of", "newest_of"]

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Edition(NamedTuple):
    """The edition of a record according to the header of a file; None for missing cards."""

    recnum: int | None = None
    date: str | None = None  # when the record was made

    def __str__(self) -> str:
        return f"DATE {self.date}" if self.recnum is None else f"RECNUM {self.recnum}"

    def compare(self, other: Edition) -> int:
        """Return 1 if this is newer than another edition, -1 if it is older, and 0 if they may be the same."""
        # Dates decide only if a number is missing, since the files of one record may have different dates.
        if self.recnum is not None and other.recnum is not None:
            return (self.recnum > other.recnum) - (self.recnum < other.recnum)
        mine, theirs = _instant(self.date), _instant(other.date)
        if _NEVER in (mine, theirs) or abs(mine - theirs) <= timedelta(days=1):
            return 0
        return 1 if mine > theirs else -1


def _instant(date: str | None) -> datetime:
    try:
        return _NEVER if date is None else read_instant(date)
    except ValueError:
        return _NEVER


def newest_of(editions: Sequence[Edition]) -> Edition:
    """Return the edition with the largest record number, unless one without a number is newer than all with numbers."""
    numbered = [edition for edition in editions if edition.recnum is not None]
    last = max(editions, key=lambda edition: _instant(edition.date))
    if all(last.compare(edition) > 0 for edition in numbered):
        return last
    return max(numbered, key=lambda edition: edition.recnum or 0)


def edition_of(cards: Mapping[str, Any]) -> Edition:
    """Read the edition from the cards of a header; without ``RECNUM`` the record number is taken from ``DRMS_ID``."""
    recnum, date = jsoc_number(cards.get("RECNUM")), cards.get("DATE")
    if recnum is None:
        recnum = jsoc_number(str(cards.get("DRMS_ID")).partition(":")[2].partition(":")[0])
    return Edition(recnum, date if isinstance(date, str) else None)
