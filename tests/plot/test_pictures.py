"""Legibility of plots: labels, dates, legends and figures of records; and arguments refused before any request."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

import astropy.units as u
import matplotlib as mpl
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable, Table
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from keyworded import SERIES, fill
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_flarecast import (
    FileError,
    FLARECASTClient,
    FLARECASTResponse,
    MissingDataWarning,
    QueryError,
    Segment,
    Series,
    conf,
    load,
)
from sunpy_flarecast.archive import DirectoryArchive, create_app, running
from sunpy_flarecast.cli import cli
from sunpy_flarecast.sharp.catalog import SPACE_WEATHER
from sunpy_flarecast.sharp.t_rec import slot_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

mpl.use("agg")

from faults import Layer


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def _service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Layer]]:
    folder = tmp_path_factory.mktemp("small")
    fill(folder, 10)
    layer = Layer(create_app(DirectoryArchive(folder)))
    with running(layer) as url:
        yield url, layer


@pytest.fixture
def layer(_service: tuple[str, Layer]) -> Iterator[Layer]:
    _service[1].clear()
    with conf.set_temp("url", _service[0]):
        yield _service[1]


@pytest.fixture
def results(layer: Layer) -> FLARECASTResponse:
    found = FLARECASTClient().search(a.Time("2015-12-11", "2015-12-12"), Series(SERIES))
    layer.clear()
    return found


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


def curves(harps: int, steps: int = 20, **columns: Any) -> QTable:
    """Return a table of a number of HARPs."""
    slots = np.tile(np.arange(steps), harps) + 1005000
    flux = np.repeat(np.arange(harps), steps) * 1e21 * u.Mx
    return QTable(
        {"T_REC": slot_time(slots), "HARPNUM": np.repeat(np.arange(harps) + 100, steps), "usflux": flux} | columns
    )


# --- Curves -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harps", [2, 13, 45])
def test_curves_of_all_harps_are_distinguishable(harps: int) -> None:
    from sunpy_flarecast.plot import plot_keywords

    [panel] = plot_keywords(curves(harps))
    lines = [line for line in panel.lines if line.get_label().isdigit()]
    assert len({(line.get_color(), line.get_linewidth(), str(line._dash_pattern)) for line in lines}) == harps
    [legend] = panel.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [f"HARP {number + 100}" for number in range(harps)]
    panel.figure.canvas.draw()
    height = panel.figure.bbox.height
    assert all(0 <= text.get_window_extent().y0 < height for text in legend.get_texts())


def test_marks_contrast_with_white_and_black_and_differ_without_colour() -> None:
    from sunpy_flarecast.plot.colours import COLOURS, GREY
    from sunpy_flarecast.plot.flares import class_looks

    def luminance(colour: str) -> float:
        parts = np.array(mpl.colors.to_rgb(colour))
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    looks = class_looks(f"{letter}1.0" for letter in "XMCB")
    assert len({look["ls"] for look in looks.values()}) == 4
    assert not {look["color"] for look in looks.values()} & set(COLOURS), "flares look like curves"
    for colour in (*COLOURS, GREY, *(look["color"] for look in looks.values())):
        # Contrast ratio as defined by WCAG.
        assert 1.05 / (luminance(colour) + 0.05) >= 3
        assert (luminance(colour) + 0.05) / 0.05 >= 3


def test_zeros_of_r_value_interrupt_the_line() -> None:
    from sunpy_flarecast.plot import plot_keywords

    values = np.full(20, 4.0)
    values[7:9] = 0
    [panel] = plot_keywords(curves(1, r_value=values), "r_value")
    assert panel.figure.get_suptitle() == "R_VALUE of HARP 100"
    joined, alone = [
        [line.get_ydata() for line in panel.lines if (line.get_linestyle() == "None") is dots] for dots in (False, True)
    ]
    assert np.isnan(joined[0]).sum() == 2
    assert np.nanmin(joined[0]) == 4
    assert alone[0].tolist() == [0, 0]
    # The zeros are on the time axis, whatever the scale of the values is, and named in the legend.
    panel.figure.canvas.draw()
    [zeros] = [line for line in panel.lines if line.get_linestyle() == "None"]
    heights = zeros.get_transform().transform(zeros.get_xydata())[:, 1]
    assert heights.tolist() == pytest.approx([panel.bbox.y0] * 2)
    assert 3 < panel.get_ylim()[0] < 4
    assert [text.get_text() for text in panel.figure.legends[0].get_texts()] == ["R_VALUE is 0"]


def test_only_zeros_are_at_zero() -> None:
    from sunpy_flarecast.plot import plot_keywords

    [panel] = plot_keywords(curves(1, r_value=np.zeros(20)), "r_value")
    assert panel.get_ylim()[0] == 0


def test_zeros_of_r_value_leave_the_scales_of_other_panels() -> None:
    from sunpy_flarecast.plot import plot_keywords

    values = np.where(np.arange(20) < 2, 0.0, 4.0)
    _, panel = plot_keywords(curves(1, r_value=values, totpot=np.zeros(20)), "r_value", "totpot")
    assert panel.get_ylim()[0] < 0


def test_zeros_of_other_keywords_are_values() -> None:
    from sunpy_flarecast.plot import plot_keywords

    values = np.full(20, 4.0)
    values[7:9] = 0
    [panel] = plot_keywords(curves(1, meangam=values), "meangam")
    assert panel.get_ylim()[0] < 0
    assert not panel.figure.legends


def test_many_keywords_are_drawn_in_two_columns_with_dates_below() -> None:
    from sunpy_flarecast.plot import plot_keywords

    names = SPACE_WEATHER[:7]
    panels = plot_keywords(curves(1, **{name: np.arange(20.0) for name in names if name != "usflux"}))
    panels[0].figure.canvas.draw()
    left = {round(panel.get_window_extent().x0) for panel in panels}
    assert len(left) == 2
    assert [bool(panel.get_xlabel()) for panel in panels] == [False] * 5 + [True] * 2
    for panel in panels[-2:]:
        assert any(label.get_text() and label.get_visible() for label in panel.get_xticklabels())
    assert len({round(panel.yaxis.label.get_window_extent().x1) for panel in panels[::2]}) == 1


def test_labels_of_close_flares_do_not_overlap_and_others_are_in_the_legend() -> None:
    from sunpy_flarecast.plot import plot_keywords

    first = slot_time(1005005).utc
    many = Table(
        {
            "peak_time": [(first + place * u.min).isot for place in range(9)],
            "goes_class": ["X1.0", "M5.0", *(f"C{number}.0" for number in range(1, 8))],
        }
    )
    [panel] = plot_keywords(curves(2), flares=many[:5])
    panel.figure.canvas.draw()
    assert len(panel.texts) == 5
    boxes = [text.get_window_extent() for text in panel.texts]
    assert not [1 for place, one in enumerate(boxes) for other in boxes[:place] if one.overlaps(other)]
    assert len(panel.figure.legends[0].get_texts()) == 2
    [panel] = plot_keywords(curves(2), flares=many)
    assert {"X1.0", "M5.0"} < {text.get_text() for text in panel.texts}
    texts = [text.get_text() for text in panel.figure.legends[0].get_texts()]
    assert texts == ["HARP 100", "HARP 101", "X flare", "M flare", "C flare"]


def test_results_draw_their_keywords(results: FLARECASTResponse, layer: Layer, tmp_path: Path) -> None:
    flares = tmp_path / "flares.csv"
    flares.write_text("peak_time,goes_class\n2015-12-11T00:30,X1.1\n")
    upper, lower = results.plot_keywords(["usflux", "meangam"], harpnum=6178, flares=flares, progress=False)
    assert upper.get_ylabel() == "USFLUX (Mx)"
    assert lower.get_ylabel() == "MEANGAM (°)"
    assert upper.figure.get_suptitle() == "USFLUX, MEANGAM of HARP 6178"
    assert [text.get_text() for text in upper.texts] == ["X1.1"]
    layer.clear()
    flares.write_text("when,goes_class\n2015-12-11T00:30,X1.1\n")
    with pytest.raises(QueryError, match="no column of times; it has when, goes_class"):
        results.plot_keywords("usflux", flares=flares)
    with pytest.raises(QueryError, match=r"Cannot read the flare table .*none\.csv"):
        results.plot_keywords("usflux", flares=tmp_path / "none.csv")
    with pytest.raises(QueryError, match="flares=5 is not a flare table"):
        results.plot_keywords("usflux", flares=5)
    assert not layer.requests


def test_invalid_axes_and_names_are_refused(results: FLARECASTResponse) -> None:
    with pytest.raises(QueryError, match=r"plot_coverage\(ax=\.\.\.\) needs axes"):
        results.plot_coverage(ax=5)
    with pytest.raises(QueryError, match=r"plot_keywords\(ax=\.\.\.\) needs axes"):
        results.plot_keywords("usflux", ax=5)
    for wrong in (5, ""):
        with pytest.raises(QueryError, match=f"color={wrong!r} is not the name of one keyword"):
            results.plot_disk(results["T_REC"][0], color=wrong)


def test_errors_for_invalid_curves_give_advice(results: FLARECASTResponse) -> None:
    from sunpy_flarecast.plot import plot_keywords

    with pytest.raises(QueryError, match=r"results\.plot_keywords\('usflux'\) requests and draws them"):
        plot_keywords(results, "usflux")
    found = Fido.search(a.Time("2015-12-11", "2015-12-12"), a.flarecast.Series(SERIES))
    with pytest.raises(QueryError, match=r"results\['flarecast'\]\.plot_keywords"):
        plot_keywords(found)
    with pytest.raises(QueryError, match=r"the data have no keyword 'usflx'.* Did you mean 'usflux'\?"):
        plot_keywords(curves(1), "usflx")
    with pytest.raises(QueryError, match="'noaa_ars' is not a numeric column"):
        plot_keywords(curves(1, noaa_ars=["12443"] * 20), "usflux", "noaa_ars")


# --- Time axes and coverage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        (["2015-12-25", "2016-01-01", "2016-01-08"], ["25 Dec\n2015", "01 Jan\n2016", "08 Jan"]),
        (["2015-11-01", "2015-12-01", "2016-01-01"], ["Nov\n2015", "Dec", "Jan\n2016"]),
        (["2014-01-01", "2015-01-01"], ["2014", "2015"]),
        (["2015-12-31T18:00", "2016-01-01T00:00"], ["18:00\n31 Dec 2015", "00:00\n01 Jan 2016"]),
        ([], []),
    ],
)
def test_tick_labels_show_each_year_once(ticks: list[str], labels: list[str]) -> None:
    from sunpy_flarecast.plot.axes import DateTicks

    assert DateTicks().format_ticks(mdates.datestr2num(ticks) if ticks else []) == labels


def test_the_bar_of_one_record_is_one_time_step_wide(results: FLARECASTResponse) -> None:
    axes = results[:1].plot_coverage()
    first, last = axes.get_xlim()
    assert last - first == pytest.approx(1, abs=0.02)
    [bar] = [path.get_extents() for collection in axes.collections for path in collection.get_paths()]
    assert bar.width == pytest.approx(12 / 1440)
    assert axes.get_title(loc="left") == "1 HARP, 1 record"
    assert results.plot_coverage().get_title(loc="left") == f"2 HARPs, {len(results)} records, one every 12 min"


def test_many_harps_share_rows_and_keep_their_numbers(demo: tuple[str, Layer]) -> None:
    table = FLARECASTClient().search(
        a.Time("2014-01-01", "2014-06-01"), Series.hmi_sharp_720s, Segment("bitmap"), a.Sample(1 * u.day),
        progress=False,
    )  # fmt: skip
    axes = table.plot_coverage()
    numbers = {str(number) for number in table["HARPNUM"]}
    assert len(numbers) > 60
    assert {text.get_text() for text in axes.texts} == numbers
    axes.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not [1 for place, one in enumerate(boxes) for other in boxes[:place] if one.overlaps(other)]
    assert axes.get_ylim()[0] < 40


SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda one: (one[0], one[0] + one[1])))


@given(SPANS)
def test_bars_of_one_row_do_not_overlap(spans: list[tuple[int, int]]) -> None:
    from sunpy_flarecast.plot.axes import pack

    rows = pack(spans)
    for place, one in enumerate(spans):
        for before, other in enumerate(spans[:place]):
            assert rows[place] != rows[before] or one[0] >= other[1] or other[0] >= one[1]
    most = max((sum(begin <= at < end for begin, end in spans) for at, _ in spans), default=0)
    assert len(set(rows)) == most


def test_labels_do_not_cross_the_limb() -> None:
    from sunpy_flarecast.plot.geometry import place_labels

    boxes, sizes, limb = [[-95, -5, -85, 5]], [[30, 10]], (0.0, 0.0, 100.0)
    [(x, y)] = place_labels(boxes, sizes, limb)
    corners = np.hypot([x - 15, x + 15, x - 15, x + 15], [y - 5, y - 5, y + 5, y + 5])
    assert corners.max() < 100 or corners.min() > 100
    [(x, y)] = place_labels(boxes, sizes)
    corners = np.hypot([x - 15, x + 15, x - 15, x + 15], [y - 5, y - 5, y + 5, y + 5])
    assert corners.max() > 100 > corners.min()


def test_labels_are_next_to_their_own_box() -> None:
    from sunpy_flarecast.plot.geometry import place_labels

    # The second label takes the place below, which leaves the third one a place that is nearer to the second box.
    boxes = [[24, 0, 34, 10], [0, 0, 10, 10], [12, 0, 22, 10]]
    right, left, middle = place_labels(boxes, [[30, 8]] * 3)
    assert left[0] < middle[0] < right[0]


def test_places_are_not_sought_far_outside_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    from sunpy_flarecast.plot import geometry

    tried, candidates = [], geometry._candidates

    def noted(*of: Any) -> Any:
        for candidate, distance in candidates(*of):
            tried.append(distance)
            yield candidate, distance

    monkeypatch.setattr(geometry, "_candidates", noted)
    # No label fits into the frame; 200 such labels took minutes.
    geometry.place_labels([[40, 40, 50, 50]] * 30, [[120, 8]] * 30, frame=(0.0, 0.0, 100.0, 100.0))
    assert max(tried) < 22


def test_labels_stay_inside_the_frame() -> None:
    from sunpy_flarecast.plot.geometry import place_labels

    [(x, y)] = place_labels([[40, 40, 48, 49]], [[20, 8]], frame=(-50.0, -50.0, 50.0, 50.0))
    assert -40 <= x <= 40
    assert -46 <= y <= 46


def test_labels_of_a_plot_stay_inside_its_axes() -> None:
    from sunpy_flarecast.plot.axes import draw_labels

    ax = plt.figure(figsize=(4, 4)).subplots()
    ax.set(xlim=(0, 10), ylim=(0, 10))
    # Beside edges and corners, over an edge, and outside; the second and third are at the same place.
    boxes = [(9.5, 9, 10, 10), (9.5, 4, 10, 5), (9.5, 4, 10, 5), (-1, -1, 0.5, 0.5), (4, 9, 6, 12), (11, 4, 12, 5)]
    draw_labels(ax, boxes, list("abcdef"), fontsize=30)
    frame, extents = ax.bbox.extents, [label.get_window_extent() for label in ax.texts]
    assert [label.get_text() for label in ax.texts] == list("abcde")
    for place, one in enumerate(extents):
        assert (np.sign(one.extents - frame) == [1, 1, -1, -1]).all()
        assert not any(one.overlaps(other) for other in extents[:place])


# --- Figures of records -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return files of one record of the demo."""
    from datetime import UTC, datetime

    from sunpy_flarecast.archive import DemoArchive

    archive, series = DemoArchive(), "hmi.sharp_cea_720s"
    one = next(
        iter(archive.records(series, datetime(2014, 2, 10, tzinfo=UTC), datetime(2014, 2, 10, 0, 11, tzinfo=UTC)))
    )
    paths = []
    for name in ("magnetogram", "bitmap", "Br", "Bt", "Bp"):
        path = tmp_path_factory.getbasetemp() / f"{series}.1234.20140210_000000_TAI.{name}.fits"
        path.write_bytes(archive.segment(series, one.recnum, name))
        paths.append(str(path))
    return paths


