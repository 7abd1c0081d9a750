"""From queries to records: all their windows asked for, what answers them chosen, and what is missing listed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.time import Time

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import ServiceError
from sunpy_flarecast.query.query import service_time, service_times
from sunpy_flarecast.rest.list_reply import read_records
from sunpy_flarecast.rest.records import merge
from sunpy_flarecast.utils.progress import progress_bar

from .keyword_filter import look_up
from .missing import Missing, described, joined
from .selection import again, choose_files, select
from .windows import Window, answers

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from sunpy_flarecast.query.query import Query
    from sunpy_flarecast.rest.records import Records
    from sunpy_flarecast.rest.service import Service

__all__ = ["Found", "complete", "find"]

#: What is asked for: a query and a range of it, which is all of it or what was missing.
_Range = tuple["Query", Any, Any]


@dataclass(frozen=True)
class Found:
    """
    The outcome of a search.

    Parameters
    ----------
    records : Records
        In the order of the table to be.
    missing : list of Missing
        What the service did not answer for.
    told : list of str
        What else the user should know, as sentences.
    """

    records: Records
    missing: list[Missing]
    told: list[str]


def find(queries: Sequence[Query], service: Service, *, strict: bool = False, progress: bool = False) -> Found:
    """
    Ask a service for the records of queries.

    Queries that differ in what is filtered here ask for the same windows, which are asked for once.

    Parameters
    ----------
    queries : sequence of Query
        The branches of a search.
    service : Service
        What is asked.
    strict : bool
        End with an error as soon as anything is missing.
    progress : bool
        Show a bar, if there are several windows.

    Returns
    -------
    Found
        The records of all queries, each once.

    Raises
    ------
    ServiceError
        If there is no answer for any window, or for the keywords of any record; that of the first one. With
        ``strict``, if there is none for one.
    """
    parts = _ask([(query, *query.span) for query in queries], service, strict=strict, progress=progress)
    if not any(part.records for part in parts):
        raise min(parts[0].missing, key=lambda one: (one.start.jd1, one.start.jd2)).error
    looked = look_up(
        [(query, select(part.joined(), query)) for query, part in zip(queries, parts, strict=True)],
        service,
        progress=progress,
    )
    if failed := [gap for one in looked for gap in one.missing]:
        if strict:
            raise _too_little(failed) from failed[0].error
        if not any(one.known for one in looked):
            raise failed[0].error
    told: list[str] = []
    found: list[Records] = []
    for query, part, one in zip(queries, parts, looked, strict=True):
        records, sentences = _chosen(one.records, query, part.broken, service.url)
        found.append(records)
        told += [*one.told, *sentences]
        part.missing += one.missing
    return Found(merge(found), _still_missing(parts), told)


def complete(
    held: Records, queries: Sequence[Query], missing: Sequence[Missing], service: Service, *, progress: bool = False
) -> Found:
    """
    Ask again for what is missing, and join it with what is there.

    Parameters
    ----------
    held : Records
        What is there.
    queries : sequence of Query
        The branches of the search that found it.
    missing : sequence of Missing
        What it could not get.
    service : Service
        What is asked.
    progress : bool
        Show a bar, if there are several windows.

    Returns
    -------
    Found
        All records, and what is still missing.
    """
    if not _separable(held, queries, missing):
        try:
            found = find(queries, service, progress=progress)
        except ServiceError:
            return Found(held, list(missing), [])
        if all(any(_within(one, other) for other in missing) for one in found.missing):
            return found
        other = (
            "The whole search had to be made again, and failed for other parts of its range; the table is as it was."
        )
        return Found(held, list(missing), [other])
    around = [again(one) for one in missing]
    parts = _ask(
        [(one.query, *ends) for one, (ends, _) in zip(missing, around, strict=True)], service, progress=progress
    )
    selected = []
    for one, part, (_, concerned) in zip(missing, parts, around, strict=True):
        new = select(part.joined(), one.query)
        selected.append((one.query, new if concerned is None else new[concerned(new)]))
    looked = look_up(selected, service, progress=progress)
    told: list[str] = []
    for one, part, seen, (query, new), (_, concerned) in zip(missing, parts, looked, selected, around, strict=True):
        records, sentences = _chosen(seen.records, query, part.broken, service.url)
        told += [*seen.told, *sentences]
        part.missing += seen.missing
        if query.sample is None and query.near is None:
            held = merge([held, records])
            continue
        own = _own(held, query, queries)
        if concerned is None:
            # What is there was chosen without what was missing, and has to be chosen anew together with it.
            held = merge([held[~own], select(merge([held[own], records]), query)])
        elif part.records:
            chosen = np.isin(held.recnum.filled(-1), new.recnum.compressed())
            held = merge([held[~own | ~concerned(held) | chosen], records])
        else:
            part.missing = [one]
    return Found(held, _still_missing(parts), told)


@dataclass
class _Part:
    """What came for one range of a query."""

    records: dict[int, list[Records]] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    broken: int = 0

    def joined(self) -> Records:
        """All records, each once; the windows in the order they were asked for, in whatever order they came."""
        parts = [records for number in sorted(self.records) for records in self.records[number]]
        return merge(parts or [read_records(b"[]", "")[0]])


def _ask(ranges: Sequence[_Range], service: Service, *, strict: bool = False, progress: bool) -> list[_Part]:
    """Ask for the windows of ranges, each once, and take from each what answers the queries, as it comes."""
    windows, takers = _windows(ranges)

    def ask(number: int, window: Window) -> tuple[list[Records], int]:
        records, broken = service.records(window.series, *window.times)
        return [select(records, ranges[taker][0]) for taker in takers[number]], broken

    parts = [_Part() for _ in ranges]
    missing: dict[tuple[int, int], list[Missing]] = {}
    found = 0
    # Closed at once, whatever happens here, so that nothing more is asked.
    bar = progress_bar(shown=progress and len(windows) > 1, total=len(windows), desc="Windows searched", unit="window")
    with closing(answers(windows, ask, service.patience)) as coming, bar:
        for number, pieces in coming:
            for place, taker in enumerate(takers[number]):
                for piece in pieces:
                    if piece.value is not None:
                        selected, broken = piece.value
                        found += len(selected[place])
                        parts[taker].records.setdefault(number, []).append(selected[place])
                        parts[taker].broken += broken
                    elif piece.error is not None:
                        query = ranges[taker][0]
                        missing.setdefault((taker, number), []).append(
                            Missing(start=piece.window.start, end=piece.window.end, error=piece.error, query=query)
                        )
                        if strict:
                            raise _too_little(missing[taker, number]) from piece.error
            bar.set_postfix_str(f"{found:,} records", refresh=False)
            bar.update()
    for taker, number in sorted(missing):
        parts[taker].missing += missing[taker, number]
    return parts


def _too_little(missing: Sequence[Missing]) -> ServiceError:
    first = missing[0].error
    todo = (
        f"{first.advice} Without strict there is a table of what came, and a list of what is missing."
        if first.advice
        else "Try again later, or without strict, which gives a table of what there is and lists what is missing."
    )
    return ServiceError(
        f"{described(missing)} The rest was not asked for. {todo}", reason=first.reason, advice=first.advice
    )


def _still_missing(parts: Iterable[_Part]) -> list[Missing]:
    missing = [one for part in parts for one in joined(part.missing)]
    for one in missing:
        # Tables live long; tracebacks would keep the session and its replies as long.
        one.error.__traceback__ = one.error.__cause__ = one.error.__context__ = None
    return missing


def _windows(ranges: Iterable[_Range]) -> tuple[list[Window], list[list[int]]]:
    """Cut ranges into windows, each once; also tell for each which of the ranges want it."""
    spans: dict[tuple[str, str, str], tuple[_Range, list[int]]] = {}
    for taker, (query, start, end) in enumerate(ranges):
        key = (query.series, service_time(start), service_time(end, up=True))
        spans.setdefault(key, ((query, start, end), []))[1].append(taker)
    windows: list[Window] = []
    takers: list[list[int]] = []
    known: dict[tuple[str, ...], int] = {}
    for (query, start, end), wanted in spans.values():
        # A span has its margin already.
        cut = list(replace(query, start=start, end=end, sample=None).windows(conf.window))
        texts = (service_times(Time([ends[side] for ends in cut]), up=bool(side)) for side in (0, 1))
        for ends, *times in zip(cut, *texts, strict=True):
            number = known.setdefault((query.series, *times), len(windows))
            if number == len(windows):
                windows.append(Window(query.series, *ends))
                takers.append([])
            takers[number] += wanted
    return windows, takers


def _within(one: Missing, other: Missing) -> bool:
    return bool(one.query == other.query and other.start <= one.start and one.end <= other.end)


def _separable(held: Records, queries: Sequence[Query], missing: Iterable[Missing]) -> bool:
    """Tell whether the records of each query that must be chosen anew can be told from those of others."""
    if len(queries) == 1:
        return True
    chosen = {query.series for query in queries if query.sample is not None or query.near is not None}
    anew = {one.query.series for one in missing} & chosen
    several = [series for series in anew if sum(query.series == series for query in queries) > 1]
    # A service may call its series otherwise than it was asked for them.
    return not several and (not anew or set(held.series.tolist()) <= {query.series for query in queries})


def _own(held: Records, query: Query, queries: Sequence[Query]) -> npt.NDArray[np.bool_]:
    """Tell which records were found for a query."""
    if len(queries) == 1:
        return np.ones(len(held), dtype=bool)
    return np.asarray(held.series == query.series, dtype=bool)


def _chosen(records: Records, query: Query, broken: int, shown: str) -> tuple[Records, list[str]]:
    """Choose the files of records, and say what is wrong with them."""
    records, lacking = choose_files(records, query.segments)
    told = []
    if broken:
        told.append(
            f"{shown} gave {broken:,} record{'s' * (broken > 1)} of {query} that cannot be read (no "
            "URLs of files); left out of the table. Tell those who run the service."
        )
    if not query.segments and (empty := sum(not names for names in records.names)):
        told.append(
            f"{shown} gave {empty:,} of {len(records):,} records of {query} without any file; they stay listed."
        )
    if lacking:
        told.append(_lacking_text(lacking, len(records), query))
    return records, told


def _lacking_text(lacking: Counter[str], count: int, query: Query) -> str:
    listed = ", ".join(f"{name!r} ({number:,})" for name, number in lacking.items())
    return (
        f"Of {count:,} records of {query}, some do not have a segment that was asked for: {listed}. "
        "They stay in the table with the segments they have."
    )
