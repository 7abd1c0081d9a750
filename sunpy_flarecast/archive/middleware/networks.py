"""Networks that settings name, and whether an address is in one of them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Network", "is_in", "read_network"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def read_network(text: str) -> Network:
    """
    Read an address or a network.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> from sunpy_flarecast.archive.middleware.networks import is_in, read_network
    >>> read_network("10.0.0.5/8")
    IPv4Network('10.0.0.0/8')
    """
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no address and no network. Write, for example, 10.0.0.5 or 10.0.0.0/8."
        ) from error


def is_in(host: str, networks: Iterable[Network]) -> bool:
    """
    Tell whether a host, as a socket names it, is in one of several networks.

    Examples
    --------
    >>> from sunpy_flarecast.archive.middleware.networks import is_in, read_network
    >>> is_in("::ffff:10.1.2.3", [read_network("10.0.0.0/8")]), is_in("somewhere", [read_network("10.0.0.0/8")])
    (True, False)
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address  # as an IPv4 client looks at a socket for both
    return any(address in network for network in networks)
