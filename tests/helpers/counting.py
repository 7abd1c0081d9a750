"""A small query of the demo, and a layer that counts the concurrent transfers of a service."""

from __future__ import annotations

import threading
from typing import Any

import astropy.units as u
from faults import Layer
from sunpy.net import attrs as a

from sunpy_flarecast import HARPNUM, Segment, Series

__all__ = ["QUERY", "Counting"]

#: Three HARPs, three time steps of each, two segments.
QUERY = (
    a.Time("2015-12-11", "2015-12-12"),
    Series("hmi.sharp_cea_720s"),
    Segment("Br", "Bt"),
    HARPNUM(4928, 4935),
    a.Sample(12 * u.hour),
)


class Counting(Layer):
    """A layer that also records the largest number of concurrent transfers."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.now = self.most = 0
        self._lock = threading.Lock()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if not scope["path"].endswith(".fits"):
            await super().__call__(scope, receive, send)
            return

        async def counted(message: dict[str, Any]) -> None:
            # A client that has received the end of a reply may send its next request before this one has ended here.
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self._count(-1)
            await send(message)

        self._count(1)
        await super().__call__(scope, receive, counted)

    def _count(self, change: int) -> None:
        with self._lock:
            self.now += change
            self.most = max(self.most, self.now)

    @property
    def files(self) -> list[str]:
        """The requests for files, in order."""
        return sorted(path for _, path in self.requests if ".fits" in path)

    def clear(self) -> None:
        super().clear()
        self.most = 0
