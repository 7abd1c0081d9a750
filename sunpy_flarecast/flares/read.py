"""`read_flares`: one reader for lists of flares from all sources."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sunpy.time import parse_time
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.times import utc_dates
from sunpy_flarecast.utils.reports import counted

from .cells import degrees_of, full_numbers, later, numbers_of, positions_of, texts_of, times_of
from .classes import flux_of_class
from .files import read_table
from .flare_list import FlareList

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from astropy.table import Table
    from astropy.time import Time
    from sunpy.net.fido_factory import UnifiedResponse

__all__ = ["flares_to_mark", "read_flares"]

#: A time range for lists of flares in which the range does not matter.
_ANY_TIME: Final = ("1990-01-01", "2020-01-01")

#: Earlier times stand for unknown ones, such as 1970-01-01 and 0001-01-01.
_FIRST: Final = np.datetime64("1970-01-02", "us")

#: Maximum number of texts that a warning names.
_NAMED: Final = 3

#: Common column names, and those of the HEK, NOAA's lists, SWPC's JSON and the HEC; the first match is used.
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "start": (
        *("event_starttime", "start_time", "starttime", "start", "goes_start_time", "time_start", "begin_time"),
        *("begin", "begintime"),
    ),
    "peak": (
        *("event_peaktime", "peak_time", "peaktime", "peak", "max", "max_time", "maxtime", "goes_peak_time"),
        *("time_peak", "maximum", "time"),
    ),
    "end": ("event_endtime", "end_time", "endtime", "end", "goes_end_time", "time_end"),
    "class": (
        *("fl_goescls", "goes_class", "goesclass", "class", "flare_class", "magnitude", "xray_class", "max_class"),
        "goes_cls",
    ),
    "noaa": (
        *("ar_noaanum", "noaa_ar", "noaa_number", "noaa", "noaa_active_region", "noaa_region", "nar"),
        *("active_region", "ar", "region", "ar_num"),
    ),
    "lon": ("hgs_x", "hgs_lon", "lon", "longitude", "long_hg"),
    "lat": ("hgs_y", "hgs_lat", "lat", "latitude", "lat_hg"),
    "position": ("position_hgs", "hgs_position", "position", "location", "flare_position", "loc"),
    "date": ("date", "event_date", "day"),
    "source": ("frm_name",),
}


def read_flares(
    flares: str | os.PathLike[str] | Table | pd.DataFrame | UnifiedResponse | FlareList,
    columns: Mapping[str, str] | None = None,
    extent: tuple[Time | datetime | str, Time | datetime | str] | None = None,
) -> FlareList:
    """
    Read a list of flares.

    Parameters
    ----------
    flares : path-like, `~astropy.table.Table`, `pandas.DataFrame`, Fido result, or `FlareList`
        NOAA's GOES XRS report (``goes-xrs-report_2014.txt``), a CSV file, a file that astropy can read, a table, or
        the result of a search for ``a.hek.EventType("FL")``. GOES classes are required, and peak or start times; NOAA
        numbers, end times and positions are optional. Times are UTC unless they have a scale. Times of day (``0721``)
        require a column ``date``; a flare may run past midnight. For flares since June 2002, NOAA numbers with four
        digits get their fifth digit.
    columns : dict, optional
        The names of columns that are not recognized, with the keys ``start``, ``peak``, ``end``, ``class``, ``noaa``,
        ``lon``, ``lat`` (Stonyhurst, degrees), ``position`` (``S12W47``), ``date``.
    extent : tuple of time-like, optional
        Start and end of the time range that the list covers (default: from its first to its last flare).

    Returns
    -------
    FlareList

    Raises
    ------
    QueryError
        If the list cannot be read, is empty and has no ``extent``, has no times or classes, has invalid times or NOAA
        numbers, or contains flares from several sources in the HEK.

    Warns
    -----
    SunpyUserWarning
        If classes or positions cannot be parsed; they are treated as unknown. Empty cells give no warning.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from sunpy_flarecast.flares import read_flares
    >>> table = Table({"day": ["20140131"], "from": ["2359"], "max_time": ["0012"], "class": ["M1.1"], "ar": ["1967"]})
    >>> flares = read_flares(table, columns={"start": "from"})
    >>> flares.peak[0], int(flares.noaa[0])
    (np.datetime64('2014-02-01T00:12:00.000000'), 11967)
    """
    if isinstance(flares, FlareList):
        if columns:
            raise QueryError(
                "columns=... is only for tables and files, but a FlareList has been read already. Leave columns out."
            )
        if extent is None:
            return flares
        begin, last = _extent(extent, [])
        return replace(flares, begin=begin, last=last)
    found = _columns_of(flares, columns)
    names = ", ".join(map(str, found.names)) or "no columns"
    for need in (("peak", "start"), ("class",)):
        if not any(name in found for name in need):
            raise QueryError(
                f"The flare table has no column of {'times' if 'peak' in need else 'GOES classes'}; it has {names}. "
                f"Rename the column of {'times' if 'peak' in need else 'classes'} to {need[0]!r}."
            )
    _check_sources(found)
    times = _flare_times(found)
    goes_class = np.array(texts_of(found["class"]), dtype=np.str_)
    count = len(goes_class)
    start, peak, end = (times.get(name, np.full(count, "NaT", "datetime64[us]")) for name in ("start", "peak", "end"))
    moments = np.where(np.isnat(peak), start, peak)
    size = np.array([flux_of_class(text) for text in goes_class.tolist()], dtype=float)
    if count and np.isnat(moments).all():
        raise QueryError(
            "The list of flares has no times: its columns of peak and start times are empty. Use another list."
        )
    if count and np.isnan(size).all():
        raise QueryError(
            f"The column {found.name('class')!r} of the flare table has no GOES class such as 'M1.0'. Rename the "
            "column that has the classes to 'class'."
        )
    _warn_of_texts(
        goes_class[np.isnan(size)].tolist(),
        found.name("class"),
        "a GOES class such as 'M1.0'",
        "Flares of unknown class reach no threshold and make no label positive.",
    )
    noaa = np.zeros(count, dtype=np.int64)
    if "noaa" in found:
        noaa = full_numbers(numbers_of(found["noaa"], found.name("noaa")), moments)
    lon, lat = _positions(found, count)
    if "lon" in found and "lat" in found:
        parsed, wanted = {key: degrees_of(found[key]) for key in ("lon", "lat")}, "an angle in degrees"
    else:
        parsed, wanted = {"position": lon} if "position" in found else {}, "a position such as 'S12W47'"
    for key, degrees in parsed.items():
        _warn_of_texts(
            np.array(texts_of(found[key]), dtype=np.str_)[np.isnan(degrees)].tolist(),
            found.name(key),
            wanted,
            "Flares of unknown position cannot be assigned by position.",
        )
    begin, last = _extent(extent, [start, peak, end])
    kept = _without_duplicates(np.lexsort((noaa == 0, size, start, moments)), start, peak, end, goes_class, noaa)
    return FlareList(
        start=start[kept],
        peak=peak[kept],
        end=end[kept],
        goes_class=goes_class[kept],
        size=size[kept],
        noaa=noaa[kept],
        lon=lon[kept],
        lat=lat[kept],
        begin=begin,
        last=last,
        numbered="noaa" in found,
        repeated=count - len(kept),
    )


def flares_to_mark(flares: Any) -> FlareList:
    """Read a list of flares for a plot; unlike a list for labels, it may be empty."""
    return flares if isinstance(flares, FlareList) else read_flares(flares, extent=_ANY_TIME)


def _warn_of_texts(texts: list[str], column: str, wanted: str, so: str) -> None:
    """Warn of text in a column that is not what is ``wanted``; empty cells are missing values."""
    texts = [text for text in texts if text]
    if not texts:
        return
    named = list(dict.fromkeys(texts))
    some = f"{', '.join(map(repr, named[:_NAMED]))}{', ...' * (len(named) > _NAMED)}"
    warnings.warn(
        f"The column {column!r} has text that is not {wanted} for {counted(len(texts), 'flare')} ({some}). {so} "
        "Correct the cells, or leave them empty.",
        SunpyUserWarning,
        stacklevel=3,
    )


def _without_duplicates(order: npt.NDArray[np.int64], *parts: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Leave out duplicates: NOAA's reports list hundreds of flares twice, in some cases once without a region."""
    seen = set()
    kept = []
    for row, *event, noaa in zip(order.tolist(), *(part[order].tolist() for part in parts), strict=True):
        flare = (*event, noaa)
        if flare in seen or (noaa == 0 and tuple(event) in seen):
            continue
        seen |= {flare, tuple(event)}
        kept.append(row)
    return np.array(kept, dtype=np.int64)


