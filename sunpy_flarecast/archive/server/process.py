"""One process that serves: the application with its log, in a uvicorn that says when it listens and can be stopped."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec
import uvicorn

from sunpy_flarecast.archive.app import create_app
from sunpy_flarecast.archive.middleware.access_log import AccessLog
from sunpy_flarecast.archive.middleware.observer import Observer

from .http_protocol import FileProtocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from types import FrameType

    from starlette.types import ASGIApp, Receive, Scope, Send

    from sunpy_flarecast.archive.base import Archive
    from sunpy_flarecast.archive.settings import Settings

__all__ = ["Operation", "Server"]

#: Seconds that a connection may rest between two requests: longer than proxies keep theirs (nginx: 60), so that it is
#: they who close them, and never under a request that is on its way.
_KEEP_ALIVE: Final = 75


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a service is run, the same in all its processes.

    Parameters
    ----------
    grace : int
        Seconds that answers still under way are given when the service stops.
    ssl_cert, ssl_key : str, optional
        Files of the certificate and its key.
    access_log : str, optional
        File of the access log, ``"-"`` for the standard error.
    """

    grace: int
    ssl_cert: str | None = None
    ssl_key: str | None = None
    access_log: str | None = None


class Server(uvicorn.Server):
    """
    A uvicorn that serves an archive.

    Parameters
    ----------
    archive : Archive or ASGI application
        What to serve; an application is served as it is.
    settings : Settings
        How the service behaves (not for an application).
    operation : Operation
        How it is run.
    ready : callable
        Called once it listens.
    led : bool, optional
        Whether it runs in a process that another one leads, which decides what to do at Ctrl-C.
    """

    def __init__(
        self,
        archive: Archive | ASGIApp,
        settings: Settings,
        operation: Operation,
        ready: Callable[[], None],
        *,
        led: bool = False,
    ) -> None:
        self._app: ASGIApp = archive if callable(archive) else create_app(archive, settings)
        self._log = None if operation.access_log is None else AccessLog(operation.access_log)
        super().__init__(
            uvicorn.Config(
                self._answer if self._log is None else Observer(self._answer, [self._log]),
                interface="asgi3",
                http=FileProtocol,
                ws="none",
                # The access log, the forwarded headers and the handlers of logs are not uvicorn's.
                access_log=False,
                proxy_headers=False,
                log_config=None,
                log_level="warning",
                server_header=False,
                ssl_certfile=operation.ssl_cert,
                ssl_keyfile=operation.ssl_key,
                timeout_graceful_shutdown=operation.grace,
                timeout_keep_alive=_KEEP_ALIVE,
            )
        )
        self._ready = ready
        self._led = led

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until stopped."""
        try:
            super().run(sockets=sockets)
        finally:
            if self._log is not None:
                self._log.close()

    def stop(self) -> None:
        """Stop soon, from any thread: take no new connections, and give answers under way their grace."""
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop soon at a first signal; at a second one break off what is under way."""
        if not self.should_exit:
            super().handle_exit(sig, frame)
            return
        # uvicorn's own way would leave it to the clients when connections end.
        for connection in list(self.server_state.connections):
            if transport := getattr(connection, "transport", None):
                connection.loop.call_soon_threadsafe(transport.abort)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, and close what is still open when the grace is over; uvicorn would leave that to chance."""
        await super().shutdown(sockets=sockets)
        for connection in list(self.server_state.connections):
            if transport := getattr(connection, "transport", None):
                transport.abort()
        await asyncio.sleep(0)  # in which the transports close their sockets
        await asyncio.sleep(0)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at signals; a process that is led does so only when it is terminated."""
        if not self._led or threading.current_thread() is not threading.main_thread():
            with super().capture_signals():
                yield
            return
        previous = signal.signal(signal.SIGTERM, lambda *_: self.stop())
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not self.should_exit:
                raise
            # The grace is over. The answer stays unfinished, and uvicorn closes the connection.
