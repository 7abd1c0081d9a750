"""Running the service: in the foreground for a laboratory, or from a thread for tests, documents and the demo."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast.archive.app import check_settings, create_app
from sunpy_flarecast.archive.middleware.access_log import AccessLog
from sunpy_flarecast.archive.settings import Settings

from .process import Operation, Server
from .socket import exposure, listen, url_of
from .tls import check_certificate
from .workers import supervise

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

    from sunpy_flarecast.archive.base import Archive

    Path = str | os.PathLike[str]

__all__ = ["prepared", "running", "serve"]

_SETTINGS: Final = Settings()


@contextmanager
def running(
    archive: Archive | ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    settings: Settings = _SETTINGS,
    grace: int = 2,
    ssl_cert: Path | None = None,
    ssl_key: Path | None = None,
    access_log: Path | None = None,
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
    settings : Settings, optional
        How the service behaves (not for an application).
    grace : int, optional
        Seconds that answers still under way are given at the end of the block.
    ssl_cert, ssl_key, access_log
        As for `serve`.

    Yields
    ------
    str
        URL of the service, for example ``"http://127.0.0.1:43211"``.

    Raises
    ------
    OSError
        If the port cannot be listened at, or a file not be read or written.
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
    operation = _operation(grace, ssl_cert, ssl_key, access_log)
    settled = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            server.run(sockets=[listener])
        except BaseException as error:  # noqa: BLE001 (raised in the thread that waits; uvicorn may call sys.exit)
            failures.append(error)
        finally:
            settled.set()

    with listen(host, port) as listener:
        url = _introduced(listener, settings, operation)
        server = Server(archive, settings, operation, settled.set)
        thread = threading.Thread(target=work, name=f"sunpy_flarecast {url}", daemon=True)
        thread.start()
        try:
            settled.wait()
            if not server.started:
                raise RuntimeError(f"The service at {url} did not start") from next(iter(failures), None)
            yield url
        finally:
            server.stop()
            thread.join()


def serve(
    archive: Archive | ASGIApp,
    host: str = "127.0.0.1",
    port: int = 8001,
    *,
    settings: Settings = _SETTINGS,
    workers: int = 1,
    grace: int = 30,
    ssl_cert: Path | None = None,
    ssl_key: Path | None = None,
    access_log: Path | None = None,
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
    settings : Settings, optional
        How the service behaves (not for an application).
    workers : int, optional
        Number of processes that serve. With more than one, each gets a copy of the archive, which must be possible to
        pickle.
    grace : int, optional
        Seconds that answers still under way are given when the service stops.
    ssl_cert, ssl_key : path, optional
        Files of a certificate and its key, in PEM; with them the service speaks https.
    access_log : path, optional
        File to which a line of JSON is added for every request; ``"-"`` for the standard error.
    ready : callable, optional
        Called with the service's URL once it listens. Without it the URL is logged.

    Raises
    ------
    OSError
        If the port cannot be listened at, or a file not be read or written; the message is for the user.
    RuntimeError
        If the service does not start.
    ValueError
        If a setting, or the certificate, cannot be used.
    TypeError
        If the archive cannot be served by several processes.

    Warns
    -----
    SunpyUserWarning
        If others than this machine can read the archive, or the tokens.
    """
    options: dict[str, Any] = {
        "settings": settings,
        "workers": workers,
        "grace": grace,
        "ssl_cert": ssl_cert,
        "ssl_key": ssl_key,
        "access_log": access_log,
    }
    with prepared(host, port, **options) as run:
        run(archive, ready or _log_url)


@contextmanager
def prepared(
    host: str = "127.0.0.1",
    port: int = 8001,
    *,
    settings: Settings = _SETTINGS,
    workers: int = 1,
    grace: int = 30,
    ssl_cert: Path | None = None,
    ssl_key: Path | None = None,
    access_log: Path | None = None,
) -> Iterator[Callable[[Archive | ASGIApp, Callable[[str], None]], None]]:
    """
    Check everything that a service needs but its archive, which may take long to open, and take the port.

    Parameters
    ----------
    host, port, settings, workers, grace, ssl_cert, ssl_key, access_log
        As for `serve`, with the same errors and warnings.

    Yields
    ------
    callable
        Takes the archive, and what is called with the service's URL once it listens; serves as `serve` does.

    Examples
    --------
    >>> from sunpy_flarecast.archive.server.run import prepared
    >>> with prepared(port=70_000):
    ...     pass
    Traceback (most recent call last):
        ...
    OSError: Cannot serve at port 70000: ports are numbered from 0 to 65535
    """
    if workers < 1:
        raise ValueError(f"workers={workers}: at least one process is needed to serve")
    operation = _operation(grace, ssl_cert, ssl_key, access_log)
    check_settings(settings)
    if operation.access_log is not None:
        AccessLog(operation.access_log).close()

    def run(archive: Archive | ASGIApp, announce: Callable[[str], None]) -> None:
        if workers == 1:
            _serve_alone(archive, settings, operation, listener, url, announce)
            return
        if callable(archive):
            raise TypeError("An application is served by one process (workers=1); give the archive itself")
        create_app(archive, settings)  # what is wrong is said here, and not by each worker
        try:
            supervise(archive, settings, operation, listener, workers=workers, ready=lambda: announce(url))
        except RuntimeError as error:
            raise RuntimeError(f"The service at {url} did not start: {error}") from error

    with listen(host, port) as listener:
        url = _introduced(listener, settings, operation)
        yield run


def _serve_alone(
    archive: Archive | ASGIApp,
    settings: Settings,
    operation: Operation,
    listener: socket.socket,
    url: str,
    announce: Callable[[str], None],
) -> None:
    server = Server(archive, settings, operation, lambda: announce(url))
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


def _operation(grace: int, ssl_cert: Path | None, ssl_key: Path | None, access_log: Path | None) -> Operation:
    """Check how a service shall be run."""
    if grace < 0:
        raise ValueError(f"grace={grace}: write the seconds that answers under way are given, or 0")
    files = [None if path is None else os.fspath(path) for path in (ssl_cert, ssl_key, access_log)]
    check_certificate(files[0], files[1])
    return Operation(grace=grace, ssl_cert=files[0], ssl_key=files[1], access_log=files[2])


def _introduced(listener: socket.socket, settings: Settings, operation: Operation) -> str:
    """Give the service's URL, and warn of who else can use it."""
    tls = operation.ssl_cert is not None
    if warning := exposure(listener, settings, tls=tls):
        warnings.warn(warning, SunpyUserWarning, stacklevel=3)
    return url_of(listener, tls=tls)


def _log_url(url: str) -> None:
    from sunpy import log

    log.info(f"Serving SHARP files at {url} (Swagger UI at {url}/ui); Ctrl-C stops")
