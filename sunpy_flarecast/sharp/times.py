"""UTC times of records: from text to numpy's dates, and from these to `~astropy.time.Time` and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import erfa
import numpy as np
from astropy.time import Time

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["read_times", "utc_dates", "utc_datetime64", "utc_time"]

#: Times, a line each, that numpy reads at once; of others it would read some otherwise than they are meant.
_PLAIN: Final = re.compile(r"(?:(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,18})?Z?)?\n)*", re.ASCII)

#: The Julian date from which MJD counts, and the MJD from which numpy counts.
_MJD_ZERO: Final = 2400000.5
_UNIX_MJD: Final = 40587

#: No time is written in more characters; trying those takes long.
_LONGEST: Final = 100

_DAY: Final = 86_400_000_000  # microseconds
_SECOND: Final = 1_000_000


def read_times(texts: Sequence[str | None]) -> npt.NDArray[np.datetime64]:
    """
    Read times in UTC, at once where they are as services write them, and one by one where they are not.

    Parameters
    ----------
    texts : sequence of (str or None)
        ISO 8601, or any form that astropy reads.

    Returns
    -------
    ndarray of datetime64[us]
        NaT for what is missing or cannot be read.

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
    """Read one time, in UTC if it has no offset, in any form of ISO 8601 or that astropy reads."""
    # A leap second has no place in datetime64; the second after it is the nearest that has.
    text, leap = re.subn(r"(?<=:\d\d):60(\.\d*)?(?=Z?$|[+-])", ":59", text.strip())
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = Time(text.removesuffix("Z"), scale="utc").to_datetime()
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(time, "us") + np.timedelta64(leap, "s")


def utc_time(dates: npt.NDArray[np.datetime64]) -> Time:
    """
    Make times of dates; `~astropy.time.Time` itself writes and reads them as text on the way, thirty times slower.

    Parameters
    ----------
    dates : ndarray of datetime64[us]
        UTC.

    Returns
    -------
    `astropy.time.Time`
        UTC, in format ``iso``, masked where a date is NaT.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_flarecast.sharp.times import utc_time
    >>> utc_time(np.array(["2015-12-11T23:34:08.799999"], dtype="datetime64[us]")).isot.tolist()
    ['2015-12-11T23:34:08.800']
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
    """
    Make dates of times; the inverse of `utc_time`.

    Parameters
    ----------
    times : `astropy.time.Time`
        Any scale.

    Returns
    -------
    ndarray of datetime64[us]
        UTC, NaT where a time is masked; a leap second becomes the second after it.
    """
    utc = times.utc
    missing = np.broadcast_to(times.mask, times.shape)
    first, second = (_filled(part, missing) for part in (utc.jd1, utc.jd2))
    first -= _MJD_ZERO
    mjd = np.floor(first + second).astype(np.int64)
    rest = np.rint(((first - mjd) + second) * _lengths(mjd)).astype(np.int64)
    dates = ((mjd - _UNIX_MJD) * _DAY + rest).astype("datetime64[us]")
    dates[missing] = np.datetime64("NaT", "us")
    return dates


def _filled(part: Any, missing: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return np.where(missing, _MJD_ZERO, np.asarray(getattr(part, "unmasked", part)))


def _lengths(mjd: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give the lengths of days in microseconds; those that end with a leap second are longer, to astropy, too."""
    table = erfa.leap_seconds.get()
    months = (12 * (table["year"] - 1970) + table["month"] - 1).astype("datetime64[M]")
    steps = months[months > np.datetime64("1972-01")].astype("datetime64[D]").astype(np.int64) + _UNIX_MJD
    return np.where(np.isin(mjd + 1, steps), _DAY + _SECOND, _DAY)
