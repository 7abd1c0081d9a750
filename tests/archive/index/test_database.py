"""The file of the index: in the folder or elsewhere, without write permission, and in place of other files."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from indexed import ALL, CEA, contents, name_of

from sunpy_flarecast.archive import DirectoryArchive
from sunpy_flarecast.archive.index import ArchiveIndexError, BusyIndexError, build_index, copy_index, index_path
from sunpy_flarecast.archive.index.model import FileFacts, Version
from sunpy_flarecast.archive.index.scan import walk
from sunpy_flarecast.archive.index.update import compare
from sunpy_flarecast.archive.index.write import Writer


def test_an_index_outside_the_folder(tmp_path, root):
    build_index(root, index=tmp_path / "index.sqlite")
    assert [path.name for path in root.iterdir()] == ["a"]
    with DirectoryArchive(root, index=tmp_path / "index.sqlite") as archive:
        assert len(archive) == 2


def test_the_index_of_another_folder(tmp_path, root):
    build_index(root, index=tmp_path / "index.sqlite")
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ArchiveIndexError, match=f"belongs to {root}, not to {other}. Choose another"):
        build_index(other, index=tmp_path / "index.sqlite")


def test_a_folder_that_moved_with_its_index(tmp_path, root):
    build_index(root)
    root.rename(tmp_path / "moved")
    assert build_index(tmp_path / "moved").unchanged == 4


def test_invalid_index_paths(tmp_path, root):
    with pytest.raises(ArchiveIndexError, match=r"the folder .* does not exist. Create it first"):
        build_index(root, index=tmp_path / "nowhere" / "index")
    with pytest.raises(ArchiveIndexError, match=r"is a folder. Name a file in it"):
        build_index(root, index=tmp_path)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody can create a file")
@pytest.mark.parametrize("use", [build_index, DirectoryArchive])
def test_a_folder_where_no_lock_can_be_created(root, use):
    with pytest.raises(ArchiveIndexError, match=r"^The index /proc/index cannot be written .* Choose another place"):
        use(root, index="/proc/index")


@pytest.mark.skipif(not hasattr(os, "seteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_an_index_path_without_access(tmp_path, root):
    (tmp_path / "closed").mkdir(mode=0o700)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(
            ArchiveIndexError, match=r"^Cannot create .*/closed/index.*Permission denied.* Choose another"
        ):
            build_index(root, index=tmp_path / "closed" / "index")
    finally:
        os.seteuid(0)


def test_a_folder_without_write_permission(root):
    root.chmod(0o555)
    with pytest.raises(ArchiveIndexError, match=r"which is not writable. Choose another place with --index"):
        build_index(root)
    with pytest.warns(UserWarning, match=r"will be rebuilt each time. To keep it, .* --index FILE"):
        archive = DirectoryArchive(root)
    assert (len(archive), archive.index.exists()) == (2, True)
    archive.close()
    assert not archive.index.exists()
    assert [path.name for path in root.iterdir()] == ["a"]


def test_an_index_of_another_user(root):
    build_index(root)
    before = index_path(root).read_bytes()
    root.chmod(0o555)
    with DirectoryArchive(root) as archive:
        assert (len(archive), archive.index, archive.report) == (2, index_path(root), None)
    assert index_path(root).read_bytes() == before


def test_a_copied_index_equals_the_original(tmp_path, root):
    """Without write permission beside an index it cannot be opened unless another process has it open."""
    build_index(root)
    copy = tmp_path / "copy"
    copy_index(index_path(root), copy)
    assert build_index(root, index=copy).unchanged == 4
    assert contents(copy) == contents(index_path(root))
    for other in (tmp_path / "nowhere", root / "a" / name_of(377, 0, "Br")):
        copy_index(other, tmp_path / "none")
        assert not (tmp_path / "none").exists()


def test_a_full_disk(root):
    build_index(root)
    fact = FileFacts(folder="", name="x" * 9000 + ".fits", version=Version(1, 1, 1), fault="It is empty")

    def fill():
        with Writer(root, index_path(root)) as writer:
            writer._database.execute("PRAGMA max_page_count = 1")
            writer.add([fact])

    with pytest.raises(ArchiveIndexError, match=r"database or disk is full. Free disk space"):
        fill()
    assert build_index(root).unchanged == 4


def test_files_that_are_not_an_index(tmp_path, root):
    index = tmp_path / "index"
    index.write_text("a text that is long enough to be distinguished from a database" * 20)
    with pytest.raises(ArchiveIndexError, match=r"file is not a database. It is damaged, .* Delete it"):
        build_index(root, index=index)
    index.unlink()
    with closing(sqlite3.connect(index)) as database:
        database.execute("CREATE TABLE mine (id)")
    with pytest.raises(ArchiveIndexError, match="is a database, but not an index of SHARP files"):
        build_index(root, index=index)


def test_reading_files_that_are_not_an_index(tmp_path, root):
    index = tmp_path / "index"
    for content, message in (
        (b"", "is empty. Build it"),
        (b"no database" * 99, "file is not a database. It is damaged, or another kind of file"),
    ):
        index.write_bytes(content)
        with pytest.raises(ArchiveIndexError, match=message):
            DirectoryArchive(root, index=index, update=False)


def test_a_lock_that_cannot_be_created(tmp_path, root):
    (tmp_path / "index-lock").mkdir()
    with pytest.raises(ArchiveIndexError, match=r"cannot be written \(.*directory.* Choose another place"):
        build_index(root, index=tmp_path / "index")


def test_an_index_of_another_version(root):
    build_index(root)
    with closing(sqlite3.connect(index_path(root))) as database:
        database.execute("PRAGMA user_version = 99")
    for use in (build_index, DirectoryArchive):
        with pytest.raises(ArchiveIndexError, match=r"built by another version .* Delete it and build it again"):
            use(root)


def test_a_missing_index(root):
    with pytest.raises(ArchiveIndexError, match=r"The index .* does not exist. Create it: sunpy-flarecast index DIR"):
        DirectoryArchive(root, update=False)


def test_one_writer_at_a_time(root):
    build_index(root)
    with Writer(root, index_path(root)):
        with pytest.raises(BusyIndexError, match=r"Another process is writing the index .* Wait until it ends"):
            build_index(root)
        with DirectoryArchive(root) as archive:
            assert (len(archive), archive.report) == (2, None)
    assert build_index(root).unchanged == 4


def test_an_unfinished_index(root):
    """While an index is first built, it must not pass for a complete one."""
    with Writer(root, index_path(root)) as writer, DirectoryArchive(root) as archive:
        assert archive.condition().fault == "The index is being built; it has 0 records so far."
        for query in (archive.series, archive.holdings, lambda: archive.records(CEA, *ALL)):
            with pytest.raises(ArchiveIndexError, match="is not finished yet"):
                query()
        compare(writer, walk(str(root)))
        assert (archive.condition().fault, archive.series()) == (None, (CEA,))
