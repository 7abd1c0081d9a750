"""Encodings of images: the integers of FITS files, 16-bit integers in steps of 1 G, or means of n × n pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sunpy_flarecast.errors import FileError, QueryError
from sunpy_flarecast.sharp.catalog import find_series

from .framing import binned
from .model import Encoding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from .model import ImageSettings

__all__ = [
    "check_encoding",
    "common",
    "decode",
    "default_fill",
    "fill_value",
    "float_type",
    "recode",
    "to_kind",
]

_FILL: Final = -(2**15)
_INT16: Final = Encoding("int16", 1.0, 0.0, _FILL)
_LIMIT: Final = 2**15 - 1

_FIELD: Final = frozenset({"Mx/cm^2", "Gauss", "G"})
_CODES: Final = frozenset({"bitmap", "disambig", "conf_disambig", "info_map", "confid_map"})


def check_encoding(series: str, segments: Sequence[str], images: ImageSettings) -> None:
    """
    Check that an encoding suits the segments of a data set.

    Raises
    ------
    QueryError
        If ``"int16"``, which stores whole gauss, is used for segments that are not a field, or ``"binned"`` for codes,
        whose mean is meaningless.

    Examples
    --------
    >>> from sunpy_flarecast.dataset.encoding import check_encoding
    >>> from sunpy_flarecast.dataset.model import ImageSettings
    >>> check_encoding("hmi.sharp_cea_720s", ("Br", "bitmap"), ImageSettings(encoding="binned", bin=4))
    Traceback (most recent call last):
    ...
    sunpy_flarecast.errors.QueryError: encoding='binned' (--encoding) averages pixels, which is meaningless ...
    """
    known = find_series(series)
    if images.encoding == "int16":
        found = {name: known.segment(name) if known else None for name in segments}
        if other := [name for name, segment in found.items() if segment is not None and segment.unit not in _FIELD]:
            raise QueryError(
                f"encoding='int16' (--encoding) stores whole gauss, but {other[0]} is not a field in gauss. Leave out "
                "this segment, or use 'lossless'."
            )
    elif images.encoding == "binned" and (codes := [name for name in segments if name in _CODES]):
        raise QueryError(
            f"encoding='binned' (--encoding) averages pixels, which is meaningless for codes such as {codes[0]}. Leave "
            "out this segment, or use 'lossless'."
        )


def default_fill(dtype: npt.DTypeLike) -> int:
    """Return the integer for missing pixels in files without BLANK: the one farthest from valid values."""
    limits = np.iinfo(dtype)
    return int(limits.min or limits.max)


def float_type(encoding: Encoding) -> str:
    """Return the float type that astropy converts pixels to."""
    dtype = np.dtype(encoding.dtype)
    return "float32" if dtype.itemsize <= (4 if dtype.kind == "f" else 2) else "float64"


def common(encodings: Iterable[Encoding]) -> Encoding:
    """Return an encoding for images of several encodings: their own if they agree, otherwise floats."""
    first, *others = set(encodings)
    return Encoding(max(map(float_type, (first, *others)))) if others else first


def decode(pixels: npt.NDArray[Any], encoding: Encoding, dtype: str = "") -> npt.NDArray[Any]:
    """Convert stored pixels to floats, NaN where missing; same steps and values as astropy."""
    kind = np.dtype(dtype or float_type(encoding))
    if encoding.fill is None:
        return pixels.astype(kind, copy=False)
    values: npt.NDArray[Any] = pixels.astype(float_type(encoding))
    if encoding.scale != 1:
        values *= encoding.scale
    if encoding.offset != 0:
        values += encoding.offset
    values[pixels == encoding.fill] = np.nan
    return values.astype(kind, copy=False)


def fill_value(encoding: Encoding) -> float:
    """Return the stored value of a missing pixel."""
    return np.nan if encoding.fill is None else encoding.fill


def recode(
    pixels: npt.NDArray[Any], encoding: Encoding, to: Encoding, shape: tuple[int, int] | None = None
) -> npt.NDArray[Any]:
    """
    Convert pixels to the encoding that `common` chose, and pad them at the top and the right.

    The last two axes are y and x.
    """
    if encoding != to:
        pixels = decode(pixels, encoding, to.dtype)
    rows, columns = pixels.shape[-2:]
    if shape is None or shape == (rows, columns):
        return pixels
    padded = np.full((*pixels.shape[:-2], *shape), fill_value(to), to.dtype)
    padded[..., :rows, :columns] = pixels
    return padded


def to_kind(pixels: npt.NDArray[Any], encoding: Encoding, images: ImageSettings) -> tuple[npt.NDArray[Any], Encoding]:
    """
    Convert the image of a file to the encoding of a data set.

    ``"int16"`` rounds to whole gauss and raises a `FileError`, which continues a sentence that begins with the name of
    the file, for values beyond ±32,767. ``"binned"`` averages ``bin`` × ``bin`` pixels from the lower left corner as
    float32, ignoring missing pixels; the mean is NaN where all are missing. If the size is not a multiple of ``bin``,
    the last rows and columns are means of fewer pixels.
    """
    if images.encoding == "lossless":
        return pixels, encoding
    values = decode(pixels, encoding)
    if images.encoding == "binned":
        return binned(values, images.bin).astype("float32"), Encoding("float32")
    missing = np.isnan(values)
    values = np.where(missing, 0, np.rint(values))
    if values.size and np.abs(values).max() > _LIMIT:
        raise FileError(f"has values beyond ±{_LIMIT:,}, which the encoding 'int16' cannot store")
    return np.where(missing, _FILL, values).astype(np.int16), _INT16
