"""T_REC, the time slots of SHARP records: conversion between slot numbers, times and text."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from astropy.time import Time

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["CADENCE", "slot_of", "slot_seconds", "slot_text", "slot_time", "t_rec_text", "text_slot"]

#: Length of a slot in seconds (keyword ``T_REC_step`` of the series).
CADENCE: Final = 720

#: Slot 0, 1993-01-01T00:00:00 TAI (keyword ``T_REC_epoch`` of the series), as calendar date and modified Julian date.
_EPOCH: Final = datetime(1993, 1, 1)  # noqa: DTZ001 (datetime has no TAI)
_EPOCH_MJD: Final = 48988

_SLOTS_A_DAY: Final = 86400 // CADENCE

_TEXT: Final = re.compile(r"(\d{4})\.(\d\d)\.(\d\d)_(\d\d):(\d\d):(\d\d)(?:\.\d+)?_TAI", re.ASCII)


def slot_time(slot: npt.ArrayLike) -> Time:
    """
    Convert slot numbers (``t_rec_index``) to times in TAI.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.t_rec import slot_time
    >>> slot_time(1005598).isot
    '2015-12-11T23:36:00.000'
    """
    day, rest = np.divmod(np.asarray(slot, dtype=np.int64), _SLOTS_A_DAY)
    return Time(day + float(_EPOCH_MJD), rest / _SLOTS_A_DAY, format="mjd", scale="tai").replicate("isot")


def slot_seconds(time: Time) -> float:
    """Return the seconds since slot 0, rounded to microseconds, so that midpoints between slots are exact."""
    return round(float((time.tai - slot_time(0)).to_value("s")), 6)


def slot_of(time: Time) -> Any:
    """
    Convert times of any scale to the numbers of the nearest slots.

    Examples
    --------
    >>> from astropy.time import Time
    >>> from sunpy_flarecast.sharp.t_rec import slot_of
    >>> slot_of(Time("2015-12-11T23:35:24", scale="utc"))
    1005598
    """
    tai = time.tai
    days = (tai.jd1 - 2400000.5 - _EPOCH_MJD) + tai.jd2
    slot = np.rint(days * _SLOTS_A_DAY).astype(np.int64)
    return slot if np.ndim(slot) else int(slot)


def slot_text(slot: int) -> str:
    """
    Write a slot as in the file names of JSOC.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.t_rec import slot_text
    >>> slot_text(1010166)
    '20160119_011200_TAI'
    """
    day, in_day = divmod(slot, _SLOTS_A_DAY)
    hour, minute = divmod(in_day * CADENCE // 60, 60)
    return f"{_date_text(day)}_{hour:02}{minute:02}00_TAI"


def t_rec_text(slot: int) -> str:
    """
    Write a slot as in the keyword ``T_REC``.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.t_rec import t_rec_text
    >>> t_rec_text(1005598)
    '2015.12.11_23:36:00_TAI'
    """
    text = slot_text(slot)
    return f"{text[:4]}.{text[4:6]}.{text[6:8]}_{text[9:11]}:{text[11:13]}:{text[13:]}"


@cache
def _date_text(day: int) -> str:
    return f"{_EPOCH + timedelta(days=int(day)):%Y%m%d}"


@lru_cache(4096)
def text_slot(text: str) -> int | None:
    """
    Parse a ``T_REC`` keyword, with or without a fraction of a second; return None for any other text.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.t_rec import text_slot
    >>> text_slot("2015.12.11_23:36:00.000_TAI")
    1005598
    """
    match = _TEXT.fullmatch(text.strip())
    try:
        # strptime takes ten times longer, which matters for tables of years.
        time = datetime(*map(int, match.groups())) if match else None  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None
    return None if time is None else round((time - _EPOCH) / timedelta(seconds=CADENCE))
