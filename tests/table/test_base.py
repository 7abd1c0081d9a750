"""The table: columns, masks, slices, path fields, and the files of its rows."""

from __future__ import annotations

import json
import pickle
from datetime import datetime
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from replying import BARE, FOLDER, FULL, SERIES
from replying import rows as compared

from sunpy_flarecast import FLARECASTResponse, FLARECASTRow, QueryError
from sunpy_flarecast.rest.list_reply import read_records
from sunpy_flarecast.sharp.filenames import file_name

if TYPE_CHECKING:
    from pathlib import Path

    from sunpy_flarecast.rest.records import Records

COLUMNS = [
    "Start Time",
    "T_REC",
    "Series",
    "HARPNUM",
    "Quality",
    "Segments",
    "Wavelength",
    "Instrument",
    "Source",
    "Provider",
    "Record",
]
FIELDS = {name.lower().replace(" ", "_") for name in COLUMNS}


def records_of(*listed: dict[str, Any], series: str = SERIES) -> Records:
    records, broken = read_records(json.dumps(listed).encode(), series)
    assert broken == 0
    return records


def table_of(*listed: dict[str, Any]) -> FLARECASTResponse:
    return FLARECASTResponse.from_records(records_of(*listed))


def test_columns_of_a_full_record() -> None:
    table = table_of(FULL)
    assert [name for name in table.colnames if name not in table.hide_keys] == COLUMNS
    row = table[0]
    assert row["Start Time"].isot == "2015-12-11T23:34:08.800"
    assert row["Start Time"].to_value("datetime64").astype(str).startswith("2015-12-11T23:34:08.799999")
    assert row["Start Time"].scale == "utc"
    assert row["T_REC"].iso == "2015-12-11 23:36:00.000"
    assert row["T_REC"].scale == "tai"
    assert row["Wavelength"] == 6173 * u.AA
    plain = ("Series", "HARPNUM", "Quality", "Segments", "Instrument", "Source", "Provider", "Record")
    assert [row[name] for name in plain] == [SERIES, 6178, 1024, 2, "HMI", "SDO", "FLARECAST", 5605571]
    for name in COLUMNS:
        assert not np.any(getattr(table[name], "mask", False)), name


@pytest.mark.parametrize("listed", [[BARE], [BARE, FULL], [FULL, BARE, BARE]])
def test_missing_values_are_masked_and_never_invented(listed: list[dict[str, Any]]) -> None:
    table = table_of(*listed)
    bare = [record is BARE for record in listed]
    for name in ("Start Time", "T_REC", "HARPNUM", "Quality", "Wavelength", "Record"):
        assert np.broadcast_to(table[name].mask, len(table)).tolist() == bare, name
    for name in ("Series", "Segments", "Instrument", "Source", "Provider"):
        assert not np.any(getattr(table[name], "mask", False)), name
    assert len(table.pformat()) >= len(table) + 2
    assert "6178" in str(table) or all(bare)


def test_hidden_columns_stay_hidden_in_slices() -> None:
    table = table_of(FULL, BARE, {**FULL, "recnum": 8})
    for part in (table, table[:2], table[[2, 0]], table[table["Segments"] == 2], table[1].as_table(), table.copy()):
        assert type(part) is FLARECASTResponse
        assert "URL" not in str(part)
        assert "cluster" not in str(part)
        assert "URL Prefix" in part.colnames
        assert isinstance(part[0], FLARECASTRow)
    assert "URL Prefix" in table.show().colnames


@pytest.mark.parametrize(
    "which", [slice(1, None), slice(None, None, -1), [2, 0], [1], np.array([True, False, True]), slice(0, 0)]
)
def test_files_of_a_slice(which: Any) -> None:
    listed = [FULL, {**FULL, "recnum": 8, "harpnum": 9}, BARE]
    table = table_of(*listed)
    everything = list(table.files())
    assert [file.row for file in everything] == [0, 0, 1, 1, 2]
    rows = np.arange(3)[which].tolist()
    found = list(table[which].files())
    assert [(file.url, file.segment, file.name) for file in found] == [
        (file.url, file.segment, file.name) for row in rows for file in everything if file.row == row
    ]
    assert [file.row for file in found] == [place for place, row in enumerate(rows) for _ in listed[row]["urls"]]


def test_files_of_a_full_record() -> None:
    [first, second] = table_of(FULL).files()
    assert (first.row, first.url, first.segment) == (0, f"{FOLDER}/5605571/magnetogram.fits", "magnetogram")
    assert first.name == "hmi.sharp_720s.6178.20151211_233600_TAI.magnetogram.fits"
    assert second.name == "hmi.sharp_720s.6178.20151211_233600_TAI.bitmap.fits"


