"""Drawing of plain numbers: calendars of days, and regions on the disk."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import same_color

from sunpy_flarecast.plot.days import calendar_of_days, calendar_rows
from sunpy_flarecast.plot.geometry import orthographic
from sunpy_flarecast.plot.regions import MARKED, disk_of_regions

DAYS = st.dictionaries(
    st.dates(date(2010, 5, 1), date(2026, 12, 31)), st.integers(1, 2000), min_size=1, max_size=80
)  # fmt: skip
BOXES = st.tuples(st.floats(-400, 400), st.floats(-100, 100), st.floats(0, 200), st.floats(0, 200)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


def day_of(label: str, place: int) -> date:
    year, _, month = label.partition("-")
    return date(int(year), int(month or 1), 1) + timedelta(days=place)


@given(DAYS)
def test_a_calendar_has_every_day(counts: dict[date, int]) -> None:
    labels, cells = calendar_rows(counts)
    assert cells.shape == (len(labels), 366 if (max(counts) - min(counts)).days > 100 else 31)
    found = {}
    for label, row in zip(labels, cells, strict=True):
        if "–" in label:
            assert not row.any()
            continue
        found |= {day_of(label, place): row[place] for place in np.flatnonzero(np.isfinite(row)).tolist()}
    assert {day: count for day, count in found.items() if count} == counts
    assert min(found) == min(counts)
    assert max(found) == max(counts)


@pytest.mark.parametrize(
    ("last", "labels"),
    [
        (date(2015, 3, 2), ["2014-12", "2015-01–2015-02", "2015-03"]),
        (date(2017, 3, 2), ["2014", "2015–2016", "2017"]),
        (date(2016, 3, 2), ["2014", "2015", "2016"]),
    ],
)
def test_long_gaps_take_one_row(last: date, labels: list[str]) -> None:
    assert calendar_rows({date(2014, 12, 31): 1, last: 1})[0] == labels


def test_a_calendar_is_drawn() -> None:
    figure = calendar_of_days({date(2015, 12, 11): 1, date(2016, 2, 1): 2000})
    axes, bar = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["2015-12", "2016-01", "2016-02"]
    assert bar.get_ylabel() == "records a day"
    [image] = axes.images
    none, few = (image.cmap(image.norm(value)) for value in (0, 1))
    assert not same_color(none, few)


@given(st.lists(BOXES, max_size=6), st.floats(-8, 8))
def test_regions_stay_on_the_disk(boxes: list[tuple[float, float, float, float]], b0: float) -> None:
    figure = disk_of_regions([(box, str(place), True) for place, box in enumerate(boxes)], b0=b0)
    [axes] = figure.axes
    regions = [patch for patch in axes.patches if patch.get_label().startswith("_")][1:]
    assert len(axes.texts) <= len(boxes)
    for region in regions:
        assert np.hypot(*np.asarray(region.get_path().vertices).T).max() <= 1.001


def test_north_is_up_and_west_on_the_right() -> None:
    figure = disk_of_regions([((40, 30, 50, 40), "NOAA 12443", True), ((120, 0, 130, 10), "beyond the limb", False)])
    [axes] = figure.axes
    assert [text.get_text() for text in axes.texts] == ["NOAA 12443"]
    [region] = [patch for patch in axes.patches if patch.get_label() == "_NOAA 12443"]
    x, y = region.get_xy().mean(axis=0)
    assert x == pytest.approx(np.cos(np.radians(35)) * np.sin(np.radians(45)), abs=0.01)
    assert y == pytest.approx(np.sin(np.radians(35)), abs=0.01)
    assert same_color(region.get_facecolor()[:3], MARKED)


def test_an_observer_above_the_equator_sees_it_below_the_middle() -> None:
    assert orthographic(0.0, 0.0, 7.0)[1] == pytest.approx(-np.sin(np.radians(7)))


def test_plain_drawing_imports_nothing_of_the_client_and_not_sunpys_maps() -> None:
    code = """
import sys, sunpy_flarecast
before = set(sys.modules)
import sunpy_flarecast.plot.days, sunpy_flarecast.plot.regions
print(*(name for name in set(sys.modules) - before if name.startswith("sunpy")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert {name.split(".")[1] for name in done.stdout.split()} <= {"plot", "utils"}
