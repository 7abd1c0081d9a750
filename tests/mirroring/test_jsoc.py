"""Mirrors of JSOC, with the real drms from a real server: fetched files, missing data and failures."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any

import astropy.units as u
import pytest
from astropy.table import Table
from faults import Layer, answer
from filelock import FileLock
from jsoc import EMAIL, JSOC, jsoc_record

from sunpy_flarecast import MirrorReport, QueryError, ReplyError, ServiceError, TransferError, conf, mirror
from sunpy_flarecast.archive import running
from sunpy_flarecast.archive.index import BESIDE
from sunpy_flarecast.archive.index.write import Writer
from sunpy_flarecast.mirroring.ledger import LEDGER
from sunpy_flarecast.sharp.filenames import file_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jsoc import JSOCRecord

    Served = tuple[str, Layer, JSOC]
    Tree = Callable[[Path], dict[str, bytes]]

SERIES = "hmi.sharp_cea_720s"

DAY = f"{SERIES}/2015/12/11"
NEXT = f"{SERIES}/2015/12/12"


@pytest.fixture(autouse=True)
def _few_quick_retries() -> Any:
    with conf.set_temp("retry_wait", 0.001), conf.set_temp("max_retries", 2):
        yield


def run(url: str, folder: Path, end: str = "2015-12-13", **more: Any) -> MirrorReport:
    asked: dict[str, Any] = {"series": SERIES, "jsoc": url, "progress": False, "index": False}
    return mirror("2015-12-11", end, folder, **{**asked, **more})


def path_of(record: JSOCRecord, segment: str) -> str:
    day = NEXT if record.slot >= 1005600 else DAY
    return f"{day}/{file_name(SERIES, segment, harpnum=record.harpnum, slot=record.slot)}"


def test_all_online_files_are_fetched_once_with_their_keywords(jsoc: Served, tmp_path: Path, tree: Tree) -> None:
    url, layer, server = jsoc
    report = run(url, tmp_path)
    assert report.complete, report
    assert (report.records, report.fetched, report.already_there) == (8, 24, 0)
    files = tree(tmp_path)
    assert {name for name in files if name.endswith(".fits")} == {
        path_of(record, segment) for record in server.records for segment in record.segments
    }
    for record in server.records:
        for segment in record.segments:
            assert files[path_of(record, segment)] == record.content(segment)
    assert set(files) - {name for name in files if name.endswith(".fits")} == {
        ".mirror.lock",
        *(f"{day}/{name}" for day in (DAY, NEXT) for name in (LEDGER, "keywords.ecsv")),
    }
    table = Table.read(tmp_path / NEXT / "keywords.ecsv")
    assert len(table) == 6
    assert table.colnames[:4] == ["Series", "RECNUM", "HARPNUM", "T_REC"]
    first = server.records[2]
    assert tuple(table[0]["RECNUM", "HARPNUM", "T_REC", "quality", "wavelnth", "testword"]) == (
        *(first.recnum, 6178, "2015.12.12_00:00:00_TAI", 1024, 6173.0, 7),
    )
    assert all(table["noaa_ars"].mask)
    assert table["usflux"].mask.tolist() == [record.slot % 2 == 0 for record in server.records[2:]]
    assert table["usflux"].unit == u.Mx
    layer.clear()
    again = run(url, tmp_path)
    assert again.complete
    assert (again.records, again.fetched, again.already_there) == (8, 0, 24)
    assert layer.count("/SUM") == {}
    assert layer.count("ALL") == {}
    assert tree(tmp_path) == files


def test_the_range_is_requested_in_tai(jsoc: Served, tmp_path: Path) -> None:
    url, layer, _ = jsoc
    # 22:00 and 00:00 TAI are 21:59:24 and 23:59:24 UTC.
    report = mirror(
        *("2015-12-11T21:59:25", "2015-12-12T00:00:00", tmp_path),
        series=SERIES,
        segment="Br",
        harpnum=[6178, (6200, 6300)],
        jsoc=url,
        progress=False,
        index=False,
    )
    assert [file.name for file in tmp_path.rglob("*.fits")] == [f"{SERIES}.6178.20151212_000000_TAI.Br.fits"]
    assert report.records == 1
    asked = [path for _, path in layer.requests if "DATE__OBS" in path]
    assert "%5B6178%5D%5B2015.12.11_22%3A00%3A00_TAI-2015.12.11_23%3A48%3A00_TAI%5D" in asked[0]
    assert "%5B6200-6300%5D%5B2015.12.11_22" in asked[1]
    assert all("&seg=Br" in path for path in asked)


def test_more_segments_and_harps_are_added(jsoc: Served, tmp_path: Path, tree: Tree) -> None:
    url, _, _ = jsoc
    run(url, tmp_path / "whole")
    run(url, tmp_path / "parts", harpnum=6180, segment="B[pt]")
    run(url, tmp_path / "parts", harpnum=6178)
    run(url, tmp_path / "parts")
    assert tree(tmp_path / "parts") == tree(tmp_path / "whole")


def test_sampling_is_by_a_grid_from_the_start(jsoc: Served, tmp_path: Path) -> None:
    url, _, _ = jsoc
    report = run(url, tmp_path, sample=8 * u.hour, segment="Br")
    # All four are nearest to the grid point at midnight; the first is in the previous window.
    assert [file.name.split(".")[3] for file in tmp_path.rglob("*.6178.*.fits")] == ["20151212_000000_TAI"]
    assert report.records == 2


def test_only_reprocessed_records_are_fetched_again(jsoc: Served, tmp_path: Path) -> None:
    url, layer, server = jsoc
    run(url, tmp_path)
    changed = server.records[3]
    changed.recnum += 50
    changed.keywords["CMASK"] = "1.0"
    layer.clear()
    # As if a process had been killed after its first file.
    layer.faults["Bt.fits"] = answer(b"gone", status=404)
    report = run(url, tmp_path)
    assert (report.fetched, report.shortfalls[0].count) == (2, 1)
    layer.clear()
    report = run(url, tmp_path)
    assert (report.fetched, report.already_there) == (1, 23)
    for segment in changed.segments:
        assert (tmp_path / path_of(changed, segment)).read_bytes() == changed.content(segment)
    table = Table.read(tmp_path / NEXT / "keywords.ecsv")
    assert table["cmask"].tolist().count(1.0) == 1
    assert changed.recnum in table["RECNUM"]
    layer.clear()
    assert run(url, tmp_path).fetched == 0


def test_files_that_could_not_be_replaced_keep_their_keywords(jsoc: Served, tmp_path: Path, tree: Tree) -> None:
    url, layer, server = jsoc
    run(url, tmp_path)
    before = (tmp_path / NEXT / "keywords.ecsv").read_bytes()
    server.records[3].recnum += 50
    layer.faults[".fits"] = answer(b"gone", status=404)
    assert run(url, tmp_path).shortfalls[0].count == 3
    assert (tmp_path / NEXT / "keywords.ecsv").read_bytes() == before
    layer.clear()
    assert run(url, tmp_path).complete
    assert server.records[3].recnum in Table.read(tmp_path / NEXT / "keywords.ecsv")["RECNUM"]


def test_files_of_segments_that_were_not_requested_are_remembered_as_old(jsoc: Served, tmp_path: Path) -> None:
    url, _, server = jsoc
    run(url, tmp_path)
    server.records[3].recnum += 50
    assert run(url, tmp_path, segment="Br").fetched == 1
    assert run(url, tmp_path).fetched == 2


def test_offline_files_are_reported_record_by_record(jsoc: Served, tmp_path: Path) -> None:
    url, _, server = jsoc
    server.records[1].online = False
    server.records[4].without = ("Br",)
    report = run(url, tmp_path)
    assert not report.complete
    assert (report.fetched, len(report.shortfalls)) == (20, 2)
    offline, without = report.shortfalls
    assert "not online at JSOC" in offline.reason
    assert "--email" in offline.reason
    assert offline.examples == [file_name(SERIES, name, harpnum=6180, slot=1005590) for name in ("Bp", "Bt", "Br")]
    assert without.reason == "JSOC has the record online, but no such file"
    assert "4 files are missing" in str(report)
    assert server.exported == []
    report.write(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["missing"][0]["count"] == 3
    # Files on disk need not be online.
    server.records[1].online = True
    run(url, tmp_path)
    server.records[1].online = False
    assert run(url, tmp_path).already_there == 23


def test_an_address_brings_files_online(jsoc: Served, tmp_path: Path) -> None:
    url, _, server = jsoc
    for record in server.records[1:4]:
        record.online = False
    report = run(url, tmp_path, email=EMAIL)
    assert report.complete, report
    assert report.fetched == 24
    numbers = [record.recnum for record in server.records]
    assert server.exported == [
        f"{SERIES}[:#{numbers[1]}]{{Bp,Bt,Br}}",
        f"{SERIES}[:#{numbers[2]},#{numbers[3]}]{{Bp,Bt,Br}}",
    ]
    record = server.records[3]
    assert (tmp_path / path_of(record, "Bt")).read_bytes() == record.content("Bt")


def test_a_slow_export_is_used_by_the_next_mirror(jsoc: Served, tmp_path: Path, tree: Tree) -> None:
    url, _, server = jsoc
    server.records[0].online = server.records[5].online = False
    server.looks = 3
    report = run(url, tmp_path / "late", email=EMAIL, stage_wait=0)
    assert len(server.exported) == 1  # while an export is pending, no other is requested
    assert [shortfall.reason.rpartition(" with ")[0] for shortfall in report.shortfalls] == [
        "not online at JSOC, which is still busy",
        "not online at JSOC, which is busy",
    ]
    report = run(url, tmp_path / "late", email=EMAIL)
    assert report.complete, report
    assert len(server.exported) == 2
    for record in server.records:
        record.online = True
    run(url, tmp_path / "whole")
    assert tree(tmp_path / "late") == tree(tmp_path / "whole")


def test_an_expired_export_is_requested_again(jsoc: Served, tmp_path: Path) -> None:
    url, _, server = jsoc
    server.records[0].online = False
    server.looks = 99
    run(url, tmp_path, email=EMAIL, stage_wait=0)
    server._exports.clear()
    server.looks = 1
    assert run(url, tmp_path, email=EMAIL).complete
    assert len(server.exported) == 2


def test_failed_exports_are_reported(jsoc: Served, tmp_path: Path) -> None:
    url, layer, server = jsoc
    server.records[0].online = False
    layer.faults["exp_request"] = answer(b'{"status": 7, "error": "You have too many requests", "requestid": ""}')
    report = run(url, tmp_path, email=EMAIL)
    assert report.fetched == 21
    assert "You have too many requests [status=7]" in report.shortfalls[0].reason


def test_an_unregistered_address_is_refused_at_once(jsoc: Served, tmp_path: Path) -> None:
    url, layer, _ = jsoc
    with pytest.raises(
        QueryError, match=r"'you@here' is not registered .* http://jsoc.stanford.edu/ajax/register_email"
    ):
        run(url, tmp_path, email="you@here")
    assert len(layer.requests) == 1


def test_an_unknown_series_is_an_error(jsoc: Served, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"has no series 'hmi.sharp_720s' .*does not exist \[status=1\]"):
        run(jsoc[0], tmp_path, series="hmi.sharp_720s")
    with pytest.raises(QueryError, match="Did you mean 'Br'"):
        run(jsoc[0], tmp_path, segment="Brr")


def test_a_busy_server_is_retried_after_the_time_it_requests(jsoc: Served, tmp_path: Path) -> None:
    url, layer, _ = jsoc
    layer.faults["rs_list"] = answer(b"busy", status=503, headers={"Retry-After": "0"})
    layer.times["rs_list"] = 2
    layer.faults["Br.fits"] = answer(b"busy", status=503, headers={"Retry-After": "0"})
    layer.times["Br.fits"] = 1
    assert run(url, tmp_path).complete


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (answer(b"<html><title>Down for repairs</title>", kind="text/html"), 'a web page titled "Down for repairs"'),
        (answer(b"<html><title>Oh</title>", status=500), "answered 500 Internal Server Error: a web page titled"),
        (answer(b'{"count": 3}'), r"DRMS Query failed\. \[status=None\]"),
        (answer(b"[1, 2]"), "the reply is not from JSOC's software"),
        (answer(b'{"keywords": [', length=99, drop=True), "the connection failed"),
        (answer(b'{"status": 1, "error": "DRMS is down"}'), r"the server answered: DRMS is down \[status=1\]"),
    ],
)
def test_a_failed_window_is_missing_and_the_others_are_fetched(
    jsoc: Served, tmp_path: Path, fault: Any, reason: str
) -> None:
    url, layer, _ = jsoc
    layer.faults["2015.12.12_00%3A00%3A00_TAI-"] = fault
    report = run(url, tmp_path)
    assert report.fetched == 6
    [missing] = report.shortfalls
    assert missing.kind == "range"
    assert missing.examples[0].startswith(f"{SERIES} from 2015-12-11T23:59:24Z to 2015-12-12T")
    with pytest.raises(ServiceError, match=reason):
        raise ServiceError(missing.reason)
    layer.clear()
    assert run(url, tmp_path).complete


def test_the_first_window_must_succeed(jsoc: Served, tmp_path: Path) -> None:
    url, layer, _ = jsoc
    layer.faults["jsoc_info"] = answer(b"no", status=403)
    with pytest.raises(
        ServiceError, match=r"The request to JSOC for the series .* answered 403 Forbidden: no\. Try again"
    ):
        run(url, tmp_path)
    with pytest.raises(ServiceError, match="the connection failed"):
        run("http://127.0.0.1:9", tmp_path)


def test_nothing_more_is_requested_after_three_consecutive_failures(jsoc: Served, tmp_path: Path) -> None:
    url, layer, _ = jsoc
    layer.faults["2015.12.1"] = answer(b"no", status=403)
    layer.faults["2015.12.11_00"] = answer(b'{"status": 0, "count": 0}')
    layer.faults = dict(reversed(layer.faults.items()))
    report = run(url, tmp_path, end="2015-12-20")
    assert [(shortfall.kind, shortfall.count) for shortfall in report.shortfalls] == [("range", 3), ("range", 6)]
    assert layer.count("rs_list") == {"GET": 4}


def test_a_silent_server_times_out(jsoc: Served, tmp_path: Path) -> None:
    url, layer, _ = jsoc
    over = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def silent(scope: Any, send: Any) -> None:
        loops.append(asyncio.get_running_loop())
        await over.wait()
        raise ConnectionResetError

    layer.faults["rs_list"] = silent
    with (
        conf.set_temp("read_timeout", 0.1),
        conf.set_temp("max_retries", 0),
        pytest.raises(ServiceError, match=r"did not answer within 0\.1 s"),
    ):
        run(url, tmp_path)
    loops[0].call_soon_threadsafe(over.set)


def test_a_reply_that_is_too_large_is_reported_as_such(jsoc: Served, tmp_path: Path) -> None:
    with (
        conf.set_temp("reply_size", 1e-6),
        pytest.raises(ReplyError, match=r"failed: the reply is larger than 0 MB \(conf\.reply_size\)\. Try again"),
    ):
        run(jsoc[0], tmp_path)


def test_unavailable_keywords_are_missing_and_requested_again(jsoc: Served, tmp_path: Path, tree: Tree) -> None:
    url, layer, _ = jsoc
    layer.faults["ALL"] = answer(b"no", status=403)
    report = run(url, tmp_path / "late")
    assert report.fetched == 24
    assert [(shortfall.kind, shortfall.count) for shortfall in report.shortfalls] == [("keywords", 8)]
    layer.clear()
    report = run(url, tmp_path / "late")
    assert report.complete
    assert (report.fetched, layer.count("ALL")) == (0, {"GET": 2})
    run(url, tmp_path / "whole")
    assert tree(tmp_path / "late") == tree(tmp_path / "whole")


def test_a_damaged_table_is_rebuilt(jsoc: Served, tmp_path: Path, tree: Tree) -> None:
    url, _, server = jsoc
    run(url, tmp_path)
    whole = tree(tmp_path)
    (tmp_path / NEXT / "keywords.ecsv").unlink()
    run(url, tmp_path)
    assert tree(tmp_path) == whole
    (tmp_path / NEXT / "keywords.ecsv").write_text("# %ECSV 1.0\nx y\n")
    server.records[3].recnum += 50
    run(url, tmp_path)
    run(url, tmp_path)
    assert len(Table.read(tmp_path / NEXT / "keywords.ecsv")) == 6


def test_records_that_cannot_be_identified_are_reported(jsoc: Served, tmp_path: Path) -> None:
    url, _, server = jsoc
    server.records[0].keywords["T_REC"] = "MISSING"
    report = run(url, tmp_path)
    assert report.records == 7
    [shortfall] = report.shortfalls
    assert shortfall.kind == "note"
    assert str(report).splitlines()[1] == shortfall.reason
    assert "was skipped: HARPNUM '6178' and T_REC 'MISSING' do not identify it." in shortfall.reason


def test_paths_to_other_places_are_not_followed(jsoc: Served, tmp_path: Path) -> None:
    url, layer, server = jsoc
    server.records = [jsoc_record(SERIES, 6178, 1005590, 5, "Br")]
    reply = {
        "keywords": [
            {"name": name, "values": [value]}
            for name, value in {"*recnum*": "5", "HARPNUM": "6178", "T_REC": "2015.12.11_22:00:00_TAI"}.items()
        ],
        "segments": [
            {"name": "Br", "values": ["/SUM1/../../etc/passwd"]},
            {"name": "../x", "values": ["/SUM1/x.fits"]},
        ],
        "status": 0,
    }
    layer.faults["DATE__OBS"] = answer(json.dumps(reply).encode())
    report = run(url, tmp_path, end="2015-12-11T23:00")
    assert report.fetched == 0
    assert "'../x' is not a valid name of a segment" in report.shortfalls[0].reason
    assert not list(tmp_path.rglob("*.fits"))


def test_incomplete_files_are_not_kept(jsoc: Served, tmp_path: Path) -> None:
    url, layer, server = jsoc
    layer.faults["/Bt.fits"] = answer(server.records[0].content("Bt")[:-10])
    layer.faults["/Bp.fits"] = answer(b"<html><title>Moved</title>")
    report = run(url, tmp_path)
    assert report.fetched == 8
    assert {shortfall.count for shortfall in report.shortfalls} == {8}
    assert "ends at byte" in str(report)
    assert 'a web page titled "Moved"' in str(report)
    assert {file.name.split(".")[-2] for file in tmp_path.rglob("*.fits")} == {"Br"}


def test_a_folder_without_write_access_is_an_error(jsoc: Served, tmp_path: Path) -> None:
    url, layer, _ = jsoc
    (tmp_path / "file").write_text("")
    with pytest.raises(QueryError, match=r"cannot be written to .* Choose another"):
        run(url, tmp_path / "file")
    assert layer.requests == []
    (tmp_path / SERIES).write_text("")
    with pytest.raises(TransferError, match=r"cannot be written to .* run the same command again"):
        run(url, tmp_path)


def test_two_mirrors_do_not_fill_one_folder(jsoc: Served, tmp_path: Path) -> None:
    """The lock is a separate file, opened for writing, as network file systems require."""
    with FileLock(tmp_path / ".mirror.lock"), pytest.raises(TransferError, match="Another mirror is filling"):
        run(jsoc[0], tmp_path)
    assert run(jsoc[0], tmp_path).complete


def test_an_index_that_cannot_be_updated(jsoc: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sunpy_flarecast.mirroring.run._WAIT", 0.0)
    with Writer(tmp_path.resolve(), tmp_path / BESIDE):
        report = run(jsoc[0], tmp_path, index=True)
    assert report.complete
    assert "Another process is writing the index" in report.index
    (tmp_path / BESIDE).write_text("no database" * 99)
    report = run(jsoc[0], tmp_path, index=True)
    assert [(shortfall.kind, "not a database" in shortfall.reason) for shortfall in report.shortfalls] == [
        ("index", True)
    ]
    (tmp_path / BESIDE).unlink()
    assert run(jsoc[0], tmp_path, index=True).index.startswith("Index: 8 records in 26 files (26 new)")


def test_settings_of_the_process_are_unchanged(jsoc: Served, tmp_path: Path) -> None:
    """Other threads may search and open connections at the same time."""
    seen = set()

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        seen.add((str(conf.url), socket.getdefaulttimeout()))
        await jsoc[1](scope, receive, send)

    before = (str(conf.url), socket.getdefaulttimeout())
    with running(noting) as url:
        assert run(url, tmp_path / "jsoc").complete
        with pytest.raises(ServiceError):
            mirror("2015-12-11", "2015-12-12", tmp_path, series=SERIES, service=url, progress=False)
    assert seen == {before}


def test_contradicting_options_are_refused_before_any_request(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="--from-jsoc"):
        run("", tmp_path, jsoc=False, email=EMAIL)
    with pytest.raises(QueryError, match="one source"):
        run("http://127.0.0.1:9", tmp_path, service="http://127.0.0.1:9")
    with pytest.raises(QueryError, match="ends before that"):
        run("", tmp_path, end="2015-12-10")
    with pytest.raises(QueryError, match="not a time range"):
        run("", tmp_path, end="soon")
    with pytest.raises(QueryError, match="requires at least one series"):
        run("", tmp_path, series=[])
    with pytest.raises(QueryError, match="max_conn=0"):
        run("", tmp_path, max_conn=0)
    with pytest.raises(QueryError, match="is not an http:// or https:// URL"):
        run("jsoc.stanford.edu", tmp_path)
    for wrong, message in (
        ({"series": 5}, r"mirror\(series=5\): names must be strings"),
        ({"segment": 5}, r"mirror\(segment=5\): names must be strings"),
        ({"harpnum": "6178"}, r"mirror\(harpnum='6178'\): HARP numbers must be integers"),
        ({"harpnum": 6178.0}, r"mirror\(harpnum=6178.0\): HARP numbers must be integers"),
        ({"harpnum": [6178.0]}, r"HARPNUM\(6178.0\): HARP numbers are integers"),
        ({"harpnum": [(1, 2, 3)]}, r"mirror\(harpnum=\[\(1, 2, 3\)\]\): write a range of HARP numbers"),
        ({"harpnum": 0}, r"HARPNUM\(0\): HARP numbers begin at 1"),
        ({"segment": [5]}, r"Segment\(5\): names of segments must be strings"),
        ({"sample": 5}, r"mirror\(sample=5\): it must be a length of time"),
        ({"sample": 5 * u.km}, "it must be a length of time"),
        ({"max_conn": "x"}, r"max_conn='x' is invalid"),
    ):
        with pytest.raises(QueryError, match=message):
            run("", tmp_path, **wrong)
    for folder in ("", 5, None):
        with pytest.raises(QueryError, match="Pass the path of the folder to fill"):
            mirror("2015-12-11", "2015-12-12", folder, series="hmi.sharp_720s")  # type: ignore[arg-type]
