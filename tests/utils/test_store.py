"""Stores of data sets: a folder, memory and object storage behave alike."""

from __future__ import annotations

import os
import pickle
import subprocess
import uuid
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sunpy_flarecast.errors import QueryError, TransferError
from sunpy_flarecast.utils.store import Store

if TYPE_CHECKING:
    from pathlib import Path

zarr = pytest.importorskip("zarr")


@pytest.fixture(params=["local", "file", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "s3":
        return Store(request.getfixturevalue("s3") + "/years/2014")
    urls = {"local": str(tmp_path / "set"), "file": f"file://{tmp_path}/set", "memory": f"memory://{uuid.uuid4()}/set/"}
    return Store(urls[request.param])


def test_files_are_written_read_listed_and_removed(store: Store) -> None:
    assert store.names() == []
    assert store.read("split.json") is None
    assert not store.exists("split.json")
    store.remove("split.json")
    store.write("split.json", b"{}")
    store.write("split.json", b"{1}")
    store.write("images.zarr/harp/00377/image/c/0/0", b"\x00" * 10)
    store.write("images.zarr2/zarr.json", b"")
    assert store.read("split.json") == b"{1}"
    assert store.exists("images.zarr")
    assert store.names("images.zarr") == ["images.zarr/harp/00377/image/c/0/0"]
    assert store.names() == ["images.zarr/harp/00377/image/c/0/0", "images.zarr2/zarr.json", "split.json"]
    same = pickle.loads(pickle.dumps(store))
    assert (str(same), same.names()) == (str(store), store.names())
    store.remove("images.zarr")
    store.remove("split.json")
    assert store.names() == ["images.zarr2/zarr.json"]


def test_files_are_written_in_parts_and_appear_when_complete(store: Store) -> None:
    with store.open("records.parquet", "wb") as file:
        file.write(b"one")
        assert store.names() == []
        file.write(b"two")
    with store.open("records.parquet") as file:
        assert (file.read(3), file.read()) == (b"one", b"two")
    with pytest.raises(TypeError), store.open("records.parquet", "wb") as file:
        file.writelines([b"three", None])  # type: ignore[list-item]
    assert store.read("records.parquet") == b"onetwo"
    with pytest.raises(FileNotFoundError), store.open("labels.parquet"):
        pass


def test_zarr_reads_what_was_written(store: Store) -> None:
    memory = zarr.storage.MemoryStore()
    zarr.create_array(memory, name="image", data=np.arange(12).reshape(3, 4), chunks=(1, 4), shards=(3, 4))
    for name, value in memory._store_dict.items():
        store.write(f"images.zarr/{name}", value.to_bytes())
    assert zarr.open_array(store.zarr("images.zarr"), path="image", mode="r")[:].tolist()[2] == [8, 9, 10, 11]
    zarr.create_array(store.zarr("images.zarr", read_only=False), name="more", data=np.ones(3))
    assert store.exists("images.zarr/more/zarr.json")


def test_one_process_at_a_time_writes_to_a_folder(tmp_path: Path) -> None:
    one, other = Store(tmp_path), Store(str(tmp_path))
    with one.lock():
        assert one.names() == []
        with pytest.raises(QueryError, match=r"^Another process is writing to .*\. Wait until"), other.lock():
            pass
    with other.lock(), Store("memory://x").lock(), Store("memory://x").lock():
        pass


@pytest.mark.parametrize("out", [None, "", 5, b""])
def test_invalid_places_are_refused(out: object) -> None:
    with pytest.raises(QueryError, match=r"^A data set requires a folder or a URL"):
        Store(out)  # type: ignore[arg-type]


def test_urls_that_fsspec_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(QueryError, match=r"^'foo://x' cannot be used .*Protocol not known: foo.*s3://"):
        Store("foo://x")
    from fsspec.registry import known_implementations

    # As if s3fs were not installed.
    monkeypatch.setitem(known_implementations, "s4", {"class": "s4fs.S4", "err": "Install s3fs"})
    with pytest.raises(QueryError, match=r"^s4://x/y requires a package that is not installed\. Install s3fs, with"):
        Store("s4://x/y")


def test_places_that_cannot_be_written(tmp_path: Path, s3: str) -> None:
    (tmp_path / "file").touch()
    for out in ("/proc/set", tmp_path / "file"):
        with pytest.raises(QueryError, match=rf"^{out}/a/b cannot be written .*\. Choose another folder"):
            Store(out).write("a/b", b"")
        with pytest.raises(QueryError, match=rf"^{out} cannot be written"), Store(out).lock():
            pass
    with pytest.raises(
        QueryError, match=r"^s3://tests-none/a cannot be written \(The specified bucket does not exist\)"
    ):
        Store("s3://tests-none").write("a", b"")
    with pytest.raises(TransferError, match="could not be written"):
        Store("http://127.0.0.1:9/set").write("a", b"")
    with pytest.raises(TransferError, match=r"^http://127.0.0.1:9/set/a cannot be read"):
        Store("http://127.0.0.1:9/set").read("a")


@pytest.mark.skipif(not hasattr(os, "seteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_of_another_user(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(QueryError, match=r"cannot be written \(Permission denied\)\. Choose another folder"):
            Store(tmp_path / "set").write("a", b"")
        with pytest.raises(TransferError, match=r"cannot be read \(Permission denied\)"):
            Store(tmp_path).names()
    finally:
        os.seteuid(0)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path]).returncode:
        pytest.skip("a small file system can be made only by root")
    try:
        store = Store(tmp_path / "set")
        store.write("a", b"kept")
        with pytest.raises(TransferError, match=rf"^The disk that holds {store} is full .*run the same call"):
            store.write("a", bytes(100_000))
        assert (store.read("a"), [*(tmp_path / "set").iterdir()]) == (b"kept", [tmp_path / "set/a"])
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        remote = Store(f"memory://{uuid.uuid4()}")
        with (
            pytest.raises(TransferError, match=rf"^The disk that holds {tmp_path}/sunpy_flarecast-\w+ is full"),
            remote.open("a", "wb") as file,
        ):
            file.write(bytes(100_000))
        assert remote.names() == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_files_of_a_killed_process_are_not_listed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / ".split.json.0123456789ab.part").write_bytes(b"{")
    store.write("split.json", b"{}")
    assert [*tmp_path.iterdir()] == [tmp_path / "split.json"]
    (tmp_path / ".labels.parquet.0123456789ab.part").write_bytes(b"P")
    assert store.names() == ["split.json"]
