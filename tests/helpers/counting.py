"""A small query of the demo, and a layer that counts the files that a service sends at a time."""

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
    """A layer that also knows how many files it sent at a time at most."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.now = self.most = 0
        self._lock = threading.Lock()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        counted = scope["path"].endswith(".fits")
        with self._lock:
            self.now += counted
            self.most = max(self.most, self.now)
        try:
            await super().__call__(scope, receive, send)
        finally:
            with self._lock:
                self.now -= counted

    @property
    def files(self) -> list[str]:
        """The requests for files, in order."""
        return sorted(path for _, path in self.requests if ".fits" in path)

    def clear(self) -> None:
        super().clear()
        self.most = 0
