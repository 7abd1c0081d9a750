"""When to ask again."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.rest.backoff import Pace, backoff, retry_after

NOW = datetime(2015, 10, 21, 7, 27, tzinfo=UTC)


@given(st.integers(1, 50), st.floats(0, 10))
def test_the_wait_doubles_with_full_jitter_up_to_a_minute(attempt: int, first: float) -> None:
    assert 0 <= backoff(attempt, first) <= min(first * 2.0 ** (attempt - 1), 60)


def test_waits_differ() -> None:
    assert len({backoff(5, 1.0) for _ in range(20)}) > 10


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 60),
        ("Wed, 21 Oct 2015 09:28:00 +0200", 60),
        ("Wed, 21 Oct 2015 07:00:00 GMT", 0),
        (None, None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("١٢", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_a_gate_opens_for_all_when_the_longest_pause_is_over() -> None:
    async def main() -> float:
        pace = Pace()
        await pace.passed()  # open
        begin = time.monotonic()
        pace.pause(0.2)
        pace.pause(0.01)  # does not open it earlier
        await asyncio.gather(pace.passed(), pace.passed())
        return time.monotonic() - begin

    assert asyncio.run(main()) >= 0.2
