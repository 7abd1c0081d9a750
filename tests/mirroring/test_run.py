"""Parts of a mirror that need no source: windows, tables of keywords, ledger, report."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from astropy.time import Time, TimeDelta
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_flarecast import MirrorReport
from sunpy_flarecast.mirroring.keyword_table import KeywordTable
from sunpy_flarecast.mirroring.ledger import LEDGER, Ledger, write_changed
from sunpy_flarecast.mirroring.source import Offer, windows
from sunpy_flarecast.query.query import Query
from sunpy_flarecast.sharp.t_rec import slot_time, t_rec_text

SERIES = "hmi.sharp_720s"

seconds = st.floats(min_value=5e8, max_value=1e9)


@settings(max_examples=30)
@given(seconds, st.floats(min_value=0, max_value=4e6), st.none() | st.floats(min_value=1, max_value=1e6))
def test_windows_cover_each_slot_of_a_range_once(begin: float, length: float, sample: float | None) -> None:
    start = slot_time(0) + TimeDelta(begin, format="sec")
    end = start + TimeDelta(length, format="sec")
    found = list(windows(Query(series=SERIES, start=start.utc, end=end.utc, sample=sample)))
    slots = [slot for window in found for slot in range(window.first, window.last + 1)]
    assert slots == list(range(slots[0], slots[-1] + 1)) if slots else length < 720
    for window in found:
        # Windows are whole days, so that no folder is filled from two windows.
        assert window is found[0] or window.first % 120 == 0
        assert window is found[-1] or window.last % 120 == 119
        assert window.start <= slot_time(window.first) <= slot_time(window.last) <= window.end
        assert (window.last - window.first + 1) * 720 >= (sample or 0) or window in (found[0], found[-1])
        assert window.last - window.first < 120 or (sample or 0) > 86400
    if slots:
        # T_REC is in the range, or so close to it that the observation may be in the range.
        assert start.tai - slot_time(slots[0]) < TimeDelta(661, format="sec")
        assert slot_time(slots[-1]) > end.tai - TimeDelta(720, format="sec")


def test_leap_seconds_move_the_slots() -> None:
    first = [
        next(windows(Query(series=SERIES, start=Time(day), end=Time(day) + TimeDelta(1, format="jd")))).first
        for day in ("2015-06-30T00:04:24", "2017-01-02T00:04:23.1")
    ]
    assert [slot_time(slot).isot[11:19] for slot in first] == ["00:00:00", "00:12:00"]
    ends = {"start": Time("2016-12-31T23:59:24"), "end": Time("2016-12-31T23:59:60")}
    assert len(list(windows(Query(series=SERIES, **ends)))) == 1


values = st.none() | st.integers(-(2**31) + 1, 2**31 - 1) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.none() | st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=20)
rows = st.lists(
    st.fixed_dictionaries(
        {"harpnum": st.integers(1, 9999), "slot": st.integers(900_000, 900_119), "recnum": st.integers(1, 10**8)},
        optional={"usflux": values, "noaa_ars": texts, "cmask": values, "strange": texts, "odd": values},
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda row: (row["harpnum"], row["slot"]),
)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {"series": SERIES, "t_rec": t_rec_text(row["slot"]), **{k: v for k, v in row.items() if k != "slot"}}


@settings(max_examples=12)
@given(rows)
def test_tables_keep_their_rows_in_any_order(some: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder, "one"), Path(folder, "two")
        tabled = KeywordTable(one).add(map(_row, some))
        for row in reversed(some):
            again = KeywordTable(two).add([_row(row)])
        assert (
            tabled
            == again
            == {
                Offer(series=SERIES, **{k: row[k] for k in ("slot", "harpnum", "recnum")}).key: row["recnum"]
                for row in some
            }
        )
        read = {(row["harpnum"], row["t_rec"]): row for row in KeywordTable(one)._read().values()}
        assert read == {(row["harpnum"], row["t_rec"]): row for row in KeywordTable(two)._read().values()}
        for row in some:
            kept = read[row["harpnum"], t_rec_text(row["slot"])]
            assert kept["recnum"] == row["recnum"]
            if isinstance(row.get("usflux"), float):
                assert kept["usflux"] == row["usflux"]


def test_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    for name in (LEDGER, "keywords.ecsv"):
        (tmp_path / f".{name}.0123456789ab.part").write_text("half")
    Ledger(tmp_path)
    KeywordTable(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unchanged_files_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_changed(path, "text")
    before = path.stat().st_ino
    write_changed(path, "text")
    assert path.stat().st_ino == before
    write_changed(path, "other")
    assert path.stat().st_ino != before
    assert path.read_text() == "other"


@pytest.mark.parametrize(
    "notes", ['{"records": 5}', '{"records": {"x": 1e999}}', '{"records": ' + "[" * 100_000], ids=range(3)
)
def test_a_damaged_ledger_is_empty(tmp_path: Path, notes: str) -> None:
    (tmp_path / LEDGER).write_text(notes)
    ledger = Ledger(tmp_path)
    ledger.expect([Offer(series=SERIES, slot=1, harpnum=2, recnum=3)])
    assert Ledger(tmp_path)._notes.records == {"2.19930101_001200_TAI": 3}


def test_a_table_with_impossible_numbers_is_rebuilt(tmp_path: Path) -> None:
    table = KeywordTable(tmp_path)
    row = {"series": SERIES, "recnum": 3, "harpnum": 2, "t_rec": "1993.01.01_00:12:00_TAI"}
    table.add([row, {**row, "harpnum": 4}])
    path = next(tmp_path.iterdir())
    path.write_text(path.read_text().replace("datatype: int64", "datatype: float64").replace(",4,", ",1e999,"))
    assert table.add([row]) == {"2.19930101_001200_TAI": 3}


def test_an_export_of_a_reprocessed_record_is_dropped(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    old, new, other = (
        Offer(series=SERIES, slot=1, harpnum=harp, recnum=recnum) for harp, recnum in ((2, 3), (2, 4), (5, 6))
    )
    ledger.expect([old, other])
    ledger.staging.update({"JSOC_1": [old.name("bitmap")], "JSOC_2": [other.name("bitmap")]})
    ledger.expect([new, other])
    assert list(ledger.staging) == ["JSOC_2"]


def test_a_report_stays_small() -> None:
    report = MirrorReport("sharps", "JSOC", records=1)
    for number in range(1000):
        report.lack("file", "it is away.", f"{number}.fits")
    for number in range(30):
        report.lack("range", f"reason {number}", "a day")
    assert [len(shortfall.examples) for shortfall in report.shortfalls[:2]] == [100, 1]
    lines = str(report).splitlines()
    assert lines[0] == (
        "1 record from JSOC: 0 files fetched into sharps, 0 already there; 30 time ranges and 1,000 files are missing."
    )
    assert lines[1] == "1,000 files: it is away (0.fits, ...)"
    assert lines[-2:] == [
        "... and 11 other reasons.",
        "The same command requests only the missing data.",
    ]


def test_missing_keywords_are_a_plural() -> None:
    report = MirrorReport("sharps", "JSOC", records=1, fetched=1)
    report.lack("keywords", "the service did not answer", "a")
    assert str(report).splitlines()[0].endswith("1 record's keywords are missing.")


def test_notes_of_a_source_are_not_counted_as_records() -> None:
    report = MirrorReport("sharps", "JSOC", records=1, fetched=1)
    report.lack("note", "3 records were skipped.", SERIES)
    lines = str(report).splitlines()
    assert lines[0].endswith("0 already there.")
    assert lines[1] == "3 records were skipped."
    assert not report.complete


def test_equal_notes_of_several_days_are_counted() -> None:
    report = MirrorReport("sharps", "JSOC", records=1, fetched=1)
    for _ in range(2):
        report.lack("note", "1 record was skipped.", SERIES)
    assert str(report).splitlines()[1] == "1 record was skipped (2 times)."
