"""The records of one series of a `DirectoryArchive`, in memory: by number, and by time."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from sunpy_flarecast.trec import slot_time

from .instants import read_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from .base import Record

__all__ = ["FIRST_MADE", "Held", "Shelf", "made_recnum"]

#: Record numbers made here begin above all that JSOC gives.
FIRST_MADE: Final = 10**12

#: More than there are slots until the year 2220.
_SLOTS: Final = 10**7

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def made_recnum(harpnum: int, slot: int) -> int:
    """
    Make a number for a record that no header numbers: always the same, unique in a series, beyond JSOC's numbers.

    Examples
    --------
    >>> from sunpy_flarecast.archive.shelf import made_recnum
    >>> made_recnum(6178, 1005598)
    1061781005598
    """
    return FIRST_MADE + harpnum * _SLOTS + slot


class Held(msgspec.Struct, frozen=True):
    """
    A record and its files.

    Parameters
    ----------
    record : Record
        As it is listed.
    files : tuple of str
        Paths below the root, in the order of the record's segments.
    source : int or None
        Which of them has the keywords; None if all are bare.
    """

    record: Record
    files: tuple[str, ...]
    source: int | None


class Shelf:
    """
    The records of one series.

    Parameters
    ----------
    held : sequence of Held
        By T_REC and HARP number, both of which are known.
    names : tuple of str
        Names of the keywords that records of this series have.
    """

    def __init__(self, held: Sequence[Held], names: tuple[str, ...]) -> None:
        self.names = names
        self._held = held
        self._by_recnum = {one.record.recnum: one for one in held}
        self._observed = _observed([one.record for one in held])

    def __len__(self) -> int:
        return len(self._held)

    def find(self, recnum: int) -> Held | None:
        """
        Find a record by its number.

        Parameters
        ----------
        recnum : int
            Record number.
        """
        return self._by_recnum.get(recnum)

    def between(self, start: datetime, end: datetime) -> Iterator[Record]:
        """
        List the records observed in a range of time, ends included.

        Parameters
        ----------
        start, end : `datetime.datetime`
            With their time zone.
        """
        chosen = (self._observed >= _microseconds(start)) & (self._observed <= _microseconds(end))
        return (self._held[index].record for index in np.flatnonzero(chosen).tolist())


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _observed(records: Sequence[Record]) -> npt.NDArray[np.int64]:
    """Give the times of observation in microseconds since 1970 (UTC), or those of T_REC where they are unknown."""
    slots = np.array([record.t_rec_index for record in records], dtype=np.int64)
    with warnings.catch_warnings():
        # Leap seconds of the far future are unknown, and a T_REC there is nonsense anyway.
        warnings.simplefilter("ignore")
        observed: npt.NDArray[np.int64] = np.rint(slot_time(slots).utc.unix * 1e6).astype(np.int64)
    for index, record in enumerate(records):
        if record.date__obs is not None:
            observed[index] = _microseconds(read_instant(record.date__obs))
    return observed
