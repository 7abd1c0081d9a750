"""The command ``mirror``: options, exit statuses, and kills at any moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from faults import Layer, answer
from jsoc import EMAIL, JSOC

from sunpy_flarecast import mirror
from sunpy_flarecast.cli import cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Served = tuple[str, Layer, JSOC]
    Tree = Callable[[Path], dict[str, bytes]]

CEA = "hmi.sharp_cea_720s"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["mirror", *arguments])


def test_a_mirror_of_jsoc(jsoc: Served, tmp_path: Path) -> None:
    url, layer, server = jsoc
    server.records[1].online = False
    arguments = ["2015-12-11", "2015-12-13", str(tmp_path / "sharps"), "--series", CEA, "--jsoc-url", url]
    arguments += ["--no-progress", "--no-index", "--segment", "B[rt]", "--harp", "6178:6180", "--max-conn", "3"]
    shown = run(*arguments, "--report", str(tmp_path / "report.json"))
    assert shown.exit_code == 1
    assert shown.stdout == ""
    assert "8 records from" in shown.stderr
    assert "2 files: not online at JSOC, but available through an export" in shown.stderr
    assert (tmp_path / "report.json").exists()
    shown = run(*arguments, "--email", EMAIL)
    assert shown.exit_code == 0, shown.output
    assert "2 files fetched" in shown.stdout
    layer.faults["jsoc_info"] = answer(b"no", status=403)
    shown = run(*arguments)
    assert shown.exit_code == 1
    assert shown.stderr.startswith("Error: The request to JSOC for the series")


def test_a_mirror_of_a_service(many: tuple[str, Layer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSOC_EMAIL", EMAIL)
    arguments = ["2015-12-11T05:00", "2015-12-12", str(tmp_path), "--series", CEA, "--sample", "6 h", "--no-index"]
    shown = run(*arguments, "--from", many[0], "--no-progress")
    assert shown.exit_code == 0
    assert "4 files fetched" in shown.stdout
    assert len(list(tmp_path.rglob("*.fits"))) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--email", EMAIL, "--from", "http://127.0.0.1:9", "--from-jsoc"], "one source"),
        (["--email", EMAIL], "--from-jsoc"),
        (["--report", "/nowhere/report.json"], "its folder does not exist"),
        (["--sample", "soon"], "is not a length of time"),
        (["--harp", "x"], "is not a HARP number"),
        (["--segment", "Brr"], "Did you mean"),
    ],
)
def test_invalid_options_are_errors(tmp_path: Path, arguments: list[str], message: str) -> None:
    shown = run("2015-12-11", "2015-12-12", str(tmp_path), "--series", CEA, *arguments)
    assert shown.exit_code in (1, 2)
    assert message in shown.stderr


def start(folder: Path, *source: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sunpy_flarecast", "mirror", "2015-12-11", "2015-12-13", str(folder)]

    return subprocess.Popen(
        [*command, "--series", CEA, "--no-progress", *source],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_mirror_killed_at_any_moment_is_resumed(jsoc: Served, tmp_path: Path, tree: Tree) -> None:
    url, layer, _ = jsoc
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for requests in (4, 15):
        layer.clear()
        with start(killed, "--jsoc-url", url) as child:
            layer.wait_for(requests)
            child.kill()
        assert child.returncode == -signal.SIGKILL
    assert tree(killed)
    for folder in (whole, killed):
        assert mirror("2015-12-11", "2015-12-13", folder, series=CEA, jsoc=url, progress=False).complete
    assert tree(killed) == tree(whole)
    assert _served(killed) == _served(whole)


def test_an_interrupted_mirror_is_reported(jsoc: Served, tmp_path: Path) -> None:
    url, layer, _ = jsoc
    layer.faults["/Br.fits"] = answer(b"busy", status=503, headers={"Retry-After": "60"})
    with start(tmp_path, "--jsoc-url", url) as child:
        layer.wait_for(5)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 130, out + err
    assert "The mirror was interrupted; the same command resumes it." in err
    assert "Traceback" not in err


def _served(folder: Path) -> Any:
    """Return the records that an archive of a folder serves."""
    from datetime import UTC, datetime

    from sunpy_flarecast.archive import DirectoryArchive

    archive = DirectoryArchive(folder)
    records = list(archive.records(CEA, datetime(2015, 12, 10, tzinfo=UTC), datetime(2015, 12, 14, tzinfo=UTC)))
    return records, archive.keywords_of(CEA, [record.recnum for record in records])
