"""Lists of flares from common sources: NOAA's reports, CSV, the HEK, tables with other names, and invalid lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st
from sunpy.net.fido_factory import UnifiedResponse
from sunpy.net.hek import HEKClient
from sunpy.net.hek.hek import HEKTable
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.flares import FlareList, flux_of_class, read_flares, threshold_name
from sunpy_flarecast.flares.classes import class_of_flux

if TYPE_CHECKING:
    from pathlib import Path

# Lines of NOAA's reports of 1996 to 2014: both layouts, a region of four digits, X28.0, a flare past midnight, a flare
# listed twice (once without a region), an error in the list (a peak after the end), and a flare without a class.
REPORT = """\
31777140101  0645 0652 0649                                C 21    G15  5.8E-04
31777140101  0721 0729 0726 S12W47                         C 32    G15  1.0E-03 11940 131228.7
31777140101  1840 1903 1852 S14W47                         M 99    G15  8.2E-02 11936 131229.2
31777031104  1929 2006 1950 S19W833B                       X280    GOES 2.3E00  10486
31777960711  2359 0008 0004                                B 17    GOES
31777000309  1833 1841 1838                                C 29    GOES 9.4E-04
31777000309  1833 1841 1838 S19E541F                       C 29    GOES 9.3E-04  8906
31777971219  1800 2153 0011                                C 11    GOES
31777960420  1552 1555 1553 S05W52SF                               GOES          7958
31777960420  1552 1555 1553 S05W52SF                               GOES          7958
"""


def texts(times: Any) -> list[str]:
    return np.datetime_as_string(times, unit="m").tolist()


def test_a_goes_report_is_read(tmp_path: Path) -> None:
    (tmp_path / "goes-xrs-report.txt").write_text(REPORT)
    flares = read_flares(tmp_path / "goes-xrs-report.txt")
    assert flares.repeated == 2
    rows = {
        peak: row
        for peak, *row in zip(texts(flares.peak), flares.goes_class.tolist(), flares.noaa.tolist(), strict=True)
    }
    assert rows == {
        "1996-04-20T15:53": ["", 7958],
        "1996-07-12T00:04": ["B1.7", 0],
        "NaT": ["C1.1", 0],
        "2000-03-09T18:38": ["C2.9", 8906],
        "2003-11-04T19:50": ["X28.0", 10486],
        "2014-01-01T06:49": ["C2.1", 0],
        "2014-01-01T07:26": ["C3.2", 11940],
        "2014-01-01T18:52": ["M9.9", 11936],
    }
    assert texts(flares.start)[:3] == ["1996-04-20T15:52", "1996-07-11T23:59", "1997-12-19T18:00"]
    assert texts(flares.end)[1] == "1996-07-12T00:08"
    assert flares.size[4] == 28e-4
    assert np.isnan(flares.size[0])
    assert (flares.lon[4], flares.lat[4]) == (83, -19)
    assert (flares.lon[3], flares.lat[3]) == (-54, -19)
    assert np.isnan(flares.lon[5])
    assert texts([flares.begin, flares.last]) == ["1996-04-20T15:52", "2014-01-01T19:03"]
    (tmp_path / "broken.txt").write_text(REPORT + "# made by me\n")
    with pytest.raises(QueryError, match=r"Line 11 of the GOES XRS report .*broken\.txt does not start with 31777"):
        read_flares(tmp_path / "broken.txt")


def test_lists_of_swpc_are_read(shared_data: Path) -> None:
    flares = read_flares(shared_data / "flares" / "swpc_2014.csv")
    others = read_flares(shared_data / "flares" / "flares_with_positions_2014.csv")
    assert len(flares) == len(others) == 2019
    # The list with positions was made from the other list, and has a peak where the other lacks one (////).
    [unknown] = np.flatnonzero(np.isnat(flares.peak)).tolist()
    assert flares.goes_class[unknown] == "C3.8"
    assert texts([flares.start[unknown], flares.end[unknown]]) == ["2014-05-25T23:49", "2014-05-26T00:04"]
    assert flares.start.tolist() == others.start.tolist()
    assert flares.noaa.tolist() == others.noaa.tolist()
    assert flares.size.tolist() == others.size.tolist()
    assert (flares.noaa == 0).sum() == 159
    # In the list with positions, peaks after midnight have the date of the start, so they are a day too early.
    same = ~np.isnat(flares.peak)
    assert (flares.peak == others.peak)[same].all()
    assert (flares.peak >= flares.start)[same].all()
    assert (flares.end >= flares.start).all()
    assert np.isfinite(others.lon).sum() == 1997
    assert np.isnan(flares.lon).all()


def hek(**more: Any) -> HEKTable:
    """Make a table like those of HEKClient."""
    columns = {
        "event_starttime": Time(["2014-10-24T21:07", "2014-10-25T16:55", "2014-10-26T00:00"]),
        "event_peaktime": Time(["2014-10-24T21:41", "2014-10-25T17:08", "2014-10-26T00:10"]),
        "event_endtime": Time(["2014-10-24T22:13", "2014-10-25T18:11", "2014-10-26T00:20"]),
        "fl_goescls": ["X3.1", "X1.0", ""],
        "ar_noaanum": MaskedColumn([12192, 12192, 0], mask=[False, False, True]),
        "hgs_x": [21.0, 31.0, np.nan],
        "hgs_y": [-16.0, -10.0, np.nan],
        "frm_name": ["SWPC"] * 3,
    }
    return HEKTable(columns | more, client=HEKClient())


def test_results_of_the_hek_are_read() -> None:
    flares = read_flares(UnifiedResponse(hek()))
    assert texts(flares.peak) == ["2014-10-24T21:41", "2014-10-25T17:08", "2014-10-26T00:10"]
    assert flares.noaa.tolist() == [12192, 12192, 0]
    assert flares.lon[:2].tolist() == [21, 31]
    assert flares.lat[:2].tolist() == [-16, -10]
    assert np.isnan(flares.size[2])
    with pytest.raises(QueryError, match=r"from 2 sources in the HEK \(SSW Latest Events, SWPC\).*'frm_name'"):
        read_flares(hek(frm_name=["SWPC", "SSW Latest Events", "SWPC"]))
    with pytest.raises(QueryError, match="has 2 tables"):
        read_flares(UnifiedResponse(hek(), hek()))


def test_any_table_is_read_with_given_column_names() -> None:
    pandas = pytest.importorskip("pandas")
    columns = {
        "T0": ["2014-02-01 01:19", "2014-02-01 07:14"],
        "when": Time(["2014-02-01T01:25", "2014-02-01T07:23"]).tai,
        "GOES Class": ["M1.0", "m3.0"],
        "number": [1967, 11967],
        "west": [-10, 20] * u.deg,
        "north": [-0.25, 0.25] * u.rad,
    }
    names = {"start": "T0", "peak": "when", "noaa": "number", "lon": "west", "lat": "north"}
    flares = read_flares(QTable(columns), columns=names)
    assert texts(flares.peak) == ["2014-02-01T01:25", "2014-02-01T07:23"]
    assert texts(flares.start) == ["2014-02-01T01:19", "2014-02-01T07:14"]
    assert flares.noaa.tolist() == [11967, 11967]
    assert flares.size.tolist() == [1e-5, 3e-5]
    assert flares.lat.tolist() == pytest.approx([-14.3239, 14.3239], abs=1e-4)
    frame = pandas.DataFrame({
        "peak": pandas.to_datetime(["2014-02-01T02:25+01:00", None]),
        "start_time": pandas.to_datetime(["2014-02-01T01:19", "2014-02-01T07:14"]),
        "class": ["M1.0", None],
        "noaa_ar": [1967.0, None],
    })  # fmt: skip
    flares = read_flares(frame)
    assert texts(flares.peak) == ["2014-02-01T01:25", "NaT"]
    assert texts(flares.times("peak")) == ["2014-02-01T01:25", "2014-02-01T07:14"]
    assert texts(flares.times("start")) == ["2014-02-01T01:19", "2014-02-01T07:14"]
    assert flares.noaa.tolist() == [11967, 0]
    with pytest.raises(
        QueryError, match=r"columns=\{'begin': 'T0'\} is invalid: the keys are start, peak, .* columns T0"
    ):
        read_flares(QTable(columns), columns={"begin": "T0"})


def test_numbers_and_times_of_day_that_pandas_read_as_numbers(shared_data: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = shared_data / "flares" / "swpc_2014.csv"
    assert read_flares(pandas.read_csv(path)).digest == read_flares(path).digest


def test_the_table_of_a_list_gives_the_same_list(shared_data: Path, tmp_path: Path) -> None:
    flares = read_flares(shared_data / "flares" / "flares_with_positions_2014.csv")
    flares.table().write(tmp_path / "flares.ecsv")
    for again in (flares.table(), tmp_path / "flares.ecsv", flares):
        assert read_flares(again).digest == flares.digest
    assert read_flares(flares.table()[1:]).digest != flares.digest
    assert repr(flares) == "<FlareList: 2,019 flares from 2014-01-01T06:45:00 to 2014-12-31T12:38:00>"


TABLE = {"start": ["2014-02-01T01:19"], "peak": ["2014-02-01T01:25"], "class": ["M1.0"], "noaa": ["11967"]}


def test_a_list_that_was_read_gets_another_extent() -> None:
    flares = read_flares(Table(TABLE))
    assert read_flares(flares) is flares
    wider = read_flares(flares, extent=("2014-01-01", "2015-01-01"))
    assert (str(wider.begin), str(wider.last)) == ("2014-01-01T00:00:00.000000", "2015-01-01T00:00:00.000000")
    assert repr(wider).startswith("<FlareList: 1 flare from ")
    with pytest.raises(QueryError, match="'bogus'"):
        read_flares(flares, extent=("bogus", "2015-01-01"))
    with pytest.raises(QueryError, match="a FlareList has been read already"):
        read_flares(flares, columns={"peak": "x"})
    with pytest.raises(QueryError, match=r"columns=\['peak'\] is not a dict"):
        read_flares(Table(TABLE), columns=["peak"])  # type: ignore[arg-type]


def test_angles_that_are_text_are_reported() -> None:
    message = r"^The column 'lat' has text that is not an angle in degrees for 1 flare \('north'\)\."
    with pytest.warns(SunpyUserWarning, match=message):
        flares = read_flares(Table({**TABLE, "lon": ["5 deg"], "lat": ["north"]}))
    assert np.isnan(flares.lat[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": None, "peak": None}, "has no column of times; it has class, noaa. Rename the column"),
        ({"start": [""], "peak": ["NaT"]}, "has no times: its columns of peak and start times are empty"),
        ({"class": None}, "no column of GOES classes; it has start, peak, noaa"),
        ({"class": ["flare"]}, "'class' of the flare table has no GOES class such as 'M1.0'. Rename"),
        ({"end": ["2014-02-01T01:20"]}, "Every peak .* is after the end .* the columns 'peak' and 'end'"),
        ({"peak": ["9999-12-31T23:59"]}, "has a time in the future, 9999-12-31T23:59:00"),
        ({"start": ["0001-01-01"]}, "has the time 0001-01-01T00:00:00.000000, before the first GOES classes. Correct"),
        ({"peak": ["1970-01-01"], "start": None}, "has the time 1970-01-01T00:00:00.000000, before"),
        ({"noaa": ["119670"]}, "'119670' in the column 'noaa' .* four or five digits. Correct it"),
        ({"noaa": ["north"]}, "'north' in the column 'noaa'"),
        ({"peak": ["soon"]}, "Cannot parse the time 'soon' in the column 'peak'"),
        ({"peak": ["0125"]}, "Cannot parse the time '0125' .* or add a column 'date' for times of day"),
        ({"peak": ["2561"], "date": ["20140201"]}, "Cannot parse the time of day '2561' in the column 'peak'"),
        ({"peak": ["0125"], "date": ["tomorrow"]}, "Cannot parse the time 'tomorrow' in the column 'date'"),
    ],
)
def test_invalid_lists_give_a_one_line_error(change: dict[str, Any], message: str) -> None:
    columns = {name: column for name, column in (TABLE | change).items() if column is not None}
    with pytest.raises(QueryError, match=message):
        read_flares(Table(columns))


def test_texts_that_are_not_goes_classes_give_a_warning() -> None:
    peaks = [f"2014-02-01T0{hour}:00" for hour in range(6)]
    texts = ["M1.0", "medium", "C", "g", "medium", ""]
    message = (
        r"^The column 'class' has text that is not a GOES class such as 'M1\.0' for 4 flares "
        r"\('medium', 'C', 'g'\)\. Flares of unknown class reach no threshold and make no label positive\."
    )
    with pytest.warns(SunpyUserWarning, match=message):
        flares = read_flares(Table({"peak": peaks, "class": texts}))
    assert np.isnan(flares.size).tolist() == [False, *[True] * 5]
    with pytest.warns(SunpyUserWarning, match=r" for 1 flare \('g'\)"):
        read_flares(Table({"peak": peaks[:2], "class": ["M1.0", "g"]}))
    with pytest.warns(SunpyUserWarning, match=r"\('m', 'c', 'g', \.\.\.\)"):
        read_flares(Table({"peak": peaks, "class": ["m", "c", "g", "x", "b", "M1"]}))
    read_flares(Table({"peak": peaks[:3], "class": ["M1.0", "", "nan"]}))  # empty cells give no warning


def test_texts_that_are_not_positions_give_a_warning() -> None:
    table = Table({"peak": ["2014-02-01", "2014-02-02", "2014-02-03"], "class": ["M1.0"] * 3})
    table["location"] = ["S12W47", "west limb", ""]
    message = r"^The column 'location' has text that is not a position such as 'S12W47' for 1 flare \('west limb'\)\."
    with pytest.warns(SunpyUserWarning, match=message):
        assert np.isnan(read_flares(table).lon).tolist() == [False, True, True]


def test_invalid_files_give_a_one_line_error(tmp_path: Path) -> None:
    for text, message in (
        ("", "is empty"),
        (
            "peak,class\n2014-02-01T01:25,M1.0,1,2\n",
            "a line of 4 fields, but 2 names in its header: '2014-02-01T01:25,M1.0,1,2'",
        ),
        ("peak,class\n", "The list of flares is empty"),
    ):
        (tmp_path / "flares.csv").write_text(text)
        with pytest.raises(QueryError, match=message):
            read_flares(tmp_path / "flares.csv")
    (tmp_path / "flares.dat").write_text("nothing that astropy knows\n")
    for path in (tmp_path / "flares.dat", tmp_path / "none.csv", tmp_path):
        with pytest.raises(QueryError, match="Cannot read the flare table"):
            read_flares(path)
    with pytest.raises(QueryError, match=r"it is a folder\. Give the path of a file in it"):
        read_flares(tmp_path)
    text = "peak,class\n2014-02-01T01:25,M1.0\n"
    for data in (text.encode("utf-16"), text.encode("utf-16-le"), bytes(range(256))):
        (tmp_path / "flares.csv").write_bytes(data)
        with pytest.raises(QueryError, match=r"it is not UTF-8 text\. Save it as a CSV file in UTF-8"):
            read_flares(tmp_path / "flares.csv")
    with pytest.raises(QueryError, match="flares=5 is not a flare table"):
        read_flares(5)


def test_the_extent_of_a_list_can_be_given() -> None:
    flares = read_flares(Table(TABLE), extent=("2014-01-01", Time("2015-01-01")))
    assert texts([flares.begin, flares.last]) == ["2014-01-01T00:00", "2015-01-01T00:00"]
    empty = read_flares(Table(TABLE)[:0], extent=("2019-01-01", "2019-02-01"))
    assert len(empty) == 0
    for extent in (("2015-01-01", "2014-01-01"), ("soon", "later"), 5):
        with pytest.raises(QueryError, match="extent="):
            read_flares(Table(TABLE), extent=extent)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "peaks",
    [
        Time(["2014-10-24T21:41", "2014-10-25T17:08"]),
        np.array(["2014-10-24T21:41", "NaT"], dtype="datetime64[s]"),
        ["2014-10-24T21:41", "nan"],
        ["2014-10-24T21:41", "NaT"],
        MaskedColumn(["2014-10-24T21:41", "x"], mask=[False, True]),
        Masked(np.array(["2014-10-24T21:41", "x"]), mask=[False, True]),
        np.array([Time("2014-10-24T21:41"), None], dtype=object),
    ],
    ids=["Time", "datetime64", "nan", "NaT", "MaskedColumn", "Masked", "objects"],
)
def test_missing_peaks_of_all_kinds_are_nat(peaks: Any) -> None:
    if isinstance(peaks, Time):
        peaks[1] = np.ma.masked
    flares = read_flares(Table({"peak_time": peaks, "goes_class": ["X3.1", "M1.0"]}))
    peak = dict(zip(flares.goes_class.tolist(), flares.peak, strict=True))
    assert peak["X3.1"] == np.datetime64("2014-10-24T21:41", "us")
    assert np.isnat(peak["M1.0"])


@given(st.sampled_from("ABCMX"), st.integers(10, 99))
def test_classes_and_fluxes_convert_into_each_other(letter: str, tenths: int) -> None:
    text = f"{letter}{tenths / 10}"
    flux = flux_of_class(text)
    assert class_of_flux(flux) == text
    assert threshold_name(text.lower()) == text
    if letter != "X":
        assert flux_of_class(f"{letter}10.0") == flux_of_class(f"{'ABCMX'['ABCMX'.index(letter) + 1]}1.0")


@pytest.mark.parametrize("threshold", ["Z9", "M", "", "M0", "M1.0.0", "1.0", 5, None])
def test_a_threshold_that_is_not_a_class_is_refused(threshold: Any) -> None:
    with pytest.raises(QueryError, match=r"is not a GOES class\. Write a letter"):
        threshold_name(threshold)


def test_a_threshold_without_decimals_is_the_same_as_with_them() -> None:
    assert threshold_name("M1") == threshold_name("M1.0") == threshold_name(" m1 ") == "M1.0"


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.sampled_from(["M1.0", "C1.0"])), min_size=1))
def test_flares_that_are_listed_twice_count_once(rows: list[tuple[int, int, str]]) -> None:
    times = [f"2014-02-01T0{hour}:00" for hour, _, _ in rows]
    noaa = [str(number) if number else "" for _, number, _ in rows]
    classes = [name for _, _, name in rows]
    flares = read_flares(Table({"peak": times, "class": classes, "noaa": noaa}))
    assert isinstance(flares, FlareList)
    numbered = {(hour, name) for hour, number, name in rows if number}
    expected = {row for row in rows if row[1] or (row[0], row[2]) not in numbered}
    assert len(flares) == len(expected)
    assert flares.repeated == len(rows) - len(expected)
    assert (np.diff(flares.peak) >= np.timedelta64(0, "us")).all()


def test_a_dash_is_a_missing_number_and_zeros_are_a_missing_position() -> None:
    flares = read_flares(
        Table({"peak": ["2014-02-01", "2014-02-02"], "class": ["M1.0", "M2.0"], "noaa": ["-", "1967"],
               "hgs_x": [0.0, 0.0], "hgs_y": [0.0, -3.0]})
    )  # fmt: skip
    assert flares.noaa.tolist() == [0, 11967]
    assert np.isnan([flares.lon[0], flares.lat[0]]).all()
    assert (flares.lon[1], flares.lat[1]) == (0, -3)
    with pytest.raises(QueryError, match="'noaa' of the flare table has several values per row"):
        read_flares(Table({"peak": ["2014-02-01"], "class": ["M1.0"], "noaa": [[1967, 1968]]}))
