"""Sets by region, time and month."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.dataset.model import SplitSettings
from sunpy_flarecast.dataset.split import check_split, rule, split, split_summary
from sunpy_flarecast.errors import QueryError

THREE = {"train": 0.7, "validation": 0.15, "test": 0.15}
FRACTIONS = st.lists(st.integers(1, 8), min_size=2, max_size=4).map(
    lambda parts: {f"set {number}": part / sum(parts) for number, part in enumerate(parts)}
)
NONE: tuple[list[int], list[int]] = [], []
REGIONS = st.lists(st.integers(1, 30), min_size=1, max_size=120).map(np.array)


def settings(sets: dict[str, Any], **other: Any) -> SplitSettings:
    return SplitSettings(sets=sets, **other)


def by_region(sets: dict[str, Any], regions: Any, classes: Any = None, **other: Any) -> Any:
    given = settings(sets, stratify=classes is not None, **other)
    # With two windows; the longer window counts.
    values = (
        None if classes is None else np.array([[[0, 0], [level > 0, level > 1]] for level in classes], dtype=np.int8)
    )
    return split(given, np.zeros(len(regions), dtype="M8[s]"), regions, values)


@given(FRACTIONS, REGIONS, st.integers(0, 5))
def test_each_region_is_in_one_set_and_each_set_has_its_share_of_regions(
    sets: dict[str, float], regions: Any, seed: int
) -> None:
    every = np.unique(regions)
    if len(every) < len(sets):
        with pytest.raises(QueryError, match=rf"^{len(every)} regions? cannot be split into {len(sets)} sets \(set 0"):
            by_region(sets, regions, seed=seed)
        return
    found = by_region(sets, regions, seed=seed)
    assert check_split(found, regions, NONE) == []
    assert set(found) == set(sets)
    got = {name: len(np.unique(regions[found == name])) for name in sets}
    if all(share * len(every) >= 1 for share in sets.values()):
        assert all(abs(got[name] - share * len(every)) < 1 for name, share in sets.items())
    # Independent of the order of records, and of more records of the same regions.
    order = np.random.default_rng(seed).permutation(len(regions))
    assert (by_region(sets, regions[order], seed=seed) == found[order]).all()
    assert (by_region(sets, np.append(regions, regions), seed=seed) == np.append(found, found)).all()


def test_another_seed_gives_other_sets() -> None:
    regions = np.arange(100)
    made = [by_region(THREE, regions, seed=seed) for seed in (0, 0, 1)]
    assert (made[0] == made[1]).all()
    assert (made[0] == made[2]).mean() < 0.8
    # The sets of a seed are in published data sets and must not change between versions.
    assert np.flatnonzero(made[0] == "test").tolist() == [0, 1, 5, 6, 11, 22, 27, 32, 43, 49, 51, 58, 64, 66, 81]


@given(FRACTIONS, REGIONS, st.data())
def test_stratified_sets_have_their_share_of_the_highest_class(sets: dict[str, float], regions: Any, data: Any) -> None:
    classes = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(regions), max_size=len(regions))))
    if len(np.unique(regions)) < len(sets):
        return
    found = by_region(sets, regions, classes, seed=1)
    assert check_split(found, regions, NONE) == []
    assert set(found) == set(sets)
    top = classes == classes.max()
    most = np.unique(regions[top], return_counts=True)[1].max()
    with_top = len(np.unique(regions[top]))
    for name, share in sets.items():
        got = (top & (found == name)).sum()
        if with_top >= len(sets):
            assert got
            if share * len(sets) >= 1:  # otherwise it has a region only because no set is empty
                assert got <= share * top.sum() + most * len(sets)


def test_each_stratified_set_has_its_share_of_every_class() -> None:
    generator = np.random.default_rng(3)
    regions = np.repeat(np.arange(400), generator.integers(1, 60, 400))
    strong = regions < 20
    classes = np.where(strong & (generator.random(len(regions)) < 0.5), 2, generator.integers(0, 2, len(regions)))
    found = by_region(THREE, regions, classes)
    for value in range(3):
        for name, share in THREE.items():
            assert abs(((classes == value) & (found == name)).sum() / (classes == value).sum() - share) < 0.1


def hours(*numbers: float) -> Any:
    return np.datetime64("2014-06-30", "s") + np.array([round(3600 * number) for number in numbers], dtype="m8[s]")


def test_ranges_of_time_have_a_gap_between_them() -> None:
    sets = {"test": "2014-07-01T00:00:00.000/2014-07-02", "train": "2014-06-30/2014-07-01T00:00:00"}
    times = hours(-1, 0, 23.9, 24, 35.9, 36, 47.9, 48)
    regions = np.arange(8)
    assert split(settings(sets, by="time", gap=12), times, regions).tolist() == [
        *("", "train", "train", "", "", "test", "test", "")
    ]
    assert split(settings(sets, by="time"), times, regions).tolist() == ["", "train", "train", *["test"] * 4, ""]
    with pytest.raises(QueryError, match=r"^The set 'test' has no records \(by time .* gap of 48 h\)\."):
        split(settings(sets, by="time", gap=48), times, regions)


def test_a_region_across_two_sets_goes_to_the_one_with_most_of_it() -> None:
    sets = {"train": "2014-06-30/2014-07-01", "test": "2014-07-01/2014-07-02"}
    times = hours(-1, 1, 2, 30, 30, 31, 20, 40)
    regions = np.array([1, 1, 1, 1, 2, 2, 2, 2])
    found = split(settings(sets, by="time"), times, regions)
    assert found.tolist() == ["", "train", "train", "", "test", "test", "", "test"]
    assert check_split(found, regions, NONE) == []


@given(st.lists(st.integers(0, 1500), min_size=1, max_size=60), st.integers(0, 27))
def test_months_have_the_gap_after_each_change_of_set(days: list[int], gap: int) -> None:
    sets = {"train": [1, 2, 3, 4, 5, 6, 7, 8], "test": [9, 10, 11]}
    times = np.datetime64("2012-05-01", "s") + np.array(days, dtype="m8[D]")
    wanted = []
    for time in times.astype(object):
        # September follows a month of another set. January follows December, which is in no set, and the gap after
        # November ends before January.
        name = "train" if time.month <= 8 else "test" if time.month <= 11 else ""
        wanted.append("" if time.month == 9 and time.day <= gap else name)
    if {"train", "test"} <= set(wanted):
        assert split(settings(sets, by="month", gap=24 * gap), times, np.arange(len(days))).tolist() == wanted
    else:
        with pytest.raises(QueryError, match="has no records"):
            split(settings(sets, by="month", gap=24 * gap), times, np.arange(len(days)))


def test_the_summary_of_each_set() -> None:
    regions = np.array([1, 1, 2, 3])
    sets = np.array(["train", "train", "test", ""])
    given = settings({"train": [1], "test": [2]}, by="month", gap=6)
    assert split_summary(given, sets, regions, {"24 h, M1.0": np.array([1, 0, -1, 0])}) == {
        "rule": "by month (UTC): train 1, test 2, with a gap of 6 h",
        "by": "month",
        "seed": 0,
        "sets": {
            "train": {
                "records": 2,
                "labels": {"24 h, M1.0": {"positive": 1, "negative": 1, "unknown": 0}},
                "regions": [1],
            },
            "test": {
                "records": 1,
                "labels": {"24 h, M1.0": {"positive": 0, "negative": 0, "unknown": 1}},
                "regions": [2],
            },
        },
        "left_out": {
            "records": 1,
            "labels": {"24 h, M1.0": {"positive": 0, "negative": 1, "unknown": 0}},
            "regions": [3],
        },
    }
    assert rule(settings(THREE, stratify=True)).startswith("by region, stratified by class: train 0.7, validation")


def test_a_region_in_two_sets_is_found_through_noaa_numbers() -> None:
    sets = np.array(["train", "test", "train", "", "test"])
    pairs = [0, 1, 2, 2, 3, 4], [11984, 11985, 11984, 11985, 11990, 11990]
    assert check_split(sets, [7, 5, 6, 8, 9], pairs) == ["The region of HARP 5 is in the sets test and train."]
    assert check_split(sets, [7, 7, 6, 8, 9], NONE) == ["The region of HARP 7 is in the sets test and train."]
