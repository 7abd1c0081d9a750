"""Searches in files: they are read back unchanged, and can be fetched; other files are refused with a reason."""

from __future__ import annotations

import json
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Column, Table, vstack
from astropy.time import Time
from astropy.utils.masked import Masked
from faults import answer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from replying import BARE, FOLDER, FULL, SERIES, read
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_flarecast import (
    FLARECASTClient,
    FLARECASTResponse,
    MissingDataWarning,
    QueryError,
    ServiceError,
    TransferError,
    conf,
)
from sunpy_flarecast.query.query import Query
from sunpy_flarecast.rest.service_url import with_credentials
from sunpy_flarecast.search.missing import Missing
from sunpy_flarecast.sharp.times import utc_dates

if TYPE_CHECKING:
    from faults import Layer

needs_parquet = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
FORMATS = ["ecsv", pytest.param("parquet", marks=needs_parquet)]
TESTED = ["ecsv", *(["parquet"] if find_spec("pyarrow") else [])]

LAYOUT_A = {"url": "http://host/HMI/sharp_720s/sharp_720s_20151211_182208", "date_obs": "2015-12-11T18:22:08Z"}


def table_of(*listed: dict[str, Any], **more: Any) -> FLARECASTResponse:
    records = read(*listed) if listed else read(FULL)[:0]
    return FLARECASTResponse.from_records(records, client=FLARECASTClient(), **more)


def assert_same(one: FLARECASTResponse, other: FLARECASTResponse) -> None:
    """Compare tables: types, units, masks, scales, and values to the last bit, times to the microsecond."""
    assert type(other) is FLARECASTResponse
    assert one.colnames == other.colnames
    assert len(one) == len(other)
    for name in one.colnames:
        left, right = one[name], other[name]
        assert isinstance(right, next(kind for kind in (Time, u.Quantity, Column) if isinstance(left, kind))), name
        masks = [np.broadcast_to(getattr(column, "mask", False), len(one)) for column in (left, right)]
        np.testing.assert_array_equal(*masks, err_msg=name)
        if isinstance(left, Time):
            assert (left.scale, left.format) == (right.scale, right.format)
            np.testing.assert_array_equal(utc_dates(left), utc_dates(right), err_msg=name)
            continue
        assert left.dtype == right.dtype or left.dtype.kind == right.dtype.kind in "US", name
        assert left.info.unit == right.info.unit, name
        plain = [np.asarray(getattr(column, "unmasked", column))[~masks[0]] for column in (left, right)]
        np.testing.assert_array_equal(*plain, err_msg=name)
    assert other.pformat() == one.pformat()
    assert list(one.files()) == list(other.files())
    assert (one.service, one.queries) == (other.service, other.queries)
    assert [str(missing) for missing in one.missing] == [str(missing) for missing in other.missing]
    assert isinstance(other.client, FLARECASTClient)


def round_trip(table: FLARECASTResponse, path: Path) -> FLARECASTResponse:
    table.write(path, overwrite=True)
    return FLARECASTResponse.read(path)


# --- Round trips ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "listed", [[FULL], [BARE], [LAYOUT_A], [FULL, BARE, LAYOUT_A], [BARE, FULL, {**FULL, "recnum": 8}], []]
)
def test_tables_round_trip(tmp_path: Path, kind: str, listed: list[dict[str, Any]]) -> None:
    table = table_of(*listed, service="http://localhost:8001")
    assert_same(table, round_trip(table, tmp_path / f"search.{kind}"))
    assert [path.name for path in tmp_path.iterdir()] == [f"search.{kind}"]


@pytest.mark.parametrize("kind", FORMATS)
def test_tables_are_unchanged_after_two_round_trips(tmp_path: Path, kind: str) -> None:
    table = table_of(FULL, BARE)
    twice = round_trip(round_trip(table, tmp_path / f"one.{kind}"), tmp_path / f"two.{kind}")
    assert_same(table, twice)


