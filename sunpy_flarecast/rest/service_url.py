"""URLs of services: base URLs, and user and password, which are never shown or written to files."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from sunpy_flarecast.config import URL_VARIABLE
from sunpy_flarecast.errors import QueryError

__all__ = [
    "base_url",
    "credentials",
    "if_moved",
    "is_same_service",
    "is_within",
    "with_credentials",
    "without_password",
]


#: Invalid characters of URLs; with them, libraries disagree about the host.
_AMBIGUOUS: Final = re.compile(r"[\s\\]")


def base_url(url: str) -> str:
    """Check the base URL of a service, and drop a trailing slash or ``/HMI``; raise `QueryError` if it is invalid."""
    try:
        parts = urlsplit(url.strip())
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        (parts.hostname or "").encode("idna")  # as it is looked up
        whole = whole and not _AMBIGUOUS.search(url.strip())
    except ValueError:  # or UnicodeError, a subclass
        whole = False
    if not whole:
        raise QueryError(
            f"The service's URL {url.rpartition('@')[2]!r} is not a valid http:// or https:// URL. Set "
            f"sunpy_flarecast.conf.url, {URL_VARIABLE} or --url, for example to http://localhost:8001."
        )
    path = parts.path.rstrip("/").removesuffix("/HMI").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def without_password(url: str) -> str:
    """Return a URL without user and password."""
    return re.sub(r"(?<=://)[^/?#\s]*@", "", url)


def credentials(url: str) -> tuple[bytes, bytes] | None:
    """Return user and password of a URL in UTF-8, as RFC 7617 recommends; None if it has none."""
    parts = urlsplit(url)
    if not parts.username and not parts.password:
        return None
    return unquote(parts.username or "").encode(), unquote(parts.password or "").encode()


def with_credentials(service: str, configured: str) -> str:
    """
    Return the base URL of a table's service, with user and password if ``conf.url`` has them for the same service.

    Tables do not hold user and password, so that they are not shown or written to files. If ``service`` is empty, the
    configured URL is returned.
    """
    if not service:
        return base_url(configured)
    asked = base_url(service)
    same = "@" not in urlsplit(asked).netloc and is_same_service(asked, configured)
    return base_url(configured) if same else asked


def is_same_service(url: str, other: str) -> bool:
    """Return whether two URLs, with or without passwords, are of the same service; invalid URLs never are."""
    try:
        mine, others = urlsplit(base_url(url)), urlsplit(base_url(other))
    except QueryError:
        return False
    return _origin(mine) == _origin(others) and mine.path == others.path


def if_moved(searched: str, configured: str) -> str:
    """Return the advice if the service of a table may have moved; empty if it is the configured one."""
    if is_same_service(searched, configured):
        return ""
    url = without_password(configured)
    return f"If this service has moved, set table.service to its URL, such as {url!r}."


def is_within(url: str, base: str) -> bool:
    """Return whether a URL is below a service's base URL, so that its token or password may be sent there."""
    try:
        parts, own = urlsplit(url), urlsplit(base)
        same = _origin(parts) == _origin(own)
    except ValueError:
        return False
    path, begin = _decoded(parts.path), _decoded(own.path).rstrip("/")
    same = same and not _AMBIGUOUS.search(url)
    # Some servers treat a backslash as a slash, and some ignore the text after a semicolon.
    climbs = any(step.partition(";")[0] == ".." for step in re.split(r"[/\\]", path))
    return same and not climbs and f"{path}/".startswith(f"{begin}/")


def _decoded(path: str) -> str:
    """Decode a path repeatedly, as a chain of servers may."""
    while (plain := unquote(path)) != path:
        path = plain
    return path


def _origin(parts: SplitResult) -> tuple[Any, ...]:
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
