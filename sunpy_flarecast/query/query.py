"""`Query`: a search in terms of the service, its windows and its times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import ceil, floor
from typing import TYPE_CHECKING, Final

import numpy as np
from astropy.time import Time, TimeDelta

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.catalog import step_of
from sunpy_flarecast.sharp.t_rec import slot_seconds
from sunpy_flarecast.sharp.times import utc_datetime64

from .conditions import Condition, looked_up

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["OVERLAP", "Query", "service_time", "service_times"]

#: Seconds by which neighbouring windows overlap, since a service may include the ends of a range or not.
OVERLAP: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Query:
    """
    A search in terms of the service; times are UTC, and the range includes both ends.

    Conditions on values that every list of records has are applied before the records are sampled or the nearest ones
    chosen. All other conditions are applied afterwards.
    """

    series: str  #: Full name, or the name as the user wrote it if the catalog does not know it.
    start: Time
    end: Time
    segments: tuple[str, ...] = ()  #: Patterns if the catalog does not know the series; empty for all.
    harps: tuple[int, int] | None = None  #: First and last HARP number.
    sample: float | None = None  #: Step of the time grid in seconds.
    near: Time | None = None  #: If given, only the nearest time step is selected.
    tolerance: float | None = None  #: Largest distance of T_REC from the grid, or from ``near``, in seconds.
    conditions: tuple[Condition, ...] = ()

    @property
    def looked_up(self) -> tuple[str, ...]:
        """Names of the keywords that must be requested."""
        return looked_up(self.conditions)

    def windows(self, days: float) -> Iterator[tuple[Time, Time]]:
        """Split the range into windows (start, end) of at most ``days`` days, in order, that overlap by one second."""
        first, last = self.span
        if not days > 0:
            raise QueryError(
                f"conf.window is {days}: the length of a window, in days, must be positive. Set conf.window = 1.0."
            )
        length = (last - first).to_value("day") - OVERLAP / 86400
        count = max(1, ceil(length / days - 1e-9))
        # All at once, since operations on times are slow.
        starts = first + TimeDelta(np.arange(1, count) * days, format="jd")
        ends = starts + TimeDelta(OVERLAP, format="sec")
        edge = first
        for number in range(count - 1):
            yield edge, (ends[number] if number < count - 2 else min(ends[number], last))
            edge = starts[number]
        yield edge, last

    @property
    def span(self) -> tuple[Time, Time]:
        """
        The range of the requested records.

        With ``sample`` it extends half a time step beyond both ends, since the slot nearest to midnight UTC may be
        half a minute before it.
        """
        if self.sample is None:
            return self.start, self.end
        margin = TimeDelta(step_of(self.series) / 2, format="sec")
        return self.start - margin, self.end + margin

    @cached_property
    def bounds(self) -> tuple[tuple[np.datetime64, np.datetime64], tuple[float, float]]:
        """The ends of `span` to the microsecond, in UTC and in seconds from slot 0; computed once for all windows."""
        start, end = (
            utc_datetime64(Time(time.utc, precision=6).to_value("isot", subfmt="date_hms")) for time in self.span
        )
        return (start, end), (slot_seconds(self.span[0]), slot_seconds(self.span[1]))

    def __str__(self) -> str:
        """The query in a few words, for messages."""
        return f"{self.series} from {self.start.isot} to {self.end.isot} UTC"


def service_time(time: Time, *, up: bool = False) -> str:
    """
    Write a time for the service: UTC with ``Z``, in whole seconds, rounded down, or ``up`` for the end of a range.

    A leap second becomes the second before or after it, since services may be unable to parse it.
    """
    return service_times(time.reshape(1), up=up)[0]


def service_times(times: Time, *, up: bool = False) -> list[str]:
    """Write an array of times for the service, as `service_time` does."""
    texts = []
    for year, month, day, hour, minute, fraction in times.utc.ymdhms.tolist():
        # Conversion from another scale may leave a whole second off by nanoseconds.
        second = round(fraction, 6)
        whole = ceil(second) if up else min(floor(second), 59)
        base = datetime(year, month, day, hour, minute, tzinfo=UTC)
        texts.append(f"{base + timedelta(seconds=min(whole, 60)):%Y-%m-%dT%H:%M:%SZ}")
    return texts
