"""Flares of the demo: reproducible, from its regions, and distributed over classes as on the Sun."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sunpy_flarecast.archive import DemoArchive
from sunpy_flarecast.archive.demo.regions import noaa_numbers, regions_on
from sunpy_flarecast.flares import read_flares

if TYPE_CHECKING:
    from pathlib import Path

START, END = datetime(2014, 1, 1, tzinfo=UTC), datetime(2014, 7, 1, tzinfo=UTC)


def test_flares_belong_to_regions_on_the_disk(tmp_path: Path) -> None:
    archive = DemoArchive()
    table = archive.flares(START, END)
    assert set(table["origin"]) == {"sunpy_flarecast DemoArchive (SYNTHETIC)"}
    table.write(tmp_path / "flares.csv")
    flares = read_flares(tmp_path / "flares.csv")
    assert flares.digest == read_flares(table).digest
    assert len(flares) == len(table)
    assert (flares.start < flares.peak).all()
    assert (flares.peak < flares.end).all()
    assert 0.05 < (flares.noaa == 0).mean() < 0.4
    regions = {region for day in range(7670, 7853) for region in regions_on(day)}
    numbers = {number: region for region in regions for number in noaa_numbers(region.ordinal)}
    assert set(flares.noaa.tolist()) - {0} <= set(numbers)
    for number, lat in zip(flares.noaa.tolist(), flares.lat.tolist(), strict=True):
        assert not number or abs(lat - numbers[number].latitude) < 5
    assert np.abs(flares.lon).max() < 95


def test_a_part_of_the_list_matches_the_whole() -> None:
    whole, part = DemoArchive().flares(START, END), DemoArchive().flares(datetime(2014, 3, 1), datetime(2014, 4, 1))  # noqa: DTZ001
    months = np.char.startswith(np.asarray(whole["peak"]), "2014-03")
    assert whole[months]["peak", "class", "position"].as_array().tolist() == (
        part["peak", "class", "position"].as_array().tolist()
    )
    assert len(DemoArchive().flares(datetime(2001, 1, 1, tzinfo=UTC), datetime(2001, 2, 1, tzinfo=UTC))) == 0


def test_classes_are_distributed_as_on_the_sun() -> None:
    counts = Counter(name[0] for name in DemoArchive().flares(START, END)["class"].tolist())
    assert set(counts) <= set("CMX")
    # The number above a size is proportional to its inverse.
    assert (counts["M"] + counts["X"]) / counts.total() == pytest.approx(0.1, abs=0.03)
