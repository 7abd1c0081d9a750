"""The index kept up to date while files come and go."""

from __future__ import annotations

import itertools
import logging
import os
import queue
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import pytest
from indexed import CEA, contents, header_of, name_of, tiny

from sunpy_flarecast.archive import DirectoryArchive
from sunpy_flarecast.archive.base import Condition, may_pass
from sunpy_flarecast.archive.index import ArchiveIndexError, BusyIndexError, build_index, index_path, watch_index
from sunpy_flarecast.archive.index.database import AwayError
from sunpy_flarecast.archive.index.scan import walk
from sunpy_flarecast.archive.index.update import compare
from sunpy_flarecast.archive.index.write import Writer

pytest.importorskip("watchfiles", reason="the package watchfiles is not installed")


YEARS = (datetime(2010, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC))


@contextmanager
def watching(root, **options):
    """Watch a folder from a thread; gives what returns the next report."""
    reports: queue.Queue = queue.Queue()
    stop = threading.Event()
    thread = threading.Thread(
        target=partial(watch_index, root, told=reports.put, stop=stop, **options), name="watch", daemon=True
    )
    thread.start()
    try:
        yield partial(reports.get, timeout=60)
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def test_files_that_come_change_and_go(tmp_path):
    root = tmp_path / "root"
    tiny(root / "a" / name_of(1, 0, "Br"))
    with watching(root) as report:
        assert (report().new, len(DirectoryArchive(root))) == (1, 1)
        with pytest.raises(BusyIndexError):
            build_index(root)
        with DirectoryArchive(root) as archive:
            # Written beside, and given its name when it is whole, as files are fetched.
            part = tiny(root / "b" / "c" / "file.part", **header_of(2, 0, RECNUM=5))
            part.rename(part.with_name(name_of(2, 0, "Br")))
            assert report().new == 1
            assert archive.record(CEA, 5).harpnum == 2
            assert archive.segment(CEA, 5, "Br").sha256 is not None
            tiny(root / "b" / "c" / name_of(2, 0, "Br"), **header_of(2, 0, RECNUM=6, QUALITY=1))
            assert report().changed == 1
            assert archive.record(CEA, 6).quality == 1
            tiny(tmp_path / "d" / "e" / name_of(3, 0, "Br"))
            (tmp_path / "d").rename(root / "d")
            assert (report().new, len(archive)) == (1, 3)
            shutil.rmtree(root / "b")
            assert (report().removed, len(archive)) == (1, 2)
    build_index(root, index=tmp_path / "fresh")
    assert contents(index_path(root)) == contents(tmp_path / "fresh")


def test_links_are_not_followed(tmp_path):
    root = tmp_path / "root"
    tiny(root / "a" / name_of(1, 0, "Br"))
    tiny(tmp_path / "outside" / name_of(2, 0, "Br"), **header_of(2, 0, RECNUM=5))
    with watching(root) as report:
        assert report().new == 1
        (root / "link").symlink_to(tmp_path / "outside")
        tiny(root / "a" / name_of(3, 0, "Br"))
        assert report().new == 1
    with pytest.warns(UserWarning, match="It is a link to a folder outside"):
        archive = DirectoryArchive(root)
    with archive:
        assert len(archive) == 2
        assert archive.skipped == [(root / "link", "It is a link to a folder outside of the archive")]


@pytest.mark.skipif(os.name == "nt", reason="what is open cannot be deleted there")
def test_an_index_that_is_deleted(tmp_path):
    tiny(tmp_path / name_of(1, 0, "Br"))

    def told(report):
        index_path(tmp_path).unlink()

    with pytest.raises(ArchiveIndexError, match=r"was deleted or replaced .* Start the same command again"):
        watch_index(tmp_path, told=told)