def test_the_font_size_adapts_to_the_axes(record: list[str]) -> None:
    from sunpy_flarecast.plot import plot_record

    sizes = []
    for width, height in ((22, 12), (8, 6)):
        _, axes = plt.subplots(1, 2, figsize=(width, height), layout="constrained")
        panels = plot_record(record, ax=axes[1])
        panels[0].figure.figure.canvas.draw()
        titles = [panel.title.get_window_extent() for panel in panels]
        assert not [1 for place, one in enumerate(titles) for other in titles[:place] if one.overlaps(other)]
        sizes.append(panels[0].title.get_fontsize())
    assert sizes[1] < sizes[0]
    _, axes = plt.subplots(1, 2, figsize=(3, 2))
    with pytest.raises(QueryError, match=r"5 segments do not fit into axes of 1\.\d x 1\.\d inches\. Pass axes of"):
        plot_record(record, ax=axes[1])
    assert axes[1].figure is not None


def test_titles_are_consistent_and_fit(record: list[str]) -> None:
    from sunpy_flarecast.plot import plot_record

    maps = list(load(record))
    nameless = list(load(record))
    for one in nameless:
        one.meta.pop("drms_id", None)
    assert plot_record(nameless)[0].figure.get_suptitle().endswith("TAI, CEA")
    title = plot_record([*maps[:2], *nameless[2:]])[0].figure.get_suptitle()
    assert title == f"SYNTHETIC data: HARP {maps[0].meta['harpnum']}, 2014-02-10 00:12:00 TAI, hmi.sharp_cea_720s"
    for one in maps:
        del one.meta["origin"]
    assert plot_record(maps[:2])[0].figure.get_suptitle().startswith("HARP")
    figure = plot_record(maps[:1])[0].figure
    figure.canvas.draw()
    assert figure._suptitle.get_window_extent().width <= figure.bbox.width