@pytest.mark.parametrize("kind", FORMATS)
def test_slices_and_rearranged_tables_round_trip(tmp_path: Path, kind: str) -> None:
    table = table_of(FULL, BARE, {**FULL, "recnum": 8, "quality": 0}, LAYOUT_A, service="http://h")
    fewer = table.copy()
    fewer.remove_columns(["Quality", "Wavelength", "Start Time"])
    other = table_of({**FULL, "recnum": 9}, BARE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that clients and services differ
        stacked = vstack([table[:2], other])
    for number, part in enumerate(
        (table[1:3], table[::-1], table[[3, 0]], table[:0], table[1].as_table(), table[table["Segments"] == 2], fewer)
    ):
        assert_same(part, round_trip(part, tmp_path / f"{number}.{kind}"))
    assert list(round_trip(stacked, tmp_path / f"stacked.{kind}").files()) == list(stacked.files())


@pytest.mark.parametrize("kind", FORMATS)
def test_equal_names_are_shared_after_reading(tmp_path: Path, kind: str) -> None:
    table = table_of(*({**FULL, "recnum": number} for number in range(100)), BARE)
    found = round_trip(table, tmp_path / f"search.{kind}")
    assert set(found["URL Names"]) == {("magnetogram.fits", "bitmap.fits"), ("bitmap.fits",)}
    assert len({id(names) for names in found["URL Names"]}) == 2


@pytest.mark.parametrize("kind", FORMATS)
def test_columns_of_a_user(tmp_path: Path, kind: str) -> None:
    table = table_of(FULL, BARE, {**FULL, "recnum": 8})
    table["Mine"] = [" with spaces ", "", "größer \\ 5'\"\n&"]
    table["Good"] = [True, False, True]
    table["Small"] = np.array([1, -2, 3], dtype=np.int16)
    table["Tiny"] = np.array([-1, 2, 3], dtype=np.int8)
    table["Whole"] = u.Quantity(np.array([1, 2, 3], dtype=np.int32), u.s, dtype=np.int32)
    table["Lon"] = [1.5, np.nan, -np.inf] * u.deg
    table["Flux"] = np.array([0.1, 0.2, 0.3], dtype=np.float32) * u.Unit("1e8 Mx")
    table["Note"] = np.ma.MaskedArray(["a", "b", "c"], mask=[True, False, False])
    table["Lon"].info.format = ".3f"
    table["Day"] = Time([57367.25, 50000.0, 50001.0], format="mjd", scale="utc")
    table["Mine"].info.description = "What I think of it."
    found = round_trip(table, tmp_path / f"search.{kind}")
    assert_same(table, found)
    assert found["Mine"].tolist() == table["Mine"].tolist()
    assert found["Tiny"].tolist() == [-1, 2, 3]
    assert (found["Tiny"].dtype, found["Whole"].dtype) == (np.int8, np.int32)
    assert found["Mine"].info.description == "What I think of it."


@pytest.mark.parametrize("kind", FORMATS)
def test_other_times_round_trip_to_the_microsecond(tmp_path: Path, kind: str) -> None:
    table = table_of(FULL, BARE, {**FULL, "recnum": 8})
    table["Odd"] = Time([57367.1234567890123, 50000.0, 50001.0], format="mjd", scale="tdb")
    table["Fine"] = Time("2015-12-11T00:00:00.123456789", scale="tai") + np.arange(3) * u.us
    table["Leap"] = Time(["2016-12-31T23:59:60.5", "2016-12-31T12:00:00", "2017-01-01"], scale="utc")
    found = round_trip(table, tmp_path / f"search.{kind}")
    for name in ("Odd", "Fine", "Leap"):
        assert (found[name].scale, found[name].format) == (table[name].scale, table[name].format)
        np.testing.assert_array_equal(utc_dates(found[name]), utc_dates(table[name]))


@pytest.mark.parametrize("kind", FORMATS)
def test_queries_and_missing_parts_are_kept(tmp_path: Path, kind: str) -> None:
    query = Query(
        series=SERIES,
        start=Time("2015-12-11"),
        end=Time("2015-12-14"),
        segments=("magnetogram",),
        harps=(1, 7000),
        sample=3600.0,
        near=Time("2015-12-12T01:02:03.456"),
    )
    error = ServiceError("It's busy & 'broken'.", reason='answered 503, "busy" — grüß')
    many = [
        Missing(start=Time("2015-12-12") + step * u.hour, end=Time("2015-12-13"), error=error, query=query)
        for step in range(20)
    ]
    table = table_of(FULL, service="http://h", queries=[query, Query(series="x", start=query.start, end=query.end)])
    assert_same(table, round_trip(table, tmp_path / f"asked.{kind}"))
    table = table_of(FULL, service="http://h", queries=[query], missing=many)
    found = round_trip(table, tmp_path / f"missing.{kind}")
    assert_same(table, found)
    assert [str(one.error) for one in found.missing] == [str(error)] * 20
    if hasattr(FLARECASTResponse, "errors"):
        assert [str(error) for error in found.errors] == [str(error) for error in table.errors]


RECORD = st.fixed_dictionaries(
    {
        "urls": st.lists(
            st.builds("http://{}/HMI/s/{}.fits".format, st.text(max_size=5), st.text(max_size=9)),
            min_size=1,
            max_size=4,
        )
    },
    optional={
        "recnum": st.integers(0, 2**63 - 1),
        "harpnum": st.integers(0, 2**63 - 1),
        "t_rec_index": st.integers(0, 1_400_000),
        "quality": st.integers(-(2**63), 2**63 - 1),
        "wavelnth": st.floats(allow_nan=False, allow_infinity=False),
        "date__obs": st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
        "series_name": st.text(max_size=6),
    },
)


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=25)
@given(listed=st.lists(RECORD, max_size=5))
@example(listed=[{"urls": ["http://h/HMI/s/x.fits"], "series_name": "\x00 0\n"}])
@pytest.mark.filterwarnings("ignore:ERFA function:erfa.ErfaWarning")  # of years before 1960
def test_any_records_round_trip(
    tmp_path_factory: pytest.TempPathFactory, kind: str, listed: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"whatever.{kind}"
    table = table_of(*listed)
    assert_same(table, round_trip(table, path))


@given(micros=st.lists(st.integers(0, 15 * 10**14), min_size=1, max_size=50))
@settings(max_examples=20)
def test_times_to_the_microsecond(tmp_path_factory: pytest.TempPathFactory, micros: list[int]) -> None:
    times = np.datetime64("1972-01-01", "us") + np.array(micros)
    table = table_of(*({**FULL, "recnum": number, "date__obs": f"{time}Z"} for number, time in enumerate(times)))
    path = tmp_path_factory.getbasetemp() / "times.ecsv"
    assert_same(table, round_trip(table, path))
    assert Table.read(path, format="ascii.ecsv")["Start Time"].tolist() == [f"{time}Z" for time in times]


def test_ecsv_is_legible(tmp_path: Path) -> None:
    table_of(FULL, BARE).write(tmp_path / "search.ecsv")
    [head, full, bare] = [
        line for line in (tmp_path / "search.ecsv").read_text().splitlines() if not line.startswith("#")
    ]
    assert head.startswith('"Start Time" T_REC Series HARPNUM')
    assert full.startswith("2015-12-11T23:34:08.799999Z 2015.12.11_23:36:00_TAI hmi.sharp_720s 6178 ")
    assert bare.startswith('"" "" hmi.sharp_720s "" "" 1 ""')


#: A table as other programs should see it: with missing values, a keyword and a column of the user.
def shown_table() -> FLARECASTResponse:
    table = table_of(FULL, BARE, {**FULL, "recnum": 8, "quality": None})
    table["usflux"] = Masked([1.5e22, np.nan, 0] * u.Mx, mask=[False, False, True])
    table["Good"] = [True, False, True]
    return table


@needs_parquet
def test_parquet_is_plain(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    table = shown_table()
    table.write(tmp_path / "search.parquet")
    arrow = pq.read_table(tmp_path / "search.parquet")
    assert set(arrow.column_names) == {*table.colnames, "T_REC UTC"}
    types = {field.name: str(field.type) for field in arrow.schema}
    assert types["Start Time"] == types["T_REC UTC"] == "timestamp[us, tz=UTC]"
    assert (types["HARPNUM"], types["usflux"], types["Good"], types["T_REC"]) == ("int64", "double", "bool", "string")
    rows = arrow.to_pylist()
    assert rows[0]["T_REC"] == "2015.12.11_23:36:00_TAI"
    assert rows[0]["T_REC UTC"].isoformat() == "2015-12-11T23:35:24+00:00"
    assert rows[0]["Start Time"].isoformat() == "2015-12-11T23:34:08.799999+00:00"
    assert json.loads(rows[0]["URL Names"]) == ["magnetogram.fits", "bitmap.fits"]
    assert [row["HARPNUM"] for row in rows] == [6178, None, 6178]
    assert [row["Quality"] for row in rows] == [1024, None, None]
    assert [row["Start Time"] is None for row in rows] == [False, True, False]
    assert [row["usflux"] if row["usflux"] == row["usflux"] else "nan" for row in rows] == [1.5e22, "nan", None]
    fields = {field.name: field.metadata for field in arrow.schema}
    assert fields["usflux"] == {b"unit": b"Mx"}
    assert fields["HARPNUM"][b"description"] == b"HARP number (SMARP: TARP number)"


@needs_parquet
@pytest.mark.parametrize("reader", ["pandas", "polars", "duckdb"])
def test_other_programs_read_parquet_as_plain_columns(tmp_path: Path, reader: str) -> None:
    module: Any = pytest.importorskip(reader)
    path = str(tmp_path / "search.parquet")
    shown_table().write(path)
    if reader == "pandas":
        frame = module.read_parquet(path)
        assert str(frame["T_REC UTC"].dtype) == "datetime64[us, UTC]"
        assert frame["HARPNUM"].isna().tolist() == [False, True, False]
        assert frame["Record"].isna().tolist() == [False, True, False]
        return
    if reader == "duckdb":
        rows = module.sql(f"SELECT HARPNUM, typeof(HARPNUM), typeof(\"T_REC UTC\") FROM '{path}'").fetchall()
        assert rows == [(number, "BIGINT", "TIMESTAMP WITH TIME ZONE") for number in (6178, None, 6178)]
        return
    frame = module.read_parquet(path)
    assert frame["HARPNUM"].to_list() == [6178, None, 6178]
    assert str(frame["HARPNUM"].dtype) == "Int64"
    assert "Datetime" in str(frame["T_REC UTC"].dtype)


def test_csv_and_json_are_plain(tmp_path: Path) -> None:
    table = shown_table()
    for kind in ("csv", "json"):
        table.write(tmp_path / f"search.{kind}")
        with pytest.raises(QueryError, match=f"cannot be read from .{kind}"):
            FLARECASTResponse.read(tmp_path / f"search.{kind}")
    [head, full, bare, last] = (tmp_path / "search.csv").read_text().splitlines()
    assert head.startswith("Start Time,T_REC,T_REC UTC,Series,HARPNUM,Quality,Segments,Wavelength")
    assert "URL" not in head
    assert full == (
        "2015-12-11T23:34:08.799999Z,2015.12.11_23:36:00_TAI,2015-12-11T23:35:24.000000Z,hmi.sharp_720s,6178,1024,2,"
        "6173.0,HMI,SDO,FLARECAST,5605571,1.5e+22,True"
    )
    assert bare == ",,,hmi.sharp_720s,,,1,,HMI,SDO,FLARECAST,,nan,False"
    assert last.endswith(",8,,True")
    rows = json.loads((tmp_path / "search.json").read_text())
    assert rows[0]["T_REC UTC"] == "2015-12-11T23:35:24.000000Z"
    assert rows[0]["Good"] is True
    assert [row["HARPNUM"] for row in rows] == [6178, None, 6178]
    assert [row["usflux"] for row in rows] == [1.5e22, None, None]
    table[:0].write(tmp_path / "search.json", overwrite=True)
    assert json.loads((tmp_path / "search.json").read_text()) == []
    table.show("HARPNUM").write(tmp_path / "search.csv", overwrite=True)
    assert (tmp_path / "search.csv").read_text().splitlines() == ["HARPNUM", "6178", '""', "6178"]


def test_many_rows_stay_small(tmp_path: Path) -> None:
    names = [f"{number}.fits" for number in range(31)]
    listed = [
        {**FULL, "recnum": number, "urls": [f"{FOLDER}/{number}/{name}" for name in names]} for number in range(500)
    ]
    table = table_of(*listed)
    for kind in TESTED:
        path = tmp_path / f"search.{kind}"
        assert_same(table, round_trip(table, path))
        assert path.stat().st_size < 500 * 260


# --- Fetching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_a_saved_table_can_be_fetched(many: tuple[str, Layer], tmp_path: Path, kind: str) -> None:
    results = Fido.search(
        a.Time("2015-12-11", "2015-12-12"), a.flarecast.Series("hmi.sharp_cea_720s"), a.flarecast.Segment("Br")
    )["flarecast"][:5]
    results.write(tmp_path / f"search.{kind}")
    table = FLARECASTResponse.read(tmp_path / f"search.{kind}")
    assert_same(results, table)
    files = Fido.fetch(table[1:4], path=tmp_path / "read", progress=False)
    assert files.errors == []
    wanted = Fido.fetch(results[1:4], path=tmp_path / "searched", progress=False)
    for read_file, searched in zip(sorted(files), sorted(wanted), strict=True):
        assert Path(read_file).name == Path(searched).name
        assert Path(read_file).read_bytes() == Path(searched).read_bytes()


def test_a_saved_table_is_fetched_from_its_own_service(many: tuple[str, Layer], tmp_path: Path) -> None:
    url, layer = many
    results = Fido.search(
        a.Time("2015-12-11", "2015-12-12"), a.flarecast.Series("hmi.sharp_cea_720s"), a.flarecast.Segment("Br")
    )["flarecast"][:1]
    results.service = url.replace("://", "://me:secret@")
    results.write(tmp_path / "search.ecsv")
    assert "secret" not in (tmp_path / "search.ecsv").read_text()
    table = FLARECASTResponse.read(tmp_path / "search.ecsv")
    assert table.service == url
    with conf.set_temp("url", "http://localhost:9"):
        assert Fido.fetch(table, path=tmp_path / "one", progress=False).errors == []
    assert "authorization" not in layer.headers[-1]
    with conf.set_temp("url", url.replace("://", "://you:word@")):
        assert Fido.fetch(table, path=tmp_path / "two", progress=False).errors == []
    assert layer.headers[-1]["authorization"].startswith("Basic ")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_saved_table_can_be_retried(demo: tuple[str, Layer], tmp_path: Path, kind: str) -> None:
    _, layer = demo
    query = (
        a.Time("2015-12-11", "2015-12-11T02:00"),
        a.flarecast.Series("hmi.sharp_720s"),
        a.flarecast.Segment("bitmap"),
        a.Sample(0.5 * u.hour),
    )
    with conf.set_temp("window", 1 / 24), conf.set_temp("max_retries", 0):
        whole = FLARECASTClient().search(*query)
        layer.faults["start=2015-12-11T00"] = answer(b"broken", status=500)
        with pytest.warns(MissingDataWarning, match="2015-12-11T00"):
            results = FLARECASTClient().search(*query)
        results.write(tmp_path / f"search.{kind}")
        layer.clear()
        table = FLARECASTResponse.read(tmp_path / f"search.{kind}")
        assert len(table) < len(whole)
        assert len(table.missing) == 1
        assert_same(whole, table.retry_missing())


@pytest.mark.parametrize(
    ("service", "configured", "used"),
    [
        ("", "http://host:8001/", "http://host:8001"),
        ("http://host:8001", "http://other:8001", "http://host:8001"),
        ("http://host:8001", "http://me:word@host:8001/HMI/", "http://me:word@host:8001"),
        ("http://host:8001", "http://me@HOST:8001", "http://me@HOST:8001"),
        ("http://host", "http://me:word@host:80", "http://me:word@host:80"),
        ("https://host", "http://me:word@host", "https://host"),
        ("http://host:8001", "http://me:word@host:8002", "http://host:8001"),
        ("http://host/a", "http://me:word@host/b", "http://host/a"),
        ("http://host/a", "http://me:word@host", "http://host/a"),
        ("http://you:own@host", "http://me:word@host", "http://you:own@host"),
        ("http://host", "no URL at all", "http://host"),
    ],
)
def test_passwords_are_only_used_for_the_same_service(service: str, configured: str, used: str) -> None:
    assert with_credentials(service, configured) == used


# --- Tables that cannot be written ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["search.fits", "search.hdf5", "search.vot", "search.html", "search", ".ecsv.gz", "x.dat"]
)
def test_other_formats_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(QueryError, match=r"\.ecsv \(text\) or \.parquet, .* \.csv or \.json"):
        table_of(FULL).write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["ascii", "fits", "hdf5", "votable", "jsviewer", "html", "pandas.csv", "no such"])
