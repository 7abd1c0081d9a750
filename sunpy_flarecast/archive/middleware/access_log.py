"""The access log: one line of JSON for every request, to a file that may be rotated or to the standard error."""

from __future__ import annotations

import json
import logging
import logging.handlers
import re
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["AccessLog", "log_handler"]

#: Characters of a path or a query that are logged.
_LOGGED: Final = 400

#: What the service reads of a query. Anything else that a client sends, perhaps a password, is not logged.
_KNOWN: Final = re.compile(
    r"(?<![^&])(?:start|end|meta|fields|series|harp|noaa|quality|condition|cadence|segment|limit|after|width)=[^&]*"
)


class _File(logging.handlers.WatchedFileHandler):
    """A file that other processes append to and logrotate moves; that it cannot be written is reported once."""

    _failed = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # logging does not expect that a file cannot be opened again
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        if not self._failed:
            sys.stderr.write(f"The access log cannot be written to {self.baseFilename}: {sys.exception()}\n")
        self._failed = True
        if self.stream is not None:
            with suppress(OSError):  # it still holds the line; the next one opens the file again
                self.stream.close()
            self.stream = None


def log_handler(path: str) -> logging.Handler:
    """Open a file to append to, or the standard error for ``"-"``; an OSError says why that is not possible."""
    try:
        return logging.StreamHandler() if path == "-" else _File(path, encoding="ascii")
    except OSError as error:
        raise type(error)(
            f"The access log cannot be written to {path}: {error.strerror}. Choose another file."
        ) from error


class AccessLog:
    """ASGI layer that logs every request when it is over, without its headers, which may hold a token."""

    def __init__(self, app: ASGIApp, handler: logging.Handler) -> None:
        self._app = app
        self._log = logging.Logger("sunpy_flarecast.access")
        self._log.addHandler(handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        when, begin = datetime.now(UTC), time.perf_counter()
        status, sent, complete = 500, 0, False

        async def watch(message: Message) -> None:
            nonlocal status, sent, complete
            await send(message)
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b"")) if scope["method"] != "HEAD" else 0
                complete = not message.get("more_body", False)

        try:
            await self._app(scope, receive, watch)
        finally:
            line = {
                "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "client": (scope.get("client") or ("",))[0],
                "method": scope["method"],
                "path": scope["path"][:_LOGGED],
                "query": "&".join(_KNOWN.findall(scope["query_string"].decode("latin-1")))[:_LOGGED],
                "status": status,
                "bytes": sent,
                "seconds": round(time.perf_counter() - begin, 6),
                "complete": complete,
            }
            self._log.info(json.dumps(line))  # ASCII, with control characters escaped
