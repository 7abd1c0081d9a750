"""Keywords of the records of a search as a table with units: what is asked for, filled in as it comes, or masked."""

from __future__ import annotations

import warnings
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import astropy.units as u
import numpy as np
from astropy.table import Column, MaskedColumn, QTable
from astropy.time import Time
from astropy.utils.masked import Masked

from .addresses import with_credentials
from .catalog import all_keywords
from .config import conf
from .errors import MissingDataWarning, QueryError, ServiceError
from .inquiry import keywords_of
from .keyword_names import choose_keywords, is_in
from .metadata import clean
from .service import Service

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import numpy.typing as npt

    from .catalog import Keyword
    from .response import FLARECASTResponse

__all__ = ["LEADING", "keyword_table"]

#: The columns that every table of keywords begins with.
LEADING: Final = ("T_REC", "Start Time", "Series", "HARPNUM", "Record")

#: Keywords that the table of a search has, and its columns.
_HELD: Final = {"quality": "Quality", "wavelnth": "Wavelength", "harpnum": "HARPNUM", "recnum": "Record"}

_DTYPES: Final[dict[str, Any]] = {"int": np.int64, "float": np.float64, "text": object}

#: How many record numbers a message names.
_LISTED: Final = 3


class _Failed(NamedTuple):
    """Records of a series whose keywords did not come."""

    series: str
    records: list[int]
    error: ServiceError


def keyword_table(
    results: FLARECASTResponse,
    names: Sequence[str] = (),
    *,
    known: QTable | None = None,
    strict: bool = False,
    progress: bool = True,
    stacklevel: int = 3,
) -> QTable:
    """
    Make the table of keywords: what `FLARECASTResponse.keywords` does.

    Parameters
    ----------
    results : FLARECASTResponse
        The records.
    names, known, strict, progress
        As for `FLARECASTResponse.keywords`.
    stacklevel : int
        How many calls above this one warnings point to the user's line.

    Returns
    -------
    `astropy.table.QTable`
        One row a record.
    """
    _check_columns(results, LEADING)
    rows = _rows(results)
    chosen, by_pattern = choose_keywords(names, rows)
    if known is not None:
        chosen = [one for one in chosen if one.name not in by_pattern or one.name in (*_HELD, *known.colnames)]
    columns = {keyword.name: _Filled(keyword, len(results)) for keyword in chosen}
    held = [name for name in columns if name in _HELD]
    _check_columns(results, [_HELD[name] for name in held])
    for name in held:
        columns[name].take(results[_HELD[name]])
    asked = [keyword for keyword in chosen if keyword.name not in _HELD]
    if asked and len(results):
        _check_numbers(results, stacklevel + 1)
    wanted = _wanted(rows, columns, asked, known) if asked else {}
    failed: list[_Failed] = []
    lacking = set(by_pattern) if any(wanted.values()) and known is None else set()
    with Service(with_credentials(results.service, conf.url)) as service:
        for series, numbers in wanted.items():
            fields = [keyword.name for keyword in asked if is_in(keyword, series)]
            if numbers and not by_pattern.isdisjoint(fields):
                there = _there(service, series, numbers[0])
                fields = [name for name in fields if name not in by_pattern or name in there]
                lacking -= set(fields)
            failed += _fill(service, series, numbers, fields, columns, rows[series], progress=progress)
    for name in lacking - _HELD.keys():
        del columns[name]
    if not columns:
        raise ServiceError(
            f"{service.url} has none of the keywords that {', '.join(map(repr, names))} fit. "
            "sunpy_flarecast.catalog.all_keywords() lists those of JSOC; this service may have others."
        )
    came = sum(map(len, wanted.values())) - sum(len(one.records) for one in failed)
    if failed and (strict or (not came and known is None)):
        raise (
            failed[0].error
            if not came
            else ServiceError(f"{_described(failed, wanted)} Try again later, or take the rest without strict.")
        )
    if failed:
        again = "Their rows are masked; results.keywords(..., known=table) asks for them again, and for nothing else."
        warnings.warn(f"{_described(failed, wanted)} {again}", MissingDataWarning, stacklevel=stacklevel)
    table = QTable({name: _own(results[name]) for name in LEADING})
    for name, column in columns.items():
        table[name] = column.finished()
        table[name].info.description = column.keyword.meaning
    table.meta["service"] = service.url
    table.meta["missing"] = [
        {"series": one.series, "records": one.records, "reason": one.error.reason} for one in failed
    ]
    return table