@pytest.mark.parametrize(
    ("missing", "name"),
    [
        (["harpnum"], "hmi.sharp_720s.5605571.20151211_233600_TAI.bitmap.fits"),
        (["t_rec_index"], "hmi.sharp_720s.6178.5605571.bitmap.fits"),
        (["harpnum", "t_rec_index"], "hmi.sharp_720s.5605571.bitmap.fits"),
        (["recnum"], "hmi.sharp_720s.6178.20151211_233600_TAI.bitmap.fits"),
        (["harpnum", "recnum"], "hmi.sharp_720s.20151211_233600_TAI.bitmap.fits"),
        (["harpnum", "recnum", "t_rec_index"], "bitmap.fits"),
    ],
)
def test_file_names_of_incomplete_records(missing: list[str], name: str) -> None:
    record = {key: value for key, value in FULL.items() if key not in missing}
    assert [file.name for file in table_of(record).files()][1] == name
    # With a complete record, so that the column is partly masked.
    assert [file.name for file in table_of(FULL, record).files()][3] == name


def test_files_of_the_documented_replies(shared: Path) -> None:
    folder = shared / "data" / "service_examples"

    def names(reply: str) -> list[tuple[str, str]]:
        records, _ = read_records((folder / f"{reply}.json").read_bytes(), "hmi.sharp_720s")
        return [(file.segment, file.name) for file in FLARECASTResponse.from_records(records).files()]

    assert names("hmi_list_v3")[0] == ("", "sharp_720s_20151211_182208.fits")
    assert len(set(names("hmi_list_v3"))) == 5
    assert names("hmi_list_v6_partial")[2] == ("Br", "hmi.sharp_cea_720s_nrt.1958485.20160119_011200_TAI.Br.fits")
    assert len(names("hmi_list_v9_bare")) == 31
    assert names("hmi_list_v9_bare") == names("hmi_list_v9_wrapped")
    assert names("hmi_list_v9_bare")[-1] == (
        "conf_disambig",
        "hmi.sharp_720s.6178.20151211_233600_TAI.conf_disambig.fits",
    )


def test_urls_without_a_common_prefix() -> None:
    urls = ["http://a/HMI/s/7/Br.fits", "http://b/HMI/s/7/Bt.fits"]
    files = list(table_of({"recnum": 7, "urls": urls}).files())
    assert [(file.url, file.segment, file.name) for file in files] == [
        (urls[0], "Br", "hmi.sharp_720s.7.Br.fits"),
        (urls[1], "Bt", "hmi.sharp_720s.7.Bt.fits"),
    ]


@pytest.mark.parametrize("column", ["T_REC", "Series", "HARPNUM", "Record", "URL Prefix", "URL Names"])
def test_files_need_their_columns(column: str) -> None:
    table = table_of(FULL)
    table.remove_column(column)
    with pytest.raises(QueryError, match=f"no longer has the column '{column}'"):
        list(table.files())


def test_files_need_no_other_columns() -> None:
    table = table_of(FULL, BARE)
    before = list(table.files())
    table.remove_columns(["Start Time", "Quality", "Wavelength", "Instrument", "Segments"])
    assert list(table.files()) == before


def test_a_pickled_row_does_not_take_the_table_with_it() -> None:
    table = table_of(*({**FULL, "recnum": number} for number in range(1000)))
    pickled = pickle.dumps(table[7])
    assert len(pickled) < 2 * len(pickle.dumps(table[7:8]))
    row = pickle.loads(pickled)
    assert type(row) is FLARECASTRow
    assert row["Record"] == 7
    assert row.as_table().pformat() == table[7:8].pformat()


# --- Back to records --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [[], [FULL], [BARE], [BARE, FULL, BARE]])
def test_records_of_a_table(listed: list[dict[str, Any]]) -> None:
    records = records_of(*listed)
    again = FLARECASTResponse.from_records(records).records()
    assert compared(again) == compared(records)
    assert again.names.tolist() == records.names.tolist()
    for name in ("series", "recnum", "harpnum", "slot", "quality", "wavelength", "date_obs", "names"):
        assert getattr(again, name).dtype == getattr(records, name).dtype, name
    assert again.prefix.dtype.kind == "S"


def test_records_of_a_slice_and_of_a_table_with_extra_columns() -> None:
    table = table_of(FULL, {**FULL, "recnum": 8, "wavelnth": None, "date__obs": "2016-12-31T23:59:59.999999Z"}, BARE)
    table["My class"] = ["C", "X", "M"]
    assert compared(table[[2, 1]].records()) == [compared(table.records())[place] for place in (2, 1)]
    assert table[:2].records().names[0] is table[:2].records().names[1]


