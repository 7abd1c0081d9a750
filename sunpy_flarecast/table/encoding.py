"""Conversion of table columns to plain values that any program reads, and back: for ECSV, CSV, JSON and Parquet."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

import astropy.units as u
import msgspec
import numpy as np
from astropy.table import Column, MaskedColumn, Table
from astropy.time import Time

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.t_rec import slot_of, slot_time, t_rec_text, text_slot
from sunpy_flarecast.sharp.times import utc_dates, utc_time
from sunpy_flarecast.utils.masked import column_with, mask_of, unmasked

from .columns import times_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt
    import pyarrow as pa
    from astropy.table import QTable

__all__ = ["KEY", "Plain", "column_of", "from_arrow", "from_text", "plain_columns", "to_arrow", "to_text", "write_json"]

#: Key of the metadata of the whole table in files.
KEY: Final = "sunpy_flarecast"

#: Attributes of a column that are kept besides its values.
_KEPT: Final = ("unit", "description", "format")


class Plain(NamedTuple):
    """
    A column as plain values: booleans, integers, floats, text, or dates (``datetime64[us]``, UTC).

    ``about`` holds ``unit``, ``description`` and ``format``, and the ``scale`` and ``time_format`` of times.
    """

    values: npt.NDArray[Any]
    mask: npt.NDArray[np.bool_]
    about: dict[str, str]


def plain_columns(table: QTable, names: Iterable[str]) -> dict[str, Plain]:
    """Convert columns of a table, T_REC to its usual text; raise `QueryError` for one that cannot be written."""
    return {name: _plain(name, table[name]) for name in names}


def _plain(name: str, column: Any) -> Plain:
    mask = mask_of(column)
    described = getattr(column.info, "description", None)
    about = {"description": described} if isinstance(described, str) else {}
    if isinstance(column, Time):
        if name == "T_REC":
            return Plain(_t_rec_texts(column, mask), mask, about)
        return Plain(utc_dates(column), mask, {**about, "scale": column.scale, "time_format": column.format})
    values = unmasked(column.value if isinstance(column, u.Quantity) else column)
    if values.dtype.kind == "S":
        try:
            values = values.astype(str) if values.tobytes().isascii() else np.char.decode(values, "utf-8")
        except UnicodeDecodeError:
            raise _unwritable(name, "bytes that are not text") from None
    if values.ndim != 1 or values.dtype.kind not in "biufU" or not isinstance(column, (u.Quantity, Column)):
        raise _unwritable(
            name, f"{values.ndim}-dimensional values of the type {values.dtype} ({type(column).__name__})"
        )
    if column.unit is not None:
        about["unit"] = column.unit.to_string()
    if isinstance(column.info.format, str):
        about["format"] = column.info.format
    return Plain(np.where(mask, np.zeros((), dtype=values.dtype), values) if mask.any() else values, mask, about)


def _unwritable(name: str, why: str) -> QueryError:
    return QueryError(f"Column {name!r} cannot be written: it has {why}. table.remove_column({name!r}) removes it.")


def _t_rec_texts(time: Time, mask: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    slots, numbers = np.unique(np.where(mask, 0, unmasked(slot_of(time))), return_inverse=True)
    if (np.abs(unmasked((time - slot_time(slots)[numbers]).sec))[~mask] > 1e-3).any():
        raise _unwritable("T_REC", "times between the slots of 720 s")
    return np.where(mask, "", np.array(list(map(t_rec_text, slots.tolist())), dtype=str)[numbers])


def column_of(name: str, plain: Plain) -> Any:
    """Convert a column back; raise ValueError or TypeError if it is not such a column."""
    values, mask, about = plain
    column: Any
    if name == "T_REC" and values.dtype.kind == "U":
        slots = {text: text_slot(text) for text in set(values.tolist())}
        if lost := [text for text, slot in slots.items() if slot is None and text]:
            raise ValueError(f"{lost[0]!r} is not a T_REC")
        numbers = np.array([slots[text] or 0 for text in values.tolist()], dtype=np.int64)
        column = times_of(np.ma.MaskedArray(numbers, mask=values == ""))
    elif values.dtype.kind == "M":
        column = utc_time(np.where(mask, np.datetime64("NaT", "us"), values))
        if (scale := about.get("scale", "utc")) not in Time.SCALES:
            raise ValueError(f"{scale!r} is not a time scale")
        column = getattr(column, scale).replicate(about.get("time_format", "iso"))
    else:
        column = column_with(values, mask, about.get("unit", ""))
    for what in _KEPT[1:]:
        if what in about:
            setattr(column.info, what, about[what])
    return column


# --- ECSV, CSV, JSON ----------------------------------------------------------------------------------------------


def to_text(columns: Mapping[str, Plain], *, escape: bool = False) -> tuple[Table, dict[str, dict[str, Any]]]:
    """
    Make a table with times as text; also return the notes on its columns that `from_text` needs.

    With ``escape``, text that readers of ECSV would change is written with JSON's escapes.
    """
    made, notes = {}, {}
    for name, plain in columns.items():
        values, mask, about = plain
        note: dict[str, Any] = {what: about[what] for what in ("scale", "time_format") if what in about}
        if values.dtype.kind == "M":
            values = np.where(mask, "", np.datetime_as_string(values, unit="us", timezone="UTC"))
        elif values.dtype.kind == "U" and escape:
            if not _is_safe(values.tolist()):
                note["escaped"] = True
                values = np.array([json.dumps(one)[1:-1].replace(" ", "\\u0020") for one in values.tolist()])
            if mask.any():
                note["missing"] = True  # without it, empty text is a value
        own = {what: about[what] for what in _KEPT if what in about}
        made[name] = MaskedColumn(values, mask=mask, **own) if mask.any() else Column(values, **own)
        if note:
            notes[name] = note
    return Table(made, copy=False), notes


def _is_safe(texts: list[str]) -> bool:
    """Return whether ECSV readers preserve texts: ASCII without backslashes, line breaks, or spaces at the ends."""
    text = "\n".join(["", *texts, ""])
    plain = text.isascii() and text.replace("\n", "").isprintable() and "\\" not in text
    return plain and "\n " not in text and " \n" not in text and text.count("\n") <= len(texts) + 1


def from_text(table: Table, notes: Mapping[str, Mapping[str, Any]]) -> dict[str, Plain]:
    """Convert a table of `to_text` that was read from a file; raise ValueError and the like if it is damaged."""
    found = {}
    for name in table.colnames:
        column, note = table[name], notes.get(name, {})
        if not isinstance(column, Column) or column.dtype.kind not in "biufU":
            raise ValueError(f"column {name!r} has values of an unknown type")
        mask = mask_of(column)
        values = np.ma.filled(column, "") if column.dtype.kind == "U" else unmasked(column)
        about = {what: str(value) for what in _KEPT if (value := getattr(column, what))}
        if "scale" in note:
            about |= {what: str(note[what]) for what in ("scale", "time_format")}
            values = np.where(mask, "NaT", np.char.rstrip(values, "Z")).astype("datetime64[us]")
        elif values.dtype.kind == "U":
            mask &= "missing" in note
            if "escaped" in note:
                values = np.array([json.loads(f'"{one}"') for one in values.tolist()], dtype=str)
        found[name] = Plain(values, mask, about)
    return found


def write_json(columns: Mapping[str, Plain], file: IO[bytes]) -> None:
    """Write a list with one object for each row."""
    lists = [to_text({name: plain})[0][name].tolist() for name, plain in columns.items()]
    file.write(msgspec.json.encode([dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]))


# --- Parquet ------------------------------------------------------------------------------------------------------


def to_arrow(columns: Mapping[str, Plain], about: Mapping[str, Any]) -> pa.Table:
    """Make an Arrow table, with the attributes of columns and, as JSON, of the table as metadata."""
    import pyarrow as pa

    arrays, fields = [], []
    for name, (values, mask, own) in columns.items():
        kind = {"M": pa.timestamp("us", tz="UTC"), "U": pa.string()}.get(values.dtype.kind)
        plain = values.astype(object) if kind == pa.string() else values  # numpy's text would end at NUL
        arrays.append(pa.array(plain, mask=mask, type=kind))
        fields.append(pa.field(name, arrays[-1].type, metadata=own))
    return pa.table(arrays, schema=pa.schema(fields, metadata={KEY: json.dumps(about)}))


def from_arrow(table: pa.Table) -> dict[str, Plain]:
    """Convert a table of `to_arrow`; raise ValueError and the like for any other."""
    import pyarrow as pa
    from pyarrow import types

    found = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        about = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        mask = column.is_null().to_numpy()
        if types.is_string(field.type) or types.is_large_string(field.type):
            encoded = column.fill_null("").dictionary_encode().combine_chunks()  # since most texts are frequent
            values = np.array(encoded.dictionary.to_pylist(), dtype=str)[encoded.indices.to_numpy()]
        elif types.is_timestamp(field.type):
            values = column.to_numpy().astype("datetime64[us]")
        elif types.is_boolean(field.type) or types.is_integer(field.type) or types.is_floating(field.type):
            values = column.fill_null(pa.scalar(0).cast(field.type)).to_numpy()
        else:
            raise ValueError(f"column {field.name!r} has values of the type {field.type}")
        found[field.name] = Plain(values, mask, about)
    return found