def _mask(column: Any) -> npt.NDArray[np.bool_]:
    return np.array(np.broadcast_to(getattr(column, "mask", False), np.shape(column)))


def _own(column: Any) -> Any:
    """Copy a column, as one of any table; those of a search do not go with others into one table."""
    if isinstance(column, Time):
        return column.copy()
    mask = _mask(column)
    return MaskedColumn(_plain(column), mask=mask, copy=True) if mask.any() else Column(_plain(column), copy=True)


def _plain(column: Any) -> npt.NDArray[Any]:
    """Give the values of a column, whatever stands where it is masked."""
    return np.asarray(getattr(column, "unmasked", column))


def _rows(results: QTable) -> dict[str, dict[int, list[int]]]:
    """Give for each series its record numbers, and the rows that each of them has."""
    found: dict[str, dict[int, list[int]]] = {}
    numbers = zip(results["Series"].tolist(), _plain(results["Record"]).tolist(), _mask(results["Record"]), strict=True)
    for row, (series, number, masked) in enumerate(numbers):
        of_series = found.setdefault(series, {})
        if not masked:
            of_series.setdefault(number, []).append(row)
    return found


def _check_columns(results: FLARECASTResponse, needed: Sequence[str]) -> None:
    if lost := [name for name in needed if name not in results.colnames]:
        raise QueryError(
            f"The table has no column {lost[0]!r} any more, which is needed for a table of keywords. Use the table "
            "with all columns; table.show(...) gives a copy with a few for reading."
        )


def _check_numbers(results: FLARECASTResponse, stacklevel: int) -> None:
    """Tell of records that the service did not number (as in its first replies), which cannot be asked for."""
    count = int(np.sum(_mask(results["Record"])))
    text = f"{count:,} of {len(results):,} records have no record number, by which keywords are asked for"
    if count == len(results):
        raise QueryError(f"{text}: the service does not tell them. Ask a service that does.")
    if count:
        warnings.warn(f"{text}; their rows are masked.", MissingDataWarning, stacklevel=stacklevel)


class _Filled:
    """A column of one keyword, filled record by record."""

    def __init__(self, keyword: Keyword, count: int) -> None:
        self.keyword = keyword
        self.values = np.zeros(count, dtype=_DTYPES[keyword.kind])
        self.mask = np.ones(count, dtype=bool)

    def put(self, rows: Sequence[int], value: Any) -> None:
        """Fill in what came for a record."""
        plain = clean(value, self.keyword)
        if plain is None:
            return
        if isinstance(plain, float) and self.values.dtype == np.int64:
            self.values = self.values.astype(np.float64)
        for row in rows:
            self.values[row], self.mask[row] = plain, False

    def take(self, column: Any, rows: Any = slice(None), of: Any = slice(None)) -> None:
        """Fill rows with those of another column, of whatever unit that can be converted."""
        unit = u.Unit(self.keyword.unit)
        mask = _mask(column)[of]
        if getattr(column, "unit", None) is not None:
            column = column.to(unit) if isinstance(column, u.Quantity) else u.Quantity(column, column.unit).to(unit)
        plain = _plain(getattr(column, "value", column))[of]
        if plain.dtype.kind == "f" and self.values.dtype == np.int64:
            self.values = self.values.astype(np.float64)
        self.values[rows] = np.where(mask, self.values[rows], plain)
        self.mask[rows] = mask

    def finished(self) -> Any:
        """Give the column as `~astropy.table.QTable` has it: a quantity where there is a unit."""
        values = self.values
        if values.dtype == object:
            values = np.where(self.mask, "", values).astype(str)
        elif values.dtype == np.float64:
            values[self.mask] = np.nan
        missing = bool(self.mask.any())
        if self.keyword.unit:
            quantity = u.Quantity(values, self.keyword.unit, dtype=values.dtype)
            return Masked(quantity, mask=self.mask) if missing else quantity
        return MaskedColumn(values, mask=self.mask) if missing else Column(values)


