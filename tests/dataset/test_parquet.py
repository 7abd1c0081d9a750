"""The tables of a data set: bounded memory, units, and use by other programs."""

from __future__ import annotations

import tracemalloc
import uuid
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable, Table, vstack
from astropy.utils.masked import Masked

from sunpy_flarecast.dataset import parquet as module
from sunpy_flarecast.dataset.label import label
from sunpy_flarecast.dataset.model import FlareSettings
from sunpy_flarecast.dataset.parquet import (
    RecordsWriter,
    read_flare_table,
    read_labels,
    read_records,
    record_files,
    write_flare_table,
    write_labels,
)
from sunpy_flarecast.errors import FileError, QueryError
from sunpy_flarecast.flares import read_flares
from sunpy_flarecast.sharp.t_rec import slot_time
from sunpy_flarecast.utils.store import Store

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("pyarrow")

SLOT = 920_000  # 2013-12-28


def records(first: int, last: int, harp: int = 3944) -> QTable:
    rows = np.arange(first, last)
    lost = rows % 5 == 1
    table = QTable()
    table["HARPNUM"] = np.full(len(rows), harp)
    table["T_REC"] = slot_time(SLOT + 50 * rows)
    table["usflux"] = Masked(np.where(lost, np.nan, rows * 1e20), mask=lost) * u.Mx
    table["quality"] = MaskedColumn(rows, mask=lost)
    table["noaa_ars"] = MaskedColumn([f"1198{row % 3}" for row in rows], mask=lost)
    table["url"] = [f"https://service.example/hmi.sharp_cea_720s.{row:09}.Br.fits" for row in rows]
    table["usflux"].info.description = "total unsigned flux"
    return table


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GROUP", 20)
    monkeypatch.setattr(module, "_ONE_FILE", 60)


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "s3":
        return Store(request.getfixturevalue("s3") + "/set")
    return Store(tmp_path if request.param == "local" else f"memory://{uuid.uuid4()}")


def write(store: Store, pieces: list[QTable], total: int = 0) -> None:
    with RecordsWriter(store, total or sum(map(len, pieces))) as writer:
        for piece in pieces:
            writer.write(piece)


def assert_same(found: QTable, wanted: QTable) -> None:
    assert found.colnames == wanted.colnames
    for name in wanted.colnames:
        mask = np.broadcast_to(getattr(wanted[name], "mask", False), len(wanted))
        assert (np.broadcast_to(getattr(found[name], "mask", False), len(wanted)) == mask).all()
        assert (found[name][~mask] == wanted[name][~mask]).all()
        assert getattr(found[name], "unit", None) == getattr(wanted[name], "unit", None)
        assert found[name].info.description == wanted[name].info.description


def groups(store: Store) -> dict[str, list[int]]:
    from pyarrow import parquet

    found = {}
    for path in record_files(store):
        with store.open(path) as file:
            about = parquet.read_metadata(file)
        found[path] = [about.row_group(number).num_rows for number in range(about.num_row_groups)]
    return found


@pytest.mark.usefixtures("small")
def test_records_round_trip_with_units_times_and_masks(store: Store) -> None:
    write(store, [records(0, 7), records(7, 50), records(50, 53)])
    assert groups(store) == {"records.parquet": [20, 20, 13]}
    assert_same(read_records(store), records(0, 53))
    found = read_records(store, ["T_REC", "time"])
    assert (found["T_REC"].scale, found["time"].scale) == ("tai", "utc")
    assert abs(found["time"] - found["T_REC"]).max() < 1 * u.us
    with pytest.raises(QueryError, match=r"has no column 'usfluxx'. It has: row, HARPNUM, T_REC, time, usflux"):
        read_records(store, ["usfluxx"])


@pytest.mark.usefixtures("small")
def test_many_records_are_split_by_year_and_read_in_order(store: Store) -> None:
    # Both HARPs extend over the turn of the year, so rows of two years alternate.
    wanted = vstack([records(0, 40), records(0, 45, harp=3950)])
    write(store, [wanted[:30], wanted[30:60], wanted[60:]])
    assert list(groups(store)) == ["records/year=2013/part.parquet", "records/year=2014/part.parquet"]
    assert_same(read_records(store), wanted)
    assert read_records(store, ["HARPNUM", "row"])["row"].tolist() == list(range(85))
    # Rebuilt with fewer records.
    write(store, [records(0, 3)])
    assert (len(read_records(store)), store.names()) == (3, ["records.parquet"])


@pytest.mark.usefixtures("small")
def test_rows_waiting_to_be_written_are_bounded(tmp_path: Path) -> None:
    writer = RecordsWriter(Store(tmp_path), 1000)
    many = vstack([records(0, 18)] * 4)
    many["T_REC"] = slot_time(SLOT + 45_000 * (np.arange(72) % 6))  # six years
    with writer:
        for _ in range(5):
            writer.write(many)
            assert sum(open_file.rows for open_file in writer._writers.values()) <= 40
    assert len(read_records(Store(tmp_path))) == 360


