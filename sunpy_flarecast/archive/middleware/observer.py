"""What came of each request, for log and metrics: `Exchange`, and the ASGI layer `Observer` that tells of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Exchange", "Observer"]

#: Messages of ASGI and its extensions by which an answer's body is given.
_BODY: Final = "http.response.body"
_ZERO_COPY: Final = "http.response.zerocopysend"


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """
    A request, and what came of it. Headers are not part of it, since they may hold a token.

    Parameters
    ----------
    began : float
        When the request came, in seconds since 1970.
    client : str
        Address of the client; empty if it is not known.
    method : str
        Of the request.
    path : str
        Of the request, decoded.
    query : str
        Of the request, as it came.
    route : str
        Template of the path (``/HMI/{series}``); empty if no route answered.
    status : int
        Of the answer.
    sent : int
        Bytes of the answer's body that were sent.
    seconds : float
        How long it took until all was sent.
    complete : bool
        Whether the answer was given to its end.
    """

    began: float
    client: str
    method: str
    path: str
    query: str
    route: str
    status: int
    sent: int
    seconds: float
    complete: bool


class Observer:
    """
    An ASGI layer that tells of every request when it is over.

    Parameters
    ----------
    app : ASGI application
        What answers.
    tell : sequence of callables
        Each is given every `Exchange`, in the event loop.
    """

    def __init__(self, app: ASGIApp, tell: Sequence[Callable[[Exchange], None]]) -> None:
        self._app = app
        self._tell = tuple(tell)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, start = time.time(), time.perf_counter()
        # What is not answered at all is answered with a 500 further out.
        status, sent, complete = 500, 0, False
        counts = scope["method"] != "HEAD"

        async def watch(message: Message) -> None:
            nonlocal status, sent, complete
            await send(message)
            kind = message["type"]
            if kind == "http.response.start":
                status = message["status"]
            elif kind in (_BODY, _ZERO_COPY):
                if counts:
                    sent += len(message.get("body", b"")) if kind == _BODY else message.get("count", 0)
                complete = not message.get("more_body", False)

        try:
            await self._app(scope, receive, watch)
        finally:
            exchange = Exchange(
                began=began,
                client=(scope.get("client") or ("",))[0],
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("latin-1"),
                route=getattr(scope.get("route"), "path", ""),
                status=status,
                sent=sent,
                seconds=time.perf_counter() - start,
                complete=complete,
            )
            for tell in self._tell:
                tell(exchange)