@pytest.mark.skipif(os.name == "nt", reason="what is open cannot be moved there")
@pytest.mark.parametrize("beside", [True, False])
def test_a_disk_that_goes_and_comes_back(tmp_path, beside, told):
    root = tmp_path / "root"
    index = index_path(root) if beside else tmp_path / "index"
    tiny(root / "a" / name_of(1, 0, "Br"))
    with watching(root, index=index) as report:
        assert report().new == 1
        with DirectoryArchive(root, index=index, update=False) as archive:
            archive.watched = True
            assert archive.condition() == Condition(watching=True)
            root.rename(tmp_path / "away")
            root.mkdir()  # as the place where a disk is mounted
            told.wait_for("root is not there: new files in it are noticed when it is back")
            assert "Is its disk mounted?" in archive.condition().fault
            assert archive.condition().watching is False
            (number,) = (record.recnum for record in archive.records(CEA, *YEARS))
            with pytest.raises(OSError, match="the folder of the archive is not there") as caught:
                archive.segment(CEA, number, "Br")
            assert may_pass(caught.value)
            tiny(tmp_path / "away" / "b" / name_of(2, 0, "Br"))
            root.rmdir()
            (tmp_path / "away").rename(root)
            told.wait_for("root is back: new files in it are noticed again")
            assert (report().new, len(archive)) == (1, 2)  # and none was taken out
            assert archive.condition() == Condition(watching=True)
            tiny(root / "c" / name_of(3, 0, "Br"))
            assert (report().new, len(archive)) == (1, 3)
            assert archive.segment(CEA, number, "Br").path.name == name_of(1, 0, "Br")
    build_index(root, index=tmp_path / "fresh")
    assert contents(index) == contents(tmp_path / "fresh")


class Told(logging.Handler):
    """Keeps what is logged, and lets a test wait for it."""

    def __init__(self):
        super().__init__()
        self._text = ""
        self._changed = threading.Condition()

    def emit(self, record):
        with self._changed:
            self._text += record.getMessage()
            self._changed.notify_all()

    def wait_for(self, text):
        with self._changed:
            assert self._changed.wait_for(lambda: text in self._text, timeout=60), self._text


@pytest.fixture
def told():
    handler, logger = Told(), logging.getLogger("sunpy_flarecast.archive.index.watch")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_to_nothing(tmp_path):
    """The same is said of it whenever it is looked at, wherever it led."""
    root, outside = tmp_path / "root", tmp_path / "outside.fits"
    tiny(outside)
    for number, target in enumerate((outside, root / "none.fits")):
        (root / "a").mkdir(parents=True, exist_ok=True)
        (root / "a" / name_of(number + 1, 0, "Br")).symlink_to(target)
    (first, _) = build_index(root).faults
    assert first.endswith("It is a link to a file outside of the archive")
    outside.unlink()
    for _ in range(2):
        assert [fault.partition(": ")[2] for fault in build_index(root).faults] == [
            "It is a link to a file that is not there"
        ] * 2


def test_a_disk_that_goes_while_it_is_looked_at(tmp_path):
    """Nothing of it is taken out of the index."""
    root = tmp_path / "root"
    tiny(root / "a" / name_of(1, 0, "Br"))
    build_index(root, index=tmp_path / "index")
    with Writer(root, tmp_path / "index") as writer:
        folders = walk(str(root))
        first = next(folders)
        root.rename(tmp_path / "away")
        with pytest.raises(AwayError, match="Is the disk mounted"):
            compare(writer, itertools.chain([first], folders), set(writer.folders()))
        assert writer.count() == 1


def test_everything_is_looked_at_now_and_then(tmp_path):
    tiny(tmp_path / name_of(1, 0, "Br"))
    with watching(tmp_path, every=0.0) as report:
        assert report().new == 1
        tiny(tmp_path / name_of(2, 0, "Br"))
        assert (report().new, len(DirectoryArchive(tmp_path))) == (1, 2)


def test_without_the_package(tmp_path):
    """Everything is looked at again and again instead."""
    program = (
        "import sys, threading; sys.modules['watchfiles'] = None\n"
        "from pathlib import Path\n"
        "from sunpy_flarecast.archive.index import watch_index\n"
        "root, stop, seen = Path(sys.argv[1]), threading.Event(), []\n"
        "def told(report):\n"
        "    seen.append(report.new)\n"
        "    if len(seen) == 2: stop.set()\n"
        "    else: Path(sys.argv[2]).rename(root / Path(sys.argv[2]).name)\n"
        "watch_index(root, told=told, stop=stop)\n"
        "print(seen)\n"
    )
    tiny(tmp_path / "root" / name_of(1, 0, "Br"))
    later = tiny(tmp_path / name_of(2, 0, "Br"))
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "root"), str(later)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert result.stdout == "[1, 1]\n"
