"""The windows of a mirror: whole days of T_REC (TAI), since the day of T_REC is the folder of a file."""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Final, NamedTuple

from astropy.time import TimeDelta

from sunpy_flarecast.sharp.t_rec import CADENCE, slot_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from astropy.time import Time

__all__ = ["Window", "windows"]

_SLOTS_A_DAY: Final = 86400 // CADENCE

#: DATE-OBS, by which services may list, is less than two minutes before T_REC.
_MARGIN: Final = 300.0


class Window(NamedTuple):
    """
    Whole slots that are asked for at once.

    Parameters
    ----------
    first, last : int
        First and last slot.
    around : float
        How many seconds before and after are needed, too, to tell which records are the nearest to a sampling grid.
    """

    first: int
    last: int
    around: float = 0.0

    @property
    def start(self) -> Time:
        """Where the range begins that has to be asked for."""
        return (slot_time(self.first) - TimeDelta(self.around + _MARGIN, format="sec")).utc

    @property
    def end(self) -> Time:
        """Where the range ends that has to be asked for."""
        return (slot_time(self.last) + TimeDelta(self.around + _MARGIN, format="sec")).utc


def windows(start: Time, end: Time, sample: float | None = None) -> Iterator[Window]:
    """
    Cut a range into windows.

    Parameters
    ----------
    start, end : `astropy.time.Time`
        Any scale; records whose T_REC or DATE-OBS lies between them, ends included, are in one of the windows.
    sample : float, optional
        Step of the sampling grid in seconds; a window is not shorter.

    Examples
    --------
    >>> from astropy.time import Time
    >>> from sunpy_flarecast.mirroring.windows import windows
    >>> from sunpy_flarecast.sharp.t_rec import slot_text
    >>> for window in windows(Time("2015-12-11"), Time("2015-12-12")):
    ...     print(slot_text(window.first), slot_text(window.last))
    20151211_001200_TAI 20151211_234800_TAI
    20151212_000000_TAI 20151212_000000_TAI
    """
    # With sampling, the slot nearest to an end may lie half a slot beyond it.
    beyond = CADENCE / 2 if sample is not None else 0.0
    first = ceil((_seconds(start) - beyond) / CADENCE)
    last = floor((_seconds(end) + beyond + _MARGIN) / CADENCE)
    days = max(1, ceil((sample or 0.0) / 86400))
    while first <= last:
        following = (first // _SLOTS_A_DAY + days) * _SLOTS_A_DAY
        yield Window(first, min(following - 1, last), sample or 0.0)
        first = following


def _seconds(time: Time) -> float:
    """Seconds from slot 0, on the scale of the slots."""
    return round(float((time.tai - slot_time(0)).to_value("s")), 6)
