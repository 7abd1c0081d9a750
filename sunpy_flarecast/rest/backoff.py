"""When to ask again: back-off between attempts, ``Retry-After``, and a pause for all transfers from a busy host."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["Pace", "backoff", "retry_after"]

#: Longest wait between two attempts without a word from the service, in seconds.
_LONGEST: Final = 60.0

#: Transfers that waited for one host begin again within this time, in seconds, and not all at once.
_SPREAD: Final = 0.25


def backoff(attempt: int, first: float) -> float:
    """
    Draw the wait before the next attempt: exponential, with full jitter.

    Parameters
    ----------
    attempt : int
        How many attempts have failed, from 1.
    first : float
        Longest wait after the first one, in seconds; it doubles each time, up to 60 s.

    Returns
    -------
    float
        Seconds, evenly distributed from zero, so that clients that failed together do not come back together.

    Examples
    --------
    >>> from sunpy_flarecast.rest.backoff import backoff
    >>> 0 <= backoff(3, 0.5) <= 2.0
    True
    """
    return random.uniform(0, min(first * 2.0 ** (attempt - 1), _LONGEST))  # noqa: S311 (no secret)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """
    Read a ``Retry-After`` header (RFC 9110, section 10.2.3).

    Parameters
    ----------
    value : str or None
        Seconds or an HTTP date.
    now : `datetime.datetime`, optional
        What a date is counted from; by default the present.

    Returns
    -------
    float or None
        Seconds, not negative; None if there is none or it cannot be read.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from sunpy_flarecast.rest.backoff import retry_after
    >>> retry_after("120")
    120.0
    >>> retry_after("Wed, 21 Oct 2015 07:28:00 GMT", datetime(2015, 10, 21, 7, 27, tzinfo=UTC))
    60.0
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())


class Pace:
    """
    A gate for all transfers of one fetch from one host.

    A host that says it is busy is left alone by all of them, not only by the one that was told.
    """

    def __init__(self) -> None:
        self._open_at = 0.0

    def pause(self, seconds: float) -> None:
        """Close the gate for this many seconds from now, unless it is closed for longer already."""
        self._open_at = max(self._open_at, time.monotonic() + seconds)

    async def passed(self) -> None:
        """Wait until the gate is open."""
        while (wait := self._open_at - time.monotonic()) > 0:
            await asyncio.sleep(wait + random.uniform(0, min(_SPREAD, wait)))  # noqa: S311 (no secret)
