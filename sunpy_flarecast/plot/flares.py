"""Flares on a time axis: their times and classes from a table, and marks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import matplotlib.dates as mdates
import numpy as np
from astropy.time import Time
from sunpy.time import parse_time

from sunpy_flarecast.errors import QueryError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Flare", "mark_flares", "read_flares"]

#: Names of the columns of peak times and classes, of the HEK, of NOAA's lists, and those that people choose.
_TIMES: Final = ("event_peaktime", "peak_time", "peaktime", "peak time", "peak", "max", "goes_peak_time", "time")
_CLASSES: Final = ("fl_goescls", "goes_class", "goesclass", "goes class", "class", "flare_class", "magnitude")

#: Colours by the letter of the class.
_COLOURS: Final = {"X": "#b2182b", "M": "#ef8a00", "C": "#c9b200"}
_OTHER: Final = "#9e9e9e"

#: The least distance of the names of two flares, in points.
_APART: Final = 26


class Flare(NamedTuple):
    """
    A flare.

    Parameters
    ----------
    peak : float
        UTC, in days as matplotlib counts them.
    size : str
        GOES class, such as ``"M1.2"``; empty if it is not known.
    """

    peak: float
    size: str


def read_flares(table: Any) -> list[Flare]:
    """
    Take the flares from a table; those without a peak time are left out.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With a column of peak times (UTC, if they have no scale) and one of GOES classes.

    Returns
    -------
    list of Flare

    Raises
    ------
    QueryError
        If there are no such columns, or times that cannot be read.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from sunpy_flarecast.plot.flares import read_flares
    >>> table = Table({"event_peaktime": ["2014-10-24T21:41"], "fl_goescls": ["X3.1"]})
    >>> read_flares(table)[0].size
    'X3.1'
    """
    columns = {str(name).casefold(): name for name in getattr(table, "colnames", getattr(table, "columns", ()))}
    time = next((columns[name] for name in _TIMES if name in columns), None)
    size = next((columns[name] for name in _CLASSES if name in columns), None)
    if time is None or size is None:
        raise QueryError(
            f"The table of flares has no column of {'peak times' if time is None else 'GOES classes'}; it has "
            f"{', '.join(map(str, columns.values())) or 'none at all'}. Rename the one that holds them to "
            f"{'peak_time' if time is None else 'goes_class'!r}."
        )
    sizes = ["" if np.ma.is_masked(one) or one is None else str(one).strip() for one in table[size]]
    peaks = _peaks(table[time], str(time))
    return [Flare(peak, size) for peak, size in zip(peaks, sizes, strict=True) if np.isfinite(peak)]


def _peaks(column: Any, name: str) -> list[float]:
    peaks = []
    for value in column:
        if np.ma.is_masked(value) or value is None or (isinstance(value, str) and not value.strip()):
            peaks.append(np.nan)
            continue
        try:
            time = value if isinstance(value, Time) else parse_time(value)
        except (ValueError, TypeError) as error:
            raise QueryError(
                f"The table of flares has {str(value)!r} in its column {name!r}, which is no time; write "
                "'2014-10-24T21:41'."
            ) from error
        peaks.append(float(mdates.date2num(time.utc.to_datetime(leap_second_strict="silent"))))
    return peaks


def mark_flares(axes: Axes, flares: list[Flare], *, named: bool = True) -> None:
    """
    Draw a vertical line for each flare within the limits of the axes.

    Parameters
    ----------
    axes : `matplotlib.axes.Axes`
        With time as x, and its limits set.
    flares : list of Flare
        Any.
    named : bool
        Write the classes above the axes, those of the greatest flares first; names that would cover another are left
        out.
    """
    first, last = axes.get_xlim()
    within = sorted((flare for flare in flares if first <= flare.peak <= last), key=_strength, reverse=True)
    for flare in within:
        axes.axvline(flare.peak, color=_colour(flare), lw=0.9, ls="--", alpha=0.85, zorder=1, gid=f"flare {flare.size}")
    if not named:
        return
    width = axes.get_window_extent().width / axes.figure.dpi * 72
    taken: list[float] = []
    for flare in within:
        place = (flare.peak - first) / (last - first) * width
        if flare.size and all(abs(place - other) >= _APART for other in taken):
            taken.append(place)
            axes.annotate(flare.size, (flare.peak, 1), (0, 2), xycoords=("data", "axes fraction"), color=_colour(flare),
                          textcoords="offset points", ha="center", va="bottom", fontsize=8)  # fmt: skip


def _strength(flare: Flare) -> tuple[int, float]:
    letters = "ABCMX"
    try:
        return letters.find(flare.size[:1].upper()), float(flare.size[1:] or 0)
    except ValueError:
        return -1, 0.0


def _colour(flare: Flare) -> str:
    return _COLOURS.get(flare.size[:1].upper(), _OTHER)
