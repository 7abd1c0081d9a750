"""Images read one at a time: only the chunk of a record is decoded, and arrays stay open for the next one."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sunpy_flarecast.errors import FileError
from sunpy_flarecast.utils.store import Store

from .arrays import group_path
from .encoding import decode
from .framing import bin_factor, binned, centred, framed
from .model import Encoding

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from .framing import How

__all__ = ["forget", "open_group", "read_framed", "read_record"]

#: Most HARPs of which the array is kept open; each is a few kilobytes of metadata.
_OPEN: Final = 512


class _Opened(NamedTuple):
    array: Any
    encoding: Encoding


def open_group(place: str, harp: int) -> Any:
    """Open the group of a HARP, whose metadata is one file."""
    import zarr

    try:
        return zarr.open_group(Store(place).zarr(group_path(harp)), mode="r", zarr_format=3)
    except FileNotFoundError as error:
        raise FileError(
            f"{group_path(harp)} is missing in {place}. Build the data set again, or get a whole copy of it."
        ) from error


@lru_cache(_OPEN)
def _opened(place: str, harp: int, process: int) -> _Opened:
    del process  # a forked process opens its own: the event loops of its parent are of no use to it
    array = open_group(place, harp)["image"]
    about = array.attrs
    scale, offset = about.get("scale_factor", 1.0), about.get("add_offset", 0.0)
    return _Opened(array, Encoding(array.dtype.name, scale, offset, about.get("_FillValue")))


def forget() -> None:
    """Close all arrays, since a data set may have been built again in the same place."""
    _opened.cache_clear()


def read_record(
    place: str,
    harp: int,
    index: int,
    channels: Sequence[int],
    rows: slice,
    columns: slice,
    *,
    dtype: str = "",
) -> npt.NDArray[Any]:
    """Read a part of the images of a record, (segment, y, x), as floats; NaN where there is no value."""
    image = _opened(place, harp, os.getpid())
    return decode(image.array[index, :, rows, columns][list(channels)], image.encoding, dtype)


def read_framed(
    place: str,
    harp: int,
    index: int,
    size: tuple[int, int],
    channels: Sequence[int],
    shape: tuple[int, int] | None = None,
    how: How = "crop",
) -> npt.NDArray[np.float32]:
    """
    Read the images of a record as float32 in a shape; NaN where there is no value.

    ``size`` is the number of rows and columns without padding, which is zero if there is no image.
    """
    if shape is None or how == "bin":
        rows, columns = (slice(0, pixels) for pixels in size)
    else:
        rows, columns = (centred(pixels, most)[0] for pixels, most in zip(size, shape, strict=True))
    image = read_record(place, harp, index, channels, rows, columns, dtype="float32")
    if shape is None:
        return image
    return framed(binned(image, bin_factor(size, shape)) if how == "bin" else image, shape)
