"""Names and patterns of segments and keywords."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.sharp.keyword_names import matching_names

NAMES = ["magnetogram", "bitmap", "Bp", "Bt", "Br", "Bp_err", "Bt_err", "Br_err", "conf_disambig"]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["BR"], ["Br"]),
        (["b?"], ["Bp", "Bt", "Br"]),
        (["*_err"], ["Bp_err", "Bt_err", "Br_err"]),
        (["B[pt]"], ["Bp", "Bt"]),
        (["B[!pt]"], ["Br"]),
        (["*"], NAMES),
        (["Br", "magnetogram", "b*"], ["magnetogram", "bitmap", "Bp", "Bt", "Br", "Bp_err", "Bt_err", "Br_err"]),
        (["B"], []),
        ([""], []),
        (["[z-a]"], []),
        (["["], []),
        ([], []),
    ],
)
def test_matching_names(patterns: list[str], found: list[str]) -> None:
    assert list(matching_names(patterns, NAMES)) == found


@given(st.lists(st.text("Bb?*[]!prt_er-", max_size=8)), st.permutations(NAMES))
def test_any_pattern_keeps_the_order_of_names(patterns: list[str], names: list[str]) -> None:
    found = matching_names(patterns, names)
    assert [name for name in names if name in found] == list(found)
    assert found == matching_names([pattern.swapcase() for pattern in patterns], names)