def test_other_formats_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    with pytest.raises(QueryError, match=f"'{kind}' is not a known format"):
        table_of(FULL).write(tmp_path / "search.ecsv", format=kind)
    assert list(tmp_path.iterdir()) == []


def test_a_format_may_be_named(tmp_path: Path) -> None:
    table = table_of(FULL)
    table.write(tmp_path / "search", format="ascii.ecsv")
    assert_same(table, FLARECASTResponse.read(tmp_path / "search", format="ascii.ecsv"))
    table.write(str(tmp_path / "SEARCH.ECSV"))
    assert_same(table, FLARECASTResponse.read(str(tmp_path / "SEARCH.ECSV")))


def test_parquet_needs_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(QueryError, match=r"Parquet files need the package .pyarrow., .*\[parquet\]"):
        table_of(FULL).write(tmp_path / "search.parquet")
    with pytest.raises(QueryError, match=r"\[parquet\]"):
        FLARECASTResponse.read(tmp_path / "search.parquet")


@pytest.mark.parametrize("kind", FORMATS)
def test_an_existing_file_requires_overwrite(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"search.{kind}"
    path.write_bytes(b"precious")
    table = table_of(FULL)
    with pytest.raises(OSError, match="overwrite=True"):
        table.write(path)
    assert path.read_bytes() == b"precious"
    table.write(path, overwrite=True)
    assert_same(table, FLARECASTResponse.read(path))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("column", ["T_REC", "Series", "HARPNUM", "Record", "URL Prefix", "URL Names"])
def test_columns_that_a_fetch_needs(tmp_path: Path, column: str) -> None:
    table = table_of(FULL)
    table.remove_column(column)
    with pytest.raises(QueryError, match=f"no longer has the column '{column}'"):
        table.write(tmp_path / "search.ecsv")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "column",
    [
        np.array([{"a": 1}, None], dtype=object),
        np.zeros((2, 3)),
        np.array([1, 2], dtype="datetime64[s]"),
        np.array([b"\xff\xfe", b"a"]),
    ],
)
def test_columns_that_cannot_be_written(tmp_path: Path, kind: str, column: Any) -> None:
    table = table_of(FULL, BARE)
    table["Mine"] = column
    with pytest.raises(QueryError, match=r"'Mine'.*cannot be written"):
        table.write(tmp_path / f"search.{kind}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", FORMATS)
