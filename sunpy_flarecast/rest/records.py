"""`Records`: records as typed columns, and the merging of several replies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sunpy_flarecast.sharp.catalog import find_keyword
from sunpy_flarecast.sharp.t_rec import slot_of
from sunpy_flarecast.sharp.times import utc_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["FILE_URL", "Records", "different", "keyword_column", "merge", "segment_of"]

#: The URL of a file: folder, then in layout B ``recnum_timestamp_``, then the segment.
FILE_URL: Final = re.compile(r"(.*/(?:\d+_\d{14}_)?)([^/]*)", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Records:
    """
    Records of one or more replies, with an array for each column; missing numbers are masked and missing dates are NaT.

    ``slot`` is T_REC as a slot number, ``wavelength`` is in ångström, ``date_obs`` is UTC (datetime64[us]). ``prefix``
    is the common beginning of the URLs of a record's files (UTF-8), and ``names`` their ends: tuples of str, one object
    for all records with the same files. ``keywords`` are the requested ones, as from `keyword_column`.
    """

    series: npt.NDArray[Any]
    recnum: np.ma.MaskedArray[Any, Any]
    harpnum: np.ma.MaskedArray[Any, Any]
    slot: np.ma.MaskedArray[Any, Any]
    quality: np.ma.MaskedArray[Any, Any]
    wavelength: np.ma.MaskedArray[Any, Any]
    date_obs: npt.NDArray[np.datetime64]
    prefix: npt.NDArray[Any]
    names: npt.NDArray[Any]
    keywords: dict[str, np.ma.MaskedArray[Any, Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.prefix)

    def __repr__(self) -> str:
        return f"<Records: {len(self):,}>"

    def __getitem__(self, which: Any) -> Records:
        """Select records by a mask, a slice or an array of positions."""
        columns: dict[str, Any] = {name: getattr(self, name)[which] for name in _COLUMNS}
        return Records(**columns, keywords={name: column[which] for name, column in self.keywords.items()})

    def nearest_slot(self) -> np.ma.MaskedArray[Any, Any]:
        """
        Return each record's T_REC or, if it is missing, the slot nearest to ``date_obs``.

        The latter is an estimate, for selection and sorting only; users never see it.
        """
        slot = self.slot.copy()
        unknown = np.ma.getmaskarray(slot) & ~np.isnat(self.date_obs)
        if unknown.any():
            slot[unknown] = slot_of(utc_time(self.date_obs[unknown]))
        return slot


_COLUMNS: Final = tuple(one.name for one in fields(Records) if one.name != "keywords")

_DTYPES: Final[dict[str, type]] = {"int": np.int64, "float": np.float64, "text": object}


def keyword_column(name: str, values: Sequence[int | float | str | None]) -> np.ma.MaskedArray[Any, Any]:
    """Make a masked column (int64, float, or object for text) of a keyword's plain values, None where missing."""
    known = find_keyword(name)
    kind = known.kind if known else "text"
    if kind == "int" and any(isinstance(value, float) for value in values):
        kind = "float"  # values are not rounded
    mask = [value is None for value in values]
    filled = [("" if kind == "text" else 0) if value is None else value for value in values]
    column: npt.NDArray[Any] = np.empty(len(filled), dtype=_DTYPES[kind])
    column[:] = filled
    return np.ma.MaskedArray(column, mask=mask)


def segment_of(name: str) -> str:
    """Return the segment of one of a record's names, or of a whole URL if the record's URLs share no prefix."""
    match = FILE_URL.fullmatch(name) if "/" in name else None
    return (match[2] if match else name).removesuffix(".fits")


def different(values: npt.NDArray[Any]) -> tuple[list[Any], npt.NDArray[np.intp]]:
    """Return the distinct objects of an array, in their order, and for each element the index of its object."""
    # Sorting addresses is much faster than hashing tuples of names; few equal objects have different addresses.
    addresses = np.fromiter(map(id, values), dtype=np.uint64, count=len(values))
    _, first, numbers = np.unique(addresses, return_index=True, return_inverse=True)
    known: dict[Any, int] = {}
    number_of = np.empty(len(first), dtype=np.intp)
    for place in np.argsort(first).tolist():
        number_of[place] = known.setdefault(values[first[place]], len(known))
    return list(known), number_of[numbers]


