"""Flares on a time axis: lines at their peaks, by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib.dates as mdates
import numpy as np
from matplotlib.collections import LineCollection

from .colours import GREY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes

    from sunpy_flarecast.flares import FlareList

__all__ = ["class_looks", "mark_flares", "none_within"]

#: Line styles by the letter of the class, all in grey, which no curve has.
_LOOKS: Final[dict[str, dict[str, Any]]] = {
    "X": {"color": GREY, "ls": "-", "lw": 2.4},
    "M": {"color": GREY, "ls": "--", "lw": 1.6},
    "C": {"color": GREY, "ls": "-.", "lw": 1.1},
}
_OTHER: Final[dict[str, Any]] = {"color": GREY, "ls": ":", "lw": 1.0}

#: Smallest distance between names of flares in one line and height of a line, in points; maximum number of lines.
_APART: Final = 26
_LINE: Final = 10
_LINES: Final = 5


def mark_flares(axes: Axes, flares: FlareList, *, named: bool = True) -> list[str]:
    """
    Draw a vertical line for each flare within the limits of the axes; return the classes left without a label.

    A flare without a peak time is drawn at its start. Classes are written above the axes, in several lines where they
    are near one another, the largest flares first.
    """
    first, last = axes.get_xlim()
    days = mdates.date2num(flares.times("peak"))
    order = np.argsort(-flares.size, kind="stable")  # unknown classes last
    within = [(float(days[one]), str(flares.goes_class[one])) for one in order if first <= days[one] <= last]
    by_letter: dict[str, list[float]] = {}
    for day, name in within:
        by_letter.setdefault(name[:1].upper(), []).append(day)
    for letter, marked in by_letter.items():
        # An artist for each flare would take a millisecond.
        lines = LineCollection(
            [[(day, 0), (day, 1)] for day in marked], transform=axes.get_xaxis_transform(), zorder=1,
            label=f"_flares {letter}", **_LOOKS.get(letter, _OTHER),
        )  # fmt: skip
        axes.add_collection(lines, autolim=False)
    if not named:
        return []
    width = axes.get_window_extent().width / axes.figure.figure.dpi * 72
    rows: list[list[float]] = [[] for _ in range(_LINES)]
    left_out = []
    for day, name in within:
        if not name:
            continue
        place = (day - first) / (last - first) * width
        free = (row for row, taken in enumerate(rows) if all(abs(place - other) >= _APART for other in taken))
        row = next(free, None)
        if row is None:
            left_out.append(name)
            continue
        rows[row].append(place)
        axes.annotate(
            name, (day, 1), (0, 2 + row * _LINE), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", va="bottom", fontsize=8, parse_math=False,
        )  # fmt: skip
    return left_out


def none_within(flares: FlareList, first: float, last: float) -> str:
    """Return a sentence if no flare of a list is between two times of matplotlib, otherwise an empty text."""
    days = mdates.date2num(flares.times("peak"))
    if not len(flares) or ((days >= first) & (days <= last)).any():
        return ""
    begin, end = (f"{mdates.num2date(day):%Y-%m-%dT%H:%M}" for day in (first, last))
    none = "The only flare in the list is not" if len(flares) == 1 else f"None of the {len(flares):,} flares is"
    return f"{none} between {begin} and {end}; no flare is marked."


def class_looks(classes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Map the letters of GOES classes, the largest first, to their line styles."""
    letters = {name[:1].upper() for name in classes}
    return {letter: _LOOKS.get(letter, _OTHER) for letter in "XMCBA" if letter in letters}
