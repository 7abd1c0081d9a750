"""Which records there are: a bar for each HARP over time, with its gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import astropy.units as u
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.t_rec import CADENCE, slot_time
from sunpy_flarecast.utils.masked import mask_of

from .axes import date_axis
from .data import steps_of
from .lanes import pack

if TYPE_CHECKING:
    from sunpy_flarecast.table.base import RecordTable

__all__ = ["Run", "plot_coverage", "runs"]

_GOOD: Final = "#2166ac"
_FLAWED: Final = "#f4a582"
_MISSING: Final = "#bbbbbb"

#: Slot 0 and the length of a slot in days, as matplotlib counts them.
_EPOCH: Final = float(mdates.date2num(slot_time(0).to_datetime()))
_SLOT: Final = CADENCE / 86400

#: Width of the picture, height of a row and of the rest, and the greatest height, in inches.
_WIDTH: Final = 11.0
_ROW: Final = 0.2
_FRAME: Final = 1.3
_TALLEST: Final = 16.0

#: More HARPs than this share rows; such a row is higher, since it also holds their numbers, which are so wide.
_MOST_ROWS: Final = 60
_SHARED_ROW: Final = 0.26
_NUMBER_WIDTH: Final = 0.36

#: How much of the range is left free at its ends, and between HARPs in one row.
_FREE: Final = 0.004

#: Bars and marks are at least so wide, in points, so that single records can be seen.
_THIN: Final = 0.9
_MARK: Final = 1.2


class Run(NamedTuple):
    """
    Records that follow one another without a gap.

    Parameters
    ----------
    first, last : int
        Their first and last slot.
    good : bool
        Whether their quality is 0.
    """

    first: int
    last: int
    good: bool


def plot_coverage(results: RecordTable, *, step: u.Quantity | None = None, ax: Axes | None = None) -> Axes:
    """
    Draw which records there are: a row for each HARP over time.

    Of many HARPs several stand in one row, each with its number. A record is a bar of 12 minutes, so that those without
    a gap join; of a search that took samples each record is a mark. Records whose quality is not 0 (or missing) have
    another colour; intervals that the service did not answer for (``results.missing``) are grey.

    Parameters
    ----------
    results : FLARECASTResponse
        What a search found.
    step : `~astropy.units.Quantity`, optional
        Records further apart than 1.5 times this have a gap between them, others are joined; by default 12 minutes.
    ax : `matplotlib.axes.Axes`, optional
        Where to draw; by default a new figure, as high as there are HARPs.

    Returns
    -------
    `matplotlib.axes.Axes`
        Its x axis is T_REC (TAI).

    Raises
    ------
    QueryError
        If there are no records.

    Examples
    --------
    >>> ax = results["flarecast"].plot_coverage()  # doctest: +SKIP
    """
    slots = steps_of(results, "plot_coverage()")
    known = ~np.ma.getmaskarray(slots)
    groups = _groups(results, known)
    usual = _usual_step([where for _, where in groups], slots)
    every = 1 if step is None else _as_slots(step)
    first, last = _range(results, slots)
    number_width = (last - first) * _NUMBER_WIDTH / (_WIDTH - 1)
    places = _places(groups, slots, number_width)
    shared = len(groups) > _MOST_ROWS
    number = max(places) + 1
    if ax is not None and not isinstance(ax, Axes):
        raise QueryError("plot_coverage(ax=...) needs axes, such as plt.subplots() makes, or none.")
    if ax is None:
        height = min(_FRAME + (_SHARED_ROW if shared else _ROW) * number, _TALLEST)
        _, ax = plt.subplots(figsize=(_WIDTH, height), layout="constrained")
    quality = np.ma.asarray(results["Quality"]).filled(-1) if "Quality" in results.colnames else np.zeros(len(results))
    flawed = False
    for (name, where), row in zip(groups, places, strict=True):
        low, high = (row - 0.05, row + 0.4) if shared else (row - 0.4, row + 0.4)
        good = np.asarray(quality)[where] == 0
        flawed = flawed or not good.all()
        for which, colour in ((good, _GOOD), (~good, _FLAWED)):
            chosen = slots.data[where][which]
            if step is None and usual > 1 and chosen.size:
                ax.vlines(_EPOCH + chosen * _SLOT, low, high, colors=colour, lw=_MARK, gid=name)
            elif chosen.size:
                bars = [_bar(run) for run in runs(slots.data[where], good, every) if run.good is (colour == _GOOD)]
                ax.broken_barh(bars, (low, high - low), color=colour, lw=_THIN, gid=name)
        if shared:
            begin = _EPOCH + float(slots.data[where].min()) * _SLOT
            right = begin + number_width > last  # at the end of the range, where it would leave the axes
            ax.text(last if right else max(begin, first), row - 0.05, name, fontsize=6.5, va="bottom",
                    ha="right" if right else "left", clip_on=True)  # fmt: skip
    legend = [Patch(color=_GOOD, label="records")]
    if flawed:
        legend.append(Patch(color=_FLAWED, label="quality not 0"))
    if results.missing:
        for gap in results.missing:
            ax.axvspan(*mdates.date2num([gap.start.tai.to_datetime(), gap.end.tai.to_datetime()]),
                       color=_MISSING, alpha=0.6, lw=0, zorder=0)  # fmt: skip
        legend.append(Patch(color=_MISSING, label="not answered for"))
    ax.set_xlim(first, last)
    ax.set_ylim(number - 0.3, -0.7)
    ax.set_yticks([] if shared else range(number), [] if shared else [name for name, _ in groups], fontsize=8)
    count = int(known.sum())
    said = [f"{len(groups):,} HARP{'s' * (len(groups) > 1)}, {count:,} record{'s' * (count > 1)}"]
    if count > len(groups):
        said[0] += f", one every {_said(usual)}"
    if left_out := len(results) - count:
        said.append(f"{left_out:,} without T_REC are left out")
    _dress(ax, "; ".join(said), legend)
    return ax


def runs(slots: Any, good: Any, every: int) -> list[Run]:
    """
    Join records into runs without a gap, of one quality each.

    Parameters
    ----------
    slots : ndarray of int
        The slots of one HARP's records, in any order.
    good : ndarray of bool
        Whether their quality is 0.
    every : int
        The usual distance of records in slots.

    Returns
    -------
    list of Run
        In the order of time.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_flarecast.plot.coverage import runs
    >>> runs(np.array([3, 1, 2, 7]), np.array([True, True, True, False]), 1)
    [Run(first=1, last=3, good=True), Run(first=7, last=7, good=False)]
    """
    order = np.argsort(slots, kind="stable")
    slots, good = np.asarray(slots)[order], np.asarray(good)[order]
    breaks = np.flatnonzero((np.diff(slots) > 1.5 * every) | (good[1:] != good[:-1])) + 1
    starts, ends = [0, *breaks.tolist()], [*breaks.tolist(), len(slots)]
    return [
        Run(int(slots[start]), int(slots[end - 1]), bool(good[start])) for start, end in zip(starts, ends, strict=True)
    ]


def _bar(run: Run) -> tuple[float, float]:
    """Give begin and length in days, as matplotlib counts them; a record stands for the 12 minutes around it."""
    return _EPOCH + (run.first - 0.5) * _SLOT, (run.last - run.first + 1) * _SLOT


def _range(results: RecordTable, slots: Any) -> tuple[float, float]:
    """Give the range that was searched, as far as the records are in it, else that of the records."""
    begin, end = (_EPOCH + (place + half) * _SLOT for place, half in ((slots.min(), -0.5), (slots.max(), 0.5)))
    asked = mdates.date2num([time.tai.to_datetime() for query in results.queries for time in query.span])
    if len(asked) and asked.min() <= begin + _SLOT and end - _SLOT <= asked.max():
        begin, end = float(asked.min()), float(asked.max())
    margin = max(_FREE * (end - begin), _SLOT / 2)
    return float(begin - margin), float(end + margin)


def _places(groups: list[tuple[str, Any]], slots: Any, number_width: float) -> list[int]:
    """Choose the rows of HARPs: one for each, or where they are many, as few as can be with room for their numbers."""
    if len(groups) <= _MOST_ROWS:
        return list(range(len(groups)))
    spans = []
    for _, where in groups:
        begin, end = (_EPOCH + float(place) * _SLOT for place in (slots.data[where].min(), slots.data[where].max()))
        spans.append((begin, max(end + number_width / 8, begin + number_width)))
    return pack(spans)


def _said(slots: int) -> str:
    minutes = slots * CADENCE / 60
    if minutes < 120:
        return f"{minutes:g} min"
    return f"{minutes / 60:.3g} h" if minutes <= 48 * 60 else f"{minutes / 1440:.3g} days"


def _groups(results: RecordTable, known: Any) -> list[tuple[str, Any]]:
    """Find the rows of each HARP of each series, in the order of the numbers."""
    series = np.asarray(results["Series"]).astype(str)
    column = results["HARPNUM"]
    masked = np.ma.MaskedArray(np.ma.getdata(column), mask=mask_of(column))
    numbers: Any = masked.filled(-1)
    names = sorted(set(series.tolist()))
    found = []
    for name in names:
        rows = np.flatnonzero(known & (series == name))
        rows = rows[np.argsort(numbers[rows], kind="stable")]
        harps, starts = np.unique(numbers[rows], return_index=True)
        for number, where in zip(harps.tolist(), np.split(rows, starts[1:]), strict=False):
            label = "unknown" if number == -1 else str(number)
            found.append((f"{name.removeprefix('hmi.')} {label}" if len(names) > 1 else label, where))
    return found


def _usual_step(groups: list[Any], slots: Any) -> int:
    """Give the usual distance of a HARP's records in slots."""
    steps = np.concatenate([np.diff(np.unique(slots.data[where])) for where in groups])
    return int(np.median(steps)) if steps.size else 1


def _as_slots(step: Any) -> int:
    try:
        seconds = u.Quantity(step).to_value(u.s)
    except (u.UnitsError, TypeError) as error:
        raise QueryError(f"plot_coverage(step={step!r}): that is no length of time; write 12 * u.min.") from error
    if not seconds > 0:
        raise QueryError(f"plot_coverage(step={step!r}): the step must be longer than nothing; write 12 * u.min.")
    return max(round(float(seconds) / CADENCE), 1)


def _dress(ax: Axes, title: str, legend: list[Patch]) -> None:
    """Write axes, title and legend."""
    ax.set_ylabel("HARP")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", alpha=0.3)
    ax.set_axisbelow(True)
    date_axis(ax)
    ax.set_xlabel("T_REC (TAI)")
    ax.set_title(title, fontsize=9, loc="left")
    if len(legend) > 1:
        ax.legend(
            handles=legend, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(legend), fontsize=8, frameon=False
        )
