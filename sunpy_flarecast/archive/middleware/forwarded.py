"""What a service is called by its clients: the URL in its replies, also behind proxies that know it."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from .networks import is_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from .networks import Network

__all__ = ["Forwarded", "base_url", "check_public_url"]

#: A host as URLs have it, with its port.
_HOST: Final = re.compile(r"(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII | re.IGNORECASE)

#: A path as a proxy may put it in front. Nothing in it means much to a regular expression, as which Starlette before
#: 0.39 uses it.
_PREFIX: Final = re.compile(r"(?:/(?!\.+(?:/|$))[\w.~-]{1,80}){1,8}", re.ASCII)

#: A pair of the header ``Forwarded`` (RFC 7239).
_PAIR: Final = re.compile(r'\s*(\w+)\s*=\s*(?:"([^"]*)"|([^\s",;]*))\s*', re.ASCII)

_HEADERS: Final = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-prefix"}
)

_SCHEMES: Final = ("http", "https")


class Forwarded:
    """
    An ASGI layer that believes trusted proxies where a request came from, and nobody else.

    It reads ``X-Forwarded-For, -Proto, -Host, -Prefix``, or, where there is none of them, ``Forwarded`` (RFC 7239).
    Of lists the last entry counts, since it is the one that the trusted proxy wrote; of addresses the last that is
    no trusted proxy's. The prefix is the path that the proxy took away.

    (uvicorn has a layer for the first two; it must be switched off by ``proxy_headers=False``, since it hides the
    proxy's address.)

    Parameters
    ----------
    app : ASGI application
        What the requests are handed on to.
    trusted : sequence of network
        Addresses of the proxies.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http" and self._trusts((scope.get("client") or ("",))[0]):
            self._believe(scope)
        await self._app(scope, receive, send)

    def _trusts(self, host: str) -> bool:
        return is_in(host, self._trusted)

    def _believe(self, scope: Scope) -> None:
        headers: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            if name in _HEADERS:
                text = value.decode("latin-1")
                headers[name] = f"{headers[name]},{text}" if name in headers else text
        if not headers:
            return
        forwarded = headers.pop(b"forwarded", "")
        if headers:
            clients = headers.pop(b"x-forwarded-for", "").split(",")
            told = {name[12:].decode(): value.rpartition(",")[2].strip() for name, value in headers.items()}
        else:
            elements = [_pairs(element) for element in forwarded.split(",")]
            clients = [element.get("for", "") for element in elements]
            told = elements[-1]
        if told.get("proto", "").lower() in _SCHEMES:
            scope["scheme"] = told["proto"].lower()
        if _HOST.fullmatch(told.get("host", "")):
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [(b"host", told["host"].encode()), *others]
        prefix = told.get("prefix", "").rstrip("/")
        if _PREFIX.fullmatch(prefix):
            # The path holds the root path (ASGI), which the routes take away again.
            scope["root_path"] = prefix
            scope["path"] = prefix + scope["path"]
            scope["raw_path"] = prefix.encode() + scope.get("raw_path", b"")
        for client in map(_address, reversed(clients)):
            if client is None:
                break
            scope["client"] = (client, 0)
            if not self._trusts(client):
                break


def _pairs(element: str) -> dict[str, str]:
    matches = [_PAIR.fullmatch(pair) for pair in element.split(";")]
    return {match[1].lower(): match[2] or match[3] or "" for match in matches if match}


def _address(text: str) -> str | None:
    """Read an address as proxies write it, with or without a port."""
    host = text.strip().strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:  # RFC 7239 allows "unknown" and made-up names
        return None


def base_url(scope: Scope, public_url: str | None = None) -> str:
    """
    Find the URL of the service as a client reached it.

    Parameters
    ----------
    scope : mapping
        The request's ASGI scope.
    public_url : str, optional
        The URL, if it is known.

    Returns
    -------
    str
        Without a slash at its end.

    Raises
    ------
    ValueError
        If the header ``Host`` names no host.

    Examples
    --------
    >>> from sunpy_flarecast.archive.middleware.forwarded import base_url
    >>> base_url({"scheme": "https", "headers": [(b"host", b"sharps.example:81")], "root_path": "/flarecast"})
    'https://sharps.example:81/flarecast'
    """
    if public_url is not None:
        return public_url.rstrip("/")
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), None)
    if host is None:  # HTTP/1.0
        address, port = scope.get("server") or ("localhost", None)
        host = f"[{address}]" if ":" in address else address
        host += f":{port}" if port else ""
    if _HOST.fullmatch(host) is None:
        raise ValueError("The header Host names no host")
    return f"{scope.get('scheme', 'http')}://{host}{scope.get('root_path', '')}"


def check_public_url(url: str) -> str:
    """
    Check that what a service shall be called is a URL.

    Parameters
    ----------
    url : str
        With ``http://`` or ``https://``.

    Returns
    -------
    str
        The same without a slash at its end.

    Raises
    ------
    ValueError
        If it is none, or has more than host, port and path.

    Examples
    --------
    >>> from sunpy_flarecast.archive.middleware.forwarded import check_public_url
    >>> check_public_url("https://sharps.example/flarecast/")
    'https://sharps.example/flarecast'
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    path = parts.path.rstrip("/")
    good = parts.scheme in _SCHEMES and _HOST.fullmatch(parts.netloc) and (not path or _PREFIX.fullmatch(path))
    if not good or parts.query or parts.fragment:
        raise ValueError(
            f"{url!r} is not the URL of a service. Write scheme, host and, if there is one, a path, for example "
            "https://sharps.example/flarecast"
        )
    return f"{parts.scheme}://{parts.netloc}{path}"
