"""Records as columns: T_REC, segments, and merging."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from replying import FOLDER, SERIES, read, row, rows, urls

from sunpy_flarecast.rest.records import Records, keyword_column, merge, segment_of


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("Bt_err.fits", "Bt_err"),
        ("", ""),
        ("Br", "Br"),
        ("http://h/HMI/s/7_20160119011008_conf_disambig.fits", "conf_disambig"),
    ],
)
def test_segment_of(name: str, segment: str) -> None:
    assert segment_of(name) == segment


@given(st.integers(840_000, 1_440_000), st.floats(0, 119))
def test_missing_t_rec_is_estimated_from_date_obs(slot: int, before: float) -> None:
    time = Time(48988 + slot / 120, format="mjd", scale="tai") - timedelta(seconds=before)
    records = read(row(date__obs=time.utc.isot), row(date__obs=time.utc.isot, t_rec_index=slot - 1))
    assert records.slot.tolist() == [None, slot - 1]
    assert records.nearest_slot().tolist() == [slot, slot - 1]
    assert records.slot.tolist() == [None, slot - 1]


# --- Joining ----------------------------------------------------------------------------------------------------------


def test_records_are_sorted_by_t_rec_then_harp_then_number() -> None:
    records = merge(
        [
            read(row(1), row(2, t_rec_index=1005599, harpnum=1), row(3, t_rec_index=1005598)),
            read(row(4, date__obs="2015-12-11T23:34:08Z", harpnum=9), row(6, t_rec_index=1005598, harpnum=5)),
            read(row(5, t_rec_index=1005598, harpnum=5)),
        ]
    )
    # Record 4 has T_REC 1005598 by its DATE-OBS; unknown values come last.
    assert records.recnum.tolist() == [5, 6, 4, 3, 2, 1]
    assert repr(records) == "<Records: 6>"


def test_records_are_identified_by_series_and_number() -> None:
    first = row(7, date__obs="2015-12-11T23:34:08.799999Z", harpnum=1)
    again = row(7, date__obs="2015-12-11T23:34:08.800000Z", harpnum=1)
    other = row(7, date__obs="2015-12-11T23:34:08.799999Z", series_name="hmi.sharp_720s_nrt")
    same_time = row(8, date__obs="2015-12-11T23:34:08.799999Z", harpnum=1)
    records = merge([read(first), read(again, other, same_time)])
    assert sorted(zip(records.series, records.recnum.tolist(), strict=True)) == [
        (SERIES, 7),
        (SERIES, 8),
        ("hmi.sharp_720s_nrt", 7),
    ]
    assert records.date_obs[records.recnum == 7].astype(str).tolist()[0].endswith("08.799999")


def test_records_without_number_are_identified_by_their_urls() -> None:
    records = merge([read({"url": "http://h/a"}, {"url": "http://h/b"}), read({"url": "http://h/b"}, row(0))])
    assert urls(records)[1:] == [["http://h/a"], ["http://h/b"]]
    assert records.recnum.tolist() == [0, None, None]


def test_a_record_has_the_files_of_all_replies() -> None:
    parts = [
        read(row(urls=[f"{FOLDER}/7/{name}.fits" for name in names])) for names in (("a", "b"), ("b", "c"), ("a", "b"))
    ]
    assert urls(merge(parts)) == [[f"{FOLDER}/7/{name}.fits" for name in "abc"]]
    assert urls(parts[0]) == [[f"{FOLDER}/7/{name}.fits" for name in "ab"]]
    elsewhere = read(row(urls=["http://other/HMI/s/7/d.fits"]))
    assert urls(merge([parts[0], elsewhere])) == [
        [f"{FOLDER}/7/a.fits", f"{FOLDER}/7/b.fits", "http://other/HMI/s/7/d.fits"]
    ]


def test_equal_files_share_one_object() -> None:
    one, other = read(row(1), row(2)), read(row(2), row(3))
    joined = merge([one, other])
    assert joined.recnum.tolist() == [1, 2, 3]
    assert joined.names[0] is joined.names[1] is one.names[0]


@st.composite
def listed_records(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Write records, some more than once, with the same values and different files."""
    found = []
    for recnum in draw(st.lists(st.integers(1, 9), min_size=1, max_size=12)):
        values = {"harpnum": recnum % 3 or None, "t_rec_index": 1005598 + recnum // 3 if recnum % 4 else None}
        names = draw(st.lists(st.sampled_from("abcd"), max_size=3))
        found.append(row(recnum, **values, urls=[f"{FOLDER}/{recnum}/{name}.fits" for name in names]))
    return found


@given(listed_records(), st.data())
def test_merging_any_parts_gives_the_whole(listed: list[dict[str, Any]], data: st.DataObject) -> None:
    def compared(records: Records) -> list[tuple[Any, ...]]:
        return [(*found[:-1], frozenset(found[-1])) for found in rows(records)]

    whole = merge([read(*listed)])
    assert len(set(whole.recnum.tolist())) == len(whole) == len({given["recnum"] for given in listed})
    cuts = sorted(data.draw(st.lists(st.integers(0, len(listed)), max_size=3)))
    bounds = list(zip([0, *cuts], [*cuts, len(listed)], strict=True))
    overlap = data.draw(st.integers(0, 2))
    parts = [read(*listed[max(0, start - overlap) : stop]) for start, stop in bounds]
    assert compared(merge(parts)) == compared(whole)
    assert compared(merge([merge([part]) for part in data.draw(st.permutations(parts))])) == compared(whole)
    assert rows(merge([whole, whole])) == rows(whole)


# --- Keywords ---------------------------------------------------------------------------------------------------------


def with_keywords(*numbers: int, **keywords: list[Any]) -> Records:
    columns = {name: keyword_column(name, values) for name, values in keywords.items()}
    return replace(read(*map(row, numbers)), keywords=columns)


def test_keywords_of_a_record_are_merged_from_all_parts() -> None:
    records = merge(
        [
            with_keywords(1, 2, usflux=[1e21, None]),
            with_keywords(2, 3, usflux=[2e21, 3e21], noaa_ars=["12443", None]),
            with_keywords(1, 4, noaa_ar=[12443, 12445]),
            read(row(5)),
        ]
    )
    assert records.recnum.tolist() == [1, 2, 3, 4, 5]
    assert {name: column.tolist() for name, column in records.keywords.items()} == {
        "usflux": [1e21, 2e21, 3e21, None, None],
        "noaa_ars": [None, "12443", None, None, None],
        "noaa_ar": [12443, None, None, 12445, None],
    }
    assert records[3:].keywords["noaa_ar"].tolist() == [12445, None]


def test_the_first_occurrence_is_kept() -> None:
    records = merge([with_keywords(1, usflux=[1e21]), with_keywords(1, usflux=[2e21])])
    assert records.keywords["usflux"].tolist() == [1e21]


@pytest.mark.parametrize(
    ("name", "values", "dtype"),
    [
        ("noaa_ar", [12443, None], "int64"),
        ("noaa_ar", [12443.5, 2], "float64"),
        ("noaa_ar", [2**80 * 1.0, 2], "float64"),
        ("usflux", [1, None], "float64"),
        ("noaa_ars", ["x", None], "object"),
        ("usflux", [], "float64"),
        ("noaa_ars", [None], "object"),
    ],
)
def test_columns_of_keywords(name: str, values: list[Any], dtype: str) -> None:
    column = keyword_column(name, values)
    assert (column.tolist(), column.dtype) == (values, dtype)
