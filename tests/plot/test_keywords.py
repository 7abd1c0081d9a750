"""Curves of keywords: their HARPs and series, records without neighbours, flare tables, and saved files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
import pytest
from astropy.table import QTable, Table, vstack
from astropy.utils.masked import Masked
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast import QueryError
from sunpy_flarecast.flares import read_flares
from sunpy_flarecast.keywords.timeseries import timeseries_of
from sunpy_flarecast.plot import plot_keywords
from sunpy_flarecast.plot.saving import save
from sunpy_flarecast.sharp.t_rec import slot_time, text_slot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

mpl.use("agg")

CCD, NRT = "hmi.sharp_720s", "hmi.sharp_720s_nrt"


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    mpl.pyplot.close("all")


def keywords(slots: Any, *, harp: int = 377, series: str = CCD, factor: float = 1.0) -> QTable:
    times = slot_time(slots)
    count = len(slots)
    return QTable(
        {
            "T_REC": times,
            "Start Time": times.utc,
            "Series": [series] * count,
            "HARPNUM": [harp] * count,
            "Record": np.arange(count),
            "usflux": np.arange(1.0, count + 1) * factor * 1e21 * u.Mx,
            "errvf": np.full(count, factor * 1e19) * u.Mx,
            "meangam": np.full(count, np.nan) * u.deg,
        }
    )


def drawn(panel: Any) -> dict[str, tuple[Any, Any]]:
    return {line.get_label(): line.get_data() for line in panel.lines if not line.get_label().startswith("_")}


def test_one_harp_number_in_two_series_is_two_curves() -> None:
    table = vstack([keywords(np.arange(5)), keywords(np.arange(5), series=NRT, factor=10)], metadata_conflicts="silent")
    [panel] = plot_keywords(table, "usflux")
    curves = drawn(panel)
    assert list(curves) == ["377 (sharp_720s)", "377 (sharp_720s_nrt)"]
    assert curves["377 (sharp_720s)"][1].tolist() == [1e21, 2e21, 3e21, 4e21, 5e21]
    assert curves["377 (sharp_720s_nrt)"][1].tolist() == [1e22, 2e22, 3e22, 4e22, 5e22]
    # Each curve has its own errors.
    lengths = [np.ptp(bar[:, 1]) for container in panel.containers for bar in container[2][0].get_segments()]
    assert sorted(set(np.round(lengths, -15).tolist())) == pytest.approx([2e19, 2e20])
    alone = plot_keywords(keywords(np.arange(5), series=NRT), "usflux")[0]
    assert list(drawn(alone)) == ["377"]


def test_time_series_of_two_series_are_two_curves() -> None:
    pytest.importorskip("h5netcdf", reason="sunpy.timeseries needs it")
    both = [timeseries_of(keywords(np.arange(5), series=series), ["usflux"])[377] for series in (CCD, NRT)]
    assert list(drawn(plot_keywords(both)[0])) == ["377 (sharp_720s)", "377 (sharp_720s_nrt)"]


@pytest.mark.parametrize("count", [20, 600])
def test_isolated_records_are_drawn_as_points(count: int) -> None:
    slots = np.concatenate([np.arange(count), [count + 50, count + 100], np.arange(count + 150, count + 160)])
    table = keywords(slots)
    table["usflux"][5] = np.nan
    table["usflux"][7] = np.nan  # the value between them is isolated, too
    [panel] = plot_keywords(table, "usflux")
    pointed = set()
    for line in panel.lines:
        if line.get_marker() not in ("", "None", None) and line.get_markersize() > 0:
            times, values = line.get_data()
            pointed |= set(np.round(times[np.isfinite(values)], 6).tolist())
    alone = np.round(mdates.date2num(slot_time(slots[[6, count, count + 1]]).utc.to_datetime()), 6)
    assert set(alone.tolist()) <= pointed
    assert len(pointed) == (3 if count == 600 else len(slots) - 2)


def test_records_without_t_rec_are_left_out() -> None:
    table = keywords(np.arange(5))
    table["T_REC"][2] = np.ma.masked
    times, values = drawn(plot_keywords(table, "usflux")[0])["377"]
    assert values.tolist() == [1e21, 2e21, 4e21, 5e21]
    assert times[0] == pytest.approx(mdates.date2num(slot_time(0).utc.to_datetime()))


def test_flares_are_marked_at_their_peaks_or_else_starts(tmp_path: Path) -> None:
    path = tmp_path / "flares.csv"
    path.write_text(
        "start_time,peak_time,goes_class\n"
        "2014-10-22T00:20,2014-10-22T00:30,M1.0\n2014-10-22T00:40,,X3.1\n2014-11-30T00:00,2014-11-30T00:01,M9.0\n"
    )
    first = text_slot("2014.10.22_00:12:00_TAI")
    expected = mdates.datestr2num(["2014-10-22T00:30", "2014-10-22T00:40"])
    for flares in (path, Table.read(path), read_flares(path)):
        [panel] = plot_keywords(keywords(first + np.arange(5)), "usflux", flares=flares)
        marks = {lines.get_label(): np.array(lines.get_segments())[:, :, 0] for lines in panel.collections}
        assert [marks[f"_flares {letter}"].tolist() for letter in "MX"] == [[[day, day]] for day in expected]
        assert {text.get_text() for text in panel.texts} == {"M1.0", "X3.1"}


def test_thousands_of_flares_need_no_more_artists_than_a_few() -> None:
    slots = text_slot("2014.10.22_00:12:00_TAI") + np.arange(5)
    peaks = slot_time(slots[0]).utc + np.linspace(0, 40, 3000) * u.min
    numbers = []
    for count in (4, 3000):
        flares = Table({"peak_time": peaks[:count], "goes_class": ["X1.0", "M1.0", "C1.0", ""] * (count // 4)})
        [panel] = plot_keywords(keywords(slots), "usflux", flares=flares)
        marks = [lines for lines in panel.collections if lines.get_label().startswith("_flares")]
        assert sum(len(lines.get_segments()) for lines in marks) == count
        numbers.append(len(panel.get_children()) - len(panel.texts))
    assert numbers[0] == numbers[1]


def test_a_list_without_flares_in_the_range_gives_a_warning() -> None:
    first = text_slot("2014.10.22_00:12:00_TAI")
    flares = Table({"peak_time": ["2014-10-21T00:30", "2014-10-23T00:30"], "goes_class": ["M1.0", "X1.0"]})
    message = r"^None of the 2 flares is between 2014-10-21T23:\d\d and 2014-10-22T01:\d\d; no flare is marked\.$"
    with pytest.warns(SunpyUserWarning, match=message):
        plot_keywords(keywords(first + np.arange(5)), "usflux", flares=flares)


def test_errors_in_the_table_become_error_bars() -> None:
    table = keywords(np.arange(5))
    table["errvf"] = table["usflux"] / 10
    [panel] = plot_keywords(table, "usflux")
    assert len(panel.collections) == 1
    [panel] = plot_keywords(table["T_REC", "HARPNUM", "usflux"], "usflux")
    assert not panel.collections


def test_a_list_without_flares_gives_no_marks(tmp_path: Path) -> None:
    path = tmp_path / "flares.csv"
    path.write_text("peak_time,goes_class\n")
    for flares in (path, Table({"peak_time": ["2014-10-22T00:30"], "goes_class": ["M1.0"]})[:0]):
        [panel] = plot_keywords(keywords(np.arange(5)), "usflux", flares=flares)
        assert len(panel.lines) == 1
        assert not panel.texts


def test_a_time_that_is_text_gives_a_one_line_error(tmp_path: Path) -> None:
    from sunpy_flarecast.keywords.files import write_keywords

    write_keywords(keywords(np.arange(5)), tmp_path / "k.csv")
    with pytest.raises(QueryError, match=r"T_REC of the table has values of the type .*, not times.*\.ecsv"):
        plot_keywords(QTable.read(tmp_path / "k.csv"), "usflux")


def test_named_error_keywords_are_drawn_as_curves() -> None:
    [errors] = plot_keywords(keywords(np.arange(5)), "errvf")
    assert errors.get_ylabel() == "ERRVF (Mx)"
    assert drawn(errors)["377"][1].tolist() == [1e19] * 5
    flux, errors = plot_keywords(keywords(np.arange(5)), "usflux", "ERRVF")
    assert len(flux.containers) == 1
    assert (flux.get_ylabel(), errors.get_ylabel()) == ("USFLUX (Mx)", "ERRVF (Mx)")
    [flux] = plot_keywords(keywords(np.arange(5)))
    assert flux.get_ylabel() == "USFLUX (Mx)"


def test_a_keyword_without_values_is_reported() -> None:
    with pytest.raises(QueryError, match="'meangam' has no values"):
        plot_keywords(keywords(np.arange(5)), "meangam")
    masked = keywords(np.arange(5))
    masked["errgam"] = Masked(np.zeros(5) * u.deg, mask=True)
    with pytest.raises(QueryError, match="'errgam' has no values"):
        plot_keywords(masked, "ERRGAM")


@pytest.mark.parametrize("name", ["x.doc", "no/such/folder/x.png"])
def test_a_plot_that_cannot_be_written_leaves_no_figure(tmp_path: Path, name: str) -> None:
    axes = plot_keywords(keywords(np.arange(5)), "usflux")
    with pytest.raises(QueryError):
        save(axes, tmp_path / name)
    assert mpl.pyplot.get_fignums() == []
    assert not list(tmp_path.iterdir())
