"""Addresses of services: base URLs, and users and passwords, which are kept out of all that is shown or written."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from sunpy_flarecast.config import URL_VARIABLE
from sunpy_flarecast.errors import QueryError

__all__ = ["base_url", "credentials", "is_same_service", "with_credentials", "without_password"]


def base_url(url: str) -> str:
    """
    Check and normalise the base URL of a service.

    Parameters
    ----------
    url : str
        For example ``http://localhost:8001``; a trailing slash or ``/HMI`` is dropped.

    Returns
    -------
    str
        Without trailing slash.

    Raises
    ------
    QueryError
        If it is not an http or https URL with a host.

    Examples
    --------
    >>> from sunpy_flarecast.rest.service_url import base_url
    >>> base_url("http://localhost:8001/HMI/")
    'http://localhost:8001'
    """
    try:
        parts = urlsplit(url.strip())
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        (parts.hostname or "").encode("idna")  # as it is looked up
    except ValueError:  # of which UnicodeError is one
        whole = False
    if not whole:
        raise QueryError(
            f"The service's URL {url.rpartition('@')[2]!r} is not an http:// or https:// URL. Set "
            f"sunpy_flarecast.conf.url or {URL_VARIABLE}, for example to http://localhost:8001."
        )
    path = parts.path.rstrip("/").removesuffix("/HMI").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def without_password(url: str) -> str:
    """
    Give a URL without user and password, for messages.

    Examples
    --------
    >>> from sunpy_flarecast.rest.service_url import without_password
    >>> without_password("https://me:secret@host/flarecast")
    'https://host/flarecast'
    """
    return re.sub(r"(?<=://)[^/?#\s]*@", "", url)


def credentials(url: str) -> tuple[bytes, bytes] | None:
    """
    Give the user and the password of a URL, for basic authentication.

    Returns
    -------
    tuple of bytes or None
        In UTF-8, as RFC 7617 recommends; None if there are none.

    Examples
    --------
    >>> from sunpy_flarecast.rest.service_url import credentials
    >>> credentials("https://me:se%40cret@host/flarecast")
    (b'me', b'se@cret')
    """
    parts = urlsplit(url)
    if not parts.username and not parts.password:
        return None
    return unquote(parts.username or "").encode(), unquote(parts.password or "").encode()


def with_credentials(service: str, configured: str) -> str:
    """
    Give the base URL of a table's service, with user and password if ``conf.url`` has them for the same service.

    Tables do not have them, so that they are not shown or written to files with the table.

    Parameters
    ----------
    service : str
        Base URL of the service that was asked; empty if it is not known.
    configured : str
        The value of ``conf.url``.

    Returns
    -------
    str
        Without trailing slash.

    Raises
    ------
    QueryError
        If the URL that is to be used is none.

    Examples
    --------
    >>> from sunpy_flarecast.rest.service_url import with_credentials
    >>> with_credentials("https://host/flarecast", "https://me:secret@host:443/flarecast/")
    'https://me:secret@host:443/flarecast'
    >>> with_credentials("https://host/flarecast", "https://me:secret@other/flarecast")
    'https://host/flarecast'
    """
    if not service:
        return base_url(configured)
    asked = base_url(service)
    try:
        now = base_url(configured)
    except QueryError:
        return asked  # it is not asked for
    return now if "@" not in urlsplit(asked).netloc and _identity(now) == _identity(asked) else asked


def is_same_service(url: str, other: str) -> bool:
    """
    Tell whether two URLs, with or without passwords, are those of one service; one that is no URL is that of none.

    Examples
    --------
    >>> from sunpy_flarecast.rest.service_url import is_same_service
    >>> is_same_service("https://host:443/HMI", "https://me:secret@HOST/")
    True
    >>> is_same_service("https://host", "http://host")
    False
    """
    try:
        return _identity(base_url(url)) == _identity(base_url(other))
    except QueryError:
        return False


def _identity(base: str) -> tuple[Any, ...]:
    parts = urlsplit(base)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme), parts.path
