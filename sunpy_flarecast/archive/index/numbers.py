"""What the index has as numbers: slots and instants on one scale, records without a number, and names."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

__all__ = ["EPOCH", "FIRST_MADE", "SLOT", "lasting_number", "made_recnum", "microseconds", "t_rec_utc"]

#: Record numbers made here begin above all that JSOC gives.
FIRST_MADE: Final = 10**12

#: More than there are slots until the year 2220.
_SLOTS: Final = 10**7

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

#: Slot 0 and the length of a slot in microseconds, as if TAI were UTC.
EPOCH: Final = (datetime(1993, 1, 1, tzinfo=UTC) - _UNIX) // _MICROSECOND
SLOT: Final = 720_000_000


def made_recnum(harpnum: int, slot: int) -> int:
    """
    Make a number for a record that no header numbers: always the same, unique in a series, beyond JSOC's numbers.

    Examples
    --------
    >>> from sunpy_flarecast.archive.index.numbers import made_recnum
    >>> made_recnum(6178, 1005598)
    1061781005598
    """
    return FIRST_MADE + harpnum * _SLOTS + slot


def microseconds(instant: datetime) -> int:
    """
    Give an instant in microseconds since 1970 UTC.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from sunpy_flarecast.archive.index.numbers import microseconds
    >>> microseconds(datetime(1970, 1, 2, tzinfo=UTC))
    86400000000
    """
    return (instant - _UNIX) // _MICROSECOND


@lru_cache(1024)
def t_rec_utc(slot: int) -> int:
    """
    Give the time of a slot in microseconds since 1970 UTC.

    Examples
    --------
    >>> from sunpy_flarecast.archive.index.numbers import t_rec_utc
    >>> t_rec_utc(794290) - 1297735200000000  # 2011-02-15T02:00:00, when TAI was 34 s ahead
    -34000000
    """
    import warnings

    from sunpy_flarecast.sharp.t_rec import slot_time

    with warnings.catch_warnings():
        # Leap seconds of the far future are unknown, and a T_REC there is nonsense anyway.
        warnings.simplefilter("ignore")
        return round(float(slot_time(slot).utc.unix) * 1e6)


def lasting_number(text: str) -> int:
    """
    Give a number of 62 bits that stands for a text, in any index.

    Examples
    --------
    >>> from sunpy_flarecast.archive.index.numbers import lasting_number
    >>> lasting_number("hmi.sharp_720s") == lasting_number("hmi.sharp_cea_720s")
    False
    """
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 2