def test_columns_of_another_type_are_not_written(tmp_path: Path, kind: str) -> None:
    table = table_of(FULL, BARE)
    table["Record"] = ["5605571", "/../../escape/x"]
    with pytest.raises(QueryError, match=r"'Record' has values of the type"):
        table.write(tmp_path / f"search.{kind}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", FORMATS)
def test_columns_that_differ_in_case(tmp_path: Path, kind: str) -> None:
    table = table_of(FULL, BARE)
    table["series"] = ["x", "y"]
    assert_same(table, round_trip(table, tmp_path / f"search.{kind}"))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_missing_folder_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(QueryError, match="its folder does not exist"):
        table_of(FULL).write(tmp_path / "no" / f"search.{kind}")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_leaves_nothing(tmp_path: Path, kind: str) -> None:
    resource = pytest.importorskip("resource")
    table = table_of(*({**FULL, "recnum": number} for number in range(500)))
    path = tmp_path / f"search.{kind}"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(TransferError, match="Free space"):
            table.write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_pages_for_a_browser(tmp_path: Path) -> None:
    """As used by astropy's show_in_browser()."""
    for kind in ("html", "jsviewer"):
        with (tmp_path / "table.html").open("w") as page:
            table_of(FULL).write(page, format=kind)
        assert "6178" in (tmp_path / "table.html").read_text()
    with (tmp_path / "table.ecsv").open("w") as page, pytest.raises(QueryError, match="requires the name of an"):
        table_of(FULL).write(page, format="ascii.ecsv")


