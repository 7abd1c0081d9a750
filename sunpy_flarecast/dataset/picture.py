"""A plot of a data set: records by time and set, labels by class, and missing data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np

from sunpy_flarecast.plot.axes import date_axis, titled
from sunpy_flarecast.plot.colours import COLOURS, GREY
from sunpy_flarecast.sharp.t_rec import CADENCE, slot_of, slot_time
from sunpy_flarecast.utils.masked import unmasked
from sunpy_flarecast.utils.reports import counted

from .model import Status
from .report import lost_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .report import BuildReport
    from .selection import Selection

__all__ = ["CLASSES", "Overview", "bin_slots", "draw", "overview_of"]

#: Classes of the labels: the letter of the largest flare in the window.
CLASSES: Final = ("no flare", "A", "B", "C", "M", "X", "unknown")

#: Why images are missing, by their status.
_REASONS: Final = {
    Status.NOT_LISTED: "images: not listed",
    Status.NOT_FETCHED: "images: not fetched",
    Status.UNREADABLE: "images: unreadable",
}

#: Colour, line style, marker and hatch of the sets.
_STYLES: Final = (
    (COLOURS[0], "-", "o", ""),
    (COLOURS[1], "--", "s", "///"),
    (COLOURS[2], "-.", "^", "..."),
    (COLOURS[3], ":", "D", "xxx"),
    (COLOURS[0], (0, (5, 1)), "v", "\\\\\\"),
    (COLOURS[1], (0, (1, 2)), "P", "+++"),
)
_NO_SET: Final = (GREY, (0, (3, 1, 1, 1, 1, 1)), "x", "")

#: Bin lengths in hours that are easy to read, and the maximum number of bins.
_BINS: Final = (1, 2, 3, 6, 12, 24, 48, 7 * 24, 14 * 24, 28 * 24, 91 * 24, 365 * 24)
_MOST_BINS: Final = 60

#: Smallest number of rows, so that bars are not too thick.
_ROWS: Final = 4


class Overview(NamedTuple):
    """The plotted data: slot and set of each record, numbers of `CLASSES` by set, and missing data."""

    title: str
    sets: tuple[str, ...]
    slots: Any
    set_of: npt.NDArray[np.str_]
    classes: Mapping[str, Any]
    label_rule: str
    missing: Mapping[str, int]


def overview_of(selection: Selection, label: tuple[float, str] | None, report: BuildReport) -> Overview:
    """Collect the plotted data; ``label`` is a window in hours and a threshold."""
    settings, sets, set_of = selection.settings, selection.sets, selection.set_of()
    columns = selection.columns(*(f"status_{segment}" for segment in settings.segments))
    statuses = [unmasked(column) for column in columns]
    lost = lost_of(report)
    missing = {"time ranges: not searched": lost.ranges}
    missing |= {reason: sum(int((found == status).sum()) for found in statuses) for status, reason in _REASONS.items()}
    missing["keywords: not fetched"] = lost.keywords
    classes: dict[str, npt.NDArray[np.int64]] = {}
    if label is not None:
        largest, unknown = selection.largest_classes(*label)
        kinds = np.array([CLASSES.index(text[:1]) if text[:1] in CLASSES else 0 for text in largest.tolist()])
        kinds[unknown] = CLASSES.index("unknown")
        classes = {name: np.bincount(kinds[set_of == name], minlength=len(CLASSES)) for name in sets or ("",)}
        missing["labels"] = int(unknown.sum())
    harps, times = selection.columns("HARPNUM", "T_REC")
    title = f"{counted(len(times), 'record')} of {counted(len(np.unique(harps)), 'HARP')}, {settings.series}"
    rule = f"within {label[0]:g} h after T_REC" if label else ""
    return Overview(titled(title, report.origin), sets, unmasked(slot_of(times)), set_of, classes, rule, missing)


def draw(overview: Overview) -> Figure:
    """Draw three panels: records over time, labels, and missing data."""
    figure: Figure = plt.figure(figsize=(10, 8), layout="constrained")
    upper, lower = cast("Any", figure.subfigures(2, 1, height_ratios=(2, 3)))
    _draw_times(upper.subplots(), overview)
    left, right = lower.subplots(1, 2, width_ratios=(3, 2))
    _draw_classes(left, overview)
    _draw_missing(right, overview)
    figure.suptitle(overview.title, fontsize=11)
    return figure


def bin_slots(slots: npt.NDArray[np.int64]) -> int:
    """Return the length of the time bins, a multiple of the usual cadence, so that all bins are comparable."""
    unique = np.unique(slots)
    cadence = int(np.median(np.diff(unique))) if len(unique) > 1 else 1
    least = max((int(unique[-1] - unique[0]) + 1) / _MOST_BINS, cadence)
    lengths = (hours * 3600 // CADENCE for hours in _BINS)
    return next(
        (length for length in lengths if length >= least and not length % cadence), cadence * -int(-least // cadence)
    )


def _styles(overview: Overview) -> dict[str, Any]:
    """Return colour, line, marker and hatch of each set, and of records in no set."""
    looks = {name: _STYLES[place % len(_STYLES)] for place, name in enumerate(overview.sets)}
    return looks | {"": _NO_SET}


def _draw_times(axes: Axes, overview: Overview) -> None:
    slots = overview.slots
    step = bin_slots(slots)
    bins = slots // step
    first, number = int(bins.min()), int(bins.max() - bins.min()) + 1
    middles = mdates.date2num(slot_time((first + np.arange(number) + 0.5) * step).to_datetime())
    for name, (colour, line, marker, _) in _styles(overview).items():
        chosen = overview.set_of == name
        if not chosen.any():
            continue
        counts = np.bincount(bins[chosen] - first, minlength=number)
        label = f"{name or 'in no set' if overview.sets else 'records'} ({chosen.sum():,})"
        axes.plot(middles, counts, color=colour, ls=line, marker=marker, ms=4, lw=1.4, label=label)
    date_axis(axes)
    axes.set_ylim(0)
    axes.margins(x=0.02)
    hours = step * CADENCE / 3600
    axes.set(xlabel="T_REC (TAI)", ylabel=f"records per {f'{hours:g} h' if hours < 24 else f'{hours / 24:g} d'}")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize=8, frameon=False)


def _draw_classes(axes: Axes, overview: Overview) -> None:
    if not overview.classes:
        _note(axes, "There are no labels.")
        return
    used = [place for place in range(len(CLASSES)) if any(counts[place] for counts in overview.classes.values())]
    height = 0.8 / len(overview.classes)
    looks = _styles(overview)
    for place, (name, counts) in enumerate(overview.classes.items()):
        colour, _, _, hatch = looks[name]
        where = np.arange(len(used)) + (place - (len(overview.classes) - 1) / 2) * height
        bars = axes.barh(where, counts[used], height, facecolor=colour, edgecolor="white", hatch=hatch, lw=0.5)
        axes.bar_label(bars, [f"{count:,}" if count else "" for count in counts[used]], fontsize=6.5, padding=2)
    axes.set_yticks(range(len(used)), [CLASSES[place] for place in used], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(len(used), _ROWS) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.set_xlim(0.7, 4 * max(1, *(int(counts.max()) for counts in overview.classes.values())))
    axes.set_title(f"Largest flare {overview.label_rule}", fontsize=9, loc="left")
    axes.set_xlabel("records")


def _draw_missing(axes: Axes, overview: Overview) -> None:
    missing = {reason: count for reason, count in overview.missing.items() if count}
    axes.set_title("Missing", fontsize=9, loc="left")
    if not missing:
        _note(axes, "Nothing is missing.")
        return
    bars = axes.barh(range(len(missing)), list(missing.values()), color=GREY, height=0.6)
    axes.bar_label(bars, [f"{count:,}" for count in missing.values()], fontsize=6.5, padding=2)
    axes.set_yticks(range(len(missing)), list(missing), fontsize=8)
    axes.set_ylim(max(len(missing), _ROWS) - 0.4, -0.6)
    axes.set_xlim(0, max(missing.values()) * 1.2)


def _note(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, fontsize=9)
    axes.set_axis_off()
