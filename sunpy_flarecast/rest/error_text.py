"""Why a service gave no reply, in words: what its answer says instead, why none came, and what to do."""

from __future__ import annotations

import html
import re
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import requests
from urllib3.exceptions import NameResolutionError, NewConnectionError

from sunpy_flarecast.config import URL_VARIABLE

from .auth import what_to_do
from .service_url import without_password

__all__ = [
    "LATER",
    "MESSAGE_BYTES",
    "TOO_MUCH",
    "advice_on",
    "body_message",
    "is_away",
    "quoting",
    "reason_of",
    "way_to",
]

#: Statuses of answers that may be others if less is asked for at once.
TOO_MUCH: Final = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.GATEWAY_TIMEOUT)

#: What to do where nothing better is known.
LATER: Final = "Try again later."

#: The default URL's host, which is reached by a tunnel.
_AFAR: Final = "cluster-r730-1"

#: How much of a reply is read in search of a message, in bytes.
MESSAGE_BYTES: Final = 65536

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
    >>> from sunpy_flarecast.rest.error_text import body_message
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


def quoting(body: bytes) -> str:
    """Give what an answer says as the end of a sentence; empty if there is nothing to quote."""
    message = body_message(body)
    return f": {message.removesuffix('.')}" if message else ""


def advice_on(answer: requests.Response, body: bytes) -> str:
    """Say what to do about an answer that is an error."""
    status = answer.status_code
    if status == HTTPStatus.BAD_REQUEST and b"HTTPS port" in body:  # as nginx and Go say it
        return f"Try https:// in place of http:// (conf.url, {URL_VARIABLE})."
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        advice = what_to_do(sent="Authorization" in answer.request.headers)
        return f"{advice[0].upper()}{advice[1:]}."
    if status == HTTPStatus.NOT_FOUND:
        return "Check the series and conf.url."
    if status in TOO_MUCH:
        return "Ask for less at once: set conf.window to a smaller number of days."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return LATER
    return "Check the query and conf.url."


def reason_of(error: Exception) -> str:
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


def is_away(error: Exception) -> bool:
    """Tell whether not even a connection came about, rather than one that the service closed."""
    within = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(
        within, NewConnectionError | NameResolutionError
    )


def way_to(url: str, error: Exception, reason: str) -> str:
    """Say what to do about a service that cannot be reached."""
    scheme, _, rest = url.partition("://")
    if isinstance(error, requests.exceptions.SSLError):
        if "certificate has expired" in reason:
            return "Those who run the service have to renew it; files and keywords would not be had either."
        if "CERTIFICATE_VERIFY_FAILED" in reason or "doesn't match" in reason:
            return (
                "Its certificate is not of an authority that is trusted here, or of another host. If it is one of your "
                "own institute, name the file of its authority's certificate in the environment variables "
                "REQUESTS_CA_BUNDLE (for searches) and SSL_CERT_FILE (for files), and start Python again."
            )
        return f"Its answer is none of TLS; if it has no https there, try http://{rest} (conf.url, {URL_VARIABLE})."
    away = is_away(error)
    if scheme == "http" and not away:
        return f"It closed the connection. If it speaks TLS, try https://{rest} (conf.url, {URL_VARIABLE}); else again."
    host = urlsplit(url).hostname or ""
    here = host in ("localhost", "::1") or host.startswith("127.")
    if here or host == _AFAR:
        return (
            f"{'If it is to run on this machine, start it; else open' if here else 'Open'} the tunnel or port "
            f"forwarding to it (ssh -L 8001:{_AFAR}:8001 ...) and set sunpy_flarecast.conf.url or {URL_VARIABLE}. "
            "`sunpy-flarecast serve --demo` starts a service to try things out."
        )
    return (
        f"Check host and port of sunpy_flarecast.conf.url or {URL_VARIABLE}, whether the service runs there, and "
        "whether a firewall or VPN lies between."
    )
