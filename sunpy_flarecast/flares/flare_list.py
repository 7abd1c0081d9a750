"""`FlareList`: flares as columns of plain arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import astropy.units as u
import numpy as np
from astropy.table import QTable

from sunpy_flarecast.sharp.times import utc_time
from sunpy_flarecast.utils.reports import counted

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["FlareList"]


@dataclass(frozen=True, eq=False, slots=True)
class FlareList:
    """
    Flares sorted by peak time (or start time if there is no peak), and the time range that the list covers.

    Times are UTC; missing times are NaT.

    Parameters
    ----------
    start, peak, end : `numpy.ndarray`
        Times of each flare (``datetime64[us]``).
    goes_class : `numpy.ndarray`
        GOES class; empty if missing.
    size : `numpy.ndarray`
        Peak flux of the class in W/m2; NaN if the class is unknown.
    noaa : `numpy.ndarray`
        Number of the NOAA active region; 0 if missing.
    lon, lat : `numpy.ndarray`
        Stonyhurst longitude (positive to the west) and latitude in degrees; NaN if missing.
    begin, last : `numpy.datetime64`
        First and last time that the list covers; flares outside this range are unknown.
    numbered : bool
        Whether the list has a column of NOAA numbers.
    repeated : int
        Number of duplicate flares that were left out.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from sunpy_flarecast.flares import read_flares
    >>> flares = read_flares(Table({"peak": ["2014-10-24T21:41", "2014-10-25T17:08"], "class": ["X3.1", "X1.0"]}))
    >>> flares
    <FlareList: 2 flares from 2014-10-24T21:41:00 to 2014-10-25T17:08:00>
    >>> flares.times("peak")[0]
    np.datetime64('2014-10-24T21:41:00.000000')
    >>> flares.table()["class"].tolist()
    ['X3.1', 'X1.0']
    """

    start: npt.NDArray[np.datetime64]
    peak: npt.NDArray[np.datetime64]
    end: npt.NDArray[np.datetime64]
    goes_class: npt.NDArray[np.str_]
    size: npt.NDArray[np.float64]
    noaa: npt.NDArray[np.int64]
    lon: npt.NDArray[np.float64]
    lat: npt.NDArray[np.float64]
    begin: np.datetime64
    last: np.datetime64
    numbered: bool = True
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.size)

    def __repr__(self) -> str:
        begin, last = (time.astype("datetime64[s]") for time in (self.begin, self.last))
        return f"<FlareList: {counted(len(self), 'flare')} from {begin} to {last}>"

    def times(self, which: Literal["peak", "start"]) -> npt.NDArray[np.datetime64]:
        """Return the peak (or start) time of each flare; where it is missing, the start (or peak) time."""
        first, second = (self.peak, self.start) if which == "peak" else (self.start, self.peak)
        return np.where(np.isnat(first), second, first)

    @property
    def digest(self) -> str:
        """SHA-256 of the contents as hexadecimal text."""
        result = hashlib.sha256()
        for times in (self.start, self.peak, self.end, np.array([self.begin, self.last])):
            result.update(times.astype("datetime64[us]").astype("<i8").tobytes())
        result.update("\n".join(self.goes_class.tolist()).encode())
        result.update(self.noaa.astype("<i8").tobytes())
        for angles in (self.lon, self.lat):
            result.update(np.nan_to_num(angles, nan=999.0).astype("<f8").tobytes())
        return result.hexdigest()

    def table(self) -> QTable:
        """Return a table with the columns start, peak, end, class, noaa, lon, lat; missing times are masked."""
        columns: dict[str, Any] = {name: utc_time(getattr(self, name)) for name in ("start", "peak", "end")}
        columns |= {"class": self.goes_class, "noaa": self.noaa, "lon": self.lon * u.deg, "lat": self.lat * u.deg}
        return QTable(columns)
