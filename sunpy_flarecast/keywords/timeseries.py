"""Keywords as time series: a `sunpy.timeseries.GenericTimeSeries` for each HARP."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from numbers import Integral
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.time import Time
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.catalog import find_keyword, find_series
from sunpy_flarecast.sharp.keyword_names import choose_keywords, default_keywords
from sunpy_flarecast.sharp.times import utc_dates
from sunpy_flarecast.table.columns import require
from sunpy_flarecast.utils.masked import mask_of, unmasked
from sunpy_flarecast.utils.optional_deps import missing_package

from .table import LEADING, keyword_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from astropy.table import QTable
    from sunpy.timeseries import GenericTimeSeries

    from sunpy_flarecast.table.base import RecordTable

__all__ = ["check_times", "curve_names", "curve_table", "harp_rows", "keyword_curves", "timeseries_of"]


def keyword_curves(
    results: RecordTable,
    names: Sequence[str],
    harpnum: int | Iterable[int] | None = None,
    *,
    errors: bool = False,
    strict: bool = False,
    progress: bool = True,
) -> dict[int, GenericTimeSeries]:
    """Request keywords as time series; see `FLARECASTResponse.timeseries`."""
    _needed_packages()
    table = curve_table(results, names, harpnum, errors=errors, strict=strict, progress=progress, stacklevel=5)
    return timeseries_of(table, table.colnames[len(LEADING) :], harpnum)


def curve_table(
    results: RecordTable,
    names: Sequence[str],
    harpnum: int | Iterable[int] | None = None,
    *,
    errors: bool = False,
    strict: bool = False,
    progress: bool = True,
    stacklevel: int = 4,
) -> QTable:
    """Request the keywords of time series; errors, and keywords that patterns match, only if the service has them."""
    rows = np.sort(np.concatenate(list(harp_rows(results, harpnum).values())))
    series = set(results["Series"].tolist())
    wanted = curve_names(names, series, errors=errors)
    exact = {known.name for name in names or default_keywords(series) if (known := find_keyword(name))}
    optional = [name for name in wanted if name not in exact]
    return keyword_table(
        results[rows], wanted, optional=optional, strict=strict, progress=progress, stacklevel=stacklevel
    )


def curve_names(names: Sequence[str], series: Iterable[str], *, errors: bool = False) -> list[str]:
    """List the keywords of time series, with ``errors`` also those of their errors; raise `QueryError` for text."""
    found: list[str] = []
    for keyword in choose_keywords(names, series)[0]:
        if keyword.kind == "text":
            if any(find_keyword(name) == keyword for name in names):
                raise QueryError(
                    f"Keyword {keyword.name!r} ({keyword.meaning}) is text, and a time series holds numbers; "
                    f"results.keywords({keyword.name!r}) (sunpy-flarecast keywords) gives it as a column of a table."
                )
            continue
        found += [keyword.name, *([keyword.error] if errors and keyword.error else [])]
    if not found:
        raise QueryError(
            f"All keywords that match {', '.join(map(repr, names))} are text; a time series holds numbers."
        )
    return list(dict.fromkeys(found))


def harp_rows(table: QTable, harpnum: int | Iterable[int] | None = None) -> dict[int, npt.NDArray[np.intp]]:
    """Find the rows with a time of each HARP (default: all), in a table of one series."""
    require(table, LEADING, "which is needed for time series")
    if not len(table):
        raise QueryError("There are no records to make time series of. Search another time range.")
    check_times(table)
    series = sorted(set(table["Series"].tolist()))
    if len(series) > 1:
        raise QueryError(
            f"The table has records of several series ({', '.join(series)}), whose HARP numbers are unrelated. "
            f"Select one: results[results['Series'] == {series[0]!r}]."
        )
    known = ~(mask_of(table["HARPNUM"]) | mask_of(table["T_REC"]))
    numbers = unmasked(table["HARPNUM"])
    there = sorted(set(numbers[known].tolist()))
    if not there:
        raise QueryError(
            "No record has both a HARP number and T_REC, so there is no time series. Use a service that sends them."
        )
    asked = there if harpnum is None else _numbers(harpnum)
    if lost_numbers := [number for number in asked if number not in there]:
        shown = f"{', '.join(map(str, there[:10]))}{', ...' * (len(there) > 10)}"
        raise QueryError(
            f"There is no record of HARP {', '.join(map(str, lost_numbers))} in this table. It has: {shown}."
        )
    return {number: np.flatnonzero(known & (numbers == number)) for number in asked}


def check_times(table: QTable) -> None:
    """Check that T_REC is a time; raise `QueryError` if it is text."""
    if not isinstance(table["T_REC"], Time):
        raise QueryError(
            f"The column T_REC of the table has values of the type {table['T_REC'].dtype}, not times, as in "
            "tables read from .csv. Keep tables as .ecsv or .parquet, or convert the column: "
            "table['T_REC'] = sunpy.time.parse_time(table['T_REC'].tolist())."
        )


def _numbers(harpnum: Any) -> list[int]:
    wanted = list(harpnum) if isinstance(harpnum, Iterable) else [harpnum]
    if not wanted or any(isinstance(one, bool) or not isinstance(one, Integral) for one in wanted):
        raise QueryError(f"harpnum={harpnum!r}: HARP numbers are integers, for example harpnum=6178.")
    return list(dict.fromkeys(map(int, wanted)))


def timeseries_of(
    table: QTable, names: Sequence[str] = (), harpnum: int | Iterable[int] | None = None
) -> dict[int, GenericTimeSeries]:
    """
    Make time series from a table of keywords.

    The index is T_REC in UTC, sorted and without duplicates: of several records of a HARP at one T_REC, the first value
    that is not missing is taken. Missing values are NaN.

    Parameters
    ----------
    table : `astropy.table.QTable`
        A table from `~sunpy_flarecast.FLARECASTResponse.keywords`, or from a file.
    names : sequence of str, optional
        Columns (default: all that are numbers).
    harpnum : int or iterable of int, optional
        HARP numbers (default: all).

    Returns
    -------
    dict
        Time series by HARP number.

    Raises
    ------
    QueryError
        If the table has no records, no numeric columns or several series, or lacks a requested column or HARP.
    ImportError
        If the packages that `sunpy.timeseries` needs are not installed.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> import astropy.units as u
    >>> from astropy.time import Time
    >>> from sunpy_flarecast import timeseries_of
    >>> times = Time(["2015-12-11T23:36", "2015-12-11T23:48"], scale="tai")
    >>> table = QTable({"T_REC": times, "Start Time": times.utc, "Series": ["hmi.sharp_720s"] * 2,
    ...                 "HARPNUM": [6178] * 2, "Record": [1, 2], "usflux": [2e22, 3e22] * u.Mx})
    >>> timeseries_of(table)[6178].quantity("usflux")
    <Quantity [2.e+22, 3.e+22] Mx>
    """
    rows = harp_rows(table, harpnum)
    own = [name for name in table.colnames if name not in LEADING and table[name].dtype.kind in "if"]
    columns = [keyword.name if (keyword := find_keyword(name)) else name for name in names] or own
    if lost := [name for name in columns if name not in own]:
        raise QueryError(
            f"The table has no numeric column {lost[0]!r}. It has: {', '.join(own) or 'none'}; "
            "results.keywords(...) requests more."
        )
    if not columns:
        raise QueryError("The table has no numeric keywords; results.keywords('usflux', ...) requests some.")
    _needed_packages()
    import pandas as pd
    from sunpy.timeseries import GenericTimeSeries
    from sunpy.util.metadata import MetaDict

    units = {name: u.Unit(getattr(table[name], "unit", None) or "") for name in columns}
    values = {name: _floats(table[name]) for name in columns}
    index = pd.DatetimeIndex(utc_dates(table["T_REC"]))
    known = find_series(str(table["Series"][0]))
    smarp = known is not None and known.instrument == "MDI"
    about = {
        "telescop": "SOHO" if smarp else "SDO/HMI",
        "instrume": "MDI" if smarp else "HMI",
        "wavelnth": 6768.0 if smarp else 6173.0,
        "waveunit": "Angstrom",
        "series": str(table["Series"][0]),
        "time": "T_REC in UTC",
        "provider": "FLARECAST",
        "service": str(table.meta.get("service", "")),
        **({"origin": table.meta["origin"]} if "origin" in table.meta else {}),
    }
    made = {}
    for number, places in rows.items():
        frame = pd.DataFrame({name: values[name][places] for name in columns}, index=index[places])
        frame = frame.groupby(level=0, sort=True).first()
        made[number] = GenericTimeSeries(
            frame, MetaDict({**about, "tarpnum" if smarp else "harpnum": number}), dict(units)
        )
    return made


def _needed_packages() -> None:
    """Check that the packages for time series are installed, before any request."""
    if sys.modules.get("sunpy.timeseries"):
        return  # without a change of Python's warning filters, which all threads share
    try:
        with warnings.catch_warnings():
            # sunpy warns if packages for reading files are missing.
            warnings.simplefilter("ignore", SunpyUserWarning)
            import sunpy.timeseries  # noqa: F401
    except ModuleNotFoundError as error:
        raise missing_package("Time series need", "timeseries", error.name or "pandas") from error


def _floats(column: Any) -> npt.NDArray[np.float64]:
    plain = column.value if isinstance(column, u.Quantity) else column
    return np.where(mask_of(column), np.nan, unmasked(plain).astype(np.float64))
