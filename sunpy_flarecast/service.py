"""One FLARECAST HMI service over REST: `Service`, with its requests, its replies and its errors."""

from __future__ import annotations

import html
import re
import time
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import requests
from astropy.time import Time
from sunpy import log
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, ReadTimeoutError

from . import __version__, cache
from .access import Authorization, authorization, what_to_do
from .addresses import base_url, without_password
from .config import URL_VARIABLE, conf
from .errors import ReplyError, ServiceError, UnreachableError
from .metadata import meta_url, read_meta
from .patience import Patience, patient_session
from .replies import read_records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from .records import Records

__all__ = ["USER_AGENT", "Service", "body_message"]

#: What the client calls itself in every request.
USER_AGENT: Final = f"sunpy_flarecast/{__version__}"

#: Statuses of answers that may be others if less is asked for at once.
_TOO_MUCH: Final = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.GATEWAY_TIMEOUT)

#: Statuses of answers that other requests will get, too.
_LASTING: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

#: Where the service is reached by a tunnel: at the default URL's host, and at this end of it.
_BEHIND_A_TUNNEL: Final = ("cluster-r730-1", "localhost", "::1")

_LATER: Final = "Try again later."

#: How much of an answer is read at a time, in bytes.
_PIECE: Final = 1 << 20

#: How much of an answer that is no reply is shown to the user, in characters.
_QUOTED: Final = 300


def body_message(body: bytes) -> str:
    """
    Find what an answer that is no reply says: the message of JSON, the title of HTML, else the text itself.

    Parameters
    ----------
    body : bytes
        The answer's body, or its beginning.

    Returns
    -------
    str
        At most 300 characters on one line; empty if there is nothing to quote.

    Examples
    --------
    >>> from sunpy_flarecast.service import body_message
    >>> body_message(b'{"message": "no such series"}')
    'no such series'
    >>> body_message(b"<html><title>Please log in</title>...")
    'a web page titled "Please log in"'
    """
    text = body.decode("utf-8", "replace").strip()
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        value = None
    if isinstance(value, dict):
        told = next((value[key] for key in ("message", "error", "errors", "detail") if value.get(key)), None)
        if told is not None:
            text = told if isinstance(told, str) else msgspec.json.encode(told).decode()
    elif re.match(r"(?i)<(!doctype html|html|head|body)", text):
        title = re.search(r"(?is)<title[^>]*>(.*?)</title", text)
        text = f'a web page titled "{html.unescape(title[1]).strip()}"' if title else "a web page"
    elif not text.isprintable() and not re.fullmatch(r"[\s\x21-\x7e\xa0-\uffff]*", text):
        return "binary data"
    text = " ".join(text.split())
    return text if len(text) <= _QUOTED else f"{text[: _QUOTED - 1]}…"


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
    >>> from sunpy_flarecast.service import Service
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
            The range, in UTC, as `~sunpy_flarecast.query.service_time` writes it. Whether its ends count is up to the
            service.

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
            Record numbers. Not every service understands several; `~sunpy_flarecast.inquiry.ask_all` knows what to do.
        fields : sequence of str, optional
            Keywords as the service spells them; all of them if there are none.

        Returns
        -------
        dict
            For each record number its keywords, as `~sunpy_flarecast.metadata.read_meta` gives them; records may be
            lacking.

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
            f"{str(error).removesuffix('.')}{'' if twice else _quoting(body)}. "
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
            reason = _reason(error)
            raise ServiceError(f"{self.url} could not be asked for {asked}: {reason}.", reason=reason) from error
        if answer.status_code != HTTPStatus.OK:
            said = f"answered {answer.status_code} {answer.reason}{_quoting(body)}"
            end = "" if said.endswith(("?", "!")) else "."
            advice = _advice(answer, body)
            raise ServiceError(
                f"{self.url} was asked for {asked} and {said}{end} {advice}",
                advice="" if advice == _LATER else advice,
                reason=f"{self.url} {said}",
                less_may_help=answer.status_code in _TOO_MUCH,
                lasting=answer.status_code in _LASTING,
            )
        return body, "no-store" not in answer.headers.get("Cache-Control", "").lower()

    def _unreachable(self, error: requests.exceptions.RequestException, asked: str) -> UnreachableError:
        reason = _reason(error)
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
        advice = _way_to(self.url, error, reason)
        return UnreachableError(
            f"The FLARECAST service at {self.url} cannot be reached ({reason}). {advice}",
            advice=advice,
            reason=f"{self.url} cannot be reached ({reason})",
            lasting=True,
            away=_is_away(error),
        )


def _way_to(url: str, error: Exception, reason: str) -> str:
    """Say what to do about a service that cannot be reached."""
    scheme, _, rest = url.partition("://")
    if isinstance(error, requests.exceptions.SSLError):
        if "CERTIFICATE_VERIFY_FAILED" in reason or "doesn't match" in reason:
            return (
                "Its certificate is not of an authority that is trusted here, or of another host. If it is one of your "
                "own institute, name the file of its authority's certificate in the environment variables "
                "REQUESTS_CA_BUNDLE (for searches) and SSL_CERT_FILE (for files), and start Python again."
            )
        return f"Its answer is none of TLS; if it has no https there, try http://{rest} (conf.url, {URL_VARIABLE})."
    away = _is_away(error)
    if scheme == "http" and not away:
        return f"It closed the connection. If it speaks TLS, try https://{rest} (conf.url, {URL_VARIABLE}); else again."
    host = urlsplit(url).hostname or ""
    if host in _BEHIND_A_TUNNEL or host.startswith("127."):
        return (
            "Open the tunnel or port forwarding to it (ssh -L 8001:cluster-r730-1:8001 ...) and set "
            f"sunpy_flarecast.conf.url or {URL_VARIABLE}, or start a service of your own with "
            "`sunpy-flarecast serve --demo`."
        )
    return (
        f"Check host and port of sunpy_flarecast.conf.url or {URL_VARIABLE}, whether the service runs there, and "
        "whether a firewall or VPN lies between."
    )


def _is_away(error: Exception) -> bool:
    """Tell whether not even a connection came about, rather than one that the service closed."""
    within = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(
        within, NewConnectionError | NameResolutionError
    )


def _quoting(body: bytes) -> str:
    message = body_message(body)
    return f": {message.removesuffix('.')}" if message else ""


def _advice(answer: requests.Response, body: bytes) -> str:
    status = answer.status_code
    if status == HTTPStatus.BAD_REQUEST and b"HTTPS port" in body:  # as nginx and Go say it
        return f"Try https:// in place of http:// (conf.url, {URL_VARIABLE})."
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        advice = what_to_do(sent="Authorization" in answer.request.headers)
        return f"{advice[0].upper()}{advice[1:]}."
    if status == HTTPStatus.NOT_FOUND:
        return "Check the series and conf.url."
    if status in _TOO_MUCH:
        return "Ask for less at once: set conf.window to a smaller number of days."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return _LATER
    return "Check the query and conf.url."


def _reason(error: Exception) -> str:
    """Give the innermost reason of a requests exception, without the objects' addresses."""
    reason: Any = error
    while True:
        inner = getattr(reason, "reason", None) or next(
            (arg for arg in getattr(reason, "args", ()) if isinstance(arg, Exception)), None
        )
        if not isinstance(inner, Exception):
            break
        reason = inner
    text = re.sub(r"<[^>]*>:? ?|\w*Connection\([^)]*\): ", "", str(reason))
    return without_password(text) or type(reason).__name__
