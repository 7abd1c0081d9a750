"""Flares on a time axis: their times and classes from a table, and marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import matplotlib.dates as mdates
import numpy as np

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.flares.cells import texts_of
from sunpy_flarecast.flares.read import columns_of, flare_times

from .colours import COLOURS, GREY

if TYPE_CHECKING:
    import os

    from astropy.table import Table
    from matplotlib.axes import Axes

__all__ = ["Flare", "class_looks", "mark_flares", "read_flares"]

#: Looks of the lines by the letter of the class.
_LOOKS: Final[dict[str, dict[str, Any]]] = {
    "X": {"color": COLOURS[1], "ls": "-", "lw": 1.6},
    "M": {"color": COLOURS[3], "ls": "--", "lw": 1.3},
    "C": {"color": COLOURS[2], "ls": "-.", "lw": 1.0},
}
_OTHER: Final[dict[str, Any]] = {"color": GREY, "ls": ":", "lw": 1.0}

#: Smallest distance between names of flares in one line and height of a line, in points; largest number of lines.
_APART: Final = 26
_LINE: Final = 10
_LINES: Final = 5


class Flare(NamedTuple):
    """A flare: its peak in UTC, in days as matplotlib counts them, and its GOES class; empty if unknown."""

    peak: float
    size: str


def read_flares(table: Table | str | os.PathLike[str] | list[Flare]) -> list[Flare]:
    """
    Read flares from a table; those without a peak time are left out.

    Parameters
    ----------
    table : `~astropy.table.Table`, path-like, or list of Flare
        A table, or a file of one that astropy can read, with a column of peak times (UTC, if they have no scale) and
        one of GOES classes.

    Returns
    -------
    list of Flare

    Raises
    ------
    QueryError
        If the file or a time cannot be read, or a column is missing.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from sunpy_flarecast.plot.flares import read_flares
    >>> table = Table({"event_peaktime": ["2014-10-24T21:41"], "fl_goescls": ["X3.1"]})
    >>> read_flares(table)[0].size
    'X3.1'
    """
    if isinstance(table, list) and all(isinstance(one, Flare) for one in table):
        return table
    found = columns_of(table)
    for what, words in (("peak", "peak times"), ("class", "GOES classes")):
        if what not in found:
            raise QueryError(
                f"The table of flares has no column of {words}; it has "
                f"{', '.join(map(str, found.names)) or 'no columns'}. Rename the one that holds them to "
                f"{'peak_time' if what == 'peak' else 'goes_class'!r}."
            )
    peaks = flare_times(found)["peak"]
    days = mdates.date2num(peaks)
    sizes = texts_of(found["class"])
    return [Flare(day, size) for day, size in zip(days.tolist(), sizes, strict=True) if np.isfinite(day)]


def mark_flares(axes: Axes, flares: list[Flare], *, named: bool = True) -> list[Flare]:
    """
    Draw a vertical line for each flare within the limits of the axes; return those for whose names there is no room.

    Names are written above the axes, in several lines where they are near one another, the greatest flares first.
    """
    first, last = axes.get_xlim()
    within = sorted((flare for flare in flares if first <= flare.peak <= last), key=_strength, reverse=True)
    for flare in within:
        name = f"_flare {flare.size}"
        axes.axvline(flare.peak, zorder=1, label=name, **_look(flare))
    if not named:
        return []
    width = axes.get_window_extent().width / axes.figure.figure.dpi * 72
    lines: list[list[float]] = [[] for _ in range(_LINES)]
    left_out = []
    for flare in within:
        if not flare.size:
            continue
        place = (flare.peak - first) / (last - first) * width
        free = (line for line, taken in enumerate(lines) if all(abs(place - other) >= _APART for other in taken))
        line = next(free, None)
        if line is None:
            left_out.append(flare)
            continue
        lines[line].append(place)
        axes.annotate(
            flare.size, (flare.peak, 1), (0, 2 + line * _LINE), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", va="bottom", fontsize=8,
        )  # fmt: skip
    return left_out


def class_looks(flares: list[Flare]) -> dict[str, dict[str, Any]]:
    """Map the letters of the classes of flares, the greatest first, to the looks of their lines."""
    letters = {flare.size[:1].upper() for flare in flares if flare.size}
    return {letter: _LOOKS.get(letter, _OTHER) for letter in "XMCBA" if letter in letters}


def _strength(flare: Flare) -> tuple[int, float]:
    letters = "ABCMX"
    try:
        return letters.find(flare.size[:1].upper()), float(flare.size[1:] or 0)
    except ValueError:
        return -1, 0.0


def _look(flare: Flare) -> dict[str, Any]:
    return _LOOKS.get(flare.size[:1].upper(), _OTHER)
