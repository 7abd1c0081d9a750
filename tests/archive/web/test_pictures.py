"""The geometry of the first page's pictures, and what it reads from keywords."""

from __future__ import annotations

import re
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.archive import Record
from sunpy_flarecast.archive.base import Holding
from sunpy_flarecast.archive.web.coverage import LEVELS, cover
from sunpy_flarecast.archive.web.disk import RADIUS, draw_disk
from sunpy_flarecast.archive.web.overview import Harp, Overview, Remembered, _harp
from sunpy_flarecast.archive.web.snippet import snippet_of

DAYS = st.dictionaries(st.dates(date(2010, 5, 1), date(2026, 12, 31)), st.integers(0, 2000), max_size=80)

#: Strips of one year and of one month, and none of several.
NAME = re.compile(r"(\d{4})(?:-(\d\d))?")


def cells(path):
    """Read the cells from an outline."""
    assert re.fullmatch(r"(M\d+ 0h\d+v1h-\d+z)+", path)
    runs = [(int(start), int(length)) for start, length in re.findall(r"M(\d+) 0h(\d+)", path)]
    return [place for start, length in runs for place in range(start, start + length)]


def drawn(picture):
    """Read which days a picture shows, by their shade."""
    shades = {}
    for strip in picture.strips:
        name = NAME.fullmatch(strip.label)
        for level, path in strip.paths:
            assert max(cells(path)) < picture.columns
            if name is None:
                assert level == 0
                continue
            start = date(int(name[1]), int(name[2] or 1), 1)
            shades |= {start + timedelta(days=place): level for place in cells(path)}
    return shades


class TestCoverage:
    def test_nothing(self):
        assert cover({}) is None
        assert cover({date(2015, 12, 11): 0}) is None

    @given(DAYS)
    def test_it_shows_every_day_and_every_gap(self, counts):
        held = {day: count for day, count in counts.items() if count}
        picture = cover(counts)
        if not held:
            assert picture is None
            return
        shades = {day: level for day, level in drawn(picture).items() if picture.first <= day <= picture.last}
        assert {day for day, level in shades.items() if level} == set(held)
        most = max(held.values())
        for day, count in held.items():
            assert (shades[day] - 1) * most < LEVELS * count <= shades[day] * most
        assert (picture.first, picture.last, picture.held) == (min(held), max(held), len(held))
        lengths = [gap.days for gap in picture.gaps]
        assert lengths == sorted(lengths, reverse=True)
        if not picture.more_gaps:
            assert sum(lengths) == picture.span - picture.held

    @pytest.mark.parametrize(("last", "labels"), [(date(2015, 3, 2), ["2014-12", "2015-01–2015-02", "2015-03"]),
                                                  (date(2017, 3, 2), ["2014", "2015–2016", "2017"]),
                                                  (date(2016, 3, 2), ["2014", "2015", "2016"])])  # fmt: skip
    def test_long_gaps_take_one_strip(self, last, labels):
        picture = cover({date(2014, 12, 31): 1, last: 1})
        assert [strip.label for strip in picture.strips] == labels
        assert picture.strips[1].title == f"{labels[1]}: no records"

    def test_a_gap_of_a_day_in_decades(self):
        first, missing = date(2010, 5, 1), date(2016, 2, 29)
        counts = {first + timedelta(days=number): 900 for number in range(6000)}
        del counts[missing]
        picture = cover(counts)
        assert [(gap.first, gap.last) for gap in picture.gaps] == [(missing, missing)]
        assert drawn(picture)[missing] == 0
        assert len(picture.strips) == 17


BOX = st.tuples(*[st.floats(-400, 400)] * 2, *[st.floats(0, 200)] * 2).map(
    lambda box: (box[0], box[1] / 4, box[0] + box[2], box[1] / 4 + box[3])
)


