"""The command ``sunpy-flarecast index``."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner
from indexed import header_of, name_of, tiny

from sunpy_flarecast.archive.index import BESIDE
from sunpy_flarecast.cli import cli


@pytest.fixture
def run():
    return lambda *arguments: CliRunner().invoke(cli, ["index", *map(str, arguments)])


def test_summary(tmp_path, run):
    tiny(tmp_path / name_of(1, 0, "Br"), **header_of(1, 0))
    result = run(tmp_path, "--jobs", "1")
    assert result.exit_code == 0
    assert result.stdout.startswith("1 record in 1 file (1 new) after ")
    assert result.stdout.endswith("1 digest computed\n")
    assert run(tmp_path, "--no-digests").stdout.startswith("1 record in 1 file (1 unchanged) after ")
    (tmp_path / name_of(1, 0, "Br")).unlink()
    (tmp_path / "notes.txt").touch()
    assert run(tmp_path).stdout.startswith("0 records in 0 files (1 removed) after ")


def test_files_that_cannot_be_served(tmp_path, run):
    for step in range(25):
        (tmp_path / name_of(1, step, "Br")).touch()
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "25 cannot be served:\n  hmi.sharp_cea_720s.1.20151211_001200_TAI.Br.fits: It is empty\n" in result.stderr
    assert result.stderr.endswith("and 5 more\n")


def test_apart(tmp_path, run):
    root = tmp_path / "root"
    tiny(root / name_of(1, 0, "Br"))
    assert run(root, "--index", tmp_path / "index").exit_code == 0
    assert [path.name for path in root.iterdir()] == [name_of(1, 0, "Br")]


def test_an_index_that_cannot_be_used(tmp_path, run):
    (tmp_path / BESIDE).write_text("something else " * 1000)
    result = run(tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: The index ")
    assert "Delete it if it was an index" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently there")
def test_watching_ends_with_ctrl_c(tmp_path):
    pytest.importorskip("watchfiles")
    tiny(tmp_path / name_of(1, 0, "Br"))
    command = [sys.executable, "-m", "sunpy_flarecast", "index", str(tmp_path), "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("1 record in 1 file (1 new)")
        tiny(tmp_path / name_of(2, 0, "Br"))
        assert process.stdout.readline().startswith("2 records in 2 files (1 new, 1 unchanged)")
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    # The signal may come while the line above is being written, which is then written again.
    assert (process.returncode, out.splitlines()[-1], error) == (0, "Stopped. What was read is kept.", "")
