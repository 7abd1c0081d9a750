"""Requests to JSOC with drms, sent through this package's `Session`; exceptions become readable errors."""

from __future__ import annotations

import json
from functools import partial
from http import HTTPStatus
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from urllib3.exceptions import HTTPError

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import ReplyError, ServiceError, UnreachableError
from sunpy_flarecast.rest.error_text import body_message, reason_of, status_text
from sunpy_flarecast.rest.session import Patience, Session, TooMuchError
from sunpy_flarecast.utils.optional_deps import missing_package

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["call_drms", "connect"]

_T = TypeVar("_T")


def connect(base: str) -> Any:
    """Return a `drms.Client` for the web server at a base URL, with the retries and timeouts of this package."""
    try:
        import drms
    except ModuleNotFoundError as error:
        raise missing_package("A mirror of JSOC needs", "jsoc", error.name or "drms") from error
    client = drms.Client(
        drms.ServerConfig(
            name="JSOC",
            cgi_baseurl=f"{base}/cgi-bin/ajax/",
            cgi_show_series="show_series",
            cgi_jsoc_info="jsoc_info",
            cgi_jsoc_fetch="jsoc_fetch",
            cgi_check_address="checkAddress.sh",
            http_download_baseurl=f"{base}/",
        )
    )
    # All requests of drms (0.7 to 0.9) are made by this function.
    client._json._json_request = partial(_request, Session(base, Patience(1)))
    return client


def _request(session: Session, url: str) -> SimpleNamespace:
    reply = session.ask(url)
    if reply.status != HTTPStatus.OK:
        raise ServiceError(f"the server answered {status_text(reply.status, reply.phrase, reply.body)}")
    return SimpleNamespace(data=json.loads(reply.body))


def call_drms(subject: str, question: Callable[[], _T]) -> _T:
    """Call drms, and convert its exceptions to a `ServiceError` that names the request."""
    from drms import DrmsError

    kind = ServiceError
    try:
        return question()
    except ServiceError as error:
        cause: Exception = error
        reason = error.reason
    except requests.Timeout as error:
        cause, kind = error, UnreachableError
        reason = f"the server did not answer within {conf.read_timeout:g} s (conf.read_timeout)"
    except TooMuchError as error:
        cause, kind = error, ReplyError
        reason = f"the reply {error}"
    except (requests.RequestException, HTTPError, OSError) as error:
        cause, kind = error, UnreachableError
        reason = f"the connection failed ({reason_of(error)})"
    except DrmsError as error:
        cause, reason = error, f"the server answered: {error}"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # Not JSON, or JSON of another shape, which drms does not check.
        text = body_message(str(getattr(error, "doc", "")).encode())
        cause, kind = error, ReplyError
        reason = f"the reply is not from JSOC's software: {text or f'{type(error).__name__}: {error}'}"
    raise kind(
        f"The request to JSOC for {subject} failed: {reason.removesuffix('.')}. Try again later; complete files are "
        "kept.",
        reason=reason,
    ) from cause
