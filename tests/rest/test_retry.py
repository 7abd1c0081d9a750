"""The retry policy."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.rest.retry import RetryPolicy, retry_after

NOW = datetime(2015, 10, 21, 7, 27, tzinfo=UTC)


@given(st.integers(1, 5000), st.floats(0, 10))
def test_the_wait_doubles_with_full_jitter_up_to_a_minute(failures: int, first: float) -> None:
    policy = RetryPolicy(retry_wait=first)
    assert 0 <= policy.wait(failures) <= min(first * 2.0 ** min(failures - 1, 50), 60)


def test_waits_differ() -> None:
    policy = RetryPolicy(retry_wait=1.0)
    assert len({policy.wait(5) for _ in range(20)}) > 10


def test_the_service_s_wait_is_capped_and_an_invalid_one_ignored() -> None:
    policy = RetryPolicy(retry_wait=0.5, retry_after_max=300)
    assert policy.wait(9, "0") == 0
    assert policy.wait(1, "200") == 200
    assert policy.wait(1, "9" * 5000) == policy.wait(1, "Fri, 01 Jan 2100 00:00:00 GMT") == 300
    assert policy.wait(1, "soon") <= 0.5


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
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("١٢", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_retry_after_never_raises(value: str) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or seconds >= 0
