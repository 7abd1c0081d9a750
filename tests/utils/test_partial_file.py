"""A file that is still arriving: its lock, its note, and its publication."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sunpy_flarecast.utils.partial_file import BusyError, Origin, Part, discard, part_path

if TYPE_CHECKING:
    from pathlib import Path

ORIGIN = Origin("http://host/a.fits", '"tag"', 7)


@pytest.fixture
def final(tmp_path: Path) -> Path:
    return tmp_path / "a.fits"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_is_hidden_beside_the_file_and_gets_its_name_at_last(final: Path) -> None:
    with Part(str(final)) as part:
        part.write(b"abc")
        assert part.path == part_path(str(final)) == str(final.parent / ".a.fits.part")
        assert not final.exists()
        assert part.publish() == str(final)
    assert final.read_bytes() == b"abc"
    assert names(final.parent) == ["a.fits"]


def test_one_at_a_time(final: Path) -> None:
    with Part(str(final)) as part:
        with pytest.raises(BusyError):
            Part(str(final))
        part.write(b"abc")
        part.publish()
        # Whoever opens it now begins a part of his own, and does not write into the published file.
        with Part(str(final)) as other:
            other.write(b"x")
            assert final.read_bytes() == b"abc"
            other.drop()
    assert names(final.parent) == ["a.fits"]


def test_what_is_noted_is_there_for_the_next(final: Path) -> None:
    with Part(str(final)) as part:
        part.write(b"abc")
        part.note(ORIGIN)
    assert names(final.parent) == [".a.fits.part", ".a.fits.part.json"]
    with Part(str(final)) as part:
        assert part.size == 3
        assert part.origin() == ORIGIN
        assert part.go_on() == 3
        part.write(b"defg")
        part.publish()
    assert final.read_bytes() == b"abcdefg"
    assert names(final.parent) == ["a.fits"]


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"url": "u", "validator": "v", "length": "x"}', "\x00"])
def test_a_note_that_cannot_be_read_is_none(final: Path, note: str) -> None:
    (final.parent / ".a.fits.part").write_bytes(b"abc")
    (final.parent / ".a.fits.part.json").write_text(note)
    with Part(str(final)) as part:
        assert part.origin() is None
        part.restart()
        assert part.size == 0
        part.write(b"new")
        part.publish()
    assert final.read_bytes() == b"new"
    assert names(final.parent) == ["a.fits"]


def test_unique_names(final: Path) -> None:
    final.write_bytes(b"old")
    for number in (1, 2):
        with Part(str(final)) as part:
            part.write(b"%d" % number)
            assert part.publish(unique=True) == str(final.parent / f"a_{number}.fits")
    assert names(final.parent) == ["a.fits", "a_1.fits", "a_2.fits"]
    assert final.read_bytes() == b"old"


def test_parts_of_finished_files_are_discarded_unless_somebody_writes_them(final: Path) -> None:
    discard([str(final)])
    with Part(str(final)) as part:
        part.write(b"abc")
        part.note(ORIGIN)
        discard([str(final)])
        assert names(final.parent) == [".a.fits.part", ".a.fits.part.json"]
    discard([str(final)])
    assert names(final.parent) == []
