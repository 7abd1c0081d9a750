"""Retry the requests of a fetch: which failures are temporary, and when to give up."""

from __future__ import annotations

import asyncio
import os
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

import aiohttp

from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.on_disk import TOO_MANY_OPEN
from sunpy_flarecast.rest.auth import what_to_do
from sunpy_flarecast.rest.certificates import ADVICE
from sunpy_flarecast.rest.error_text import MESSAGE_BYTES, status_text
from sunpy_flarecast.rest.retry import BUSY, RETRIED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .context import Context

__all__ = ["AgainError", "RefusedError", "check_status", "persist", "read_all"]

#: Statuses of refused access.
_NO_ACCESS: Final = frozenset({401, 403})

#: How many times a complete reply with invalid content is retried; a login page, for example, does not go away.
_BAD_CONTENT_RETRIES: Final = 1

#: An attempt that received this many bytes resets the count of consecutive failures.
_PROGRESS_BYTES: Final = 1 << 20

#: Raised when no connection can be made; older versions of aiohttp do not distinguish it from other timeouts.
_NO_CONNECTION: Final = getattr(aiohttp, "ConnectionTimeoutError", ())

_T = TypeVar("_T")


class AgainError(TransferError):
    """An attempt failed for a reason that may be temporary."""

    def __init__(
        self, reason: str, *, wait: str | None = None, busy: bool = False, content: bool = False, away: bool = False
    ) -> None:
        super().__init__(reason)
        self.wait = wait
        self.busy = busy
        self.content = content
        self.away = away  # no connection could be made


class RefusedError(TransferError):
    """The service refused the request."""


async def persist(
    url: str, context: Context, attempt: Callable[[], Awaitable[_T]], kept: Callable[[], int] = lambda: 0
) -> _T:
    """
    Retry a request until it succeeds or the allowed number of attempts has failed.

    ``kept`` returns the number of bytes that the next attempt need not receive again. An attempt that received many
    bytes resets the count of failures, so that a file of any size can be fetched over a connection that drops
    regularly.

    All exceptions of an attempt are retried, except disk errors and every `TransferError` that is not an `AgainError`.
    """
    failed = bad_contents = most = 0
    pace = context.pace(url)
    while True:
        await pace.passed()
        if context.halted is not None:
            raise context.halted
        if pace.away:
            raise TransferError(pace.away)
        try:
            result = await attempt()
        except Exception as error:  # noqa: BLE001 (a reply can make the libraries raise anything)
            failure = _failure(error, context)
        else:
            pace.replied()
            return result
        if not failure.away:
            pace.replied()
        if kept() >= most + _PROGRESS_BYTES:
            failed, most = 0, kept()
        failed += 1
        bad_contents += failure.content
        if failed > context.retry_policy.retries or bad_contents > _BAD_CONTENT_RETRIES:
            times = f", {failed} times" if failed > 1 else ""
            if failure.away:
                pace.unreachable(str(failure))
            raise TransferError(f"{failure}{times}") from failure
        wait = context.retry_policy.wait(failed, failure.wait)
        if failure.busy:
            pace.pause(wait)
        else:
            await asyncio.sleep(wait)


def _failure(error: Exception, context: Context) -> AgainError:
    """Return the reason of a failed attempt if a retry may succeed; otherwise raise it."""
    match error:
        case AgainError():
            return error
        case OSError() if error.errno in TOO_MANY_OPEN:  # also for sockets; temporary until other transfers end
            return AgainError(
                f"{os.strerror(error.errno or 0)}; use a smaller max_conn, or increase the limit (ulimit -n)"
            )
        case aiohttp.InvalidURL():
            raise TransferError(f"the URL is not valid ({error})") from error
        case TimeoutError():  # aiohttp's are subclasses
            if isinstance(error, _NO_CONNECTION):
                text = f"no connection could be made within {context.connect_timeout:g} s (conf.connect_timeout)"
                return AgainError(text, away=True)
            return AgainError(f"the service sent nothing for {context.read_timeout:g} s (conf.read_timeout)")
        case aiohttp.ClientPayloadError():
            return AgainError("the reply ended early")
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return AgainError(f"the connection to the proxy failed ({error})", away=True)
        case aiohttp.ClientConnectorError() if not isinstance(error, aiohttp.ClientSSLError):
            why = os.strerror(error.os_error.errno) if error.os_error.errno else error.os_error
            text = f"no connection to the service at {error.host}:{error.port} ({why}; is the service running?)"
            return AgainError(text, away=True)
        case aiohttp.ClientConnectorCertificateError():
            text = str(error.certificate_error).partition(" (_ssl.c")[0]
            advice = "The operators of the service have to renew it" if "has expired" in text else ADVICE
            raise TransferError(f"the certificate of {error.host} was not accepted ({text}). {advice}") from error
        case aiohttp.ClientError():
            return AgainError(f"the connection failed ({error or type(error).__name__})")
        case TransferError() | OSError():
            raise error
    return AgainError(f"the reply is not valid ({type(error).__name__}: {error})")


async def check_status(reply: aiohttp.ClientResponse) -> None:
    """Accept status 200 only; raise `AgainError` if a retry may succeed, otherwise `RefusedError`."""
    status = reply.status
    if status == HTTPStatus.OK:
        return
    text = f"the service answered {status_text(status, reply.reason, await reply.content.read(MESSAGE_BYTES))}"
    if status in RETRIED:
        raise AgainError(text, wait=reply.headers.get("Retry-After"), busy=status in BUSY)
    if status in _NO_ACCESS:
        text = f"{text} ({what_to_do(sent='Authorization' in reply.request_info.headers)})"
    raise RefusedError(text)


async def read_all(reply: aiohttp.ClientResponse, context: Context) -> bytes:
    """Read a reply other than a file, with the limits for size and time that searches have."""
    pieces, size, end = [], 0, time.monotonic() + context.reply_timeout
    async for piece in reply.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > context.reply_size:
            raise RefusedError(f"the reply is larger than {context.reply_size / 1e6:,.0f} MB (conf.reply_size)")
        if time.monotonic() > end:
            raise AgainError(f"the reply was not complete after {context.reply_timeout:g} s (conf.reply_timeout)")
    return b"".join(pieces)
