"""Read the image of a FITS file as stored: integers with their scaling, which compress better than floats."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from sunpy_flarecast.errors import FileError, TransferError
from sunpy_flarecast.fits.datasum import check_datasums
from sunpy_flarecast.fits.structure import BLOCK, CARD, NOT_OF_THE_RECORD, read_headers
from sunpy_flarecast.utils.reports import first_line

from .encoding import default_fill, float_type
from .model import Encoding

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from sunpy_flarecast.fits.structure import Headers

__all__ = ["Image", "read_image"]

#: Cards that do not affect decoding.
_COMMENTARY: Final = frozenset({"", "END", "COMMENT", "HISTORY", "CONTINUE", "HIERARCH"})
_TABLE: Final = re.compile(r"THEAP|T(SCAL|ZERO|NULL|DIM)\d+")

#: Whole numbers below this are exact as float32.
_WHOLE: Final = 2**23


class Image(NamedTuple):
    """The image of a file: ``pixels`` as stored (rows from the bottom), and the file's headers and digest."""

    pixels: npt.NDArray[Any]
    encoding: Encoding
    headers: Headers
    sha256: str


def read_image(path: Path) -> Image:
    """
    Read the image of a FITS file.

    Scaled integers are not converted: ``pixels * scale + offset``, with NaN for ``fill``, equals astropy's values. For
    images of floats, and where integers cannot reproduce astropy's values, the pixels are those values. Integers cannot
    reproduce them if they have 16 bits and a scale, since astropy converts these to float32, or if they use every
    value, so that none is left for missing pixels. Raises a `FileError`, which continues a sentence that begins with
    the name of the file, if the file is missing or damaged, or has no image.
    """
    try:
        data = path.read_bytes()
        headers = read_headers(data)
        check_datasums(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels, encoding = _decode(_structure(data, headers))
    except OSError as error:
        raise FileError(f"cannot be read ({error.strerror or error})") from error
    except TransferError as error:
        raise FileError(str(error)) from error
    except (FileError, MemoryError):
        raise
    except Exception as error:  # damaged tiles raise any type
        raise FileError(f"cannot be decoded ({first_line(error)})") from error
    return Image(pixels, encoding, headers, hashlib.sha256(data).hexdigest())


def _structure(data: bytes, headers: Headers) -> bytes:
    """Return the file without the cards of the record: about 200 that astropy would convert to objects."""
    cards = (headers.image[at : at + CARD] for at in range(0, len(headers.image), CARD))
    kept = b"".join(card for card in cards if _is_structure(card[:8].decode("latin-1").rstrip())) + b"END".ljust(CARD)
    padding = b" " * (-len(kept) % BLOCK)
    return b"".join((data[: headers.at], kept, padding, data[headers.end :]))


@lru_cache(1024)
def _is_structure(name: str) -> bool:
    return name not in _COMMENTARY and bool(NOT_OF_THE_RECORD.fullmatch(name) or _TABLE.fullmatch(name))


class _Stored(NamedTuple):
    """Pixels in native byte order, and their storage keywords."""

    pixels: npt.NDArray[Any]
    bits: int
    scale: float
    offset: float
    blank: Any


def _decode(data: bytes) -> tuple[npt.NDArray[Any], Encoding]:
    raw, bits, scale, offset, blank = _read(data, scaled=False)
    if bits < 0:
        return _read(data, scaled=True).pixels, Encoding("float32" if bits == -32 else "float64")
    limits = np.iinfo(raw.dtype)
    exact = raw.itemsize >= 4 or (scale == 1 and offset.is_integer() and abs(offset) < _WHOLE)
    fill = blank if type(blank) is int and limits.min <= blank <= limits.max else None
    if fill is None:
        fill = default_fill(raw.dtype)
        exact = exact and not (raw == fill).any()
    if exact:
        return raw, Encoding(raw.dtype.name, scale, offset, fill)
    kind = float_type(Encoding(raw.dtype.name))
    return _read(data, scaled=True).pixels.astype(kind), Encoding(kind)


def _read(data: bytes, *, scaled: bool) -> _Stored:
    """Read the first image with two axes."""
    from astropy.io import fits  # slow to import

    with fits.open(io.BytesIO(data), do_not_scale_image_data=not scaled) as hdus:
        image = next((hdu for hdu in hdus if hdu.is_image and hdu.header["NAXIS"] == 2), None)
        if image is None:
            raise FileError("has no image with two axes")
        header = image.header  # read before the pixels: astropy then removes the scaling from the header
        stored = (header["BITPIX"], float(header.get("BSCALE", 1)), float(header.get("BZERO", 0)), header.get("BLANK"))
        pixels = image.data
        return _Stored(pixels.astype(pixels.dtype.newbyteorder("="), copy=False), *stored)
