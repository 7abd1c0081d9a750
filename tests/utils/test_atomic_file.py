"""Files with temporary names until they are complete, and leftovers of killed processes."""

from __future__ import annotations

import os
import secrets
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sunpy_flarecast.utils import atomic_file
from sunpy_flarecast.utils.atomic_file import AtomicFile, atomic_write, remove_abandoned

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Does not import the package, which takes a second.
HOLD = """
import runpy, sys
AtomicFile = runpy.run_path(sys.argv[2])["AtomicFile"]
with AtomicFile(sys.argv[1]) as target:
    target.write(b"begun")
    print(target.path, flush=True)
    sys.stdin.read()
    target.publish()
"""


@pytest.fixture
def final(tmp_path: Path) -> Path:
    return tmp_path / "a.fits"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def holder(final: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Start a process that writes a file, and does not end before its input does."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(final), atomic_file.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_a_file_is_hidden_until_it_is_published(final: Path) -> None:
    with AtomicFile(final) as target:
        target.write(b"abc")
        target.restart()
        target.write(b"defg")
        assert target.size == 4
        assert not final.exists()
        [temporary] = names(final.parent)
        assert temporary.startswith(".a.fits.")
        assert temporary.endswith(".part")
        assert target.publish() == str(final)
    assert final.read_bytes() == b"defg"
    assert names(final.parent) == ["a.fits"]


def test_concurrent_writers_of_the_same_file(final: Path) -> None:
    with AtomicFile(final) as one, AtomicFile(final) as other:
        one.write(b"one")
        other.write(b"other")
        other.publish()
        assert final.read_bytes() == b"other"
        one.publish()
    assert final.read_bytes() == b"one"
    assert names(final.parent) == ["a.fits"]


def test_a_failure_leaves_nothing_and_keeps_the_old_file(final: Path) -> None:
    final.write_bytes(b"old")
    with pytest.raises(TypeError), atomic_write(final) as file:
        file.write("no bytes")
    assert final.read_bytes() == b"old"
    assert names(final.parent) == ["a.fits"]


def test_text_is_utf8_with_its_line_ends(final: Path) -> None:
    with atomic_write(final, "w") as file:
        file.write("Zürich\r\n\n")
    assert final.read_bytes() == "Zürich\r\n\n".encode()


def test_unique_names(final: Path) -> None:
    final.write_bytes(b"old")
    for number in (1, 2):
        with AtomicFile(final) as target:
            target.write(b"%d" % number)
            assert target.publish(unique=True) == str(final.parent / f"a_{number}.fits")
    assert names(final.parent) == ["a.fits", "a_1.fits", "a_2.fits"]
    assert final.read_bytes() == b"old"


@pytest.mark.skipif(os.name == "nt", reason="modes and links are those of POSIX")
def test_modes_are_those_of_any_new_file_and_links_are_not_followed(
    final: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = final.parent / "victim"
    victim.write_bytes(b"precious")
    with atomic_write(final) as file:
        file.write(b"abc")
    assert stat.S_IMODE(final.stat().st_mode) == stat.S_IMODE(victim.stat().st_mode)
    monkeypatch.setattr(secrets, "token_hex", lambda count: "0" * (2 * count))
    planted = final.parent / f".a.fits.{'0' * 12}.part"
    for plant in (planted.symlink_to, planted.hardlink_to):
        plant(victim)
        with pytest.raises(FileExistsError):
            AtomicFile(final)
        planted.unlink()
    assert victim.read_bytes() == b"precious"


@pytest.mark.skipif(os.name == "nt", reason="files cannot be locked")
def test_files_of_a_killed_process_are_removed(final: Path) -> None:
    with holder(final) as (process, temporary):
        process.kill()
        process.wait()
        (final.parent / ".b.fits.0123456789ab.part").touch()
        assert temporary.exists()
        remove_abandoned([str(final)])
    assert names(final.parent) == [".b.fits.0123456789ab.part"]
    remove_abandoned([str(final.parent / "no such folder" / "a.fits")])


@pytest.mark.skipif(os.name == "nt", reason="processes cannot be stopped")
def test_a_stopped_process_keeps_its_file_and_blocks_nobody(final: Path) -> None:
    with holder(final) as (process, temporary):
        process.send_signal(signal.SIGSTOP)
        with atomic_write(final) as file:
            file.write(b"mine")
        assert temporary.exists()
        assert final.read_bytes() == b"mine"
        process.send_signal(signal.SIGCONT)
        process.communicate("")
    assert final.read_bytes() == b"begun"
    assert names(final.parent) == ["a.fits"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders")
def test_only_files_are_removed(final: Path) -> None:
    link, pipe = (final.parent / f".a.fits.{digit * 12}.part" for digit in "12")
    final.write_bytes(b"abc")
    link.symlink_to(final)
    os.mkfifo(pipe)
    remove_abandoned([str(final)])
    assert names(final.parent) == [link.name, pipe.name, "a.fits"]


def test_without_locks_old_files_are_removed(final: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sunpy_flarecast.utils.atomic_file.fcntl", None)
    old, young = (final.parent / f".a.fits.{digit * 12}.part" for digit in "12")
    old.touch()
    os.utime(old, (0, 0))
    young.touch()
    with atomic_write(final) as file:
        file.write(b"abc")
    assert names(final.parent) == [young.name, "a.fits"]
