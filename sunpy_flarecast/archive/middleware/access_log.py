"""The access log: one line of JSON for every request, in a file, which may be rotated, or on standard error."""

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

#: Longest logged part of a path or a query, in characters.
_LOGGED: Final = 400

#: Logged parameters. Other parts of a query, which may contain a password, are not logged.
_KNOWN: Final = re.compile(
    r"(?<![^&])(?:start|end|meta|fields|series|harp|noaa|quality|condition|cadence|segment|limit|after|width)=[^&]*"
)


class _File(logging.handlers.WatchedFileHandler):
    """A file to which other processes may append, and which logrotate may move; write failures are reported once."""

    _failed = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # reopening the file, which logging does not handle
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        if not self._failed:
            sys.stderr.write(f"The access log cannot be written to {self.baseFilename}: {sys.exception()}\n")
        self._failed = True
        if self.stream is not None:
            with suppress(OSError):  # raised for the buffered line; the next one opens the file again
                self.stream.close()
            self.stream = None


def log_handler(path: str) -> logging.Handler:
    """Open a file for appending, or standard error for ``"-"``; the text of an OSError gives the reason and advice."""
    try:
        return logging.StreamHandler() if path == "-" else _File(path, encoding="ascii")
    except OSError as error:
        raise type(error)(
            f"The access log cannot be written to {path}: {error.strerror}. Choose another file."
        ) from error


class AccessLog:
    """ASGI middleware that logs each request when it ends, without its headers, which may hold a token."""

    def __init__(self, app: ASGIApp, handler: logging.Handler) -> None:
        self._app = app
        self._log = logging.Logger("sunpy_flarecast.access")
        self._log.addHandler(handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received, begin = datetime.now(UTC), time.perf_counter()
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
                "time": received.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
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
