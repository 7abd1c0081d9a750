"""Messages of failed requests: what the reply says, or why there is none, and what to do."""

from __future__ import annotations

import html
import re
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import requests
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import DecodeError, NameResolutionError, NewConnectionError, ProtocolError, ReadTimeoutError

from sunpy_flarecast.config import URL_VARIABLE
from sunpy_flarecast.errors import ReplyError, ServiceError, UnreachableError
from sunpy_flarecast.sharp.values import printable

from .auth import what_to_do
from .certificates import ADVICE
from .service_url import is_within, without_password

__all__ = [
    "LESS",
    "MESSAGE_BYTES",
    "body_message",
    "error_message",
    "error_of",
    "reason_of",
    "refusal",
    "shown",
    "status_text",
]

#: Number of bytes of a reply that are searched for a message.
MESSAGE_BYTES: Final = 65536

#: Statuses of requests that may succeed if they are smaller.
_TOO_MUCH: Final = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.GATEWAY_TIMEOUT)

#: Statuses that refuse access, to other requests as well.
_NO_ACCESS: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

_LATER: Final = "Try again later."

#: Advice if a reply is too large or takes too long.
LESS: Final = "Request less at once: a shorter conf.window, or fewer keywords."

#: Host of the default URL, which is reached through a tunnel.
_AFAR: Final = "cluster-r730-1"

#: Number of characters of a reply that are quoted.
_QUOTED: Final = 300


def shown(text: object) -> str:
    """Return text from a service on one line, without control characters, which could control a terminal."""
    return " ".join(printable(str(text)).split())


def error_message(reply: Any) -> str:
    """Return the message of a decoded error reply; empty if it has none."""
    message = isinstance(reply, dict) and next(
        (reply[key] for key in ("message", "error", "errors", "detail") if reply.get(key)), None
    )
    return shown(message if isinstance(message, str) else msgspec.json.encode(message).decode()) if message else ""


def body_message(body: bytes) -> str:
    """Return the message of an error's body: that of JSON, the title of HTML, or the text itself."""
    text = body.decode("utf-8", "replace").strip()
    try:
        text = error_message(msgspec.json.decode(body)) or text
    except (ValueError, msgspec.DecodeError, RecursionError):
        if re.match(r"(?i)<(!doctype html|html|head|body)", text):
            title = re.search(r"(?is)<title[^>]*>(.*?)</title", text)
            text = f'a web page titled "{html.unescape(title[1]).strip()}"' if title else "a web page"
        elif not text.isprintable() and not re.fullmatch(r"[\s\x1b\x21-\x7e\xa0-\uffff]*", text):
            return "binary data"
    text = shown(text)
    return text if len(text) <= _QUOTED else f"{text[: _QUOTED - 1]}…"


def status_text(status: int, phrase: str | None, body: bytes) -> str:
    """Return status, phrase and message of a reply, to follow "the service answered"."""
    message = body_message(body).removesuffix(".")
    phrase = shown(phrase or "")
    says_more = message.removeprefix(str(status)).strip(" :-").casefold() not in ("", phrase.casefold())
    return f"{status} {phrase}".rstrip() + (f": {message}" if says_more else "")


def refusal(url: str, asked: str, status: int, phrase: str, body: bytes, *, authorized: bool) -> ServiceError:
    """Make the error for a reply whose status is not 200."""
    said = f"answered {status_text(status, phrase, body)}"
    end = "" if said.endswith(("?", "!")) else "."
    advice = _advice_on(status, body, authorized=authorized)
    return ServiceError(
        f"The request to {url} for {asked} failed: the service {said}{end} {advice}",
        advice="" if advice == _LATER else advice,
        reason=f"{url} {said}",
        less_may_help=status in _TOO_MUCH,
        lasting=status in _NO_ACCESS,
    )


def _advice_on(status: int, body: bytes, *, authorized: bool) -> str:
    if status == HTTPStatus.BAD_REQUEST and b"HTTPS port" in body:  # the text of nginx and Go
        return f"Try https:// instead of http:// (conf.url, {URL_VARIABLE})."
    if status in _NO_ACCESS:
        advice = what_to_do(sent=authorized)
        return f"{advice[0].upper()}{advice[1:]}."
    if status == HTTPStatus.NOT_FOUND:
        return "Check the series and conf.url."
    if status in _TOO_MUCH:
        return LESS
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return _LATER
    return "Check the query and conf.url."


