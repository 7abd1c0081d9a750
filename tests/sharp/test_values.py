"""Values with several spellings: quality words, lists of NOAA regions, times, units, record numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pytest
from astropy.io.fits.card import Undefined
from faults import answer
from hypothesis import given
from hypothesis import strategies as st
from replying import encoded, row

from sunpy_flarecast import ReplyError
from sunpy_flarecast.archive.index.headers import plain
from sunpy_flarecast.cli.options import _condition
from sunpy_flarecast.fits.cards import write_cards
from sunpy_flarecast.maps.header_fixes import Identity, mend
from sunpy_flarecast.query.conditions import compared, noaa, without
from sunpy_flarecast.rest.list_reply import read_records
from sunpy_flarecast.rest.meta_reply import read_meta
from sunpy_flarecast.rest.records import keyword_column
from sunpy_flarecast.rest.service import Service
from sunpy_flarecast.sharp.catalog import find_keyword
from sunpy_flarecast.sharp.values import QUALITY_WORDS, clean, is_missing, is_unreadable, read_quality, unsigned

if TYPE_CHECKING:
    from faults import Layer

SERIES = "hmi.sharp_720s"


@given(st.integers(0, 2**32 - 1))
def test_quality_words_are_equal_in_any_notation(word: int) -> None:
    signed = word - 2**32 if word >= 2**31 else word
    forms = [word, signed, str(word), str(signed), f"0x{word:08X}", f" {word:#x} ", signed % 2**64, float(word)]
    assert [read_quality(form) for form in forms] == [word] * len(forms)
    for name in QUALITY_WORDS:
        assert [clean(form, find_keyword(name)) for form in forms] == [word] * len(forms)
    listed = [form for form in forms if not isinstance(form, float)]
    for form in listed:
        records, broken = read_records(encoded(row(quality=form)), SERIES)
        assert (records.quality.tolist(), broken) == ([word], 0)


@pytest.mark.parametrize("value", [-(2**63), "-9223372036854775808", None, "MISSING", "nan", "0x", True])
def test_invalid_quality_words_are_missing(value: Any) -> None:
    assert clean(value, find_keyword("quality")) is None


@given(st.integers(2**32, 2**63 - 1) | st.integers(-(2**63), -(2**31) - 1))
def test_numbers_beyond_32_bits_are_unchanged(number: int) -> None:
    assert unsigned(number) == number


def test_the_highest_bit_is_a_bit_and_not_a_missing_value() -> None:
    records, _ = read_records(
        encoded(row(1, quality=-(2**31)), row(2, quality="0x80000400"), row(3, quality=0)), SERIES
    )
    assert without(2**31).satisfied({"quality": records.quality}).tolist() == [False, False, True]
    assert compared("quality", "==", -(2**31)).satisfied({"quality": records.quality}).tolist() == [True, False, False]
    # Of other keywords it is JSOC's missing value.
    assert clean(-(2**31), find_keyword("npix")) is None


@pytest.mark.parametrize(
    "regions",
    [
        "12443,12445",
        "12441 12443",
        "12441;12443",
        " 12441,  12443 ",
        "12443.0",
        "12441\t12443.000",
        "[12441, 12443]",
        [12441, 12443],
        [12443.0],
        ["12441", " 12443"],
        12443,
        12443.0,
    ],
    ids=str,
)
def test_lists_of_regions_in_all_forms(regions: Any) -> None:
    value = clean(regions, find_keyword("noaa_ars"))
    columns = {"noaa_ar": keyword_column("noaa_ar", [0]), "noaa_ars": keyword_column("noaa_ars", [value])}
    assert noaa(12443).satisfied(columns).tolist() == [True]
    assert noaa(12444).satisfied(columns).tolist() == [False]
    assert noaa(24430).satisfied(columns).tolist() == [False]


def test_empty_lists_are_missing() -> None:
    noaa_ars = find_keyword("noaa_ars")
    assert [clean(value, noaa_ars) for value in ([], [None, "MISSING"], {})] == [None] * 3
    assert clean([12443, None, 12445.0], noaa_ars) == "12443,12445"


def test_booleans_are_not_numbers() -> None:
    assert [clean(value, find_keyword(name)) for value in (True, False) for name in ("usflux", "npix")] == [None] * 4
    assert clean(True) is True


def test_overflowing_numbers_are_missing() -> None:
    assert clean("9" * 400, find_keyword("usflux")) is None
    assert clean(10**400, find_keyword("npix")) is None


@pytest.mark.parametrize(
    ("name", "value", "number", "others"),
    [
        ("wavelnth", 617.3 * u.nm, 6173.0, (6172.9, 6173.1)),
        ("meanjzd", 0.3 * u.A / u.m**2, 300.0, (299.9, 300.1)),
        ("lon_fwt", 3600 * 7 * u.arcsec, 7.0, (6.9, 7.1)),
        ("usflux", 2.2e14 * u.Wb, 2.2e22, (2.1e22, 2.3e22)),
    ],
)
def test_values_in_other_units_match(name: str, value: u.Quantity, number: float, others: tuple[float, ...]) -> None:
    below, above = others
    column = {name: keyword_column(name, [below, number, above])}
    assert compared(name, "==", value).satisfied(column).tolist() == [False, True, False]
    assert compared(name, "<=", value).satisfied(column).tolist() == [True, True, False]
    assert compared(name, ">=", value).satisfied(column).tolist() == [False, True, True]
    assert compared(name, "!=", value).satisfied(column).tolist() == [True, False, True]


def test_a_value_in_the_keyword_s_own_unit_keeps_all_its_digits() -> None:
    exact = np.nextafter(6173.0, 0)
    assert compared("wavelnth", "==", exact * u.AA).value == exact


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("t_rec", "2015.12.11_00:12:00_TAI", "2015.12.11_00:12:00.000_TAI"),
        ("t_obs", "2015.12.11_00:10:42.30_TAI", "2015.12.11_00:10:42.300_TAI"),
        ("date__obs", "2015-12-11T00:10:06.30Z", "2015-12-11T00:10:06.3"),
        ("date__obs", "2015-12-11T00:10:06", "2015-12-11T00:10:06.00Z"),
    ],
)
def test_times_are_equal_in_any_notation_of_seconds(name: str, one: str, other: str) -> None:
    column = {name: keyword_column(name, [one, other, f" {other} "])}
    for value in (one, other):
        assert compared(name, "==", value).satisfied(column).tolist() == [True] * 3
        assert compared(name, "!=", value).satisfied(column).tolist() == [False] * 3


@pytest.mark.parametrize("other", ["2015.12.11_00:12:00.030_TAI", "2015.12.11_00:12:10_TAI", "2015.12.11_00:12:00_UTC"])
def test_different_times_do_not_match(other: str) -> None:
    column = {"t_rec": keyword_column("t_rec", ["2015.12.11_00:12:00_TAI"])}
    assert compared("t_rec", "==", other).satisfied(column).tolist() == [False]


@pytest.mark.parametrize(
    "reply",
    [
        {"0": {"recnum": 8, "meta": {"npix": 1}}, "1": {"recnum": 9, "meta": {"npix": 2}}},
        {f"{SERIES}[377][x]": {"recnum": 8, "meta": {"npix": 1}}, "b": {"recnum": "9", "meta": {"npix": 2}}},
        {"data": {"first": {"recnum": 8, "meta": {"npix": 1}}, "9": {"meta": {"npix": 2}}}},
    ],
)
def test_records_under_other_keys_keep_their_own_numbers(reply: dict[str, Any]) -> None:
    assert read_meta(json.dumps(reply).encode()) == {8: {"npix": 1}, 9: {"npix": 2}}


def test_unreadable_values_are_not_missing_values() -> None:
    usflux, ars = find_keyword("usflux"), find_keyword("noaa_ars")
    for value in ("a lot", [1.0], {"value": 1}, True):
        assert is_unreadable(value, usflux)
    for value in (None, "", "MISSING", "NaN", "-inf", "-2147483648", 1.0, "1e22", float("nan"), -(2**63)):
        assert not is_unreadable(value, usflux)
    assert not is_unreadable("anything", ars)


@pytest.mark.parametrize("message", ["the database is away.", "x" * 500])
def test_the_message_of_a_service_is_quoted_once(demo: tuple[str, Layer], message: str) -> None:
    demo[1].faults["/HMI/"] = answer(json.dumps({"message": message}).encode())
    with Service() as service:
        for ask in (lambda: service.meta(SERIES, [7]), lambda: service.records(SERIES, "2015-12-11", "2015-12-12")):
            with pytest.raises(ReplyError) as caught:
                ask()
            assert str(caught.value).count(message.removesuffix(".")[:100]) == str(message).count(
                message.removesuffix(".")[:100]
            )
            assert ".." not in str(caught.value)


@pytest.mark.parametrize(("text", "value"), [("quality == 0x400", 1024), ("quality!=0X80000000", 2**31)])
def test_words_are_written_in_hexadecimal_on_the_command_line(text: str, value: int) -> None:
    condition = _condition(text)
    assert (condition.value, type(condition.value)) == (value, int)


#: Missing values of services, JSOC's exports, and readers of FITS cards and tables.
MISSING = [
    *(None, "", " ", "nan", "NaN", "-nan", "MISSING", "Missing ", "Invalid KeyLink", "-4712.01.01_11:59:28_TAI"),
    *("-4712.01.01_11:59:28.000_TAI", "-4712-01-01T11:59:28.000", float("nan"), float("-inf"), np.float32("nan")),
    *(-(2**31), -(2**63), np.int32(-(2**31)), -2147483648.0, Undefined(), np.ma.masked),
]


@pytest.mark.parametrize("value", MISSING)
def test_a_missing_value_is_missing_everywhere(value: Any) -> None:
    assert is_missing(value)
    assert clean(value, find_keyword("noaa_ars")) is None
    assert clean(value, find_keyword("npix")) is None
    assert not is_unreadable(value, find_keyword("t_rec"))
    assert mend({"ANY": value}, Identity("", "")) == {}
    assert plain(value, "ANY") is None
    assert write_cards({"any": value}).text == ""
    assert keyword_column("t_rec", [clean(value, find_keyword("t_rec"))]).mask.tolist() == [True]


@pytest.mark.parametrize("value", [0, 0.0, False, "0", "none", "-4712.01.015", -(2**31) + 1, 2**31, 10**400, [], {}])
def test_other_values_are_not_missing(value: Any) -> None:
    assert not is_missing(value)


def test_the_highest_bit_of_a_quality_word_is_not_missing_in_headers() -> None:
    for name in ("QUALITY", "qual_s", "QUALLEV1", "BLANK"):
        assert not is_missing(-(2**31), name)
        assert is_missing(-(2**63), name)
    assert mend({"QUALITY": -(2**31)}, Identity("", "")) == {"QUALITY": -(2**31)}
    assert plain(-(2**31), "QUALITY") == -(2**31)


def test_text_that_controls_a_terminal_becomes_blanks() -> None:
    assert clean("12443\x1b[2J\u202e,12444\ud800", find_keyword("noaa_ars")) == "12443 [2J ,12444"
    assert clean("\x1bMISSING", find_keyword("noaa_ars")) is None
