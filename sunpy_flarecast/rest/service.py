"""One FLARECAST HMI service over REST: `Service`, with its requests, its replies and its errors."""

from __future__ import annotations

import time
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import requests
from astropy.time import Time
from sunpy import log
from urllib3.exceptions import HTTPError, ReadTimeoutError

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import ReplyError, ServiceError, UnreachableError
from sunpy_flarecast.rest import cache

from .auth import USER_AGENT, Authorization, authorization
from .error_text import LATER, TOO_MUCH, advice_on, body_message, is_away, quoting, reason_of, way_to
from .list_reply import read_records
from .meta_reply import meta_url, read_meta
from .service_url import base_url, without_password
from .session import Patience, patient_session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from .records import Records

__all__ = ["Service"]

#: Statuses of answers that other requests will get, too.
_LASTING: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

#: How much of an answer is read at a time, in bytes.
_PIECE: Final = 1 << 20


class Service:
    """
    A FLARECAST HMI service.

    Several threads may use it at a time.

    Parameters
    ----------
    url : str, optional
        Base URL, with user and password if it needs them; by default ``conf.url``.
    patience : Patience, optional
        How often requests are tried again, and how many run at a time.

    Raises
    ------
    QueryError
        If the URL is none.

    Examples
    --------
    >>> from sunpy_flarecast.rest.service import Service
    >>> with Service("http://localhost:8001/") as service:
    ...     service.url
    'http://localhost:8001'
    """

    def __init__(self, url: str | None = None, patience: Patience | None = None) -> None:
        address = base_url(conf.url if url is None else url)
        self.url = without_password(address)
        self.patience = Patience() if patience is None else patience
        #: Whether the meta route understands several records at once; None as long as that is not known.
        self.many: bool | None = None
        self._timeouts = (conf.connect_timeout, conf.read_timeout)
        self._session = patient_session(self.patience)
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})
        if header := authorization(address):
            self._session.auth = Authorization(header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def records(self, series: str, start: str, end: str) -> tuple[Records, int]:
        """
        List the records of a series in a range.

        Parameters
        ----------
        series : str
            Name of the series.
        start, end : str
            The range, in UTC, as `~sunpy_flarecast.query.query.service_time` writes it. Whether its ends count is up
            to the service.

        Returns
        -------
        records : Records
            As they came.
        broken : int
            How many records could not be read.

        Raises
        ------
        UnreachableError
            If no answer comes.
        ReplyError
            If the answer is not a list of records.
        ServiceError
            If the service answers with an error.
        """
        url = f"{self.url}/HMI/{quote(series, safe='')}?{urlencode({'start': start, 'end': end, 'meta': 'false'})}"
        asked = f"records of {series} from {start} to {end}"
        begin = time.perf_counter()
        cached = bool(conf.cache) and cache.usable(series, Time(end, format="isot", scale="utc"))
        if cached and (kept := cache.lookup(url)) is not None:
            # What another version of this package could read and this one cannot is asked for again.
            with suppress(ReplyError):
                records, broken = self._read(kept, series, asked)
                log.debug(f"{url}: {len(kept):,} bytes, {len(records):,} records from the cache")
                return records, broken
        try:
            body, keep = self._get(url, asked)
            records, broken = self._read(body, series, asked)
        except ServiceError as error:
            log.debug(f"{url}: {time.perf_counter() - begin:.3f} s, {error.reason}")
            raise
        log.debug(f"{url}: {time.perf_counter() - begin:.3f} s, {len(body):,} bytes, {len(records):,} records")
        # Where there are no records, they may have yet to come to the service.
        if cached and keep and not broken and len(records):
            cache.keep(url, body)
        return records, broken

    def meta(self, series: str, recnums: Sequence[int], fields: Sequence[str] = ()) -> dict[int, dict[str, Any]]:
        """
        Give keywords of records, by one request.

        Parameters
        ----------
        series : str
            Name of the series.
        recnums : sequence of int
            Record numbers. Not every service understands several; see
            `~sunpy_flarecast.rest.keyword_requests.ask_all`.
        fields : sequence of str, optional
            Keywords as the service spells them; all of them if there are none.

        Returns
        -------
        dict
            For each record number its keywords, as `~sunpy_flarecast.rest.meta_reply.read_meta` gives them; records
            may be lacking.

        Raises
        ------
        UnreachableError
            If no answer comes.
        ReplyError
            If the answer is none of the meta route.
        ServiceError
            If the service answers with an error.
        """
        url = meta_url(self.url, series, recnums, fields)
        number = f"{len(recnums):,} records" if len(recnums) > 1 else f"record {recnums[0]}"
        names = f"{', '.join(fields[:3])}{', ...' * (len(fields) > 3)}" if fields else "all keywords"
        asked = f"{names} of {number} of {series}"
        begin = time.perf_counter()
        try:
            body, _ = self._get(url, asked)
            try:
                found = read_meta(body)
            except ReplyError as error:
                raise self._no_reply(error, body, asked, "keywords of records") from error
        except ServiceError as error:
            log.debug(f"{url}: {time.perf_counter() - begin:.3f} s, {error.reason}")
            raise
        log.debug(f"{url}: {time.perf_counter() - begin:.3f} s, {len(body):,} bytes, {len(found):,} records")
        return found

    def _read(self, body: bytes, series: str, asked: str) -> tuple[Records, int]:
        try:
            return read_records(body, series)
        except ReplyError as error:
            raise self._no_reply(error, body, asked, "a list of records") from error

    def _no_reply(self, error: ReplyError, body: bytes, asked: str, expected: str) -> ReplyError:
        # What the service says may be the error already.
        twice = body_message(body).rstrip(".…") in " ".join(str(error).split())
        return ReplyError(
            f"{self.url} was asked for {asked} and answered with what is not {expected}: "
            f"{str(error).removesuffix('.')}{'' if twice else quoting(body)}. "
            "Check that conf.url is the URL of a FLARECAST HMI service.",
            reason=f"an answer that is not {expected}: {error}",
            less_may_help=bool(body.strip()) and "truncated" in str(error.__cause__),
        )

    def _get(self, url: str, asked: str) -> tuple[bytes, bool]:
        """Give the body of an answer, and whether the service allows to keep it."""
        try:
            with self._session.get(url, timeout=self._timeouts, stream=True) as answer:
                # requests by itself reads in pieces of 10 kB, which takes longer than to decode what they hold.
                body = b"".join(answer.iter_content(_PIECE))
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
            raise ReplyError(
                f"{self.url} was asked for {asked}; its answer broke off. Try again.",
                reason="the answer broke off",
                less_may_help=True,
            ) from error
        except (requests.exceptions.Timeout, requests.exceptions.ConnectionError) as error:
            raise self._unreachable(error, asked) from error
        except (requests.exceptions.RequestException, HTTPError, UnicodeError) as error:
            # Not all that urllib3 raises goes through requests.
            reason = reason_of(error)
            raise ServiceError(f"{self.url} could not be asked for {asked}: {reason}.", reason=reason) from error
        if answer.status_code != HTTPStatus.OK:
            said = f"answered {answer.status_code} {answer.reason}{quoting(body)}"
            end = "" if said.endswith(("?", "!")) else "."
            advice = advice_on(answer, body)
            raise ServiceError(
                f"{self.url} was asked for {asked} and {said}{end} {advice}",
                advice="" if advice == LATER else advice,
                reason=f"{self.url} {said}",
                less_may_help=answer.status_code in TOO_MUCH,
                lasting=answer.status_code in _LASTING,
            )
        return body, "no-store" not in answer.headers.get("Cache-Control", "").lower()

    def _unreachable(self, error: requests.exceptions.RequestException, asked: str) -> UnreachableError:
        reason = reason_of(error)
        # A timeout amid the answer's body is a ConnectionError for requests.
        slow = isinstance(error, requests.exceptions.ReadTimeout) or any(
            isinstance(arg, ReadTimeoutError) for arg in error.args
        )
        if slow or isinstance(error, requests.exceptions.Timeout):
            return UnreachableError(
                f"{self.url} was asked for {asked} and did not answer in time ({reason}). Try again, ask for "
                "less at once (conf.window), or wait longer (conf.connect_timeout, conf.read_timeout).",
                reason=f"no answer in time ({reason})",
                less_may_help=slow,
                lasting=True,
            )
        advice = way_to(self.url, error, reason)
        return UnreachableError(
            f"The FLARECAST service at {self.url} cannot be reached ({reason}). {advice}",
            advice=advice,
            reason=f"{self.url} cannot be reached ({reason})",
            lasting=True,
            away=is_away(error),
        )