class TestDisk:
    @given(st.lists(st.none() | BOX, max_size=8), st.none() | st.floats(-8, 8))
    def test_any_boxes(self, boxes, b0):
        harps = [Harp(recnum=number, harpnum=number, box=box) for number, box in enumerate(boxes)]
        disk = draw_disk(harps, b0)
        assert sorted(harp.recnum for harp in (*disk.hidden, *(shape.harp for shape in disk.shapes))) == [
            *range(len(boxes))
        ]
        left, top, width, height = disk.view
        for shape in disk.shapes:
            points = np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", shape.path), dtype=float)
            assert np.hypot(*points.T).max() <= RADIUS + 0.2
            assert left < shape.x < left + width
            assert top < shape.y < top + height

    def test_north_is_up_and_west_on_the_right(self):
        (shape,) = draw_disk([Harp(recnum=1, harpnum=1, box=(40, 30, 50, 40))], 0.0).shapes
        x, y = np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", shape.path), dtype=float).mean(axis=0)
        assert x == pytest.approx(100 * np.cos(np.radians(35)) * np.sin(np.radians(45)), abs=1)
        assert y == pytest.approx(-100 * np.sin(np.radians(35)), abs=1)

    def test_the_observer_above_the_equator_sees_it_below_the_middle(self):
        (shape,) = draw_disk([Harp(recnum=1, harpnum=1, box=(-1, -1, 1, 1))], 7.0).shapes
        points = np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", shape.path), dtype=float)
        assert points.mean(axis=0)[1] == pytest.approx(100 * np.sin(np.radians(7)), abs=0.5)

    def test_beyond_the_limb(self):
        assert draw_disk([Harp(recnum=1, harpnum=1, box=(120, 0, 130, 10))]).shapes == ()


class TestKeywords:
    @pytest.mark.parametrize(
        ("keywords", "noaa", "box"),
        [
            ({}, (), None),
            ({"noaa_ars": "11640,11642", "noaa_ar": 11640}, (11640, 11642), None),
            ({"noaa_ars": "MISSING", "noaa_ar": 0}, (), None),
            ({"noaa_ars": None, "noaa_ar": "12443"}, (12443,), None),
            ({"noaa_ar": float("nan"), "londtmin": "nan"}, (), None),
            ({"londtmin": -5, "londtmax": "5.5", "latdtmin": 1, "latdtmax": 2}, (), (-5, 1, 5.5, 2)),
            ({"londtmin": None, "lon_min": -5, "lon_max": 5, "lat_min": 1, "lat_max": 2}, (), (-5, 1, 5, 2)),
            ({"londtmin": 5, "londtmax": -5, "latdtmin": 1, "latdtmax": 2}, (), None),
        ],
    )
    def test_of_all_generations(self, keywords, noaa, box):
        harp = _harp(Record(recnum=1, segments=(), harpnum=6178), keywords)
        assert (harp.noaa, harp.box) == (noaa, box)

    @pytest.mark.parametrize(
        ("noaa", "harpnum", "name"),
        [((12443,), 1, "NOAA 12443"), ((1, 2, 3), 1, "NOAA 1 +2"), ((), 6178, "HARP 6178"), ((), None, "record 9")],
    )
    def test_names(self, noaa, harpnum, name):
        assert Harp(recnum=9, harpnum=harpnum, noaa=noaa).name == name


def test_what_is_slow_is_kept_for_longer():
    times = iter([0.0, 3.0, 62.9, 63.1, 63.1])
    made = iter("ab")
    remembered = Remembered(lambda: next(made), clock=lambda: next(times))
    assert [remembered(), remembered(), remembered()] == ["a", "a", "b"]


def test_the_snippet_is_of_a_series_that_clients_know_and_quoted():
    holdings = tuple(
        Holding(series=series, records=1, first=None, last=None, segments=("Br",))
        for series in ("lab.other", "hmi.sharp_cea_720s")
    )
    days = {"lab.other": {date(2020, 1, 1): 1}, "hmi.sharp_cea_720s": {date(2015, 12, 31): 1}}
    overview = Overview(synthetic=False, holdings=holdings, days=days, step=None)
    snippet = snippet_of(overview, "http://x/it's\"", token=True)
    compile(snippet.python, "snippet", "exec")
    assert 'a.Time("2015-12-31", "2016-01-01")' in snippet.python
    assert 'a.flarecast.Series("hmi.sharp_cea_720s")' in snippet.python
    assert 'a.flarecast.Segment("Br")' in snippet.python
    assert "conf.token" in snippet.python
    assert "FLARECAST_URL='http://x/it'\\''s\"'" in snippet.terminal
