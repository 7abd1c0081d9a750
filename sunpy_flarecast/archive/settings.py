"""How a service behaves: the URL in its replies, what it demands of clients, and the longest list."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HOST", "Network", "Settings", "read_networks"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: A host as it stands in URLs and in the header Host, with its port.
HOST: Final = re.compile(r"(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII | re.IGNORECASE)

_URL: Final = re.compile(rf"https?://{HOST.pattern}(?:/(?!\.+(?:/|$))[\w.~-]{{1,80}}){{0,8}}/?", HOST.flags)

_LOCATION: Final = re.compile(r"(?:/[\w.~-]+)+/?", re.ASCII)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a service behaves.

    Parameters
    ----------
    envelope : bool, optional
        Whether lists stand in an object under ``data``, or bare.
    public_url : str, optional
        URL of the service in its replies. By default it follows from the header ``Host`` of each request.
    max_days : float, optional
        Longest range of one list, in days; any length by default.
    token_hashes : frozenset of str, optional
        SHA-256 digests, in hexadecimal, of the bearer tokens that are accepted. Without any, no token is required.
    metrics_from : tuple of str, optional
        Addresses and networks of clients that get ``/metrics`` without a token; by default this machine.
    x_accel : str, optional
        Path of the front server's internal location for the archive's folder. Files are then answered with
        ``X-Accel-Redirect`` and no content, and the front server (nginx) sends them.

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

    def __post_init__(self) -> None:
        if self.max_days is not None and not 0 < self.max_days <= timedelta.max.days:
            raise ValueError(
                f"max_days={self.max_days:g}: write a number of days, for example 40, or leave it out for any"
            )
        if self.public_url is not None and _URL.fullmatch(self.public_url) is None:
            raise ValueError(
                f"{self.public_url!r} is not the URL of a service. Write scheme, host and, if there is one, a path, "
                "for example https://sharps.example.org/flarecast"
            )
        if self.x_accel is not None and _LOCATION.fullmatch(self.x_accel) is None:
            raise ValueError(
                f"x_accel={self.x_accel!r}: write the path of an internal location of the front server, for example "
                "/flarecast-files"
            )
        read_networks(self.metrics_from)


def read_networks(texts: Iterable[str]) -> list[Network]:
    """Read addresses and networks; raise a ValueError for one that is neither."""
    networks: list[Network] = []
    for text in texts:
        try:
            networks.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError as error:
            raise ValueError(
                f"{text!r} is neither an address nor a network. Write, for example, 10.0.0.5 or 10.0.0.0/8."
            ) from error
    return networks
