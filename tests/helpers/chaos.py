"""A file server over plain sockets that simulates network faults, chosen by name or at random with a seed."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import socket
import struct
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: All faults of the server. Refused connections are tested with an unused port: a listening server can only close the
#: connection at once, which is "slam".
KINDS = (
    "slam",
    "reset-before-headers",
    "reset-mid-body",
    "short-body",
    "stall",
    "trickle",
    "429",
    "429-retry-after",
    "429-retry-date",
    "500",
    "503",
    "html",
    "json",
    "empty",
    "ignore-range",
    "wrong-content-range",
    "416",
    "changed-etag",
    "truncated-fits",
    "redirect",
    "redirect-host",
    "chunked-cut",
)


@dataclass
class Chaos:
    """
    Files by path, and faults of requests for them.

    ``choose`` returns the fault of a request (None for a good reply), given its path and the number of earlier requests
    for this path. ``other_host`` is the target of "redirect-host".
    """

    files: dict[str, bytes]
    choose: Callable[[str, int], str | None] = lambda path, number: None
    other_host: str = ""
    etag: bool = True
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    url: str = ""
    stalled: list[asyncio.Event] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds; it is checked after every sent piece."""
        with self.changed:
            assert self.changed.wait_for(condition, timeout=60)

    def count(self, path: str = "") -> int:
        return sum(requested.startswith(path) for _, requested, _ in self.requests)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split(" ", 2)
        headers = {key.lower(): value for key, value in re.findall(r"^([\w-]+): *(.*?)\r?$", head, re.MULTILINE)}
        number = self.count(path)
        with self.changed:
            self.requests.append((method, path, headers.get("range")))
            self.changed.notify_all()
        body = self.files.get(path)
        if body is None:
            return await self._send(writer, 404, b'{"message": "no such file"}')
        return await self._answer(writer, path, body, headers, self.choose(path, number))

    async def _answer(
        self, writer: asyncio.StreamWriter, path: str, body: bytes, requested: dict[str, str], fault: str | None
    ) -> bool:
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}{"x" if fault == "changed-etag" else ""}"'
        headers = {"Accept-Ranges": "bytes"} | ({"ETag": tag} if self.etag else {})
        status, part = 200, body
        wanted = re.fullmatch(r"bytes=(\d+)-", requested.get("range", ""))
        if wanted and fault != "ignore-range" and requested.get("if-range") in (None, tag):
            begin = int(wanted[1])
            if begin >= len(body) or fault == "416":
                return await self._send(writer, 416, b"", {"Content-Range": f"bytes */{len(body)}"})
            status, part = 206, body[begin:]
            start = begin + 1 if fault == "wrong-content-range" else begin
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        match fault:
            case "slam":
                return False
            case "reset-before-headers":
                return _reset(writer)
            case "stall":
                writer.write(_head(status, len(part), headers) + part[: len(part) // 2])
                await writer.drain()
                self.stalled.append(asyncio.Event())  # referenced, so that it is not garbage-collected
                await self.stalled[-1].wait()
            case "429" | "500" | "503":
                return await self._send(writer, int(fault), b"busy")
            case "429-retry-after":
                return await self._send(writer, 429, b"busy", {"Retry-After": "0"})
            case "429-retry-date":
                return await self._send(writer, 503, b"busy", {"Retry-After": formatdate(0, usegmt=True)})
            case "html":
                return await self._send(writer, 200, b"<html><title>Please log in</title></html>")
            case "json":
                return await self._send(writer, 200, b'{"message": "the tape is away"}')
            case "empty":
                return await self._send(writer, 200, b"")
            case "truncated-fits":
                return await self._send(writer, 200, body[: len(body) * 2 // 3], headers)
            case "redirect":
                return await self._send(writer, 302, b"", {"Location": path})
            case "redirect-host":
                return await self._send(writer, 302, b"", {"Location": self.other_host + path})
            case "chunked-cut":
                half = part[: len(part) // 2]
                writer.write(_head(status, None, headers | {"Transfer-Encoding": "chunked"}))
                writer.write(f"{len(half):x}\r\n".encode() + half + b"\r\n")
                await writer.drain()
                return False
            case "trickle":
                writer.write(_head(status, len(part), headers))
                for begin in range(0, len(part), 4096):
                    writer.write(part[begin : begin + 4096])
                    await writer.drain()
                    await asyncio.sleep(0)
                return True
            case "reset-mid-body" | "short-body":
                writer.write(_head(status, len(part), headers) + part[: len(part) // 2])
                await writer.drain()
                return _reset(writer) if fault == "reset-mid-body" else False
        writer.write(_head(status, len(part), headers))
        for begin in range(0, len(part), 1 << 18):
            writer.write(part[begin : begin + (1 << 18)])
            await writer.drain()
            with self.changed:
                self.sent[path] += len(part[begin : begin + (1 << 18)])
                self.changed.notify_all()
        return True

    async def _send(
        self, writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> bool:
        writer.write(_head(status, len(body), headers or {}) + body)
        await writer.drain()
        return True


def _head(status: int, length: int | None, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", *(f"{key}: {value}" for key, value in headers.items())]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _reset(writer: asyncio.StreamWriter) -> bool:
    """Close the connection with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


@contextmanager
def serving(chaos: Chaos) -> Iterator[Chaos]:
    """Serve from a thread; sets ``chaos.url``."""
    ready = threading.Event()
    state: dict[str, object] = {}

    async def main() -> None:
        stop = state["stop"] = asyncio.Event()
        state["loop"] = asyncio.get_running_loop()
        server = await asyncio.start_server(chaos.handle, "127.0.0.1", 0)
        chaos.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await stop.wait()
        server.close()
        current = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not current]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="chaos", daemon=True)
    thread.start()
    ready.wait()
    try:
        yield chaos
    finally:
        state["loop"].call_soon_threadsafe(state["stop"].set)  # type: ignore[attr-defined]
        thread.join()


def at_random(seed: int, share: float, kinds: tuple[str, ...] = KINDS) -> Callable[[str, int], str | None]:
    """Choose faults at random; each depends only on the path and number of the request, not on their order."""

    def choose(path: str, number: int) -> str | None:
        chance = random.Random(f"{seed} {path} {number}")
        return chance.choice(kinds) if chance.random() < share else None

    return choose
