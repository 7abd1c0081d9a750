"""uvicorn's HTTP/1.1 protocol (h11) with limits on requests and on connections, each of which is an open file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from sunpy_flarecast.archive.api.errors import refusal, unavailable

if TYPE_CHECKING:
    import asyncio

    from starlette.types import Receive, Scope, Send

__all__ = ["BoundedProtocol"]

#: Number of connections beyond uvicorn's ``limit_concurrency`` that get 503; further ones are closed.
_SPARE: Final = 50


class BoundedProtocol(H11Protocol):
    """Replies 503 with ``Retry-After`` beyond ``limit_concurrency``; uvicorn's own reply lacks that header."""

    # At the limit, an idle connection is closed so that a new one can be accepted.

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limit, self.limit_concurrency = self.limit_concurrency or sys.maxsize, None
        self._app, self.app = self.app, self._reply

    async def _reply(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application, or reply that there are too many."""
        app = self._app
        if len(self.connections) >= self._limit or len(self.tasks) > self._limit:
            self.logger.warning("Exceeded concurrency limit.")
            error = unavailable("The service has too many connections.")
            app = refusal(error.status_code, error.detail, {**(error.headers or {}), "Connection": "close"})
        await app(scope, receive, send)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, closing an idle one if necessary."""
        super().connection_made(transport)
        excess = len(self.connections) - self._limit
        if excess < 0:
            return
        others = (other for other in self.connections if isinstance(other, H11Protocol) and other is not self)
        # uvicorn has no timeout for incomplete requests, so connections that send one count as idle, too.
        idle = (other for other in others if other.cycle is None or other.cycle.response_complete)
        if other := next((other for other in idle if not other.transport.is_closing()), None):
            other.transport.abort()
        elif excess > _SPARE:
            transport.abort()
