"""UTC times: conversion between text in ISO 8601, datetimes, numpy's dates and astropy's times."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import erfa
import numpy as np
from astropy.time import Time

from sunpy_flarecast.utils.masked import unmasked

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["read_instant", "read_times", "utc_dates", "utc_datetime64", "utc_time"]

#: ISO 8601: a leap second, and a ``+`` that was not percent-encoded in a URL, which arrives as a space.
_LEAP_SECOND: Final = re.compile(r"(?<=:\d\d):60(?!\d)", re.ASCII)
_BARE_PLUS: Final = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)", re.ASCII)

#: Lines with times that numpy parses correctly; it misreads some other forms.
_PLAIN: Final = re.compile(r"(?:(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,18})?Z?)?\n)*", re.ASCII)

#: The Julian date of MJD 0, and the MJD of numpy's epoch.
_MJD_ZERO: Final = 2400000.5
_UNIX_MJD: Final = 40587

#: Maximum number of characters of a time; parsing longer text is slow.
_LONGEST: Final = 100

_DAY: Final = 86_400_000_000  # microseconds
_SECOND: Final = 1_000_000


def read_instant(text: str) -> datetime:
    """
    Parse an instant in ISO 8601, UTC if it has no offset; a leap second becomes the second after it.

    Raises ValueError for any other text, and for years that do not have four digits.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.times import read_instant
    >>> read_instant("2016-12-31T23:59:60Z").isoformat(), read_instant("2015-12-11T01:00:00.5+01:00").isoformat()
    ('2017-01-01T00:00:00+00:00', '2015-12-11T00:00:00.500000+00:00')
    """
    text = text.strip()
    if "T" in text:
        text = _BARE_PLUS.sub("+", text)
    text, leaps = _LEAP_SECOND.subn(":59", text)
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC) + timedelta(seconds=min(leaps, 1))
    except OverflowError as error:
        raise ValueError(f"{text!r} is outside the calendar") from error


def read_times(texts: Sequence[str | None]) -> npt.NDArray[np.datetime64]:
    """
    Parse times in UTC: all at once in the form that services use, else one by one in any form that astropy reads.

    Missing and unreadable times are NaT.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.times import read_times
    >>> read_times(["2015-12-11T23:34:08.799999Z", None, "2015-12-11"]).astype(str).tolist()
    ['2015-12-11T23:34:08.799999', 'NaT', '2015-12-11T00:00:00.000000']
    """
    lines = "\n".join([text or "" for text in texts]) + "\n"
    if _PLAIN.fullmatch(lines) and lines.count("\n") == len(texts):
        try:
            return np.array(lines.replace("Z", "").split("\n")[:-1], dtype="datetime64[us]")
        except ValueError:
            pass
    return np.array([_time(text) for text in texts], dtype="datetime64[us]")


def _time(text: str | None) -> np.datetime64:
    try:
        return utc_datetime64(text) if text and len(text) <= _LONGEST else np.datetime64("NaT", "us")
    except (ValueError, OverflowError):
        return np.datetime64("NaT", "us")


def utc_datetime64(text: str) -> np.datetime64:
    """Parse a time in ISO 8601 or any form that astropy reads."""
    try:
        time = read_instant(text)
    except ValueError:
        time = Time(text.strip().removesuffix("Z"), scale="utc").to_datetime()
    return np.datetime64(time.replace(tzinfo=None), "us")


def utc_time(dates: npt.NDArray[np.datetime64]) -> Time:
    """
    Convert dates to times in UTC with the format ``iso``, masked where a date is NaT.

    `~astropy.time.Time` itself converts them through text, which is thirty times slower.
    """
    missing = np.isnat(dates)
    micros = np.where(missing, 0, dates.astype(np.int64))
    day, rest = np.divmod(micros, _DAY)
    mjd = day + _UNIX_MJD
    times = Time(mjd.astype(float), rest / _lengths(mjd), format="mjd", scale="utc").replicate("iso")
    if missing.any():
        times[missing] = np.ma.masked
    return times


def utc_dates(times: Time) -> npt.NDArray[np.datetime64]:
    """Convert times of any scale to dates in UTC, NaT where masked; a leap second becomes the second after it."""
    utc = times.utc
    missing = np.broadcast_to(times.mask, times.shape)
    first, second = (np.where(missing, _MJD_ZERO, unmasked(part)) for part in (utc.jd1, utc.jd2))
    first -= _MJD_ZERO
    mjd = np.floor(first + second).astype(np.int64)
    rest = np.rint(((first - mjd) + second) * _lengths(mjd)).astype(np.int64)
    dates: npt.NDArray[np.datetime64] = ((mjd - _UNIX_MJD) * _DAY + rest).astype("datetime64[us]")
    dates[missing] = np.datetime64("NaT", "us")
    return dates


def _lengths(mjd: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the lengths of days in microseconds, leap seconds included."""
    table = erfa.leap_seconds.get()
    months = (12 * (table["year"] - 1970) + table["month"] - 1).astype("datetime64[M]")
    steps = months[months > np.datetime64("1972-01")].astype("datetime64[D]").astype(np.int64) + _UNIX_MJD
    return np.where(np.isin(mjd + 1, steps), _DAY + _SECOND, _DAY)
