"""Keywords over time as curves, with marks where flares were."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import matplotlib as mpl
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from sunpy.net.base_client import QueryResponseTable
from sunpy.net.fido_factory import UnifiedResponse

from sunpy_flarecast.curves import check_times, curve_table
from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.times import utc_dates

from .dates import date_axis
from .flares import class_colours, mark_flares, read_flares
from .tables import axis_label, masked_floats

if TYPE_CHECKING:
    from astropy.units import UnitBase
    from matplotlib.axes import Axes

    from sunpy_flarecast.response import FLARECASTResponse

    from .flares import Flare

__all__ = ["Curve", "plot_keywords", "plot_results"]

#: Columns of keyword tables that are no curves.
_NO_CURVES: Final = frozenset({"t_rec", "start time", "harpnum", "record", "series", "quality", "recnum"})

#: Curves are broken where records are further apart than this many times their usual distance.
_GAP: Final = 3.0

#: Keywords whose 0 says that there is none, so that no line leads there.
_ZERO_IS_NONE: Final = frozenset({"r_value"})

#: Height of a panel and of a line of the legend, in inches; more panels than this stand in two columns.
_PANEL: Final = 2.0
_LEGEND_LINE: Final = 0.17
_MOST_IN_COLUMN: Final = 6


class Curve(NamedTuple):
    """
    One keyword of one HARP.

    Parameters
    ----------
    keyword : str
        Its name.
    unit : `~astropy.units.UnitBase` or None
        Its unit.
    harp : str
        The HARP; empty if it is not known.
    times : ndarray
        UTC, in days as matplotlib counts them.
    values : ndarray
        NaN where there are none.
    errors : ndarray or None
        Standard deviations.
    series : str
        The series, in which HARP numbers have their meaning; empty if it is not known.
    """

    keyword: str
    unit: UnitBase | None
    harp: str
    times: Any
    values: Any
    errors: Any = None
    series: str = ""


def plot_results(
    results: FLARECASTResponse,
    names: Sequence[str] = (),
    harpnum: int | Iterable[int] | None = None,
    *,
    errors: bool = False,
    flares: Any = None,
    strict: bool = False,
    progress: bool = True,
    ax: Axes | Iterable[Axes] | None = None,
) -> list[Axes]:
    """
    Ask for keywords of records and draw them: what `sunpy_flarecast.FLARECASTResponse.plot_keywords` does.

    Parameters
    ----------
    results : FLARECASTResponse
        The records.
    names, harpnum, errors, flares, strict, progress, ax
        As for `sunpy_flarecast.FLARECASTResponse.plot_keywords`.

    Returns
    -------
    list of `matplotlib.axes.Axes`
        One for each keyword.
    """
    marks = None if flares is None else read_flares(flares)
    table = curve_table(results, names, harpnum, errors=errors, strict=strict, progress=progress, stacklevel=5)
    return plot_keywords(table, flares=marks, ax=ax)


def plot_keywords(
    data: Any, *keywords: str | Sequence[str], flares: Any = None, ax: Axes | Iterable[Axes] | None = None
) -> list[Axes]:
    """
    Draw keywords over time: a panel for each, a curve for each HARP.

    Parameters
    ----------
    data : `~astropy.table.Table`, `sunpy.timeseries.GenericTimeSeries`, or several time series
        What ``results.keywords(...)`` or ``results.timeseries(...)`` gave. ``results.plot_keywords(...)`` asks and
        draws in one.
    *keywords : str or sequence of str
        Which of them; by default all that are numbers. Those that are errors of others (``"errvf"`` of ``"usflux"``)
        are drawn as bars of these.
    flares : `~astropy.table.Table` or path-like, optional
        Flares to mark, for example of the HEK, as a table or its file: a column of peak times (``event_peaktime``,
        ``peak_time``, ...) and one of GOES classes (``fl_goescls``, ``goes_class``, ``class``, ...).
    ax : `matplotlib.axes.Axes` or several, optional
        Where to draw, one for each keyword; by default a new figure.

    Returns
    -------
    list of `matplotlib.axes.Axes`
        One for each keyword.

    Raises
    ------
    QueryError
        If there is nothing to draw, a keyword is not among the data, or the table of flares has no times or classes.

    Examples
    --------
    >>> from sunpy_flarecast.plot import plot_keywords
    >>> table = results["flarecast"].keywords("usflux", "r_value")  # doctest: +SKIP
    >>> upper, lower = plot_keywords(table)  # doctest: +SKIP
    """
    marks = read_flares(flares) if flares is not None else []
    curves = _curves(data, [name for one in keywords for name in ([one] if isinstance(one, str) else one)])
    names = list(dict.fromkeys(curve.keyword for curve in curves))
    own = ax is None
    panels, columns = _panels(len(names)) if ax is None else (_given(ax, len(names)), 1)
    harps = sorted({curve.harp for curve in curves}, key=lambda harp: (len(harp), harp))
    styles = dict(zip(harps, _styles(len(harps)), strict=True))
    for name, panel in zip(names, panels, strict=True):
        of_panel = [curve for curve in curves if curve.keyword == name]
        for curve in of_panel:
            _draw(panel, curve, styles[curve.harp])
        panel.set_ylabel(axis_label(name, of_panel[0].unit), fontsize=9)
        panel.yaxis.get_offset_text().set(x=-0.01, ha="right")  # beside the names of flares
        panel.grid(alpha=0.3)
        date_axis(panel)
    first = min(float(curve.times.min()) for curve in curves)
    last = max(float(curve.times.max()) for curve in curves)
    margin = max((last - first) * 0.02, 0.01)
    nameless = False
    for place, panel in enumerate(panels):
        panel.set_xlim(first - margin, last + margin)
        nameless |= bool(mark_flares(panel, marks, named=place < columns))
    for panel in panels[-columns:]:
        panel.tick_params(labelbottom=True)
        panel.set_xlabel("T_REC (UTC)")
    _name_harps(panels[columns - 1], harps, styles, marks if nameless else [], own=own)
    if own:
        panels[0].figure.align_ylabels(panels)
    return panels


def _curves(data: Any, keywords: Sequence[str]) -> list[Curve]:
    """Take the curves from whatever holds them."""
    if isinstance(data, (QueryResponseTable, UnifiedResponse)):
        call = f"plot_keywords({', '.join(map(repr, keywords)) or repr('usflux')})"
        table = "results" if isinstance(data, QueryResponseTable) else "results['flarecast']"
        raise QueryError(
            "plot_keywords() was given the results of a search, which do not hold the keywords. "
            f"{table}.{call} asks for them and draws them."
        )
    several = data.values() if isinstance(data, Mapping) else data if isinstance(data, (list, tuple)) else [data]
    curves = [curve for one in several for curve in _curves_of(one)]
    if not curves:
        raise QueryError("plot_keywords() was given no keyword with a value and a time; there is nothing to draw.")
    if len({curve.series for curve in curves}) > 1:
        curves = [one._replace(harp=f"{one.harp} ({one.series.removeprefix('hmi.')})") for one in curves]
    curves = _with_errors(curves, {name.casefold() for name in keywords})
    known = dict.fromkeys(curve.keyword for curve in curves)
    by_name = {name.casefold(): name for name in known}
    if lost := [name for name in keywords if name.casefold() not in by_name]:
        raise QueryError(_not_there(lost[0], list(known), data))
    wanted = [by_name[name.casefold()] for name in keywords] or list(known)
    return [curve for name in dict.fromkeys(wanted) for curve in curves if curve.keyword == name]


def _not_there(name: str, known: list[str], data: Any) -> str:
    """Say why there is no curve of a name."""
    column = next((one for one in getattr(data, "colnames", ()) if one.casefold() == name.casefold()), None)
    if column is not None:
        why = "has no values" if _is_numbers(data[column]) else "is no column of numbers, so that it makes no curve"
        return f"plot_keywords(): {column!r} {why}. The data have {', '.join(known)}."
    close = get_close_matches(name.casefold(), known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"plot_keywords(): {name!r} is not among the data, which have {', '.join(known)}.{hint}"


def _curves_of(one: Any) -> list[Curve]:
    if hasattr(one, "to_dataframe"):
        return _of_series(one)
    if hasattr(one, "colnames") and "T_REC" in one.colnames:
        return _of_table(one)
    raise QueryError(
        f"plot_keywords() takes what results.keywords(...) or results.timeseries(...) gave, not {type(one).__name__}"
        f"{' without a column T_REC' if hasattr(one, 'colnames') else ''}."
    )


def _of_table(table: Any) -> list[Curve]:
    if not len(table):
        return []
    check_times(table)
    times = mdates.date2num(utc_dates(table["T_REC"]))
    lost = np.isnan(times)
    rows_of: dict[tuple[str, Any], list[int]] = {}
    harps = table["HARPNUM"].tolist() if "HARPNUM" in table.colnames else [None] * len(table)
    homes = table["Series"].tolist() if "Series" in table.colnames else [""] * len(table)
    for row in np.flatnonzero(~lost).tolist():
        rows_of.setdefault((homes[row], harps[row]), []).append(row)
    curves = []
    for name in table.colnames:
        if name.casefold() in _NO_CURVES or not _is_numbers(table[name]):
            continue
        values = masked_floats(table[name]).filled(np.nan)
        for (home, harp), rows in rows_of.items():
            if np.isfinite(values[rows]).any():
                text = "" if harp is None else str(harp)
                unit = getattr(table[name], "unit", None)
                curves.append(_sorted(Curve(name, unit, text, times[rows], values[rows], series=home)))
    return curves


def _of_series(series: Any) -> list[Curve]:
    frame = series.to_dataframe()
    harp, home = (
        next((str(meta[what]) for *_, meta in series.meta.metadata if what in meta), "")
        for what in ("harpnum", "series")
    )
    times = mdates.date2num(frame.index.to_pydatetime())
    curves = []
    for name in frame.columns:
        values = frame[name].to_numpy(dtype=float, na_value=np.nan)
        if np.isfinite(values).any():
            curves.append(_sorted(Curve(str(name), series.units.get(name), harp, times, values, series=home)))
    return curves


def _is_numbers(column: Any) -> bool:
    return getattr(getattr(column, "dtype", None), "kind", "") in "iuf" and getattr(column, "ndim", 0) == 1


def _sorted(curve: Curve) -> Curve:
    order = np.argsort(curve.times, kind="stable")
    return curve._replace(times=curve.times[order], values=curve.values[order])


def _with_errors(curves: list[Curve], named: Collection[str]) -> list[Curve]:
    """Give keywords their errors, which are no curves of their own then, unless they are named."""
    from sunpy_flarecast.catalog import find_keyword

    known = {(curve.keyword.casefold(), curve.harp): curve for curve in curves}
    used = set()
    found = []
    for curve in curves:
        keyword = find_keyword(curve.keyword)
        key = (keyword.error.casefold(), curve.harp) if keyword is not None and keyword.error else None
        error = known.get(key) if key else None
        if key and error is not None and np.array_equal(error.times, curve.times):
            used.add(key)
            curve = curve._replace(errors=error.values)  # noqa: PLW2901 (the same curve, with more)
        found.append(curve)
    return [one for one in found if one.keyword.casefold() in named or (one.keyword.casefold(), one.harp) not in used]


def _panels(number: int) -> tuple[list[Axes], int]:
    """Make panels below one another, or in two columns if they are many; tell how many columns."""
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
    if len(given) != number:
        raise QueryError(
            f"plot_keywords(ax=...): there are {number} keywords for {len(given)} axes; give one for each, or none."
        )
    return given


def _draw(panel: Axes, curve: Curve, style: Mapping[str, Any]) -> None:
    """Draw a curve that is broken where records are missing; records that stand alone are points."""
    times, values = curve.times, curve.values
    steps = np.diff(times)
    usual = np.median(steps[steps > 0]) if (steps > 0).any() else np.inf
    breaks = np.flatnonzero(steps > _GAP * usual) + 1
    look = {**style, "lw": 1.2, "marker": ".", "ms": 3 if len(times) < 400 else 0}
    if curve.keyword.casefold() in _ZERO_IS_NONE:
        none = values == 0
        panel.plot(times[none], values[none], ls="none", marker=".", ms=2, color=style["color"], alpha=0.5)
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


def _styles(number: int) -> list[dict[str, Any]]:
    """Choose colours, and where there are more curves than colours that can be told apart, dashes, too."""
    colours = [mpl.colormaps["tab10"](place) for place in range(10)]
    dashes = ("-", "--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 3)))
    return [
        {"color": colour, "ls": dash}
        for dash, colour in islice(((dash, colour) for dash in cycle(dashes) for colour in colours), number)
    ]


def _name_harps(panel: Axes, harps: list[str], styles: Mapping[str, Any], flares: list[Flare], *, own: bool) -> None:
    """Name the HARPs, a single one as the title; and the colours of flares for whose names there is no room."""
    named = [harp for harp in harps if harp]
    if len(harps) == 1 and named:
        if own:
            panel.figure.suptitle(f"HARP {named[0]}", fontsize=11)
        else:
            panel.set_title(f"HARP {named[0]}", fontsize=10, loc="left")
        named = []
    lines = [Line2D([], [], label=f"HARP {harp}", **styles[harp]) for harp in named]
    lines += [
        Line2D([], [], color=colour, lw=0.9, ls="--", label=f"{letter} flare")
        for letter, colour in class_colours(flares).items()
    ]
    if not lines:
        return
    height = (panel.figure if own else panel).bbox.height / panel.figure.figure.dpi
    columns = -(-len(lines) // max(1, int(height / _LEGEND_LINE)))
    look: dict[str, Any] = {"handles": lines, "ncols": columns, "fontsize": 8, "frameon": False, "handlelength": 2.6}
    if own:  # beside all panels, so that a long one does not push them apart
        panel.figure.legend(loc="outside right upper", **look)
    else:
        panel.legend(loc="upper left", bbox_to_anchor=(1.005, 1), borderaxespad=0, **look)
