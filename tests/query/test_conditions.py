"""Conditions on keywords: how they are written, in which units, and which values satisfy them."""

from __future__ import annotations

import operator
from typing import Any

import astropy.units as u
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast import QueryError
from sunpy_flarecast.query.conditions import (
    Condition,
    compared,
    example_of,
    good,
    harps,
    known_keyword,
    looked_up,
    noaa,
    without,
)
from sunpy_flarecast.rest.records import keyword_column
from sunpy_flarecast.sharp.catalog import all_keywords, find_keyword

OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def satisfied(condition: Condition, **values: list[Any]) -> list[bool]:
    return condition.satisfied({name: keyword_column(name, column) for name, column in values.items()}).tolist()


@given(
    st.sampled_from(sorted(OPERATORS)),
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5),
    st.lists(st.none() | st.floats(allow_nan=False) | st.sampled_from([-1.0, 0.0, 3.0])),
)
def test_numbers_compare_as_in_python_and_missing_values_never_match(
    sign: str, value: float, values: list[float | None]
) -> None:
    found = satisfied(compared("usflux", sign, value), usflux=values)
    assert found == [one is not None and OPERATORS[sign](one, value) for one in values]


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("usflux", 1e22 * u.Mx, 1e22),
        ("USFLUX", 1e14 * u.Wb, 1e22),
        ("lon_fwt", 1 * u.rad, np.degrees(1)),
        ("meanjzd", 0.5 * u.A / u.m**2, 500),
        ("shrgt45", 0.25 * u.dimensionless_unscaled, 25),
        ("meangbz", 0.1 * u.T / u.pix, 1000),
        ("DATE-OBS".lower(), "2015-12-11T23:34:08.80Z", "2015-12-11T23:34:08.80Z"),
        ("latfwtpo", 12, 12),
        ("r_value", 4.5 * u.dimensionless_unscaled, 4.5),
        ("noaa_ars", " 11640,11642 ", "11640,11642"),
    ],
)
def test_values_are_converted_to_the_unit_of_the_keyword(name: str, value: Any, number: Any) -> None:
    condition = compared(name, "==", value)
    assert condition.keywords == (find_keyword(name).name,)
    assert condition.value == (number if isinstance(number, str) else pytest.approx(number))


@pytest.mark.parametrize(
    ("name", "sign", "value", "texts"),
    [
        (
            "usflux",
            ">",
            5 * u.G,
            ("USFLUX (", "is in Mx", "5.0 G", "Keyword('usflux') > 1e22 * u.Mx, or a plain number"),
        ),
        ("meangbz", "<", 5 * u.G, ("is in G / pix", "5 * u.Unit('G / pix')")),
        ("r_value", ">=", 1e4 * u.Mx, ("R_VALUE (log10", "has no unit", "Keyword('r_value') >= 5.")),
        ("usflux", ">", "1e22", ("USFLUX is a number (total", "write a.flarecast.Keyword('usflux') >")),
        ("noaa_ars", "==", 11640, ("NOAA_ARS is text", "Keyword('noaa_ars') == '...'")),
        ("noaa_ars", "<", "11640", ("is text", "takes only == and !=")),
        ("usflx", ">", 1, ("Keyword 'usflx' is not a keyword", "Did you mean 'usflux'")),
        ("qqqqqq", ">", 1, ("print(a.flarecast.Keyword)",)),
    ],
)
def test_invalid_comparisons(name: str, sign: str, value: Any, texts: tuple[str, ...]) -> None:
    with pytest.raises(QueryError) as caught:
        compared(name, sign, value)
    for text in texts:
        assert text in str(caught.value)


@pytest.mark.parametrize("keyword", all_keywords(), ids=lambda keyword: keyword.name)
def test_the_example_for_every_keyword_is_valid(keyword: Any) -> None:
    from sunpy.net import attrs as a

    condition = eval(example_of(keyword), {"a": a, "u": u})
    assert compared(condition.name, condition.operator, condition.value).keywords == (keyword.name,)


def test_text_is_compared_without_surrounding_blanks() -> None:
    values = ["HMI_SIDE1", "HMI_SIDE1 ", None, "HMI_COMBINED"]
    assert satisfied(compared("instrume", "==", "HMI_SIDE1"), instrume=values) == [True, True, False, False]
    assert satisfied(compared("instrume", "!=", "HMI_SIDE1"), instrume=values) == [False, False, False, True]


