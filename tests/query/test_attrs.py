"""The attrs: their values, their combinations, and tab completion."""

from __future__ import annotations

import pydoc
import traceback
from typing import Any

import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sunpy.net import attr
from sunpy.net import attrs as a

from sunpy_flarecast import HARPNUM, NOAA, Keyword, Quality, QueryError, Segment, Series
from sunpy_flarecast.query.keyword_attr import KeywordCondition
from sunpy_flarecast.sharp.catalog import all_keywords, all_series


def test_a_flarecast_holds_exactly_the_attrs() -> None:
    assert a.flarecast.Series is Series
    assert a.flarecast.Segment is Segment
    assert a.flarecast.HARPNUM is HARPNUM
    assert a.flarecast.Keyword is Keyword
    assert a.flarecast.NOAA is NOAA
    assert a.flarecast.Quality is Quality
    names = ["HARPNUM", "Keyword", "NOAA", "Quality", "Segment", "Series", "Tolerance"]
    assert [name for name in dir(a.flarecast) if not name.startswith("_")] == names


@pytest.mark.parametrize("series", all_series(), ids=lambda series: series.name)
def test_every_series_is_registered(series: object) -> None:
    assert getattr(Series, series.name.replace(".", "_")) == Series(series.name)
    assert series.name in repr(getattr(Series, series.name.replace(".", "_")))


@pytest.mark.parametrize("name", sorted({segment.name for series in all_series() for segment in series.segments}))
def test_every_segment_is_registered(name: str) -> None:
    assert getattr(Segment, name.lower()).names == (name,)
    # Registered for one client of this package, once.
    assert attr.Attr._attr_registry[Segment].name_long.count(name) == 1


def test_provider_and_instrument_are_registered() -> None:
    assert a.Provider.flarecast.value == "FLARECAST"
    assert a.Instrument.hmi.value.casefold() == "hmi"


