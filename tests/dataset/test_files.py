"""The files of a task: existing, fetched, removed or kept afterwards, and completed with missing keywords."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from faults import Layer, answer
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, QueryError, Segment, Series, conf
from sunpy_flarecast.archive import DemoArchive, create_app, running
from sunpy_flarecast.dataset.files import check_files, check_keep_files, files_of
from sunpy_flarecast.dataset.model import ImageRecord, Settings, ShardTask
from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.complete import is_bare
from sunpy_flarecast.fits.on_disk import origin_at
from sunpy_flarecast.sharp.t_rec import slot_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SERIES = "hmi.sharp_cea_720s"


@pytest.fixture(scope="module")
def bare() -> Iterator[Layer]:
    """Serve files without keywords."""
    layer = Layer(create_app(DemoArchive(headers="bare", cached=16)))
    with running(layer) as layer.url:
        yield layer


@pytest.fixture
def task(bare: Layer) -> Iterator[tuple[ShardTask, Settings]]:
    """Provide a task of two records of a HARP with two segments; the second record lacks a file."""
    bare.clear()
    with conf.set_temp("url", bare.url), conf.set_temp("max_retries", 0):
        query = a.Time("2015-12-11T23:30", "2015-12-11T23:55"), Series(SERIES), Segment("Br", "Bt")
        table = FLARECASTClient().search(*query)
        table = table[table["HARPNUM"] == table["HARPNUM"][0]][:2]
        bare.clear()
        urls = {(file.row, file.segment): file.url for file in table.files()}
        slots = slot_of(table["T_REC"]).tolist()
        records = (
            ImageRecord(int(table["Record"][0]), slots[0], 0, (urls[0, "Br"], urls[0, "Bt"])),
            ImageRecord(int(table["Record"][1]), slots[1], 0, (urls[1, "Br"], "")),
        )
        yield (
            ShardTask(int(table["HARPNUM"][0]), 0, records),
            Settings(service=bare.url, series=SERIES, segments=("Br", "Bt")),
        )


def test_files_are_fetched_completed_and_removed(bare: Layer, task: tuple[ShardTask, Settings]) -> None:
    with files_of(*task) as found:
        assert [[isinstance(entry, Path) for entry in row] for row in found] == [[True, True], [True, False]]
        assert found[1][1] == ""
        paths = [entry for row in found for entry in row if entry]
        assert not any(map(is_bare, paths))
        assert [origin_at(path).recnum for path in paths] == [task[0].records[number].recnum for number in (0, 0, 1)]
    assert not any(path.exists() for path in paths)
    assert bare.count(".fits") == {"GET": 3}


def test_a_failed_file_is_replaced_by_its_reason(bare: Layer, task: tuple[ShardTask, Settings]) -> None:
    bare.faults["Bt"] = answer(b"gone", status=404)
    with files_of(*task, passes=1) as found:
        assert found[0][1] == "the service answered 404 Not Found: gone"
        assert isinstance(found[0][0], Path)


def test_existing_files_are_not_fetched(bare: Layer, task: tuple[ShardTask, Settings], tmp_path: Path) -> None:
    template = check_keep_files(tmp_path / "kept" / "{harpnum}" / "{file}")
    with files_of(*task, keep_files=template) as found:
        kept = [Path(entry) for row in found for entry in row if entry]
    assert all(path.parent == tmp_path / "kept" / str(task[0].harp) for path in kept)
    # File names are not trusted: there is a file of another record, and a file without keywords.
    folder = tmp_path / "there"
    shutil.copytree(tmp_path / "kept", folder / "deep")
    names = [path.name for path in kept]
    within = folder / "deep" / str(task[0].harp)
    shutil.copyfile(within / names[0], within / names[2])
    bare.clear()
    with files_of(*task, files=check_files(folder)) as found:
        assert found[0] == [within / names[0], within / names[1]]
        assert origin_at(found[1][0]).recnum == task[0].records[1].recnum
    assert bare.count(".fits") == {"GET": 1}
    bare.clear()
    with files_of(*task, keep_files=template) as found:
        assert [entry for row in found for entry in row if entry] == kept
    assert not bare.requests


def test_damaged_files_are_fetched_and_new_files_are_found(
    bare: Layer, task: tuple[ShardTask, Settings], tmp_path: Path
) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    with files_of(*task, files=check_files(folder), keep_files=check_keep_files(tmp_path / "kept")) as found:
        kept = [entry for row in found for entry in row if isinstance(entry, Path)]
    copies = [Path(shutil.copy(path, folder)) for path in kept]
    damaged = bytearray(copies[0].read_bytes())
    damaged[-2881] ^= 1
    copies[0].write_bytes(damaged)
    bare.clear()
    with files_of(*task, files=check_files(folder)) as found:
        assert [entry in copies for row in found for entry in row if entry] == [False, True, True]
        assert isinstance(found[0][0], Path)
    assert bare.count(".fits") == {"GET": 1}


def test_copies_of_files_without_keywords_are_completed(
    bare: Layer, task: tuple[ShardTask, Settings], tmp_path: Path
) -> None:
    with conf.set_temp("complete_headers", False), files_of(*task, keep_files=check_keep_files(tmp_path)):
        pass
    plain = sorted(tmp_path.iterdir())
    assert all(map(is_bare, plain))
    bare.clear()
    with files_of(*task, files=check_files(tmp_path)) as found:
        assert not any(is_bare(entry) for row in found for entry in row if entry)
    assert all(map(is_bare, plain))
    assert not bare.count(".fits")
    (tmp_path / "file").touch()
    with (
        pytest.raises(TransferError, match=r"cannot be copied to .*file/.* \(.+\)\. Free some space or change"),
        files_of(*task, files=check_files(tmp_path), keep_files=str(tmp_path / "file" / "{file}")),
    ):
        pass


def test_folders_and_templates_are_checked(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="is not a folder"):
        check_files(tmp_path / "none")
    with pytest.raises(QueryError, match=r"unknown field \{noaa\}"):
        check_keep_files(tmp_path / "{noaa}" / "{file}")
    with pytest.raises(QueryError, match="cannot be filled in"):
        check_keep_files(tmp_path / "{harpnum:%Y}" / "{file}")