def test_record_plots_for_narrow_pages(record: list[str]) -> None:
    from sunpy_flarecast.plot import plot_record

    wide, narrow = plot_record(record), plot_record(record, columns=2)
    assert narrow[0].figure.get_figwidth() < 10 < wide[0].figure.get_figwidth()
    narrow[0].figure.canvas.draw()
    assert len({round(panel.get_window_extent().x0) for panel in narrow}) == 2
    for panel in narrow:
        bar = panel.child_axes[0]
        ends = [text.get_window_extent().x1 for text in bar.get_yticklabels()]
        assert max(ends) < narrow[0].figure.bbox.width
    assert len(plot_record(record[0], columns=2)) == 1
    with pytest.raises(QueryError, match=r"columns=0\): the number of columns must be positive"):
        plot_record(record, columns=0)


@pytest.mark.parametrize(("number", "columns"), [(1, 1), (4, 2), (5, 5), (6, 3), (11, 4), (31, 4)])
def test_the_number_of_columns_of_a_record_plot(number: int, columns: int) -> None:
    from sunpy_flarecast.plot.record import _columns

    assert _columns(number) == columns


def test_broken_files_can_be_skipped(record: list[str], tmp_path: Path) -> None:
    from sunpy_flarecast.plot import plot_record

    for path in record:
        shutil.copy(path, tmp_path)
    broken, bare = sorted(tmp_path.glob("*.B[rt].fits"))
    broken.write_bytes(broken.read_bytes()[:-3000])
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(bare, overwrite=True)
    with pytest.warns(MissingDataWarning, match=r"2 files are left out: .*Bt\.fits.*Br\.fits") as caught:
        maps = load(tmp_path, skip_broken=True)
    assert caught.pop(MissingDataWarning).filename == __file__
    assert len(maps) == len(list(maps)) == 3
    with pytest.raises(FileError):
        plot_record(tmp_path)
    with pytest.warns(MissingDataWarning, match="2 files are left out") as caught:
        assert len(plot_record(tmp_path, skip_broken=True)) == 3
    assert caught.pop(MissingDataWarning).filename == __file__
    with pytest.raises(FileError, match="2 files found, but none can be loaded"):
        load([broken, bare], skip_broken=True)
    with pytest.raises(FileError, match="2 files found, but none can be drawn"):
        plot_record([broken, bare], skip_broken=True)
    shown = run("plot", "record", tmp_path, "--skip-broken", "-o", tmp_path / "x.png")
    assert shown.exit_code == 1  # since files are missing
    assert "Br.fits" in shown.stderr
    assert (tmp_path / "x.png").exists()


