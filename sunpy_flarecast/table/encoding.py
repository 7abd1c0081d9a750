"""Columns of a table in a form that any table file holds exactly, and back: numbers, text, and what they stand for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import numpy as np
from astropy.table import Column, MaskedColumn, Table
from astropy.time import Time
from astropy.utils.masked import Masked

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.t_rec import CADENCE, slot_of, slot_time
from sunpy_flarecast.sharp.times import utc_dates, utc_time
from sunpy_flarecast.utils.masked import mask_of, unmasked

from .columns import FILE_COLUMNS, require

if TYPE_CHECKING:
    import numpy.typing as npt

    from .base import RecordTable

__all__ = ["decoded", "encoded"]

_EPOCH: Final = np.datetime64("1993-01-01T00:00:00", "us")  # of the slots, in TAI
_SLOT: Final = np.timedelta64(CADENCE, "s")

#: What is kept of a column beside its values.
_ABOUT: Final = ("format", "description")


def encoded(table: RecordTable) -> tuple[Table, list[dict[str, Any]]]:
    """
    Make a table of plain numbers and plain text.

    What is missing stands in a column of its own (``HARPNUM.mask``). Times are text in microseconds where that is
    exact, else two Julian dates. The names of files are numbers of sets.

    Parameters
    ----------
    table : FLARECASTResponse
        The table.

    Returns
    -------
    plain : `astropy.table.Table`
        Without masks and meta.
    columns : list of dict
        What the columns are, as values that JSON has.

    Raises
    ------
    QueryError
        If a column is lacking, or has values that cannot be written.
    """
    require(table, FILE_COLUMNS, "without which it could not be fetched when it is read again")
    plain: dict[str, Any] = {}
    columns = []
    for name in table.colnames:
        parts, about = _encoded(name, table[name])
        if clash := plain.keys() & parts.keys():
            raise QueryError(f"The table cannot be written, since there are two columns {min(clash)!r}. Rename one.")
        plain |= parts
        columns.append(about)
    return Table(plain, copy=False), columns


def decoded(plain: Table, columns: list[dict[str, Any]]) -> dict[str, Any]:
    """
    Make columns of what `encoded` made.

    Parameters
    ----------
    plain : `astropy.table.Table`
        As it came from a file.
    columns : list of dict
        What the columns are.

    Returns
    -------
    dict
        The columns by name.

    Raises
    ------
    ValueError, LookupError, TypeError
        If they do not fit each other.
    """
    found = {}
    for about in columns:
        column = _decoded(plain, about)
        for what in _ABOUT:
            if what in about:
                setattr(column.info, what, about[what])
        found[about["name"]] = column
    if lost := [name for name in FILE_COLUMNS if name not in found]:
        raise ValueError(f"there is no column {lost[0]!r}")
    return found


def _encoded(name: str, column: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the plain columns that stand for one, and what they are."""
    about: dict[str, Any] = {"name": name}
    for what in _ABOUT:
        if isinstance(value := getattr(column.info, what, None), str) and not isinstance(column, Time):
            about[what] = value
    mask = mask_of(column)
    if np.ndim(column) != 1:
        raise QueryError(f"Column {name!r} has several values a row, and cannot be written. Remove it.")
    masked = isinstance(column, (np.ma.MaskedArray, Masked))
    parts: dict[str, Any]
    if name == "URL Names":
        codes, sets = _coded(column)
        parts, about = {name: codes}, {**about, "kind": "names", "sets": sets}
    elif isinstance(column, Time):
        parts, kind = _encoded_time(name, column, mask)
        about |= {"kind": kind, "time_format": column.format, "scale": column.scale}
        masked = kind == "jd" and bool(mask.any())
    else:
        quantity = isinstance(column, u.Quantity)
        values = np.asarray(column.value if quantity else column)
        values = unmasked(values)
        if values.dtype.kind not in "biufUS" or not isinstance(column, (u.Quantity, Column)):
            raise QueryError(
                f"Column {name!r} of {values.dtype} ({type(column).__name__}) cannot be written. Remove it from the "
                f"table: table.remove_column({name!r})."
            )
        about |= {"kind": "quantity" if quantity else "plain", "dtype": values.dtype.str}
        if column.unit is not None:
            about["unit"] = column.unit.to_string()
        if mask.any():
            values = np.where(mask, np.zeros((), dtype=values.dtype), values)
        if values.dtype.kind in "US":
            try:
                values, about["escaped"] = _safe_text(values)
            except UnicodeDecodeError:
                raise QueryError(
                    f"Column {name!r} has bytes that are no text, and cannot be written. Remove it from the table: "
                    f"table.remove_column({name!r})."
                ) from None
        elif values.dtype == np.int8:
            values = values.astype(np.int16)  # FITS would make logical values of it
        parts = {name: values}
    if masked:
        parts[f"{name}.mask"] = mask
    return parts, {**about, "masked": masked}


