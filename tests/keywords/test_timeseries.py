"""Time series of keywords: one for each HARP, with units, sorted, without duplicate times."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable, vstack
from astropy.time import Time
from faults import Layer, answer
from keyworded import FIRST, HARPS, SERIES, keywords_of, recnum_of
from sunpy.net import attrs as a

from sunpy_flarecast import (
    FLARECASTClient,
    FLARECASTResponse,
    MissingDataWarning,
    QueryError,
    Series,
    ServiceError,
)
from sunpy_flarecast.keywords.files import write_keywords
from sunpy_flarecast.keywords.timeseries import curve_names, timeseries_of
from sunpy_flarecast.sharp.t_rec import slot_of, slot_time

if TYPE_CHECKING:
    from pathlib import Path

STEPS = 20

with warnings.catch_warnings():
    # sunpy warns before the error.
    warnings.simplefilter("ignore")
    pytest.importorskip("sunpy.timeseries", reason="the extra timeseries is not installed", exc_type=ImportError)


@pytest.fixture
def results(keyworded: Layer) -> FLARECASTResponse:
    return FLARECASTClient().search(a.Time("2015-12-11", "2015-12-12"), Series(SERIES))


def test_one_harp_is_one_time_series(results: FLARECASTResponse, keyworded: Layer) -> None:
    keyworded.clear()
    flux = results.timeseries("usflux", "R_VALUE", harpnum=6178, errors=True)
    assert type(flux).__name__ == "GenericTimeSeries"
    assert flux.columns == ["usflux", "errvf", "r_value"]
    assert [flux.units[name] for name in flux.columns] == [u.Mx, u.Mx, u.dimensionless_unscaled]
    expected = slot_time(FIRST + np.arange(STEPS))
    assert abs((flux.time - expected.utc).to_value("s")).max() < 1e-3
    assert flux.time[0].isot == "2015-12-11T00:11:24.000"  # T_REC is 36 s ahead of UTC
    values = flux.quantity("usflux")
    assert np.isnan(values[0])
    assert values[1:].to_value("Mx").tolist() == [keywords_of(6178, step)["USFLUX"] for step in range(1, STEPS)]
    assert flux.quantity("errvf")[3] == keywords_of(6178, 3)["ERRVF"] * u.Mx
    meta = flux.meta.metadata[0][2]
    assert meta["harpnum"] == 6178
    assert meta["series"] == SERIES
    assert meta["telescop"] == "SDO/HMI"
    # Only this HARP was requested, and all keywords of one record.
    asked = [path.partition("?")[0] for _, path in keyworded.requests if "?" in path]
    assert sum(path.count(",") + 1 for path in asked) == STEPS
    assert len(keyworded.requests) - len(asked) == 1


def test_several_harps_give_a_dict_of_time_series(results: FLARECASTResponse) -> None:
    both = results.timeseries("meangam")
    assert list(both) == sorted(HARPS)
    assert {len(one.to_dataframe()) for one in both.values()} == {STEPS}
    assert list(results.timeseries("meangam", harpnum=[6180])) == [6180]
    assert results[results["HARPNUM"] == 6180].timeseries("meangam").keys() == {6180}


def test_time_series_of_a_saved_table(results: FLARECASTResponse, keyworded: Layer, tmp_path: Path) -> None:
    table = results.keywords("usflux", "noaa_ars", "npix")
    write_keywords(table, tmp_path / "k.ecsv")
    keyworded.clear()
    for kept in (table, QTable.read(tmp_path / "k.ecsv")):
        made = timeseries_of(kept)
        assert made[6178].columns == ["usflux", "npix"]
        assert made[6178].units["usflux"] == u.Mx
        assert np.isnan(made[6178].quantity("npix")[0])
        assert timeseries_of(kept, ["USFLUX"], 6180)[6180].columns == ["usflux"]
    assert keyworded.requests == []
    with pytest.raises(QueryError, match=r"no numeric column 'meangam'. It has: usflux, npix"):
        timeseries_of(table, ["meangam"])


def test_times_are_sorted_and_unique(results: FLARECASTResponse) -> None:
    table = results.keywords("usflux", "meangam")
    again = table[::-1].copy()
    again["usflux"] = np.ones(len(again)) * u.Mx
    doubled = vstack([table[::-1], again], metadata_conflicts="silent")
    made = timeseries_of(doubled)[6178]
    index = made.to_dataframe().index
    assert index.is_monotonic_increasing
    assert index.is_unique
    assert len(index) == STEPS
    values = made.quantity("usflux").to_value("Mx")
    assert values[0] == 1  # the first is masked, the second is not
    assert values[1] == keywords_of(6178, 1)["USFLUX"]


def test_missing_values_are_reported_and_nan(results: FLARECASTResponse, keyworded: Layer) -> None:
    keyworded.faults[str(recnum_of(6178, 5))] = answer(b'{"message": "the tape is away"}', status=404)
    with pytest.warns(MissingDataWarning, match="the tape is away") as caught:
        curve = results.timeseries("meangam", harpnum=6178)
    assert caught.pop(MissingDataWarning).filename == __file__
    assert np.flatnonzero(np.isnan(curve.quantity("meangam"))).tolist() == [5]
    with pytest.raises(ServiceError, match="leave out strict"):
        results.timeseries("meangam", harpnum=6178, strict=True)


def test_rows_without_a_time_are_left_out(results: FLARECASTResponse) -> None:
    table = results.keywords("meangam")
    table["T_REC"][3] = np.ma.masked
    assert sum(len(one.to_dataframe()) for one in timeseries_of(table).values()) == 2 * STEPS - 1
    table["T_REC"][:] = np.ma.masked
    with pytest.raises(QueryError, match="No record has both"):
        timeseries_of(table)


@pytest.mark.parametrize(
    ("names", "options", "part"),
    [
        (("usflux",), {"harpnum": 377}, "no record of HARP 377 in this table. It has: 6178, 6180"),
        (("usflux",), {"harpnum": "6178"}, "HARP numbers are integers"),
        (("usflux",), {"harpnum": True}, "HARP numbers are integers"),
        (("usflux",), {"harpnum": 6178.5}, "HARP numbers are integers"),
        (("usflux",), {"harpnum": []}, "HARP numbers are integers"),
        (("noaa_ars",), {}, "is text, and a time series holds numbers"),
        (("t_f*",), {}, "are text; a time series"),
        (("usflus",), {}, "Did you mean 'usflux'"),
    ],
)
def test_impossible_time_series_are_refused_before_any_request(
    results: FLARECASTResponse, keyworded: Layer, names: tuple[str, ...], options: dict[str, object], part: str
) -> None:
    keyworded.clear()
    with pytest.raises(QueryError) as caught:
        results.timeseries(*names, **options)
    assert part in str(caught.value)
    assert keyworded.requests == []


def test_empty_tables_and_several_series_are_refused(results: FLARECASTResponse) -> None:
    with pytest.raises(QueryError, match="There are no records"):
        results[:0].timeseries("usflux")
    results["Series"] = ["hmi.sharp_720s", *[SERIES] * (len(results) - 1)]
    with pytest.raises(QueryError, match=r"results\[results\['Series'\] == 'hmi.sharp_720s'\]"):
        results.timeseries("usflux")


def test_text_keywords_that_match_a_pattern_are_omitted() -> None:
    assert curve_names(["noaa_*"], [SERIES]) == ["noaa_ar", "noaa_num"]
    assert curve_names(["mean?bz", "r_value"], [SERIES], errors=True) == ["meangbz", "errbz", "r_value"]
    assert len(curve_names([], [SERIES], errors=True)) == 18 + 15


def test_the_missing_extra_is_named(
    results: FLARECASTResponse, monkeypatch: pytest.MonkeyPatch, keyworded: Layer
) -> None:
    keyworded.clear()
    monkeypatch.setitem(sys.modules, "sunpy.timeseries", None)
    with pytest.raises(ImportError, match=r"\[timeseries\]"):
        results.timeseries("usflux")
    assert keyworded.requests == []


def test_leap_seconds_and_time_scales_are_kept() -> None:
    slots = slot_of(Time(["2016-12-31T23:48", "2017-01-01T00:00", "2017-01-01T00:12"], scale="tai"))
    table = QTable(
        {
            "T_REC": slot_time(slots),
            "Start Time": slot_time(slots).utc,
            "Series": [SERIES] * 3,
            "HARPNUM": [7] * 3,
            "Record": [1, 2, 3],
            "usflux": [1, 2, 3] * u.Mx,
        }
    )
    steps = np.diff(timeseries_of(table)[7].to_dataframe().index) / np.timedelta64(1, "s")
    assert steps.tolist() == [720, 719]
