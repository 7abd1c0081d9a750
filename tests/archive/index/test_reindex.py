"""The index brought up to date at intervals while it is served."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import threading
from datetime import UTC, datetime, timedelta

import pytest
from indexed import ALL, CEA, contents, header_of, name_of, tiny

from sunpy_flarecast.archive import DirectoryArchive
from sunpy_flarecast.archive.base import may_pass
from sunpy_flarecast.archive.index import build_index, index_path
from sunpy_flarecast.archive.index.model import Look
from sunpy_flarecast.archive.index.reindex import _pause
from sunpy_flarecast.archive.index.write import Writer


class Log(logging.Handler):
    """Keeps what is logged, and lets a test wait for it; what was waited for does not come again."""

    def __init__(self):
        super().__init__()
        self._text = ""
        self._changed = threading.Condition()

    def emit(self, record):
        with self._changed:
            self._text += f"{record.getMessage()}\n"
            self._changed.notify_all()

    def wait_for(self, text):
        with self._changed:
            assert self._changed.wait_for(lambda: text in self._text, timeout=60), self._text
            self._text = self._text.partition(text)[2]


@pytest.fixture
def log():
    handler, logger = Log(), logging.getLogger("sunpy_flarecast.archive.index.reindex")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


def put(path, **cards):
    """Write a file as a fetch does: under another name, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tiny(path.with_name("file.part"), **cards).replace(path)


def test_files_that_come_change_and_go(tmp_path, log):
    root = tmp_path / "root"
    tiny(root / "a" / name_of(1, 0, "Br"))
    with DirectoryArchive(root, reindex=0.01) as archive:
        file = root / "b" / "c" / name_of(2, 0, "Br")
        put(file, **header_of(2, 0, RECNUM=5))
        log.wait_for("1 new, 0 changed, 0 removed")
        assert archive.record(CEA, 5).harpnum == 2
        put(file, **header_of(2, 0, RECNUM=6, QUALITY=1))
        log.wait_for("0 new, 1 changed, 0 removed")
        assert archive.record(CEA, 6).quality == 1
        put(root / "a" / name_of(3, 0, "Br"), **header_of(4, 0))
        log.wait_for("1 in ")
        log.wait_for("Its header is of another HARP")
        shutil.rmtree(root / "b")
        log.wait_for("1 removed")
        assert (len(archive), archive.condition().reindex_failed) == (1, False)
        thread = archive._reindexing._thread
    assert not thread.is_alive()
    build_index(root, index=tmp_path / "fresh")
    assert contents(index_path(root)) == contents(tmp_path / "fresh")


def test_processes_that_share_an_index(tmp_path, log):
    tiny(tmp_path / name_of(1, 0, "Br"))
    with DirectoryArchive(tmp_path, reindex=0.01) as first, pickle.loads(pickle.dumps(first)) as second:
        with Writer(tmp_path, first.index):
            put(tmp_path / name_of(2, 0, "Br"))
        log.wait_for("1 new")
        assert (len(first), len(second)) == (2, 2)
        first.close()
        put(tmp_path / name_of(3, 0, "Br"))
        log.wait_for("1 new")
        assert (len(second), second.condition().reindex_failed) == (3, False)


def test_when_the_next_look_is_due():
    now = datetime.now(UTC)
    assert 59 < _pause(Look(now, 0.1), 60) <= 60
    assert 99 < _pause(Look(now - timedelta(seconds=100), 20), 60) <= 100  # after a look that took long
    assert _pause(Look(now - timedelta(seconds=100), 0.1), 60) < 0
    assert _pause(Look(now + timedelta(hours=1), 0.1), 60) == 0  # the clock was set back


@pytest.mark.skipif(os.name == "nt", reason="what is open cannot be moved there")
@pytest.mark.parametrize("beside", [True, False])
def test_a_disk_that_goes_and_comes_back(tmp_path, beside, log):
    root = tmp_path / "root"
    index = index_path(root) if beside else tmp_path / "index"
    tiny(root / "a" / name_of(1, 0, "Br"))
    with DirectoryArchive(root, index=index, reindex=0.01) as archive:
        (number,) = (record.recnum for record in archive.records(CEA, *ALL))
        root.rename(tmp_path / "away")
        root.mkdir()  # as the place where a disk is mounted
        log.wait_for(
            f"New files in {root} are not noticed: The folder of the archive is not there, or empty. Is its disk"
        )
        assert "Is its disk mounted?" in archive.condition().fault
        assert list(root.iterdir()) == []
        with pytest.raises(OSError, match="the folder of the archive is not there") as caught:
            archive.segment(CEA, number, "Br")
        assert may_pass(caught.value)
        tiny(tmp_path / "away" / "b" / name_of(2, 0, "Br"))
        root.rmdir()
        (tmp_path / "away").rename(root)
        log.wait_for("1 new, 0 changed, 0 removed")  # and none was taken out
        log.wait_for("are noticed again")
        assert len(archive) == 2
        put(root / "c" / name_of(3, 0, "Br"))
        log.wait_for("1 new")
        assert archive.segment(CEA, number, "Br").path.name == name_of(1, 0, "Br")
    build_index(root, index=tmp_path / "fresh")
    assert contents(index) == contents(tmp_path / "fresh")


def test_a_look_that_fails_is_told_and_tried_again(tmp_path, log):
    index = tmp_path / "index"
    tiny(tmp_path / "root" / name_of(1, 0, "Br"))
    with DirectoryArchive(tmp_path / "root", index=index, reindex=0.01) as archive:
        index.rename(tmp_path / "kept")
        log.wait_for("root are not noticed: There is no index")
        (tmp_path / "kept").rename(index)
        log.wait_for("are noticed again")
        assert archive.condition().indexed.startswith(f"{datetime.now(UTC):%Y}")


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), 1e300])
def test_an_interval_is_a_number_of_seconds_above_0(tmp_path, seconds):
    with pytest.raises(ValueError, match="give a number of seconds above 0"):
        DirectoryArchive(tmp_path, reindex=seconds)