class _Columns(dict[str, Any]):
    """The columns of a table by their meaning; `names` are all column names of the table."""

    def __init__(self, table: Any, places: dict[str, Any]) -> None:
        super().__init__({key: table[name] for key, name in places.items()})
        self.names = list(getattr(table, "columns", table))
        self._places = places

    def name(self, key: str) -> str:
        """Return the name of a column in the table."""
        return str(self._places[key])


def _columns_of(table: Any, columns: Mapping[str, str] | None = None) -> _Columns:
    """Find the columns of a flare table or file, by common names or the names in ``columns``."""
    if columns is not None and not isinstance(columns, Mapping):
        raise QueryError(f"columns={columns!r} is not a dict. Write, for example, columns={{'peak': 'max_time'}}.")
    if isinstance(table, (str, os.PathLike)):
        table = read_table(Path(table).expanduser())
    elif not hasattr(table, "columns"):
        table = _from_fido(table)
    names = {_normalized(name): name for name in getattr(table, "columns", table)}
    places = {key: names[name] for key, usual in _NAMES.items() for name in reversed(usual) if name in names}
    for key, name in (columns or {}).items():
        if key not in _NAMES or _normalized(name) not in names:
            raise QueryError(
                f"columns={{{key!r}: {name!r}}} is invalid: the keys are {', '.join(list(_NAMES)[:-1])}, and the flare "
                f"table has the columns {', '.join(map(str, names.values()))}."
            )
        places[key] = names[_normalized(name)]
    found = _Columns(table, places)
    if deep := [found.name(key) for key, column in found.items() if np.ndim(column) != 1]:
        raise QueryError(f"The column {deep[0]!r} of the flare table has several values per row. Split it.")
    return found


