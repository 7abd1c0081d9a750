"""The cache of pictures on disk: the least recently used are removed, and files of other processes count."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.archive.quicklook.store import Store


def keys(folder):
    return {path.name for path in folder.glob("*/*")}


@given(sizes=st.lists(st.integers(1, 400), max_size=30))
def test_the_space_is_bounded(tmp_path_factory, sizes):
    folder = tmp_path_factory.mktemp("store")
    store = Store(folder, 1000)
    for number, size in enumerate(sizes):
        store.put(f"{number:04x}", bytes(size))
        assert sum(path.stat().st_size for path in folder.glob("*/*")) <= 1100


def test_the_least_recently_used_is_removed_first(tmp_path):
    Store(tmp_path, 10**6).put("left", bytes(400))  # by another process
    store = Store(tmp_path, 1000)
    for age, key in enumerate(("aa00", "bb11"), 1):
        store.put(key, bytes(250))
        os.utime(tmp_path / key[:2] / key, (age, age))
    os.utime(tmp_path / "le" / "left", (3, 3))
    assert store.get("aa00") == bytes(250)
    store.put("cc22", bytes(250))
    assert keys(tmp_path) == {"aa00", "left", "cc22"}
    assert store.get("bb11") is None


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file", 1000)
    store.put("aa00", b"1")
    assert store.get("aa00") is None


def test_a_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = Store(None, 1000)
    assert store.get("aa00") is None
    assert not list(tmp_path.iterdir())  # an application that never runs creates no folder
    store.put("aa00", b"1")
    assert store.get("aa00") == b"1"
    store.close()
    assert store.get("aa00") is None
    assert not list(tmp_path.iterdir())