@pytest.mark.parametrize(
    ("kind", "name", "advice"),
    [
        (Series, "hmi_sharp_720", "Did you mean a.flarecast.Series.hmi_sharp_720s?"),
        (Segment, "Br", "Did you mean a.flarecast.Segment.br?"),
        (Segment, "bz", "Did you mean a.flarecast.Segment.bt or a.flarecast.Segment.br or a.flarecast.Segment.bp?"),
        (Segment, "hmi", "print(a.flarecast.Segment) lists its values."),
        (Keyword, "usfluxx", "Did you mean a.flarecast.Keyword.usflux?"),
        (Quality, "god", "Did you mean a.flarecast.Quality.good?"),
        (Series, "aia", "print(a.flarecast.Series) lists its values."),
        (NOAA, "ar12192", "See help(a.flarecast.NOAA)."),
        (HARPNUM, "harp377", "See help(a.flarecast.HARPNUM)."),
    ],
)
def test_a_misspelt_value_suggests_the_most_similar_one(kind: type, name: str, advice: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(kind, name)
    # As an interpreter prints it, without a suggestion of its own.
    lines = traceback.format_exception(caught.value, limit=0)
    assert lines == [f"AttributeError: a.flarecast.{kind.__name__} has no value {name!r}. {advice}\n"]


@pytest.mark.parametrize("value", [720, None, b"hmi.sharp_720s", ["hmi.sharp_720s"]])
def test_a_series_is_named_by_a_string(value: object) -> None:
    with pytest.raises(TypeError, match="the name of a series must be a string"):
        Series(value)


@pytest.mark.parametrize("names", [(5,), ("Br", None), (["Br", "Bt"],), (b"Br",)])
def test_segments_are_named_by_strings(names: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match="names of segments must be strings"):
        Segment(*names)


def test_no_segment_is_an_error() -> None:
    with pytest.raises(ValueError, match="leave it out for all"):
        Segment()


def test_segments_are_combined() -> None:
    both = Segment("Br") & Segment("Bt")
    assert isinstance(both, attr.AttrAnd)
    assert [leaf.names for leaf in both.attrs] == [("Br",), ("Bt",)]
    assert [leaf.names for leaf in (both & Segment("Bp")).attrs] == [("Br",), ("Bt",), ("Bp",)]
    either = Segment("Br") | Segment("Bt")
    assert isinstance(either, attr.AttrOr)
    assert Segment("Br", "Bt").value == "Br, Bt"
    assert Segment("Br") == Segment("Br") != Segment("Bt")
    assert hash(Segment("Br", "Bt")) == hash(Segment("Br", "Bt"))


def test_series_cannot_be_anded() -> None:
    with pytest.raises(TypeError):
        _ = Series("hmi.sharp_720s") & Series("hmi.sharp_cea_720s")


@given(st.integers(1), st.integers(1))
def test_harp_numbers(one: int, other: int) -> None:
    first, last = sorted((one, other))
    harps = HARPNUM(first, last)
    assert (harps.min, harps.max) == (first, last)
    assert first in harps
    assert last in harps
    assert first - 1 not in harps
    assert last + 1 not in harps
    assert HARPNUM(one) == HARPNUM(one, one)
    if first < last:
        with pytest.raises(ValueError, match=rf"HARPNUM\({first}, {last}\)\.$"):
            HARPNUM(last, first)


@pytest.mark.parametrize("number", [0, -1, np.int64(-5)])
def test_harp_numbers_begin_at_1(number: int) -> None:
    with pytest.raises(ValueError, match="HARP numbers begin at 1"):
        HARPNUM(number, 6178)


@pytest.mark.parametrize(
    "number", [6178.0, "6178", None, True, np.True_, np.float64(6178), np.array(6178), [6178.0], [6178, None], b"12"]
)
def test_harp_numbers_are_integers(number: object) -> None:
    with pytest.raises(TypeError, match="HARP numbers are integers"):
        HARPNUM(number)
    if number is not None:
        with pytest.raises(TypeError, match="HARP numbers are integers"):
            HARPNUM(1, number)


def test_numpy_harp_numbers_and_their_repr() -> None:
    assert type(HARPNUM(np.int32(6178)).min) is int
    assert repr(HARPNUM(6178)) == "<sunpy_flarecast.attrs.HARPNUM(6178)>"
    assert repr(HARPNUM(6178, 6180)) == "<sunpy_flarecast.attrs.HARPNUM(6178, 6180)>"


@pytest.mark.parametrize("numbers", [[3947, 3944, 3947], np.array([3947, 3944]), (3947, 3944), {3947: 1, 3944: 2}])
def test_a_list_of_harp_numbers(numbers: Any) -> None:
    harps = HARPNUM(numbers)
    assert harps.numbers == (3947, 3944)
    assert repr(harps) == "<sunpy_flarecast.attrs.HARPNUM([3947, 3944])>"
    assert 3944 in harps
    assert 3945 not in harps
    assert HARPNUM(3944) in harps
    assert HARPNUM(3944, 3947) not in harps
    assert harps in HARPNUM(3944, 3947)
    assert harps != HARPNUM(3944, 3947)
    assert HARPNUM([6178]) == HARPNUM(6178)
    with pytest.raises(TypeError):
        _ = harps & HARPNUM(3944)
    with pytest.raises(ValueError, match=r"HARPNUM\(\[\]\) has no number"):
        HARPNUM([])
    with pytest.raises(ValueError, match="begin at 1"):
        HARPNUM([3944, 0])
    with pytest.raises(TypeError, match="HARP numbers are integers"):
        HARPNUM(numbers, 3950)


@pytest.mark.parametrize("numbers", [[12192, 12209], np.array([12192, 12209]), (12192, 12209, 12192)])
def test_a_list_of_noaa_numbers(numbers: Any) -> None:
    regions = NOAA(numbers)
    assert regions.value == (12192, 12209)
    assert repr(regions) == "<sunpy_flarecast.attrs.NOAA([12192, 12209])>"
    assert NOAA([12192]) == NOAA(12192)
    with pytest.raises(ValueError, match="has no number"):
        NOAA([])
    with pytest.raises(QueryError, match=r"NOAA\(2209\).*write NOAA\(12209\)"):
        NOAA([12192, 2209])


def test_harp_numbers_are_combined_by_or_only() -> None:
    with pytest.raises(TypeError):
        _ = HARPNUM(1) & HARPNUM(2)
    assert isinstance(HARPNUM(1) | HARPNUM(2), attr.AttrOr)
    assert not HARPNUM(1).collides(Segment("Br"))


# --- Keywords ---------------------------------------------------------------------------------------------------------


COMPARED = [
    ("<", lambda left, right: left < right),
    ("<=", lambda left, right: left <= right),
    (">", lambda left, right: left > right),
    (">=", lambda left, right: left >= right),
    ("==", lambda left, right: left == right),
    ("!=", lambda left, right: left != right),
]
TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@pytest.mark.parametrize(("sign", "compare"), COMPARED, ids=[sign for sign, _ in COMPARED])
@pytest.mark.parametrize(
    "value",
    [1e22 * u.Mx, 5, 5.0, np.float32(5), np.int64(5), np.array(5.0), u.Quantity(5, u.Wb, dtype=int)],
    ids=repr,
)
def test_keywords_are_compared_from_both_sides(sign: str, compare: Any, value: Any) -> None:
    condition = compare(Keyword("usflux"), value)
    assert isinstance(condition, KeywordCondition)
    assert (condition.name, condition.operator) == ("usflux", sign)
    assert condition.value == value
    turned = compare(value, Keyword("usflux"))
    assert isinstance(turned, KeywordCondition)
    assert turned == KeywordCondition("usflux", TURNED[sign], value)
    assert hash(condition) == hash(compare(Keyword("usflux"), value))


@pytest.mark.parametrize("value", [None, True, np.True_, 1j, [1, 2], np.array([1, 2]), [1, 2] * u.Mx, b"a", object()])
def test_invalid_values_of_comparisons(value: Any) -> None:
    with pytest.raises(TypeError, match="compared with one number, one quantity, or text"):
        _ = Keyword("usflux") > value
    with pytest.raises(TypeError, match="compared with one number, one quantity, or text"):
        _ = Keyword("usflux") == value


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf * u.Mx])
def test_comparisons_with_missing_values_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="missing values never match"):
        _ = Keyword("usflux") != value


