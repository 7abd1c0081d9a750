"""The difference of two searches: new, gone and reprocessed records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np

from sunpy_flarecast.sharp.t_rec import slot_of
from sunpy_flarecast.utils.masked import optional

from .columns import FILE_COLUMNS, NAMES, PREFIX, require

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from .base import RecordTable

__all__ = ["Difference", "difference"]

_Table = TypeVar("_Table", bound="RecordTable")


class Difference(NamedTuple, Generic[_Table]):
    """
    The differences between a search and an older one.

    Parameters
    ----------
    new : FLARECASTResponse
        Records of the new search whose series, HARP number and T_REC are not in the old one.
    gone : FLARECASTResponse
        Records of the old search whose series, HARP number and T_REC are not in the new one.
    reprocessed : FLARECASTResponse
        Records of the new search that had another record number in the old one.
    """

    new: _Table
    gone: _Table
    reprocessed: _Table

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(table):,} {name}" for name, table in self._asdict().items())
        return f"<Difference: {counts}>"


def difference(new: _Table, old: _Table) -> Difference[_Table]:
    """Compare two tables by series, HARP number and T_REC, and then by record number."""
    ours, theirs = _keys(new), _keys(old)
    now, known, before = {key for key, _ in ours}, {key for key, _ in theirs}, {*theirs}
    return Difference(
        new[_rows(key not in known for key, _ in ours)],
        old[_rows(key not in now for key, _ in theirs)],
        new[_rows(key in known and (key, number) not in before for key, number in ours)],
    )


def _rows(wanted: Iterable[bool]) -> npt.NDArray[np.bool_]:
    return np.fromiter(wanted, dtype=bool)


def _keys(table: RecordTable) -> list[tuple[Any, Any]]:
    """Return for each row what identifies it (the URLs if T_REC is unknown), and the record number."""
    require(table, FILE_COLUMNS, "which is needed to identify its records")
    columns = (
        table["Series"].tolist(),
        optional(table["HARPNUM"], table["HARPNUM"]),
        optional(slot_of(table["T_REC"]), table["T_REC"]),
        optional(table["Record"], table["Record"]),
        table[PREFIX].tolist(),
        table[NAMES],
    )
    return [
        ((series, harp, slot) if slot is not None else (series, prefix, tuple(names)), number)
        for series, harp, slot, number, prefix, names in zip(*columns, strict=True)
    ]
