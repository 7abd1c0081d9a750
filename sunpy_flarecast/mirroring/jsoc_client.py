"""Asking JSOC through drms: tried again while it is busy, within the timeouts of ``conf``, its errors as sentences."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager
from http.client import HTTPException, responses
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.error import HTTPError, URLError

from sunpy import log

from sunpy_flarecast.config import conf
from sunpy_flarecast.download.verify import MESSAGE_BYTES
from sunpy_flarecast.errors import ReplyError, ServiceError, UnreachableError
from sunpy_flarecast.rest.error_text import body_message
from sunpy_flarecast.rest.retry import RETRIED, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ask"]

#: How often a page in place of a reply is asked for again.
_PAGE_RETRIES: Final = 1

_T = TypeVar("_T")


def ask(what: str, question: Callable[[], _T]) -> _T:
    """
    Ask until there is an answer, or as often as ``conf.max_retries`` allows.

    Parameters
    ----------
    what : str
        What is asked for, for messages.
    question : callable
        Calls drms.

    Raises
    ------
    ServiceError
        If there is no answer, or it is an error.

    Examples
    --------
    >>> from sunpy_flarecast.mirroring.jsoc_client import ask
    >>> ask("the sum of two and two", lambda: 2 + 2)
    4
    """
    from drms import DrmsError

    policy = RetryPolicy()
    failed = pages = 0
    while True:
        asked = None
        try:
            with _timeout():
                return question()
        except HTTPError as error:
            with error:
                said = body_message(error.read(MESSAGE_BYTES))
            phrase = responses.get(error.code, "")  # drms writes another text over the server's
            reason = f"it answered {error.code} {phrase}{f': {said}' if said and said != phrase else ''}"
            asked = error.headers.get("Retry-After")
            failure = ServiceError(_sentence(what, reason), reason=reason)
            again = error.code in RETRIED
        except (OSError, HTTPException) as error:
            cause = error.reason if isinstance(error, URLError) else error
            if isinstance(cause, TimeoutError):
                reason = f"it did not answer within {conf.read_timeout:g} s (conf.read_timeout)"
            else:
                reason = f"the connection failed ({cause or type(cause).__name__})"
            failure = UnreachableError(_sentence(what, reason), reason=reason)
            again = True
        except DrmsError as error:
            reason = f"it answered: {error}"
            raise ServiceError(_sentence(what, reason), reason=reason) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            # drms takes what is no JSON, or JSON of another shape, as it comes.
            text = str(getattr(error, "doc", "")).encode()[:MESSAGE_BYTES]
            reason = f"what it answered is no reply of JSOC{_said(text, error)}"
            failure = ReplyError(_sentence(what, reason), reason=reason)
            again = pages < _PAGE_RETRIES
            pages += 1
        failed += 1
        if not again or failed > policy.retries:
            raise failure
        pause = policy.wait(failed, asked)
        log.debug(f"{failure} Asking again in {pause:.1f} s.")
        time.sleep(pause)


def _said(text: bytes, error: Exception) -> str:
    return f" but {body_message(text)}" if text and body_message(text) else f" ({type(error).__name__}: {error})"


def _sentence(what: str, reason: str) -> str:
    return f"JSOC was asked for {what}, and {reason.removesuffix('.')}. Try again later; what is there is kept."


@contextmanager
def _timeout() -> Iterator[None]:
    """Have drms, which opens its connections without a word about it, wait no longer than ``conf.read_timeout``."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(conf.read_timeout)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
