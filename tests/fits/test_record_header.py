"""Keyword values as FITS cards."""

from __future__ import annotations

import re
from typing import Any

import pytest
from astropy.io import fits
from bare import NEEDED
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.archive.index.headers import keywords_of
from sunpy_flarecast.fits.record_header import IncompleteError, RecordCards, lacking
from sunpy_flarecast.sharp.catalog import all_keywords, all_series

SERIES = "hmi.sharp_cea_720s"


def header(keywords: dict[str, Any], segment: str = "Br", **more: Any) -> fits.Header:
    """Read a header, with warnings as errors."""
    cards = RecordCards.of(NEEDED | keywords, SERIES, **more)
    text = "".join([cards.joined.decode("ascii"), *cards.of_segment(segment).values(), cards.history.decode("ascii")])
    assert len(text) % 80 == 0
    return fits.Header.fromstring(text + "END".ljust(80))


def written(keywords: dict[str, Any]) -> dict[str, str]:
    """Return the cards of keywords by their names; each is a single card."""
    text = RecordCards.of(NEEDED | keywords, SERIES).joined.decode("ascii")
    return {text[at : at + 8].rstrip(): text[at : at + 80] for at in range(0, len(text), 80)}


def test_names_types_units_and_meanings() -> None:
    got = header({"usflux": "2.5e22", "noaa_ar": "12443", "lat_fwtpos": -3, "arm_beta": 0.3}, recnum=7)
    assert [got["USFLUX"], got["NOAA_AR"], got["LATFWTPO"], got["ARM_BETA"]] == [2.5e22, 12443, -3.0, "0.3"]
    assert [type(got[name]) for name in ("USFLUX", "NOAA_AR", "LATFWTPO", "HARPNUM")] == [float, int, float, int]
    assert got.comments["USFLUX"] == "[Mx] total unsigned flux"
    assert got["DATE-OBS"] == "2015-12-11T23:34:08.8"
    assert got["BUNIT"] == "Mx/cm^2"
    assert (got["RECNUM"], got["DRMS_ID"]) == (7, "hmi.sharp_cea_720s:7:Br")
    assert "Keywords added by sunpy_flarecast" in str(got["HISTORY"])


@pytest.mark.parametrize("value", [None, "", "nan", "NaN", "MISSING", float("nan"), float("inf"), [1], {"a": 1}])
def test_keywords_without_a_value_are_left_out(value: Any) -> None:
    assert "R_VALUE" not in header({"r_value": value, "noaa_ars": value, "new_key": value})


@pytest.mark.parametrize(
    "name",
    ["naxis1", "bitpix", "checksum", "datasum", "bunit", "bunit_000", "datamin", "history", "drms_id", "end", "bscale"],
)
def test_keywords_of_a_file_or_segment_are_omitted(name: str) -> None:
    assert len(header({name: 5})) == len(header({}))


def test_unknown_keywords_are_written_if_their_names_are_valid() -> None:
    got = header({"new_key": 1.5, "new__key": "text", "much_too_long": 1, "ümlaut": 1, "Flag": True})
    assert [got["NEW_KEY"], got["NEW-KEY"], got["FLAG"]] == [1.5, "text", True]
    assert len(got) == len(header({})) + 3


def test_long_and_strange_texts() -> None:
    source = "hmi.S_720s[2024.06.28_00:00:00_TAI]," * 5
    got = header({"source": source, "origin": "Universität\nZürich 'x'", "invcodev": "a" * 66})
    assert got["SOURCE"] == source
    assert got["ORIGIN"] == "Universitat Zurich 'x'"
    assert got["INVCODEV"] == "a" * 66


@pytest.mark.parametrize(("series", "segment"), [(s.name, g.name) for s in all_series()[::2] for g in s.segments])
def test_units_are_those_of_the_catalog(series: str, segment: str) -> None:
    [unit] = [one.unit for one in all_series() if one.name == series for one in one.segments if one.name == segment]
    cards = "".join(RecordCards.of(NEEDED, series, 5, held=["CROTA2"]).of_segment(segment.upper()).values())
    got = fits.Header.fromstring(cards)
    assert got.get("BUNIT", "") == unit
    assert got["DRMS_ID"] == f"{series}:5:{segment}"


def test_cards_without_segment_or_record_number() -> None:
    assert list(RecordCards.of(NEEDED, SERIES).of_segment("")) == []
    assert list(RecordCards.of(NEEDED, SERIES, 5).of_segment("")) == ["RECNUM"]
    assert list(RecordCards.of(NEEDED, "elsewhere", 5).of_segment("new")) == ["RECNUM", "DRMS_ID"]


