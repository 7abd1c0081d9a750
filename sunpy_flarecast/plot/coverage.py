"""Coverage of a search: a bar for each HARP over time, with its gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import astropy.units as u
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.catalog import step_of
from sunpy_flarecast.sharp.t_rec import CADENCE, slot_time
from sunpy_flarecast.utils.masked import mask_of
from sunpy_flarecast.utils.reports import counted

from .axes import date_axis, pack, titled
from .colours import COLOURS, GREY
from .data import shared_word, steps_of

if TYPE_CHECKING:
    from sunpy_flarecast.table.base import RecordTable

__all__ = ["plot_coverage", "runs"]

_GOOD, _FLAWED = COLOURS[:2]
_MISSING: Final[dict[str, Any]] = {"facecolor": "none", "edgecolor": GREY, "hatch": "///", "lw": 0}

#: Slot 0 and the length of a slot in days, as matplotlib counts them.
_EPOCH: Final = float(mdates.date2num(slot_time(0).to_datetime()))
_SLOT: Final = CADENCE / 86400

#: Width of the figure, height of a row and of the rest, and the maximum height, in inches.
_WIDTH: Final = 11.0
_ROW: Final = 0.2
_FRAME: Final = 1.3
_TALLEST: Final = 16.0

#: More HARPs than this share rows. Height of such a row, with its HARP numbers, and width of a number, in inches.
_MOST_ROWS: Final = 60
_SHARED_ROW: Final = 0.26
_NUMBER_WIDTH: Final = 0.36

#: The part of the range that is left free at its ends.
_FREE: Final = 0.004

#: Minimum width of bars and marks in points, so that single records can be seen.
_THIN: Final = 0.9
_MARK: Final = 1.2


class _Row(NamedTuple):
    """The records of a HARP: its name, their sorted slots, whether their quality is 0, and the slots per time step."""

    name: str
    slots: Any
    good: Any
    every: int


def plot_coverage(results: RecordTable, *, step: u.Quantity | None = None, ax: Axes | None = None) -> Axes:
    """
    Draw the records over time: a row for each HARP.

    If there are many HARPs, several share a row, each labelled with its number. A record is a bar as long as its time
    step, so consecutive records join; in a sampled search each record is a mark. Records whose quality is missing or
    not 0 have another colour and half the height; intervals for which the service did not reply (``results.missing``)
    are hatched.

    Parameters
    ----------
    results : FLARECASTResponse
        The results of a search.
    step : `~astropy.units.Quantity`, optional
        Records further apart than 1.5 times this have a gap between them; others are joined (default: the time step of
        the series).
    ax : `matplotlib.axes.Axes`, optional
        Where to draw; by default a new figure, as high as the number of HARPs requires.

    Returns
    -------
    `matplotlib.axes.Axes`
        Its x axis is T_REC (TAI).

    Raises
    ------
    QueryError
        If there are no records, none has a T_REC, or ``step`` is not a positive time.

    Examples
    --------
    >>> ax = results["flarecast"].plot_coverage()  # doctest: +SKIP
    """
    slots = steps_of(results, "plot_coverage()")
    rows = _rows(results, slots)
    usual = _usual_step(rows)
    every = None if step is None else _as_slots(step)
    left, right = _range(results, slots)
    number_width = (right - left) * _NUMBER_WIDTH / (_WIDTH - 1)
    places = _places(rows, number_width)
    shared, number = len(rows) > _MOST_ROWS, max(places) + 1
    if ax is not None and not isinstance(ax, Axes):
        raise QueryError(
            "plot_coverage(ax=...) needs axes, such as those of plt.subplots(). For a new figure leave ax out."
        )
    if ax is None:
        height = min(_FRAME + (_SHARED_ROW if shared else _ROW) * number, _TALLEST)
        _, ax = plt.subplots(figsize=(_WIDTH, height), layout="constrained")
    for row, place in zip(rows, places, strict=True):
        low, high = (place - 0.05, place + 0.4) if shared else (place - 0.4, place + 0.4)
        for which, colour, top in ((row.good, _GOOD, low), (~row.good, _FLAWED, (low + high) / 2)):
            chosen = row.slots[which]
            if step is None and usual > row.every and chosen.size:
                ax.vlines(_EPOCH + chosen * _SLOT, top, high, colors=colour, lw=_MARK, label=f"_{row.name}")
            elif chosen.size:
                # A record stands for the time step around it.
                bars = [
                    (_day(first - row.every / 2), (last - first + row.every) * _SLOT)
                    for first, last in runs(chosen, every or row.every)
                ]
                ax.broken_barh(bars, (top, high - top), color=colour, lw=_THIN, label=f"_{row.name}")
        if shared:
            begin = _day(row.slots[0])
            late = begin + number_width > right  # it would leave the axes
            ax.text(right if late else max(begin, left), place - 0.05, row.name, fontsize=6.5, va="bottom",
                    ha="right" if late else "left", clip_on=True)  # fmt: skip
    legend = [Patch(color=_GOOD, label="records")]
    if not all(row.good.all() for row in rows):
        legend.append(Patch(color=_FLAWED, label="quality not 0 (half height)"))
    if results.missing:
        for gap in results.missing:
            ends = mdates.date2num([gap.start.tai.to_datetime(), gap.end.tai.to_datetime()])
            ax.axvspan(*ends, zorder=0, **_MISSING)
        legend.append(Patch(**_MISSING, label="no reply"))
    ax.set(xlim=(left, right), ylim=(number - 0.3, -0.7))
    ax.set_yticks([] if shared else range(number), [] if shared else [row.name for row in rows], fontsize=8)
    count = sum(len(row.slots) for row in rows)
    word = shared_word(results["Series"])
    title = f"{counted(len(rows), word)}, {counted(count, 'record')}"
    if count > len(rows):
        title += f", one every {_duration(usual)}"
    if left_out := len(results) - count:
        title += f"; {left_out:,} without T_REC left out"
    _dress(ax, word, titled(title, results.origin), legend)
    return ax


def runs(slots: Any, every: int) -> list[tuple[int, int]]:
    """Join records into runs without a gap longer than 1.5 times ``every``; return the first and last slot of each."""
    slots = np.unique(slots)
    breaks = np.flatnonzero(np.diff(slots) > 1.5 * every)
    return list(zip(slots[[0, *(breaks + 1)]].tolist(), slots[[*breaks, -1]].tolist(), strict=True))


def _day(slot: float) -> float:
    return _EPOCH + float(slot) * _SLOT


def _range(results: RecordTable, slots: Any) -> tuple[float, float]:
    """Return the range of the search if it holds the records, else that of the records."""
    begin, end = _day(slots.min() - 0.5), _day(slots.max() + 0.5)
    asked = mdates.date2num([time.tai.to_datetime() for query in results.queries for time in query.span])
    if len(asked) and asked.min() <= begin + _SLOT and end - _SLOT <= asked.max():
        begin, end = float(asked.min()), float(asked.max())
    margin = max(_FREE * (end - begin), _SLOT / 2)
    return begin - margin, end + margin


def _places(rows: list[_Row], number_width: float) -> list[int]:
    """Place each HARP in a row of its own, or many of them in as few rows as possible with room for their numbers."""
    if len(rows) <= _MOST_ROWS:
        return list(range(len(rows)))
    spans = ((_day(row.slots[0]), _day(row.slots[-1])) for row in rows)
    return pack([(begin, max(end + number_width / 8, begin + number_width)) for begin, end in spans])


def _duration(slots: int) -> str:
    minutes = slots * CADENCE / 60
    if minutes < 120:
        return f"{minutes:g} min"
    return f"{minutes / 60:.3g} h" if minutes <= 48 * 60 else f"{minutes / 1440:.3g} days"


def _rows(results: RecordTable, slots: Any) -> list[_Row]:
    """Collect the records of each HARP of each series, in order of the numbers."""
    series = np.asarray(results["Series"]).astype(str)
    column = results["HARPNUM"]
    numbers = np.ma.MaskedArray(np.ma.getdata(column), mask=mask_of(column)).filled(-1)
    quality = np.ma.asarray(results["Quality"]).filled(-1) if "Quality" in results.colnames else np.zeros(len(results))
    known = np.flatnonzero(~np.ma.getmaskarray(slots))
    order = known[np.lexsort((slots.data[known], numbers[known], series[known]))]
    starts = np.flatnonzero((np.diff(numbers[order]) != 0) | (series[order][1:] != series[order][:-1])) + 1
    several = len(set(series.tolist())) > 1
    found = []
    for where in np.split(order, starts):
        name = "unknown" if numbers[where[0]] == -1 else str(numbers[where[0]])
        if several:
            name = f"{series[where[0]].partition('.')[2] or series[where[0]]} {name}"
        found.append(_Row(name, slots.data[where], quality[where] == 0, step_of(series[where[0]]) // CADENCE))
    return found


def _usual_step(rows: list[_Row]) -> int:
    """Return the usual distance of a HARP's records in slots."""
    steps = np.concatenate([np.diff(np.unique(row.slots)) for row in rows])
    return int(np.median(steps)) if steps.size else 1


def _as_slots(step: Any) -> int:
    try:
        seconds = u.Quantity(step).to_value(u.s)
    except (u.UnitsError, TypeError) as error:
        raise QueryError(f"plot_coverage(step={step!r}): the step is not a time; write 12 * u.min.") from error
    if not seconds > 0:
        raise QueryError(f"plot_coverage(step={step!r}): the step must be positive; write 12 * u.min.")
    return max(round(float(seconds) / CADENCE), 1)


def _dress(ax: Axes, word: str, title: str, legend: list[Patch]) -> None:
    ax.set_ylabel(word)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", alpha=0.3)
    ax.set_axisbelow(True)
    date_axis(ax)
    ax.set_xlabel("T_REC (TAI)")
    ax.set_title(title, fontsize=9, loc="left")
    if len(legend) > 1:
        look: dict[str, Any] = {"ncols": len(legend), "fontsize": 8, "frameon": False}
        ax.legend(handles=legend, loc="lower right", bbox_to_anchor=(1, 1), **look)
