"""Windows, times for the service, and name patterns."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import astropy.units as u
import pytest
from astropy.time import Time, TimeDelta
from hypothesis import example, given
from hypothesis import strategies as st

from sunpy_flarecast import QueryError
from sunpy_flarecast.query.query import Query, service_time

#: Years whose leap seconds are known.
TIMES = st.datetimes(datetime(2010, 5, 1), datetime(2026, 1, 1)).map(lambda time: Time(time, scale="utc"))  # noqa: DTZ001
LENGTHS = st.floats(0, 40)


def query(start: str | Time, end: str | Time) -> Query:
    return Query(series="hmi.sharp_720s", start=Time(start, scale="utc"), end=Time(end, scale="utc"))


@given(TIMES, LENGTHS, st.floats(0.5, 50) | st.sampled_from([1.0, 1 / 3, 0.1 * 10]))
@example(Time("2015-06-30T12:00:00"), 1.0, 1.0)
@example(Time("2016-12-31T00:00:00"), 3.0, 1.0)
@example(Time("2016-12-31T00:00:00"), 0.0, 1.0)
def test_windows_cover_the_range(start: Time, length: float, days: float) -> None:
    end = start + TimeDelta(length, format="jd")
    windows = list(query(start, end).windows(days))
    assert windows[0][0] == start
    assert windows[-1][1] == end
    # No window is superfluous.
    assert len(windows) <= max(1, length / days + 1)
    for begin, stop in windows:
        assert begin.scale == stop.scale == "utc"
        assert -1e-6 <= (stop - begin).to_value(u.s) <= days * 86400 + 1 + 1e-3
    for (_, stop), (begin, _) in pairwise(windows):
        overlap = (stop - begin).to_value(u.s)
        # Only the end of the range shortens it.
        assert overlap == pytest.approx(1, abs=1e-6) or (stop == end and -1e-6 <= overlap < 1)


def test_a_day_is_one_window_and_two_days_are_two() -> None:
    assert len(list(query("2015-12-11", "2015-12-12").windows(1.0))) == 1
    [first, second] = query("2015-12-11", "2015-12-13").windows(1.0)
    assert [time.isot for time in (*first, *second)] == [
        "2015-12-11T00:00:00.000",
        "2015-12-12T00:00:01.000",
        "2015-12-12T00:00:00.000",
        "2015-12-13T00:00:00.000",
    ]


def test_an_instant_is_a_range() -> None:
    [(start, end)] = query("2015-12-11", "2015-12-11").windows(1.0)
    assert start == end
    assert len(list(query("2015-12-11", "2015-12-31").windows(float("inf")))) == 1


@pytest.mark.parametrize("days", [0.0, -1.0, float("nan"), float("-inf")])
def test_the_window_must_be_positive(days: float) -> None:
    with pytest.raises(QueryError, match=r"conf\.window"):
        list(query("2015-12-11", "2015-12-12").windows(days))


def test_the_text_of_a_query() -> None:
    text = str(query("2015-12-11T12:00:00", "2015-12-12"))
    assert text == "hmi.sharp_720s from 2015-12-11T12:00:00.000 to 2015-12-12T00:00:00.000 UTC"
    with pytest.raises(AttributeError):
        query("2015-12-11", "2015-12-12").series = "other"


@pytest.mark.parametrize(
    ("time", "scale", "down", "up"),
    [
        ("2015-12-11T00:00:00", "utc", "2015-12-11T00:00:00Z", "2015-12-11T00:00:00Z"),
        ("2015-12-11T00:00:00.25", "utc", "2015-12-11T00:00:00Z", "2015-12-11T00:00:01Z"),
        ("2015-12-11T23:59:59.999", "utc", "2015-12-11T23:59:59Z", "2015-12-12T00:00:00Z"),
        ("2015-12-11T00:00:36", "tai", "2015-12-11T00:00:00Z", "2015-12-11T00:00:00Z"),
        ("2015-12-11T23:36:00", "tai", "2015-12-11T23:35:24Z", "2015-12-11T23:35:24Z"),
        ("2015-06-30T23:59:59", "tai", "2015-06-30T23:59:24Z", "2015-06-30T23:59:24Z"),
        ("2017-01-01T00:00:37", "tai", "2017-01-01T00:00:00Z", "2017-01-01T00:00:00Z"),
        ("2015-12-11T00:01:08.184", "tt", "2015-12-11T00:00:00Z", "2015-12-11T00:00:00Z"),
        # Within leap seconds, which most software cannot express.
        ("2015-06-30T23:59:60", "utc", "2015-06-30T23:59:59Z", "2015-07-01T00:00:00Z"),
        ("2015-06-30T23:59:60.5", "utc", "2015-06-30T23:59:59Z", "2015-07-01T00:00:00Z"),
        ("2016-12-31T23:59:60.999", "utc", "2016-12-31T23:59:59Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:59.5", "utc", "2016-12-31T23:59:59Z", "2017-01-01T00:00:00Z"),
    ],
)
def test_service_time(time: str, scale: str, down: str, up: str) -> None:
    given_time = Time(time, scale=scale)
    assert service_time(given_time) == down
    assert service_time(given_time, up=True) == up


@given(TIMES, st.sampled_from(["utc", "tai", "tt"]))
def test_service_time_is_the_second_before_or_after(time: Time, scale: str) -> None:
    given_time = getattr(time, scale)
    for text, sign in ((service_time(given_time), 1), (service_time(given_time, up=True), -1)):
        assert text.endswith("Z")
        off = sign * (time - Time(text.removesuffix("Z"), scale="utc")).to_value(u.s)
        # Whole seconds may be off by less than a microsecond, and leap seconds are skipped.
        assert -1e-6 <= off < (2 if time.isot[5:10] in ("06-30", "12-31") else 1)


@given(st.datetimes(datetime(2010, 5, 1), datetime(2026, 1, 1)).map(lambda time: time.replace(microsecond=0)))  # noqa: DTZ001
def test_whole_seconds_survive_other_scales(time: datetime) -> None:
    for scale in ("utc", "tai", "tt"):
        given_time = getattr(Time(time, scale="utc"), scale)
        for up in (False, True):
            assert service_time(given_time, up=up) == f"{time:%Y-%m-%dT%H:%M:%SZ}"
