"""
The images of a data set as Zarr v3: chunks, shards, and the groups and arrays that describe them.

One chunk is one record. Chunks are compressed one by one as files are read, so a task holds only compressed chunks in
memory; zarr itself would compress a shard from all its images at once. A shard has the layout of the codec
``sharding_indexed``: chunks, then their offsets and sizes, then a checksum.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from sunpy_flarecast.errors import FileError

from .encoding import fill_value
from .model import WCS_NUMBERS, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from .model import Encoding

__all__ = [
    "ROOT",
    "Buffer",
    "HarpArrays",
    "chunks_of",
    "consolidated",
    "decode_chunk",
    "encode_chunk",
    "group_path",
    "make_group",
    "shard_of",
    "shard_path",
]

#: Compressed images.
Buffer = bytes | memoryview

#: Path of the images in a data set.
ROOT: Final = "images.zarr"

#: Of the levels, filters and block sizes tried on SHARPs, the fastest among those with the smallest result.
_CODEC: Final = {"cname": "zstd", "clevel": 2, "blocksize": 1 << 20}

#: The offset and size of a chunk that is missing.
_MISSING: Final = 2**64 - 1
_CHECKSUM: Final = 4

_DAMAGED: Final = "A shard of the data set is damaged."

_NOT_A_TIME: Final = np.iinfo(np.int64).min
_EPOCH: Final = "1970-01-01"

#: The keywords of the ``wcs`` array: those of the header, and the size of the patch without padding.
KEYWORDS: Final = (*WCS_NUMBERS, "naxis1", "naxis2")


class HarpArrays(NamedTuple):
    """The arrays of a HARP except its images; rows are records."""

    time: npt.NDArray[np.datetime64]  #: T_REC in UTC.
    date_obs: npt.NDArray[np.datetime64]
    t_obs: npt.NDArray[np.datetime64]
    recnum: npt.NDArray[np.int64]
    quality: npt.NDArray[np.int64]
    status: npt.NDArray[np.uint8]  #: Of each segment.
    wcs: npt.NDArray[np.float64]  #: Of each of `KEYWORDS`.


def group_path(harp: int) -> str:
    """Return the path of the group of a HARP."""
    return f"{ROOT}/harp/{harp:05d}"


def shard_path(harp: int, array: str, number: int) -> str:
    """Return the path of a shard of an array of a HARP."""
    return f"{group_path(harp)}/{array}/c/{number}" + ("/0/0/0" if array == "image" else "/0/0")


@cache
def _blosc() -> Any:
    import numcodecs

    numcodecs.blosc.use_threads = False  # with threads the output is not reproducible; zarr does the same
    return numcodecs.Blosc(_CODEC["cname"], _CODEC["clevel"], numcodecs.Blosc.BITSHUFFLE, _CODEC["blocksize"])


def encode_chunk(pixels: npt.NDArray[Any]) -> bytes:
    """Compress the images of one record."""
    little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    return bytes(_blosc().encode(np.ascontiguousarray(little)))


def decode_chunk(data: Buffer, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Decompress the images of one record."""
    try:
        return np.frombuffer(_blosc().decode(data), np.dtype(dtype).newbyteorder("<")).reshape(shape)
    except (RuntimeError, ValueError) as error:
        raise FileError(_DAMAGED) from error


def shard_of(chunks: Sequence[Buffer | None], places: int) -> Iterator[Buffer]:
    """Yield the parts of a shard with room for ``places`` chunks; chunks that are None or not given are missing."""
    import google_crc32c

    index = np.full((places, 2), _MISSING, "<u8")
    at = 0
    for place, chunk in enumerate(chunks):
        if chunk is not None:
            index[place] = at, len(chunk)
            at += len(chunk)
            yield chunk
    end = index.tobytes()
    yield end + google_crc32c.value(end).to_bytes(_CHECKSUM, "little")


def chunks_of(shard: bytes, places: int) -> list[memoryview | None]:
    """Return the chunks of a shard; raise a `FileError` if it is damaged."""
    import google_crc32c

    end = shard[-_CHECKSUM - 16 * places : -_CHECKSUM]
    if len(end) != 16 * places or google_crc32c.value(end).to_bytes(_CHECKSUM, "little") != shard[-_CHECKSUM:]:
        raise FileError(_DAMAGED)
    index, view = np.frombuffer(end, "<u8").reshape(places, 2).tolist(), memoryview(shard)
    return [None if at == _MISSING else view[at : at + size] for at, size in index]


