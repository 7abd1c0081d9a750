"""All images of a data set as one lazy array of one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sunpy_flarecast.sharp.times import utc_dates
from sunpy_flarecast.utils.masked import unmasked

from .framing import bin_factor
from .image_reader import read_framed
from .parquet import TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from .framing import How
    from .selection import Selection

__all__ = ["fixed_images"]

#: Bytes of a chunk of the array.
_CHUNK: Final = 32_000_000


def fixed_images(
    selection: Selection, shape: tuple[int, int], how: How, name: str | None, segments: Sequence[str] | None
) -> Any:
    """Return the images of a set as an `xarray.Dataset`; see `Dataset.fixed`."""
    import dask.array as da
    import xarray as xr

    channels = selection.channels(segments)
    chosen = [selection.settings.segments[one] for one in channels]
    rows = selection.rows(name)
    harps, indices = (unmasked(one)[rows] for one in selection.columns("HARPNUM", "index"))
    (times,) = selection.columns(TIME)
    sizes = selection.sizes()[rows]
    numbers = da.arange(len(rows), chunks=max(1, _CHUNK // (4 * len(chosen) * shape[0] * shape[1])))
    image = numbers.map_blocks(
        _read,
        selection.place,
        harps,
        indices,
        sizes,
        channels,
        shape,
        how,
        dtype=np.float32,
        chunks=(numbers.chunks[0], (len(chosen),), (shape[0],), (shape[1],)),
        new_axis=[1, 2, 3],
        meta=np.empty((0, 0, 0, 0), dtype=np.float32),
    )
    factors = [bin_factor((height, width), shape) if how == "bin" else 1 for height, width in sizes.tolist()]
    dimensions = ("sample", "segment", "y", "x")
    return xr.Dataset(
        {
            "image": (dimensions, image, {"long_name": "pixels of the SHARP segments"}),
            "mask": (dimensions, ~da.isnan(image), {"long_name": "whether a pixel has a value"}),
        },
        coords={
            "segment": chosen,
            "row": ("sample", rows),
            "HARPNUM": ("sample", harps),
            "time": ("sample", utc_dates(times[rows])),
            "bin": ("sample", factors),
        },
    )


def _read(
    rows: npt.NDArray[np.int64],
    place: str,
    harps: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    channels: tuple[int, ...],
    shape: tuple[int, int],
    how: How,
) -> npt.NDArray[np.float32]:
    made = np.full((len(rows), len(channels), *shape), np.nan, dtype=np.float32)
    for number, row in enumerate(rows.tolist()):
        height, width = sizes[row].tolist()
        if height and width:
            made[number] = read_framed(place, int(harps[row]), int(indices[row]), (height, width), channels, shape, how)
    return made
