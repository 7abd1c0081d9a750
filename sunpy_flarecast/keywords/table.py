"""Keywords of the records of a search as a table with units and masks."""

from __future__ import annotations

import warnings
from contextlib import closing
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from astropy.table import QTable, Table

from sunpy_flarecast.errors import Interrupted, MissingDataWarning, QueryError, ServiceError, UnreachableError
from sunpy_flarecast.rest.keyword_requests import keywords_of
from sunpy_flarecast.rest.service import Service
from sunpy_flarecast.rest.session import interruption
from sunpy_flarecast.sharp.catalog import all_keywords
from sunpy_flarecast.sharp.keyword_names import choose_keywords, is_in, matching_names
from sunpy_flarecast.table.columns import require
from sunpy_flarecast.utils.masked import mask_of, unmasked
from sunpy_flarecast.utils.reports import counted

from .columns import Filled, own_column

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sunpy_flarecast.sharp.catalog import Keyword
    from sunpy_flarecast.table.base import RecordTable

__all__ = ["LEADING", "keyword_table"]

#: The first columns of every table of keywords.
LEADING: Final = ("T_REC", "Start Time", "Series", "HARPNUM", "Record")

_NEEDED: Final = "which is needed for a table of keywords"

#: Keywords that the table of a search has, and their columns there.
_HELD: Final = {
    **dict.fromkeys(("harpnum", "tarpnum"), "HARPNUM"),
    "quality": "Quality",
    "wavelnth": "Wavelength",
    "recnum": "Record",
}

#: How many record numbers or keywords a message lists, and how many characters of a value.
_LISTED: Final = 3
_QUOTED: Final = 40


class _Failed(NamedTuple):
    """Records of a series whose keywords could not be fetched."""

    series: str
    records: list[int]
    error: ServiceError


def keyword_table(
    results: RecordTable,
    names: Sequence[str] = (),
    *,
    known: QTable | None = None,
    optional: Collection[str] = (),
    strict: bool = False,
    progress: bool = True,
    stacklevel: int = 3,
) -> QTable:
    """
    Make a table of keywords; see `FLARECASTResponse.keywords`.

    ``optional`` are DRMS names of keywords that are left out if the service lacks them, like those that patterns match.
    Warnings point ``stacklevel`` calls up, to the user's line.
    """
    require(results, LEADING, _NEEDED)
    rows = _rows(results)
    chosen, by_pattern = _choose(names, rows)
    by_pattern |= frozenset(optional)
    if known is not None and not isinstance(known, Table):
        raise QueryError(
            f"keywords(known=...) takes an earlier result of results.keywords(...), not {type(known).__name__}. Read a "
            "saved table with sunpy_flarecast.read_keywords(path)."
        )
    if known is not None:
        chosen = [one for one in chosen if one.name not in by_pattern or one.name in (*_HELD, *known.colnames)]
    columns = {keyword.name: Filled(keyword, len(results)) for keyword in chosen}
    held = [name for name in columns if name in _HELD]
    require(results, [_HELD[name] for name in held], _NEEDED)
    for name in held:
        columns[name].take(results[_HELD[name]])
    asked = [keyword for keyword in chosen if keyword.name not in _HELD]
    if asked and len(results):
        _check_numbers(results, stacklevel + 1)
    wanted = _wanted(rows, columns, asked, known) if asked else {}
    failed: list[_Failed] = []
    lacking = set(by_pattern) if any(wanted.values()) and known is None else set()
    with Service.of_table(results.service) as service:
        for series, numbers in wanted.items():
            fields = [keyword.name for keyword in asked if keyword.name in by_pattern or is_in(keyword, series)]
            if numbers and not by_pattern.isdisjoint(fields):
                with service.patience.interruptible():
                    there = _available(service, series, numbers)
                    fields = [name for name in fields if name not in by_pattern or name in there]
                lacking -= set(fields)
            failed += _fill(service, series, numbers, fields, columns, rows[series], progress=progress)
    came = sum(map(len, wanted.values())) - sum(len(one.records) for one in failed)
    absent = [name for name, column in columns.items() if column.lacked and not column.came]
    interrupted = service.patience.interrupted
    if known is None and not interrupted:
        lacking |= by_pattern.intersection(absent)
    for name in lacking - _HELD.keys():
        del columns[name]
    if not columns:
        raise ServiceError(
            f"{service.url} has none of the keywords that match {', '.join(map(repr, names))}. "
            "sunpy_flarecast.catalog.all_keywords() lists those of JSOC; this service may have others."
        )
    if failed and not interrupted and (strict or (not came and known is None)):
        raise (
            failed[0].error
            if not came
            else ServiceError(
                f"{_described(failed, wanted)} Try again later, or leave out strict (--strict) to get the rest."
            )
        )
    if failed and not interrupted:
        again = "Their rows are masked; results.keywords(..., known=table) requests them again, and nothing else."
        warnings.warn(f"{_described(failed, wanted)} {again}", MissingDataWarning, stacklevel=stacklevel)
    if not interrupted and (note := _without_values(service.url, columns, absent)):
        if strict or (known is None and columns.keys() <= set(absent)):
            raise ServiceError(f"{note} results.keywords('*') (--keyword '*') shows the keywords that it has.")
        warnings.warn(f"{note} Missing values are masked.", MissingDataWarning, stacklevel=stacklevel)
    table = QTable({name: own_column(results[name]) for name in LEADING})
    for name, column in columns.items():
        table[name] = column.finished()
        table[name].info.description = column.keyword.meaning
    table.meta["service"] = service.url
    if origin := service.origin or results.origin:
        table.meta["origin"] = origin
    table.meta["missing"] = [
        {"series": one.series, "records": one.records, "reason": one.error.reason} for one in failed
    ]
    if interrupted:
        raise Interrupted(
            "The request for keywords was interrupted; the attribute `partial` of this exception is the table so far, "
            "and results.keywords(..., known=partial) requests the rest.",
            table,
        )
    return table