def make_group(
    arrays: HarpArrays,
    *,
    segments: Sequence[str],
    units: Sequence[str],
    shape: tuple[int, int],
    encoding: Encoding,
    shard_records: int,
    padded: bool,
    attributes: Mapping[str, Any],
) -> dict[str, bytes]:
    """Return the files of the group of a HARP by path, without shards; the metadata of the group come last."""
    import zarr
    from zarr.codecs import BloscCodec
    from zarr.storage import MemoryStore

    held: dict[str, Any] = {}
    group = zarr.create_group(MemoryStore(held), attributes=dict(attributes))
    count, size = len(arrays.time), (max(1, shape[0]), max(1, shape[1]))

    def images(name: str, dtype: str, fill: Any, own: tuple[int, ...], names: Sequence[str], **attrs: Any) -> None:
        group.create_array(
            name,
            shape=(count, *own, *shape),
            chunks=(1, *own, *size),
            shards=(shard_records, *own, *size),
            dtype=np.dtype(dtype),
            fill_value=fill,
            compressors=BloscCodec(**_CODEC, shuffle="bitshuffle", typesize=np.dtype(dtype).itemsize),
            dimension_names=("time", *names, "y", "x"),
            attributes=attrs,
        )

    def small(name: str, data: Any, dimensions: tuple[str, ...], **attrs: Any) -> None:
        more: dict[str, Any] = {"fill_value": attrs["_FillValue"]} if "_FillValue" in attrs else {}
        # If an empty chunk were not written, the chunk of an earlier build would remain.
        more["config"] = {"write_empty_chunks": True}
        group.create_array(name, data=data, chunks=data.shape, dimension_names=dimensions, attributes=attrs, **more)

    scaling: dict[str, Any] = {} if encoding.fill is None else {"_FillValue": encoding.fill}
    scaling |= {"scale_factor": encoding.scale} if encoding.scale != 1 else {}
    scaling |= {"add_offset": encoding.offset} if encoding.offset != 0 else {}
    unit = {"units": units[0]} if len(set(units)) == 1 and units[0] else {}
    images(
        "image",
        encoding.dtype,
        fill_value(encoding),
        (len(segments),),
        ["segment"],
        long_name="pixels of the segments",
        coordinates="date_obs t_obs recnum quality wcs",
        **unit,
        **scaling,
    )
    if padded:
        images("mask", "bool", False, (), [], long_name="whether a pixel is in the patch; others are padding")
    small(
        "time",
        _counted(arrays.time, "s"),
        ("time",),
        standard_name="time",
        long_name="T_REC as UTC",
        units=f"seconds since {_EPOCH}",
        calendar="proleptic_gregorian",
    )
    for name in ("date_obs", "t_obs"):
        small(
            name,
            _counted(getattr(arrays, name), "us"),
            ("time",),
            long_name=f"{name.upper().replace('E_', 'E-')} as UTC",
            units=f"microseconds since {_EPOCH}",
            calendar="proleptic_gregorian",
            _FillValue=_NOT_A_TIME,
        )
    small("recnum", arrays.recnum, ("time",), long_name="record number in the series")
    small("quality", arrays.quality, ("time",), long_name="QUALITY of the record; 0 is good")
    small(
        "status",
        arrays.status,
        ("time", "segment"),
        long_name="whether the image is available, or why not",
        flag_values=[int(status) for status in Status],
        flag_meanings=" ".join(status.name.lower() for status in Status),
    )
    small("wcs", arrays.wcs, ("time", "keyword"), long_name="numbers of the FITS header; NaN where missing")
    strings = np.dtypes.StringDType()
    small("keyword", np.array(KEYWORDS, strings), ("keyword",), long_name="FITS keyword in lower case")
    small(
        "segment",
        np.array(segments, strings),
        ("segment",),
        long_name="segment of the series",
        segment_units=list(units),
    )
    files = {path: held[path].to_bytes() for path in sorted(held)}
    own = files.pop("zarr.json")
    members = {path.removesuffix("/zarr.json"): data for path, data in files.items() if path.endswith("/zarr.json")}
    return files | {"zarr.json": consolidated(own, {name: json.loads(data) for name, data in members.items()})}


def _counted(times: npt.NDArray[np.datetime64], unit: str) -> npt.NDArray[np.int64]:
    return times.astype(f"datetime64[{unit}]").astype(np.int64)


def consolidated(group: bytes, members: Mapping[str, Any]) -> bytes:
    """Return the metadata of a group with the metadata of all groups and arrays below it (``members``, by path)."""
    own = {
        **json.loads(group),
        "consolidated_metadata": {
            "kind": "inline",
            "must_understand": False,
            "metadata": {path: members[path] for path in sorted(members)},
        },
    }
    return json.dumps(own, separators=(",", ":"), allow_nan=False).encode()
