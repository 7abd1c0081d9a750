"""What one request may take: answers at a time, bodies, and paths that no route has; ASGI layers, unaware of routes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.archive.api.errors import refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["RETRY_AFTER", "Limits", "PathGuard"]

#: Seconds after which a client is asked to come back.
RETRY_AFTER: Final = 2

#: Bytes of a request's body, which nothing here reads.
_MOST_BODY: Final = 64 * 1024

#: What no path of this service has, decoded once: controls, backslashes, what is no UTF-8 (decoded to U+FFFD), dots
#: in place of a name, and empty names.
_STRANGE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ufffd\ud800-\udfff]|//|(?:^|/)\.{1,}(?:/|$)")

#: The same before it was decoded: slashes, backslashes and percent signs that were hidden.
_HIDDEN: Final = re.compile(rb"%2f|%5c|%25", re.IGNORECASE)


class Limits:
    """
    An ASGI layer that turns away requests beyond a number at a time, and those with long bodies.

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
        if _has_long_body(scope):
            answer = refusal(
                413,
                f"The request has a body of more than {_MOST_BODY // 1024} kB; none is needed here",
                # What is left of the body is not waited for.
                {"Connection": "close"},
            )
            await answer(scope, receive, send)
        elif self._under_way >= self._most:
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


def _has_long_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    # Nobody knows how long a body in chunks will be.
    return b"transfer-encoding" in headers or not length.isdigit() or int(length[:20]) > _MOST_BODY


class PathGuard:
    """
    An ASGI layer that turns away paths which no route has, before anything makes sense of them.

    Parameters
    ----------
    app : ASGI application
        What the requests are handed on to.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http" and _is_strange(scope):
            message = "The path of the request is none of this service. The routes are described at /ui"
            await refusal(400, message)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _is_strange(scope: Scope) -> bool:
    path: str = scope["path"]
    return (
        not path.startswith("/")
        or _STRANGE.search(path) is not None
        or _HIDDEN.search(scope.get("raw_path") or b"") is not None
    )