def _choose(names: Sequence[str], series: Collection[str]) -> tuple[list[Keyword], frozenset[str]]:
    """Choose keywords as `choose_keywords` does; patterns also match keywords that only other series have."""
    chosen, by_pattern = choose_keywords(names, series)
    # A SHARP has no TARPNUM, and a SMARP no HARPNUM, whatever the service has.
    there = {
        one.name: one
        for one in all_keywords()
        if one.name not in ("harpnum", "tarpnum") or any(is_in(one, name) for name in series)
    }
    patterns = [name for name in names if any(sign in name for sign in "*?[")]
    more = set(matching_names(patterns, list(there))) - {keyword.name for keyword in chosen}
    return [*chosen, *(keyword for name, keyword in there.items() if name in more)], by_pattern | more


def _rows(results: QTable) -> dict[str, dict[int, list[int]]]:
    """Return the rows of each record number, by series."""
    found: dict[str, dict[int, list[int]]] = {}
    record = results["Record"]
    numbers = zip(results["Series"].tolist(), unmasked(record).tolist(), mask_of(record), strict=True)
    for row, (series, number, masked) in enumerate(numbers):
        of_series = found.setdefault(series, {})
        if not masked:
            of_series.setdefault(number, []).append(row)
    return found


def _check_numbers(results: RecordTable, stacklevel: int) -> None:
    """Warn of records without a number (early versions of the service sent none): their keywords are unavailable."""
    count = int(np.sum(mask_of(results["Record"])))
    text = f"The record number, needed to request keywords, is missing for {count:,} of {len(results):,} records"
    if count == len(results):
        raise QueryError(f"{text}. Use a service that sends it.")
    if count:
        rows = "its row is" if count == 1 else "their rows are"
        warnings.warn(f"{text}; {rows} masked.", MissingDataWarning, stacklevel=stacklevel)


