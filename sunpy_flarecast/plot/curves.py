"""Curves taken from tables of keywords and from time series: a keyword of a HARP over time, with its errors."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import matplotlib.dates as mdates
import numpy as np
from sunpy.net.base_client import QueryResponseTable
from sunpy.net.fido_factory import UnifiedResponse

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.keywords.timeseries import check_times
from sunpy_flarecast.sharp.catalog import find_keyword
from sunpy_flarecast.sharp.times import utc_dates

from .data import masked_floats

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from astropy.units import UnitBase

__all__ = ["Curve", "curves_in"]

#: Columns of keyword tables that are no curves.
_NO_CURVES: Final = frozenset({"t_rec", "start time", "harpnum", "record", "series", "quality", "recnum"})


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


def curves_in(data: Any, keywords: Sequence[str]) -> list[Curve]:
    """
    Take the curves from whatever holds them.

    Parameters
    ----------
    data, keywords
        As for `~sunpy_flarecast.plot.plot_keywords`.

    Returns
    -------
    list of Curve
        All of one keyword, then those of the next; with errors.

    Raises
    ------
    QueryError
        If there are none, or none of a keyword.
    """
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