def test_patterns_of_paths_are_loaded(record: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = record[0].rpartition("/")[0]
    names = ["Bp", "Bt", "Br"]
    assert [one.meta["segment"] for one in load(f"{folder}/*.1234.*.B?.fits")] == names
    monkeypatch.chdir(folder)
    assert len(load("*.1234.*.B?.fits")) == 3
    with pytest.raises(FileError, match=r"found no FITS file that matches '\*\.9999\.\*'"):
        load("*.9999.*")


# --- Files that cannot be written -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("keywords", "2015-12-11", "2015-12-12"),
        ("plot", "coverage", "2015-12-11", "2015-12-12"),
        ("plot", "disk", "2015-12-11", "2015-12-12"),
        ("plot", "keywords", "2015-12-11", "2015-12-12"),
        ("plot", "record", "x.fits"),
    ],
)
def test_outputs_are_checked_before_any_request(layer: Layer, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "file").touch()
    end = ".csv" if command[0] == "keywords" else ".png"
    for output, part in (
        (tmp_path / "no" / f"x{end}", "its folder does not exist. Create it first"),
        (tmp_path / "file" / f"x{end}", "its folder does not exist"),
        (tmp_path / "x.xyz", "x.xyz"),
    ):
        shown = run(*command, "-o", output)
        assert shown.exit_code == 2
        assert part in shown.stderr
        assert "Traceback" not in shown.output
    assert not layer.requests
    assert not (tmp_path / "no").exists()