def test_options_of_astropy_are_refused(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="not delimiter"):
        table_of(FULL).write(tmp_path / "search.ecsv", delimiter=",")


# --- Files that cannot be read ----------------------------------------------------------------------------------------


def image(path: Path) -> None:
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(path)


def other_table(path: Path) -> None:
    Table({"a": [1, 2]}).write(path, format={".ecsv": "ascii.ecsv", ".parquet": "parquet"}[path.suffix])


def text(path: Path) -> None:
    path.write_text("harpnum,t_rec\n6178,2015\n")


def noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 30)


def nothing(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("make", [image, other_table, text, noise, nothing])
def test_other_files_are_refused(tmp_path: Path, kind: str, make: Any) -> None:
    path = tmp_path / f"search.{kind}"
    make(path)
    with pytest.raises(QueryError, match=r"is not a search written by FLARECASTResponse\.write: it .*Search again"):
        FLARECASTResponse.read(path)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_cut_off_files_are_refused(tmp_path: Path, kind: str, part: float) -> None:
    path = tmp_path / f"search.{kind}"
    table_of(*({**FULL, "recnum": number} for number in range(300))).write(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(QueryError, match="is not a search written"):
        FLARECASTResponse.read(path)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "search.ecsv", tmp_path, tmp_path / "search.fits"):
        with pytest.raises(QueryError, match=r"There is no file|is not a known format"):
            FLARECASTResponse.read(path)
    with pytest.raises(QueryError, match="There is no file"):
        FLARECASTResponse.read("http://host/search.ecsv")


DEEP = "[" * 100_000


@pytest.mark.parametrize("extra", ['{"rows": 1e999}', '{"version": 1e999}', f'{{"asked": {DEEP}}}', DEEP], ids=range(4))
def test_extreme_numbers_and_nesting_are_refused(tmp_path: Path, extra: str) -> None:
    path = tmp_path / "search.ecsv"
    table_of(FULL).write(path)
    plain = Table.read(path, format="ascii.ecsv")
    about = plain.meta["sunpy_flarecast"]
    plain.meta["sunpy_flarecast"] = about[:-1] + f", {extra[1:]}" if extra[0] == "{" else extra
    plain.write(path, format="ascii.ecsv", overwrite=True)
    with pytest.raises(QueryError, match=f"{path.name} is not a search written"):
        FLARECASTResponse.read(path)


def changed(path: Path, columns_of_file: dict[str, Any] | None = None, **more: Any) -> None:
    plain = Table.read(path, format="ascii.ecsv")
    for name, values in (columns_of_file or {}).items():
        plain[name] = values
    plain.meta["sunpy_flarecast"] = json.dumps({**json.loads(plain.meta["sunpy_flarecast"]), **more})
    plain.write(path, format="ascii.ecsv", overwrite=True)


def test_a_file_of_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "search.ecsv"
    table_of(FULL).write(path)
    changed(path, version=4, columns="of another form")
    with pytest.raises(QueryError, match=r"newer sunpy_flarecast \(format 4; this version reads up to 3\). Update"):
        FLARECASTResponse.read(path)


@pytest.mark.parametrize(
    "more",
    [
        {"version": None},
        {"what": "something else"},
        {"rows": 2},
        {"rows": None},
        {"service": "no URL"},
        {"service": 7},
        {"asked": []},
        {"asked": {"queries": [{}], "missing": []}},
        {"columns": []},
        {"columns": {}},
        {"columns": {"Start Time": {"scale": "__class__", "time_format": "iso"}}},
        {"columns": {"Start Time": {"scale": "utc", "time_format": "no such"}}},
        {"columns": {"Start Time": {"scale": "utc"}}},
        {"columns": {"Series": {"escaped": True}, "Start Time": 5}},
        {"names": []},
        {"names": 5},
        {"columns": 5},
    ],
)
def test_files_that_were_tampered_with(tmp_path: Path, more: dict[str, Any]) -> None:
    path = tmp_path / "search.ecsv"
    table_of(FULL).write(path)
    changed(path)
    assert len(FLARECASTResponse.read(path)) == 1
    changed(path, **more)
    with pytest.raises(QueryError, match=f"{path.name} is not a search written"):
        FLARECASTResponse.read(path)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Record", np.array([b"/../../../../escape/x"], dtype="S60")),
        ("Record", ["/../../../../escape/x"]),
        ("Record", [7.0]),
        ("HARPNUM", [True]),
        ("T_REC", ["tomorrow"]),
        ("T_REC", [5]),
        ("Start Time", ["tomorrow"]),
        ("Series", [7]),
        ("Series", np.array([["x"]], dtype=object)),
        ("URL Prefix", [7]),
        ("URL Names", [-1]),
        ("URL Names", [1]),
        ("URL Names", ["x"]),
        ("Wavelength", [6173]),
        ("Wavelength", [6173.0] * u.s),
        ("Mine", SkyCoord([1] * u.deg, [2] * u.deg)),
    ],
    ids=str,
)
def test_columns_that_were_tampered_with(tmp_path: Path, name: str, values: Any) -> None:
    """Code relies on the types of a search: a record number that is text could lead out of a folder."""
    path = tmp_path / "search.ecsv"
    table_of(FULL).write(path)
    changed(path, {name: values})
    with pytest.raises(QueryError, match=f"{path.name} is not a search written"):
        FLARECASTResponse.read(path)


