"""Run the service with uvicorn: in the foreground, in several processes, or in a thread."""

from __future__ import annotations

import ipaddress
import multiprocessing
import ssl
import threading
import warnings
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from sunpy import log
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast.archive.settings import Settings, read_networks

from .application import application, fail, failure_in, share, worker_app
from .http_protocol import BoundedProtocol
from .listener import listen

if TYPE_CHECKING:
    import os
    import socket
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from starlette.types import ASGIApp

    from sunpy_flarecast.archive.base import Archive

    PathLike = str | os.PathLike[str]

__all__ = ["running", "serve", "uvicorn_options"]

_SETTINGS: Final = Settings()

#: Seconds within which a worker process must answer uvicorn, even while it starts on a busy machine.
_HEALTHCHECK = 60


class _Server(uvicorn.Server):
    """Stops with the main thread, and closes open connections at a second signal or after the grace period."""

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or not threading.main_thread().is_alive()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            super().handle_exit(sig, frame)
        else:  # since Python 3.12, uvicorn's own handler waits until the clients close their connections
            self._close_all()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self._close_all()

    def _close_all(self) -> None:
        for connection in list(self.server_state.connections):
            connection.loop.call_soon_threadsafe(connection.transport.abort)


@contextmanager
def running(
    archive: Archive | ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    settings: Settings = _SETTINGS,
    access_log: PathLike | None = None,
    **options: Any,
) -> Iterator[str]:
    """
    Serve an archive from a thread during a ``with`` block, or until the program ends.

    Parameters
    ----------
    archive : Archive or ASGI application
        The archive to serve, or an application from `create_app`.
    host : str, optional
        Address to listen on (default: ``"127.0.0.1"``).
    port : int, optional
        Port to listen on (default: a free port).
    settings : Settings, optional
        Settings of the service; not for an application, which has its own.
    access_log, grace, ssl_cert, ssl_key, trusted_proxies, max_connections
        As for `serve`, but ``grace`` is 2 by default.

    Yields
    ------
    str
        URL of the service, for example ``"http://127.0.0.1:43211"``.

    Raises
    ------
    OSError
        If the port is not available, or a file cannot be read or written.
    RuntimeError
        If the application does not start.
    TypeError
        If settings are given with an application.

    Examples
    --------
    >>> import requests
    >>> from sunpy_flarecast.archive import DemoArchive, running
    >>> with running(DemoArchive()) as url:
    ...     requests.get(f"{url}/openapi.json", timeout=60).status_code
    200
    """

    def work() -> None:
        with suppress(SystemExit):  # raised by uvicorn if the application did not start
            server.run(sockets=[listener])

    _check_main("running")
    config = uvicorn_options(**({"grace": 2} | options))
    with ExitStack() as stack:
        listener = stack.enter_context(listen(host, port))
        url = _checked_url(listener, settings, config)
        app = application(archive, settings, access_log, stack)
        server = _Server(uvicorn.Config(app, log_config=None, log_level="warning", **config))
        thread = threading.Thread(target=work, name=f"sunpy_flarecast {url}")
        thread.start()
        try:
            while thread.is_alive() and not server.started:
                thread.join(0.01)
            if not server.started:
                raise RuntimeError(f"The service at {url} did not start.")
            yield url
        finally:
            server.should_exit = True
            thread.join()


