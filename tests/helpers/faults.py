"""An ASGI layer around a real service that counts its requests and injects faults."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sunpy_flarecast import conf

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    Fault = Callable[[dict[str, Any], Callable[[dict[str, Any]], Awaitable[None]]], Awaitable[None]]


class Layer:
    """
    Wrap an ASGI application.

    ``requests`` has the method and path (with query) of every request. ``faults`` maps parts of paths to replies that
    replace those of the application; ``times`` limits how often.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.faults: dict[str, Fault] = {}
        self.times: dict[str, int] = {}
        self._changed = threading.Condition()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            path = scope["path"] + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
            with self._changed:
                self.requests.append((scope["method"], path))
                self._changed.notify_all()
                self.headers.append({key.decode(): value.decode() for key, value in scope["headers"]})
                fault = self._fault(path)
            if fault is not None:
                await fault(scope, send)
                return
        await self.app(scope, receive, send)

    def _fault(self, path: str) -> Fault | None:
        for part, fault in self.faults.items():
            if part in path and self.times.get(part, 1) > 0:
                if part in self.times:
                    self.times[part] -= 1
                return fault
        return None

    def count(self, part: str = "") -> Counter[str]:
        """Count the requests whose path contains a text, by method."""
        return Counter(method for method, path in self.requests if part in path)

    def wait_for(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= number, timeout=60)

    def clear(self) -> None:
        """Forget requests and faults."""
        self.requests.clear()
        self.headers.clear()
        self.faults.clear()
        self.times.clear()


def answer(
    body: bytes,
    *,
    status: int = 200,
    kind: str = "application/json",
    headers: dict[str, str] | None = None,
    length: int | None = None,
    drop: bool = False,
) -> Fault:
    """Make a fault: a reply with this body; ``length`` declares a wrong length, ``drop`` ends it early."""
    all_headers = {
        "content-type": kind,
        "content-length": str(len(body) if length is None else length),
        **(headers or {}),
    }

    async def fault(scope: dict[str, Any], send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        raw = [(key.encode(), value.encode()) for key, value in all_headers.items() if value]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body, "more_body": drop})
        if drop:
            raise ConnectionResetError("dropped by the test")

    return fault


@contextmanager
def pointed_at(service: tuple[str, Layer]) -> Iterator[None]:
    """Set ``conf.url`` to a service, given by its URL and layer; counts and faults are cleared."""
    url, layer = service
    layer.clear()
    with conf.set_temp("url", url):
        yield
    layer.clear()
