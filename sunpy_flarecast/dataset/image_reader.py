"""Read single images: only the chunk of the record is decoded, and arrays stay open for the next read."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from sunpy_flarecast.errors import FileError
from sunpy_flarecast.utils.reports import first_line
from sunpy_flarecast.utils.store import Store

from .arrays import group_path, shard_path
from .encoding import decode
from .framing import bin_factor, binned, centred, framed
from .model import Encoding

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from .framing import How

__all__ = ["Place", "lost_group", "read_framed", "read_record"]

#: Maximum number of HARPs whose arrays stay open; each needs a few kilobytes for metadata.
_MAX_OPEN: Final = 512

_ADVICE: Final = "Get a complete copy of the data set, or build it again with overwrite=True (--overwrite)."


class Place(NamedTuple):
    """The path and version of a data set; workers with open arrays must notice when it is built again in place."""

    path: str
    version: str

    def __str__(self) -> str:
        return self.path


class _OpenArray(NamedTuple):
    array: Any
    encoding: Encoding


def lost_group(place: object, harp: int) -> FileError:
    """Return the error for a missing group of a HARP."""
    return FileError(f"{group_path(harp)} is missing in {place}. {_ADVICE}")


@lru_cache(_MAX_OPEN)
def _open_array(place: Place, harp: int, process: int) -> _OpenArray:
    import zarr

    del process  # part of the cache key: a forked process cannot use the event loops of its parent
    try:
        array = zarr.open_group(Store(place.path).zarr(group_path(harp)), mode="r", zarr_format=3)["image"]
    except (FileNotFoundError, KeyError) as error:
        raise lost_group(place, harp) from error
    about = array.attrs
    scale, offset = about.get("scale_factor", 1.0), about.get("add_offset", 0.0)
    return _OpenArray(array, Encoding(array.dtype.name, scale, offset, about.get("_FillValue")))


def read_record(
    place: Place,
    harp: int,
    index: int,
    channels: Sequence[int],
    rows: slice,
    columns: slice,
    *,
    dtype: str = "",
) -> npt.NDArray[Any]:
    """Read part of the images of a record, (segment, y, x), as floats; missing pixels are NaN."""
    image = _open_array(place, harp, os.getpid())
    path = shard_path(harp, "image", index // image.array.shards[0])
    try:
        pixels = image.array[index, :, rows, columns]
    except Exception as error:  # damaged files and file systems raise any type
        raise FileError(f"{path} in {place} is damaged or cannot be read ({first_line(error)}). {_ADVICE}") from error
    decoded = decode(pixels[list(channels)], image.encoding, dtype)
    # zarr silently returns missing values for a missing shard.
    if np.isnan(decoded).all() and not Store(place.path).exists(path):
        raise FileError(f"{path} is missing in {place}. {_ADVICE}")
    return decoded


def read_framed(
    place: Place,
    harp: int,
    index: int,
    size: tuple[int, int],
    channels: Sequence[int],
    shape: tuple[int, int] | None = None,
    how: How = "crop",
) -> npt.NDArray[np.float32]:
    """
    Read the images of a record as float32 in a given shape; missing pixels are NaN.

    ``size`` is the number of rows and columns without padding.
    """
    if shape is None or how == "bin":
        rows, columns = (slice(0, pixels) for pixels in size)
    else:
        rows, columns = (centred(pixels, most)[0] for pixels, most in zip(size, shape, strict=True))
    image = read_record(place, harp, index, channels, rows, columns, dtype="float32")
    if shape is None:
        return image
    return framed(binned(image, bin_factor(size, shape)) if how == "bin" else image, shape)
