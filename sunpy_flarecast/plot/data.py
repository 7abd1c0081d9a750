"""Data for plots from tables and time series: time steps, numbers with masks, curves, labels with units."""

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
from sunpy_flarecast.sharp.catalog import find_keyword, region_word
from sunpy_flarecast.sharp.t_rec import slot_of
from sunpy_flarecast.sharp.times import utc_dates
from sunpy_flarecast.sharp.units import unit_text
from sunpy_flarecast.utils.masked import mask_of, unmasked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from astropy.units import UnitBase

    from sunpy_flarecast.table.base import RecordTable

__all__ = ["Curve", "axis_label", "curves_in", "masked_floats", "origin_of", "shared_word", "steps_of"]

#: Units of keywords that astropy cannot express.
_WORDS: Final = {"r_value": "log10 Mx"}

#: Columns of keyword tables that are not drawn.
_NO_CURVES: Final = frozenset({"t_rec", "start time", "harpnum", "tarpnum", "record", "series", "quality", "recnum"})


def shared_word(series: Iterable[str]) -> str:
    """Return what the regions of some series are called: HARP, TARP, or region if there are both."""
    words = {region_word(str(one)) for one in series}
    return words.pop() if len(words) == 1 else "region"


def steps_of(results: RecordTable, caller: str) -> np.ma.MaskedArray[Any, Any]:
    """Return the time steps of records as slot numbers, masked where T_REC is missing; not all may be missing."""
    if "T_REC" not in results.colnames:
        raise QueryError(f"{caller} needs the column 'T_REC', which this table lacks; use the whole table.")
    if not len(results):
        raise QueryError(
            f"{caller} was given a table without records; there is nothing to draw. Search another time range."
        )
    mask = mask_of(results["T_REC"])
    if mask.all():
        raise QueryError(f"{caller}: no record has a T_REC, so there is nothing to draw.")
    slots = slot_of(results["T_REC"])
    return np.ma.MaskedArray(unmasked(slots), mask=mask)


def masked_floats(column: Any) -> np.ma.MaskedArray[Any, Any]:
    """Return a column as numbers, masked where they are missing or NaN."""
    mask = mask_of(column)
    plain = getattr(column, "unmasked", column)
    values = np.array(np.ma.filled(getattr(plain, "value", plain), 0), dtype=float)
    return np.ma.MaskedArray(values, mask=mask | ~np.isfinite(values))


def axis_label(name: str, unit: UnitBase | None) -> str:
    """Write a keyword with its unit."""
    text = ("" if unit is None else unit_text(unit)) or _WORDS.get(name.casefold(), "")
    return f"{name.upper()} ({text})" if text else name.upper()


class Curve(NamedTuple):
    """
    A keyword of a region over time.

    ``harp`` is a HARP number or "TARP n"; it and ``series`` are empty if unknown. ``times`` are UTC, in matplotlib's
    days.
    """

    keyword: str
    unit: UnitBase | None
    harp: str
    times: Any
    values: Any
    errors: Any = None
    series: str = ""


def curves_in(data: Any, keywords: Sequence[str]) -> list[Curve]:
    """Take the curves from the data of `~sunpy_flarecast.plot.plot_keywords`, one keyword after the other."""
    if isinstance(data, (QueryResponseTable, UnifiedResponse)):
        call = f"plot_keywords({', '.join(map(repr, keywords)) or repr('usflux')})"
        table = "results" if isinstance(data, QueryResponseTable) else "results['flarecast']"
        raise QueryError(
            "plot_keywords() was given the results of a search, which do not hold the keywords. "
            f"{table}.{call} requests and draws them."
        )
    several = data.values() if isinstance(data, Mapping) else data if isinstance(data, (list, tuple)) else [data]
    curves = [curve for one in several for curve in _curves_of(one)]
    if not curves:
        raise QueryError("There is nothing to draw: no keyword that can be plotted has a value and a time.")
    if len({curve.series for curve in curves}) > 1:
        curves = [one._replace(harp=f"{one.harp} ({one.series.removeprefix('hmi.')})") for one in curves]
    curves = _with_errors(curves, {name.casefold() for name in keywords})
    by_name = {curve.keyword.casefold(): curve.keyword for curve in curves}
    if unknown := [name for name in keywords if name.casefold() not in by_name]:
        raise QueryError(_why_missing(unknown[0], list(by_name.values()), data))
    wanted = [by_name[name.casefold()] for name in keywords] or list(by_name.values())
    return [curve for name in dict.fromkeys(wanted) for curve in curves if curve.keyword == name]


