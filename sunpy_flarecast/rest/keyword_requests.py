"""Keywords of many records, asked for by the meta route: several a request where a service understands that."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sunpy_flarecast.errors import ReplyError, ServiceError, UnreachableError
from sunpy_flarecast.search.windows import answers
from sunpy_flarecast.utils.progress import progress_bar

from .meta_reply import meta_url

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from .service import Service

__all__ = ["Batch", "ask_all", "keywords_of"]

#: Longest URL of a request in characters; servers and proxies take 2,000 at least.
_LONGEST: Final = 2000

#: Most records in one request.
_MOST: Final = 100

#: How long a request may take where a bar shows that something happens, in seconds; services may compute keywords.
_LIVELY: Final = 3.0

#: After how many pairs of records of which none came nothing more is asked for.
_TRIALS: Final = 3


@dataclass(frozen=True, slots=True)
class Batch:
    """
    Records that one request asks for.

    Parameters
    ----------
    recnums : tuple of int
        Their numbers, at least one.
    """

    recnums: tuple[int, ...]

    @property
    def length(self) -> float:
        """How many records they are."""
        return len(self.recnums)

    def halves(self) -> tuple[Batch, Batch] | None:
        """Cut the batch into two; None if it is one record."""
        middle = len(self.recnums) // 2
        return (Batch(self.recnums[:middle]), Batch(self.recnums[middle:])) if middle else None


_Values = dict[int, dict[str, Any]]
_Failures = list[tuple[list[int], ServiceError]]


def ask_all(
    service: Service, series: str, recnums: Iterable[int], fields: Sequence[str] = (), *, progress: bool = False
) -> tuple[_Values, _Failures]:
    """
    Ask for keywords of records, many a request where the service understands that, and in parallel.

    Parameters
    ----------
    service : Service
        What is asked.
    series : str
        Name of the series.
    recnums : iterable of int
        Record numbers.
    fields : sequence of str, optional
        Keywords as the service spells them; all of them if there are none.
    progress : bool
        Show a bar, if there is more than one request.

    Returns
    -------
    values : dict
        For each record number its keywords, as `read_meta` gives them.
    failures : list of tuple
        The records for which there is no answer, as lists of record numbers, each with the error.
    """
    values: _Values = {}
    failures: _Failures = []
    for some, failed in keywords_of(service, series, recnums, fields, progress=progress):
        values |= some
        failures += failed
    return values, failures


def keywords_of(
    service: Service, series: str, recnums: Iterable[int], fields: Sequence[str] = (), *, progress: bool = False
) -> Generator[tuple[_Values, _Failures], None, None]:
    """
    Ask for keywords of records, and give them as they come; for those who do not want to hold them all.

    The first two records of a service are asked for together and, if they do not both come, one by one; that tells
    whether the service understands several at once. If so, a request that fails is divided until it is clear which
    records it fails for.

    Parameters
    ----------
    service, series, recnums, fields, progress
        As for `ask_all`.

    Yields
    ------
    values : dict
        Some of the records.
    failures : list of tuple
        Some of those for which there is no answer.
    """
    left = list(dict.fromkeys(recnums))
    # Two records are one request.
    with progress_bar(shown=progress and len(left) > 2, total=len(left), desc="Keywords", unit="record") as bar:
        refused: list[ServiceError] = []
        took = 0.0
        while len(left) > 1 and service.many is None and service.patience.over is None and len(refused) < _TRIALS:
            pair, left = left[:2], left[2:]
            begun = time.monotonic()
            values, failures = _pair(service, series, pair, fields)
            took = time.monotonic() - begun
            refused = [] if values else [*refused, failures[-1][1]]
            yield values, failures
            bar.update(len(pair))
        if left and len(refused) == _TRIALS:
            # A service that refuses a field, say, refuses it for all records.
            yield {}, [(left, _none_of_the_first(refused[-1]))]
            return
        size = _size(service, series, left, fields) if service.many else 1
        if not bar.disable and took > 0:
            size = min(size, max(2, int(2 * _LIVELY / took)))
        batches = [Batch(tuple(left[begin : begin + size])) for begin in range(0, len(left), size)]

        def ask(number: int, batch: Batch) -> tuple[_Values, _Failures]:
            del number
            return _ask(service, series, batch, fields)

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
    """Tell how many records one request may ask for."""
    digits = len(str(max(recnums, default=0))) + 1
    room = _LONGEST - len(meta_url(service.url, series, [], fields))
    return max(1, min(_MOST, room // digits))


def _pair(service: Service, series: str, pair: Sequence[int], fields: Sequence[str]) -> tuple[_Values, _Failures]:
    """Ask for two records, and learn whether the service understands that."""
    try:
        values = service.meta(series, pair, fields)
        if all(number in values for number in pair):
            service.many = True
            service.patience.succeeded()
            return values, []
    except ServiceError as error:
        if isinstance(error, UnreachableError) and not error.less_may_help:
            service.patience.failed(error)
            return {}, [(list(pair), error)]
    values = {}
    failures: _Failures = []
    for number in pair:
        try:
            values |= _ask(service, series, Batch((number,)), fields)[0]
            service.patience.succeeded()
        except ServiceError as error:
            service.patience.failed(error)
            failures.append(([number], error))
    if not failures:
        service.many = False
    return values, failures


def _ask(service: Service, series: str, batch: Batch, fields: Sequence[str]) -> tuple[_Values, _Failures]:
    """Ask for the records of a batch; some may have no answer, but not all."""
    values: _Values = {}
    left: Sequence[int] = batch.recnums
    while left:
        try:
            came = service.meta(series, left, fields)
        except ServiceError as error:
            # Of several records one may be at fault.
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
    told = f"ot asked, since none of the first {2 * _TRIALS} records came"
    return type(error)(f"N{told}. {error}", reason=f"n{told} ({error.reason.removesuffix('.')})")


def _lacking(service: Service, series: str, recnums: Sequence[int]) -> ReplyError:
    some = f"record{'s' * (len(recnums) > 1)} {', '.join(map(str, recnums[:3]))}{', ...' * (len(recnums) > 3)}"
    return ReplyError(
        f"{service.url} was asked for keywords of {some} of {series} and answered without them. Ask those who run "
        "the service.",
        reason="an answer without the keywords of the record",
        less_may_help=len(recnums) > 1,
    )