def error_of(url: str, asked: str, error: Exception) -> ServiceError:
    """Make the error for a request without a complete reply, given the exception, such as one of urllib3."""
    reason = reason_of(error)
    slow = isinstance(error, requests.exceptions.ReadTimeout | ReadTimeoutError)
    if slow or isinstance(error, requests.exceptions.Timeout):
        return UnreachableError(
            f"The request to {url} for {asked} was not answered in time ({reason}). Try again, request less at once "
            "(a shorter conf.window, or fewer keywords), or wait longer (conf.connect_timeout, conf.read_timeout, "
            "conf.reply_timeout).",
            reason=f"no answer in time ({reason})",
            less_may_help=slow,
            lasting=True,
        )
    if isinstance(error, requests.exceptions.ProxyError):
        reason = f"the proxy {without_password(select_proxy(url, get_environ_proxies(url)) or '')} failed: {reason}"
    if isinstance(error, requests.exceptions.ConnectionError):
        if not is_within(at := getattr(error.request, "url", None) or url, url):
            at = shown(without_password(at))
            return UnreachableError(
                f"The request to {url} for {asked} was redirected to {at}, which cannot be reached ({reason}). Ask the "
                "operators of the service.",
                reason=f"{url} redirects to {at}, which cannot be reached ({reason})",
                lasting=True,
            )
        advice = _way_to(url, error, reason)
        return UnreachableError(
            f"The FLARECAST service at {url} cannot be reached ({reason}). {advice}",
            advice=advice,
            reason=f"{url} cannot be reached ({reason})",
            lasting=True,
            away=_is_away(error),
        )
    if isinstance(error, ProtocolError | DecodeError):
        return ReplyError(
            f"The request to {url} for {asked} failed: the reply was incomplete. Try again.",
            reason="the reply was incomplete",
            less_may_help=True,
        )
    return ReplyError(f"The request to {url} for {asked} failed: {reason}.", reason=reason)


def reason_of(error: Exception) -> str:
    """Return the innermost reason of an exception of requests, without addresses of objects."""
    reason: Any = error
    while True:
        inner = getattr(reason, "reason", None) or next(
            (arg for arg in getattr(reason, "args", ()) if isinstance(arg, Exception)), None
        )
        if not isinstance(inner, Exception):
            break
        reason = inner
    text = re.sub(r"<[^>]*>:? ?|\w*Connection\([^)]*\): ", "", str(reason))
    return shown(without_password(text)) or type(reason).__name__


def _is_away(error: Exception) -> bool:
    """Return whether no connection was made, as opposed to one that the service closed."""
    within = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError) or isinstance(
        within, NewConnectionError | NameResolutionError
    )


def _way_to(url: str, error: Exception, reason: str) -> str:
    """Return the advice for a service that cannot be reached."""
    if isinstance(error, requests.exceptions.ProxyError):
        return "Check the environment variables HTTP_PROXY and HTTPS_PROXY, or add the service's host to NO_PROXY."
    scheme, _, rest = url.partition("://")
    if isinstance(error, requests.exceptions.SSLError):
        if "certificate has expired" in reason:
            return "The operators have to renew the certificate; until then, files and keywords are unavailable, too."
        if "CERTIFICATE_VERIFY_FAILED" in reason or "doesn't match" in reason:
            return f"Its certificate is for another host, or its authority is not trusted here. {ADVICE}."
        return f"Its reply is not TLS; if it does not support https, try http://{rest} (conf.url, {URL_VARIABLE})."
    if scheme == "http" and not _is_away(error):
        return (
            f"It closed the connection. If it uses TLS, try https://{rest} (conf.url, {URL_VARIABLE}); else try again."
        )
    host = urlsplit(url).hostname or ""
    here = host in ("localhost", "::1") or host.startswith("127.")
    if here or host == _AFAR:
        return (
            f"{'If it runs on this machine, start it; otherwise open' if here else 'Open'} the tunnel or port "
            f"forwarding to it (ssh -L 8001:{_AFAR}:8001 ...) and set sunpy_flarecast.conf.url or {URL_VARIABLE}. "
            "For synthetic data use sunpy_flarecast.demo_service(), or `sunpy-flarecast serve --demo` in a terminal."
        )
    return (
        f"Check host and port of sunpy_flarecast.conf.url or {URL_VARIABLE}, whether the service is running, and "
        "whether a firewall or VPN blocks the connection."
    )
