"""uvicorn's HTTP/1.1 by h11, with bounds on requests and idle connections, so that they cannot use up all files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from sunpy_flarecast.archive.api.errors import refusal, unavailable

if TYPE_CHECKING:
    import asyncio

    from starlette.types import Receive, Scope, Send

__all__ = ["BoundedProtocol"]

#: Connections beyond uvicorn's ``limit_concurrency`` whose requests still get 503.
_SPARE: Final = 50


class BoundedProtocol(H11Protocol):
    """Beyond ``limit_concurrency`` answer 503 with ``Retry-After``, which uvicorn's own answer lacks."""

    # At that number, close an idle connection so that a new one can be accepted.

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._most, self.limit_concurrency = self.limit_concurrency or sys.maxsize, None
        self._app, self.app = self.app, self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer that there are too many."""
        app = self._app
        if len(self.connections) >= self._most or len(self.tasks) > self._most:
            self.logger.warning("Exceeded concurrency limit.")
            error = unavailable("The service has too many connections.")
            app = refusal(error.status_code, error.detail, {**(error.headers or {}), "Connection": "close"})
        await app(scope, receive, send)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if need be by closing another."""
        super().connection_made(transport)
        excess = len(self.connections) - self._most
        if excess < 0:
            return
        others = (other for other in self.connections if isinstance(other, H11Protocol) and other is not self)
        # uvicorn waits for a request without end once its first byte has come, so an earlier one does not count.
        silent = (other for other in others if other.cycle is None or other.cycle.response_complete)
        if other := next((other for other in silent if not other.transport.is_closing()), None):
            other.transport.abort()
        elif excess > _SPARE:
            transport.abort()
