"""Windows that need no request, since the service counts its records by day and has none there."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Final

from sunpy import log

from sunpy_flarecast.errors import ServiceError

if TYPE_CHECKING:
    from sunpy_flarecast.rest.service import Service

    from .windows import Window

__all__ = ["EmptyDays"]

#: Number of windows without records after which the days with records are requested.
_EMPTY: Final = 4

#: A day is that of T_REC or of DATE-OBS, which differ by minutes.
_MARGIN: Final = 1

#: MJD of the day with the ordinal 0.
_MJD: Final = -678576


class EmptyDays:
    """
    The windows of a search that need no request.

    There are none if the service does not count its records by day, or if lists are cached, since the cache must hold
    every window in case the service becomes unreachable. The days are requested once for each series, after several
    windows had no records; a search without gaps needs no such request.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._empty: Counter[str] = Counter()
        self._days: dict[str, frozenset[int]] = {}  # as MJD

    def __contains__(self, window: Window) -> bool:
        if (days := self._days.get(window.series)) is None:
            return False
        first, last = (int(time.utc.mjd) for time in (window.start, window.end))
        return days.isdisjoint(range(first - _MARGIN, last + _MARGIN + 1))

    def add(self, window: Window) -> None:
        """Record a window without records."""
        with self._lock:
            self._empty[window.series] += 1
            enough = self._empty[window.series] == _EMPTY
        if enough and not self._service.caches:
            try:
                days = self._service.days(window.series)
                self._days[window.series] = frozenset(day.toordinal() + _MJD for day in days)
            except ServiceError as error:  # as with all other services
                log.debug(f"The service does not count its records by day: {error.reason}")
