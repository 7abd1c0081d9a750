"""Make a shard of images from the FITS files of a task, and the group of a HARP from its shards."""

from __future__ import annotations

import hashlib
import json
import re
from os.path import commonprefix
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from astropy.time import Time

from sunpy_flarecast.errors import FileError
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.t_rec import slot_time
from sunpy_flarecast.sharp.times import read_times, utc_dates

from .arrays import (
    KEYWORDS,
    ROOT,
    HarpArrays,
    chunks_of,
    consolidated,
    encode_chunk,
    group_path,
    make_group,
    shard_of,
    shard_path,
)
from .chunk import NONE, Chunk, make_chunk, recompress
from .encoding import common
from .model import Encoding, ImageFacts, ShardFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from sunpy_flarecast.utils.store import Store

    from .arrays import Buffer
    from .model import ImageRecord, ImageSettings, Settings, ShardTask

__all__ = ["Written", "facts_path", "finish_harp", "finish_images", "make_shard", "put"]

#: Size and SHA-256 of files by path in the data set.
Written = dict[str, tuple[int, str]]

_TIME: Final = re.compile(r"(\d{4})[.-](\d\d)[.-](\d\d)[_T]([\d:.]+?)(_TAI|_UTC|Z)?", re.ASCII)


def facts_path(harp: int, number: int) -> str:
    """Return the path of the facts of a shard."""
    return f".build/shards/{harp:05d}-{number:04d}.json"


def put(store: Store, path: str, data: bytes) -> Written:
    """Write a file of a data set; return its size and SHA-256."""
    store.write(path, data)
    return {path: (len(data), hashlib.sha256(data).hexdigest())}


def _put_shard(store: Store, path: str, chunks: Sequence[Buffer | None], places: int) -> Written:
    """Write a shard in parts, to avoid a second copy in memory."""
    digest, size = hashlib.sha256(), 0
    with store.open(path, "wb") as file:
        for part in shard_of(chunks, places):
            file.write(part)
            digest.update(part)
            size += len(part)
    return {path: (size, digest.hexdigest())}


def make_shard(task: ShardTask, settings: Settings, store: Store, files: Iterable[Sequence[Path | str]]) -> ShardFacts:
    """
    Write a shard of images, and return its facts.

    ``files`` has, for each record and segment, the path of a FITS file, or the reason why it could not be fetched (any
    text if the record has no such file). Images are read and compressed one by one, so only the compressed shard and
    the images of one record are in memory. The output depends on the files only. A file is `Status.UNREADABLE` if it is
    damaged, belongs to another record, or differs in shape from other segments; the facts have the reason.
    """
    chunks: list[Chunk] = []
    images: list[ImageFacts] = []
    headers: list[dict[str, str | float]] = []
    for record, sources in zip(task.records, files, strict=True):
        chunk, facts, header = make_chunk(task.harp, record, sources, settings)
        chunks.append(chunk)
        images.append(facts)
        if chunk.data is not None:
            headers.append(header)
    there = [chunk for chunk in chunks if chunk.data is not None]
    shape = _largest([chunk.shape for chunk in there])
    encoding = common(chunk.encoding for chunk in there) if there else NONE
    written: Written = {}
    path = shard_path(task.harp, "image", task.number)
    if there:
        count = len(settings.segments)
        data = [recompress(chunk, count, shape, encoding) for chunk in chunks]
        del chunks, there, chunk
        written = _put_shard(store, path, data, settings.images.shard_records)
    else:
        store.remove(path)  # left by a build that had files and was killed
    return ShardFacts(task.harp, task.number, shape, encoding, images, written, _in_common(headers), task.identity)


