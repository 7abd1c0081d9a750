"""How many answers may be under way at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sunpy_flarecast.archive.api.errors import RETRY_AFTER, refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Limits"]


class Limits:
    """
    An ASGI layer that turns away requests beyond a number at a time.

    Parameters
    ----------
    app : ASGI application
        What the requests are handed on to.
    max_streams : int
        Answers under way at a time, in this process.
    """

    def __init__(self, app: ASGIApp, max_streams: int) -> None:
        self._app = app
        self._most = max_streams
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._most:
            answer = refusal(
                503,
                f"{self._most} answers are under way, and no more at a time. "
                f"Try again in {RETRY_AFTER} s, with fewer connections.",
                {"Retry-After": str(RETRY_AFTER)},
            )
            await answer(scope, receive, send)
        else:
            self._under_way += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._under_way -= 1
