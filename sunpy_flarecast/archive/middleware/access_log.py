"""The access log: one line of JSON for every request, to a file that may be rotated or to the standard error."""

from __future__ import annotations

import os
import re
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from .observer import Exchange

__all__ = ["STDERR", "AccessLog", "line_of"]

#: Stands for the standard error in place of a path.
STDERR: Final = "-"

#: Seconds between two looks at whether the file was moved away.
_LOOK_AGAIN: Final = 1.0

#: Characters of a path or a query that are logged.
_LOGGED: Final = 400

#: What the service reads of a query. Whatever else a client put there, perhaps a password, is not for the log.
_KNOWN: Final = re.compile(r"(?<![^&])(?:start|end|meta|fields)=[^&]*")


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line; the order of the fields is that of the log."""

    time: str
    client: str
    method: str
    path: str
    query: str
    status: int
    bytes: int
    seconds: float
    complete: bool


class AccessLog:
    """
    Writes a line for every `Exchange`. Several processes may write to one file.

    Parameters
    ----------
    path : str
        The file, to which is added; ``"-"`` for the standard error. A file that was moved or removed in the meantime
        (logrotate) is begun anew.

    Raises
    ------
    OSError
        If the file cannot be written; the message is for the user.

    Examples
    --------
    >>> from sunpy_flarecast.archive.middleware.access_log import line_of
    >>> from sunpy_flarecast.archive.middleware.observer import Exchange
    >>> line_of(Exchange(began=0.0, client="127.0.0.1", method="GET", path="/health", query="", route="/health",
    ...                  status=200, sent=15, seconds=0.00123, complete=True))[:91]
    b'{"time":"1970-01-01T00:00:00.000Z","client":"127.0.0.1","method":"GET","path":"/health","qu'
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None
        self._identity: tuple[int, int] | None = None
        self._looked = 0.0
        self._failed = False
        if path != STDERR:
            try:
                self._open()
            except OSError as error:
                raise OSError(
                    f"The access log cannot be written to {path}: {error.strerror}. Choose another file."
                ) from error

    def __call__(self, exchange: Exchange) -> None:
        """Write the line of a request; a full disk does not hold up the service."""
        line = line_of(exchange)
        if self._file is None:
            sys.stderr.write(line.decode())
            sys.stderr.flush()
            return
        try:
            self._follow()
            # In one piece and at the end of the file, so that lines of several processes do not mix.
            os.write(self._file, line)
            self._failed = False
        except OSError as error:
            if not self._failed:  # once, until it works again
                sys.stderr.write(f"The access log cannot be written to {self._path}: {error.strerror}\n")
            self._failed = True

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o640)
        self.close()
        facts = os.fstat(file)
        self._file, self._identity = file, (facts.st_dev, facts.st_ino)

    def _follow(self) -> None:
        """Open the file anew if another, or none, lies at its path."""
        now = time.monotonic()
        if now < self._looked + _LOOK_AGAIN:
            return
        self._looked = now
        try:
            facts = os.stat(self._path)  # noqa: PTH116 (every second, in the event loop)
            same = (facts.st_dev, facts.st_ino) == self._identity
        except FileNotFoundError:
            same = False
        if not same:
            self._open()


def line_of(exchange: Exchange) -> bytes:
    """
    Make the line of a request.

    Parameters
    ----------
    exchange : Exchange
        The request, and what came of it.

    Returns
    -------
    bytes
        JSON in one line, with its end. Control characters are escaped in it.
    """
    when = datetime.fromtimestamp(exchange.began, UTC).isoformat(timespec="milliseconds")
    line = _Line(
        time=when.replace("+00:00", "Z"),
        client=exchange.client,
        method=exchange.method,
        path=exchange.path[:_LOGGED],
        query="&".join(_KNOWN.findall(exchange.query))[:_LOGGED],
        status=exchange.status,
        bytes=exchange.sent,
        seconds=round(exchange.seconds, 6),
        complete=exchange.complete,
    )
    return msgspec.json.encode(line) + b"\n"
