"""Read, check and compress the images of one record as one chunk."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from sunpy_flarecast.errors import FileError

from .arrays import decode_chunk, encode_chunk
from .encoding import common, fill_value, recode, to_kind
from .image_file import read_image
from .image_header import check_record, keywords_of
from .model import Encoding, ImageFacts, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from .arrays import Buffer
    from .image_header import ImageKeywords
    from .model import ImageRecord, Settings

__all__ = ["NONE", "Chunk", "make_chunk", "recompress"]

#: The encoding of a record without images.
NONE: Final = Encoding("float32")


class Chunk(NamedTuple):
    """The images of one record, compressed; None if there are none."""

    data: Buffer | None
    shape: tuple[int, int]
    encoding: Encoding


def make_chunk(
    harp: int, record: ImageRecord, sources: Sequence[Path | str], settings: Settings
) -> tuple[Chunk, ImageFacts, dict[str, str | float]]:
    """Read and compress the images of one record."""
    count = len(settings.segments)
    status, digests, reasons = [int(Status.THERE)] * count, [""] * count, []
    found: dict[int, tuple[npt.NDArray[Any], Encoding]] = {}
    keywords: ImageKeywords | None = None
    for place, (segment, source, url) in enumerate(zip(settings.segments, sources, record.urls, strict=True)):
        if not isinstance(source, Path):
            status[place] = int(Status.NOT_FETCHED if url else Status.NOT_LISTED)
            if url:
                reasons.append(f"{segment}: {source}")
            continue
        try:
            image = read_image(source)
            digests[place] = image.sha256
            check_record(image.headers, harp, record)
            found[place] = to_kind(image.pixels, image.encoding, settings.images)
        except FileError as error:
            status[place] = int(Status.UNREADABLE)
            reasons.append(f"{segment}: {source.name} {error}")
            continue
        if keywords is None and not image.headers.bare:
            keywords = keywords_of(image.headers)
    shapes = Counter(pixels.shape for pixels, _ in found.values())
    shape: Any = max(shapes, key=shapes.__getitem__, default=(0, 0))
    for place in [place for place, (pixels, _) in found.items() if pixels.shape != shape]:
        rows, columns = found.pop(place)[0].shape
        status[place] = int(Status.UNREADABLE)
        reasons.append(
            f"{settings.segments[place]}: the image has {rows} × {columns} pixels, but other segments of the record "
            f"have {shape[0]} × {shape[1]}"
        )
    facts = ImageFacts(shape, tuple(status), tuple(digests), reasons=tuple(reasons))
    if not found:
        return Chunk(None, (0, 0), NONE), facts, {}
    if keywords is not None:
        facts.date_obs, facts.t_obs, facts.wcs = keywords.date_obs, keywords.t_obs, keywords.wcs
    encoding = common(own for _, own in found.values())
    stack = np.full((1, count, *shape), fill_value(encoding), encoding.dtype)
    for place, (pixels, own) in found.items():
        stack[0, place] = recode(pixels, own, encoding)
    return Chunk(encode_chunk(stack), shape, encoding), facts, keywords.common if keywords else {}


def recompress(chunk: Chunk, segments: int, shape: tuple[int, int], encoding: Encoding) -> Buffer | None:
    """Return a chunk with the given shape and encoding; compress it again only if they differ."""
    if chunk.data is None or (chunk.shape == shape and chunk.encoding == encoding):
        return chunk.data
    pixels = decode_chunk(chunk.data, chunk.encoding.dtype, (1, segments, *chunk.shape))
    return encode_chunk(recode(pixels, chunk.encoding, encoding, shape))
