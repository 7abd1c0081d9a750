"""Updates of the index at intervals while it is served."""

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
from sunpy_flarecast.archive.base import is_temporary
from sunpy_flarecast.archive.index import build_index, index_path
from sunpy_flarecast.archive.index.model import LastRun
from sunpy_flarecast.archive.index.reindex import _remaining
from sunpy_flarecast.archive.index.write import Writer


class Log(logging.Handler):
    """Collects log messages and lets a test wait for one; earlier messages are not found again."""

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
    """Write a file as a download does: under another name, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tiny(path.with_name("file.part"), **cards).replace(path)


def test_new_changed_and_removed_files(tmp_path, log):
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
        log.wait_for("1 of the files in ")
        log.wait_for("The HARP number or T_REC in its header differs")
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
        with Writer(tmp_path, first.index, wait=60):
            put(tmp_path / name_of(2, 0, "Br"))
        log.wait_for("1 new")
        assert (len(first), len(second)) == (2, 2)
        first.close()
        put(tmp_path / name_of(3, 0, "Br"))
        log.wait_for("1 new")
        assert (len(second), second.condition().reindex_failed) == (3, False)


def test_when_the_next_run_is_due():
    now = datetime.now(UTC)
    assert 59 < _remaining(LastRun(now, 0.1), 60) <= 60
    assert 99 < _remaining(LastRun(now - timedelta(seconds=100), 20), 60) <= 100  # after a long run
    assert _remaining(LastRun(now - timedelta(seconds=100), 0.1), 60) < 0
    assert _remaining(LastRun(now + timedelta(hours=1), 0.1), 60) == 0  # the clock was set back


@pytest.mark.skipif(os.name == "nt", reason="open files cannot be moved there")
@pytest.mark.parametrize("beside", [True, False])
def test_a_disk_that_is_unmounted_and_mounted_again(tmp_path, beside, log):
    root = tmp_path / "root"
    index = index_path(root) if beside else tmp_path / "index"
    tiny(root / "a" / name_of(1, 0, "Br"))
    with DirectoryArchive(root, index=index, reindex=0.01) as archive:
        (number,) = (record.recnum for record in archive.records(CEA, *ALL))
        root.rename(tmp_path / "away")
        root.mkdir()  # the mount point
        log.wait_for(
            f"The index of {root} cannot be updated: The folder of the archive is missing or empty. Is its disk mounted"
        )
        assert "Is its disk mounted?" in archive.condition().fault
        assert list(root.iterdir()) == []
        with pytest.raises(OSError, match="the folder of the archive is missing") as caught:
            archive.segment(CEA, number, "Br")
        assert is_temporary(caught.value)
        tiny(tmp_path / "away" / "b" / name_of(2, 0, "Br"))
        root.rmdir()
        (tmp_path / "away").rename(root)
        log.wait_for("1 new, 0 changed, 0 removed")
        log.wait_for("can be updated again")
        assert len(archive) == 2
        put(root / "c" / name_of(3, 0, "Br"))
        log.wait_for("1 new")
        assert archive.segment(CEA, number, "Br").path.name == name_of(1, 0, "Br")
    build_index(root, index=tmp_path / "fresh")
    assert contents(index) == contents(tmp_path / "fresh")


def test_a_failed_run_is_logged_and_retried(tmp_path, log):
    index = tmp_path / "index"
    tiny(tmp_path / "root" / name_of(1, 0, "Br"))
    with DirectoryArchive(tmp_path / "root", index=index, reindex=0.01) as archive:
        index.rename(tmp_path / "kept")
        log.wait_for("root cannot be updated: The index ")
        log.wait_for("does not exist")
        (tmp_path / "kept").rename(index)
        log.wait_for("can be updated again")
        assert archive.condition().indexed.startswith(f"{datetime.now(UTC):%Y}")


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), 1e300])
def test_an_interval_is_positive(tmp_path, seconds):
    with pytest.raises(ValueError, match="is not a positive number of seconds"):
        DirectoryArchive(tmp_path, reindex=seconds)