def test_flares_and_names_are_checked_before_any_request(layer: Layer, tmp_path: Path) -> None:
    flares = tmp_path / "bad.csv"
    flares.write_text("when,what\n2015-12-11T00:30,X1.1\n")
    day = ("2015-12-11", "2015-12-12", "--series", SERIES)
    for arguments, part in (
        (("plot", "keywords", *day, "--flares", flares), "no column of times; it has when, what"),
        (("plot", "keywords", *day, "--keyword", "usflx"), "Did you mean 'usflux'"),
        (("plot", "keywords", *day, "--keyword", "noaa_ars"), "is text"),
    ):
        shown = run(*arguments, "-o", tmp_path / "x.png")
        assert shown.exit_code == 2
        assert part in shown.stderr
    shown = run("keywords", *day, "--keyword", "usflx")
    assert "Did you mean 'usflux'" in shown.stderr
    assert not layer.requests


# --- Keywords ---------------------------------------------------------------------------------------------------------


def test_a_star_selects_all_keywords_of_the_service(demo: tuple[str, Layer]) -> None:
    import requests

    found = FLARECASTClient().search(a.Time("2015-12-11", "2015-12-11T00:20"), Series("hmi.sharp_cea_720s"))[:1]
    url = f"{demo[0]}/HMI/hmi.sharp_cea_720s/meta/{found['Record'][0]}"
    meta = requests.get(url, timeout=60).json()[str(found["Record"][0])]["meta"]
    table = found.keywords("*")
    assert meta.keys() <= set(table.colnames)
    assert {"harpnum", "recnum", "t_rec", "date__obs", "quality", "wavelnth"} < set(table.colnames)
    assert table["recnum"][0] == found["Record"][0]
    assert table["active"][0] == meta["active"]
    assert {"distcoef"} < set(found.keywords("d*").colnames)


