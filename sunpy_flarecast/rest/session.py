"""HTTP requests with limits and retries: `Session`, and `Patience`, the shared state of the requests of a search."""

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
from .certificates import own_certificates
from .error_text import MESSAGE_BYTES, reason_of
from .retry import RETRIED, RetryPolicy
from .service_url import is_within, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Patience", "Reply", "Session", "TooMuchError", "interruption"]

#: Bytes of a reply that are read at a time; urllib3 before 2.6 decompresses as many at once.
_PIECE: Final = 1 << 18

#: A list that takes the service too long is requested in parts instead.
_RETRIED: Final = RETRIED - {HTTPStatus.GATEWAY_TIMEOUT}


class Patience:
    """
    The shared state of the requests of a search, which run in several threads.

    After ``2 * parallel`` consecutive failures in spite of all retries, requests are no longer retried until one
    succeeds. The search stops then if all other requests can be expected to fail in the same way; it stops at the first
    failure if no connection can be made and no request has succeeded.
    """

    def __init__(self, parallel: int | None = None) -> None:
        self.parallel: int = conf.parallel_requests if parallel is None else parallel
        self.policy = RetryPolicy()
        self._lock = threading.Lock()
        self._end = threading.Event()
        #: Whether the replies are no longer wanted.
        self.stopped = False
        #: Whether Ctrl-C ended the requests.
        self.interrupted = False
        self._in_a_row = 0
        self._lasting = True
        self._succeeded = False
        self._over: ServiceError | None = None

    def succeeded(self) -> None:
        """Record a reply."""
        with self._lock:
            self._in_a_row, self._lasting, self._succeeded = 0, True, True

    def failed(self, error: ServiceError) -> None:
        """Record a request that failed in spite of retries."""
        with self._lock:
            self._in_a_row += 1
            self._lasting = self._lasting and error.lasting
            unreachable, never = isinstance(error, UnreachableError), not self._succeeded
            enough = 1 if error.away and never else 2 * self.parallel
            # After a reply, a refusal may mean that a window has no records.
            if self._lasting and (unreachable or never) and self._in_a_row >= enough and self._over is None:
                self._over = error
                self._end.set()

    def stop(self) -> None:
        """End all waits and requests; the replies are no longer wanted."""
        self.stopped = True
        self._end.set()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let Ctrl-C end the block and all requests, and set ``interrupted``."""
        try:
            yield
        except KeyboardInterrupt:
            self.interrupted = True
            self.stop()

    def wait(self, failures: int, asked: str | None = None) -> None:
        """Wait before the next try, as long as `RetryPolicy.wait` returns, or until the requests end."""
        self._end.wait(self.policy.wait(failures, asked))

    def check(self) -> None:
        """Raise the reason if nothing more is to be requested."""
        if self.interrupted:
            raise interruption()
        if (error := self._over) is not None:
            lost = "could no longer be reached" if isinstance(error, UnreachableError) else "refused all requests"
            reason = f"not requested, since the service {lost} ({error.reason.removesuffix('.')})"
            raise type(error)(f"Not requested, since the service {lost}. {error}", reason=reason, lasting=True)

    @property
    def hurried(self) -> bool:
        """Whether requests are tried only once."""
        return self.stopped or self._over is not None or self._in_a_row >= 2 * self.parallel


def interruption() -> ServiceError:
    """Return the error for the parts missing from an interrupted search or request for keywords."""
    return ServiceError("Not requested because of an interrupt.", reason="not requested because of an interrupt")


class Reply(NamedTuple):
    """A complete reply; the body is decompressed."""

    status: int
    phrase: str
    headers: Mapping[str, str]
    body: bytes
    authorized: bool  # whether the request carried credentials


class TooMuchError(requests.RequestException):
    """A reply exceeds ``conf.reply_size`` or ``conf.reply_timeout``."""


class _Authorization(AuthBase):
    """Adds the header, if any, to requests; otherwise they would get the credentials in ~/.netrc."""

    def __init__(self, header: str | None, base: str) -> None:
        self._header, self._base = header, base

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # The name of a series in a shared table may contain a path.
        if self._header is not None and is_within(request.url or "", self._base):
            request.headers["Authorization"] = self._header
        return request


class _TimedIO(RawIOBase):
    """The stream of a connection, with a deadline."""

    # For close(), which Python also calls if Ctrl-C ends __init__ early.
    _raw: Any = None

    def __init__(self, raw: RawIOBase, end: float) -> None:
        super().__init__()
        self._raw, self._end = raw, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if time.monotonic() > self._end:
            raise TimeoutError
        count: int | None = self._raw.readinto(buffer)
        return count

    def fileno(self) -> int:
        number: int = self._raw.fileno()
        return number

    def close(self) -> None:
        if self._raw is not None:
            self._raw.close()
        super().close()


class _TimedSocket(NamedTuple):
    """A socket, as far as replies use it, whose stream has a deadline."""

    socket: Any

    def makefile(self, mode: str) -> BufferedReader:
        """Return the stream, which `~http.client.HTTPResponse` reads."""
        stream = self.socket.makefile(mode, buffering=0)
        return BufferedReader(_TimedIO(stream, time.monotonic() + conf.reply_timeout))


class _TimedResponse(HTTPResponse):
    """A reply that takes at most ``conf.reply_timeout``, even if its headers trickle in or never end."""

    fp: Any = None  # for close(), also called if Ctrl-C ends __init__ early

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(_TimedSocket(sock), *args, **options)  # type: ignore[arg-type]


class _Adapter(HTTPAdapter):
    """Makes connections whose replies have the deadline."""

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        if pool.ConnectionCls.response_class is not _TimedResponse:
            pool.ConnectionCls = type("TimedConnection", (pool.ConnectionCls,), {"response_class": _TimedResponse})
        return pool


class Session(requests.Session):
    """
    Requests to one service, by several threads.

    Credentials (user and password of its base URL, or the token) are sent only to URLs below it, even after redirects.
    """

    def __init__(self, address: str, patience: Patience) -> None:
        super().__init__()
        self._base = without_password(address)
        self._patience = patience
        if self._base.startswith("https:"):
            own_certificates()  # raises an error that names the variable, which that of requests does not
        self._timeouts = (conf.connect_timeout, conf.read_timeout)
        self._longest, self._largest = conf.reply_timeout, conf.reply_size * 1e6
        self.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})
        self.auth = _Authorization(authorization(address), self._base)
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(pool_maxsize=patience.parallel))

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Remove credentials on redirects to another service on the same host, and ignore ~/.netrc."""
        del response
        if not is_within(prepared_request.url or "", self._base):
            prepared_request.headers.pop("Authorization", None)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Close redirects without reading their bodies; the requests package would read them, however large."""
        target: str | None = super().get_redirect_target(resp)
        if target is not None:
            resp.close()
        return target

    def ask(self, url: str, headers: Mapping[str, str] | None = None, *, retried: bool = True) -> Reply:
        """Request a URL, with retries after temporary failures; raises the errors of requests and urllib3."""
        for failures in count(1):
            asked, begin = None, time.monotonic()
            try:
                answer = self.get(url, headers=headers, timeout=self._timeouts, stream=True)
                if answer.status_code not in _RETRIED or not retried or self._exhausted(failures):
                    return self._read(answer)
                answer.close()
                failed, asked = str(answer.status_code), answer.headers.get("Retry-After")
            # A read timeout is not retried; less is then requested at once.
            except (requests.ReadTimeout, ReadTimeoutError) as error:
                if time.monotonic() - begin < self._longest:
                    raise
                raise TooMuchError(f"was not complete after {self._longest:g} s (conf.reply_timeout)") from error
            except requests.ConnectionError as error:
                if isinstance(error, SSLError) or not retried or self._exhausted(failures):
                    raise
                failed = reason_of(error)
            log.debug(f"The service failed ({failed}); retries left: {self._patience.policy.retries - failures + 1}.")
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
