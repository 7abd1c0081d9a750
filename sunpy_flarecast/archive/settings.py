"""Settings of a service: texts on its pages, requirements for clients, and limits on requests."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HOST", "TITLE", "Network", "Settings", "read_networks"]

TITLE: Final = "FLARECAST HMI service"

#: Longest line and longest text that a service shows about itself, in characters.
_LINE: Final = 200
_TEXT: Final = 10_000

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: A host with optional port, as in URLs and in the Host header.
HOST: Final = re.compile(r"(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII | re.IGNORECASE)

_URL: Final = re.compile(rf"https?://{HOST.pattern}(?:/(?!\.+(?:/|$))[\w.~-]{{1,80}}){{0,8}}/?", HOST.flags)

_LOCATION: Final = re.compile(r"(?:/[\w.~-]+)+/?", re.ASCII)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """
    Settings of a service.

    Parameters
    ----------
    envelope : bool, optional
        Whether lists are wrapped in an object under ``data`` (default: True), or sent as plain arrays.
    public_url : str, optional
        URL of the service in its replies (default: derived from the ``Host`` header of each request).
    max_days : float, optional
        Longest range of one list, in days (default: unlimited).
    token_hashes : frozenset of str, optional
        SHA-256 digests, in hexadecimal, of the accepted bearer tokens (default: none; no token is required).
    metrics_from : tuple of str, optional
        Addresses and networks of clients that get ``/metrics`` without a token (default: this machine).
    x_accel : str, optional
        Path of the reverse proxy's internal location for the archive's folder. The service then replies to requests for
        files with ``X-Accel-Redirect`` and no content, and the reverse proxy (nginx) sends the files.
    title : str, optional
        Name of the service on its pages (default: ``"FLARECAST HMI service"``).
    contact : str, optional
        Contact on the pages, such as an e-mail address or a URL (default: none).
    acknowledgement : str, optional
        How to acknowledge and use the data, shown on every page (default: none).
    pages : bool, optional
        Whether to serve web pages and quicklooks in addition to the REST routes (default: True).
    max_download : int, optional
        Maximum number of files in a tar download (default: 2000).
    quicklook_jobs : int, optional
        Number of processes that draw quicklooks (default: 2).
    quicklook_space : int, optional
        Disk space for quicklooks in bytes (default: 500 MB).

    Raises
    ------
    ValueError
        If a setting is invalid.

    Examples
    --------
    >>> from sunpy_flarecast.archive import Settings
    >>> Settings(max_days=40, public_url="https://sharps.example.org/flarecast").max_days
    40
    """

    envelope: bool = True
    public_url: str | None = None
    max_days: float | None = None
    token_hashes: frozenset[str] = frozenset()
    metrics_from: tuple[str, ...] = ("127.0.0.1", "::1")
    x_accel: str | None = None
    title: str = TITLE
    contact: str = ""
    acknowledgement: str = ""
    pages: bool = True
    max_download: int = 2000
    quicklook_jobs: int = 2
    quicklook_space: int = 500_000_000

    def __post_init__(self) -> None:
        for name, text in (("title", self.title), ("contact", self.contact)):
            if len(text) > _LINE or not text.isprintable() or (name == "title" and not text.strip()):
                raise ValueError(f"{name}={text[:80]!r}: write one line of at most {_LINE} characters.")
        if len(self.acknowledgement) > _TEXT:
            raise ValueError(
                f"The acknowledgement has {len(self.acknowledgement):,} characters; at most {_TEXT:,} are allowed. "
                "Shorten it, and link to the rest."
            )
        for name in ("max_download", "quicklook_jobs", "quicklook_space"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: write a positive number.")
        if self.max_days is not None and not 0 < self.max_days <= timedelta.max.days:
            raise ValueError(
                f"max_days={self.max_days:g} (--max-days): write a number of days, for example 40, or omit it for no "
                "limit."
            )
        if self.public_url is not None and _URL.fullmatch(self.public_url) is None:
            raise ValueError(
                f"{self.public_url!r} is not a valid URL of a service. Write scheme, host and an optional path, for "
                "example https://sharps.example.org/flarecast."
            )
        if self.x_accel is not None and _LOCATION.fullmatch(self.x_accel) is None:
            raise ValueError(
                f"x_accel={self.x_accel!r} (--x-accel): write the path of an internal location of the reverse proxy, "
                "for example /flarecast-files."
            )
        read_networks(self.metrics_from)


def read_networks(texts: Iterable[str]) -> list[Network]:
    """Parse addresses and networks; raise a ValueError for anything else."""
    networks: list[Network] = []
    for text in texts:
        try:
            networks.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError as error:
            raise ValueError(
                f"{text!r} is neither an address nor a network. Write, for example, 10.0.0.5 or 10.0.0.0/8."
            ) from error
    return networks