def merge(parts: Sequence[Records]) -> Records:
    """
    Merge records without duplicates, sorted by T_REC, then HARP number, then record number.

    A record is identified by its series and record number, never by its time; without a number, by its URLs. If two
    replies have different files of a record, the result has all of them.
    """
    joined = _without_duplicates(_joined(parts))
    far = np.iinfo(np.int64).max
    keys = [np.ma.filled(key, far) for key in (joined.recnum, joined.harpnum, joined.nearest_slot())]
    order = np.lexsort(keys)
    return joined if (order[1:] > order[:-1]).all() else joined[order]


def _joined(parts: Sequence[Records]) -> Records:
    """Concatenate parts; records with equal names share one object."""
    if len(parts) == 1:
        return parts[0]
    columns: dict[str, Any] = {}
    for name in _COLUMNS:
        arrays = [getattr(part, name) for part in parts]
        columns[name] = (np.ma if isinstance(arrays[0], np.ma.MaskedArray) else np).concatenate(arrays)
    for name in ("series", "names"):
        objects, numbers = different(columns[name])
        columns[name] = np.fromiter(objects, dtype=object, count=len(objects))[numbers]
    asked = dict.fromkeys(name for part in parts for name in part.keywords)
    masked: Any = np.ma  # only partly typed by numpy
    keywords = {
        name: masked.concatenate(
            [
                part.keywords[name] if name in part.keywords else keyword_column(name, [None] * len(part))
                for part in parts
            ]
        )
        for name in asked
    }
    return Records(**columns, keywords=keywords)


def _without_duplicates(records: Records) -> Records:
    """Remove duplicates; a record gets the files of all its occurrences."""
    (_, series), (_, kind) = different(records.series), different(records.names)
    numbered = ~np.ma.getmaskarray(records.recnum)
    keys = [records.recnum.data, numbered, series]
    order = np.lexsort(keys)  # the occurrences of a record one after the other, as they came
    begins = np.ones(len(records), dtype=bool)
    begins[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0) | ~numbered[order][1:]
    if begins.all() and numbered.all():
        return records
    keep = np.ones(len(records), dtype=bool)
    keep[order[~begins]] = False
    # Differing names are merged one by one, and so are records that only their URLs identify.
    occurrence_of = np.cumsum(begins) - 1
    keywords = {name: _filled(column, order, order[begins][occurrence_of]) for name, column in records.keywords.items()}
    differs = np.zeros(np.count_nonzero(begins), dtype=bool)
    differs[occurrence_of[kind[order] != kind[order[begins]][occurrence_of]]] = True
    single = ~numbered
    single[order[differs[occurrence_of]]] = True
    first: dict[tuple[Any, ...], int] = {}
    names, prefixes = records.names.copy(), records.prefix.copy()
    for place in np.flatnonzero(single).tolist():
        prefix, own = records.prefix[place], records.names[place]
        key = (series[place], records.recnum.data[place]) if numbered[place] else (series[place], prefix, own)
        other = first.setdefault(key, place)
        keep[place] = other == place
        if other == place or own == names[other]:
            continue
        if prefix != prefixes[other]:
            own = tuple(prefix.decode() + name for name in own)
            names[other] = tuple(prefixes[other].decode() + name for name in names[other])
            prefixes[other] = b""
        names[other] = tuple(dict.fromkeys((*names[other], *own)))
    return replace(records, names=names, prefix=prefixes, keywords=keywords)[keep]


def _filled(
    column: np.ma.MaskedArray[Any, Any], places: npt.NDArray[np.intp], firsts: npt.NDArray[np.intp]
) -> np.ma.MaskedArray[Any, Any]:
    """Fill missing values of the first occurrences of records with those of later ones."""
    mask = np.ma.getmaskarray(column)
    later = mask[firsts] & ~mask[places]
    filled = column.copy()
    filled[firsts[later]] = column[places[later]]
    return filled