def test_noaa_numbers_in_either_keyword() -> None:
    regions = {
        "noaa_ar": [12443, 0, None, 11640, None, 12443],
        "noaa_ars": ["12443", "11640,12443", "12445, 12443 ,1", "11640", None, None],
    }
    assert satisfied(noaa(12443), **regions) == [True, True, True, False, False, True]
    assert satisfied(noaa(11640), **regions) == [False, True, False, True, False, False]
    assert satisfied(noaa(11640, 12445), **regions) == [False, True, True, True, False, False]
    assert str(noaa(11640, 12445)) == "NOAA_AR or NOAA_ARS lists 11640, 12445"
    # Part of a number does not match.
    assert not any(satisfied(noaa(124430), **regions))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2443, "write NOAA(12443), or HARPNUM(2443) if it is a HARP number."),
        (8210, "for SMARPs of earlier years write a.flarecast.Keyword('noaa_ar') == 8210"),
        (8210, "(--where 'noaa_ar == 8210'), or HARPNUM(8210) if it is a HARP number."),
        (377, "from 11064 on; write HARPNUM(377) if it is a HARP number."),
        (0, "from 11064 on."),
        (-1, "from 11064"),
    ],
)
def test_noaa_numbers_have_five_digits(number: int, text: str) -> None:
    with pytest.raises(QueryError, match="five-digit") as caught:
        noaa(number)
    assert text in str(caught.value)


def test_absolute_values() -> None:
    values = [-61.0, -60.0, -5.0, None, 0.0, 59.0, 60.0, 61.0]
    inside = compared("lon_fwt", "<", 60 * u.deg, absolute=True)
    assert satisfied(inside, lon_fwt=values) == [False, False, True, False, True, True, False, False]
    outside = compared("LON_FWT", ">=", 60, absolute=True)
    assert satisfied(outside, lon_fwt=values) == [True, True, False, False, False, False, True, True]
    assert str(inside) == "abs(LON_FWT) < 60.0"
    with pytest.raises(QueryError, match=r"abs\(Keyword\('noaa_ars'\)\): NOAA_ARS is text"):
        compared("noaa_ars", "==", "11640", absolute=True)


def test_quality() -> None:
    values = [0, None, 1024, 0x40000000, -(2**31), 2**31 | 1024]
    assert satisfied(good(), quality=values) == [True, False, False, False, False, False]
    assert satisfied(without(1024), quality=values) == [True, False, False, True, True, False]
    assert satisfied(without(2**31), quality=values) == [True, False, True, True, False, False]
    assert satisfied(without(0xFFFFFFFF), quality=values) == satisfied(good(), quality=values)


def test_keywords_that_must_be_requested() -> None:
    listed = (
        good(),
        without(1),
        compared("harpnum", ">", 1),
        compared("recnum", "<", 9),
        compared("wavelnth", "==", 6173),
    )
    assert looked_up(listed) == ()
    assert looked_up((*listed, noaa(11640), compared("noaa_ar", ">", 0))) == ("noaa_ar", "noaa_ars")


@given(
    st.sampled_from(
        [
            good(),
            without(5),
            noaa(12443),
            harps(3944, 3947),
            compared("lon_fwt", "<", 60, absolute=True),
            compared("noaa_ars", "!=", "x"),
        ]
    )
)
def test_conditions_survive_json(condition: Condition) -> None:
    assert msgspec.json.decode(msgspec.json.encode(condition), type=Condition) == condition


@pytest.mark.parametrize(
    "parts",
    [
        ((), ">", 1),
        (("usflux",), "~", 1),
        (("usflux",), ">", "1"),
        (("usflux",), ">", True),
        (("USFLUX",), ">", 1),
        (("nothing",), ">", 1),
        (("usflux", "noaa_ar"), ">", 1),
        (("usflux",), "without", 1),
        (("quality",), "without", 1.5),
        (("noaa_ars",), "<", "x"),
        (("noaa_ars",), "==", 1),
        (("noaa_ar", "nothing"), "lists", 1),
        (("noaa_ar", "noaa_ars"), "lists", "1"),
        (("usflux",), "==", (1, 2)),
        (("noaa_ars",), "==", "1", True),
        (("quality",), "without", 1, True),
        (("harpnum",), "lists", (1, 2), True),
    ],
)
def test_invalid_conditions(parts: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="not a condition"):
        Condition(*parts)


def test_keywords_are_found_by_all_their_names() -> None:
    assert known_keyword("DATE-OBS") is known_keyword("date__obs") is known_keyword(" Date__Obs ")