def _wanted(
    rows: Mapping[str, Mapping[int, list[int]]],
    columns: Mapping[str, _Filled],
    asked: Sequence[Keyword],
    known: QTable | None,
) -> dict[str, list[int]]:
    """Tell what must be asked for, and take the rest from a table that is known already."""
    if known is None:
        return {series: list(of_series) for series, of_series in rows.items()}
    needed = ["Series", "Record", *(keyword.name for keyword in asked)]
    if lost := [name for name in needed if name not in known.colnames]:
        raise QueryError(
            f"known has no column {lost[0]!r}. It must be a table that results.keywords() gave for the same keywords."
        )
    place = {
        (series, number): of_number[0]
        for series, of_series in _rows(known).items()
        for number, of_number in of_series.items()
    }
    for one in known.meta.get("missing", ()):
        for number in one["records"]:
            place.pop((one["series"], number), None)
    wanted: dict[str, list[int]] = {}
    to: list[int] = []
    of: list[int] = []
    for series, of_series in rows.items():
        wanted[series] = [number for number in of_series if (series, number) not in place]
        for number, own in of_series.items():
            if (series, number) in place:
                to += own
                of += [place[series, number]] * len(own)
    for keyword in asked:
        columns[keyword.name].take(known[keyword.name], to, of)
    return wanted


def _there(service: Service, series: str, number: int) -> Collection[str]:
    """Find the keywords that a service has of a series, by asking for all of one record."""
    try:
        return service.meta(series, [number]).get(number, {})
    except ServiceError:
        return [keyword.name for keyword in all_keywords()]


def _fill(
    service: Service,
    series: str,
    numbers: Sequence[int],
    fields: Sequence[str],
    columns: Mapping[str, _Filled],
    rows: Mapping[int, list[int]],
    *,
    progress: bool,
) -> list[_Failed]:
    """Ask for the keywords of records of a series, and fill them in as they come."""
    if not fields or not numbers:
        return []
    reasons: dict[str, _Failed] = {}
    with closing(keywords_of(service, series, numbers, fields, progress=progress)) as coming:
        for values, failures in coming:
            for number, came in values.items():
                for field in fields:
                    columns[field].put(rows[number], came.get(field))
            for some, error in failures:
                error.__traceback__ = error.__cause__ = error.__context__ = None
                reasons.setdefault(error.reason, _Failed(series, [], error)).records.extend(some)
    return list(reasons.values())


def _described(failed: Sequence[_Failed], wanted: Mapping[str, Sequence[int]]) -> str:
    """Say in a sentence what is missing and why."""
    texts = []
    for series in dict.fromkeys(one.series for one in failed):
        records = [number for one in failed if one.series == series for number in one.records]
        listed = f"{', '.join(map(str, records[:_LISTED]))}{', ...' * (len(records) > _LISTED)}"
        of = f"{len(records):,} of {len(wanted[series]):,} record{'s' * (len(wanted[series]) > 1)}"
        texts.append(f"{of} of {series} (number{'s' * (len(records) > 1)} {listed})")
    reasons = list(dict.fromkeys(one.error.reason.removesuffix(".") for one in failed))
    others = f" (and {len(reasons) - 1:,} other{'s' * (len(reasons) > 2)})" if len(reasons) > 1 else ""
    return f"Keywords are missing of {' and '.join(texts)}. Reason: {reasons[0]}{others}."