def test_other_programs_read_plain_columns(tmp_path: Path) -> None:
    wanted = records(0, 30)
    write(Store(tmp_path), [wanted])
    path = str(tmp_path / "records.parquet")
    frame = pytest.importorskip("pandas").read_parquet(path)
    assert frame["usflux"].isna().sum() == 6
    assert frame["usflux"].iloc[-1] == 29e20
    assert frame["T_REC"].iloc[0] == "2013.12.28_16:00:00_TAI"
    assert str(frame["time"].iloc[0]) == "2013-12-28 15:59:25+00:00"
    polars = pytest.importorskip("polars")
    assert polars.read_parquet(path)["quality"].to_list()[:3] == [0, None, 2]
    duckdb = pytest.importorskip("duckdb")
    assert duckdb.sql(f"SELECT noaa_ars, count(*) FROM '{path}' GROUP BY 1 ORDER BY 1").fetchall() == [
        *(("11980", 8), ("11981", 8), ("11982", 8), (None, 6))
    ]


@pytest.mark.parametrize("change", ["type", "unit", "less", "more"])
def test_pieces_with_different_columns_are_refused(tmp_path: Path, change: str) -> None:
    other = records(3, 6)
    if change == "type":
        other["quality"] = np.array(["a", "b", "c"])
    elif change == "unit":
        other["usflux"] = other["usflux"].value * u.G
    elif change == "less":
        other.remove_column("quality")
    else:
        other["area"] = [1, 2, 3]
    with pytest.raises(QueryError, match=r"^The records do not all have the same columns"):
        write(Store(tmp_path), [records(0, 3), other])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_data_set_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(QueryError, match=r"is not a data set: it has no records\.parquet"):
        read_records(store)
    with pytest.raises(QueryError, match=r"has no labels\.parquet"):
        read_labels(store)
    write(store, [records(0, 3)])
    store.write("records.parquet", (tmp_path / "records.parquet").read_bytes()[:-9])
    with pytest.raises(FileError, match=r"^records\.parquet in .* is damaged"):
        read_records(store)


def test_a_table_of_another_program_is_refused(tmp_path: Path) -> None:
    frame = pytest.importorskip("pandas").DataFrame({"HARPNUM": [1, 1], "split": ["train", "test"]})
    frame.astype({"split": "category"}).to_parquet(tmp_path / "records.parquet")
    with pytest.raises(FileError, match=r"^records\.parquet in .* is damaged or cannot be read \(column 'split' has"):
        read_records(Store(tmp_path))


def test_long_texts_are_read_without_much_more_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GROUP", 500)
    urls = [f"{row:0100}" for row in range(20_000)]  # 2 MB as bytes, 8 MB as text
    table = QTable({"HARPNUM": np.ones(20_000, dtype=int), "url": urls})
    write(Store(tmp_path), [table])
    read_records(Store(tmp_path), ["HARPNUM"])
    tracemalloc.start()
    try:
        found = read_records(Store(tmp_path), ["url"])
        assert tracemalloc.get_traced_memory()[1] < 7_000_000
    finally:
        tracemalloc.stop()
    assert (found["url"] == table["url"]).all()


@pytest.mark.usefixtures("small")
def test_labels_and_flares(store: Store) -> None:
    listed = Table(
        {
            "start": ["2014-01-01T00:00", "2014-01-01T05:00", "2014-01-03T00:00"],
            "peak": ["2014-01-01T00:10", "2014-01-01T05:30", "2014-01-03T01:00"],
            "end": ["2014-01-01T00:20", "2014-01-01T06:00", "2014-01-03T02:00"],
            "class": ["C2.0", "M1.5", "X1.0"],
            "noaa": [11980, 11980, 0],
        }
    )
    flares = read_flares(listed)
    settings = FlareSettings(digest=flares.digest, windows=(6.0, 24.0), thresholds=("C1.0", "M1.0"))
    times = np.datetime64("2014-01-01T00:00", "us") + np.arange(30) * np.timedelta64(2, "h")
    labels = label(times, np.full(30, 3944), _pairs(30), flares, settings)
    write_labels(store, labels, settings, flares)
    found = read_labels(store)
    assert len(found) == 120
    assert found["window"].unit == u.h
    shape = labels.value.shape
    assert (np.asarray(found["row"]).reshape(shape)[:, 0, 0] == np.arange(30)).all()
    positive: Any = np.ma.filled(np.ma.asarray(found["positive"]).astype(int), -1)
    assert (positive.reshape(shape) == labels.value).all()
    assert (np.asarray(found["number"]).reshape(shape) == labels.number).all()
    assert {1, 0, -1} == set(positive.tolist())
    first = found[(found["row"] == 0) & (found["threshold"] == "M1.0") & (found["window"] == 24 * u.h)][0]
    assert (first["largest_class"], first["to_peak"], first["to_start"]) == ("M1.5", 330 * u.min, 300 * u.min)
    write_flare_table(store, flares, labels)
    kept = read_flare_table(store)
    assert (kept["harps"].tolist(), kept["assigned"].tolist()) == (["3944", "3944", ""], [True, True, False])
    assert kept["noaa"].tolist() == [11980, 11980, None]
    assert kept["peak"][1].isot == "2014-01-01T05:30:00.000"


def _pairs(count: int) -> Any:
    from sunpy_flarecast.dataset.harp_numbers import NumberPairs

    return NumberPairs(np.arange(count), np.full(count, 11980))
