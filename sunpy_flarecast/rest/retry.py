"""The one retry policy for searches and transfers: which failures are retried, how often, and after which wait."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from sunpy_flarecast.config import conf

__all__ = ["BUSY", "RETRIED", "RetryPolicy", "retry_after"]

#: Statuses by which a host says that it is busy, whoever asks.
BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})

#: Statuses after which the same request may succeed later (RFC 9110; RFC 6585 for 429, RFC 8470 for 425).
RETRIED: Final = BUSY | {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.GATEWAY_TIMEOUT,
}

#: Longest wait, in seconds, that is not at the service's request.
_LONGEST: Final = 60.0


@dataclass(frozen=True)
class RetryPolicy:
    """
    How often a failed request is retried and how long to wait before; the settings are read once.

    Examples
    --------
    >>> from sunpy_flarecast.rest.retry import RetryPolicy
    >>> policy = RetryPolicy(retries=5, retry_wait=0.5, retry_after_max=300)
    >>> 0 <= policy.wait(3) <= 2.0
    True
    >>> policy.wait(1, "120"), policy.wait(1, "86400")
    (120.0, 300.0)
    """

    retries: int = field(default_factory=lambda: conf.max_retries)
    retry_wait: float = field(default_factory=lambda: conf.retry_wait)
    retry_after_max: float = field(default_factory=lambda: conf.retry_after_max)

    def wait(self, failures: int, asked: str | None = None) -> float:
        """
        Return the seconds to wait before the next try.

        Parameters
        ----------
        failures : int
            How many tries have failed, from 1.
        asked : str, optional
            The reply's ``Retry-After`` header, which is honoured up to ``conf.retry_after_max``. Without it the wait is
            exponential with full jitter, so that clients that failed together do not come back together.
        """
        seconds = retry_after(asked)
        if seconds is not None:
            return min(seconds, self.retry_after_max)
        return random.uniform(0, min(self.retry_wait * 2.0 ** min(failures - 1, 30), _LONGEST))  # noqa: S311 (no secret)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """
    Parse a ``Retry-After`` header (RFC 9110, section 10.2.3): seconds or an HTTP date.

    Returns
    -------
    float or None
        Seconds, not negative; None if the header is missing or invalid.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from sunpy_flarecast.rest.retry import retry_after
    >>> retry_after("120")
    120.0
    >>> retry_after("Wed, 21 Oct 2015 07:28:00 GMT", datetime(2015, 10, 21, 7, 27, tzinfo=UTC))
    60.0
    """
    text = (value or "").strip()
    try:
        if text.isascii() and text.isdigit():
            return float(text)
        when = parsedate_to_datetime(text)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, OverflowError):
        return None
