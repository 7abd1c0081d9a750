"""`DemoArchive`: series, lists, numbers, keywords and errors."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_flarecast.archive import DayCount, DemoArchive, NotHeldError
from sunpy_flarecast.archive.demo.regions import noaa_numbers, recnum_of, record_of, region_of
from sunpy_flarecast.archive.demo.time_slots import FIRST_SLOT, LAST_SLOT
from sunpy_flarecast.sharp.catalog import all_keywords
from sunpy_flarecast.sharp.t_rec import slot_time

CCD, CEA = "hmi.sharp_720s", "hmi.sharp_cea_720s"
NRT = "hmi.sharp_cea_720s_nrt"
SERIES = (CCD, "hmi.sharp_720s_nrt", CEA, NRT)
DAY = datetime(2014, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def instant(record):
    return datetime.fromisoformat(record.date__obs)


def test_the_four_series(archive):
    assert archive.series() == SERIES


@pytest.mark.parametrize("series", [CCD, NRT])
def test_about_eight_harps_are_on_the_disk(archive, series):
    counts = []
    for days in range(0, 6000, 151):
        start = datetime(2010, 6, 1, 6, tzinfo=UTC) + timedelta(days=days)
        found = list(archive.records(series, start, start + timedelta(minutes=11, seconds=59)))
        if found:  # a slot may be missing
            counts.append(len(found))
    assert 7.2 < np.mean(counts) < 8.8
    assert min(counts) >= 3
    assert max(counts) <= 13


def test_a_day_has_about_a_thousand_records(archive):
    assert 700 < len(list(archive.records(CCD, DAY, DAY + timedelta(days=1)))) < 1300


def test_records_are_in_order_and_unique(archive):
    found = list(archive.records(CEA, DAY, DAY + timedelta(days=3)))
    keys = [(record.t_rec_index, record.harpnum) for record in found]
    assert keys == sorted(set(keys))
    assert len({record.recnum for record in found}) == len(found)
    assert len({id(record.segments) for record in found}) == 1


def test_both_ends_of_the_range_are_included(archive, an_hour):
    found = an_hour(CEA)
    first, last = instant(found[0]), instant(found[-1])
    assert list(archive.records(CEA, first, last)) == found
    micro = timedelta(microseconds=1)
    inner = list(archive.records(CEA, first + micro, last - micro))
    assert inner == [record for record in found if first < instant(record) < last]
    assert list(archive.records(CEA, last, first)) == []


@settings(max_examples=40, deadline=None)
@given(st.datetimes(datetime(2010, 5, 2), datetime(2026, 12, 30)), st.integers(1, 180))  # noqa: DTZ001
def test_parts_of_a_range_add_up(archive, start, minutes):
    start = start.replace(tzinfo=UTC)
    middle, end = start + timedelta(minutes=minutes), start + timedelta(hours=4)
    micro = timedelta(microseconds=1)
    parts = [*archive.records(NRT, start, middle), *archive.records(NRT, middle + micro, end)]
    assert parts == list(archive.records(NRT, start, end))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(1990, 1, 1, tzinfo=UTC), datetime(2010, 5, 1, tzinfo=UTC)),
        (datetime(2027, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)),
    ],
)
def test_no_records_outside_the_years(archive, start, end):
    assert list(archive.records(CEA, start, end)) == []


def test_the_first_and_the_last_day_have_records(archive):
    for start in (datetime(2010, 5, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)):
        found = list(archive.records(CEA, start, start + timedelta(days=1)))
        assert len(found) > 300
        assert {instant(record).date() for record in found} == {start.date()}


def test_a_range_requires_a_time_zone(archive):
    with pytest.raises(TypeError):
        archive.records(CEA, datetime(2014, 1, 1), datetime(2014, 1, 2))  # noqa: DTZ001


def test_a_year_is_listed_lazily(archive):
    records = archive.records(CEA, DAY, DAY + timedelta(days=366))
    assert len(list(itertools.islice(records, 10))) == 10


@pytest.mark.parametrize("leap", [datetime(2012, 7, 1), datetime(2015, 7, 1), datetime(2017, 1, 1)])  # noqa: DTZ001
def test_leap_seconds(archive, leap):
    leap = leap.replace(tzinfo=UTC)
    found = list(archive.records(CEA, leap - HOUR, leap + HOUR))
    dates = {record.t_rec_index: record.date__obs for record in found}
    assert len(dates) >= 8
    for slot, date in dates.items():
        # UTC of astropy, including leap seconds; the observation begins 30 to 90 s before its slot.
        exact = (slot_time(slot).utc.datetime - datetime.fromisoformat(date).replace(tzinfo=None)).total_seconds()
        assert 30 < exact < 90
        assert ":60" not in date
    lags = [
        (slot_time(slot).datetime - datetime.fromisoformat(date).replace(tzinfo=None)) for slot, date in dates.items()
    ]
    assert 0.9 < (max(lags) - min(lags)).total_seconds() < 1.2


def test_the_time_of_a_record_of_the_service(archive):
    start = datetime(2015, 12, 11, 23, 30, tzinfo=UTC)
    record = next(archive.records(CCD, start, start + timedelta(minutes=12)))
    assert record.t_rec_index == 1005598
    assert abs((instant(record) - datetime(2015, 12, 11, 23, 34, 8, 800000, tzinfo=UTC)).total_seconds()) < 0.3


@given(st.integers(0, 3), st.integers(0, 5000), st.floats(0, 1))
def test_record_numbers_are_invertible(series, ordinal, part):
    region = region_of(ordinal)
    if region.last < region.first:
        return
    slot = region.first + round(part * (region.last - region.first))
    recnum = recnum_of(series, region, slot)
    assert record_of(recnum) == (series, region, slot)
    assert 0 < recnum < 2**53
    assert FIRST_SLOT <= slot <= LAST_SLOT


def test_harp_numbers(an_hour):
    harps = {series: [record.harpnum for record in an_hour(series)] for series in SERIES}
    assert harps[CCD] == harps[CEA]
    assert not set(harps[CEA]) & set(harps[NRT])
    for near_real_time in (False, True):
        numbers = [region_of(ordinal).harpnum(near_real_time) for ordinal in range(500)]
        assert numbers == sorted(set(numbers))
    firsts = [region_of(ordinal).first for ordinal in range(500)]
    assert firsts == sorted(firsts)


def test_noaa_numbers(archive, an_hour):
    numbers = [noaa_numbers(ordinal) for ordinal in range(400)]
    flat = list(itertools.chain.from_iterable(numbers))
    assert flat == list(range(flat[0], flat[0] + len(flat)))
    counts = np.bincount([len(some) for some in numbers])
    assert counts[1] > counts[0] > counts[2] > 0
    seen = set()
    recnums = [record.recnum for days in (0, 40) for record in an_hour(CEA, DAY + timedelta(days=days))[:9]]
    for keywords in archive.keywords_of(CEA, recnums, ["noaa_ar", "noaa_num", "noaa_ars"]).values():
        expected = keywords["noaa_ars"].split(",") if keywords["noaa_num"] else []
        assert keywords["noaa_num"] == len(expected)
        assert keywords["noaa_ar"] == (int(expected[0]) if expected else 0)
        seen.add(len(expected))
    assert {0, 1} <= seen


def test_some_slots_are_missing_and_some_are_flawed(archive):
    found = list(archive.records(CEA, DAY, DAY + timedelta(days=20)))
    slots = {record.t_rec_index for record in found}
    missing = set(range(min(slots), max(slots))) - slots
    assert 0 < len(missing) < 0.02 * len(slots)
    flawed = sum(record.quality != 0 for record in found)
    assert 0 < flawed < 0.03 * len(found)
    record = next(record for record in found if record.quality)
    assert archive.keywords_of(CEA, [record.recnum], ["quality"]) == {record.recnum: {"quality": record.quality}}
    # A record of a missing slot is not held, although its number is valid.
    slot = min(missing)
    series, region, _ = record_of(next(record.recnum for record in found if record.t_rec_index == slot - 1))
    with pytest.raises(NotHeldError, match="missing"):
        archive.keywords(CEA, recnum_of(series, region, slot))


def test_error_messages(archive, an_hour):
    record = an_hour(CEA)[0]
    with pytest.raises(NotHeldError, match=r"no series 'hmi\.m_720s'. It holds: hmi\.sharp_720s"):
        archive.records("hmi.m_720s", DAY, DAY)
    with pytest.raises(NotHeldError, match="no series"):
        archive.segment("x", 1, "Br")
    series, region, _ = record_of(record.recnum)
    for recnum in (0, -5, 1, 10**12, recnum_of(series, region, region.last + 1)):
        with pytest.raises(NotHeldError, match=f"no record {recnum}"):
            archive.keywords(CEA, recnum)
    with pytest.raises(NotHeldError, match=f"belongs to {CEA}, not to"):
        archive.keywords(CCD, record.recnum)
    with pytest.raises(NotHeldError, match=r"no segment 'field'\. It has: magnetogram, "):
        archive.segment(CEA, record.recnum, "field")
    with pytest.raises(ValueError, match="'full' or 'bare'"):
        DemoArchive("half")


@pytest.mark.parametrize("series", SERIES)
def test_keywords_are_json(archive, an_hour, series):
    for record in an_hour(series)[:2]:
        keywords = archive.keywords(series, record.recnum)
        assert json.loads(json.dumps(keywords, allow_nan=False)) == keywords
        assert all(name == name.lower() for name in keywords)
        assert {type(value) for value in keywords.values()} <= {int, float, str, type(None)}
        assert keywords["recnum"] == record.recnum
        assert keywords["harpnum"] == record.harpnum
        assert keywords["date__obs"] == record.date__obs
        assert "SYNTHETIC" in keywords["origin"]
        assert keywords["qlook"] == series.endswith("_nrt")


def test_keywords_match_the_catalog_except_those_of_jsoc_programs(archive):
    programs = re.compile(r"(inv|amb|tkp_|codever[0-6]|(arm|hrp)(codev|docu))")
    names = {keyword.name for keyword in all_keywords() if keyword.projections}
    for series in (CCD, CEA):
        held = set(archive.keyword_names(series))
        assert held <= names
        assert all(programs.match(name) for name in names - held)


def test_near_real_time_data_have_their_own_noise(archive, an_hour):
    numbers = [an_hour(series)[0].recnum for series in (CEA, NRT)]
    usflux = [archive.keywords(series, recnum)["usflux"] for series, recnum in zip((CEA, NRT), numbers, strict=True)]
    assert usflux[0] != usflux[1]
    assert usflux[0] == pytest.approx(usflux[1], rel=0.01)


class TestHoldings:
    """The archive as a whole, and single records."""

    @pytest.mark.parametrize("series", ["hmi.sharp_720s", "hmi.sharp_cea_720s_nrt"])
    @pytest.mark.parametrize(
        ("start", "days"), [("2010-04-29", 40), ("2012-06-25", 10), ("2016-12-28", 8), ("2026-12-20", 20)]
    )
    def test_days_match_the_records(self, archive, series, start, days):
        begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
        end = begin + timedelta(days=days) - timedelta(microseconds=1)
        listed = {}
        for record in archive.records(series, begin, end):
            listed.setdefault(record.date__obs[:10], []).append(record.harpnum)
        counted = archive.days(series, begin.date(), end.date())
        assert {day.isoformat(): count for day, count in counted.items()} == {
            day: DayCount(len(harps), len(set(harps))) for day, harps in listed.items()
        }

    def test_holdings(self, archive):
        assert [holding.series for holding in archive.holdings()] == list(archive.series())
        for holding in archive.holdings():
            assert holding.records == sum(day.records for day in archive.days(holding.series).values()) > 5_000_000
            assert (holding.first[:8], holding.last[:10]) == ("2010-05-", "2026-12-31")
            assert "magnetogram" in holding.segments

    def recnums(self, archive):
        start = datetime(2015, 12, 11, tzinfo=UTC)
        return [record.recnum for record in archive.records("hmi.sharp_cea_720s", start, start + timedelta(hours=1))]

    def test_record(self, archive):
        start = datetime(2015, 12, 11, tzinfo=UTC)
        for series in archive.series():
            for record in archive.records(series, start, start + timedelta(hours=2)):
                assert archive.record(series, record.recnum) == record
        with pytest.raises(NotHeldError, match=r"belongs to hmi\.sharp_cea_720s, not to"):
            archive.record("hmi.sharp_720s", self.recnums(archive)[0])

    def test_keywords_of(self, archive):
        first, second = self.recnums(archive)[:2]
        found = archive.keywords_of("hmi.sharp_cea_720s", [second, first], ["harpnum", "nonsense"])
        assert list(found) == [second, first]
        assert found[first] == {"harpnum": archive.record("hmi.sharp_cea_720s", first).harpnum, "nonsense": None}
        # Keywords measured on the pixels of one projection do not depend on which others are requested.
        whole = archive.keywords_of("hmi.sharp_cea_720s", [first])[first]
        for names in (["usflux", "harpnum"], ["lon_fwt", "area"], ["meangbz", "npix"]):
            some = DemoArchive().keywords_of("hmi.sharp_cea_720s", [first], names)[first]
            assert some == {name: whole[name] for name in names}
        assert tuple(whole) == archive.keyword_names("hmi.sharp_cea_720s")
        with pytest.raises(NotHeldError, match=r"has no records 5, 7\. List records"):
            archive.keywords_of("hmi.sharp_cea_720s", [first, 5, 7])
        with pytest.raises(NotHeldError, match=r"holds no series 'hmi\.nothing'"):
            archive.keywords_of("hmi.nothing", [])
        with pytest.raises(NotHeldError, match=r"holds no series 'hmi\.nothing'"):
            archive.keyword_names("hmi.nothing")
