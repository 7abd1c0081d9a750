"""The socket of a service, opened before slow imports."""

from __future__ import annotations

import os
import socket

__all__ = ["listen"]


def listen(host: str, port: int) -> socket.socket:
    """Listen on a port; the text of an OSError gives the reason and advice."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else str(error)
        raise OSError(f"Cannot listen on port {port} of {host}: {reason}. Choose another address or port.") from error
    # asyncio does this only for sockets with an explicit protocol; without it small replies wait for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