@needs_parquet
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Record", [b"/../../../../escape/x"]),
        ("Record", ["/../../../../escape/x"]),
        ("HARPNUM", [7.0]),
        ("T_REC", ["tomorrow"]),
        ("Start Time", ["2015-12-11"]),
        ("Series", [None]),
        ("URL Prefix", [7]),
        ("URL Names", ["x"]),
        ("URL Names", [None]),
        ("URL Names", [7]),
        ("Mine", [{"x": 7}]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_columns_of_parquet_that_were_tampered_with(tmp_path: Path, name: str, values: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "search.parquet"
    table_of(FULL).write(path)
    arrow = pq.ParquetFile(path).read()
    changed = arrow.drop_columns([name] if name in arrow.column_names else [])
    changed = changed.append_column(name, pa.array(values, type=pa.string() if values == [None] else None))
    pq.write_table(changed.replace_schema_metadata(arrow.schema.metadata), path)
    with pytest.raises(QueryError, match=f"{path.name} is not a search written"):
        FLARECASTResponse.read(path)


@needs_parquet
@pytest.mark.parametrize("names", [DEEP, "1e999"], ids=["deep", "infinite"])
def test_extreme_nesting_and_numbers_in_parquet_are_refused(tmp_path: Path, names: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "search.parquet"
    table_of(FULL).write(path)
    arrow = pq.ParquetFile(path).read()
    changed = arrow.drop_columns(["URL Names"]).append_column("URL Names", pa.array([names]).dictionary_encode())
    pq.write_table(changed.replace_schema_metadata(arrow.schema.metadata), path)
    with pytest.raises(QueryError, match=f"{path.name} is not a search written"):
        FLARECASTResponse.read(path)


def test_help_names_the_formats() -> None:
    assert ".parquet" in (FLARECASTResponse.write.__doc__ or "")
    assert "retry_missing" in (FLARECASTResponse.read.__doc__ or "")
