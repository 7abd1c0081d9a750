"""The socket at which a service listens, its URL, and what to warn of before the network can reach it."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sunpy_flarecast.archive.settings import Settings

__all__ = ["exposure", "listen", "url_of", "url_on_network"]

_LAST_PORT: Final = 65535

#: Addresses that mean all of this machine, and one of them that a client can use.
_WILDCARDS: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared, not bound)


def listen(host: str, port: int) -> socket.socket:
    """
    Bind the port before anything is started, so that the URL is known, and a port in use is said in a sentence.

    Parameters
    ----------
    host : str
        Address to listen at.
    port : int
        Port to listen at; a free one if 0.

    Returns
    -------
    `socket.socket`

    Raises
    ------
    OSError
        If the port cannot be listened at; the message is for the user.
    """
    if not 0 <= port <= _LAST_PORT:
        raise OSError(f"Cannot serve at port {port}: ports are numbered from 0 to {_LAST_PORT}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        # Python adds the address to the reasons for which a port cannot be bound.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else str(error.strerror).partition(" (")[0]
        raise OSError(f"Cannot serve at port {port} of {host}: {reason}. Choose another address or port.") from error
    # asyncio does this only for sockets that tell their protocol; without it small replies wait for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """Give a URL by which clients on this machine reach the service."""
    address: tuple[Any, ...] = listener.getsockname()
    host = _WILDCARDS.get(address[0], address[0])
    authority = f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"
    return f"{'https' if tls else 'http'}://{authority}"


def url_on_network(host: str, url: str) -> str | None:
    """
    Give a URL by which others reach a service that listens at all addresses of this machine; None for other services.

    Parameters
    ----------
    host : str
        Where it listens.
    url : str
        What `url_of` gives.

    Examples
    --------
    >>> from sunpy_flarecast.archive.server.socket import url_on_network
    >>> url_on_network("127.0.0.1", "http://127.0.0.1:8001") is None
    True
    >>> url_on_network("0.0.0.0", "http://127.0.0.1:8001").endswith(":8001")
    True
    """
    if host not in _WILDCARDS:
        return None
    # Not the full name, for which some systems ask the network for seconds.
    return f"{url.partition('://')[0]}://{socket.gethostname()}:{url.rpartition(':')[2]}"


def exposure(listener: socket.socket, settings: Settings, *, tls: bool) -> str | None:
    """
    Say what others on the network can do to a service that listens for them.

    Parameters
    ----------
    listener : `socket.socket`
        Where it listens.
    settings : Settings
        Its tokens.
    tls : bool
        Whether it speaks https.

    Returns
    -------
    str or None
        None if only this machine reaches it, or nothing is left open.
    """
    host = str(listener.getsockname()[0])
    if ipaddress.ip_address(host.partition("%")[0]).is_loopback:
        return None
    if not settings.tokens:
        return (
            f"The service listens at {host}, where everybody who reaches this machine can read the archive. Demand "
            "tokens (--token-file), or listen at 127.0.0.1 behind a proxy that decides who may."
        )
    if not tls and not (settings.public_url or "").startswith("https://"):
        return (
            f"The service listens at {host} without TLS: tokens can be read by others on the network. Give it a "
            "certificate (--ssl-cert, --ssl-key), or put a proxy with TLS in front and name it (--public-url)."
        )
    return None
