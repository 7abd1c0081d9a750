"""The commands for data sets: output, files and exit statuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import dask
import distributed  # noqa: F401 (adds its settings to those of dask)
import pytest
from click.testing import CliRunner
from faults import Layer, answer

from sunpy_flarecast.cli import cli

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

BUILD = ("dataset", "build", "2015-12-11", "2015-12-11T00:20", "--series", "hmi.sharp_cea_720s", "--segment", "Br")
FEW = ("--harp", "4928:4930", "--no-progress")
FLARES = "peak_time,class,noaa\n2015-12-10T12:00,C1.0,12463\n2015-12-13T12:00,M1.0,12463\n"


def run(*arguments: str) -> Result:
    shown = CliRunner().invoke(cli, list(arguments))
    assert "Traceback" not in shown.output
    return shown


@pytest.fixture
def flares(tmp_path: Path) -> str:
    (tmp_path / "flares.csv").write_text(FLARES)
    return str(tmp_path / "flares.csv")


def test_a_data_set_is_built_checked_and_described(demo: tuple[str, Layer], flares: str, tmp_path: Path) -> None:
    out, report = str(tmp_path / "sharps"), tmp_path / "report.json"
    command = (*BUILD, *FEW, "--out", out, "--flares", flares, "--window", "12 h", "--window", "24 h")
    more = ("--split", "train=0.5", "--split", "test=0.5", "--keyword", "usflux", "--report", str(report))
    demo[1].faults["/Br.fits"] = answer(b"busy", status=404)
    shown = run(*command, *more)
    assert (shown.exit_code, "The same call requests data" in shown.stderr) == (1, True), shown.output
    assert "x the service answered 404 Not Found" in shown.stderr
    demo[1].clear()
    shown = run(*command, *more)
    assert shown.exit_code == 0, shown.output
    assert "2 records, 2 images" in shown.stdout
    assert "label_12h_M1.0: 0 positive" in shown.stdout
    assert json.loads(report.read_text())["complete"]
    assert run(*command, *more[:-2]).exit_code == 0
    assert run("dataset", "check", out).stdout.endswith("no problems.\n")
    assert "hmi.sharp_cea_720s" in run("dataset", "info", out).stdout
    (tmp_path / "sharps/split.json").write_text("{}")
    shown = run("dataset", "check", out)
    assert (shown.exit_code, "split.json has changed" in shown.stderr) == (1, True)


def test_the_extent_of_the_list_of_flares_makes_labels_known(
    demo: tuple[str, Layer], flares: str, tmp_path: Path
) -> None:
    out = str(tmp_path / "sharps")
    command = (*BUILD, *FEW, "--out", out, "--no-images", "--keyword", "usflux", "--flares", flares, "--window", "96 h")
    note = (
        "2 of 2 records have unknown labels, because the list of flares covers only the time from 2015-12-10T12:00:00 "
        "to 2015-12-13T12:00:00."
    )
    shown = " ".join(run(*command).stdout.split())
    assert note in shown
    assert "--flares-extent START END" in shown
    assert "0 negative, 2 unknown" in shown
    shown = run(*command, "--overwrite", "--flares-extent", "2015-12-01", "2016-01-01").stdout
    assert ("unknown labels" in shown, "0 unknown" in shown) == (False, True)
    assert json.loads((tmp_path / "sharps/provenance.json").read_text())["report"]["notes"] == []


@pytest.mark.parametrize(
    ("more", "status", "part"),
    [
        (("--flares-extent", "2015-12-01", "2016-01-01"), 2, "--flares-extent requires --flares"),
        (
            ("--flares", "FLARES", "--flares-extent", "2016-01-01", "2015-12-01"),
            2,
            "(--flares-extent) does not end after its",
        ),
        (("--flares", "FLARES", "--flares-extent", "soon", "2015-12-01"), 2, "'soon' is not a time"),
        (("--threshold", "Z9", "--flares", "FLARES"), 2, "'Z9' is not a GOES class"),
        (("--flares", "nowhere.csv"), 2, "nowhere.csv"),
        (
            ("--flares", "FLARES", "--window", "20000 h"),
            2,
            "not 20,000 h. Write windows=24 * u.hour (--window '24 h').",
        ),
        (("--flares", "STARTS"), 2, "has no peak times. Use flare_time='start' (--flare-time start)"),
        (("--flares", "STARTS", "--flare-time", "start"), 2, "or use by_position=True (--by-position) if"),
        (("--flares", "STARTS", "--flare-time", "start", "--by-position"), 2, "(--by-position) requires positions"),
        (("--by-position",), 2, "by_position (--by-position) requires labels"),
        (
            ("--window", "12 h", "--threshold", "C1.0"),
            2,
            "windows (--window) and threshold (--threshold) require labels",
        ),
        (("--flare-time", "start"), 2, "flare_time (--flare-time) requires labels"),
        (("--stratify",), 2, "(--stratify) requires sets. Add split={'train': 0.8, 'test': 0.2} (--split train=0.8"),
        (
            ("--split", "train=0.7"),
            2,
            "at least two sets. Write, for example, split={'train': 0.8, 'test': 0.2} (--split",
        ),
        (("--split", "a=2014-01-01", "--split", "b=x", "--split-by", "time"), 2, "such as '2014-01-01/2014-07-01'"),
        (("--segment", "bitmap", "--encoding", "int16"), 2, "encoding='int16' (--encoding) stores whole gauss"),
        (("--segment", "bitmap", "--encoding", "binned"), 2, "encoding='binned' (--encoding) averages pixels"),
        (("--encoding", "binned", "--bin", "65"), 2, "bin=65 (--bin) is too large"),
        (("--files", "/nowhere"), 2, "files='/nowhere' (--files) is not a folder"),
        (("--keep-files", "{nosuch}"), 2, "keep_files='{nosuch}' (--keep-files) has an unknown field"),
        (("--out", "memory://sharps", "--workers", "2"), 2, "Leave out workers (--workers) and client (--scheduler)"),
        (("--split", "train=0.7", "--split", "test=0.5"), 2, "sum to 1.2"),
        (("--split", "train"), 2, "Write NAME=VALUE"),
        (("--split", "train=x", "--split", "test=0.5"), 2, "write a share"),
        (("--split", "train=x", "--split", "test=1", "--split-by", "month"), 2, "write months"),
        (("--split", "train=0.5", "--split", "train=0.5"), 2, "names a set twice"),
        (("--scheduler", "tcp://127.0.0.1:1"), 1, "scheduler"),
        (("--scheduler", "tcp://127.0.0.1:1", "--workers", "2"), 2, "--workers and --scheduler cannot be combined"),
        (("--out", "/proc/none"), 2, "/proc/none"),
        (("--url", "http://127.0.0.1:1"), 1, "Connection refused"),
        (("--bin", "0"), 2, "--bin"),
    ],
    ids=str,
)
def test_each_mistake_gives_one_message(
    demo: tuple[str, Layer],
    flares: str,
    tmp_path: Path,
    more: tuple[str, ...],
    status: int,
    part: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(dask.config.config["distributed"]["comm"]["timeouts"], "connect", "1s")
    starts = tmp_path / "starts.csv"  # without peak times, NOAA numbers and positions
    starts.write_text("start,class\n2015-12-11T12:00,M1.0\n")
    given: Any = [{"FLARES": flares, "STARTS": str(starts)}.get(argument, argument) for argument in more]
    shown = run(*BUILD, *FEW, *(() if "--out" in more else ("--out", str(tmp_path / "sharps"))), *given)
    assert (shown.exit_code, part in " ".join(shown.stderr.split())) == (status, True), shown.stderr
    assert [path for _, path in demo[1].requests if ".fits" in path] == []


def test_no_records_give_the_status_of_a_temporary_failure(demo: tuple[str, Layer], tmp_path: Path) -> None:
    shown = run("dataset", "build", "2009-01-01", "2009-01-02", "--no-progress", "--out", str(tmp_path / "sharps"))
    assert (shown.exit_code, "The search found no records for a data set" in shown.stderr) == (1, True), shown.stderr


def test_a_folder_without_a_data_set_is_neither_checked_nor_described(tmp_path: Path) -> None:
    for command in ("check", "info"):
        shown = run("dataset", command, str(tmp_path))
        assert (shown.exit_code, "is not a data set" in " ".join(shown.stderr.split())) == (2, True)