def _largest(shapes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return max((rows for rows, _ in shapes), default=0), max((columns for _, columns in shapes), default=0)


def _in_common(headers: Sequence[dict[str, str | float]]) -> dict[str, str | float]:
    """
    Return what headers have in common: equal values, and the common beginning of different texts.

    For example, INSTRUME of a HARP may change from HMI_SIDE1 to HMI_COMBINED, and units from deg to degree.
    """
    full = [header for header in headers if header]
    shared: dict[str, str | float] = {}
    for name in full[0] if full else ():
        values = [header.get(name) for header in full]
        texts = [value for value in values if isinstance(value, str)]
        if all(value == values[0] for value in values):
            shared[name] = full[0][name]
        elif len(texts) == len(values) and (text := commonprefix(texts).rstrip("_- ")):  # noqa: RUF071 (no paths)
            shared[name] = text
    return shared


def finish_harp(
    tasks: Sequence[ShardTask], facts: Sequence[ShardFacts], settings: Settings, store: Store
) -> tuple[list[ShardFacts], Written]:
    """
    Write the group of a HARP after its shards; return their facts, and the size and SHA-256 of the other files.

    Shards whose shape or encoding differs from the group are written again, padded. Their facts (`facts_path`) are
    removed first and written last, so that a build that is killed in between makes these shards again. Raises a
    `FileError` if a shard is missing or damaged.
    """
    shape = _largest([shard.shape for shard in facts])
    filled = [shard for shard in facts if shard.shape != (0, 0)]
    encoding = common(shard.encoding for shard in filled) if filled else NONE
    facts = [
        _rewrite(shard, settings, shape, encoding, store)
        if shard in filled and (shard.shape, shard.encoding) != (shape, encoding)
        else shard
        for shard in facts
    ]
    harp = tasks[0].harp
    images = [image for shard in facts for image in shard.images]
    padded = any(image.shape not in ((0, 0), shape) for image in images)
    written: Written = {}
    if not padded:
        store.remove(f"{group_path(harp)}/mask")  # left by an earlier build with files of other shapes
    for shard in facts if padded else ():
        masks = [_mask(image.shape, shape) for image in shard.images]
        if any(mask is not None for mask in masks):
            path = shard_path(harp, "mask", shard.number)
            written |= _put_shard(store, path, masks, settings.images.shard_records)
    known = find_series(settings.series)
    found = [known.segment(name) if known else None for name in settings.segments]
    group = make_group(
        _arrays([record for task in tasks for record in task.records], images),
        segments=settings.segments,
        units=[segment.unit if segment else "" for segment in found],
        shape=shape,
        encoding=encoding,
        shard_records=settings.images.shard_records,
        padded=padded,
        attributes={
            "harp": harp,
            "series": settings.series,
            "encoding": settings.images.encoding,
            "bin": _bin_size(settings.images),
            **_in_common([shard.header for shard in facts]),
        },
    )
    for path, data in group.items():
        written |= put(store, f"{group_path(harp)}/{path}", data)
    return list(facts), written


def _bin_size(images: ImageSettings) -> int:
    return images.bin if images.encoding == "binned" else 1


def _rewrite(
    facts: ShardFacts, settings: Settings, shape: tuple[int, int], encoding: Encoding, store: Store
) -> ShardFacts:
    path, places = shard_path(facts.harp, "image", facts.number), settings.images.shard_records
    shard = store.read(path)
    if shard is None:
        raise FileError(f"{path} of the data set is missing. Run the build again.")
    try:
        data = [
            recompress(Chunk(chunk, facts.shape, facts.encoding), len(settings.segments), shape, encoding)
            for chunk in chunks_of(shard, places)
        ]
    except FileError as error:
        raise FileError(f"{path} in {store} is damaged. Remove it and run the build again.") from error
    del shard
    store.remove(facts_path(facts.harp, facts.number))
    files = _put_shard(store, path, data, places)
    changed = msgspec.structs.replace(facts, shape=shape, encoding=encoding, files=files)
    store.write(facts_path(facts.harp, facts.number), msgspec.json.encode(changed))
    return changed


def _mask(shape: tuple[int, int], whole: tuple[int, int]) -> bytes | None:
    if shape == (0, 0):
        return None
    mask = np.zeros((1, *whole), bool)
    mask[:, : shape[0], : shape[1]] = True
    return encode_chunk(mask)


def _arrays(records: Sequence[ImageRecord], images: Sequence[ImageFacts]) -> HarpArrays:
    missing = np.full(len(KEYWORDS), np.nan)
    return HarpArrays(
        time=utc_dates(slot_time([record.slot for record in records])),
        date_obs=_parse_times([image.date_obs for image in images]),
        t_obs=_parse_times([image.t_obs for image in images]),
        recnum=np.array([record.recnum for record in records], np.int64),
        quality=np.array([record.quality for record in records], np.int64),
        status=np.array([image.status for image in images], np.uint8),
        wcs=np.array(
            [
                (*(image.wcs or [None] * (len(KEYWORDS) - 2)), image.shape[1], image.shape[0])
                if image.shape != (0, 0)
                else missing
                for image in images
            ],
            np.float64,
        ),
    )


def _parse_times(texts: Sequence[str]) -> npt.NDArray[np.datetime64]:
    """Parse times of headers (UTC unless they end with _TAI) as UTC; invalid times become NaT."""
    matches = [_TIME.fullmatch(text) for text in texts]
    dates = read_times([f"{match[1]}-{match[2]}-{match[3]}T{match[4]}" if match else None for match in matches])
    tai = np.array([match is not None and match[5] == "_TAI" for match in matches], bool) & ~np.isnat(dates)
    if tai.any():
        dates[tai] = utc_dates(Time(dates[tai], format="datetime64", scale="tai"))
    return dates


def finish_images(harps: Sequence[int], settings: Settings, store: Store) -> Written:
    """Write the groups above the HARPs, with consolidated metadata; call it after `finish_harp` of each HARP."""
    plain = {"attributes": {}, "zarr_format": 3, "node_type": "group"}
    members: dict[str, Any] = {"harp": plain}
    for harp in sorted(set(harps)):
        data = store.read(f"{group_path(harp)}/zarr.json")
        if data is None:
            raise FileError(f"{group_path(harp)} of the data set is missing. Run the build again.")
        group = json.loads(data)
        below = group.pop("consolidated_metadata")["metadata"]
        name = f"harp/{harp:05d}"
        members |= {name: group} | {f"{name}/{path}": member for path, member in below.items()}
    root = {**plain, "attributes": {"Conventions": "CF-1.11", "title": f"Images of {settings.series} by HARP"}}
    written = put(store, f"{ROOT}/harp/zarr.json", json.dumps(plain).encode())
    return written | put(store, f"{ROOT}/zarr.json", consolidated(json.dumps(root).encode(), members))