def serve(
    archive: Archive | ASGIApp,
    host: str = "127.0.0.1",
    port: int = 8001,
    *,
    settings: Settings = _SETTINGS,
    workers: int = 1,
    access_log: PathLike | None = None,
    listener: socket.socket | None = None,
    ready: Callable[[str], None] | None = None,
    **options: Any,
) -> None:
    """
    Serve an archive until the program is interrupted (SIGINT, Ctrl-C) or terminated (SIGTERM).

    Parameters
    ----------
    archive : Archive or ASGI application
        The archive to serve, or an application from `create_app`, which is served by one process.
    host : str, optional
        Address to listen on (default: ``"127.0.0.1"``).
    port : int, optional
        Port to listen on (default: 8001); 0 for a free port.
    settings : Settings, optional
        Settings of the service; not for an application, which has its own.
    workers : int, optional
        Number of processes that serve (default: 1). With several (not on Windows), each gets a copy of the archive,
        which must support pickling.
    access_log : path, optional
        File to which a line of JSON is appended for every request (default: none); ``"-"`` for standard error.
    listener : socket, optional
        A listening socket to use instead of ``host`` and ``port``.
    ready : callable, optional
        Called with the service's URL once it can be reached (default: the URL is logged).
    grace : int, optional
        Seconds that running transfers are given to finish when the service stops (default: 30).
    ssl_cert, ssl_key : path, optional
        Files of a TLS certificate and its key, in PEM (default: no TLS).
    trusted_proxies : sequence of str, optional
        Addresses and networks (``"10.0.0.0/8"``) of proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are
        trusted (default: none).
    max_connections : int, optional
        Maximum number of connections in each process (default: 250); further requests get 503.

    Raises
    ------
    OSError
        If the port is not available, or a file cannot be read or written.
    RuntimeError
        If the service does not start.
    ValueError
        If an option is invalid.
    TypeError
        If the archive cannot be served by several processes, or settings are given with an application.

    Warns
    -----
    SunpyUserWarning
        If others on the network can read the archive, or the tokens.

    Examples
    --------
    >>> from sunpy_flarecast.archive import DirectoryArchive, serve
    >>> with DirectoryArchive("sharps", reindex=60) as archive:  # doctest: +SKIP
    ...     serve(archive, port=8001)
    """
    _check_main("serve")
    config = uvicorn_options(**options)
    with ExitStack() as stack:
        listener = listener or stack.enter_context(listen(host, port))
        url = _checked_url(listener, settings, config)
        app = application(archive, settings, access_log, stack)  # raises errors here, not in each worker
        if workers > 1:
            folder = share(archive, settings, access_log, stack)
        (ready or partial(log.info, "Serving SHARP files at %s; press Ctrl-C to stop"))(url)
        if workers > 1:
            factory = f"{worker_app.__module__}:{worker_app.__name__}"
            uvicorn.run(factory, factory=True, workers=workers, fd=listener.fileno(), **config)
            if failure := failure_in(folder):
                raise RuntimeError(f"The service at {url} did not start: {failure}")
            return
        try:
            _Server(uvicorn.Config(app, log_config=None, log_level="warning", **config)).run(sockets=[listener])
        except KeyboardInterrupt:
            return
        except SystemExit as error:
            raise RuntimeError(f"The service at {url} did not start.") from error


def _check_main(name: str) -> None:
    """End a worker process that imports a script whose main part would start a service again."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        fail(f"in a script, call {name}() only under: if __name__ == '__main__'")


def uvicorn_options(
    *,
    grace: int = 30,
    ssl_cert: PathLike | None = None,
    ssl_key: PathLike | None = None,
    trusted_proxies: Sequence[str] = (),
    max_connections: int = 250,
) -> dict[str, Any]:
    """Check the options of `serve` that concern the server, and return uvicorn's options."""
    if ssl_cert is None and ssl_key is not None:
        raise ValueError("A key (--ssl-key) requires its certificate (--ssl-cert).")
    if ssl_cert is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(ssl_cert, ssl_key, password=lambda: "")
        except (OSError, ValueError) as error:
            files = " and ".join(map(str, dict.fromkeys((ssl_cert, ssl_key or ssl_cert))))
            if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
                raise OSError(f"The certificate and its key cannot be read from {files}: {error.strerror}") from error
            raise ValueError(f"Cannot load a certificate and unencrypted key (PEM) from {files}: {error}") from error
    return {
        "http": BoundedProtocol,
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": [str(network) for network in read_networks(trusted_proxies)],
        "limit_concurrency": max_connections + 1,  # uvicorn counts the connection of the request itself
        "backlog": 128,  # also the number of connections that asyncio accepts at a time
        "timeout_keep_alive": 75,  # longer than nginx's 60 s, so that nginx closes idle connections
        "timeout_graceful_shutdown": grace,
        "timeout_worker_healthcheck": _HEALTHCHECK,
        "ssl_certfile": ssl_cert,
        "ssl_keyfile": ssl_key,
    }


def _checked_url(listener: socket.socket, settings: Settings, config: dict[str, Any]) -> str:
    """Return the service's URL on this machine; warn if others on the network can read data or tokens."""
    host, port = listener.getsockname()[:2]
    scheme = "http" if config["ssl_certfile"] is None else "https"
    address = ipaddress.ip_address(host.partition("%")[0])
    if not settings.token_hashes:
        exposed = "the archive. Require tokens (--token-file)"
    elif scheme == "http" and not (settings.public_url or "").startswith("https://"):
        exposed = "the tokens. Use TLS (--ssl-cert, --ssl-key)"
    else:
        exposed = ""
    if exposed and not address.is_loopback:
        message = f"The service listens on {host}: others on the network can read {exposed}, or put a proxy in front."
        warnings.warn(message, SunpyUserWarning, stacklevel=4)
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
