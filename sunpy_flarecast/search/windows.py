"""`Window`: a part of a search's range, for one request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from astropy.time import TimeDelta

from sunpy_flarecast.query.query import OVERLAP, service_time

if TYPE_CHECKING:
    from astropy.time import Time

__all__ = ["Window"]

#: Shortest half of a window, in seconds.
_SHORTEST: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Window:
    """The series and range (UTC) of one request; ``within`` are the ends of the query's range, for messages."""

    series: str
    start: Time
    end: Time
    within: tuple[str, str] | None = None

    @property
    def times(self) -> tuple[str, str]:
        """Start and end, written for the service."""
        return service_time(self.start), service_time(self.end, up=True)

    @property
    def shown(self) -> tuple[str, str]:
        """The part of the range that the query contains, without the margin around it."""
        if self.within is None:
            return self.times
        first, last = self.within
        start, end = (min(max(time, first), last) for time in self.times)
        return start, end

    @property
    def length(self) -> float:
        """Length in seconds, without the overlap of windows."""
        return max(0.0, float((self.end - self.start).to_value("s")) - OVERLAP)

    def halves(self) -> tuple[Window, Window] | None:
        """Split the window into two that overlap by one second; None if they would be shorter than an hour."""
        half = self.length / 2
        if half + OVERLAP < _SHORTEST:
            return None
        middle, after = (self.start + TimeDelta(seconds, format="sec") for seconds in (half, half + OVERLAP))
        return replace(self, end=after), replace(self, start=middle)
