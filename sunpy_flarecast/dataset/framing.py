"""Bring images to one shape by cropping or padding around the centre, or by binning."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sunpy_flarecast.errors import QueryError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["How", "bin_factor", "binned", "centred", "check_shape", "framed"]

#: How images are brought to one shape.
How = Literal["crop", "bin"]


def check_shape(shape: Any, how: str) -> tuple[int, int]:
    """Return a valid shape as rows and columns."""
    if how not in ("crop", "bin"):
        raise QueryError(
            f"how={how!r} is invalid. Use 'crop' to crop or pad around the centre, or 'bin' to average pixels."
        )
    try:
        rows, columns = (operator.index(size) for size in shape)
    except (TypeError, ValueError):
        rows = columns = 0
    if rows < 1 or columns < 1:
        raise QueryError(f"shape={shape!r} is invalid. Give the numbers of rows and columns, such as (256, 512).")
    return rows, columns


def centred(size: int, wanted: int) -> tuple[slice, slice]:
    """Return the slices of an axis to copy from and to, so that the centres agree."""
    used = min(size, wanted)
    here, there = (size - used) // 2, (wanted - used) // 2
    return slice(here, here + used), slice(there, there + used)


def framed(image: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[Any]:
    """Crop or pad (with NaN) the last two axes around the centre."""
    if image.shape[-2:] == shape:
        return image
    rows, columns = (centred(size, wanted) for size, wanted in zip(image.shape[-2:], shape, strict=True))
    made = np.full((*image.shape[:-2], *shape), np.nan, dtype=image.dtype)
    made[..., rows[1], columns[1]] = image[..., rows[0], columns[0]]
    return made


def bin_factor(size: tuple[int, int], shape: tuple[int, int]) -> int:
    """Return the smallest binning factor with which an image fits into a shape."""
    return max(1, *(-(-pixels // most) for pixels, most in zip(size, shape, strict=True)))


def binned(image: npt.NDArray[Any], factor: int) -> npt.NDArray[Any]:
    """Average squares of pixels, ignoring NaN; squares at the upper and right edges may be incomplete."""
    if factor == 1:
        return image
    whole = tuple(-(-size // factor) * factor for size in image.shape[-2:])
    padded = np.full((*image.shape[:-2], *whole), np.nan, dtype=image.dtype)
    padded[..., : image.shape[-2], : image.shape[-1]] = image
    blocks = padded.reshape(*image.shape[:-2], whole[0] // factor, factor, whole[1] // factor, factor)
    there = ~np.isnan(blocks)
    count = there.sum(axis=(-3, -1))
    total = np.where(there, blocks, 0).sum(axis=(-3, -1), dtype=np.float64)
    with np.errstate(invalid="ignore"):  # squares without a valid pixel become NaN
        return np.asarray(total / count, dtype=image.dtype)
