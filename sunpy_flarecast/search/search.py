"""From queries to records: windows are requested, replies filtered and merged, and missing parts listed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from astropy.time import Time, TimeDelta

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import Interrupted, ServiceError
from sunpy_flarecast.query.query import service_time, service_times
from sunpy_flarecast.rest.list_reply import read_records
from sunpy_flarecast.rest.parallel import answers
from sunpy_flarecast.rest.records import merge
from sunpy_flarecast.rest.session import interruption
from sunpy_flarecast.sharp.catalog import margin_of
from sunpy_flarecast.utils.progress import progress_bar
from sunpy_flarecast.utils.reports import counted

from .empty_days import EmptyDays
from .keyword_filter import look_up
from .missing import Missing, described, joined
from .selection import choose_files, in_range, select
from .why_empty import requested_harps, why_empty
from .windows import Window

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence

    from sunpy_flarecast.query.query import Query
    from sunpy_flarecast.rest.records import Records
    from sunpy_flarecast.rest.service import Service

__all__ = ["Found", "complete", "find"]

#: Number of branches of a search for which the text says why nothing was found.
_REASONS: Final = 3

#: A query and a range of it: all of it, or a missing part.
_Range = tuple["Query", Any, Any]


@dataclass(frozen=True)
class Found:
    """
    The outcome of a search.

    ``records`` are in the order of the table, ``missing`` are the parts that the service did not answer for, and
    ``notes`` are sentences for the user. ``listed`` has, for each query, the HARPs with records in its range (if it
    requests HARPs), or None if there are no records. ``origin`` is ``"SYNTHETIC"`` if the service says that its records
    are synthetic.
    """

    records: Records
    missing: list[Missing]
    notes: list[str]
    listed: Sequence[set[int] | None] = ()
    origin: str = ""

    def why_empty(self, queries: Sequence[Query]) -> str:
        """Say why nothing was found; empty if something was, or if a warning says why."""
        if len(self.records) or self.missing or self.notes:
            return ""
        reasons = dict.fromkeys(why_empty(query, listed) for query, listed in zip(queries, self.listed, strict=True))
        return f"Nothing was found. {' '.join([*reasons][:_REASONS])}"


def find(queries: Sequence[Query], service: Service, *, strict: bool = False, progress: bool = False) -> Found:
    """
    Search a service for the records of queries; queries that need the same windows share their requests.

    Raises `ServiceError` if all windows, or the keywords of all records, fail; with ``strict``, if any fails. After
    Ctrl-C, ``partial`` of the `Interrupted` has the records found so far.
    """
    parts, notes = _ask([(query, *query.span) for query in queries], service, strict=strict, progress=progress)
    if not any(part.records for part in parts) and not service.patience.interrupted:
        raise min(parts[0].missing, key=lambda one: (one.start.jd1, one.start.jd2)).error
    found, failure = _filtered(queries, parts, service, notes, strict=strict, progress=progress)
    if failure is not None and not service.patience.interrupted:
        raise failure
    return _outcome(service, merge(found), _still_missing(parts), notes, [part.listed for part in parts])


def _outcome(
    service: Service, records: Records, missing: list[Missing], notes: list[str], listed: Sequence[set[int] | None] = ()
) -> Found:
    """Return the outcome of a search, or raise it as `Interrupted`."""
    found = Found(records, missing, notes, listed, service.origin)
    if service.patience.interrupted:
        raise Interrupted("The search was interrupted.", found)
    return found


def complete(
    held: Records, queries: Sequence[Query], missing: Sequence[Missing], service: Service, *, progress: bool = False
) -> Found:
    """
    Request the missing parts of a search again, and merge them with the records ``held``.

    Sampled searches, and those for the nearest record, are repeated as a whole, since the missing records may change
    the selection. If they fail or are interrupted, their records stay unchanged.
    """
    repeated = {one.query.series for one in missing if one.chosen}
    # If a service uses other names of series, it is not clear which records belong to which query.
    if repeated and not set(held.series.tolist()) <= {query.series for query in queries}:
        repeated = {query.series for query in queries}
    notes: list[str] = []
    left = [one for one in missing if one.query.series not in repeated]
    if left:
        parts, notes = _ask([(one.query, one.start, one.end) for one in left], service, progress=progress)
        found, _ = _filtered([one.query for one in left], parts, service, notes, progress=progress)
        held, left = merge([held, *found]), _still_missing(parts)
    if repeated:
        before = [one for one in missing if one.query.series in repeated]
        try:
            again = find([query for query in queries if query.series in repeated], service, progress=progress)
        except (ServiceError, Interrupted):
            return _outcome(service, held, left + before, notes)
        notes += again.notes
        if all(any(_within(one, other) for other in before) for one in again.missing):
            others = np.array([series not in repeated for series in held.series.tolist()], dtype=bool)
            return Found(merge([held[others], again.records]), left + again.missing, notes, origin=again.origin)
        notes.append("The search had to be repeated and failed for other parts of its range; the table is unchanged.")
        left += before
    return _outcome(service, held, left, notes)


@dataclass
class _Part:
    """The replies for a range of a query."""

    records: dict[int, list[Records]] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    broken: int = 0
    listed: set[int] | None = None

    def joined(self) -> Records:
        """Merge the records in the order of the windows, independent of the order of the replies."""
        parts = [records for number in sorted(self.records) for records in self.records[number]]
        return merge(parts or [read_records(b"[]", "")[0]])


def _ask(
    ranges: Sequence[_Range], service: Service, *, strict: bool = False, progress: bool
) -> tuple[list[_Part], list[str]]:
    """Request the windows of ranges, without duplicates, and select the records of the queries as they arrive."""
    windows, takers = _windows(ranges)
    empty = EmptyDays(service)

    def ask(number: int, window: Window) -> tuple[list[Records], list[set[int] | None], int]:
        if window in empty:
            records, broken = read_records(b"[]", "")
        else:
            records, broken = service.records(window.series, *window.times, shown=window.shown)
            if not len(records) and not broken:
                empty.add(window)
        asked = [ranges[taker][0] for taker in takers[number]]
        return (
            [select(records, query) for query in asked],
            [_listed(records, query) for query in asked],
            broken,
        )

    parts = [_Part() for _ in ranges]
    missing: dict[tuple[int, int], list[Missing]] = {}
    found = 0
    left = set(range(len(windows)))
    # Closed at once on any exception, so that nothing more is requested.
    bar = progress_bar(shown=progress and len(windows) > 1, total=len(windows), desc="Windows searched", unit="window")
    with service.patience.interruptible(), closing(answers(windows, ask, service.patience)) as coming, bar:
        for number, pieces in coming:
            for place, taker in enumerate(takers[number]):
                for piece in pieces:
                    if piece.value is not None:
                        selected, listed, broken = piece.value
                        if (harps := listed[place]) is not None:
                            parts[taker].listed = harps | (parts[taker].listed or set())
                        found += len(selected[place])
                        parts[taker].records.setdefault(number, []).append(selected[place])
                        parts[taker].broken += broken
                    elif piece.error is not None:
                        gap = _missing(ranges[taker], piece.window, piece.error)
                        missing.setdefault((taker, number), []).append(gap)
                        if strict:
                            raise _too_little(missing[taker, number]) from piece.error
            if strict and service.outdated:
                raise service.outdated[0][1]
            left.discard(number)
            bar.set_postfix_str(counted(found, "record"), refresh=False)
            bar.update()
    if service.patience.interrupted:
        for number in left:
            for taker in takers[number]:
                missing[taker, number] = [_missing(ranges[taker], windows[number], interruption())]
    for taker, number in sorted(missing):
        parts[taker].missing += missing[taker, number]
    return parts, _outdated_text(service, len(windows))


def _listed(records: Records, query: Query) -> set[int] | None:
    """Return the HARPs in the range of a query if it requests some; None if there are no records."""
    here = in_range(records, query)
    if not here.any():
        return None
    return set(records.harpnum[here].compressed().tolist()) if requested_harps(query) else set()


def _missing(of: _Range, window: Window, error: ServiceError) -> Missing:
    """Describe a part of a range that is missing, without the margins of its window and of samples."""
    query, start, end = of
    first, last = (min(max(time, start, query.start), end, query.end) for time in (window.start, window.end))
    return Missing(start=first, end=last, error=error, query=query)


def _outdated_text(service: Service, windows: int) -> list[str]:
    if not service.outdated:
        return []
    first, *_, last = sorted(f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M}" for when, _ in service.outdated * 2)
    reason = service.outdated[0][1].reason.removesuffix(".")
    times = f"{first} UTC" if first == last else f"{first} to {last} UTC"
    come = "comes" if len(service.outdated) == 1 else "come"
    return [f"{len(service.outdated):,} of {windows:,} windows {come} from the cache (confirmed {times}): {reason}."]


def _filtered(
    queries: Sequence[Query],
    parts: Sequence[_Part],
    service: Service,
    notes: list[str],
    *,
    strict: bool = False,
    progress: bool = False,
) -> tuple[list[Records], ServiceError | None]:
    """Apply conditions on keywords, and choose files; also return the first error if all keywords are missing."""
    selected = [(query, select(part.joined(), query)) for query, part in zip(queries, parts, strict=True)]
    looked = look_up(selected, service, progress=progress)
    failed = [gap for one in looked for gap in one.missing]
    if strict and failed and not service.patience.interrupted:
        raise _too_little(failed) from failed[0].error
    found = []
    for query, part, one in zip(queries, parts, looked, strict=True):
        records, lacking = choose_files(one.records, query.segments)
        found.append(records)
        part.missing += one.missing
        notes += [*one.notes, *_sentences(records, lacking, query, part.broken, service.url)]
    return found, failed[0].error if failed and not any(one.known for one in looked) else None


def _too_little(missing: Sequence[Missing]) -> ServiceError:
    first = missing[0].error
    todo = (
        f"{first.advice} Without strict, the search returns the records found and lists what is missing."
        if first.advice
        else "Try again later, or search without strict, which returns the records found and lists what is missing."
    )
    return ServiceError(
        f"{described(missing)} The rest was not requested. {todo}", reason=first.reason, advice=first.advice
    )


def _still_missing(parts: Iterable[_Part]) -> list[Missing]:
    missing = [one for part in parts for one in joined(part.missing)]
    for one in missing:
        # Tracebacks would keep the session and its replies in memory as long as the table.
        one.error.__traceback__ = one.error.__cause__ = one.error.__context__ = None
    return missing


def _windows(ranges: Iterable[_Range]) -> tuple[list[Window], list[list[int]]]:
    """
    Split ranges into windows, without duplicates; also return the ranges that need each window.

    Windows at the ends of a query's range extend beyond it, since a service may select by DATE-OBS or T_REC.
    """
    spans: dict[tuple[Any, ...], tuple[_Range, list[int]]] = {}
    for taker, (query, start, end) in enumerate(ranges):
        outer = start <= query.span[0], end >= query.span[1]
        key = (query.series, service_time(start), service_time(end, up=True), *outer)
        spans.setdefault(key, ((query, start, end), []))[1].append(taker)
    windows: list[Window] = []
    takers: list[list[int]] = []
    known: dict[tuple[str, ...], int] = {}
    for (*_, first, last), ((query, start, end), wanted) in spans.items():
        # A span includes the margin for samples.
        cut = list(replace(query, start=start, end=end, sample=None).windows(conf.window))
        margin = TimeDelta(margin_of(query.series), format="sec")
        if first:
            cut[0] = cut[0][0] - margin, cut[0][1]
        if last:
            cut[-1] = cut[-1][0], cut[-1][1] + margin
        texts = (service_times(Time([ends[side] for ends in cut]), up=bool(side)) for side in (0, 1))
        within = service_time(query.start), service_time(query.end, up=True)
        for ends, *times in zip(cut, *texts, strict=True):
            number = known.setdefault((query.series, *times), len(windows))
            if number == len(windows):
                windows.append(Window(query.series, ends[0], ends[1], within))
                takers.append([])
            takers[number] += wanted
    return windows, takers


def _within(one: Missing, other: Missing) -> bool:
    return bool(one.query == other.query and other.start <= one.start and one.end <= other.end)


def _sentences(records: Records, lacking: Counter[str], query: Query, broken: int, shown: str) -> list[str]:
    """Describe problems with the records of a query."""
    notes = []
    if broken:
        notes.append(
            f"{shown} sent {counted(broken, 'record')} of {query} that cannot be read (no URLs of files); "
            f"{'it is' if broken == 1 else 'they are'} not in the table. Report this to the operators of the service."
        )
    if not query.segments and (empty := sum(not names for names in records.names)):
        notes.append(
            f"{shown} sent {empty:,} of {len(records):,} records of {query} without any file; "
            f"{'it stays' if empty == 1 else 'they stay'} in the table."
        )
    if lacking:
        listed = ", ".join(f"{name!r} ({number:,} of {len(records):,})" for name, number in lacking.items())
        notes.append(
            f"Some records of {query} lack requested segments: {listed}. They stay in the table with the segments they "
            "have."
        )
    return notes
