"""FITS checksums (FITS standard 4.0, section 4.4.2.7 and appendix J): sums of bytes, and how cards tell them."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

__all__ = ["NO_CHECKSUM", "added", "checksum_letters", "sum_of"]

#: What ``CHECKSUM`` holds while the sum is computed that goes into its place.
NO_CHECKSUM: Final = "0" * 16

#: Letters that a checksum must not have.
_EXCLUDED: Final = frozenset(b":;<=>?@[\\]^_`")


def added(*sums: int) -> int:
    """
    Add sums, carrying what overflows 32 bits around to the other end.

    Examples
    --------
    >>> from sunpy_flarecast.fits.checksum import added
    >>> added(0xFFFFFFFF, 2)
    2
    """
    total = sum(sums)
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def sum_of(data: bytes | bytearray | memoryview) -> int:
    """
    Add up big-endian words of 32 bits: what ``DATASUM`` tells of a data unit.

    Parameters
    ----------
    data : bytes-like
        Whole words.

    Examples
    --------
    >>> from sunpy_flarecast.fits.checksum import sum_of
    >>> sum_of(bytes([0, 0, 0, 1, 0, 0, 1, 0]))
    257
    """
    return added(int(np.frombuffer(data, dtype=">u4").sum(dtype=np.uint64)))


def checksum_letters(total: int) -> bytes:
    """
    Write the complement of the sum over an HDU in letters, which make the sum over the HDU -0.

    Parameters
    ----------
    total : int
        The sum, with `NO_CHECKSUM` in the place of the letters.

    Examples
    --------
    >>> from sunpy_flarecast.fits.checksum import checksum_letters
    >>> checksum_letters(0xFFFFFFFF)
    b'0000000000000000'
    """
    columns = [_letters(byte) for byte in (~total & 0xFFFFFFFF).to_bytes(4, "big")]
    result = b"".join(map(bytes, zip(*columns, strict=True)))
    return result[15:] + result[:15]


@cache
def _letters(byte: int) -> tuple[int, ...]:
    """Give four letters whose codes, less that of zero, add up to a byte."""
    letters = [byte // 4 + 48] * 4
    letters[0] += byte % 4
    while _EXCLUDED.intersection(letters):
        for low in (0, 2):
            if _EXCLUDED.intersection(letters[low : low + 2]):
                letters[low] += 1
                letters[low + 1] -= 1
    return tuple(letters)