def _normalized(name: Any) -> str:
    return "_".join(str(name).casefold().split())


def _from_fido(result: Any) -> Any:
    """Return the table of a Fido result with a single table."""
    from sunpy.net.fido_factory import UnifiedResponse  # slow; callers with a Fido result have imported it

    if not isinstance(result, UnifiedResponse):
        raise QueryError(
            f"flares={repr(result).partition(chr(10))[0][:60]} is not a flare table. Pass an astropy table, or the "
            "path of a file."
        )
    if len(result) != 1:
        raise QueryError(f"The Fido result has {len(result)} tables. Pass the table of flares, such as result['hek'].")
    return result[0]


def _check_sources(found: _Columns) -> None:
    sources = sorted({text for text in texts_of(found["source"]) if text}) if "source" in found else []
    if len(sources) > 1:
        raise QueryError(
            f"The flares are from {len(sources)} sources in the HEK ({', '.join(sources)}), and each "
            "source may list the same flares. Keep one source, such as flares[flares['frm_name'] == 'SWPC'], or search "
            "with a.hek.FRM.Name == 'SWPC'."
        )


def _flare_times(found: _Columns) -> dict[str, npt.NDArray[np.datetime64]]:
    """Parse the start, peak and end times that the table has."""
    dates = found.get("date")
    times = {key: times_of(found[key], found.name(key), dates) for key in ("start", "peak", "end") if key in found}
    if "start" in times:
        # Full times need this, too: some lists made them from times of day, and gave a peak after midnight the date of
        # the start.
        for key in ("peak", "end"):
            if key in times:
                times[key] = later(times[key], times["start"])
        if "peak" in times and "end" in times:
            # A peak after the end is an error in the list; the start is used instead.
            late = times["peak"] > times["end"]
            if late.any() and (late | np.isnat(times["peak"])).all():
                raise QueryError(
                    f"Every peak in the list of flares is after the end of its flare. Correct the columns "
                    f"{found.name('peak')!r} and {found.name('end')!r}, which may be swapped."
                )
            times["peak"][late] = np.datetime64("NaT", "us")
    return times


def _positions(found: _Columns, count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    lon, lat = np.full((2, count), np.nan)
    if "lon" in found and "lat" in found:
        lon, lat = degrees_of(found["lon"]), degrees_of(found["lat"])
        lon = np.where((lon == 0) & (lat == 0), np.nan, lon)  # zeros are unknown positions in the HEK
    elif "position" in found:
        lon, lat = positions_of(found["position"])
    known = np.isfinite(lon) & (np.abs(lat) <= 90) & (np.abs(lon) <= 180)
    return np.where(known, lon, np.nan), np.where(known, lat, np.nan)


def _extent(extent: tuple[Any, Any] | None, times: list[npt.NDArray[np.datetime64]]) -> tuple[Any, Any]:
    if extent is None:
        known = np.concatenate(times)
        known = known[~np.isnat(known)]
        if not len(known):
            raise QueryError(
                "The list of flares is empty. Use another list, or give the time range that this list covers: "
                "read_flares(flares, extent=(start, end)), or --flares-extent START END of dataset build."
            )
        # With a wrong time, a list would seem to cover nearly all times, and records whose flares are unknown would be
        # labelled negative. Lists of the demo reach into the future, to the end of 2026.
        if known.min() < _FIRST:
            raise QueryError(
                f"The list of flares has the time {known.min()}, before the first GOES classes. Correct it, or leave "
                "the cell empty if the time is unknown."
            )
        if known.max() > np.datetime64(datetime.now(UTC).replace(tzinfo=None)) + np.timedelta64(366, "D"):
            raise QueryError(f"The list of flares has a time in the future, {known.max()}. Correct or remove it.")
        return known.min(), known.max()
    try:
        begin, last = (utc_dates(parse_time(time).reshape(1))[0] for time in extent)
    except (ValueError, TypeError) as error:
        raise QueryError(f"extent={extent!r} is not a pair of times. Write ('2014-01-01', '2015-01-01').") from error
    if begin >= last:
        raise QueryError(
            f"extent={extent!r} (--flares-extent) does not end after its start. Write the earlier time first."
        )
    return begin, last
