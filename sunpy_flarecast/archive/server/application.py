"""The ASGI application that a server runs, in one process or in several worker processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from uvicorn.config import STARTUP_FAILURE

from sunpy_flarecast.archive.app import create_app
from sunpy_flarecast.archive.middleware.access_log import AccessLog, log_handler
from sunpy_flarecast.archive.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from sunpy_flarecast.archive.base import Archive

    PathLike = str | os.PathLike[str]

__all__ = ["application", "fail", "failure_in", "share", "worker_app"]

#: Environment variable for the folder shared by worker processes; prometheus_client requires the name. The folder
#: holds the pickled service and the reason for a failure.
_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
_SERVICE, _FAILURE = "service.pickle", "failure.txt"


def application(
    archive: Archive | ASGIApp, settings: Settings, access_log: PathLike | None, stack: ExitStack
) -> ASGIApp:
    """Make the application; files that it opens are closed with the ``stack``."""
    if callable(archive) and settings != Settings():
        raise TypeError("An application has its own settings. Pass them to create_app(archive, settings).")
    app: ASGIApp = archive if callable(archive) else create_app(archive, settings)
    if access_log is not None:
        handler = log_handler(os.fspath(access_log))
        stack.callback(handler.close)
        app = AccessLog(app, handler)

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            if scope["type"] != "http":
                raise
            # The grace period is over; uvicorn closes the connection, since the reply is incomplete.

    return service


def share(archive: Archive | ASGIApp, settings: Settings, access_log: PathLike | None, stack: ExitStack) -> Path:
    """Pickle the service into a folder that worker processes find through an environment variable."""
    if callable(archive):
        raise TypeError("An application can be served by one process only (workers=1). Pass the archive instead.")
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sunpy_flarecast-", ignore_cleanup_errors=True))
    Path(folder, _SERVICE).write_bytes(pickle.dumps((archive, settings, access_log)))
    import fcntl  # uvicorn cannot share a socket on Windows either

    lock = os.open(folder, os.O_RDONLY)
    stack.callback(os.close, lock)
    fcntl.flock(lock, fcntl.LOCK_EX)  # keeps systemd-tmpfiles from removing it after a few days
    os.environ[_FOLDER] = folder
    stack.callback(os.environ.pop, _FOLDER)
    return Path(folder)


def worker_app() -> ASGIApp:
    """Make the application of a worker process, and end the process when its parent ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        service = Path(os.environ[_FOLDER], _SERVICE).read_bytes()
        archive, settings, access_log = pickle.loads(service)  # noqa: S301 (written by the parent process)
        return application(archive, settings, access_log, ExitStack())
    except Exception as error:  # noqa: BLE001 (the parent process raises it)
        fail(f"{type(error).__name__}: {error}")


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        shutil.rmtree(os.environ[_FOLDER], ignore_errors=True)  # a parent that was killed has not removed it
        os.kill(os.getpid(), signal.SIGTERM)


def fail(reason: str) -> NoReturn:
    """End a process that cannot serve, and leave the reason for its parent process."""
    if _FOLDER not in os.environ:  # it was started to read files for the index
        sys.exit(reason)
    Path(os.environ[_FOLDER], _FAILURE).write_text(reason, encoding="utf-8")
    sys.exit(STARTUP_FAILURE)  # keeps uvicorn from starting another one


def failure_in(folder: Path) -> str | None:
    """Return why a worker process could not serve; None if none has failed."""
    failure = folder / _FAILURE
    return failure.read_text(encoding="utf-8") if failure.exists() else None
