"""The catalog against JSOC's own segment tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import astropy.units as u
import pytest

from sunpy_flarecast.catalog import all_series, find_series

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["hmi.sharp_720s", "hmi.sharp_cea_720s"])
def test_segments_are_those_of_jsoc_in_its_order(shared: Path, name: str) -> None:
    lines = (shared / "data" / "keywords" / f"segments_{name}.txt").read_text().splitlines()
    # Two lines of titles, then one line for each segment; pandas may have wrapped the table into several parts.
    listed = [line.split()[0] for line in lines[2:] if line.strip()]
    names = list(dict.fromkeys(first for first in listed if first != "name" and not first.isdigit()))
    segments = [segment.name for segment in find_series(name).segments]
    assert [found for found in names if found in segments] == segments
    assert [segment.name for segment in find_series(f"{name}_nrt").segments] == segments


def test_every_unit_is_one_that_maps_accept() -> None:
    units = {segment.unit for series in all_series() for segment in series.segments}
    assert units == {"", "Mx/cm^2", "m/s", "cm/s", "DN/s", "degree"}
    for unit in units - {""}:
        u.Unit(unit)  # raises for what is no unit


def test_every_segment_has_a_meaning_and_each_series_its_own_names() -> None:
    assert [len(series.segments) for series in all_series()] == [31, 31, 11, 11]
    for series in all_series():
        names = [segment.name.casefold() for segment in series.segments]
        assert len(set(names)) == len(names)
        assert all(segment.meaning for segment in series.segments)
        assert series.meaning


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("hmi.sharp_720s", "hmi.sharp_720s"),
        ("HMI.SHARP_CEA_720S_NRT", "hmi.sharp_cea_720s_nrt"),
        ("sharp_720s_nrt", "hmi.sharp_720s_nrt"),
        (" sharp_cea_720s ", "hmi.sharp_cea_720s"),
        ("720", "hmi.sharp_720s"),
    ],
)
def test_series_are_found_by_full_and_short_names(name: str, found: str) -> None:
    assert find_series(name).name == found


@pytest.mark.parametrize("name", ["", "hmi.", "hmi.720", "hmi.hmi.sharp_720s", "sharp_720", "hmi.m_720s", "sharp"])
def test_other_names_are_not_known(name: str) -> None:
    assert find_series(name) is None


def test_near_real_time_is_told_from_the_name() -> None:
    assert [series.near_real_time for series in all_series()] == [False, True, False, True]
    assert [series.projection for series in all_series()] == ["CCD", "CCD", "CEA", "CEA"]


def test_segments_are_found_in_any_case() -> None:
    cea = find_series("hmi.sharp_cea_720s")
    assert cea.segment("DOPPLERGRAM").name == "Dopplergram"
    assert cea.segment("br") == cea.segment("Br")
    assert cea.segment("azimuth") is None
