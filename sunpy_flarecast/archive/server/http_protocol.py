"""uvicorn's HTTP/1.1 by h11, with a bound on idle connections, so that they cannot use up all open files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

__all__ = ["BoundedProtocol"]

#: Connections beyond uvicorn's ``limit_concurrency`` whose requests still get 503.
_SPARE: Final = 50


class BoundedProtocol(H11Protocol):
    """At ``limit_concurrency``, close a connection without a request under way to make room for a new one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if need be in the place of another one."""
        super().connection_made(transport)
        excess = len(self.connections) - (self.limit_concurrency or 0)
        if excess < 0:
            return
        others = (other for other in self.connections if isinstance(other, H11Protocol) and other is not self)
        # uvicorn waits for a request without end once its first byte has come, so an earlier one does not count.
        silent = (other for other in others if other.cycle is None or other.cycle.response_complete)
        if other := next((other for other in silent if not other.transport.is_closing()), None):
            other.transport.abort()
        elif excess > _SPARE:
            transport.abort()
