"""Regions: HARPs joined through NOAA numbers."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.dataset.regions import regions

RECORDS = st.lists(st.tuples(st.integers(1, 12), st.lists(st.integers(11980, 11990), max_size=2)), max_size=25)


@given(RECORDS)
def test_records_share_a_region_exactly_if_noaa_numbers_connect_them(
    records: list[tuple[int, list[int]]],
) -> None:
    harps = [harp for harp, _ in records]
    pairs = [(row, number) for row, (_, numbers) in enumerate(records) for number in numbers]
    found = regions(harps, ([row for row, _ in pairs], [number for _, number in pairs])).tolist()
    # The transitive closure, by brute force.
    names = [{("HARP", harp), *(("NOAA", number) for number in numbers)} for harp, numbers in records]
    together = np.array([[bool(one & other) for other in names] for one in names], dtype=bool).reshape(
        len(names), len(names)
    )
    for middle in range(len(names)):
        together |= together[:, middle : middle + 1] & together[middle : middle + 1]
    for (one, first), (other, second) in itertools.product(enumerate(found), enumerate(found)):
        assert (first == second) == together[one, other]
    for region, row in zip(found, together, strict=True):
        assert region == min(np.array(harps)[row])


def test_a_long_chain_is_one_region() -> None:
    harps = np.arange(2000)[::-1]
    rows = np.repeat(np.arange(2000), 2)
    found = regions(harps, (rows, 10_000 + harps[rows] + np.tile([0, 1], 2000)))
    assert set(found.tolist()) == {0}
