"""DATASUM of FITS files: computed, and compared with headers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from sunpy_flarecast.errors import TransferError

from .structure import BLOCK, card, hdus, reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .structure import Read, Source

__all__ = ["check_datasums", "datasum"]

#: Bytes of data that are summed at a time.
_SUMMED: Final = 400 * BLOCK

_DATASUM: Final = re.compile(rb"DATASUM = *'? *(\d{1,10}) *['/ ]")


def check_datasums(source: Source) -> None:
    """
    Check DATASUM of all HDUs that have it (FITS standard 4.0, section 4.4.2.7).

    CHECKSUM is ignored: JSOC exported many files with a wrong CHECKSUM and a correct DATASUM. Raises `TransferError`,
    whose text continues a sentence that begins with the file's name, if one is wrong.
    """
    reading(source, _check_datasums)


def _check_datasums(length: int, read: Read) -> None:
    for number, (at, header, size) in enumerate(hdus(length, read)):
        sent = _DATASUM.match(card(header, b"DATASUM ="))
        begin = at + len(header)
        pieces = (read(place, min(_SUMMED, begin + size - place)) for place in range(begin, begin + size, _SUMMED))
        if sent and int(sent[1]) != datasum(pieces):
            raise TransferError(f"has a wrong DATASUM in HDU {number}")


def datasum(pieces: Iterable[bytes]) -> int:
    """Return the DATASUM of data in pieces of whole words: the sum, with carry, of big-endian words of 32 bits."""
    total = sum(int(np.frombuffer(piece, dtype=">u4").sum(dtype=np.uint64)) for piece in pieces)
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total
