"""Parse the cells of flare tables: times, NOAA numbers, positions and plain text."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import numpy as np
from astropy.time import Time
from sunpy.time import parse_time

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.times import read_times, utc_dates
from sunpy_flarecast.sharp.values import is_missing

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["degrees_of", "full_numbers", "later", "numbers_of", "positions_of", "texts_of", "times_of"]

#: Missing values in flare tables, in addition to those in SHARP headers.
_MISSING: Final = frozenset({"nat", "none", "null", "-", "--", "n/a", "<na>"})

#: A time of day, with the letters that SWPC adds to uncertain times.
_TIME_OF_DAY: Final = re.compile(r"[A-Z]?(\d{1,2}):?(\d\d)(?::(\d\d)(?:\.0*)?)?[A-Z]?", re.ASCII)
_NO_TIME_OF_DAY: Final = re.compile(r"[/\s9-]*", re.ASCII)
_DIGITS: Final = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)

_NOAA: Final = re.compile(r"(?:NOAA|AR|\s)*(\d+)(?:\.0*)?", re.ASCII | re.IGNORECASE)
_POSITION: Final = re.compile(r"([NS])(\d\d)([EW])(\d\d\d?)", re.ASCII | re.IGNORECASE)

#: NOAA reached region number 10000 on this day; lists continue with the last four digits.
_FIVE_DIGITS: Final = np.datetime64("2002-06-14", "us")

_DAY: Final = np.timedelta64(86_400_000_000, "us")
_NAT: Final = np.datetime64("NaT", "us")


def texts_of(column: Any) -> list[str]:
    """Convert a column of astropy, numpy or pandas to text; missing values become empty."""
    return ["" if _is_missing(value) else str(value).strip() for value in column]


def _is_missing(value: Any) -> bool:
    if value is None or np.any(getattr(value, "mask", False)):
        return True
    if isinstance(value, str):
        return is_missing(value) or value.strip().casefold() in _MISSING
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA
        return True


def times_of(column: Any, name: str, dates: Any = None) -> npt.NDArray[np.datetime64]:
    """Parse a column of times (UTC unless they have a scale), or times of day on ``dates``; NaT where missing."""
    if isinstance(column, Time):
        return utc_dates(column.reshape(-1))
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    if kind == "M" and not hasattr(column, "mask"):
        return np.asarray(column).astype("datetime64[us]")
    if dates is not None:
        texts = [_padded(text) for text in texts_of(column)]
        if all(_TIME_OF_DAY.fullmatch(text) or _NO_TIME_OF_DAY.fullmatch(text) for text in texts):
            return _times_of_day(texts, times_of([_iso(text) for text in texts_of(dates)], "date"), name)
    texts = [_time_text(value) for value in column]
    times = read_times(texts)
    for row in np.flatnonzero(np.isnat(times)).tolist():
        if texts[row]:
            times[row] = _parse_time(texts[row], name)
    return times


def _time_text(value: Any) -> str:
    """Return a time as text, in UTC for an astropy time."""
    if _is_missing(value):
        return ""
    if isinstance(value, Time):
        return f"{utc_dates(value.reshape(1))[0]}"
    return value.isoformat() if isinstance(value, datetime) else str(value).strip()


def _parse_time(text: str, name: str) -> np.datetime64:
    try:
        if _TIME_OF_DAY.fullmatch(text) or not re.search(r"\D", text):
            raise ValueError("a number is not a time")
        return np.datetime64(utc_dates(parse_time(text).reshape(1))[0])
    except (ValueError, TypeError) as error:
        hint = ", or add a column 'date' for times of day" if _TIME_OF_DAY.fullmatch(text) else ""
        raise QueryError(
            f"Cannot parse the time {text!r} in the column {name!r} of the flare table. Write '2014-10-24T21:41'{hint}."
        ) from error


def _padded(text: str) -> str:
    """Restore the leading zeros of a time of day that was read as a number."""
    text = text.removesuffix(".0")
    return text.zfill(4) if text.isdigit() else text


def _iso(text: str) -> str:
    """Convert a date of eight digits, possibly read as a number, to ISO 8601."""
    match = _DIGITS.fullmatch(text.removesuffix(".0"))
    return "-".join(match.groups()) if match else text


def _times_of_day(texts: list[str], dates: npt.NDArray[np.datetime64], name: str) -> npt.NDArray[np.datetime64]:
    seconds = np.zeros(len(texts), dtype=np.int64)
    missing = np.zeros(len(texts), dtype=bool)
    for row, text in enumerate(texts):
        match = _TIME_OF_DAY.fullmatch(text)
        if match is None or text == "9999":
            missing[row] = True
            continue
        hours, minutes, rest = (int(part or 0) for part in match.groups())
        if hours * 60 + minutes > 24 * 60 or minutes > 59 or rest > 60:
            raise QueryError(
                f"Cannot parse the time of day {text!r} in the column {name!r} of the flare table. Write '2141'."
            )
        seconds[row] = hours * 3600 + minutes * 60 + rest
    times = dates.astype("datetime64[D]").astype("datetime64[us]") + seconds.astype("timedelta64[s]")
    return np.where(missing, _NAT, times)


def later(times: npt.NDArray[np.datetime64], than: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Move times that are before ``than`` to the next day, unless that makes them more than 12 hours later."""
    return np.where((times < than) & (times + _DAY - than < _DAY / 2), times + _DAY, times)


def numbers_of(column: Any, name: str) -> npt.NDArray[np.int64]:
    """Parse NOAA numbers, 0 where missing; raise a `QueryError` for more than five digits."""
    numbers = []
    for text in texts_of(column):
        match = _NOAA.fullmatch(text) if text else None
        if text and (match is None or len(match[1].lstrip("0")) > 5):
            raise QueryError(
                f"{text!r} in the column {name!r} of the flare table is not a NOAA number, which has four or five "
                "digits. Correct it, or leave it empty if the region is unknown."
            )
        numbers.append(int(match[1]) if match else 0)
    return np.array(numbers, dtype=np.int64)


def full_numbers(numbers: npt.NDArray[np.int64], times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """
    Add the fifth digit to four-digit NOAA numbers of flares since June 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_flarecast.flares.cells import full_numbers
    >>> times = np.array(["2014-02-01", "1998-04-01", "2014-02-01"], dtype="datetime64[us]")
    >>> full_numbers(np.array([1967, 8210, 11968]), times).tolist()
    [11967, 8210, 11968]
    """
    return np.where((numbers > 0) & (numbers < 10_000) & (times >= _FIVE_DIGITS), numbers + 10_000, numbers)


def degrees_of(column: Any) -> npt.NDArray[np.float64]:
    """Parse angles in degrees, NaN where missing or invalid."""
    if hasattr(column, "unit") and column.unit is not None and column.unit.is_equivalent(u.deg):
        return np.ma.filled(np.ma.asarray(u.Quantity(column).to_value(u.deg), dtype=float), np.nan)
    result = np.full(len(column), np.nan)
    for row, text in enumerate(texts_of(column)):
        try:
            result[row] = float(text.split()[0]) if text else np.nan
        except ValueError:
            continue
    return result


def positions_of(column: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Parse positions such as ``S12W47`` to longitude and latitude in degrees, NaN where missing."""
    result = np.full((2, len(column)), np.nan)
    for row, text in enumerate(texts_of(column)):
        if match := _POSITION.match(text):
            result[0, row] = float(match[4]) * (1 if match[3] in "Ww" else -1)
            result[1, row] = float(match[2]) * (1 if match[1] in "Nn" else -1)
    return result[0], result[1]
