"""Calendars, regions on the disk and curves in SVG, and the format of values on pages."""

from __future__ import annotations

import math
import re
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.archive import DemoArchive
from sunpy_flarecast.archive.web.calendar import years_of
from sunpy_flarecast.archive.web.curves import _times, curve_of, gaps_in
from sunpy_flarecast.archive.web.disk import disk_grid, outlines_of
from sunpy_flarecast.archive.web.steps import day_of, slot_at, step_of, time_of
from sunpy_flarecast.archive.web.text import place, quality, scientific, segments, size, slot, value
from sunpy_flarecast.catalog import find_keyword

DAYS = st.dictionaries(st.dates(date(2010, 5, 1), date(2026, 12, 31)), st.integers(1, 2000), max_size=80)
BOXES = st.tuples(st.floats(-400, 400), st.floats(-100, 100), st.floats(0, 200), st.floats(0, 200)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
VALUES = st.lists(st.one_of(st.floats(-1e99, 1e99), st.just(math.nan)), min_size=1, max_size=40)


def points_of(path):
    return np.array([[float(number) for number in pair.split()] for pair in re.findall(r"-?[\d.]+ -?[\d.]+", path)])


@given(DAYS)
def test_a_calendar_has_every_day_once(counts):
    years = years_of(counts)
    assert [year.year for year in years] == sorted({day.year for day in counts}, reverse=True)
    quarters = [quarter for year in years for quarter in year.quarters]
    assert {cell.day: cell.count for quarter in quarters for cell in quarter.cells} == counts
    assert (sum(year.records for year in years), sum(year.days for year in years)) == (
        sum(counts.values()),
        len(counts),
    )
    assert {year.last for year in years} == {max(day for day in counts if day.year == year.year) for year in years}
    for quarter in quarters:
        places = [(cell.x, cell.y) for cell in quarter.cells] + list(quarter.empty)
        assert len(places) == len(set(places))
        for cell in quarter.cells:
            assert cell.y == cell.day.weekday() * 10
            assert 0 <= cell.x <= 130
    if counts:
        drawn = sum(len(quarter.cells) + len(quarter.empty) for quarter in quarters)
        inside = [min(counts) + timedelta(days=day) for day in range((max(counts) - min(counts)).days + 1)]
        assert drawn == sum(day.year in {year.year for year in years} for day in inside)


@given(DAYS.filter(bool))
def test_darker_days_have_more_records(counts):
    cells = [cell for year in years_of(counts) for quarter in year.quarters for cell in quarter.cells]
    shades = {}
    for cell in sorted(cells, key=lambda cell: cell.count):
        assert 1 <= cell.shade <= 4
        assert shades.setdefault(cell.count, cell.shade) == cell.shade
    assert list(shades.values()) == sorted(shades.values())


@given(st.lists(BOXES, max_size=6), st.floats(-8, 8))
def test_regions_stay_on_the_disk(boxes, b0):
    outlines = outlines_of([(box, str(number), number) for number, box in enumerate(boxes)], b0)
    for outline in outlines:
        assert np.hypot(*points_of(outline.path).T).max() <= 100.1
        assert math.isfinite(outline.x + outline.y)
    assert np.hypot(*points_of(disk_grid(b0)).T).max() <= 100.1


def test_north_is_up_and_west_on_the_right():
    boxes = [((40, 30, 50, 40), "west", 1), ((120, 0, 130, 10), "beyond the limb", 2), (None, "unknown", 3)]
    [outline] = outlines_of(boxes, None)
    assert (outline.label, outline.item) == ("west", 1)
    x, y = points_of(outline.path).mean(axis=0)
    assert x == pytest.approx(100 * np.cos(np.radians(35)) * np.sin(np.radians(45)), abs=1)
    assert y == pytest.approx(-100 * np.sin(np.radians(35)), abs=1)


def labels_of(outlines):
    """Return the rectangles of labels: left, top, right and bottom."""
    sizes = np.array([(0.58 * 8 * len(outline.label), 8) for outline in outlines]) / 2
    centres = np.array([(outline.x, outline.y) for outline in outlines])
    return np.hstack([centres - sizes, centres + sizes])


@pytest.mark.parametrize(("day", "minutes"), [(date(2014, 10, 23), 720), (date(2026, 12, 31), 1440)])
def test_labels_are_beside_their_region_or_have_a_line_to_it(day, minutes):
    series, archive = "hmi.sharp_cea_720s", DemoArchive()
    slot = slot_at(day, minutes)
    outlines = step_of(archive, series, slot, archive.records_at(series, slot)).outlines
    labels = labels_of(outlines)
    assert len(labels) >= 9
    boxes = [(*points.min(axis=0), *points.max(axis=0)) for points in map(points_of, (one.path for one in outlines))]
    for index, (outline, label) in enumerate(zip(outlines, labels, strict=True)):
        assert (abs(label) <= [142.1, 106.1, 142.1, 106.1]).all()
        gaps = [np.hypot(*np.clip(np.maximum(box[:2] - label[2:], label[:2] - box[2:]), 0, None)) for box in boxes]
        assert min(gaps) > 0  # on no region
        if outline.leader:
            begin, end = points_of(outline.leader)
            assert (label[:2] - 0.1 <= begin).all()
            assert (begin <= label[2:] + 0.1).all()
            assert end.tolist() in points_of(outline.path).tolist()
        else:
            assert gaps[index] == min(gaps) <= 4


@given(VALUES)
def test_a_curve_has_every_value_within_its_axes(values):
    slots = [1005480 + 3 * number for number in range(len(values))]
    curve = curve_of(slots, values, [])
    known = [value for value in values if math.isfinite(value)]
    if not known:
        assert curve is None
        return
    assert (curve.least, curve.most) == (min(known), max(known))
    points = points_of(curve.path).reshape(-1, 2).tolist() + [list(point) for point in curve.points]
    assert len(points) == len(known)
    assert all(-0.1 <= x <= 640.1 and -0.1 <= y <= 200.1 for x, y in points)
    assert 2 <= len(curve.values) <= 8
    assert all(-0.1 <= y <= 200.1 for y, _ in curve.values)


@pytest.mark.parametrize("extremes", [[1e308, -1e308], [0.0, 5e-324], [1.7e308], [1e22, math.nextafter(1e22, 2e22)]])
def test_a_curve_of_extreme_values(extremes):
    curve = curve_of([1, 2, 3], [1.0, *extremes, math.nan][:3], [])
    assert 2 <= len(curve.values) <= 8


def test_a_curve_is_interrupted_where_records_are_missing():
    slots = [1005480, 1005481, 1005482, 1005490, 1005491, 1005500]
    assert gaps_in(slots) == [1005490, 1005500]
    curve = curve_of(slots, [1, 2, 3, 4, 5, 6], gaps_in(slots))
    assert curve.path.count("M") == 2
    assert len(curve.points) == 1
    assert [(label, minor) for _, label, minor in curve.times][:2] == [("12-11", False), ("01:00", True)]


def test_zeros_that_mean_none_are_marked_on_the_time_axis():
    slots = [1005480, 1005481, 1005482, 1005483, 1005484]
    curve = curve_of(slots, [4.2, 4.3, 0.0, math.nan, 4.2], [], zero_is_none=True)
    assert (curve.zeros, curve.least, curve.path.count("M"), len(curve.points)) == ((320.0,), 4.2, 1, 1)
    assert curve_of(slots[:3], [0.0, math.nan, 0.0], [], zero_is_none=True) is None
    curve = curve_of(slots[:3], [1.0, 0.0, 2.0], [])
    assert (curve.zeros, curve.least) == ((), 0)


@given(st.integers(1005480, 1005480 + 120), st.integers(1, 40_000))
def test_labels_of_midnights_are_kept_where_space_is_short(first, extent):
    curve = curve_of([first, first + extent], [1, 2], [])
    times = [(slot, minor) for slot, (_, _, minor) in zip(_times(first, first + extent), curve.times, strict=True)]
    assert all(one != other for (_, one), (_, other) in pairwise(times))
    if any(slot % 120 for slot, _ in times):
        assert not any(minor for slot, minor in times if slot % 120 == 0)


def test_gaps_depend_on_the_cadence_of_the_records():
    assert gaps_in([1005480]) == []
    assert gaps_in([1005480, 1005510]) == []
    slots = [1005480, 1005510, 1005540, 1005660, 1005690]  # every 6 h, with one gap of a day
    assert gaps_in(slots) == [1005660]
    assert curve_of(slots, [1, 2, 3, 4, 5], gaps_in(slots)).points == ()


@given(st.integers(0, 2_000_000))
def test_days_and_times_of_slots(given):
    day, time = day_of(given), time_of(given)
    hours, minutes = (int(part) for part in time.split(":"))
    assert slot_at(day, hours * 60 + minutes) == given
    assert "00:12" <= time <= "24:00"


@pytest.mark.parametrize(
    ("formatted", "text"),
    [
        (scientific(2.8644e21), "2.86 × 10²¹"),
        (scientific(0.0), "0"),
        (scientific(-0.00001234), "-1.23 × 10⁻⁵"),
        (scientific(45.678), "45.7"),
        (scientific(math.nan), "–"),
        (place((-12.4, 14.2)), "N14° E12°"),
        (place(None), "–"),
        (quality(0), "good"),
        (quality(-2147483648), "0x80000000"),
        (quality(None), "unknown"),
        (segments(["Br", "bitmap"], "hmi.sharp_cea_720s"), "2 of 11 segments"),
        (segments(["magnetogram", "bitmap", "continuum"], "mdi.smarp_cea_96m"), "3 segments"),
        (segments(["Br", "own"], "hmi.sharp_cea_720s"), "2 segments"),
        (segments(["Br"], "lab.own"), "1 segment"),
        (size(999), "999 B"),
        (size(10**16), "10000.0 TB"),
        (slot(1005598), "2015-12-11 23:36 TAI"),
        (slot(None), "–"),
        (value(1024, find_keyword("quality")), "0x00000400"),
        (value("0x00000400", find_keyword("quality")), "0x00000400"),
        (value(1.5e22), "1.5e22"),
        (value(-2147483648, find_keyword("cmask")), "–"),
        (value("<b>"), "<b>"),
    ],
)
def test_formatted_values(formatted, text):
    assert formatted == text
