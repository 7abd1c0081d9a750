"""Which records there are: a row for each HARP over time, with its gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import astropy.units as u
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.trec import CADENCE, slot_time

from .tables import steps_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sunpy_flarecast.response import FLARECASTResponse

__all__ = ["Run", "plot_coverage", "runs"]

_GOOD: Final = "#2166ac"
_FLAWED: Final = "#f4a582"
_MISSING: Final = "#bbbbbb"

#: Slot 0 and the length of a slot in days, as matplotlib counts them.
_EPOCH: Final = float(mdates.date2num(slot_time(0).to_datetime()))
_SLOT: Final = CADENCE / 86400

#: Height of a row and of the rest of the picture, and the greatest height, in inches.
_ROW: Final = 0.2
_FRAME: Final = 1.3
_TALLEST: Final = 16.0

#: More rows than this are not all labelled.
_MOST_LABELS: Final = 80


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


def plot_coverage(results: FLARECASTResponse, *, step: u.Quantity | None = None, ax: Axes | None = None) -> Axes:
    """
    Draw which records there are: a row for each HARP over time.

    Records whose quality is not 0 (or missing) have another colour; intervals that the service did not answer for
    (``results.missing``) are grey.

    Parameters
    ----------
    results : FLARECASTResponse
        What a search found.
    step : `~astropy.units.Quantity`, optional
        Records further apart than 1.5 times this have a gap between them; by default the usual distance of the
        table's records.
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
    number = len(groups)
    every = _usual_step([where for _, where in groups], slots) if step is None else _as_slots(step)
    if ax is None:
        height = min(_FRAME + _ROW * number, _TALLEST)
        _, ax = plt.subplots(figsize=(11, height), layout="constrained")
    quality = np.ma.asarray(results["Quality"]).filled(-1) if "Quality" in results.colnames else np.zeros(len(results))
    flawed = False
    for row, (_, where) in enumerate(groups):
        found = runs(slots.data[where], np.asarray(quality)[where] == 0, every)
        flawed = flawed or not all(run.good for run in found)
        for good in (True, False):
            bars = [_bar(run, every) for run in found if run.good is good]
            if bars:
                ax.broken_barh(bars, (row - 0.4, 0.8), facecolors=_GOOD if good else _FLAWED, gid=groups[row][0])
    legend = [Patch(color=_GOOD, label="records")]
    if flawed:
        legend.append(Patch(color=_FLAWED, label="quality not 0"))
    if results.missing:
        for gap in results.missing:
            ax.axvspan(*mdates.date2num([gap.start.tai.to_datetime(), gap.end.tai.to_datetime()]),
                       color=_MISSING, alpha=0.6, lw=0, zorder=0)  # fmt: skip
        legend.append(Patch(color=_MISSING, label="not answered for"))
    _dress(ax, [name for name, _ in groups], legend, len(results) - int(known.sum()))
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


def _bar(run: Run, every: int) -> tuple[float, float]:
    """Give begin and length in days, as matplotlib counts them; a record stands for half a step before and after it."""
    return _EPOCH + (run.first - every / 2) * _SLOT, (run.last - run.first + every) * _SLOT


def _groups(results: FLARECASTResponse, known: Any) -> list[tuple[str, Any]]:
    """Find the rows of each HARP of each series, in the order of the numbers."""
    series = np.asarray(results["Series"]).astype(str)
    column = results["HARPNUM"]
    masked = np.ma.MaskedArray(np.ma.getdata(column), mask=np.broadcast_to(getattr(column, "mask", False), len(column)))
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


def _dress(ax: Axes, names: list[str], legend: list[Patch], left_out: int) -> None:
    """Write axes, title and legend."""
    number = len(names)
    shown = range(0, number, -(-number // _MOST_LABELS))
    ax.set_yticks(list(shown), [names[row] for row in shown], fontsize=8)
    ax.set_ylim(number - 0.3, -0.7)
    ax.set_ylabel("HARP")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", alpha=0.3)
    ax.set_axisbelow(True)
    locator = mdates.AutoDateLocator()
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    ax.set_xlabel("T_REC (TAI)")
    if left_out:
        ax.set_title(f"{left_out:,} records without T_REC are left out", fontsize=9, loc="left")
    if len(legend) > 1:
        ax.legend(
            handles=legend, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(legend), fontsize=8, frameon=False
        )
