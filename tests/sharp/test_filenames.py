"""File names of JSOC."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.sharp.catalog import all_series
from sunpy_flarecast.sharp.filenames import file_name
from sunpy_flarecast.sharp.t_rec import slot_text, text_slot

if TYPE_CHECKING:
    from pathlib import Path

SERIES = st.sampled_from([series.name for series in all_series()])
NUMBERS = st.integers(1, 10**7)
SLOTS = st.integers(0, 10**7)


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ({"harpnum": 377, "slot": 794290, "recnum": 9}, "s.377.20110215_020000_TAI.Br.fits"),
        ({"harpnum": 377, "slot": 794290}, "s.377.20110215_020000_TAI.Br.fits"),
        ({"slot": 794290, "recnum": 9}, "s.9.20110215_020000_TAI.Br.fits"),
        ({"harpnum": 377, "recnum": 9}, "s.377.9.Br.fits"),
        ({"recnum": 9}, "s.9.Br.fits"),
        ({"harpnum": 377}, "s.377.Br.fits"),
        ({"slot": 794290}, "s.20110215_020000_TAI.Br.fits"),
        ({"slot": 0, "recnum": 0}, "s.0.19930101_000000_TAI.Br.fits"),
        ({}, "s.Br.fits"),
    ],
)
def test_unknown_parts_are_replaced_or_left_out(known: dict[str, int], name: str) -> None:
    assert file_name("s", "Br", **known) == name


def test_the_names_of_exported_files(shared: Path) -> None:
    names = sorted(path.name for path in (shared / "data" / "sharp_fits").glob("*.fits"))
    assert len(names) == 24
    for name in names:
        match = re.fullmatch(r"(hmi\.\w+)\.(\d+)\.(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)_TAI\.(\w+)\.fits", name)
        series, harpnum, year, month, day, hour, minute, second, segment = match.groups()
        slot = text_slot(f"{year}.{month}.{day}_{hour}:{minute}:{second}_TAI")
        assert file_name(series, segment, harpnum=int(harpnum), slot=slot) == name


@given(SERIES, st.tuples(NUMBERS, SLOTS), st.tuples(NUMBERS, SLOTS))
def test_different_records_have_different_names(series: str, one: tuple[int, int], other: tuple[int, int]) -> None:
    names = {file_name(series, "bitmap", harpnum=harpnum, slot=slot) for harpnum, slot in (one, other)}
    assert len(names) == len({one, other})


@given(SERIES, NUMBERS, SLOTS)
def test_the_parts_can_be_read_back(series: str, harpnum: int, slot: int) -> None:
    name = file_name(series, "Bt_err", harpnum=harpnum, slot=slot)
    assert name == f"{series}.{harpnum}.{slot_text(slot)}.Bt_err.fits"
    assert name.removeprefix(f"{series}.").split(".") == [str(harpnum), slot_text(slot), "Bt_err", "fits"]
