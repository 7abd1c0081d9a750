"""Records as columns of a table, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import numpy as np

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.rest.records import Records, keyword_column
from sunpy_flarecast.sharp.catalog import all_series, find_keyword
from sunpy_flarecast.sharp.t_rec import slot_of, slot_time
from sunpy_flarecast.sharp.times import utc_dates, utc_time
from sunpy_flarecast.utils.masked import column_with, mask_of, optional, unmasked

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt
    from astropy.table import QTable
    from astropy.time import Time

__all__ = ["FILE_COLUMNS", "MEANINGS", "NAMES", "PREFIX", "columns_of", "heading", "records_of", "require", "times_of"]

#: Hidden columns: the common beginning of the URLs of a record's files, and their ends.
PREFIX: Final = "URL Prefix"
NAMES: Final = "URL Names"

#: Columns that give the URLs and names of files.
FILE_COLUMNS: Final = ("T_REC", "Series", "HARPNUM", "Record", PREFIX, NAMES)

#: Descriptions of the columns; those of keywords come from the catalog.
MEANINGS: Final = {
    "Start Time": "time of the observation (DATE-OBS)",
    "T_REC": "time step in TAI, every 12 minutes (SMARP: 96)",
    "Series": "SHARP or SMARP series",
    "HARPNUM": "HARP number (SMARP: TARP number)",
    "Quality": "quality bit word, 0 is good",
    "Segments": "number of files",
    "Wavelength": "wavelength of the spectral line",
    "Record": "record number",
}

#: Keywords that would have the name of another column.
_CLASHING: Final = ("t_rec", "source")


def columns_of(records: Records) -> dict[str, Any]:
    """Make the columns of a table, in the order of display."""
    count = len(records)
    series = records.series.astype(str)
    smarp = np.zeros(count, dtype=bool)
    for one in all_series():
        if one.instrument == "MDI":
            smarp |= series == one.name
    return {
        "Start Time": utc_time(records.date_obs),
        "T_REC": times_of(records.slot),
        "Series": series,
        "HARPNUM": _plain(records.harpnum),
        "Quality": _plain(records.quality),
        "Segments": np.fromiter(map(len, records.names), dtype=np.int64, count=count),
        "Wavelength": _plain(records.wavelength, "Angstrom"),
        "Instrument": np.where(smarp, "MDI", "HMI"),
        "Source": np.where(smarp, "SOHO", "SDO"),
        "Provider": np.full(count, "FLARECAST"),
        "Record": _plain(records.recnum),
        **{heading(name): _keyword_values(name, column) for name, column in records.keywords.items()},
        PREFIX: records.prefix,
        NAMES: records.names,
    }


def records_of(table: QTable, keywords: Iterable[str]) -> Records:
    """
    Return the records of a table, without columns that a user has added; the inverse of `columns_of`.

    Raises `QueryError` if required columns have been removed from the table.
    """
    require(table, ("Start Time", "Quality", "Wavelength", *FILE_COLUMNS), "which is needed to identify its records")
    return Records(
        series=_shared(table["Series"].tolist()),
        recnum=_as_masked(table["Record"], table["Record"], np.int64),
        harpnum=_as_masked(table["HARPNUM"], table["HARPNUM"], np.int64),
        slot=_as_masked(slot_of(table["T_REC"]), table["T_REC"], np.int64),
        quality=_as_masked(table["Quality"], table["Quality"], np.int64),
        wavelength=_as_masked(table["Wavelength"].to(u.angstrom), table["Wavelength"], np.float64),
        date_obs=utc_dates(table["Start Time"]),
        prefix=np.char.encode(np.array(table[PREFIX].tolist(), dtype=str), "utf-8"),
        names=_shared([tuple(names) for names in table[NAMES]]),
        keywords={name: _keyword(table, name) for name in keywords if heading(name) in table.colnames},
    )


def require(table: QTable, columns: Iterable[str], why: str) -> None:
    """Raise `QueryError` if a user has removed required columns from a table; ``why`` ends its first sentence."""
    if lost := [name for name in columns if name not in table.colnames]:
        raise QueryError(
            f"The table no longer has the column {lost[0]!r}, {why}. Use a table with all columns; table.show(...) "
            "gives a copy with fewer columns for display."
        )


def heading(keyword: str) -> str:
    """Name the column of a keyword, distinct from others even in paths, which ignore case."""
    return f"{keyword} keyword" if keyword in _CLASHING else keyword


def _keyword_values(name: str, column: np.ma.MaskedArray[Any, Any]) -> Any:
    known = find_keyword(name)
    typed: Any = column.astype(str) if column.dtype == object else column
    return _plain(typed, known.unit if known else "")


def _as_masked(values: Any, column: Any, dtype: type) -> np.ma.MaskedArray[Any, Any]:
    """Make a masked array of values with the mask of a column."""
    mask = mask_of(column)
    plain: npt.NDArray[Any] = np.array(unmasked(values), dtype=dtype)
    plain[mask] = 0
    return np.ma.MaskedArray(plain, mask=mask)


def _shared(values: list[Any]) -> npt.NDArray[Any]:
    """Make an array in which equal values are one object."""
    known: dict[Any, Any] = {}
    return np.fromiter((known.setdefault(value, value) for value in values), dtype=object, count=len(values))


def _keyword(table: QTable, name: str) -> np.ma.MaskedArray[Any, Any]:
    column, known = table[heading(name)], find_keyword(name)
    values = column.to(u.Unit(known.unit)).value if known and isinstance(column, u.Quantity) else column
    return keyword_column(name, optional(values, column))


def _plain(column: np.ma.MaskedArray[Any, Any], unit: str = "") -> Any:
    return column_with(column.data, np.ma.getmaskarray(column), unit)


def times_of(slots: np.ma.MaskedArray[Any, Any]) -> Time:
    """Convert slots to times with the same mask."""
    times = slot_time(slots.filled(0)).replicate("iso")
    if (mask := np.ma.getmaskarray(slots)).any():
        times[mask] = np.ma.masked
    return times