def origin_of(data: Any) -> str:
    """Return the origin given in the tables or time series of `curves_in`; empty if there is none."""
    several = data.values() if isinstance(data, Mapping) else data if isinstance(data, (list, tuple)) else [data]
    metas = [
        meta
        for one in several
        for meta in ([one.meta] if hasattr(one, "colnames") else [part for *_, part in one.meta.metadata])
    ]
    # FITS tables have upper-case names.
    origins = (value for meta in metas for name, value in meta.items() if str(name).lower() == "origin")
    return " ".join(sorted(set(map(str, origins))))


def _why_missing(name: str, known: list[str], data: Any) -> str:
    column = next((one for one in getattr(data, "colnames", ()) if one.casefold() == name.casefold()), None)
    if column is not None:
        why = "has no values" if _is_numbers(data[column]) else "is not a numeric column"
        return f"plot_keywords(): {column!r} {why}. The data have {', '.join(known)}."
    close = get_close_matches(name.casefold(), known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"plot_keywords(): the data have no keyword {name!r}; they have {', '.join(known)}.{hint}"


def _curves_of(one: Any) -> list[Curve]:
    if hasattr(one, "to_dataframe"):
        return _of_series(one)
    if hasattr(one, "colnames") and "T_REC" in one.colnames:
        return _of_table(one)
    raise QueryError(
        f"plot_keywords() takes the result of results.keywords(...) or results.timeseries(...), not "
        f"{type(one).__name__}{' without a column T_REC' if hasattr(one, 'colnames') else ''}."
    )


def _of_table(table: Any) -> list[Curve]:
    if not len(table):
        return []
    check_times(table)
    times = mdates.date2num(utc_dates(table["T_REC"]))
    rows_of: dict[tuple[str, Any], list[int]] = {}
    harps = table["HARPNUM"].tolist() if "HARPNUM" in table.colnames else [None] * len(table)
    series = table["Series"].tolist() if "Series" in table.colnames else [""] * len(table)
    for row in np.flatnonzero(~np.isnan(times)).tolist():
        rows_of.setdefault((series[row], harps[row]), []).append(row)
    curves = []
    for name in table.colnames:
        if name.casefold() in _NO_CURVES or not _is_numbers(table[name]):
            continue
        values, unit = masked_floats(table[name]).filled(np.nan), getattr(table[name], "unit", None)
        for (home, harp), rows in rows_of.items():
            if np.isfinite(values[rows]).any():
                text = "" if harp is None else f"TARP {harp}" if region_word(home) == "TARP" else str(harp)
                curves.append(_sorted(Curve(name, unit, text, times[rows], values[rows], series=home)))
    return curves


def _of_series(series: Any) -> list[Curve]:
    frame = series.to_dataframe()
    harp, tarp, home = (
        next((str(meta[key]) for *_, meta in series.meta.metadata if key in meta), "")
        for key in ("harpnum", "tarpnum", "series")
    )
    region = f"TARP {tarp}" if tarp else harp
    times = mdates.date2num(frame.index.to_pydatetime())
    curves = []
    for name in frame.columns:
        values = frame[name].to_numpy(dtype=float, na_value=np.nan)
        if np.isfinite(values).any():
            curves.append(_sorted(Curve(str(name), series.units.get(name), region, times, values, series=home)))
    return curves


def _is_numbers(column: Any) -> bool:
    return getattr(getattr(column, "dtype", None), "kind", "") in "iuf" and getattr(column, "ndim", 0) == 1


def _sorted(curve: Curve) -> Curve:
    order = np.argsort(curve.times, kind="stable")
    return curve._replace(times=curve.times[order], values=curve.values[order])


def _with_errors(curves: list[Curve], named: Collection[str]) -> list[Curve]:
    """Attach curves of errors to the curves of their keywords, except errors that are named."""
    known = {(curve.keyword.casefold(), curve.harp): curve for curve in curves}
    used, found = set(), []
    for curve in curves:
        keyword = find_keyword(curve.keyword)
        key = (keyword.error.casefold() if keyword and keyword.error else "", curve.harp)
        error = known.get(key)
        if error is not None and np.array_equal(error.times, curve.times):
            used.add(key)
            curve = curve._replace(errors=error.values)  # noqa: PLW2901 (the same curve, with more)
        found.append(curve)
    return [one for one in found if one.keyword.casefold() in named or (one.keyword.casefold(), one.harp) not in used]
