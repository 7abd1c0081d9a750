"""A service started from the command line, and a slow client."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["END", "LONG", "begin_transfer", "read_rest", "serving", "url_of", "wait_until_stopped", "workers_of"]

#: A list of three days, which exceeds the buffers of a connection that is not read, and the end of its reply.
LONG = "/HMI/hmi.sharp_720s?start=2014-10-21T00:00:00Z&end=2014-10-24T00:00:00Z"
END = b"]}\r\n0\r\n\r\n"


@contextmanager
def serving(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start `sunpy-flarecast serve` on a free port; kill it at the end if it still runs."""
    command = [sys.executable, "-m", "sunpy_flarecast", "serve", "--port", "0", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def url_of(process: subprocess.Popen[str]) -> str:
    """Wait until a service listens, and return its URL."""
    for line in process.stdout:
        if found := re.match(r"Serving at (\S+)", line):
            process.stdout.readline()  # the line for Python
            return found[1]
    raise AssertionError(process.stderr.read())


def workers_of(process: subprocess.Popen[str]) -> set[int]:
    """Return the worker processes of a service (Linux)."""
    found = set()
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        with suppress(OSError):  # it has ended
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.add(int(child))
    return found


def begin_transfer(url: str, path: str) -> socket.socket:
    """Request a reply that exceeds the buffers of the connection, and read only its beginning."""
    parts = urlsplit(url)
    client = socket.socket(socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET)
    client.settimeout(60)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    client.connect((parts.hostname, parts.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
    assert client.recv(12) == b"HTTP/1.1 200"
    return client


def read_rest(client: socket.socket) -> bytes:
    """Read the rest of a reply until the connection is closed."""
    with client:
        pieces = []
        try:
            while piece := client.recv(1 << 20):
                pieces.append(piece)
        except ConnectionError:
            pass
        return b"".join(pieces)


def wait_until_stopped(url: str) -> None:
    """Wait until connections are refused."""
    parts = urlsplit(url)
    while True:
        try:
            socket.create_connection((parts.hostname, parts.port), timeout=60).close()
        except ConnectionError:
            return
