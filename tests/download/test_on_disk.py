"""Files on disk, identified by their headers: of reprocessed records, of other records, and unidentified."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from faults import Layer, answer
from indexed import header_of, name_of, tiny
from sunpy import log
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, FLARECASTResponse, MissingDataWarning, Segment, Series, conf, fetch
from sunpy_flarecast.archive import DirectoryArchive, create_app, running

if TYPE_CHECKING:
    from collections.abc import Iterator

NRT = "hmi.sharp_cea_720s_nrt"
SEGMENTS = ("Bt", "Br")


def put(folder: Path, step: int, segment: str = "Br", *, pixel: int = 0, recnum: int | None = None) -> Path:
    """Write a file with keywords, by default with the record number 100 + step."""
    number = 100 + step if recnum is None else recnum
    cards = header_of(377, step, RECNUM=number, DRMS_ID=f"{NRT}:{number}:{segment}")
    return tiny(folder / name_of(377, step, segment, NRT), pixel=pixel, **cards)


@contextmanager
def serving(folder: Path) -> Iterator[Layer]:
    with DirectoryArchive(folder) as archive:
        layer = Layer(create_app(archive))
        with running(layer) as url, conf.set_temp("url", url):
            yield layer


def search(*segments: str) -> FLARECASTResponse:
    attrs = (Segment(*segments),) if segments else ()
    return FLARECASTClient().search(a.Time("2015-12-10", "2015-12-12"), Series(NRT), *attrs)


def contents(paths: list[str]) -> list[int]:
    return [Path(path).read_bytes()[2880] for path in paths]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the folder of an archive with two segments of three records."""
    for step in range(3):
        for segment in SEGMENTS:
            put(tmp_path / "root", step, segment)
    return tmp_path / "root"


def reprocess(root: Path, step: int, recnum: int) -> None:
    for segment in SEGMENTS:
        put(root, step, segment, pixel=9, recnum=recnum)


def test_files_of_a_reprocessed_record_are_fetched_again(root: Path, tmp_path: Path) -> None:
    with serving(root):
        first = fetch(search(), path=tmp_path / "data", progress=False)
    assert len(first.fetched) == 6
    assert first.unidentified == []
    reprocess(root, 1, 200)
    with serving(root) as layer:
        table = search()
        report = fetch(table, path=tmp_path / "data", progress=False)
        assert report.reprocessed == report.fetched == first.files[2:4]
        assert report.already_there == [*first.files[:2], *first.files[4:]]
        assert contents(report.files) == [0, 0, 9, 9, 0, 0]
        line = f"2 files on disk belonged to reprocessed records and had to be fetched again: {first.files[2]}, "
        assert line in str(report)
        report.write(tmp_path / "report.json")
        assert json.loads((tmp_path / "report.json").read_text())["reprocessed"] == report.reprocessed
        layer.clear()
        again = fetch(table, path=tmp_path / "data", progress=False)
        assert (again.fetched, again.reprocessed, again.unidentified, layer.requests) == ([], [], [], [])


def test_fido_reports_reprocessed_files_once(root: Path, tmp_path: Path) -> None:
    with serving(root):
        Fido.fetch(search(), path=tmp_path / "data", progress=False)
    reprocess(root, 0, 200)
    with serving(root), log.log_to_list() as logged:
        files = Fido.fetch(search(), path=tmp_path / "data", progress=False)
    assert sorted(contents(list(files))) == [0, 0, 0, 0, 9, 9]
    [message] = [record.message for record in logged]
    assert message.startswith("2 files on disk have record numbers other than those found by the search, and are ")


def test_the_old_file_is_kept_until_the_new_file_is_complete(root: Path, tmp_path: Path) -> None:
    with serving(root):
        first = fetch(search("Br"), path=tmp_path / "data", progress=False)
    reprocess(root, 2, 200)
    with serving(root) as layer:
        table = search("Br")
        layer.faults[".fits"] = answer(b"", status=404)
        report = fetch(table, path=tmp_path / "data", progress=False, passes=1)
    assert [failure.path for failure in report.failed] == [first.files[2]]
    assert contents(first.files) == [0, 0, 0]


def test_the_old_file_is_kept_if_the_new_file_lacks_keywords(root: Path, tmp_path: Path) -> None:
    with serving(root):
        first = fetch(search("Br"), path=tmp_path / "data", progress=False)
    reprocess(root, 2, 200)
    with serving(root) as layer:
        table = search("Br")
        bare = tiny(tmp_path / "bare" / name_of(377, 2, "Br", NRT), pixel=9)
        layer.faults[".fits"] = answer(bare.read_bytes())
        layer.faults["/meta/"] = answer(b"", status=404)
        report = fetch(table, path=tmp_path / "data", progress=False, passes=1)
        [failure] = report.failed
        assert (failure.path, report.bare, report.fetched) == (first.files[2], [], [])
        assert "its record was reprocessed, but the new file has no keywords because the request http" in failure.reason
        assert "answered 404" in failure.reason
        assert (
            "the old file is kept (overwrite=True, or fetch --overwrite yes, replaces it). Fetch it again"
            in failure.reason
        )
        assert contents(first.files) == [0, 0, 0]
        with pytest.warns(MissingDataWarning, match="1 file lacks the keywords"):
            fetch(table[2:], path=tmp_path / "data", progress=False, passes=1, overwrite=True)
        assert Path(first.files[2]).read_bytes() == bare.read_bytes()
    with serving(root):
        fetch(search("Br"), path=tmp_path / "data", progress=False, overwrite=True)
        assert contents(first.files) == [0, 0, 9]


