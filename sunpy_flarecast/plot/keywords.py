"""Keywords over time as curves, with marks where flares were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np

from sunpy_flarecast.errors import QueryError

from .flares import mark_flares, read_flares
from .tables import axis_label, masked_floats

if TYPE_CHECKING:
    from astropy.units import UnitBase
    from matplotlib.axes import Axes

__all__ = ["Curve", "plot_keywords"]

#: Columns of keyword tables that are no curves.
_NO_CURVES: Final = frozenset({"t_rec", "start time", "harpnum", "record", "series", "quality", "recnum"})

#: Curves are broken where records are further apart than this many times their usual distance.
_GAP: Final = 3.0

#: More HARPs than this have no names in the legend but the first and the last.
_MOST_NAMES: Final = 12

_PANEL: Final = 2.0


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
    """

    keyword: str
    unit: UnitBase | None
    harp: str
    times: Any
    values: Any
    errors: Any = None


def plot_keywords(data: Any, *keywords: str, flares: Any = None, ax: Axes | Iterable[Axes] | None = None) -> list[Axes]:
    """
    Draw keywords over time: a panel for each, a curve for each HARP.

    Parameters
    ----------
    data : `~astropy.table.Table`, `sunpy.timeseries.GenericTimeSeries`, or several time series
        What ``results.keywords(...)`` or ``results.timeseries(...)`` gave.
    *keywords : str
        Which of them; by default all that are numbers. Those that are errors of others (``"errvf"`` of ``"usflux"``)
        are drawn as bars of these.
    flares : `~astropy.table.Table`, optional
        Flares to mark, for example of the HEK: a column of peak times (``event_peaktime``, ``peak_time``, ...) and one
        of GOES classes (``fl_goescls``, ``goes_class``, ``class``, ...).
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
    curves = _curves(data, keywords)
    names = list(dict.fromkeys(curve.keyword for curve in curves))
    marks = read_flares(flares) if flares is not None else []
    panels = _panels(ax, len(names))
    harps = sorted({curve.harp for curve in curves}, key=lambda harp: (len(harp), harp))
    colours = dict(zip(harps, _colours(len(harps)), strict=True))
    for name, panel in zip(names, panels, strict=True):
        own = [curve for curve in curves if curve.keyword == name]
        for curve in own:
            _draw(panel, curve, colours[curve.harp])
        panel.set_ylabel(axis_label(name, own[0].unit), fontsize=9)
        panel.grid(alpha=0.3)
        locator = mdates.AutoDateLocator()
        panel.xaxis.set_major_locator(locator)
        panel.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    first = min(float(curve.times.min()) for curve in curves)
    last = max(float(curve.times.max()) for curve in curves)
    margin = max((last - first) * 0.02, 0.01)
    for place, panel in enumerate(panels):
        panel.set_xlim(first - margin, last + margin)
        mark_flares(panel, marks, named=place == 0)
    panels[-1].set_xlabel("T_REC (UTC)")
    _name_harps(panels[0], harps, colours)
    return panels


def _curves(data: Any, keywords: tuple[str, ...]) -> list[Curve]:
    """Take the curves from whatever holds them."""
    several = data.values() if isinstance(data, Mapping) else data if isinstance(data, (list, tuple)) else [data]
    curves = [curve for one in several for curve in _curves_of(one)]
    if not curves:
        raise QueryError("plot_keywords() was given no keyword with a value and a time; there is nothing to draw.")
    curves = _with_errors(curves)
    known = dict.fromkeys(curve.keyword for curve in curves)
    by_name = {name.casefold(): name for name in known}
    if lost := [name for name in keywords if name.casefold() not in by_name]:
        raise QueryError(f"plot_keywords(): {lost[0]!r} is not among the data, which have {', '.join(known)}.")
    wanted = [by_name[name.casefold()] for name in keywords] or list(known)
    return [curve for name in dict.fromkeys(wanted) for curve in curves if curve.keyword == name]


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
    lost = np.array(np.broadcast_to(getattr(table["T_REC"], "mask", False), len(table)))
    times = np.full(len(table), np.nan)
    times[~lost] = mdates.date2num(table["T_REC"][~lost].utc.to_datetime(leap_second_strict="silent"))
    rows_of: dict[Any, list[int]] = {}
    harps = table["HARPNUM"].tolist() if "HARPNUM" in table.colnames else [None] * len(table)
    for row in np.flatnonzero(~lost).tolist():
        rows_of.setdefault(harps[row], []).append(row)
    curves = []
    for name in table.colnames:
        if name.casefold() in _NO_CURVES or not _is_numbers(table[name]):
            continue
        values = masked_floats(table[name]).filled(np.nan)
        for harp, rows in rows_of.items():
            if np.isfinite(values[rows]).any():
                text = "" if harp is None else str(harp)
                unit = getattr(table[name], "unit", None)
                curves.append(_sorted(Curve(name, unit, text, times[rows], values[rows])))
    return curves


def _of_series(series: Any) -> list[Curve]:
    frame = series.to_dataframe()
    harp = next((str(meta["harpnum"]) for *_, meta in series.meta.metadata if "harpnum" in meta), "")
    times = mdates.date2num(frame.index.to_pydatetime())
    curves = []
    for name in frame.columns:
        values = frame[name].to_numpy(dtype=float, na_value=np.nan)
        if np.isfinite(values).any():
            curves.append(_sorted(Curve(str(name), series.units.get(name), harp, times, values)))
    return curves


def _is_numbers(column: Any) -> bool:
    return getattr(getattr(column, "dtype", None), "kind", "") in "iuf" and getattr(column, "ndim", 0) == 1


def _sorted(curve: Curve) -> Curve:
    order = np.argsort(curve.times, kind="stable")
    return curve._replace(times=curve.times[order], values=curve.values[order])


def _with_errors(curves: list[Curve]) -> list[Curve]:
    """Give keywords their errors, which are no curves of their own then."""
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
    return [curve for curve in found if (curve.keyword.casefold(), curve.harp) not in used]


def _panels(ax: Axes | Iterable[Axes] | None, number: int) -> list[Axes]:
    if ax is None:
        height = 1.2 + max(_PANEL * number, 2.6)
        _, made = plt.subplots(number, sharex=True, squeeze=False, figsize=(11, height), layout="constrained")
        return list(made[:, 0])
    given = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(given) != number:
        raise QueryError(
            f"plot_keywords(ax=...): there are {number} keywords for {len(given)} axes; give one for each, or none."
        )
    return given


def _draw(panel: Axes, curve: Curve, colour: Any) -> None:
    """Draw a curve that is broken where records are missing; records that stand alone are points."""
    times, values = curve.times, curve.values
    steps = np.diff(times)
    usual = np.median(steps[steps > 0]) if (steps > 0).any() else np.inf
    breaks = np.flatnonzero(steps > _GAP * usual) + 1
    style = {"color": colour, "lw": 1.2, "marker": ".", "ms": 3 if len(times) < 400 else 0}
    panel.plot(np.insert(times, breaks, times[breaks]), np.insert(values, breaks, np.nan), label=curve.harp, **style)
    if curve.errors is not None:
        panel.errorbar(times, values, yerr=abs(curve.errors), fmt="none", ecolor=colour, elinewidth=0.7, alpha=0.5)


def _colours(number: int) -> list[Any]:
    import matplotlib as mpl

    if number <= 10:
        return [mpl.colormaps["tab10"](place) for place in range(number)]
    return list(mpl.colormaps["viridis"](np.linspace(0, 0.95, number)))


def _name_harps(panel: Axes, harps: list[str], colours: dict[str, Any]) -> None:
    from matplotlib.lines import Line2D

    named = [harp for harp in harps if harp]
    if not named:
        return
    if len(named) > _MOST_NAMES:
        named = [named[0], named[-1]]
    lines = [Line2D([], [], color=colours[harp], label=f"HARP {harp}") for harp in named]
    panel.legend(handles=lines, loc="upper left", bbox_to_anchor=(1.005, 1), borderaxespad=0, fontsize=8, frameon=False)
