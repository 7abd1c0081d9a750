"""Keywords over time as curves, with marks at the times of flares."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.flares.read import flares_to_mark
from sunpy_flarecast.sharp.values import ZERO_IS_NONE
from sunpy_flarecast.utils.reports import counted

from .axes import date_axis, mark_synthetic, titled
from .colours import curve_style
from .data import axis_label, curves_in, origin_of
from .flares import class_looks, mark_flares, none_within

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    from astropy.table import Table
    from sunpy.net.fido_factory import UnifiedResponse
    from sunpy.timeseries import GenericTimeSeries

    from sunpy_flarecast.flares import FlareList

    from .data import Curve

__all__ = ["plot_keywords"]

#: Curves are broken where records are further apart than this many times their usual distance.
_GAP: Final = 3.0

#: The mark of a value of 0 that stands for none.
_ZERO: Final[dict[str, Any]] = {"ls": "none", "marker": "o", "ms": 4, "mfc": "none"}

#: Height of a panel and of a line of the legend, in inches, and the largest number of panels in one column.
_PANEL: Final = 2.0
_LEGEND_LINE: Final = 0.17
_MOST_IN_COLUMN: Final = 6

#: Maximum number of keywords that the title names.
_MOST_IN_TITLE: Final = 4


def plot_keywords(
    data: Table | GenericTimeSeries | Sequence[GenericTimeSeries] | Mapping[int, GenericTimeSeries],
    *keywords: str | Sequence[str],
    flares: str | os.PathLike[str] | Table | pd.DataFrame | UnifiedResponse | FlareList | None = None,
    ax: Axes | Iterable[Axes] | None = None,
) -> list[Axes]:
    """
    Draw keywords over time: a panel for each, a curve for each HARP.

    Curves are interrupted where records are missing. Where R_VALUE is 0, there is no strong-field polarity inversion
    line: an open circle on the time axis marks the record, and the scale covers the other values.

    Parameters
    ----------
    data : `~astropy.table.Table`, `sunpy.timeseries.GenericTimeSeries`, or several time series
        The result of ``results.keywords(...)`` or ``results.timeseries(...)``. ``results.plot_keywords(...)`` requests
        the keywords and draws them in one step.
    *keywords : str or sequence of str
        Keywords to draw (default: all that are numbers). If the data have the errors of a keyword (``"errvf"`` for
        ``"usflux"``), they become its error bars; request them with ``results.timeseries(..., errors=True)``, or by
        name with ``results.keywords(...)``.
    flares : path-like, table, Fido result, or `~sunpy_flarecast.flares.FlareList`, optional
        Flares to mark, in any form that `sunpy_flarecast.flares.read_flares` accepts; those outside the range of the
        curves are not drawn.
    ax : `matplotlib.axes.Axes` or several, optional
        Where to draw, one for each keyword; by default a new figure.

    Returns
    -------
    list of `matplotlib.axes.Axes`
        One for each keyword.

    Raises
    ------
    QueryError
        If there is nothing to draw, a keyword is not among the data, the number of axes is not that of the keywords, or
        the table of flares has no times or classes.

    Warns
    -----
    SunpyUserWarning
        If no flare is within the range of the curves.

    Examples
    --------
    >>> from sunpy_flarecast.plot import plot_keywords
    >>> table = results["flarecast"].keywords("usflux", "r_value")  # doctest: +SKIP
    >>> upper, lower = plot_keywords(table)  # doctest: +SKIP
    """
    marks = None if flares is None else flares_to_mark(flares)
    curves = curves_in(data, [name for one in keywords for name in ([one] if isinstance(one, str) else one)])
    names = list(dict.fromkeys(curve.keyword for curve in curves))
    own = ax is None
    panels, columns = _panels(len(names)) if ax is None else (_given(ax, len(names)), 1)
    harps = sorted({curve.harp for curve in curves}, key=lambda harp: (len(harp), harp))
    styles = {harp: curve_style(place) for place, harp in enumerate(harps)}
    zeros = False
    for name, panel in zip(names, panels, strict=True):
        of_panel = [curve for curve in curves if curve.keyword == name]
        marked = [_draw(panel, curve, styles[curve.harp]) for curve in of_panel]
        zeros |= any(marked)
        if own and any(marked) and not any(np.nan_to_num(curve.values).any() for curve in of_panel):
            panel.set_ylim(0, 1)  # with all values 0, their circles are at 0
        panel.set_ylabel(axis_label(name, of_panel[0].unit), fontsize=9)
        panel.yaxis.get_offset_text().set(x=-0.01, ha="right")  # beside the names of flares
        panel.grid(alpha=0.3)
        date_axis(panel)
    first = min(float(curve.times.min()) for curve in curves)
    last = max(float(curve.times.max()) for curve in curves)
    margin = max((last - first) * 0.02, 0.01)
    nameless = False
    if marks is not None and (note := none_within(marks, first - margin, last + margin)):
        warnings.warn(note, SunpyUserWarning, stacklevel=2)
    for place, panel in enumerate(panels):
        panel.set_xlim(first - margin, last + margin)
        if marks is not None:
            nameless |= bool(mark_flares(panel, marks, named=place < columns))
    for panel in panels[-columns:]:
        panel.tick_params(labelbottom=True)
        panel.set_xlabel("T_REC (UTC)")
    classes = marks.goes_class if marks and nameless else ()
    _name_harps(panels[columns - 1], harps, styles, classes, own=own, zeros=zeros)
    origin = origin_of(data)
    if own:
        shown = f"{len(names)} keywords" if len(names) > _MOST_IN_TITLE else ", ".join(name.upper() for name in names)
        whose = f" of {_named(harps[0])}" if len(harps) == 1 and harps[0] else ""
        panels[0].figure.suptitle(titled(f"{shown}{whose}", origin), fontsize=11)
        panels[0].figure.align_ylabels(panels)
    else:
        mark_synthetic(panels[0], origin)
    return panels


def _panels(number: int) -> tuple[list[Axes], int]:
    """Make panels in one column, or in two if they are many; return them and the number of columns."""
    columns = 2 if number > _MOST_IN_COLUMN else 1
    rows = -(-number // columns)
    _, made = plt.subplots(
        rows, columns, sharex=True, squeeze=False, layout="constrained",
        figsize=(11 if columns == 1 else 16, 1.2 + max(_PANEL * rows, 2.6)),
    )  # fmt: skip
    panels = list(made.ravel())
    for panel in panels[number:]:
        panel.remove()
    return panels[:number], columns


def _given(ax: Axes | Iterable[Axes], number: int) -> list[Axes]:
    given = list(np.ravel(np.asarray(ax, dtype=object)))
    if not all(isinstance(one, Axes) for one in given):
        raise QueryError(
            "plot_keywords(ax=...) needs axes from plt.subplots(), one for each keyword. For a new figure leave ax out."
        )
    if len(given) != number:
        raise QueryError(
            f"plot_keywords(ax=...) got {counted(number, 'keyword')}, but {len(given)} axes. Pass one for each, or "
            "leave ax out."
        )
    return given


def _draw(panel: Axes, curve: Curve, style: Mapping[str, Any]) -> bool:
    """Draw a curve, interrupted where records are missing; return whether zeros are marked on the time axis."""
    times, values = curve.times, curve.values
    steps = np.diff(times)
    usual = np.median(steps[steps > 0]) if (steps > 0).any() else np.inf
    breaks = np.flatnonzero(steps > _GAP * usual) + 1
    look = {**style, "marker": ".", "ms": 3 if len(times) < 400 else 0}
    none = (values == 0) & (curve.keyword.casefold() in ZERO_IS_NONE)
    if none.any():
        on_axis: dict[str, Any] = {"transform": panel.get_xaxis_transform(), "clip_on": False, "zorder": 3}
        panel.plot(times[none], np.zeros(none.sum()), color=style["color"], **_ZERO, **on_axis)
        values = np.where(none, np.nan, values)
    x, y = np.insert(times, breaks, times[breaks]), np.insert(values, breaks, np.nan)
    panel.plot(x, y, label=curve.harp, **look)
    if not look["ms"]:
        there = np.concatenate([[False], np.isfinite(y), [False]])
        alone = there[1:-1] & ~there[:-2] & ~there[2:]
        panel.plot(x[alone], y[alone], ls="none", marker=".", ms=3, color=style["color"])
    if curve.errors is not None:
        panel.errorbar(
            times, values, yerr=abs(curve.errors), fmt="none", ecolor=style["color"], elinewidth=0.7, alpha=0.5
        )
    return bool(none.any())


def _named(region: str) -> str:
    return region if region.startswith("TARP") else f"HARP {region}"


def _name_harps(
    panel: Axes, harps: list[str], styles: Mapping[str, Any], classes: Iterable[str], *, own: bool, zeros: bool
) -> None:
    """Write a legend of HARPs, zeros, and GOES classes whose names do not fit; a single HARP is in the title."""
    named = [harp for harp in harps if harp]
    if len(harps) == 1 and named:
        if not own:
            panel.set_title(_named(named[0]), fontsize=10, loc="left")
        named = []
    lines = [Line2D([], [], label=_named(harp), **styles[harp]) for harp in named]
    if zeros:
        lines.append(Line2D([], [], label="R_VALUE is 0", color="0.3", **_ZERO))
    lines += [Line2D([], [], label=f"{letter} flare", **look) for letter, look in class_looks(classes).items()]
    if not lines:
        return
    height = (panel.figure if own else panel).bbox.height / panel.figure.figure.dpi
    columns = -(-len(lines) // max(1, int(height / _LEGEND_LINE)))
    look: dict[str, Any] = {"handles": lines, "ncols": columns, "fontsize": 8, "frameon": False, "handlelength": 2.6}
    if own:  # beside all panels, so that a long legend does not spread them
        panel.figure.legend(loc="outside right upper", **look)
    else:
        panel.legend(loc="upper left", bbox_to_anchor=(1.005, 1), borderaxespad=0, **look)
