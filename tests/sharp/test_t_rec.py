"""T_REC: known slots, and conversion in both directions."""

from __future__ import annotations

from datetime import datetime, timedelta

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time, TimeDelta
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.sharp.t_rec import CADENCE, slot_of, slot_text, slot_time, text_slot

#: From 2010-01-01 to 2030-01-01 or so.
SLOTS = st.integers(744_960, 1_621_440)

#: astropy warns of UTC more than a few years ahead, since leap seconds are not known that far ahead.
PAST_SLOTS = st.integers(744_960, 1_446_000)

KNOWN = [
    (0, "1993.01.01_00:00:00_TAI"),
    (1005598, "2015.12.11_23:36:00_TAI"),
    (1010166, "2016.01.19_01:12:00_TAI"),
]


@pytest.mark.parametrize(("slot", "text"), KNOWN)
def test_known_slots(slot: int, text: str) -> None:
    time = slot_time(slot)
    assert time.scale == "tai"
    assert time.strftime("%Y.%m.%d_%H:%M:%S_TAI") == text
    assert slot_of(time) == slot
    assert text_slot(text) == slot
    assert text_slot(text.replace("_TAI", ".000_TAI")) == slot
    assert text_slot(f"  {text}\n") == slot
    assert slot_text(slot) == text.replace(".", "").replace(":", "")


@given(SLOTS)
def test_slots_round_trip(slot: int) -> None:
    time = slot_time(slot)
    # astropy's own arithmetic on TAI, from the epoch.
    expected = Time("1993-01-01T00:00:00", scale="tai") + TimeDelta(slot * CADENCE, format="sec")
    assert abs((time - expected).to_value(u.s)) < 1e-6
    assert slot_of(time) == slot
    assert isinstance(slot_of(time), int)
    text = slot_text(slot)
    assert text == f"{datetime(1993, 1, 1) + timedelta(seconds=slot * CADENCE):%Y%m%d_%H%M%S}_TAI"  # noqa: DTZ001
    assert text_slot(time.strftime("%Y.%m.%d_%H:%M:%S_TAI")) == slot


@given(PAST_SLOTS, st.floats(-359.9, 359.9), st.sampled_from(["utc", "tai", "tt"]))
def test_the_nearest_slot_whatever_the_scale(slot: int, off: float, scale: str) -> None:
    time = getattr(slot_time(slot) + TimeDelta(off, format="sec"), scale)
    assert slot_of(time) == slot


@pytest.mark.parametrize(
    ("utc", "slot"),
    [
        # UTC was 35 s behind TAI before the leap second of 2015-06-30, 36 s after it and 37 s from 2017 on.
        ("2015-06-30T23:59:25", "20150701_000000_TAI"),
        ("2015-06-30T23:59:60", "20150701_000000_TAI"),
        ("2015-07-01T00:11:24", "20150701_001200_TAI"),
        ("2016-12-31T23:59:24", "20170101_000000_TAI"),
        ("2016-12-31T23:59:60.999", "20170101_000000_TAI"),
        ("2017-01-01T00:11:23", "20170101_001200_TAI"),
    ],
)
def test_leap_seconds(utc: str, slot: str) -> None:
    assert slot_text(slot_of(Time(utc, scale="utc"))) == slot


def test_slot_times_are_on_the_second_in_utc_around_a_leap_second() -> None:
    slots = text_slot("2017.01.01_00:00:00_TAI") + np.arange(-1, 2)
    assert slot_time(slots).utc.isot.tolist() == [
        "2016-12-31T23:47:24.000",
        "2016-12-31T23:59:24.000",
        "2017-01-01T00:11:23.000",
    ]


@given(st.lists(SLOTS, max_size=20))
def test_arrays_keep_their_shape(slots: list[int]) -> None:
    array = np.array(slots, dtype=np.int64)
    times = slot_time(array)
    assert times.shape == array.shape
    assert slot_of(times).dtype == np.int64
    assert slot_of(times).tolist() == slots
    assert slot_time(array.reshape(1, -1)).shape == (1, len(slots))


def test_masked_times_do_not_affect_others() -> None:
    times = slot_time([1005598, 0, 1010166])
    times[1] = np.ma.masked
    slots = slot_of(times)
    assert [int(slots[place]) for place in (0, 2)] == [1005598, 1010166]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nan",
        "2015-12-11T23:36:00",
        "2015.12.11_23:36:00_UTC",
        "2015.12.11_23:36:00",
        "2015.13.11_23:36:00_TAI",
        "2015.02.30_23:36:00_TAI",
        "2015.12.11_24:00:00_TAI",
        "2015.12.11_23:36:60_TAI",
        "0000.12.11_23:36:00_TAI",
        "2015.12.11_23:36:00._TAI",
        "x2015.12.11_23:36:00_TAI",
        "2015.12.11_23:36:00_TAI_TAI",
        "٢٠١٥.12.11_23:36:00_TAI",
    ],
)
def test_other_texts_are_not_slots(text: str) -> None:
    assert text_slot(text) is None


@given(st.text(max_size=40))
def test_any_text_is_a_slot_or_none(text: str) -> None:
    assert text_slot(text) is None or text.strip().endswith("_TAI")
