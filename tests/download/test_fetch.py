"""Unattended fetches and their reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from astropy.io import fits
from faults import Layer, answer
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_flarecast import (
    FetchFailure,
    FetchReport,
    FLARECASTClient,
    FLARECASTResponse,
    MirrorReport,
    MissingDataWarning,
    QueryError,
    Segment,
    Series,
    conf,
    fetch,
)
from sunpy_flarecast.archive import DemoArchive, create_app, running
from sunpy_flarecast.download.report import Bare
from sunpy_flarecast.fits.complete import is_bare
from sunpy_flarecast.fits.on_disk import is_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUERY = a.Time("2015-12-11", "2015-12-11T02:05"), Series("hmi.sharp_cea_720s")


@pytest.fixture(autouse=True)
def _few_quick_retries() -> Iterator[None]:
    with conf.set_temp("retry_wait", 0.001), conf.set_temp("max_retries", 1):
        yield


def test_files_that_succeed_in_a_later_pass_are_fetched(many: tuple[str, Layer], tmp_path: Path) -> None:
    _, layer = many
    layer.faults[".fits"] = answer(b'{"message": "the tape is away"}', status=404)
    layer.times[".fits"] = 12  # all ten files once, two of these twice
    report = fetch(Fido.search(*QUERY), path=tmp_path, progress=False)
    assert report.complete
    assert len(report.fetched) == len(report.files) == 10
    assert report.already_there == []
    again = fetch(Fido.search(*QUERY), path=tmp_path, progress=False)
    assert again.fetched == []
    assert again.files == report.files
    assert again.unidentified == again.files  # files without keywords
    counts, more = str(again).splitlines()
    assert counts == "0 files fetched, 10 already there, 0 failed."
    assert more.startswith("10 files on disk were kept although their headers do not identify the current versions")


def test_missing_parts_of_a_search_are_in_the_report(many: tuple[str, Layer], tmp_path: Path) -> None:
    _, layer = many
    layer.faults["start=2015-12-12"] = answer(b"busy", status=503)
    with conf.set_temp("window", 1 / 24), pytest.warns(MissingDataWarning):
        table = FLARECASTClient().search(a.Time("2015-12-11T22:00", "2015-12-12T01:00"), QUERY[1])
    report = fetch(table, path=tmp_path, progress=False)
    assert len(report.fetched) == len(table) > 0
    assert report.failed == []
    assert not report.complete
    assert "Records of hmi.sharp_cea_720s from 2015-12-12T00:00:00Z" in str(report)
    report.write(tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["complete"] is False
    assert written["missing"][0]["start"] == "2015-12-12T00:00:00Z"
    assert "busy" in written["missing"][0]["reason"]


def test_passwords_are_used_but_not_shown_or_written(
    many: tuple[str, Layer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url, layer = many
    with conf.set_temp("url", url.replace("://", "://me:se%40cret@")), caplog.at_level("DEBUG"):
        table = FLARECASTClient().search(*QUERY)
        layer.faults[f"/{table['Record'][3]}/"] = answer(b"gone", status=404)
        report = fetch(table, path=tmp_path, progress=False, passes=1)
        results = Fido.fetch(table, path=tmp_path, progress=False)
        shown = FLARECASTClient().info_url
    assert {headers["authorization"] for headers in layer.headers} == {"Basic bWU6c2VAY3JldA=="}
    report.write(tmp_path / "report.json")
    assert len(report.failed) == len(results.errors) == 1
    assert report.failed[0].cause == "the service answered 404 Not Found: gone"
    shown_texts = [
        repr(table.meta),
        repr(report),
        str(report),
        repr(results),
        results.errors[0].url,
        caplog.text,
        shown,
    ]
    assert not any("cret" in text for text in [*shown_texts, (tmp_path / "report.json").read_text()])


def test_a_fetch_ends_with_a_reason_when_a_pass_brings_no_improvement(
    many: tuple[str, Layer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    _, layer = many
    table = FLARECASTClient().search(*QUERY)
    layer.clear()
    number = int(table["Record"][3])
    layer.faults[f"/{number}/"] = answer(b'{"message": "the tape is away"}', status=404)
    report = fetch(table, path=tmp_path, progress=False, passes=9)
    assert not report.complete
    assert len(report.fetched) == 9
    assert "parfive" not in {record.name for record in caplog.records}
    assert "Pass 1 of at most 9 left 1 of 10 files missing" in caplog.text
    [failure] = report.failed
    assert failure.url.endswith(f"/{number}/Br.fits")
    assert failure.path.startswith(str(tmp_path))
    assert "the tape is away" in failure.reason
    assert layer.count(f"/{number}/") == {"GET": 2}
    report.write(tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text())
    assert (written["complete"], len(written["fetched"]), written["failed"][0]["url"]) == (False, 9, failure.url)


def test_overwriting_replaces_each_file_once(many: tuple[str, Layer], tmp_path: Path) -> None:
    _, layer = many
    table = FLARECASTClient().search(*QUERY)
    fetch(table, path=tmp_path, progress=False)
    layer.clear()
    number = int(table["Record"][3])
    layer.faults[f"/{number}/"] = answer(b"", status=404)
    layer.times[f"/{number}/"] = 1
    report = fetch(table, path=tmp_path, progress=False, overwrite=True)
    assert len(report.fetched) == 10
    assert layer.count(".fits") == {"GET": 11}


@pytest.mark.parametrize("overwrite", [False, "unique"])
def test_paths_and_files_are_in_the_order_of_the_rows(many: tuple[str, Layer], tmp_path: Path, overwrite: Any) -> None:
    _, layer = many
    table = FLARECASTClient().search(*QUERY)
    table = table[[7, 2, 9, 0, 4, 2]]
    template = str(tmp_path / "{record}" / "{file}")
    paths = table.paths(template)
    assert [path.split("/")[-2] for path in paths] == [str(number) for number in table["Record"]]
    fetch(table[1:3], path=template, progress=False)
    layer.clear()
    number = int(table["Record"][0])
    layer.faults[f"/{number}/"] = answer(b"", status=404)  # the first record is last
    layer.times[f"/{number}/"] = 1
    report = fetch(table, path=template, progress=False, overwrite=overwrite)
    if overwrite:
        assert [path.split("/")[-2] for path in report.files] == [path.split("/")[-2] for path in paths[:5]]
        assert report.fetched == report.files
        assert [path in paths for path in report.files] == [True, False, False, True, True]
    else:
        assert report.files == paths[:5]
        assert (report.already_there, report.fetched) == (paths[1:3], [paths[0], *paths[3:5]])


def test_the_path_of_a_refused_file_is_empty(many: tuple[str, Layer], tmp_path: Path) -> None:
    table = FLARECASTClient().search(*QUERY)
    table["URL Prefix"][1] = "ftp://elsewhere/HMI/1/"
    paths = table.paths(tmp_path)
    assert [number for number, path in enumerate(paths) if not path] == [1]
    assert fetch(table, path=tmp_path, progress=False).files == [path for path in paths if path]


def test_refused_urls_are_in_the_report(many: tuple[str, Layer], tmp_path: Path) -> None:
    table = FLARECASTClient().search(*QUERY)
    table["URL Prefix"][1] = "ftp://elsewhere/HMI/1/"
    report = fetch(table, path=tmp_path, progress=False)
    assert len(report.fetched) == 9
    assert "not an http or https URL" in report.failed[0].reason


def test_a_single_row_is_fetched(many: tuple[str, Layer], tmp_path: Path) -> None:
    assert len(fetch(FLARECASTClient().search(*QUERY)[0], path=tmp_path, progress=False).fetched) == 1


def test_tables_of_other_clients_are_refused(many: tuple[str, Layer], tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="not list"):
        fetch([1, 2], path=tmp_path)
    found = FLARECASTClient().search(*QUERY)
    for passes in (0, 1.5, "x"):
        with pytest.raises(QueryError, match="must be a positive integer"):
            fetch(found, passes=passes, path=tmp_path)  # type: ignore[arg-type]
    for most in (0, 1.5, "x"):
        with pytest.raises(QueryError, match="must be a positive integer"):
            fetch(found, max_conn=most, path=tmp_path)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_the_report_lists_equal_reasons_once() -> None:
    failed = [
        FetchFailure(f"/data/{n}", f"http://h/{n}", f"/data/{n} was not fetched from http://h/{n}: away.", "away")
        for n in range(3)
    ]
    report = FetchReport(["a"], [], failed, interrupted=True)
    assert str(report).splitlines() == [
        "1 file fetched, 0 already there, 3 failed, interrupted.",
        "Failed: /data/0 was not fetched from http://h/0: away. (and 2 more like this)",
    ]


# --- Keywords of files without keywords -------------------------------------------------------------------------------


@pytest.fixture
def bare() -> Iterator[Layer]:
    """Serve files without keywords."""
    layer = Layer(create_app(DemoArchive(headers="bare", cached=16)))
    with running(layer) as url, conf.set_temp("url", url):
        yield layer


CEA = Series("hmi.sharp_cea_720s"), Segment("Br", "Bt")


def three_records(layer: Layer) -> FLARECASTResponse:
    table = FLARECASTClient().search(a.Time("2015-12-11T23:30", "2015-12-11T23:40"), *CEA)[:3]
    layer.clear()
    return table


def test_keywords_that_failed_are_requested_in_the_next_pass(bare: Layer, tmp_path: Path) -> None:
    table = three_records(bare)
    number = int(table["Record"][1])
    bare.faults[f"/meta/{number}"] = answer(b"busy", status=503)
    bare.times[f"/meta/{number}"] = 2  # the number of attempts per pass
    report = fetch(table, path=tmp_path, progress=False)
    assert report.complete
    assert report.bare == []
    assert len(report.fetched) == 6
    assert not any(map(is_bare, report.files))
    assert bare.count(".fits") == {"GET": 6}
    assert fits.getheader(report.files[0], 1)["DRMS_ID"].startswith("hmi.sharp_cea_720s:")


def test_files_with_unique_names_get_their_keywords_too(bare: Layer, tmp_path: Path) -> None:
    table = three_records(bare)[:1]
    fetch(table, path=tmp_path, progress=False)
    bare.faults["/meta/"] = answer(b"busy", status=503)
    bare.times["/meta/"] = 2
    report = fetch(table, path=tmp_path, progress=False, overwrite="unique")
    assert report.bare == []
    assert all(path.endswith("_1.fits") for path in report.fetched)
    headers = [fits.getheader(path, 1) for path in sorted(report.fetched)]
    assert [header["DRMS_ID"].rpartition(":")[2] for header in headers] == ["Br", "Bt"]
    assert {header["BUNIT"] for header in headers} == {"Mx/cm^2"}


def test_the_report_says_which_files_have_no_keywords(bare: Layer, tmp_path: Path) -> None:
    table = three_records(bare)
    number = int(table["Record"][1])
    bare.faults[f"/meta/{number}"] = answer(b"busy", status=503)
    with pytest.warns(MissingDataWarning, match="2 files lack the keywords") as caught:
        report = fetch(table, path=tmp_path, progress=False)
    assert [warning.category for warning in caught].count(MissingDataWarning) == 1
    lines = [line for line in str(report).splitlines() if line.startswith("Without keywords: ")]
    assert sorted(line.removeprefix("Without keywords: ") for line in lines) == sorted(
        file.path for file in report.bare
    )
    assert all(is_bare(file.path) for file in report.bare)
    assert all("503" in file.reason for file in report.bare)
    # The second pass brought no improvement and was the last.
    assert bare.count(".fits") == {"GET": 6}


def test_refused_keyword_requests_alone_start_no_pass(
    bare: Layer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = three_records(bare)
    bare.faults["/meta/"] = answer(b'{"message": "no such route"}', status=404)
    with caplog.at_level("INFO"), pytest.warns(MissingDataWarning, match="6 files lack .*no such route"):
        report = fetch(table, path=tmp_path, progress=False)
    assert report.complete
    assert len(report.bare) == 6
    assert "Pass 1" not in caplog.text


def test_refused_keywords_are_requested_again_in_another_pass(bare: Layer, tmp_path: Path) -> None:
    table = three_records(bare)
    number = int(table["Record"][1])
    bare.faults[f"/meta/{number}"] = answer(b"", status=404)
    bare.times[f"/meta/{number}"] = 3  # the three field lists
    bare.faults[f"/{table['Record'][2]}/Br"] = answer(b"busy", status=503)
    bare.times[f"/{table['Record'][2]}/Br"] = 2
    report = fetch(table, path=tmp_path, progress=False)
    assert report.complete
    assert report.bare == []


def test_long_reports_are_truncated(tmp_path: Path) -> None:
    bare = [Bare(f"{number}.fits", "the service answered 404") for number in range(25)]
    text = str(FetchReport([file.path for file in bare], [], [], bare=bare))
    assert text.count("Without keywords: ") == 21
    assert text.endswith("Without keywords: 5 more, which FetchReport.bare lists")


@pytest.mark.parametrize(
    ("bring", "tables"),
    [(fetch, 2), (Fido.fetch, 2), (lambda found, **options: FLARECASTClient().fetch(found[0], **options), 1)],
    ids=["unattended", "fido", "client"],
)
def test_warnings_as_errors_are_raised_after_all_files_are_fetched(
    bare: Layer, tmp_path: Path, bring: Any, tables: int
) -> None:
    bare.faults["/meta/"] = answer(b'{"message": "no such route"}', status=404)
    time = a.Time("2015-12-11T23:30", "2015-12-11T23:40")
    found = Fido.search(time, CEA[0], a.flarecast.Segment("Br") | a.flarecast.Segment("Bt"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", MissingDataWarning)
        with pytest.raises(MissingDataWarning, match=r"files lack the keywords .*no such route"):
            bring(found, path=tmp_path, progress=False)
    there = list(tmp_path.iterdir())
    assert len(there) == sum(map(len, found[:tables]))
    assert all(path.suffix == ".fits" and is_whole(path) for path in there)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_in_a_terminal_failures_are_only_in_the_report(many: tuple[str, Layer], tmp_path: Path) -> None:
    many[1].faults[".fits"] = answer(b"gone", status=404)
    command = [sys.executable, "-m", "sunpy_flarecast", "--url", many[0], "fetch", "2015-12-11", "2015-12-11T00:12"]
    options = ["--series", "hmi.sharp_cea_720s", "--path", str(tmp_path), "--passes", "1"]
    leader, follower = os.openpty()
    done = subprocess.run([*command, *options], stdout=subprocess.PIPE, stderr=follower, timeout=120, check=False)
    os.close(follower)
    output = b"".join(iter(partial(_read, leader), b"")).decode()
    assert (done.returncode, done.stdout) == (1, b"")
    assert output.count("404") == 1


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # raised at the end of a terminal on Linux
        return b""


def test_reports_of_many_files_are_short() -> None:
    failed = [FetchFailure(f"{number}.fits", f"http://host/<{number}>", "<away>.") for number in range(900)]
    report = FetchReport([f"{number}.fits" for number in range(2000)], [], failed)
    assert repr(report) == "<FetchReport: 2,000 files fetched, 0 already there, 900 failed.>"
    assert repr(MirrorReport("sharps", "JSOC")).startswith("<MirrorReport: 0 records from JSOC: ")
    counts = "<strong>FetchReport</strong>: 2,000 files fetched, 0 already there, 900 failed."
    alike = "<ul><li>Failed: &lt;away&gt;. (and 899 more like this)</li></ul>"
    assert report._repr_html_() == f"<div>{counts}{alike}</div>"
    assert str(FetchReport(["a.fits"], [], [])).startswith("1 file fetched, ")