def _decoded(plain: Table, about: dict[str, Any]) -> Any:
    name, kind = about["name"], about["kind"]
    mask = np.array(_values(plain, f"{name}.mask"), dtype=bool) if about["masked"] else None
    if kind == "jd":
        days = [np.array(_values(plain, f"{name}.{part}"), dtype=float) for part in ("jd1", "jd2")]
        return _masked(Time(*days, format="jd", scale=about["scale"]).replicate(about["time_format"]), mask)
    values = _values(plain, name)
    if kind == "names":
        sets = [tuple(map(str, names)) for names in about["sets"]]
        shared = np.empty(len(sets), dtype=object)
        shared[:] = sets
        if len(values) and not 0 <= values.min() <= values.max() < len(sets):
            raise ValueError("numbers of sets of names that there are not")
        return shared[values.astype(np.intp)]
    if kind in ("utc", "slot"):
        text = _text(values, escaped=False)
        dates = np.where(text == "", "NaT", text).astype("datetime64[us]")
        if kind == "utc":
            return utc_time(dates).replicate(about["time_format"])
        missing = np.isnat(dates)
        slots = (np.where(missing, _EPOCH, dates) - _EPOCH) // _SLOT
        return _masked(slot_time(slots).replicate(about["time_format"]), missing if missing.any() else None)
    dtype = np.dtype(about["dtype"])
    if dtype.kind in "US":
        values = _text(values, escaped=about["escaped"])
        values = np.char.encode(values, "utf-8") if dtype.kind == "S" and about["escaped"] else values
    values = np.asarray(values).astype(dtype)
    if kind == "quantity":
        quantity = u.Quantity(values, about["unit"], dtype=dtype)
        return quantity if mask is None else Masked(quantity, mask=mask)
    more = {"unit": about["unit"]} if "unit" in about else {}
    return Column(values, **more) if mask is None else MaskedColumn(values, mask=mask, **more)


def _masked(time: Time, mask: npt.NDArray[np.bool_] | None) -> Time:
    if mask is not None:
        time[mask] = np.ma.masked
    return time


def _values(plain: Table, name: str) -> npt.NDArray[Any]:
    """Give a plain column as an array; readers mask empty text."""
    values = plain[name]
    return np.asarray(values.filled("") if isinstance(values, np.ma.MaskedArray) else values)


def _encoded_time(name: str, time: Time, mask: npt.NDArray[np.bool_]) -> tuple[dict[str, Any], str]:
    """Write times as text where that gives just the same times again; and tell in which way they are written."""
    kind, dates, again = "utc", np.array([], dtype="datetime64[us]"), None
    if time.scale == "utc":
        dates = utc_dates(time)
        again = utc_time(dates)
    elif time.scale == "tai":
        slots = np.where(mask, 0, unmasked(slot_of(time)))
        kind, dates, again = "slot", _EPOCH + slots * _SLOT, slot_time(slots)
        dates[mask] = np.datetime64("NaT", "us")
    days = {part: _filled(getattr(time, part), mask) for part in ("jd1", "jd2")}
    if again is not None and all((_filled(getattr(again, part), mask) == days[part]).all() for part in days):
        text = np.where(np.isnat(dates), "", np.datetime_as_string(dates, unit="us"))
        return {name: text}, kind
    return {f"{name}.{part}": days[part] for part in days}, "jd"


def _filled(part: Any, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return np.where(mask, 0.0, unmasked(part))


def _coded(names: Any) -> tuple[npt.NDArray[np.int32], list[list[str]]]:
    """Number the sets of names; there are few, and most rows share one object."""
    sets: dict[tuple[str, ...], int] = {}
    objects: dict[int, int] = {}
    column = np.asarray(names)
    for one in column:
        if id(one) not in objects:
            objects[id(one)] = sets.setdefault(tuple(one), len(sets))
    codes = np.fromiter((objects[id(one)] for one in column), dtype=np.int32, count=len(column))
    return codes, [list(one) for one in sets]


def _safe_text(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], bool]:
    """Give text that all formats hold as it is: plain ASCII, else with escapes; and whether it has any."""
    try:
        text = values.astype(str)  # of bytes only if they are ASCII, but then quickly
    except UnicodeDecodeError:
        text = np.char.decode(values, "utf-8")
    if not text.size or not text.dtype.itemsize:
        return text, False
    codes = np.ascontiguousarray(text).view(np.uint32).reshape(len(text), -1)
    blank, end = codes == ord(" "), codes == 0
    safe = (
        (((codes >= ord(" ")) & (codes <= ord("~")) & (codes != ord("\\"))) | end).all()
        and not (end[:, :-1] & ~end[:, 1:]).any()
        and (not blank.any() or (np.char.strip(text) == text).all())
    )
    if safe:
        return text, False
    return np.array([json.dumps(one)[1:-1].replace(" ", "\\u0020") for one in text.tolist()]), True


def _text(values: npt.NDArray[Any], *, escaped: bool) -> npt.NDArray[Any]:
    text = values.astype(str)
    return np.array([json.loads(f'"{one}"') for one in text.tolist()], dtype=str) if escaped else text
