"""Fetch files with the workers of a Dask cluster that share a disk."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sunpy_flarecast.rest.carried_settings import carried
from sunpy_flarecast.utils.cluster import in_cluster, run
from sunpy_flarecast.utils.progress import progress_bar

from .connections import StoppedError, shared_connections
from .places import INTERRUPTED, Pass, fetch_once, fetch_places
from .transfer import not_fetched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .plan import Place
    from .report import Bare, FetchReport

__all__ = ["fetch_in_cluster"]

#: Smallest number of files per task; all files of a record are in one task, so its keywords are requested once. Tasks
#: and requests do not depend on the number of workers.
_SLICE: Final = 200


class _Slice(NamedTuple):
    """The files of one task."""

    number: int
    places: list[Place]
    bare: list[Bare]


def fetch_in_cluster(
    places: Sequence[Place], *, client: Any, workers: int, passes: int, max_conn: int, progress: bool, **options: Any
) -> FetchReport:
    """Fetch files like `fetch_places`, in tasks of a `distributed.Client` or of ``workers`` new processes."""
    with in_cluster(client, workers) as used, shared_connections(used, max_conn) as connections:
        task = partial(_fetch_slice, max_conn=max_conn, connections=connections, **options)
        each = partial(_one_pass, carried(task), used, progress)
        return fetch_places(places, passes=passes, each=each)


def _fetch_slice(part: _Slice, **options: Any) -> Pass:
    try:
        return fetch_once(part.places, part.bare, progress=False, **options)
    except StoppedError:
        return Pass()  # nobody waits for it


def _one_pass(task: Any, client: Any, progress: bool, places: list[Place], bare: list[Bare]) -> Pass:
    """Make one pass over files in a cluster; after Ctrl-C return the finished part."""
    parts: dict[int, Pass] = {}
    away = ""

    def slices() -> Iterator[_Slice]:
        for part in _slices(places, bare):
            if away:  # further tasks would fail for the same reason
                parts[part.number] = _skipped(part, away, away=away)
            else:
                yield part

    done = run(task, slices(), client=client, name="fetch")
    interrupted = False
    with closing(done), progress_bar(shown=progress, total=len(places), desc="Files", unit="file") as bar:
        try:
            for part in done:
                parts[part.task.number] = part.value or _skipped(part.task, part.lost)
                away = away or parts[part.task.number].away
                bar.update(len(part.task.places))
        except KeyboardInterrupt:
            interrupted = True
    whole = Pass.joined(parts[number] for number in sorted(parts))
    if interrupted:
        whole.interrupted = True
        tried = whole.arrived.keys() | whole.errors.keys()
        whole.errors |= {place.path: INTERRUPTED for place in places if place.path not in tried}
    return whole


def _skipped(part: _Slice, reason: str, *, away: str = "") -> Pass:
    """Return the failure of all files of a task."""
    errors = {place.path: not_fetched(place.path, place.url, reason) for place in part.places}
    return Pass(errors=errors, bare=part.bare, away=away)


def _slices(places: list[Place], bare: list[Bare]) -> Iterator[_Slice]:
    """Divide files into tasks at the boundaries of records."""
    number = begin = 0
    records = [*(place.record for place in places), None]
    for end, (last, following) in enumerate(pairwise(records), 1):
        if end == len(places) or (end - begin >= _SLICE and (last is None or last != following)):
            yield _Slice(number, places[begin:end], [])
            number, begin = number + 1, end
    for begin in range(0, len(bare), _SLICE):
        yield _Slice(number, [], bare[begin : begin + _SLICE])
        number += 1
