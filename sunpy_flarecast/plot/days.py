"""Days with records: a cell for each day, in rows of a year or a month. Needs only matplotlib."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["calendar_of_days", "calendar_rows"]

#: Rows are years, not months, beyond this number of days.
_LONG: Final = 100

#: Width of the figure, height of a row and of the rest, in inches.
_WIDTH: Final = 10.0
_ROW: Final = 0.24
_FRAME: Final = 0.75

_NONE: Final = "#dfe3e7"


def calendar_of_days(counts: Mapping[date, int]) -> Figure:
    """
    Draw the number of records of each day; at least one must be positive.

    The figure is not managed by pyplot, so that it can be made in any thread.
    """
    labels, cells = calendar_rows(counts)
    figure = Figure(figsize=(_WIDTH, _FRAME + _ROW * len(labels)), layout="constrained")
    axes = figure.add_subplot()
    colours = ListedColormap(mpl.colormaps["Blues"](np.linspace(0.6, 1, 256))).with_extremes(under=_NONE, bad="none")
    number = cells.shape[1]
    image = axes.imshow(
        cells, cmap=colours, vmin=1, vmax=max(np.nanmax(cells), 2), aspect="auto", interpolation="none",
        extent=(0, number, len(labels), 0),
    )  # fmt: skip
    if number > 31:
        starts = [date(2000, month, 1).timetuple().tm_yday - 1 for month in range(1, 13)]
        axes.set_xticks(starts, calendar.month_abbr[1:], ha="left")
    else:
        axes.set_xticks(np.arange(0, 31, 5) + 0.5, [str(day) for day in range(1, 32, 5)])
    axes.set_yticks(np.arange(len(labels)) + 0.5, labels)
    axes.set_yticks(range(1, len(labels)), minor=True)
    axes.grid(axis="y", which="minor", color="white", lw=2)
    axes.tick_params(which="both", length=0, labelsize=8)
    axes.spines[:].set_visible(False)
    whole = MaxNLocator(integer=True)
    bar = figure.colorbar(image, extend="min", extendfrac="auto", pad=0.01, fraction=0.03, aspect=12, ticks=whole)
    bar.set_label("records per day", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    return figure


def calendar_rows(counts: Mapping[date, int]) -> tuple[list[str], Any]:
    """
    Arrange days in rows of a year, or of a month if they are few; successive periods without records share a row.

    Returns the labels of the rows, and the cells: NaN before the first day, after the last, and where there is no day.
    """
    held = sorted(day for day, count in counts.items() if count > 0)
    yearly = (held[-1] - held[0]).days > _LONG

    def period(day: date) -> int:
        return day.year if yearly else day.year * 12 + day.month - 1

    def start(number: int) -> date:
        return date(number, 1, 1) if yearly else date(number // 12, number % 12 + 1, 1)

    periods = sorted({period(day) for day in held})
    rows = [(periods[0], periods[0])]
    for before, after in pairwise(periods):
        rows += [(before + 1, after - 1)] * (after - before > 1) + [(after, after)]
    labels = ["–".join(str(start(number))[: 4 if yearly else 7] for number in sorted(set(row))) for row in rows]
    cells = np.full((len(rows), 366 if yearly else 31), np.nan)
    for row, (first, last) in enumerate(rows):
        begin = start(first)
        for place in range(max((held[0] - begin).days, 0), min((held[-1] - begin).days + 1, cells.shape[1])):
            day = begin + timedelta(days=place)
            if first <= period(day) <= last:
                cells[row, place] = counts.get(day, 0)
    return labels, cells
