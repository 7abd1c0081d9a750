"""Running the service: in the foreground for a laboratory, or from a thread for tests, documents and the demo."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from .app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

    from .base import Archive

__all__ = ["running", "serve"]

#: Seconds that answers still under way are given when the service stops.
_GRACE: Final = 5

_LAST_PORT: Final = 65535

#: Addresses that mean all of this machine, and one of them that a client can use.
_WILDCARDS: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared, not bound)


class _Server(uvicorn.Server):
    """A uvicorn that says when it listens."""

    def __init__(self, app: ASGIApp, ready: Callable[[], None], *, access_log: bool, grace: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                access_log=access_log,
                # Handlers and formats belong to the program that runs the service.
                log_config=None,
                log_level="info" if access_log else "warning",
                timeout_graceful_shutdown=grace,
                ws="none",
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()


@contextmanager
def running(
    archive: Archive | ASGIApp, *, host: str = "127.0.0.1", port: int = 0, envelope: bool = True, grace: int = 2
) -> Iterator[str]:
    """
    Serve an archive from a thread for as long as a ``with`` block lasts.

    Parameters
    ----------
    archive : Archive or ASGI application
        What to serve; an application is served as it is.
    host : str, optional
        Address to listen at.
    port : int, optional
        Port to listen at; a free one if 0.
    envelope : bool, optional
        Whether lists stand in an object under ``data`` (not for an application).
    grace : int, optional
        Seconds that answers still under way are given at the end of the block.

    Yields
    ------
    str
        URL of the service, for example ``"http://127.0.0.1:43211"``.

    Raises
    ------
    OSError
        If the port cannot be listened at.
    RuntimeError
        If the application does not start.

    Examples
    --------
    >>> import requests
    >>> from sunpy_flarecast.archive import DemoArchive, running
    >>> with running(DemoArchive()) as url:
    ...     requests.get(f"{url}/openapi.json", timeout=60).status_code
    200
    """
    settled = threading.Event()
    server = _Server(_application(archive, envelope), settled.set, access_log=False, grace=grace)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            server.run(sockets=[listener])
        except BaseException as error:  # noqa: BLE001 (raised in the thread that waits; uvicorn may call sys.exit)
            failures.append(error)
        finally:
            settled.set()

    with _listener(host, port) as listener:
        url = _url(listener)
        thread = threading.Thread(target=work, name=f"sunpy_flarecast {url}", daemon=True)
        thread.start()
        try:
            settled.wait()
            if not server.started:
                raise RuntimeError(f"The service at {url} did not start") from next(iter(failures), None)
            yield url
        finally:
            server.should_exit = True
            thread.join()


def serve(
    archive: Archive | ASGIApp,
    host: str = "127.0.0.1",
    port: int = 8001,
    *,
    envelope: bool = True,
    access_log: bool = False,
    ready: Callable[[str], None] | None = None,
) -> None:
    """
    Serve an archive until the program is interrupted (SIGINT, Ctrl-C) or terminated (SIGTERM).

    Parameters
    ----------
    archive : Archive or ASGI application
        What to serve; an application is served as it is.
    host : str, optional
        Address to listen at.
    port : int, optional
        Port to listen at; a free one if 0.
    envelope : bool, optional
        Whether lists stand in an object under ``data`` (not for an application).
    access_log : bool, optional
        Whether to log every request, at level INFO to the logger ``uvicorn.access``.
    ready : callable, optional
        Called with the service's URL once it listens. Without it the URL is logged.

    Raises
    ------
    OSError
        If the port cannot be listened at; the message is for the user.
    RuntimeError
        If the application does not start.
    """
    announce = ready or _log_url
    with _listener(host, port) as listener:
        url = _url(listener)
        server = _Server(_application(archive, envelope), lambda: announce(url), access_log=access_log, grace=_GRACE)
        # uvicorn stops cleanly at both signals and then raises them again, for whoever handled them before. Without
        # a handler SIGTERM would end the program there, before the caller could close what it has open.
        in_main_thread = threading.current_thread() is threading.main_thread()
        previous = signal.signal(signal.SIGTERM, lambda *_: None) if in_main_thread else None
        failure: SystemExit | None = None
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            return
        except SystemExit as error:  # by which uvicorn says that the application did not start
            failure = error
        finally:
            if in_main_thread:
                signal.signal(signal.SIGTERM, previous)
        if not server.started:
            raise RuntimeError(f"The service at {url} did not start") from failure


def _application(archive: Archive | ASGIApp, envelope: bool) -> ASGIApp:
    return archive if callable(archive) else create_app(archive, envelope=envelope)


def _listener(host: str, port: int) -> socket.socket:
    """Bind the port before anything is started, so that the URL is known, and a port in use is said in a sentence."""
    if not 0 <= port <= _LAST_PORT:
        raise OSError(f"Cannot serve at port {port}: ports are numbered from 0 to {_LAST_PORT}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        # Python adds the address to the reasons for which a port cannot be bound.
        reason = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror
        raise OSError(f"Cannot serve at port {port} of {host}: {reason}. Choose another address or port.") from error
    # asyncio does this only for sockets that tell their protocol; without it small replies wait for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(listener: socket.socket) -> str:
    address: tuple[Any, ...] = listener.getsockname()
    host = _WILDCARDS.get(address[0], address[0])
    return f"http://[{host}]:{address[1]}" if ":" in host else f"http://{host}:{address[1]}"


def _log_url(url: str) -> None:
    from sunpy import log

    log.info(f"Serving SHARP files at {url} (Swagger UI at {url}/ui); Ctrl-C stops")