def test_files_newer_than_those_of_the_service_are_kept_and_reported(root: Path, tmp_path: Path) -> None:
    with serving(root) as layer:
        table = search("Br")
        path = put(tmp_path / "data", 1, recnum=150, pixel=9)
        report = fetch(table, path=tmp_path / "data", progress=False)
        assert (report.unidentified, report.already_there) == ([str(path)], [str(path)])
        assert contents(report.files) == [0, 9, 0]
        assert str(report).splitlines()[1] == (
            "1 file on disk was kept although its header does not identify the current version of its record "
            f"(overwrite=True, or fetch --overwrite yes, replaces it): {path}."
        )
        assert layer.count(".fits") == {"GET": 2}


@pytest.mark.parametrize("cards", [{}, {"HARPNUM": 377}, {"RECNUM": "many"}, {"DRMS_ID": NRT}], ids=str)
def test_headers_without_a_number_are_not_compared(root: Path, tmp_path: Path, cards: dict[str, Any]) -> None:
    with serving(root) as layer:
        table = search("Br")[:1]
        layer.clear()
        path = tiny(tmp_path / "data" / name_of(377, 0, "Br", NRT), pixel=9, **cards)
        report = fetch(table, path=tmp_path / "data", progress=False)
        assert report.unidentified == report.files == [str(path)]
        assert layer.requests == []


def test_the_number_may_be_only_in_drms_id(root: Path, tmp_path: Path) -> None:
    with serving(root):
        table = search("Br")[:1]
        for number, state in ((100, "there"), (99, "reprocessed")):
            cards = header_of(377, 0, DRMS_ID=f"{NRT}:{number}:Br")
            path = tiny(tmp_path / "data" / name_of(377, 0, "Br", NRT), pixel=9, **cards)
            report = fetch(table, path=tmp_path / "data", progress=False)
            assert report.reprocessed == ([str(path)] if state == "reprocessed" else [])
            assert contents(report.files) == [0 if state == "reprocessed" else 9]


def test_lists_that_disagree_with_headers_cost_only_one_transfer(root: Path, tmp_path: Path) -> None:
    for step in range(3, 20):
        put(root, step)
    with serving(root) as layer:
        table = search("Br")
        fetch(table, path=tmp_path / "data", progress=False)
        table["Record"] += 500
        layer.clear()
        with log.log_to_list() as logged:
            report = fetch(table, path=tmp_path / "data", progress=False, max_conn=1)
        assert "20 files on disk have record numbers other than those found by the search" in logged[0].message
        assert not any("reprocessed" in record.message for record in logged)  # not 19 of these
        assert layer.count(".fits") == {"GET": 1}
        assert len(report.files) == 20
        assert report.reprocessed == report.fetched == report.files[:1]
        assert report.unidentified == report.already_there


def test_a_derived_record_number_is_not_newer(tmp_path: Path) -> None:
    tiny(tmp_path / "root" / name_of(377, 0, "Br", NRT))
    path = put(tmp_path / "data", 0, pixel=9)
    before = path.read_bytes()
    with serving(tmp_path / "root") as layer:
        table = search("Br")
        assert table["Record"][0] > 10**12
        layer.clear()
        report = fetch(table, path=tmp_path / "data", progress=False)
        assert (report.reprocessed, report.unidentified, layer.requests) == ([], [str(path)], [])
    assert path.read_bytes() == before


@pytest.mark.parametrize(("segment", "step", "part"), [("Bt", 0, "segment Bt"), ("Br", 2, "T_REC 20151211_003600_TAI")])
def test_a_file_of_another_record_or_segment_is_not_used(
    root: Path, tmp_path: Path, segment: str, step: int, part: str
) -> None:
    with serving(root) as layer:
        table = search("Br")[:1]
        (tmp_path / "data").mkdir()
        path = put(root, step, segment, pixel=9).rename(tmp_path / "data" / name_of(377, 0, "Br", NRT))
        before = path.read_bytes()
        layer.clear()
        [error] = Fido.fetch(table, path=path.parent, progress=False).errors
        assert f"its path is occupied by a file of {part}. Choose another path, or" in str(error.exception)
        assert path.read_bytes() == before
        assert layer.requests == []
        assert Fido.fetch(table, path=path.parent, progress=False, overwrite=True).errors == []
        assert path.read_bytes() != before
        assert [file.name for file in path.parent.iterdir()] == [path.name]
