"""The socket that a service listens at; checked first, so this module imports nothing that takes time."""

from __future__ import annotations

import os
import socket

__all__ = ["listen"]


def listen(host: str, port: int) -> socket.socket:
    """Listen at a port, before anything else is started; an OSError says in one sentence why that is not possible."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else str(error)
        raise OSError(f"Cannot serve at port {port} of {host}: {reason}. Choose another address or port.") from error
    # asyncio does this only for sockets that tell their protocol; without it small replies wait for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