def test_lists_of_names_and_an_invalid_known_table(results: FLARECASTResponse, layer: Layer) -> None:
    assert results.keywords(["usflux", "r_value"], "npix").colnames[5:] == ["usflux", "r_value", "npix"]
    layer.clear()
    with pytest.raises(QueryError, match=r"known=\.\.\.\) takes an earlier result .* not int"):
        results.keywords("usflux", known=5)
    assert not layer.requests


def test_an_existing_file_requires_overwrite(results: FLARECASTResponse, tmp_path: Path) -> None:
    from sunpy_flarecast.table.io import check_path

    (tmp_path / "k.csv").touch()
    with pytest.raises(OSError, match="overwrite=True, or --overwrite"):
        check_path(tmp_path / "k.csv", "The table")


def test_a_pipe_gets_all_rows_and_columns(layer: Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = run("keywords", "2015-12-11", "2015-12-12", "--series", SERIES, "--keyword", "*")
    assert shown.exit_code == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert "lat_fwtpos" in lines[0]
    assert "usflux" in lines[0]
    assert sum(line.startswith("2015-12-11") for line in lines) == 20
    assert "..." not in shown.stdout


def test_progress_is_shown_for_few_records(
    results: FLARECASTResponse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    results[:6].keywords("usflux")
    assert "Keywords: 100%" in capsys.readouterr().err


def test_keywords_are_listed_with_meanings_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = str(a.flarecast.Keyword).splitlines()
    assert max(map(len, lines)) <= 80
    assert "usflux       [Mx] total unsigned flux" in lines


@pytest.mark.parametrize(
    ("write", "part"),
    [
        (lambda: a.flarecast.Keyword("usflx") > 1, "Did you mean 'usflux'"),
        (lambda: a.flarecast.Keyword("err*") > 1, r"is a pattern, but a condition needs a single keyword"),
        (lambda: a.flarecast.Keyword("usflux") > 1 * u.m, "is in Mx, and cannot be compared with 1.0 m"),
        (lambda: a.flarecast.Keyword("usflux") > "much", "USFLUX is a number"),
        (lambda: a.flarecast.Keyword("noaa_ars") > 5, "is text"),
        (lambda: a.flarecast.NOAA(0), "five-digit numbers"),
        (lambda: a.flarecast.NOAA(2443), r"write NOAA\(12443\)"),
    ],
)
def test_invalid_conditions_are_errors_when_written(write: Any, part: str) -> None:
    with pytest.raises(QueryError, match=part):
        write()


@pytest.mark.parametrize(
    ("option", "part"),
    [
        (("--where", "usflx > 5"), "Did you mean 'usflux'"),
        (("--where", "usflux > 5 G"), "is in Mx, and cannot be compared with 5 G; write 'usflux > 1e22 Mx'"),
        (("--where", "noaa_ars > 5"), "takes only == and !=; write 'noaa_ars == ...'"),
        (("--where", "err* > 5"), "is a pattern"),
        (("--noaa", "2443"), "write --noaa 12443"),
    ],
)
def test_errors_quote_the_syntax_of_the_command_line(layer: Layer, option: tuple[str, str], part: str) -> None:
    shown = run("search", "2015-12-11", "2015-12-12", *option)
    assert shown.exit_code == 2
    output = " ".join(shown.stderr.replace("│", " ").split())
    assert part in output
    assert "a.flarecast" not in output
    assert not layer.requests
