"""The command ``sunpy-flarecast index``."""

from __future__ import annotations

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
    assert run(tmp_path).stdout.startswith("1 record in 1 file (1 unchanged) after ")
    (tmp_path / name_of(1, 0, "Br")).unlink()
    (tmp_path / "notes.txt").touch()
    assert run(tmp_path).stdout.startswith("0 records in 0 files (1 removed) after ")


def test_records_without_keywords_are_reported(tmp_path, run):
    tiny(tmp_path / name_of(1, 0, "Br"))
    assert "; 1 record has no keywords (a table keywords.ecsv beside the files can supply them)" in run(tmp_path).stdout
    tiny(tmp_path / name_of(1, 1, "Br"))
    assert "; 2 records have no keywords" in run(tmp_path).stdout
    for step in (0, 1):
        tiny(tmp_path / name_of(1, step, "Br"), **header_of(1, step))
    assert "keywords" not in run(tmp_path).stdout


@pytest.mark.parametrize(
    ("cards", "problem"),
    [
        (
            {},
            "its header lacks DRMS_ID, HARPNUM and T_REC. If it is a SHARP or SMARP, rename it, for example to "
            "hmi.sharp_720s.",
        ),
        (header_of(1, 0), "its header lacks DRMS_ID. Rename it"),
        ({**header_of(1, 0), "DRMS_ID": "something"}, "its header has DRMS_ID = 'something', HARPNUM = '1', T_REC"),
    ],
)
def test_a_file_of_unknown_record(tmp_path, run, cards, problem):
    tiny(tmp_path / "mine.fits", **cards)
    result = run(tmp_path)
    assert result.exit_code == 1
    assert f"mine.fits: Its name is not in JSOC's format, and {problem}" in result.stderr


def test_files_that_cannot_be_served(tmp_path, run):
    for step in range(25):
        (tmp_path / name_of(1, step, "Br")).touch()
    result = run(tmp_path)
    assert result.exit_code == 1
    first = "hmi.sharp_cea_720s.1.20151211_001200_TAI.Br.fits"
    assert f"25 files cannot be served:\n  {first}: It is empty\n" in result.stderr
    assert result.stderr.count(": It is empty\n") == 25


def test_an_index_elsewhere(tmp_path, run):
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
