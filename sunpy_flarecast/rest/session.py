"""Bounded HTTP requests with retries: `Session`, and `Patience`, the state that the requests of one search share."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import SSLError
from sunpy import log
from urllib3.exceptions import ReadTimeoutError

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import ServiceError, UnreachableError

from .auth import USER_AGENT, authorization
from .error_text import MESSAGE_BYTES, reason_of
from .retry import RETRIED, RetryPolicy
from .service_url import is_within, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Patience", "Reply", "Session", "TooMuchError", "interruption"]

#: How much of a reply is read at a time, in bytes; versions of urllib3 before 2.6 decompress as much at once.
_PIECE: Final = 1 << 18

#: A list that takes the service too long is requested in parts instead of again.
_RETRIED: Final = RETRIED - {HTTPStatus.GATEWAY_TIMEOUT}


class Patience:
    """
    What the requests of one search, which run in several threads, know together of the service.

    When twice as many as run at a time have failed in a row, in spite of all retries, the next are tried once each,
    until one succeeds. If those failures can be expected of all requests, nothing more is requested; nor if there never
    was a reply and the service cannot be reached.
    """

    def __init__(self, parallel: int | None = None) -> None:
        self.parallel: int = conf.parallel_requests if parallel is None else parallel
        self.policy = RetryPolicy()
        self._lock = threading.Lock()
        self._end = threading.Event()
        #: Whether nobody wants the replies any more.
        self.stopped = False
        #: Whether Ctrl-C ended the requests, so that what has come is all there will be.
        self.interrupted = False
        self._in_a_row = 0
        self._lasting = True
        self._succeeded = False
        self._over: ServiceError | None = None

    def succeeded(self) -> None:
        """Count a reply."""
        with self._lock:
            self._in_a_row, self._lasting, self._succeeded = 0, True, True

    def failed(self, error: ServiceError) -> None:
        """Count a request that failed in spite of retries."""
        with self._lock:
            self._in_a_row += 1
            self._lasting = self._lasting and error.lasting
            unreachable, never = isinstance(error, UnreachableError), not self._succeeded
            enough = 1 if error.away and never else 2 * self.parallel
            # After a reply, a refusal may mean that there are no records in a window.
            if self._lasting and (unreachable or never) and self._in_a_row >= enough and self._over is None:
                self._over = error
                self._end.set()

    def stop(self) -> None:
        """End all waits and requests, since nobody wants the replies any more."""
        self.stopped = True
        self._end.set()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let Ctrl-C end the block, and all requests; ``interrupted`` then says so."""
        try:
            yield
        except KeyboardInterrupt:
            self.interrupted = True
            self.stop()

    def wait(self, failures: int, asked: str | None = None) -> None:
        """Wait before the next try, as `RetryPolicy.wait` says, unless nothing more is requested."""
        self._end.wait(self.policy.wait(failures, asked))

    def check(self) -> None:
        """Raise why nothing more is requested, if that is so."""
        if self.interrupted:
            raise interruption()
        if (error := self._over) is not None:
            lost = "could not be reached any more" if isinstance(error, UnreachableError) else "refused all requests"
            reason = f"not requested, since the service {lost} ({error.reason.removesuffix('.')})"
            raise type(error)(f"N{reason[1:]}. {error}", reason=reason, lasting=True)

    @property
    def hurried(self) -> bool:
        """Whether everything is tried once only."""
        return self.stopped or self._over is not None or self._in_a_row >= 2 * self.parallel


def interruption() -> ServiceError:
    """Return the reason for what an interrupted search or request for keywords lacks."""
    return ServiceError("Not requested, since you interrupted it.", reason="not requested, since it was interrupted")


class Reply(NamedTuple):
    """A reply that was read whole; the body is decompressed."""

    status: int
    phrase: str
    headers: Mapping[str, str]
    body: bytes
    authorized: bool  # whether the request carried credentials


class TooMuchError(requests.RequestException):
    """A reply exceeds ``conf.reply_size`` or ``conf.reply_timeout``."""


