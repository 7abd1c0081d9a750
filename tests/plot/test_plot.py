"""Plots of maps, disks, coverage, records and curves: positions, orientation, labels and units."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import astropy.units as u
import matplotlib as mpl
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pytest
import requests
import sunpy.map
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time
from astropy.utils.masked import Masked
from astropy.visualization.wcsaxes import WCSAxes
from click.testing import CliRunner
from faults import answer
from hypothesis import given
from hypothesis import strategies as st
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, QueryError, Segment, Series, load
from sunpy_flarecast.cli import cli
from sunpy_flarecast.sharp.t_rec import slot_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result
    from faults import Layer

    from sunpy_flarecast import FLARECASTResponse

mpl.use("agg")


@pytest.fixture
def maps(demo: tuple[str, Layer], tmp_path: Path) -> list[Any]:
    table = FLARECASTClient().search(
        a.Time("2014-10-23T11:00", "2014-10-23T13:00", near="2014-10-23T12:00"), Series.hmi_sharp_720s,
        Segment.magnetogram,
    )  # fmt: skip
    files = Fido.fetch(table[:4], path=tmp_path, progress=False)
    return [sunpy.map.Map(name) for name in sorted(files)]


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    mpl.pyplot.close("all")


def test_each_region_is_drawn_on_the_disk_and_in_its_own_panel(maps: list[Any], tmp_path: Path) -> None:
    from sunpy_flarecast.plot import plot_magnetograms

    figure = plot_magnetograms(maps)
    figure.canvas.draw()
    disk, bar, *single = figure.get_axes()
    titles = [axes.get_title() for axes in single]
    assert titles == [f"HARP {one.meta['harpnum']}" for one in maps]
    assert {text.get_text() for text in disk.texts} >= {str(one.meta["harpnum"]) for one in maps}
    assert bar.get_ylabel() == "line-of-sight field (Mx/cm²)"
    assert bar.get_ylim() == (-1500, 1500)
    assert disk.get_title() == f"SYNTHETIC data: {len(maps)} magnetograms, 2014-10-23 11:58:15 UTC"
    scales = [axes.get_window_extent().width / one.data.shape[1] for axes, one in zip(single, maps, strict=True)]
    assert scales == pytest.approx([scales[0]] * len(maps))
    boxes = [axes.get_tightbbox(figure.canvas.get_renderer()) for axes in single]
    assert not [1 for place, one in enumerate(boxes) for other in boxes[:place] if one.overlaps(other)]
    assert "arcsec" in disk.coords[0].get_axislabel()
    for axes, one in zip(single, maps, strict=True):
        # North is up and east is left, although the images of the camera are upside down.
        centre = one.center
        north, west = (SkyCoord(centre.Tx + x, centre.Ty + y, frame=centre.frame)
                       for x, y in ((0 * u.arcsec, 10 * u.arcsec), (10 * u.arcsec, 0 * u.arcsec)))  # fmt: skip
        here, above, right = (
            axes.transData.transform(axes.wcs.world_to_pixel(place)) for place in (centre, north, west)
        )
        assert above[1] > here[1]
        assert right[0] > here[0]
    figure.savefig(tmp_path / "picture.png", dpi=40)
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_maps_that_are_not_magnetograms_of_one_time_are_refused(maps: list[Any], step: FLARECASTResponse) -> None:
    from sunpy_flarecast.plot import plot_disk_maps, plot_magnetograms, plot_record

    later = sunpy.map.Map(maps[0].data, {**maps[0].meta, "t_rec": "2014.10.23_13:00:00_TAI"})
    curved = sunpy.map.Map(maps[0].data, {**maps[0].meta, "ctype1": "CRLN-CEA", "ctype2": "CRLT-CEA"})
    figure = plt.figure()
    for wrong, reason in (
        ([], "no maps"),
        (["a.fits"], "takes maps, .* not str"),
        (
            [*maps, later],
            r"draws maps of a single time, but these have 2 different times \(.*\). Choose those of one T_REC",
        ),
        ([curved], "one is on the CEA grid"),
    ):
        with pytest.raises(QueryError, match=reason):
            plot_magnetograms(wrong)
        with pytest.raises(QueryError, match=reason):
            plot_disk_maps(wrong, figure=figure)
    assert not figure.axes
    with pytest.raises(QueryError, match=r"plot_record\(ax=\.\.\.\) needs axes"):
        plot_record(maps[0], ax=5)  # type: ignore[arg-type]


def test_drawing_a_disk_logs_nothing(maps: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    from sunpy_flarecast.plot import plot_disk_maps

    with caplog.at_level("INFO", logger="sunpy"):
        plot_disk_maps(maps[0], figure=plt.figure())
    assert caplog.messages == []


@pytest.mark.parametrize("wrong", [None, [], "disk.png"])
def test_only_axes_and_figures_are_saved(wrong: Any, tmp_path: Path) -> None:
    from sunpy_flarecast.plot import save

    with pytest.raises(QueryError, match=r"save\(\) writes axes or a figure"):
        save(wrong, tmp_path / "wrong.png")
    with pytest.raises(QueryError, match="The plot requires the name of an output file"):
        save(plt.figure(), "")
    assert not list(tmp_path.iterdir())


def test_a_figure_and_its_axes_give_the_same_file(tmp_path: Path) -> None:
    from sunpy_flarecast.plot import save

    figure, axes = plt.subplots(1, 2)
    for number, drawn in enumerate((figure, axes, axes[0], list(axes))):
        save(drawn, tmp_path / f"{number}.png", dpi=20)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


STEP = ("2014-10-23T11:40", "2014-10-23T12:20")


def search(*attrs: Any, near: str | None = "2014-10-23T12:00", series: str = "hmi.sharp_cea_720s") -> FLARECASTResponse:
    return FLARECASTClient().search(a.Time(*STEP, near=near), Series(series), *attrs)


@pytest.fixture
def step(demo: tuple[str, Layer]) -> FLARECASTResponse:
    """Return one time step of the CEA series."""
    return search(Segment("bitmap"))


def boxes_of(axes: Any) -> dict[str, Any]:
    """Return the boxes of HARPs by HARP number."""
    return {patch.get_label()[1:]: patch for patch in axes.patches if re.fullmatch(r"_\d+", patch.get_label())}


def test_boxes_match_the_positions_of_the_maps(step: FLARECASTResponse, tmp_path: Path) -> None:
    axes = step.plot_disk()
    boxes = boxes_of(axes)
    assert set(boxes) == {str(number) for number in step["HARPNUM"]}
    assert {text.get_text() for text in axes.texts} == {str(number) for number in step["HARPNUM"]}
    east_and_west = set()
    for one in load(Fido.fetch(step, path=tmp_path, progress=False)):
        outline = boxes[str(one.meta["harpnum"])].get_path()
        corners = outline.get_extents()
        x, y = axes.wcs.world_to_pixel(one.center)
        assert outline.contains_point((x, y))
        # The centres differ through the curvature of the Sun, more so towards the limb.
        assert abs((corners.x0 + corners.x1) / 2 - x) < 0.25 * corners.width + 3
        # Points inside the image are within the outline, points around it are not.
        height, width = one.data.shape
        for across, up in ((0.25, 0.25), (0.75, 0.75), (0.25, 0.75), (0.75, 0.25)):
            place = one.pixel_to_world(across * width * u.pix, up * height * u.pix)
            if place.transform_to(axes.wcs.pixel_to_world(0, 0).frame).is_visible():
                assert outline.contains_point(axes.wcs.world_to_pixel(place))
        for across, up in ((-0.3, 0.5), (1.3, 0.5), (0.5, 1.3), (0.5, -0.3)):
            place = one.pixel_to_world(across * width * u.pix, up * height * u.pix)
            assert not outline.contains_point(axes.wcs.world_to_pixel(place))
        east_and_west.add(one.meta["londtmin"] > 0)
    assert east_and_west == {True, False}
    assert axes.get_title() == f"SYNTHETIC data: {len(step)} HARPs, T_REC 2014-10-23 12:00:00 TAI"
    assert axes.coords[0].get_axislabel() == "Solar X (arcsec)"


def test_labels_of_the_disk_do_not_overlap(step: FLARECASTResponse) -> None:
    axes = step.plot_disk(color="usflux")
    axes.figure.canvas.draw()
    extents = [text.get_window_extent() for text in axes.texts]
    assert len(extents) > 4
    for place, one in enumerate(extents):
        assert not [other for other in extents[:place] if one.overlaps(other)]


def test_boxes_are_coloured_by_a_keyword(demo: tuple[str, Layer], step: FLARECASTResponse) -> None:
    flux = step.keywords("usflux", progress=False)
    demo[1].requests.clear()
    axes = step.plot_disk(color="USFLUX")
    asked = [path for _, path in demo[1].requests]
    assert all("/meta/" in path and "usflux" in path for path in asked)
    bar = axes.figure.axes[-1]
    assert bar.get_ylabel() == "USFLUX (Mx)"
    on_scale = mpl.colormaps["viridis"](np.linspace(0, 1, 256))
    for patch in boxes_of(axes).values():  # opaque, so that overlapping boxes do not mix colours
        assert np.isclose(patch.get_facecolor(), on_scale).all(axis=1).any()
    brightness = [
        sum(boxes_of(axes)[str(number)].get_facecolor()[:3]) for number in flux["HARPNUM"][np.argsort(flux["usflux"])]
    ]
    assert brightness[0] < brightness[-1]


def test_the_step_nearest_to_a_time_is_drawn(demo: tuple[str, Layer]) -> None:
    table = search(Segment("bitmap"), near=None)
    assert len(set(table["T_REC"].isot)) > 1
    with pytest.raises(QueryError, match=r"draws one time step, and the table has \d; choose one: plot_disk\('2014"):
        table.plot_disk()
    assert "12:00:00 TAI" in table.plot_disk("2014-10-23T11:59").get_title()
    assert "12:00:00 TAI" in table.plot_disk(Time("2014-10-23T12:01", scale="tai")).get_title()
    with pytest.raises(QueryError, match="No records are within a day"):
        table.plot_disk("2015-10-23")
    with pytest.raises(QueryError, match="cannot parse the time"):
        table.plot_disk("noon")


def test_disks_are_drawn_into_the_axes_of_a_map(step: FLARECASTResponse) -> None:
    own = step.plot_disk()
    given = mpl.pyplot.figure().add_subplot(projection=own.wcs)
    assert step.plot_disk(ax=given) is given
    for name, patch in boxes_of(given).items():
        assert np.allclose(patch.get_xy(), boxes_of(own)[name].get_xy())
        assert patch.get_facecolor()[3] == 0  # transparent, so that the map below is visible
    step.plot_disk(ax=given)
    assert [text.get_text() for text in given.texts].count("SYNTHETIC") == 1
    with pytest.raises(QueryError, match="needs axes with helioprojective"):
        step.plot_disk(ax=mpl.pyplot.figure().add_subplot())


def test_harps_without_a_position_are_reported(demo: tuple[str, Layer], step: FLARECASTResponse) -> None:
    url, layer = demo
    numbers = ",".join(map(str, step["Record"]))
    reply = requests.get(f"{url}/HMI/hmi.sharp_cea_720s/meta/{numbers}", timeout=60).json()
    entries = reply.get("data", reply)
    meta = entries[str(step["Record"][0])]["meta"]
    meta |= dict.fromkeys((name for name in meta if name.startswith(("lon", "lat"))), None)
    layer.faults["/meta/"] = answer(json.dumps(reply).encode())
    axes = step.plot_disk()
    assert str(step["HARPNUM"][0]) not in boxes_of(axes)
    assert len(boxes_of(axes)) == len(step) - 1
    assert "1 without a visible position" in axes.get_title()


def test_disks_without_records_or_with_invalid_keywords_are_errors(step: FLARECASTResponse) -> None:
    with pytest.raises(QueryError, match="usfluxx"):
        step.plot_disk(color="usfluxx")
    with pytest.raises(QueryError, match="is text"):
        step.plot_disk(color="noaa_ars")
    with pytest.raises(QueryError, match="without records; there is nothing to draw"):
        step[:0].plot_disk()


def test_boxes_end_at_the_limb() -> None:
    from sunpy_flarecast.plot.geometry import box_outline

    longitude, latitude = box_outline((80, 10, 110, 30), 7.0, 0.0047)
    cosine = np.sin(np.radians(7)) * np.sin(np.radians(latitude)) + np.cos(np.radians(7)) * np.cos(
        np.radians(latitude)
    ) * np.cos(np.radians(longitude))
    assert cosine.min() == pytest.approx(0.0047, abs=1e-9)
    assert longitude.min() == 80
    assert box_outline((float("nan"), 0, 1, 1), 0)[0].size == 0
    assert box_outline((95, 0, 99, 1), 0)[0].size == 0


BOXES = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 80), st.integers(1, 40)), max_size=12
)


@given(BOXES)
def test_labels_of_any_boxes_do_not_overlap(boxes: list[tuple[int, ...]]) -> None:
    from sunpy_flarecast.plot.geometry import place_labels

    size = np.array([30.0, 10.0])
    boxes = boxes * 3
    places = place_labels([(x, y, x + width, y + height) for x, y, width, height in boxes], [size] * len(boxes))
    for place, one in enumerate(places):
        for other in places[:place]:
            assert (abs(one - other) >= size - 1e-6).any()


def test_coverage_shows_records_gaps_and_quality(demo: tuple[str, Layer]) -> None:
    table = FLARECASTClient().search(
        a.Time("2014-10-23", "2014-10-24"), Series.hmi_sharp_720s, Segment("bitmap"), progress=False
    )
    harps, counts = np.unique(table["HARPNUM"], return_counts=True)
    harp = harps[counts.argmax()]
    of_harp = np.flatnonzero(table["HARPNUM"] == harp)
    rest = table[np.setdiff1d(np.arange(len(table)), of_harp[30:40])]  # a gap of two hours
    axes = rest.plot_coverage()
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == [str(number) for number in sorted(set(table["HARPNUM"].tolist()))]
    bars = {}
    for collection in axes.collections:
        bars.setdefault(collection.get_label()[1:], []).extend(path.get_extents() for path in collection.get_paths())
    edges = sorted((bar.x0, bar.x1) for bar in bars[str(harp)])
    gaps = [(end, begin) for (_, end), (begin, _) in pairwise(edges) if begin > end + 1e-6]
    slots = np.sort(table["T_REC"][of_harp].mjd)
    lost = (
        mdates.date2num(table["T_REC"][of_harp[30]].to_datetime()),
        mdates.date2num(table["T_REC"][of_harp[39]].to_datetime()),
    )
    assert any(begin <= lost[0] and end >= lost[1] for begin, end in gaps)
    heights = {round(path.get_extents().height, 6) for one in axes.collections for path in one.get_paths()}
    assert heights == {0.8, 0.4}  # the lower bars are of records whose QUALITY is not 0
    covered = sum(end - begin for begin, end in edges)
    assert covered == pytest.approx((len(slots) - 10) * 12 / 1440, rel=1e-6)
    assert axes.get_xlabel() == "T_REC (TAI)"
    assert axes.get_title(loc="left").startswith("SYNTHETIC data: ")
    assert table.plot_coverage(ax=axes, step=1 * u.day) is axes


def test_coverage_of_sampled_records_and_missing_parts(demo: tuple[str, Layer]) -> None:
    demo[1].faults["start=2014-10-24"] = answer(b"busy", status=503)
    with pytest.warns(UserWarning, match="Records of hmi.sharp_720s from .* are missing"):
        table = FLARECASTClient().search(
            a.Time("2014-10-23", "2014-10-26"), Series.hmi_sharp_720s, Segment("bitmap"), a.Sample(6 * u.hour),
            progress=False,
        )  # fmt: skip
    axes = table.plot_coverage()
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "no reply" in texts
    begin, end = mdates.date2num([Time(day, scale="utc").tai.to_datetime() for day in ("2014-10-23", "2014-10-26")])
    marks = [path.get_extents() for collection in axes.collections for path in collection.get_paths()]
    assert marks
    for mark in marks:  # each covers only its record
        assert mark.width == 0
        assert begin - 0.01 <= mark.x0 <= end + 0.01
    assert axes.get_xlim() == pytest.approx((begin, end), abs=0.02)
    assert "one every 6 h" in axes.get_title(loc="left")
    with pytest.raises(QueryError, match="the step is not a time"):
        table.plot_coverage(step=3 * u.m)
    with pytest.raises(QueryError, match="the step must be positive"):
        table.plot_coverage(step=0 * u.s)
    with pytest.raises(QueryError, match="without records"):
        table[:0].plot_coverage()
    unknown = table.copy()
    unknown["T_REC"][:] = np.ma.masked
    with pytest.raises(QueryError, match=r"no record has a T_REC"):
        unknown.plot_coverage()


def test_consecutive_records_are_joined_to_runs() -> None:
    from sunpy_flarecast.plot.coverage import runs

    assert runs(np.array([30, 10, 20, 60, 10]), 10) == [(10, 30), (60, 60)]
    assert runs(np.array([5]), 1) == [(5, 5)]


@pytest.mark.parametrize("series", ["hmi.sharp_720s", "hmi.sharp_cea_720s"])
def test_a_record_is_one_figure(demo: tuple[str, Layer], tmp_path: Path, series: str) -> None:
    from sunpy_flarecast.plot import plot_record

    table = search(Segment("bitmap", "magnetogram", "Dopplergram", "conf_disambig", "continuum"), series=series)
    files = Fido.fetch(table[:1], path=tmp_path, progress=False)
    panels = plot_record(files)
    figure = panels[0].figure
    figure.canvas.draw()
    assert [panel.get_title() for panel in panels] == [
        "magnetogram", "bitmap", "Dopplergram", "continuum", "conf_disambig",
    ]  # fmt: skip
    assert all(isinstance(panel, WCSAxes) for panel in panels)
    bars = [panel.child_axes[0] for panel in panels]
    assert [bar.get_ylabel() for bar in bars] == ["Mx/cm²", "", bars[2].get_ylabel(), "DN/s", ""]
    assert re.fullmatch(r"m/s \(median -?[\d.e+]+\)", bars[2].get_ylabel())
    assert "90: strong field" in [label.get_text() for label in bars[4].get_yticklabels()]
    assert "active, in HARP" in [label.get_text() for label in bars[1].get_yticklabels()]
    assert str(table["HARPNUM"][0]) in figure.get_suptitle()
    assert "2014-10-23 12:00:00 TAI" in figure.get_suptitle()
    _, (left, right) = mpl.pyplot.subplots(1, 2, layout="constrained")
    inside = plot_record(load(files)[:2], ax=right)
    assert len(inside) == 2
    assert inside[0].figure.figure is left.figure


def test_files_of_two_records_are_refused(demo: tuple[str, Layer], tmp_path: Path) -> None:
    from sunpy_flarecast.plot import plot_record

    files = Fido.fetch(search(Segment("bitmap"))[:2], path=tmp_path, progress=False)
    with pytest.raises(QueryError, match="draws one record, but these files belong to 2"):
        plot_record(files)


def keyword_table() -> QTable:
    """Return two HARPs over ten steps in reverse order, with a gap and a missing value."""
    slots = np.tile([0, 1, 2, 3, 4, 20, 21, 22, 23, 24], 2) + 1005000
    flux = np.arange(20.0)
    mask = np.zeros(20, dtype=bool)
    mask[3] = True
    table = QTable(
        {
            "T_REC": slot_time(slots),
            "HARPNUM": np.repeat([11, 12], 10),
            "Record": np.arange(20),
            "usflux": Masked(flux * 1e21 * u.Mx, mask=mask),
            "errvf": np.full(20, 1e20) * u.Mx,
            "noaa_ars": MaskedColumn(["11640"] * 20),
            "meangam": np.full(20, 30.0) * u.deg,
        }
    )
    return table[::-1]


def test_curves_have_units_names_and_gaps() -> None:
    from sunpy_flarecast.plot import plot_keywords

    flux, angle = plot_keywords(keyword_table())
    assert flux.get_ylabel() == "USFLUX (Mx)"
    assert angle.get_ylabel() == "MEANGAM (°)"
    curves = {line.get_label(): line for line in flux.lines if line.get_label() in ("11", "12")}
    assert set(curves) == {"11", "12"}
    times, values = curves["11"].get_data()
    assert np.isnan(values).sum() == 2  # the missing value, and the gap in the line
    assert np.all(np.diff(times) >= 0)
    assert times[0] == pytest.approx(mdates.date2num(slot_time(1005000).utc.to_datetime()))
    assert np.nanmax(values) == 9e21
    assert [text.get_text() for text in flux.figure.legends[0].get_texts()] == ["HARP 11", "HARP 12"]
    assert len(flux.containers) == 2  # the errors, which have no panel of their own
    [one] = plot_keywords(keyword_table(), "MEANGAM")
    assert one.get_ylabel() == "MEANGAM (°)"


def test_curves_in_given_axes_and_of_time_series(step: FLARECASTResponse) -> None:
    from sunpy_flarecast.plot import plot_keywords

    _, axes = mpl.pyplot.subplots(2)
    assert plot_keywords(keyword_table(), ax=axes) == list(axes)
    with pytest.raises(QueryError, match="2 keywords, but 1 axes"):
        plot_keywords(keyword_table(), ax=axes[0])
    pytest.importorskip("h5netcdf", reason="sunpy.timeseries needs it")
    series = step.timeseries("usflux", progress=False)
    [panel] = plot_keywords(series)
    assert panel.get_ylabel() == "USFLUX (Mx)"
    assert len(panel.lines) == len(step)
    [alone] = plot_keywords(next(iter(series.values())))
    assert alone.figure.get_suptitle() == f"SYNTHETIC data: USFLUX of HARP {next(iter(series))}"
    assert not alone.figure.legends


def test_curves_without_data_are_errors() -> None:
    from sunpy_flarecast.plot import plot_keywords

    table = keyword_table()
    with pytest.raises(QueryError, match="nothing to draw"):
        plot_keywords(table[:0])
    with pytest.raises(QueryError, match=r"the data have no keyword 'r_value'; they have usflux, meangam"):
        plot_keywords(table, "r_value")
    with pytest.raises(QueryError, match="Table without a column T_REC"):
        plot_keywords(Table({"usflux": [1.0]}))
    with pytest.raises(QueryError, match=r"takes the result of results\.keywords"):
        plot_keywords(3)


def test_flares_are_marked_at_their_peaks() -> None:
    from sunpy_flarecast.plot import plot_keywords

    first = slot_time(1005003).utc
    flares = Table(
        {
            "event_peaktime": [first.isot, (first + 1 * u.min).isot, "2001-01-01T00:00", ""],
            "fl_goescls": ["M1.2", "C3.0", "X9.9", "X1.0"],
        }
    )
    upper, lower = plot_keywords(keyword_table(), flares=flares)
    for panel in (upper, lower):
        marks = {lines.get_label(): lines.get_segments() for lines in panel.collections}
        assert {name for name in marks if name.startswith("_flares")} == {"_flares M", "_flares C"}
        assert marks["_flares M"][0][0][0] == pytest.approx(mdates.date2num(first.to_datetime()))
    assert [text.get_text() for text in upper.texts] == ["M1.2", "C3.0"]
    upper.figure.canvas.draw()
    assert not upper.texts[0].get_window_extent().overlaps(upper.texts[1].get_window_extent())
    assert not lower.texts
    ours = Table({"peak_time": Time([first]), "goes_class": ["X1.0"]})
    assert [text.get_text() for text in plot_keywords(keyword_table(), flares=ours)[0].texts] == ["X1.0"]
    with pytest.raises(QueryError, match="no column of GOES classes; it has event_peaktime"):
        plot_keywords(keyword_table(), flares=flares["event_peaktime",])
    with pytest.raises(QueryError, match="Cannot parse the time 'soon' in the column 'peak'"):
        plot_keywords(keyword_table(), flares=Table({"peak": ["soon"], "class": ["X1"]}))


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


def test_the_command_line_draws_each_plot(demo: tuple[str, Layer], tmp_path: Path) -> None:
    files = Fido.fetch(search(Segment("Br", "bitmap"))[:1], path=tmp_path / "files", progress=False)
    flares = tmp_path / "flares.csv"
    flares.write_text("peak_time,goes_class\n2014-10-23T12:00,X1.1\n")
    day = (*STEP, "--no-progress", "--harp", "3944:3953")
    for kind, rest in (
        ("disk", (*day, "--time", "2014-10-23T12:10", "--color", "usflux")),
        ("coverage", day),
        ("record", files),
        ("keywords", (*day, "--keyword", "usflux", "--flares", flares)),
    ):
        picture = tmp_path / f"{kind}.png"
        shown = run("plot", kind, *rest, "-o", picture)
        assert shown.exit_code == 0, shown.output
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.name in shown.stdout.replace("\n", "")
    shown = run("plot", "record", tmp_path / "files", "--columns", "1", "-o", tmp_path / "again.svg")
    assert shown.exit_code == 0, shown.output
    assert "svg" in (tmp_path / "again.svg").read_text()[:400]
    assert not list(tmp_path.rglob(".*"))


def test_plots_that_cannot_be_drawn_give_one_message(demo: tuple[str, Layer], tmp_path: Path) -> None:
    shown = run("plot", "coverage", *STEP, "--no-progress", "-o", tmp_path / "x.doc")
    assert shown.exit_code == 2
    assert "The file name must end with .png" in shown.stderr
    shown = run("plot", "disk", "1999-01-01", "1999-01-02", "-o", tmp_path / "x.png")
    assert shown.exit_code == 1
    assert "nothing to draw" in shown.stderr
    (tmp_path / "flares.txt").write_text("what\n")
    shown = run(
        "plot", "keywords", *STEP, "--no-progress", "--flares", tmp_path / "flares.txt", "-o", tmp_path / "x.png"
    )
    assert shown.exit_code == 2
    assert "flares" in shown.stderr
    assert "Traceback" not in shown.output
    assert not list(tmp_path.glob("*.png"))