def test_required_keywords_of_a_map() -> None:
    assert lacking(NEEDED) == []
    assert lacking(NEEDED | {"date__obs": "nan"}) == ["DATE-OBS"]
    assert lacking(NEEDED | {"ctype1": "HPLN-TAN"}) == ["CROTA2"]
    with pytest.raises(IncompleteError, match="DSUN_OBS"):
        RecordCards.of({**NEEDED, "dsun_obs": None}, SERIES)
    assert "DSUN_OBS" not in RecordCards.of({**NEEDED, "dsun_obs": None}, SERIES, held=["DSUN_OBS"]).names


def test_keywords_round_trip_through_a_header() -> None:
    values: dict[str, Any] = {"int": 7, "float": 1.25, "text": "some text"}
    keywords = {one.name: values[one.kind] for one in all_keywords() if one.name not in NEEDED} | {"recnum": 5}
    got = keywords_of(header(keywords))
    assert {name: got[re.sub("-", "__", name)] for name in got if name in keywords} == {
        name: keywords[name] for name in got if name in keywords
    }
    assert len(got) >= len(all_keywords()) - 1


_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


@given(
    st.dictionaries(st.sampled_from([one.name for one in all_keywords()]) | st.text(), _VALUES),
    st.text(),
    st.text(),
)
def test_arbitrary_keywords_give_valid_cards(keywords: dict[str, Any], series: str, segment: str) -> None:
    cards = RecordCards.of(keywords, series, held=[*lacking({}), "CROTA2"], source=f"http://host/{series}")
    parts = [cards.joined.decode("ascii"), *cards.of_segment(segment).values(), cards.history.decode("ascii")]
    text = "".join(parts)
    assert {card.keyword for card in fits.Header.fromstring(parts[0]).cards} == cards.names
    assert b"".join(cards.without(cards.names - {name}) for name in sorted(cards.names)).strip() or not cards.names
    assert all(len(part) % 80 == 0 for part in parts)
    assert text.isprintable()
    for card in fits.Header.fromstring(text + "END".ljust(80)).cards:
        card.verify("exception")


@given(
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**15), 10**15),
    st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters=":"), max_size=80),
)
def test_cards_are_the_same_as_those_of_astropy(number: float, text: str) -> None:
    text = text.strip()
    got = header({"r_value": number, "new_key": number, "origin": text, "unknown": text})
    for card in got.cards:
        if card.keyword not in ("HISTORY", "R_VALUE", "NEW_KEY"):
            comment = "" if len(str(card)) > 80 else card.comment
            assert str(card) == str(fits.Card(card.keyword, card.value, comment))
    if number not in (-(2**31), -(2**63), 0.0):  # these may be missing values, or have a sign
        cards = written({"r_value": number, "new_key": number})
        for name, value in (("R_VALUE", float(number)), ("NEW_KEY", number)):
            reference = str(fits.Card(name, value))
            assert cards[name][:30] == reference[:30] or len(repr(value)) > 20
            assert fits.Card.fromstring(cards[name]).value == value
    if text.casefold() not in ("", "nan", "-nan", "missing"):
        assert got["ORIGIN"] == got["UNKNOWN"] == text


@pytest.mark.parametrize(
    "value", [1 / 3e20, -1.2345678901234567e-101, -123456789.01234567, 0.0012345678901234567, 1e300, 5e-324, -0.0, 1e-5]
)
@pytest.mark.parametrize("name", ["usflux", "crval1", "new_key"])
def test_all_digits_are_kept(name: str, value: float) -> None:
    text = written({name: value})[name.upper()]
    card = fits.Card.fromstring(text)
    card.verify("exception")
    assert card.value == value
    assert len(text) == 80
    assert card.comment in fits.Header.fromstring(written({name: 1.5})[name.upper()]).comments[name]
    assert card.image == text


def test_records_with_one_layout_may_lack_different_values() -> None:
    """The layout is computed once for all records that have the same keywords."""
    base = {"usflux": 1e22, "r_value": 4.5, "noaa_ars": "12443", "errvf": 1e18, "recnum": 7}
    for lost in ("usflux", "r_value", "noaa_ars", "errvf"):
        for missing in ("MISSING", float("nan"), -(2.0**31), None):
            cards = RecordCards.of(NEEDED | base | {lost: missing}, SERIES)
            assert {name.upper() for name in base} - cards.names == {lost.upper(), "RECNUM"}
            assert cards.recnum == 7
    assert {name.upper() for name in base} <= RecordCards.of(NEEDED | base, SERIES).names | {"RECNUM"}


def test_some_cards_can_be_left_out() -> None:
    long = {"source": "hmi.S_720s[2024.06.28_00:00:00_TAI]," * 5, "usflux": 1e22}
    cards = RecordCards.of(NEEDED | long, SERIES)
    rest = fits.Header.fromstring(cards.without({"SOURCE", "CTYPE1", "NAXIS"}).decode("ascii"))
    assert set(rest) == cards.names - {"SOURCE", "CTYPE1"}
    assert fits.Header.fromstring(cards.without({"USFLUX"}).decode("ascii"))["SOURCE"] == long["source"]
