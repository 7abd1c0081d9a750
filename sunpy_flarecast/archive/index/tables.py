"""Keyword tables beside bare files: ``keywords.ecsv``, ``.csv`` or ``.parquet``, a row a record."""

from __future__ import annotations

import re
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from sunpy_flarecast.sharp.catalog import find_keyword
from sunpy_flarecast.sharp.t_rec import t_rec_text, text_slot
from sunpy_flarecast.sharp.values import clean

from .facts import whole_number
from .file_names import place_of
from .headers import drms_name, plain
from .model import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TableError", "read_table"]

_FORMATS: Final = {"ecsv": "ascii.ecsv", "csv": "ascii.csv", "parquet": "parquet"}

#: Columns that tables of `FLARECASTResponse.keywords` have under other names than DRMS.
_OTHER_NAMES: Final = {"start time": "date__obs", "record": "recnum"}

_NAME: Final = re.compile(r"[a-z_]\w{0,79}", re.ASCII)

_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?", re.ASCII)


class TableError(ValueError):
    """Why a table cannot be used, as a sentence."""


def read_table(path: str) -> Iterator[Row]:
    """
    Read a keyword table.

    Columns have DRMS or FITS names in any letter case, or those that ``sunpy-flarecast keywords -o`` writes; ``T_REC``
    (TAI; as DRMS writes it, or ISO 8601) and ``HARPNUM`` are needed. Values in other units than the catalog's are
    converted where the table tells them.

    Parameters
    ----------
    path : str
        The file; its name's end tells the format.

    Yields
    ------
    Row
        One for each row.

    Raises
    ------
    TableError
        If it is no such table.
    """
    table = _astropy_table(path)
    columns: dict[str, list[Any]] = {}
    for name in table.colnames:
        folded = name.strip().casefold()
        drms = _OTHER_NAMES.get(folded) or drms_name(name.strip())
        if _NAME.fullmatch(drms) is not None and drms not in columns:
            columns[drms] = _values(table[name], drms)
    for needed in ("t_rec", "harpnum"):
        if needed not in columns:
            raise TableError(f"It has no column {needed.upper()}, which a table of keywords needs")
    names = columns.pop("series", None) or repeat(None, len(table))
    times = columns.pop("t_rec")
    for number, (series, time, *values) in enumerate(zip(names, times, *columns.values(), strict=True), 1):
        keywords = dict(zip(columns, values, strict=True))
        harpnum, slot = whole_number(keywords["harpnum"]), _slot(time)
        place = place_of(str(series or "any"), harpnum, slot, "any")
        if place is None:
            raise TableError(
                f"Its row {number} names no record: T_REC is {time!r}, HARPNUM {keywords['harpnum']!r}. Write them as "
                "2015.12.11_23:36:00_TAI and 6178"
            )
        keywords |= {"harpnum": place.harpnum, "t_rec": t_rec_text(place.slot)}
        yield Row(None if series is None else place.series, place.harpnum, place.slot, keywords)


def _astropy_table(path: str) -> Any:
    import warnings

    from astropy.table import Table

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Table.read(path, format=_FORMATS[path.rpartition(".")[2]])
    except ImportError as error:
        raise TableError(f"It cannot be read without the package {error.name or 'pyarrow'}") from error
    except OSError:
        raise
    except Exception as error:  # whatever the readers of three formats raise
        reason = str(error).strip().partition("\n")[0][:200]
        raise TableError(f"It cannot be read as a table: {reason}") from error


def _values(column: Any, name: str) -> list[Any]:
    """Give the values of a column as JSON has them."""
    import numpy as np
    from astropy import units as u
    from astropy.time import Time

    if isinstance(column, Time):
        scaled = column.tai if name == "t_rec" else column.utc
        scaled.precision = 6
        texts = np.ma.filled(np.ma.masked_array(scaled.isot, mask=np.broadcast_to(column.mask, column.shape)), "")
        return [text or None for text in texts.tolist()]
    keyword = find_keyword(name)
    unit = getattr(column, "unit", None)
    if unit is not None and keyword is not None and keyword.unit:
        try:
            factor = u.Unit(unit).to(u.Unit(keyword.unit))
        except u.UnitsError:
            factor = 1.0
    else:
        factor = 1.0
    values = np.ma.masked_array(getattr(column, "value", column)).tolist()
    if factor != 1.0:
        values = [value * factor if isinstance(value, (int, float)) else value for value in values]
    if keyword is None or name in ("t_rec", "series"):
        return [plain(value, name) for value in values]
    return [clean(value, keyword) for value in values]


def _slot(time: Any) -> int | None:
    """Read T_REC, in TAI, as DRMS or ISO 8601 writes it."""
    text = str(time)
    iso = _ISO.fullmatch(text)
    return text_slot(f"{iso[1]}.{iso[2]}.{iso[3]}_{iso[4]}_TAI" if iso else text)
