"""Keywords of many records by the meta route, with several records in each request if the service supports it."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sunpy_flarecast.errors import ReplyError, ServiceError, UnreachableError
from sunpy_flarecast.utils.progress import progress_bar

from .meta_reply import meta_url
from .parallel import answers
from .session import interruption

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from .service import Service

__all__ = ["ask_all", "keywords_of"]

#: Longest URL of a request in characters; servers and proxies accept at least 2,000.
_LONGEST: Final = 2000

#: Maximum number of records in one request.
_MOST: Final = 100

#: Longest time of a request in seconds while a progress bar is shown, so that the bar keeps moving; some services are
#: slow, since they compute keywords.
_LIVELY: Final = 3.0

#: Interval in seconds at which a waiting request checks whether it is still wanted.
_LOOK: Final = 0.5

#: If none of the first requests succeeds, all others are given up after this many refusals.
_TRIALS: Final = 6


@dataclass(frozen=True, slots=True)
class _Batch:
    """The record numbers of one request."""

    recnums: tuple[int, ...]

    @property
    def length(self) -> float:
        return len(self.recnums)

    def halves(self) -> tuple[_Batch, _Batch] | None:
        middle = len(self.recnums) // 2
        return (_Batch(self.recnums[:middle]), _Batch(self.recnums[middle:])) if middle else None


_Values = dict[int, dict[str, Any]]
_Failures = list[tuple[list[int], ServiceError]]


def ask_all(
    service: Service, series: str, recnums: Iterable[int], fields: Sequence[str] = (), *, progress: bool = False
) -> tuple[_Values, _Failures]:
    """Request keywords of records as `keywords_of` does, and return all at once; after Ctrl-C, those so far."""
    values: _Values = {}
    failures: _Failures = []
    left = dict.fromkeys(recnums)
    coming = keywords_of(service, series, list(left), fields, progress=progress)
    with service.patience.interruptible(), closing(coming):
        for some, failed in coming:
            values |= some
            failures += failed
    if service.patience.interrupted:
        for number in [*values, *(number for some, _ in failures for number in some)]:
            left.pop(number, None)
        failures += [(list(left), interruption())] if left else []
    return values, failures


def keywords_of(
    service: Service, series: str, recnums: Iterable[int], fields: Sequence[str] = (), *, progress: bool = False
) -> Generator[tuple[_Values, _Failures], None, None]:
    """
    Request keywords of records (all keywords if there are no ``fields``) in parallel, and yield them as they arrive.

    Yields the keywords of some records by their numbers, as from `read_meta`, and lists of record numbers that failed,
    each with the error. The first two records are requested together, and, if that fails, one by one, to find out
    whether the service supports several records in a request. If so, a request that fails is divided until the failing
    records are found. A progress bar is shown if there is more than one request.
    """
    left = [] if service.patience.interrupted else list(dict.fromkeys(recnums))
    with progress_bar(shown=progress and len(left) > 2, total=len(left), desc="Keywords", unit="record") as bar:
        took = 0.0
        came = False
        if len(left) > 1 and service.many is None:
            pair, left = left[:2], left[2:]
            begun = time.monotonic()
            values, failures = _probe(service, series, pair, fields)
            took = time.monotonic() - begun
            came = bool(values)
            yield values, failures
            bar.update(2)
        size = _size(service, series, left, fields) if service.many else 1
        if not bar.disable and took > 0:
            size = min(size, max(2, int(2 * _LIVELY / took)))
        batches = [_Batch(tuple(left[begin : begin + size])) for begin in range(0, len(left), size)]
        refused: list[ServiceError] = []
        trials = threading.Semaphore(_TRIALS)

        def ask(number: int, batch: _Batch) -> tuple[_Values, _Failures]:
            del number
            nonlocal came
            while not (came or trials.acquire(timeout=_LOOK)):  # once all are taken, wait for their results
                if service.patience.stopped:
                    return {}, []  # nobody waits for the result
            if came or len(refused) >= _TRIALS:
                trials.release()
            if not came and len(refused) >= _TRIALS:
                # A service that refuses a field, for example, refuses it for all records.
                raise _none_of_the_first(refused[-1])
            try:
                answer = _ask(service, series, batch, fields)
            except ServiceError as error:
                refused.append(error)
                if len(refused) >= _TRIALS:
                    trials.release()
                raise
            came = True
            trials.release()
            return answer

        with closing(answers(batches, ask, service.patience)) as coming:
            for number, pieces in coming:
                values, failures = {}, []
                for piece in pieces:
                    if piece.value is not None:
                        values |= piece.value[0]
                        failures += piece.value[1]
                    elif piece.error is not None:
                        failures.append((list(piece.window.recnums), piece.error))
                yield values, failures
                bar.update(len(batches[number].recnums))


def _size(service: Service, series: str, recnums: Sequence[int], fields: Sequence[str]) -> int:
    """Return the number of records that one request may have."""
    digits = len(str(max(recnums, default=0))) + 1
    left = _LONGEST - len(meta_url(service.url, series, [], fields))
    return max(1, min(_MOST, left // digits))


def _probe(service: Service, series: str, pair: Sequence[int], fields: Sequence[str]) -> tuple[_Values, _Failures]:
    """Request two records together, to find out whether the service supports it, or else one by one."""
    try:
        values = service.meta(series, pair, fields)
        if all(number in values for number in pair):
            service.many = True
            return values, []
    except ServiceError as error:
        if isinstance(error, UnreachableError) and not error.less_may_help:
            service.patience.failed(error)
            return {}, [(list(pair), error)]
    values = {}
    failures: _Failures = []
    for number in pair:
        try:
            values |= _ask(service, series, _Batch((number,)), fields)[0]
        except ServiceError as error:
            service.patience.failed(error)
            failures.append(([number], error))
    # If a record fails in both ways, assume support; requests that fail are divided.
    service.many = bool(failures)
    return values, failures


def _ask(service: Service, series: str, batch: _Batch, fields: Sequence[str]) -> tuple[_Values, _Failures]:
    """Request the records of a batch; raise an error if all fail."""
    values: _Values = {}
    left: Sequence[int] = batch.recnums
    while left:
        try:
            came = service.meta(series, left, fields)
        except ServiceError as error:
            # A single one of the records may be the cause.
            error.less_may_help |= len(left) > 1 and not isinstance(error, UnreachableError)
            if values:
                return values, [(list(left), error)]
            raise
        values |= {number: came[number] for number in left if number in came}
        rest = [number for number in left if number not in came]
        if len(rest) == len(left):
            lacking = _lacking(service, series, rest)
            if values:
                return values, [(rest, lacking)]
            raise lacking
        left = rest
    return values, []


def _none_of_the_first(error: ServiceError) -> ServiceError:
    reason = f"not requested, since none of the first {_TRIALS} requests succeeded ({error.reason.removesuffix('.')})"
    return type(error)(f"N{reason[1:]}.", reason=reason)


def _lacking(service: Service, series: str, recnums: Sequence[int]) -> ReplyError:
    some = f"record{'s' * (len(recnums) > 1)} {', '.join(map(str, recnums[:3]))}{', ...' * (len(recnums) > 3)}"
    return ReplyError(
        f"The request to {service.url} for keywords of {some} of {series} returned a reply without them. Ask the "
        "operators of the service.",
        reason="a reply without the keywords of the record",
        less_may_help=len(recnums) > 1,
    )
