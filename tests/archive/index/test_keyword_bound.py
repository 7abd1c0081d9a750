"""The bound on the keywords of a record: one unusual file does not make the replies for all others long."""

from __future__ import annotations

import pytest
import requests
from click.testing import CliRunner
from indexed import CEA, header_of, name_of, tiny

from sunpy_flarecast.archive import DirectoryArchive, running
from sunpy_flarecast.archive.index import build_index
from sunpy_flarecast.cli import cli


def extra(count, letter="X"):
    return {f"{letter}{number:05}": number for number in range(count)}


def test_a_header_of_11000_cards(tmp_path):
    tiny(tmp_path / name_of(1, 0, "Br"), **header_of(1, 0, RECNUM=1))
    tiny(tmp_path / name_of(2, 0, "Br"), **header_of(2, 0, RECNUM=2), **extra(11_000))
    report = build_index(tmp_path)
    assert (report.records, report.faulty) == (1, 1)
    assert report.faults[0].endswith(
        ": It has 11,007 cards, but a record may have at most 1,000 keywords (change the limit with sunpy-flarecast "
        "index --max-keywords)"
    )
    with pytest.warns(UserWarning, match="1 of the files"), running(DirectoryArchive(tmp_path)) as url:
        reply = requests.get(f"{url}/HMI/{CEA}?start=2015-12-01&end=2015-12-31&meta=true", timeout=20)
    assert (len(reply.json()["data"]), len(reply.content) < 1000) == (1, True)


def test_many_files_with_different_keywords(tmp_path):
    """All replies have the keywords that occur in most records."""
    for harp in range(1, 5):
        tiny(tmp_path / name_of(harp, 0, "Br"), **header_of(harp, 0, RECNUM=harp, AREA=1.5))
        letter = "ABCD"[harp - 1]
        tiny(tmp_path / name_of(harp, 1, "Br"), **header_of(harp, 1, RECNUM=harp + 10), **extra(900, letter))
    with DirectoryArchive(tmp_path) as archive:
        names = archive.keyword_names(CEA)
        assert (len(archive), len(names), "area" in names) == (8, 1000, True)
        assert set(archive.keywords(CEA, 1)) == set(names)
        assert archive.keywords(CEA, 14)["d00899"] == 899  # its own keyword, although it is not among the names


def test_a_table_with_too_many_columns(tmp_path):
    columns = {"T_REC": "2015.12.11_00:12:00_TAI", "HARPNUM": 1, **extra(1000)}
    (tmp_path / "keywords.csv").write_text(f"{','.join(columns)}\n{','.join(map(str, columns.values()))}\n")
    (fault,) = build_index(tmp_path).faults
    assert "keywords.csv: It has 1,002 columns, but a record may have at most 1,000 keywords" in fault


def test_another_limit_is_stored(tmp_path):
    tiny(tmp_path / name_of(1, 0, "Br"), **header_of(1, 0, RECNUM=1), **extra(1500))
    assert build_index(tmp_path).faulty == 1
    report = build_index(tmp_path, max_keywords=2000)
    assert (report.faulty, report.changed) == (0, 1)
    with DirectoryArchive(tmp_path) as archive:
        assert archive.report.unchanged == 1
        assert archive.keywords(CEA, 1)["x01499"] == 1499
    assert build_index(tmp_path, max_keywords=1000).faulty == 1


def test_the_option(tmp_path):
    tiny(tmp_path / name_of(1, 0, "Br"), **header_of(1, 0, RECNUM=1), **extra(10))
    for most, status in ((5, 1), (100, 0)):
        assert CliRunner().invoke(cli, ["index", str(tmp_path), "--max-keywords", str(most)]).exit_code == status
