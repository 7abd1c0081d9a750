"""Indexing runs: which files are read, interruptions, and that the result depends on the files alone."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexed import CEA, FIRST, contents, header_of, name_of, tiny

from sunpy_flarecast.archive import DirectoryArchive
from sunpy_flarecast.archive.index import ArchiveIndexError, build_index, index_path
from sunpy_flarecast.archive.index.database import MissingFolderError
from sunpy_flarecast.archive.index.file_names import Place
from sunpy_flarecast.archive.index.model import FileFacts, Version
from sunpy_flarecast.archive.index.read import Found, read_files
from sunpy_flarecast.archive.index.scan import Folder, walk
from sunpy_flarecast.archive.index.update import compare
from sunpy_flarecast.archive.index.worker_pool import Readers, _record
from sunpy_flarecast.archive.index.write import Writer
from sunpy_flarecast.sharp.t_rec import t_rec_text


def counts(report):
    return report.files, report.new, report.changed, report.removed, report.unchanged, report.records


class TestRuns:
    def test_unchanged_files_are_not_opened(self, root):
        assert counts(build_index(root)) == (4, 4, 0, 0, 0, 2)
        before = contents(index_path(root))
        opened = []
        sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "open" else None)
        report = build_index(root)
        names = [str(path) for path in opened if str(path).endswith(".fits")]
        assert (counts(report), names) == ((4, 0, 0, 0, 4, 2), [])
        assert contents(index_path(root)) == before

    def test_new_changed_and_removed_files(self, root):
        build_index(root)
        tiny(root / "b" / name_of(378, 0, "Br"))
        tiny(root / "a" / name_of(377, 0, "Bp"), **header_of(377, 0, RECNUM=100, QUALITY=1024))
        (root / "a" / name_of(377, 1, "Br")).unlink()
        assert counts(build_index(root)) == (4, 1, 1, 1, 2, 3)
        with DirectoryArchive(root) as archive:
            first, second = (archive.record(CEA, number) for number in (100, 101))
        assert (first.quality, first.segments, second.segments) == (1024, ("Bp", "Br"), ("Bp",))

    def test_a_removed_folder(self, root):
        tiny(root / "b" / "c" / name_of(378, 0, "Br"))
        build_index(root)
        shutil.rmtree(root / "b")
        assert counts(build_index(root))[3:] == (1, 4, 2)

    def test_a_change_that_keeps_size_and_modification_time(self, root):
        path = root / "a" / name_of(377, 1, "Br")
        build_index(root)
        stat = path.stat()
        tiny(path, pixel=77)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert build_index(root).changed == 1

    def test_times_in_the_future(self, root):
        for path in (root / "a").iterdir():
            os.utime(path, (4e9, 4e9))
        build_index(root)
        assert counts(build_index(root)) == (4, 0, 0, 0, 4, 2)

    def test_a_header_that_could_not_be_read_is_read_by_the_next_run(self, root):
        """As when the file with the keywords is removed, and the next one is on a disk that fails for a moment."""
        name = name_of(377, 0, "Bt")
        place = Place(CEA, 377, FIRST, "Bt")
        build_index(root)
        with Writer(root, index_path(root)) as writer:
            writer.remove([number for file, (number, _) in writer.held("a", "", None).items() if "Bp" in file])
            writer.add([FileFacts(folder="a", name=name, version=Version(5760, 1, 1), place=place, full=True)])
            assert not writer.held("a", "", None)[name][1].settled

    def test_a_folder_on_a_disk_that_fails_is_kept(self, root):
        tiny(root / "a" / "b" / name_of(378, 0, "Br"))
        build_index(root)
        before = contents(index_path(root))
        folders = [
            Folder(path=""),
            Folder(path="a", fault="The folder cannot be read: Stale file handle", failing=True),
        ]
        with Writer(root, index_path(root)) as writer:
            report = compare(writer, iter(folders))
            assert (report.removed, report.records, report.faulty) == (0, 3, 1)
        assert build_index(root).unchanged == 5
        assert contents(index_path(root)) == before

    def test_several_processes(self, tmp_path):
        found = [Found("", name_of(1, step, segment)) for step in range(600) for segment in ("Bp", "Br")]
        for file in found:
            tiny(tmp_path / file.name, **header_of(1, 0))
        chunks = {}
        for jobs in (1, 2):
            read, take = partial(read_files, str(tmp_path)), chunks.setdefault(jobs, []).append
            with Readers(read, jobs, take, few=0) as readers:
                for file in found:
                    readers.read(file)
                readers.finish()
        assert chunks[1] == chunks[2]
        assert [len(chunk) for chunk in chunks[1]] == [512, 512, 176]
        assert Counter(file.fault for chunk in chunks[1] for file in chunk)[None] == 2

    def test_progress(self, root):
        steps = []
        tiny(root / "b" / name_of(378, 0, "Br"))
        build_index(root, progress=lambda *step: steps.append(step))
        assert steps == [(0, 5), (4, 5), (5, 5)]

    def test_a_disk_that_is_not_mounted(self, tmp_path, root):
        build_index(root, index=tmp_path / "index")
        before = contents(tmp_path / "index")
        shutil.rmtree(root)
        root.mkdir()
        with pytest.raises(ArchiveIndexError, match=r"is empty, but its index .* has 2 records. Is the disk mounted"):
            build_index(root, index=tmp_path / "index")
        assert contents(tmp_path / "index") == before

    @pytest.mark.skipif(sys.platform != "linux", reason="names are always text elsewhere")
    def test_a_name_that_is_not_text(self, root):
        (root / "a" / name_of(377, 1, "Br")).rename(os.fsdecode(os.fsencode(root / "a") + b"/\xff.fits"))
        (root / os.fsdecode(b"\xfe")).mkdir()
        report = build_index(root)
        assert (report.files, report.records) == (3, 2)
        reason = "Its name is not valid UTF-8. Rename it"
        assert report.faults == (rf"\xfe: {reason}", rf"a/\xff.fits: {reason}")
        assert build_index(root).unchanged == 3

    @pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
    def test_a_link_to_itself(self, root):
        (root / "me").symlink_to("me")
        (root / "a" / name_of(9, 0, "Br")).symlink_to(name_of(9, 0, "Br"))
        report = build_index(root)
        assert (report.records, report.faulty) == (2, 2)
        assert report.faults == (
            f"a/{name_of(9, 0, 'Br')}: It cannot be read: Too many levels of symbolic links",
            "me: It cannot be read: Too many levels of symbolic links",
        )

    def test_other_compressed_files_are_reported(self, root):
        for name in ("1.fits.bz2", "2.fits.bz2", "3.FITS.Z", "4.fts.xz", "5.txt"):
            (root / "a" / name).write_bytes(b"x")
        reason = "only .gz and .fz can be served"
        assert build_index(root).faults == (
            f"a/*.FITS.Z: 1 compressed file; {reason}",
            f"a/*.fits.bz2: 2 compressed files; {reason}",
            f"a/*.fts.xz: 1 compressed file; {reason}",
        )
        (root / "a" / "3.FITS.Z").unlink()
        assert build_index(root).faulty == 2


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_dangling_link(tmp_path):
    """Every run reports the same, wherever the link pointed before."""
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
            "It is a link to a missing file"
        ] * 2


def test_a_disk_that_is_unmounted_during_a_run(tmp_path):
    """Its records stay in the index."""
    root = tmp_path / "root"
    tiny(root / "a" / name_of(1, 0, "Br"))
    build_index(root, index=tmp_path / "index")
    with Writer(root, tmp_path / "index") as writer:
        folders = walk(str(root))
        first = next(folders)
        root.rename(tmp_path / "away")
        with pytest.raises(MissingFolderError, match="Is the disk mounted"):
            compare(writer, itertools.chain([first], folders))
        assert writer.count() == 1


def test_versions_of_series(root):
    """Identifiers for the ETags of lists: new after each change, and only then."""
    tiny(root / "b" / name_of(5, 0, "bitmap", "hmi.sharp_720s"))
    seen = []

    def version():
        with DirectoryArchive(root) as archive:
            assert archive.version("hmi.sharp_720s") == other
            return archive.version(CEA)

    with DirectoryArchive(root) as archive:
        other = archive.version("hmi.sharp_720s")
    for change in (
        lambda: None,
        lambda: tiny(root / "a" / name_of(377, 0, "Bp"), pixel=1, **header_of(377, 0, RECNUM=100, QUALITY=1024)),
        lambda: (root / "a" / "keywords.csv").write_text(f"T_REC,HARPNUM,AREA\n{t_rec_text(FIRST)},377,5\n"),
        (root / "a" / name_of(377, 1, "Br")).unlink,
    ):
        change()
        seen.append(version())
        assert version() == seen[-1]
    assert len(set(seen)) == len(seen)
    for file in root.glob(".flarecast*"):
        file.unlink()
    with DirectoryArchive(root) as archive:
        assert archive.version(CEA) not in seen


#: A file: folder, HARP number, step, segment, series; and its content: without keywords, with this RECNUM, or broken.
FILES = st.tuples(
    st.sampled_from(["", "a", "a/b"]),
    st.integers(1, 2),
    st.integers(0, 1),
    st.sampled_from(["Br", "br"]),
    st.sampled_from([CEA, CEA, "other"]),
)
STATES = st.one_of(st.just("bare"), st.just("broken"), st.just("gone"), st.integers(1, 3))
TABLES = st.tuples(st.sampled_from(["", "a", "a/b"]), st.sampled_from([None, CEA, "other"]), st.integers(-1, 3))


def put(root: Path, change: tuple) -> None:
    """Make one change of the tree."""
    if len(change) == 3:
        folder, series, value = change
        path = root / folder / "keywords.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        names, values = ("series,", f"{series},") if series else ("", "")
        text = f"{names}T_REC,HARPNUM,USFLUX,RECNUM\n{values}2015.12.11_00:12:00_TAI,1,{value}e20,{value}\n"
        path.write_text("no table" if value == 3 else text)
        if value == -1:
            path.unlink()
        return
    (folder, harp, step, segment, series), content = change
    path = root / folder / name_of(harp, step, segment, series)
    path.unlink(missing_ok=True)
    if content == "gone":
        return
    tiny(path, **(header_of(harp, step, RECNUM=content, USFLUX=1e22 * content) if isinstance(content, int) else {}))
    if content == "broken":
        path.write_bytes(path.read_bytes()[:-1])


@settings(max_examples=30)
@given(st.lists(st.lists(st.one_of(st.tuples(FILES, STATES), TABLES), min_size=1, max_size=8), min_size=1, max_size=3))
def test_the_index_depends_on_the_files_alone(runs):
    """Neither the order of changes nor the number of runs in between matters."""
    with TemporaryDirectory() as folder:
        root = Path(folder, "root")
        root.mkdir()
        (root / "keep").write_text("keeps the folder from becoming empty")
        for changes in runs:
            for change in changes:
                put(root, change)
            build_index(root, index=Path(folder, "index"))
        build_index(root, index=Path(folder, "fresh"))
        assert contents(Path(folder, "index")) == contents(Path(folder, "fresh"))


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from sunpy_flarecast.archive.index import build_index
    root, index = Path(sys.argv[1]), Path(sys.argv[2])
    unfinished = 0
    for steps in range(1, 8):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            build_index(root, index=index, progress=lambda *_: os.write(writing, b"."))
            os._exit(0)
        for _ in range(5 * steps):
            os.read(reading, 1)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        unfinished += os.WIFSIGNALED(status)
        os.close(reading), os.close(writing)
    print(unfinished)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_killed_run_is_resumed(tmp_path):
    root = tmp_path / "root"
    for step in range(600):
        number = DUPLICATE_RECNUM if step % 400 == 1 else step + 1
        tiny(root / f"{step // 15:02}" / name_of(1, step, "Br"), **header_of(1, step, RECNUM=number))
        tiny(root / f"{step // 15:02}" / name_of(1, step, "Bp"))
    build_index(root, index=tmp_path / "undisturbed")
    program = textwrap.dedent(KILLED)
    command = [sys.executable, "-c", program, str(root), str(tmp_path / "index")]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert int(killed.stdout) >= 1
    report = build_index(root, index=tmp_path / "index")
    assert report.records == 600
    assert contents(tmp_path / "index") == contents(tmp_path / "undisturbed")


DUPLICATE_RECNUM = 5000


@pytest.mark.parametrize(
    ("written", "listed"),
    [
        ("2011-02-15", "2011-02-15T00:00:00Z"),
        ("2011-02-15T01:00:00-05:00", "2011-02-15T06:00:00Z"),
        ("2011-02-15T01:58:12.30", "2011-02-15T01:58:12.30Z"),
        ("2016-12-31T23:59:60.5", "2016-12-31T23:59:60.5Z"),
        ("yesterday", None),
    ],
)
def test_date_formats_of_fits(tmp_path, written, listed):
    tiny(tmp_path / name_of(1, 0, "Br"), DATE_OBS=written, **header_of(1, 0))
    assert build_index(tmp_path).records == 1
    with DirectoryArchive(tmp_path) as archive:
        (record,) = archive.records(CEA, datetime(2000, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
        assert record.date__obs == listed
        json.dumps(archive.keywords(CEA, record.recnum))


def test_files_with_other_names_count_as_records_of_their_own():
    """A chunk of work may end between any two of them."""
    own = ("img1.fits", "img2.fits", "a.1.fits", "a.2.fits")
    assert len({_record(Found("a", name)) for name in own}) == 4
    assert len({_record(Found("a", name_of(1, 0, segment))) for segment in ("Br", "Bt")}) == 1