def _wanted(
    rows: Mapping[str, Mapping[int, list[int]]],
    columns: Mapping[str, Filled],
    asked: Sequence[Keyword],
    known: QTable | None,
) -> dict[str, list[int]]:
    """Return the record numbers to request; values of the others are taken from a known table."""
    if known is None:
        return {series: list(of_series) for series, of_series in rows.items()}
    needed = ["Series", "Record", *(keyword.name for keyword in asked)]
    if lost := [name for name in needed if name not in known.colnames]:
        raise QueryError(
            f"known has no column {lost[0]!r}. It must be a table from results.keywords() with the same keywords."
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


def _available(service: Service, series: str, numbers: Sequence[int]) -> Collection[str]:
    """Find the keywords that a service has for a series by requesting those of a record, or of up to two others."""
    for number in dict.fromkeys(numbers[place] for place in (0, len(numbers) // 2, -1)):
        try:
            if came := service.meta(series, [number]).get(number):
                return came
        except UnreachableError:
            break
        except ServiceError:
            continue
    return [keyword.name for keyword in all_keywords() if is_in(keyword, series)]


def _fill(
    service: Service,
    series: str,
    numbers: Sequence[int],
    fields: Sequence[str],
    columns: Mapping[str, Filled],
    rows: Mapping[int, list[int]],
    *,
    progress: bool,
) -> list[_Failed]:
    """Request the keywords of records of a series, and fill in the values as they arrive."""
    if not fields or not numbers:
        return []
    reasons: dict[str, _Failed] = {}
    left = dict.fromkeys(numbers)
    coming = keywords_of(service, series, numbers, fields, progress=progress)
    with service.patience.interruptible(), closing(coming):
        for values, failures in coming:
            for number, came in values.items():
                for field in fields:
                    if field in came:
                        columns[field].put(rows[number], came[field])
                    else:
                        columns[field].lacked = True
                left.pop(number, None)
            for some, error in failures:
                error.__traceback__ = error.__cause__ = error.__context__ = None
                reasons.setdefault(error.reason, _Failed(series, [], error)).records.extend(some)
                for number in some:
                    left.pop(number, None)
    if service.patience.interrupted and left:
        reasons[""] = _Failed(series, list(left), interruption())
    return list(reasons.values())


def _without_values(url: str, columns: Mapping[str, Filled], absent: Sequence[str]) -> str:
    """Name the keywords that a service left out of all replies, or sent with unreadable values."""
    texts = []
    lost = [name for name in absent if name in columns]
    if lost:
        texts.append(f"{url} sent no record with {_named(lost)}.")
    strange = [name for name, column in columns.items() if column.unreadable is not None and column.mask.all()]
    if strange:
        example = repr(columns[strange[0]].unreadable)
        texts.append(
            f"{url} sent {_named(strange)} with values that cannot be read, such as "
            f"{example if len(example) <= _QUOTED else f'{example[:_QUOTED]}...'}."
        )
    return " ".join(texts)


def _named(names: Sequence[str]) -> str:
    text = f"{', '.join(names[:_LISTED])}{f' and {len(names) - _LISTED:,} more' * (len(names) > _LISTED)}"
    return f"the keyword{'s' * (len(names) > 1)} {text}"


def _described(failed: Sequence[_Failed], wanted: Mapping[str, Sequence[int]]) -> str:
    """Say what is missing and why."""
    texts = []
    for series in dict.fromkeys(one.series for one in failed):
        records = [number for one in failed if one.series == series for number in one.records]
        listed = f"{', '.join(map(str, records[:_LISTED]))}{', ...' * (len(records) > _LISTED)}"
        of = f"{len(records):,} of {counted(len(wanted[series]), 'record')}"
        texts.append(f"{of} of {series} (number{'s' * (len(records) > 1)} {listed})")
    reasons = list(dict.fromkeys(one.error.reason.removesuffix(".") for one in failed))
    others = f" (and {len(reasons) - 1:,} other{'s' * (len(reasons) > 2)})" if len(reasons) > 1 else ""
    return f"Keywords of {' and '.join(texts)} are missing. Reason: {reasons[0]}{others}."
