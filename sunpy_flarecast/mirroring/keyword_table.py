"""Keywords of bare files: ``keywords.ecsv`` in the folder of a day, one row per record."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from astropy.table import MaskedColumn, Table
from sunpy import log

from sunpy_flarecast.sharp.catalog import all_keywords, find_keyword
from sunpy_flarecast.sharp.t_rec import slot_text, text_slot
from sunpy_flarecast.sharp.values import clean
from sunpy_flarecast.utils.atomic_file import remove_abandoned

from .ledger import write_changed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["TABLE", "KeywordTable"]

TABLE: Final = "keywords.ecsv"

#: The first columns of every table, which identify its rows.
_LEADING: Final = ("series", "recnum", "harpnum", "t_rec")

_HEADINGS: Final = {"series": "Series", "recnum": "RECNUM", "harpnum": "HARPNUM", "t_rec": "T_REC"}

_Row = dict[str, "int | float | str | None"]


class KeywordTable:
    """The table of a folder; it need not exist."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / TABLE
        remove_abandoned([str(self._path)])

    def exists(self) -> bool:
        """Return whether the table exists."""
        return self._path.is_file()

    def add(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """
        Add records, replacing those with the same HARP number and T_REC; return all record numbers by `Offer.key`.

        Rows have keywords by their DRMS names in lower case, among them ``series``, ``recnum``, ``harpnum``, ``t_rec``.
        """
        new = [{name: clean(value, find_keyword(name)) for name, value in row.items()} for row in rows]
        known = self._read() | {_identity(row): row for row in new}
        ordered = [known[identity] for identity in sorted(known)]
        write_changed(self._path, _to_ecsv(ordered))
        return {f"{harpnum}.{slot_text(slot)}": int(known[slot, harpnum].get("recnum") or 0) for slot, harpnum in known}

    def _read(self) -> dict[tuple[int, int], _Row]:
        try:
            table = Table.read(self._path, format="ascii.ecsv")
            columns = {name.lower(): table[name].tolist() for name in table.colnames}
            rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
            return {_identity(row): row for row in rows}
        except FileNotFoundError:
            return {}
        except Exception as error:  # noqa: BLE001 (the reader raises any type; the table is rebuilt)
            log.warning(f"{self._path} cannot be read as a table of keywords ({error}); it is rebuilt.")
            return {}


def _identity(row: Mapping[str, Any]) -> tuple[int, int]:
    return text_slot(str(row.get("t_rec"))) or 0, int(row.get("harpnum") or 0)


def _to_ecsv(rows: list[_Row]) -> str:
    """Return rows as ECSV; the csv module writes the rows thirty times faster than astropy, which writes the header."""
    known = dict.fromkeys([*_LEADING, *(keyword.name for keyword in all_keywords())])
    rank = {name: number for number, name in enumerate(known)}
    names = sorted({name for row in rows for name in row}, key=lambda name: (rank.get(name, len(rank)), name))
    head = io.StringIO()
    columns = {name: [row.get(name) for row in rows] for name in names}
    Table([_column(name, values) for name, values in columns.items()]).write(head, format="ascii.ecsv", delimiter=",")
    writer = csv.writer(head, lineterminator="\n")
    for row in zip(*columns.values(), strict=True):
        writer.writerow(["" if value is None else value for value in row])
    return head.getvalue()


def _column(name: str, values: list[Any]) -> MaskedColumn:
    """Return an empty column of a type that can hold the values."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        known = find_keyword(name)
        kinds = {{"int": int, "float": float}.get(known.kind if known else "", str)}
    dtype: Any = np.int64 if kinds == {int} else np.float64 if kinds <= {int, float} else str
    unit = known.unit if (known := find_keyword(name)) and known.unit and dtype is not str else None
    heading = _HEADINGS.get(name, name)
    return MaskedColumn([], name=heading, dtype=dtype, unit=unit, mask=[])
