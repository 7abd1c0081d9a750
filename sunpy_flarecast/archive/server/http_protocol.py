"""uvicorn's HTTP/1.1 by h11, with a bound on idle connections, so that they cannot use up all open files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

__all__ = ["BoundedProtocol"]

#: Seconds in which a new connection must send its first request.
_FIRST_REQUEST: Final = 30.0

#: Connections beyond uvicorn's ``limit_concurrency`` whose requests still get 503.
_SPARE: Final = 50


class BoundedProtocol(H11Protocol):
    """Close connections that send no request: after some time, and at ``limit_concurrency`` to make room for others."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for a request."""
        super().connection_made(transport)
        self._waiting = self.loop.call_later(_FIRST_REQUEST, self._close_if_silent)
        excess = len(self.connections) - (self.limit_concurrency or 0)
        others = (one for one in self.connections if one is not self and isinstance(one, BoundedProtocol))
        if excess >= 0 and not any(one._close_if_silent() for one in others) and excess > _SPARE:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to wait."""
        self._waiting.cancel()
        super().connection_lost(exc)

    def _close_if_silent(self) -> bool:
        silent = self.cycle is None and not self.transport.is_closing()
        if silent:
            self.transport.abort()
        return silent
