"""The retry policy of searches and transfers: which failures are retried, how many times, and after which wait."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from sunpy_flarecast.config import conf

__all__ = ["BUSY", "RETRIED", "RetryPolicy", "retry_after"]

#: Statuses of a host that is busy, for all clients.
BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})

#: Statuses after which the same request may succeed later (RFC 9110; RFC 6585 for 429, RFC 8470 for 425).
RETRIED: Final = BUSY | {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.GATEWAY_TIMEOUT,
}

#: Longest wait in seconds, unless the service asks for another.
_LONGEST: Final = 60.0


@dataclass(frozen=True)
class RetryPolicy:
    """The number of retries and the waits before them; the settings are read once."""

    retries: int = field(default_factory=lambda: conf.max_retries)
    retry_wait: float = field(default_factory=lambda: conf.retry_wait)
    retry_after_max: float = field(default_factory=lambda: conf.retry_after_max)

    def wait(self, failures: int, asked: str | None = None) -> float:
        """
        Return the seconds to wait after a number of failures, which is at least 1.

        A reply's ``Retry-After`` header is honoured up to ``conf.retry_after_max``. Without it the wait is exponential
        with full jitter, so that clients that failed together do not retry together.
        """
        seconds = retry_after(asked)
        if seconds is not None:
            return min(seconds, self.retry_after_max)
        return random.uniform(0, min(self.retry_wait * 2.0 ** min(failures - 1, 30), _LONGEST))  # noqa: S311 (no secret)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds of a ``Retry-After`` header (RFC 9110, section 10.2.3); None if it is missing or invalid."""
    text = (value or "").strip()
    try:
        if text.isascii() and text.isdigit():
            return float(text)
        when = parsedate_to_datetime(text)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, OverflowError):
        return None
