"""Conditions on keywords that lists of records lack: the keywords are requested, and the records filtered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from astropy.time import TimeDelta

from sunpy_flarecast.rest.keyword_requests import ask_all
from sunpy_flarecast.rest.records import keyword_column
from sunpy_flarecast.sharp.catalog import find_keyword, step_of
from sunpy_flarecast.sharp.t_rec import slot_time
from sunpy_flarecast.sharp.values import clean
from sunpy_flarecast.utils.reports import counted

from .missing import Missing
from .selection import satisfying

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from astropy.time import Time

    from sunpy_flarecast.errors import ServiceError
    from sunpy_flarecast.query.query import Query
    from sunpy_flarecast.rest.records import Records
    from sunpy_flarecast.rest.service import Service

__all__ = ["Looked", "look_up"]


@dataclass(frozen=True)
class Looked:
    """
    The records of a query that satisfy all its conditions, with the keywords.

    ``missing`` lists the time steps of records whose keywords are unavailable, ``notes`` are sentences for the user,
    and ``known`` is the number of records whose keywords are known or not needed.
    """

    records: Records
    missing: list[Missing]
    notes: list[str]
    known: int


def look_up(selected: Sequence[tuple[Query, Records]], service: Service, *, progress: bool = False) -> list[Looked]:
    """
    Return the records of each query whose keywords satisfy its conditions.

    The keywords of a record are requested once for all queries of its series.
    """
    values: dict[str, dict[int, dict[str, Any]]] = {}
    fields: dict[str, list[str]] = {}
    failed: dict[str, dict[int, ServiceError]] = {}
    for series in dict.fromkeys(query.series for query, _ in selected):
        concerned = [(query, records) for query, records in selected if query.series == series and query.looked_up]
        fields[series] = list(dict.fromkeys(name for query, _ in concerned for name in query.looked_up))
        numbers = dict.fromkeys(number for _, records in concerned for number in records.recnum.compressed().tolist())
        values[series], failures = (
            ask_all(service, series, list(numbers), fields[series], progress=progress) if numbers else ({}, [])
        )
        failed[series] = {number: error for several, error in failures for number in several}
    return [
        _looked(query, records, fields[query.series], values[query.series], failed[query.series], service.url)
        for query, records in selected
    ]


def _looked(
    query: Query,
    records: Records,
    fields: Sequence[str],
    values: Mapping[int, Mapping[str, Any]],
    failed: Mapping[int, ServiceError],
    url: str,
) -> Looked:
    if not query.looked_up:
        # Keywords that another branch requested for the same records are known here, too.
        return Looked(_with_keywords(records, fields, values) if fields else records, [], [], len(records))
    numbers = records.recnum.tolist()
    notes = []
    if nameless := sum(number is None for number in numbers):
        their, they_are = ("its", "it is") if nameless == 1 else ("their", "they are")
        notes.append(
            f"{url} sent {nameless:,} of {len(records):,} records of {query} without a record number, so {their} "
            f"keywords cannot be requested; {they_are} left out of the table."
        )
    known = np.fromiter((number in values for number in numbers), dtype=bool, count=len(numbers))
    missing = _missing(query, records, failed) if failed else []
    records = _with_keywords(records[known], fields, values)
    for condition in query.conditions:
        columns = [records.keywords.get(name) for name in condition.keywords]
        if len(records) and all(column is not None and np.ma.getmaskarray(column).all() for column in columns):
            names = " or ".join(name.upper() for name in condition.keywords)
            notes.append(
                f"{url} sent keywords of {counted(len(records), 'record')} of {query}, but no value of {names}, so "
                f"no record satisfies a condition on {'it' if len(columns) == 1 else 'them'}."
            )
    return Looked(satisfying(records, query), missing, notes, int(known.sum()))


def _with_keywords(records: Records, names: Iterable[str], values: Mapping[int, Mapping[str, Any]]) -> Records:
    """Add keywords to records; values that were not requested are masked."""
    rows = [values.get(number, {}) for number in records.recnum.tolist()]
    keywords = {}
    for name in names:
        known = find_keyword(name)
        keywords[name] = keyword_column(name, [clean(row.get(name), known) for row in rows])
    return replace(records, keywords=keywords)


def _missing(query: Query, records: Records, failed: Mapping[int, ServiceError]) -> list[Missing]:
    """List the intervals of the records whose keywords could not be fetched, with few other records in them."""
    errors: dict[int | None, ServiceError | None] = {}
    for slot, number in zip(records.nearest_slot().tolist(), records.recnum.tolist(), strict=True):
        errors[slot] = errors.get(slot) or failed.get(number)
    unknown = errors.pop(None, None)
    runs: list[tuple[int, int, ServiceError]] = []
    before: ServiceError | None = None
    for slot, error in sorted(errors.items(), key=lambda item: item[0] or 0):
        if slot is not None and error is not None:
            if before is not None and before.reason == error.reason:
                runs[-1] = (runs[-1][0], slot, runs[-1][2])
            else:
                runs.append((slot, slot, error))
        before = error
    missing = [Missing(**_interval(query, *ends), error=error, query=query) for *ends, error in runs]
    return missing if unknown is None else [Missing(start=query.start, end=query.end, error=unknown, query=query)]


def _interval(query: Query, first: int, last: int) -> dict[str, Time]:
    """Return the range of the records of some time steps."""
    start, end = query.start, query.end
    half = TimeDelta(step_of(query.series) / 2, format="sec")  # DATE-OBS is less than that before T_REC
    begin, stop = max(start, slot_time(first).utc - half), min(end, slot_time(last).utc + half)
    # A record whose times contradict each other may lie outside.
    return {"start": begin, "end": stop} if begin < stop else {"start": start, "end": end}