def test_prefixes_are_utf_8() -> None:
    url = "http://h/HMI/sé☉/7/bitmap.fits"
    table = table_of({"urls": [url]}, FULL)
    assert table["URL Prefix"].dtype.kind == "S"
    assert table["URL Prefix"][0] == "http://h/HMI/sé☉/7/"
    assert [file.url for file in table[:1].files()] == [url]
    assert compared(table.records()) == compared(records_of({"urls": [url]}, FULL))
    # A user or a file may have converted them to text.
    table["URL Prefix"] = table["URL Prefix"].tolist()
    assert table["URL Prefix"].dtype.kind == "U"
    assert compared(table.records()) == compared(records_of({"urls": [url]}, FULL))


@pytest.mark.parametrize("column", ["Start Time", "T_REC", "Quality", "Wavelength", "URL Names"])
def test_records_need_their_columns(column: str) -> None:
    table = table_of(FULL)
    table.remove_column(column)
    with pytest.raises(QueryError, match=f"no longer has the column '{column}'"):
        table.records()


# --- Path fields ------------------------------------------------------------------------------------------------------


def test_path_fields() -> None:
    table = table_of(FULL)
    assert table.path_format_keys() == FIELDS
    assert table.path_values(FIELDS) == {
        "start_time": [datetime(2015, 12, 11, 23, 34, 8, 799999)],  # noqa: DTZ001
        "t_rec": [datetime(2015, 12, 11, 23, 36)],  # noqa: DTZ001
        "series": [SERIES],
        "harpnum": [6178],
        "quality": [1024],
        "segments": [2],
        "wavelength": [6173.0],
        "instrument": ["HMI"],
        "source": ["SDO"],
        "provider": ["FLARECAST"],
        "record": [5605571],
    }
    assert table.path_values([]) == {}
    with pytest.raises(KeyError):
        table.path_values(["segment"])


def test_missing_values_are_unknown_whatever_the_format() -> None:
    values = table_of(FULL, BARE).path_values(FIELDS)
    for name in ("start_time", "t_rec", "harpnum", "quality", "wavelength", "record"):
        assert values[name][0] != "unknown"
        assert values[name][1] == "unknown"
        assert "{0} {0:%Y/%m} {0:05d} {0:.2f}".format(values[name][1]) == "unknown unknown unknown unknown"
    assert values["series"] == [SERIES, SERIES]


def test_a_leap_second_is_a_path_field() -> None:
    table = table_of({**FULL, "date__obs": "2016-12-31T23:59:60.5Z"})
    assert table.path_values(["start_time"])["start_time"][0].year == 2017
    # A user may put other times into the table.
    table["Start Time"] = Time(["2016-12-31T23:59:60.5"], scale="utc")
    assert f"{table.path_values(['start_time'])['start_time'][0]:%Y%m%d}" in ("20161231", "20170101")


def test_a_row_as_path_fields() -> None:
    table = table_of(BARE, FULL)
    fields = table[1].response_block_map
    assert set(fields) == FIELDS
    path = "{series}/{harpnum:05d}/{t_rec:%Y/%m/%d}/{start_time:%H%M}/{record}".format(**fields)
    assert path == "hmi.sharp_720s/06178/2015/12/11/2334/5605571"
    assert "{t_rec:%Y}-{harpnum:d}".format(**table[0].response_block_map) == "unknown-unknown"


def test_a_column_of_the_user_is_a_path_field() -> None:
    table = table_of(FULL, BARE)
    table["My class"] = ["C", "X"]
    table["Length"] = [1, 2] * u.Mm
    assert table.path_format_keys() == FIELDS | {"my_class", "length"}
    assert table.path_values(["my_class", "length"]) == {"my_class": ["C", "X"], "length": [1.0, 2.0]}


# --- Empty and long tables --------------------------------------------------------------------------------------------


def test_an_empty_table() -> None:
    table = table_of()
    assert len(table) == 0
    assert type(table) is FLARECASTResponse
    assert [name for name in table.colnames if name not in table.hide_keys] == COLUMNS
    assert table["T_REC"].scale == "tai"
    assert table["Wavelength"].unit == u.AA
    assert list(table.files()) == []
    assert table.path_format_keys() == FIELDS
    assert table.path_values(FIELDS) == {name: [] for name in FIELDS}
    assert "HARPNUM" in str(table)


