"""UTC times: from dates to `~astropy.time.Time` and back, compared with astropy's own conversion."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.sharp.times import read_times, utc_dates, utc_time

DATES = st.lists(st.none() | st.datetimes(datetime(1972, 1, 1), datetime(2100, 1, 1)), max_size=5)  # noqa: DTZ001


def dates_of(given_dates: list[datetime | None] | list[str]) -> np.ndarray:
    return np.array(given_dates, dtype="datetime64[us]")


@pytest.mark.filterwarnings("ignore:.*dubious year:erfa.ErfaWarning")
@given(DATES)
def test_times_equal_those_of_astropy_and_round_trip(found: list[datetime | None]) -> None:
    dates = dates_of(found)
    times = utc_time(dates)
    assert (times.scale, times.format, times.shape) == ("utc", "iso", dates.shape)
    missing = np.isnat(dates)
    assert np.broadcast_to(times.mask, times.shape).tolist() == missing.tolist()
    if not missing.all():
        own = Time(dates[~missing], format="datetime64", scale="utc")
        assert np.abs((times[~missing] - own).to_value("s")).max() < 1e-9
    assert utc_dates(times).tolist() == dates.tolist()


@pytest.mark.parametrize("day", ["1972-06-30", "2015-06-30", "2016-12-31", "2016-12-30", "2017-01-01", "2015-12-31"])
def test_days_that_end_with_a_leap_second(day: str) -> None:
    dates = dates_of([f"{day}T00:00:00", f"{day}T12:00:00.000001", f"{day}T23:59:59.999999"])
    times, own = utc_time(dates), Time(dates, format="datetime64", scale="utc")
    assert np.abs((times.tai - own.tai).to_value("s")).max() < 1e-9
    assert times.isot.tolist() == own.isot.tolist()
    assert utc_dates(times).tolist() == dates.tolist()
    assert utc_dates(own).tolist() == dates.tolist()


def test_a_leap_second_becomes_the_second_after_it() -> None:
    times = Time(["2016-12-31T23:59:59.5", "2016-12-31T23:59:60.5", "2017-01-01T00:00:00"], scale="utc")
    assert utc_dates(times).astype(str).tolist() == [
        "2016-12-31T23:59:59.500000",
        "2017-01-01T00:00:00.500000",
        "2017-01-01T00:00:00.000000",
    ]


def test_dates_of_another_scale_are_utc() -> None:
    assert utc_dates(Time(["2015-12-11T00:00:36.25"], scale="tai")).astype(str).tolist() == [
        "2015-12-11T00:00:00.250000"
    ]


@pytest.mark.parametrize("odd", ["2015-12-11T23:34:08Z\n2015-12-11T00:00:00Z", "\n", "2015-12-11T00:00:0Z0", "Z"])
def test_texts_that_only_look_like_plain_times(odd: str) -> None:
    plain = "2015-12-11T23:34:08.799999Z"
    expected = dates_of([plain[:-1], "NaT", "NaT", plain[:-1]])
    assert read_times([plain, odd, None, plain]).tolist() == expected.tolist()


def test_empty_and_missing_times() -> None:
    assert read_times([]).dtype == read_times([None]).dtype == "datetime64[us]"
    assert utc_dates(utc_time(read_times([]))).tolist() == []
    assert utc_dates(utc_time(read_times([None]))).tolist() == [None]
