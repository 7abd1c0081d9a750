"""`Service`: a FLARECAST HMI service over REST, whose replies become records, keywords or errors."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from sunpy import log

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import ReplyError, ServiceError, UnreachableError

from .cache import ReplyCache
from .days_reply import days_url, read_days
from .error_text import LESS, body_message, error_of, refusal, shown
from .list_reply import read_records
from .meta_reply import meta_url, read_meta
from .retry import RETRIED
from .service_url import base_url, if_moved, with_credentials, without_password
from .session import Patience, Session, TooMuchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from typing import Self

    from .cache import Kept
    from .records import Records
    from .session import Reply

__all__ = ["Service"]


class Service:
    """
    A FLARECAST HMI service, for several threads.

    ``url`` is its base URL, with user and password if required (default: ``conf.url``); ``cached`` is whether lists are
    cached on disk (default: ``conf.cache``).
    """

    def __init__(self, url: str | None = None, patience: Patience | None = None, *, cached: bool | None = None) -> None:
        address = base_url(conf.url if url is None else url)
        self.url = without_password(address)
        self.patience = Patience() if patience is None else patience
        #: Whether the meta route supports several records in a request; None if unknown.
        self.many: bool | None = None
        #: Cached lists used because the service failed: when each was last confirmed (Unix time), and the error.
        self.outdated: list[tuple[float, ServiceError]] = []
        #: Origin of the records according to the service: ``SYNTHETIC``, or empty.
        self.origin = ""
        self._moved = ""
        self._session = Session(address, self.patience)
        self._cache = ReplyCache(address) if (conf.cache if cached is None else cached) else None

    @classmethod
    def of_table(cls, searched: str, patience: Patience | None = None) -> Self:
        """
        Return the service whose URL is a table's attribute ``service``.

        Advice in errors refers to that attribute, not to ``conf.url``.
        """
        service = cls(with_credentials(searched, conf.url), patience)
        service._moved = if_moved(service.url, conf.url)
        return service

    def __repr__(self) -> str:
        return f"<Service at {self.url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def caches(self) -> bool:
        """Whether lists are cached on disk."""
        return self._cache is not None

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
        if self._cache is not None:
            self._cache.close()

    def records(self, series: str, start: str, end: str, shown: tuple[str, str] | None = None) -> tuple[Records, int]:
        """
        List the records of a series in a range (UTC), and count those that could not be read.

        The service decides whether the range includes its ends. Errors name the range ``shown``, if given. Raises
        `UnreachableError` (no reply), `ReplyError` (not a list of records), or `ServiceError` (an error of the
        service).
        """
        url = f"{self.url}/HMI/{quote(series, safe='')}?{urlencode({'start': start, 'end': end, 'meta': 'false'})}"
        age = datetime.now(UTC) - datetime.fromisoformat(end).replace(tzinfo=UTC)
        # Near-real-time records are replaced, and recent windows get new records.
        settled = not series.casefold().endswith("_nrt") and age > timedelta(hours=conf.cache_hours)
        return self._ask(  # type: ignore[no-any-return]
            url,
            f"records of {series} from {' to '.join(shown or (start, end))}",
            "a list of records",
            lambda body: read_records(body, series),
            cache=self._cache,
            settled=settled,
        )

    def days(self, series: str) -> frozenset[date]:
        """
        Return the days (UTC) on which a series has records.

        The documented service does not have this route, so failed requests are not retried. Errors are those of
        `records`.
        """
        url, asked = days_url(self.url, series), f"days of {series}"
        return self._ask(  # type: ignore[no-any-return]
            url, asked, "a list of daily counts", read_days, retried=False, items="days"
        )

    def meta(self, series: str, recnums: Sequence[int], fields: Sequence[str] = ()) -> dict[int, dict[str, Any]]:
        """
        Return keywords of records (all keywords if there are no ``fields``) from one request, as `read_meta` does.

        Not every service supports several records; see `~sunpy_flarecast.rest.keyword_requests.keywords_of`. Errors are
        those of `records`.
        """
        number = f"{len(recnums):,} records" if len(recnums) > 1 else f"record {recnums[0]}"
        names = f"{', '.join(fields[:3])}{', ...' * (len(fields) > 3)}" if fields else "all keywords"
        url = meta_url(self.url, series, recnums, fields)
        asked = f"{names} of {number} of {series}"
        return self._ask(url, asked, "an object with the keywords of records", read_meta)  # type: ignore[no-any-return]

    def _ask(
        self,
        url: str,
        asked: str,
        expected: str,
        read: Callable[[bytes], Any],
        *,
        cache: ReplyCache | None = None,
        settled: bool = False,
        retried: bool = True,
        items: str = "records",
    ) -> Any:
        """Return the parsed reply to a request, or that of the cache."""
        begin = time.perf_counter()
        kept = cache.lookup(url) if cache is not None else None
        try:
            fresh = kept is not None and settled and kept.fresh
            reply = None if fresh else self._reply(url, asked, cache, kept, retried=retried)
            body = reply.body if reply is not None else kept.body if kept is not None else b""
            try:
                value = read(body)
            except Exception as error:  # a reply must not affect other requests, whatever it causes
                raise self._no_reply(error, body, asked, expected) from error
        except ServiceError as error:
            log.debug(f"{url}: {time.perf_counter() - begin:.3f} s, {error.reason}")
            raise
        came = len(value[0] if isinstance(value, tuple) else value)
        where = "" if reply is not None else " from the cache"
        log.debug(f"{url}: {time.perf_counter() - begin:.3f} s, {len(body):,} bytes, {came:,} {items}{where}")
        if reply is not None:
            self.patience.succeeded()
            self.origin = reply.headers.get("Data-Origin", self.origin)
            if cache is not None:
                cache.store(url, body, reply.headers, kept)
        return value

    def _reply(
        self, url: str, asked: str, cache: ReplyCache | None, kept: Kept | None, *, retried: bool
    ) -> Reply | None:
        """Request a URL; return None if the cached reply is confirmed, or is used because the service fails."""
        cause: Exception | None = None
        outage = True
        try:
            self.patience.check()
            reply = self._session.ask(url, kept.validators if kept is not None else {}, retried=retried)
        except ServiceError as error:
            failure = error
            outage = isinstance(error, UnreachableError)
        except TooMuchError as error:
            raise ReplyError(
                f"The request to {self.url} for {asked} failed: the reply {error}. {LESS}",
                reason=f"the reply {error}",
                less_may_help=True,
            ) from error
        except Exception as error:  # noqa: BLE001 (a reply must not affect other requests)
            failure, cause = error_of(self.url, asked, error), error
            outage = isinstance(failure, UnreachableError)
        else:
            if reply.status == HTTPStatus.OK:
                return reply
            if reply.status == HTTPStatus.NOT_MODIFIED and cache is not None and kept is not None:
                cache.confirm(kept)
                self.patience.succeeded()
                return None
            failure = refusal(self.url, asked, *reply[:2], reply.body, authorized=reply.authorized)
            outage = reply.status in RETRIED
        if kept is None or not outage:
            if self._moved and "conf.url" in failure.advice and "conf.token" not in failure.advice:
                failure.args = (f"{str(failure).removesuffix(failure.advice)}{self._moved}",)
                failure.advice = self._moved
            raise failure from cause
        self.patience.failed(failure)
        self.outdated.append((kept.confirmed, failure))
        return None

    def _no_reply(self, error: Exception, body: bytes, asked: str, expected: str) -> ReplyError:
        wrong = shown(error if isinstance(error, ReplyError) else f"{type(error).__name__}: {error}").removesuffix(".")
        said = body_message(body).removesuffix(".")
        # The message may be in the error already.
        said = f": {said}" if said and said.rstrip("…") not in wrong else ""
        return ReplyError(
            f"The request to {self.url} for {asked} returned a reply that is not {expected}: {wrong}{said}. "
            "Check that conf.url is the URL of a FLARECAST HMI service.",
            reason=f"a reply that is not {expected}: {wrong}",
            less_may_help=bool(body.strip()) and "truncated" in str(error.__cause__),
        )
