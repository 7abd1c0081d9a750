"""The overview of an archive, and HARPs read from keywords."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.archive import Record
from sunpy_flarecast.archive.web.overview import example_of, span_of
from sunpy_flarecast.archive.web.site import in_order
from sunpy_flarecast.archive.web.steps import Harp, Step, harp_of

DAYS = st.dictionaries(st.dates(date(2010, 5, 1), date(2026, 12, 31)), st.integers(1, 2000), max_size=80)


@given(DAYS)
def test_gaps_are_the_missing_days_between_the_first_and_the_last(counts):
    span = span_of(counts)
    if not counts:
        assert span is None
        return
    assert (span.first, span.last, span.held, span.most, span.records) == (
        min(counts), max(counts), len(counts), max(counts.values()), sum(counts.values()),
    )  # fmt: skip
    lengths = [(last - first).days + 1 for first, last in span.gaps]
    assert lengths == sorted(lengths, reverse=True)
    for first, last in span.gaps:
        assert first - timedelta(days=1) in counts
        assert last + timedelta(days=1) in counts
    assert span.more_gaps or sum(lengths) == span.days - span.held


@pytest.mark.parametrize(
    ("keywords", "noaa", "box", "centre"),
    [
        ({}, (), None, None),
        ({"noaa_ars": "11640,11642", "noaa_ar": 11640}, (11640, 11642), None, None),
        ({"noaa_ars": "MISSING", "noaa_ar": 0}, (), None, None),
        ({"noaa_ars": None, "noaa_ar": "12443"}, (12443,), None, None),
        ({"noaa_ar": float("nan"), "londtmin": "nan", "lat_fwt": 5}, (), None, None),
        ({"londtmin": -5, "londtmax": "5.5", "latdtmin": 1, "latdtmax": 2}, (), (-5, 1, 5.5, 2), (0.25, 1.5)),
        (
            {"londtmin": None, "lon_min": -5, "lon_max": 5, "lat_min": 1, "lat_max": 2, "lon_fwt": 1, "lat_fwt": "2"},
            (), (-5, 1, 5, 2), (1, 2),
        ),
        ({"londtmin": 5, "londtmax": -5, "latdtmin": 1, "latdtmax": 2}, (), None, None),
    ],
)  # fmt: skip
def test_keywords_of_all_generations(keywords, noaa, box, centre):
    harp = harp_of("hmi.sharp_720s", Record(recnum=1, segments=(), harpnum=6178), keywords)
    assert (harp.noaa, harp.box, harp.centre) == (noaa, box, centre)


@pytest.mark.parametrize(
    ("noaa", "harpnum", "name"),
    [((12443,), 1, "NOAA 12443"), ((1, 2, 3), 1, "NOAA 1 +2"), ((), 6178, "HARP 6178"), ((), None, "record 9")],
)
def test_names_of_harps(noaa, harpnum, name):
    assert Harp(record=Record(recnum=9, segments=(), harpnum=harpnum), word="HARP", noaa=noaa).name == name


@pytest.mark.parametrize(
    ("segments", "best"),
    [(("bitmap", "Br"), "Br"), (("field", "magnetogram"), "magnetogram"), (("x",), "x"), ((), None)],
)
def test_the_segment_of_a_quicklook(segments, best):
    assert Harp(record=Record(recnum=9, segments=segments), word="HARP").segment == best


def test_the_example_has_a_series_of_the_catalog():
    days = {"lab.other": {date(2020, 1, 1): 1}, "hmi.sharp_cea_720s": {date(2015, 12, 31): 1}}
    held = Record(recnum=1, segments=("Br", "Bt"))
    step = Step(series="hmi.sharp_cea_720s", slot=1, harps=(Harp(record=held, word="HARP"),))
    search, segment = example_of(days, step, {})
    assert (search.series, segment) == ("hmi.sharp_cea_720s", "Br")
    assert (search.start.date(), search.end.date()) == (date(2015, 12, 31), date(2015, 12, 31))


def test_the_order_of_series():
    names = ["lab.own", "hmi.sharp_720s", "hmi.sharp_cea_720s_nrt", "hmi.sharp_cea_720s"]
    assert in_order(names) == ["hmi.sharp_cea_720s", "hmi.sharp_720s", "hmi.sharp_cea_720s_nrt", "lab.own"]
