"""uvicorn's HTTP/1.1 by h11, with a bound on idle connections, so that they cannot use up all open files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

__all__ = ["BoundedProtocol"]

#: Seconds in which a new connection must send its first request.
_FIRST_REQUEST: Final = 30.0

#: Connections beyond uvicorn's ``limit_concurrency`` whose requests still get 503. More are closed at once.
_SPARE: Final = 50


class BoundedProtocol(H11Protocol):
    """Close connections that send no request, and those far beyond ``limit_concurrency``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for a request."""
        super().connection_made(transport)
        self._waiting = self.loop.call_later(_FIRST_REQUEST, self._close_if_silent)
        if len(self.connections) > (self.limit_concurrency or 0) + _SPARE:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to wait."""
        self._waiting.cancel()
        super().connection_lost(exc)

    def _close_if_silent(self) -> None:
        if self.cycle is None:
            self.transport.abort()
