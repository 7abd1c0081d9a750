"""Requests of a fetch, tried again as often as is worth it: which failures pass, how long to wait, when to give up."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

import aiohttp

from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.rest.auth import what_to_do
from sunpy_flarecast.rest.error_text import body_message
from sunpy_flarecast.rest.retry import BUSY, RETRIED

from .verify import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .context import Terms

__all__ = ["AgainError", "RefusedError", "check_status", "persist"]

#: Statuses by which access is refused.
_NO_ACCESS: Final = frozenset({401, 403})

#: How often what arrived whole but is not what was asked for is asked for again; a page that asks to log in will not
#: go away.
_BAD_CONTENT_RETRIES: Final = 1

#: What a host that does not let one connect is told by; older versions of aiohttp do not tell.
_NO_CONNECTION: Final = getattr(aiohttp, "ConnectionTimeoutError", ())

_T = TypeVar("_T")


class AgainError(TransferError):
    """An attempt failed in a way that the next may not."""

    def __init__(self, reason: str, *, wait: str | None = None, busy: bool = False, content: bool = False) -> None:
        super().__init__(reason)
        self.wait = wait
        self.busy = busy
        self.content = content


class RefusedError(TransferError):
    """The service answered that it does not give what was asked for."""


async def persist(url: str, terms: Terms, attempt: Callable[[], Awaitable[_T]]) -> _T:
    """
    Make attempts until one succeeds, or as many as are allowed have failed.

    Parameters
    ----------
    url : str
        What is asked; its host may be busy.
    terms : Terms
        Of the fetch: how many attempts, how long to wait.
    attempt : callable
        Makes one attempt, and raises `AgainError`, or what aiohttp raises, if the next one may succeed.

    Raises
    ------
    TransferError
        With the reason of the last failure.
    """
    failed = bad_contents = 0
    pace = terms.pace(url)
    while True:
        await pace.passed()
        if terms.halted is not None:
            raise terms.halted
        try:
            return await attempt()
        except AgainError as error:
            failure = error
        except TimeoutError as error:  # aiohttp's are subclasses
            failure = AgainError(
                f"no connection could be made within {terms.connect_timeout:g} s (conf.connect_timeout)"
                if isinstance(error, _NO_CONNECTION)
                else f"the service did not go on sending within {terms.read_timeout:g} s (conf.read_timeout)"
            )
        except aiohttp.ClientPayloadError:
            failure = AgainError("the answer broke off before its end")
        except aiohttp.InvalidURL as error:
            raise TransferError(f"it is no URL that can be asked ({error})") from error
        except aiohttp.TooManyRedirects as error:
            raise TransferError("the service redirects in a circle") from error
        except aiohttp.ClientError as error:
            failure = AgainError(f"the connection failed ({error or type(error).__name__})")
        failed += 1
        bad_contents += failure.content
        if failed > terms.retry_policy.retries or bad_contents > _BAD_CONTENT_RETRIES:
            times = f", {failed} times" if failed > 1 else ""
            raise TransferError(f"{failure}{times}") from failure
        wait = terms.retry_policy.wait(failed, failure.wait)
        if failure.busy:
            pace.pause(wait)
        else:
            await asyncio.sleep(wait)


async def check_status(answer: aiohttp.ClientResponse) -> None:
    """
    Go on with the status 200 only.

    Raises
    ------
    AgainError
        If the status may be another the next time.
    RefusedError
        If not.
    """
    status = answer.status
    if status == HTTPStatus.OK:
        return
    message = body_message(await answer.content.read(MESSAGE_BYTES))
    text = f"the service answered {status} {answer.reason}{f': {message}' if message else ''}"
    if status in RETRIED:
        raise AgainError(text, wait=answer.headers.get("Retry-After"), busy=status in BUSY)
    if status in _NO_ACCESS:
        text = f"{text.removesuffix('.')} ({what_to_do(sent='Authorization' in answer.request_info.headers)})"
    raise RefusedError(text)