def test_conditions_are_joined() -> None:
    low, high = Keyword("usflux") > 1e21, Keyword("usflux") < 1e22 * u.Mx
    assert (low & high).attrs == [low, high]
    assert (low & high & Segment("Br")).attrs == [low, high, Segment("Br")]
    assert isinstance(low | high, attr.AttrOr)
    assert low | low is low
    assert low == (Keyword("usflux") > 1e21) != high
    assert len({low, Keyword("usflux") > 1e21, high}) == 2
    assert (low & high) == (high & low)


def test_absolute_values_are_compared() -> None:
    condition = abs(Keyword("lon_fwt")) < 60 * u.deg
    assert repr(condition).endswith("KeywordCondition(abs(lon_fwt) < 60.0 deg)>")
    assert condition == (60 * u.deg > abs(Keyword("lon_fwt"))) != (Keyword("lon_fwt") < 60 * u.deg)
    assert abs(Keyword("lon_fwt")) == abs(Keyword("lon_fwt")) == abs(abs(Keyword("lon_fwt")))
    assert abs(Keyword("lon_fwt")) != Keyword("lon_fwt")
    assert repr(abs(Keyword.lon_fwt)).startswith("abs(<sunpy_flarecast.attrs.Keyword('lon_fwt')")
    with pytest.raises(QueryError, match="is text"):
        _ = abs(Keyword("noaa_ars")) == "12443"
    with pytest.raises(QueryError, match="must be compared before it is joined"):
        _ = abs(Keyword("lon_fwt")) & Keyword("usflux")


def test_chained_and_unparenthesized_comparisons_are_refused() -> None:
    with pytest.raises(TypeError, match=r"\(Keyword\('usflux'\) > low\) & \(Keyword\('usflux'\) < high\)"):
        _ = 1e21 < Keyword("usflux") < 1e22
    with pytest.raises(TypeError, match="neither true nor false"):
        _ = (Keyword("usflux") > 1) and (Keyword("usflux") < 2)
    for value in (1e21, 1e21 * u.Mx, np.float64(3)):
        with pytest.raises(QueryError, match="each comparison needs parentheses"):
            _ = Keyword("usflux") > value & Keyword("usflux") < value
    for join in (lambda one, other: one & other, lambda one, other: one | other):
        with pytest.raises(QueryError, match="must be compared before it is joined"):
            join(Keyword("usflux"), Segment("Br"))


def test_keywords_can_be_hashed_and_compared() -> None:
    one, same, other = Keyword("usflux"), Keyword("usflux"), Keyword("r_value")
    assert {one, same, other} == {one, other}
    assert one == same
    assert one != other
    assert Segment("Br") != one
    assert one in [other, one]


def test_every_keyword_is_registered_with_unit_and_meaning() -> None:
    for known in all_keywords():
        value = "a" if known.kind == "text" else 1
        assert isinstance(getattr(Keyword, known.name) == value, KeywordCondition)
    assert "[Mx] total unsigned flux" in repr(Keyword)
    assert repr(Keyword.usflux) == "<sunpy_flarecast.attrs.Keyword('usflux'): total unsigned flux, in Mx>"
    assert repr(Keyword("nothing")) == "<sunpy_flarecast.attrs.Keyword('nothing')>"
    assert "USFLUX: total unsigned flux, in Mx" in pydoc.render_doc(Keyword.usflux)
    assert "usflux" in dir(Keyword)


@pytest.mark.parametrize("name", [5, None, b"usflux", ["usflux"]])
def test_a_keyword_is_named_by_a_string(name: Any) -> None:
    with pytest.raises(TypeError, match="must be a string"):
        Keyword(name)


# --- NOAA and quality -------------------------------------------------------------------------------------------------


def test_noaa_numbers() -> None:
    assert NOAA(np.int64(12443)) == NOAA(12443)
    assert (NOAA(12443) & NOAA(12445)).attrs == [NOAA(12443), NOAA(12445)]
    for number in ("12443", 12443.0, None, True):
        with pytest.raises(TypeError, match="NOAA numbers are integers"):
            NOAA(number)


def test_quality() -> None:
    assert Quality.good == Quality("good") == Quality()
    assert Quality(mask=1024) != Quality(mask=1) != Quality.good
    assert "mask=0x400" in repr(Quality(mask=1024))
    assert (Quality(mask=1) & Quality(mask=2)).attrs == [Quality(mask=1), Quality(mask=2)]
    for mask in (0, -1, 1 << 32):
        with pytest.raises(ValueError, match="32 bits"):
            Quality(mask=mask)
    for mask in ("1", 1.0, True):
        with pytest.raises(TypeError, match="a mask is an integer"):
            Quality(mask=mask)
    with pytest.raises(ValueError, match=r"write Quality\.good"):
        Quality("bad")