class _Authorization(AuthBase):
    """Puts a header, if there is one, into requests; without this, requests would take what ~/.netrc has for a host."""

    def __init__(self, header: str | None, base: str) -> None:
        self._header, self._base = header, base

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # The name of a series in a shared table may climb.
        if self._header is not None and is_within(request.url or "", self._base):
            request.headers["Authorization"] = self._header
        return request


class _TimedIO(RawIOBase):
    """What is read from a connection, until a time."""

    def __init__(self, raw: RawIOBase, end: float) -> None:
        super().__init__()
        self._raw, self._end = raw, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if time.monotonic() > self._end:
            raise TimeoutError
        return self._raw.readinto(buffer)

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """A reply that takes ``conf.reply_timeout`` at most, also where its headers trickle in or never end."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fp = BufferedReader(_TimedIO(self.fp.detach(), time.monotonic() + conf.reply_timeout))


class _Adapter(HTTPAdapter):
    """Makes connections with such replies."""

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        if pool.ConnectionCls.response_class is not _TimedResponse:
            pool.ConnectionCls = type("TimedConnection", (pool.ConnectionCls,), {"response_class": _TimedResponse})
        return pool


class Session(requests.Session):
    """
    Requests to one service, by several threads.

    Credentials (the user and password of its base URL, or the token) are sent to URLs below it only, also where the
    service redirects.
    """

    def __init__(self, address: str, patience: Patience) -> None:
        super().__init__()
        self._base = without_password(address)
        self._patience = patience
        self._timeouts = (conf.connect_timeout, conf.read_timeout)
        self._longest, self._largest = conf.reply_timeout, conf.reply_size * 1e6
        self.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})
        self.auth = _Authorization(authorization(address), self._base)
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(pool_maxsize=patience.parallel))

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Send credentials to no other service on the same host, and those of ~/.netrc to none; called on redirects."""
        del response
        if not is_within(prepared_request.url or "", self._base):
            prepared_request.headers.pop("Authorization", None)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Leave the body of a redirect unread, of which requests would read all, however large it is."""
        target: str | None = super().get_redirect_target(resp)
        if target is not None:
            resp.close()
        return target

    def ask(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Request a URL, and again after failures that may pass; errors are those of requests and of urllib3."""
        for failures in count(1):
            asked, begin = None, time.monotonic()
            try:
                answer = self.get(url, headers=headers, timeout=self._timeouts, stream=True)
                if answer.status_code not in _RETRIED or self._exhausted(failures):
                    return self._read(answer)
                answer.close()
                failed, asked = str(answer.status_code), answer.headers.get("Retry-After")
            # A read timeout is no ConnectionError: less is then requested at once.
            except (requests.ReadTimeout, ReadTimeoutError) as error:
                if time.monotonic() - begin < self._longest:
                    raise
                raise TooMuchError(f"was not complete after {self._longest:g} s (conf.reply_timeout)") from error
            except requests.ConnectionError as error:
                if isinstance(error, SSLError) or self._exhausted(failures):
                    raise
                failed = reason_of(error)
            log.debug(f"The service failed ({failed}); {self._patience.policy.retries - failures + 1} more tries.")
            self._patience.wait(failures, asked)
        raise AssertionError

    def _exhausted(self, failures: int) -> bool:
        return self._patience.hurried or failures > self._patience.policy.retries

    def _read(self, answer: requests.Response) -> Reply:
        pieces, size = [], 0
        with answer:
            while piece := answer.raw.read1(_PIECE, decode_content=True):
                pieces.append(piece)
                size += len(piece)
                if answer.status_code != HTTPStatus.OK and size >= MESSAGE_BYTES:
                    break
                if size > self._largest:
                    raise TooMuchError(f"is larger than {self._largest / 1e6:,.0f} MB (conf.reply_size)")
        authorized = "Authorization" in answer.request.headers
        return Reply(answer.status_code, answer.reason or "", answer.headers, b"".join(pieces), authorized)