def test_many_rows() -> None:
    count = 2500
    listed = [
        {
            **FULL,
            "recnum": number,
            "harpnum": number % 9,
            "t_rec_index": 1005598 + number // 9,
            "urls": [f"{FOLDER}/{number}/{name}.fits" for name in ("magnetogram", "bitmap", "field")],
        }
        for number in range(count)
    ]
    table = table_of(*listed)
    files = list(table.files())
    assert len(table) == count
    assert len(files) == 3 * count
    assert len({file.name for file in files}) == 3 * count
    for place in (0, 1, 3 * count - 1):
        number, segment = divmod(place, 3)
        name = ("magnetogram", "bitmap", "field")[segment]
        assert files[place].url == f"{FOLDER}/{number}/{name}.fits"
        assert files[place].name == file_name(SERIES, name, harpnum=number % 9, slot=1005598 + number // 9)
    values = table.path_values(["t_rec", "harpnum"])
    assert values["t_rec"][-1] == table[-1].response_block_map["t_rec"]
    assert values["harpnum"] == [number % 9 for number in range(count)]


NULLABLE = st.none() | st.integers(0, 1_500_000)
LISTED = st.lists(
    st.fixed_dictionaries(
        {
            "recnum": NULLABLE,
            "harpnum": NULLABLE,
            "t_rec_index": NULLABLE,
            "quality": st.none() | st.integers(0, 2**63 - 1) | st.integers(-(2**63), -(2**31) - 1),
            "wavelnth": st.none() | st.floats(0, 10_000),
            "date__obs": st.none() | st.datetimes(datetime(2010, 5, 1), datetime(2026, 1, 1)).map(datetime.isoformat),  # noqa: DTZ001
            "urls": st.lists(st.sampled_from([f"{FOLDER}/7/{name}.fits" for name in "abc"]), unique=True),
        }
    ),
    max_size=5,
)


@given(LISTED)
def test_any_records_round_trip(listed: list[dict[str, Any]]) -> None:
    records = records_of(*listed)
    again = FLARECASTResponse.from_records(records).records()
    assert compared(again) == compared(records)
    assert compared(FLARECASTResponse.from_records(again).records()) == compared(records)


def test_a_long_table_is_printed_in_parts() -> None:
    records = records_of(*({**FULL, "recnum": 1_000_000 + number} for number in range(101)))
    table = FLARECASTResponse.from_records(records[np.arange(300_000) % 101])
    for text in (str(table), repr(table)):
        assert len(text.splitlines()) <= 110
        assert "1000000" in text
        assert "..." in text
        assert "cluster" not in text
    short = str(table[:90])
    assert "1000089" in short
    assert "..." not in short or "1000045" not in short  # older astropy limits the lines to the terminal


@pytest.mark.parametrize(
    ("columns", "without"), [("80", ["Start Time", "Provider"]), ("125", ["Provider"]), ("200", [])]
)
def test_a_table_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: str, without: list[str]) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    table = FLARECASTResponse.from_records(records_of(FULL))
    for text in (str(table), repr(table).partition("\n")[2], str(table[0])):
        assert max(map(len, text.splitlines())) <= int(columns)
        heading, *_, last = text.splitlines()
        assert [name for name in ("Start Time", "Provider") if name not in heading] == without
        assert "T_REC" in heading
        assert last.startswith("Not shown: ") == bool(without)
    assert "Start Time" in str(table.show("Start Time", "Provider"))


@given(LISTED)
def test_any_records_make_a_table(listed: list[dict[str, Any]]) -> None:
    table = table_of(*listed)
    assert len(table) == len(listed)
    values = table.path_values(FIELDS)
    for field, name in (
        ("recnum", "record"),
        ("harpnum", "harpnum"),
        ("quality", "quality"),
        ("wavelnth", "wavelength"),
    ):
        assert values[name] == ["unknown" if record[field] is None else record[field] for record in listed]
    assert [format(value, "%Y-%m-%dT%H:%M:%S") for value in values["start_time"]] == [
        (record["date__obs"] or "unknown")[:19] for record in listed
    ]
    files = list(table.files())
    assert [(file.row, file.url) for file in files] == [
        (row, url) for row, record in enumerate(listed) for url in record["urls"]
    ]
    for file in files:
        record = listed[file.row]
        if {record[name] for name in ("recnum", "harpnum", "t_rec_index")} != {None}:
            assert file.name == file_name(
                SERIES,
                file.segment,
                harpnum=record["harpnum"],
                slot=record["t_rec_index"],
                recnum=record["recnum"],
            )
    for row in table:
        assert set(row.response_block_map) == FIELDS
    str(table)
