"""Shards and metadata, compared with those that zarr writes."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec
from zarr.storage import MemoryStore

from sunpy_flarecast.dataset.arrays import (
    HarpArrays,
    chunks_of,
    consolidated,
    decode_chunk,
    encode_chunk,
    make_group,
    shard_of,
)
from sunpy_flarecast.dataset.model import Encoding
from sunpy_flarecast.errors import FileError

RNG = np.random.default_rng(2014)


@pytest.mark.parametrize("dtype", ["int32", "int16", "float32", "float64", "bool"])
def test_shards_equal_those_of_zarr(dtype: str) -> None:
    images = RNG.integers(-50, 50, (3, 2, 70, 90)).astype(dtype)
    held: dict[str, Any] = {}
    array = zarr.create_array(
        MemoryStore(held),
        shape=(5, 2, 70, 90),
        chunks=(1, 2, 70, 90),
        shards=(8, 2, 70, 90),
        dtype=dtype,
        compressors=BloscCodec(
            cname="zstd", clevel=2, shuffle="bitshuffle", blocksize=1 << 20, typesize=images.itemsize
        ),
    )
    array[:3] = images
    shard = b"".join(shard_of([encode_chunk(image[None]) for image in images], 8))
    assert held["c/0/0/0/0"].to_bytes() == shard
    for image, chunk in zip(images, chunks_of(shard, 8), strict=False):
        assert chunk is not None
        np.testing.assert_array_equal(decode_chunk(chunk, dtype, (1, 2, 70, 90))[0], image)


def test_missing_chunks_stay_missing() -> None:
    chunks = [None, b"abc", None, b"", b"de"]
    assert chunks_of(b"".join(shard_of(chunks, 7)), 7) == [*chunks, None, None]


def test_a_damaged_shard_is_refused() -> None:
    shard = b"".join(shard_of([b"abc"], 4))
    for broken in (shard[:-1], b"", shard[:-10] + b"?" + shard[-9:]):
        with pytest.raises(FileError, match="A shard of the data set is damaged"):
            chunks_of(broken, 4)


def group(**settings: Any) -> dict[str, bytes]:
    times = np.array(["2015-12-11T00:12:00", "2015-12-11T00:24:00"], "datetime64[us]")
    arrays = HarpArrays(
        times, times, times, np.arange(2), np.arange(2), np.zeros((2, 1), np.uint8), np.full((2, 20), np.nan)
    )
    given = {
        "segments": ("Br",),
        "units": ("Mx/cm^2",),
        "shape": (4, 5),
        "encoding": Encoding("int32", 0.01, 0.0, -(2**31)),
        "shard_records": 8,
        "padded": True,
        "attributes": {"harp": 377},
    }
    return make_group(arrays, **given | settings)


def test_metadata_equals_that_consolidated_by_zarr() -> None:
    files = group()
    held: dict[str, Any] = {}
    store = MemoryStore(held)
    make = zarr.core.buffer.default_buffer_prototype().buffer.from_bytes
    root = json.dumps({"attributes": {}, "zarr_format": 3, "node_type": "group"}).encode()
    held |= {"zarr.json": make(root)} | {f"harp/{path}": make(data) for path, data in files.items()}
    own = json.loads(files["zarr.json"])
    members = own.pop("consolidated_metadata")["metadata"]
    ours = consolidated(root, {"harp": own} | {f"harp/{path}": member for path, member in members.items()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # consolidated metadata are not part of the format yet
        zarr.consolidate_metadata(store)
    theirs = json.loads(held["zarr.json"].to_bytes())
    theirs["consolidated_metadata"]["metadata"]["harp"].pop("consolidated_metadata", None)
    assert json.loads(ours) == theirs
    held["zarr.json"] = make(ours)
    assert zarr.open_consolidated(store)["harp/image"].shape == (2, 1, 4, 5)


def test_the_group_is_written_last_and_reproducibly() -> None:
    files = group()
    assert list(files)[-1] == "zarr.json"
    assert group() == files
