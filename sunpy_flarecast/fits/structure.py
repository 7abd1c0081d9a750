"""FITS files as bytes: the one reader of headers, which also tells whether a file is whole; DATASUM."""

from __future__ import annotations

import os
import re
import stat
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import numpy as np

from sunpy_flarecast.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    #: The path of a file, its content, or its descriptor.
    Source = str | os.PathLike[str] | bytes | int

    #: Reads so many bytes from a position on.
    _Read = Callable[[int, int], bytes]

__all__ = [
    "BLOCK",
    "CARD",
    "LONGEST_HEADER",
    "NOT_OF_THE_RECORD",
    "READ_ONLY",
    "Headers",
    "card",
    "check_datasums",
    "datasum",
    "has_keywords",
    "is_whole",
    "read_headers",
    "reading",
]

#: FITS files consist of blocks of this size (FITS standard 4.0, section 3.1), and headers of cards of 80 bytes.
BLOCK: Final = 2880
CARD: Final = 80

#: Cards that describe how a file is built, and those that differ between the segments of a record (header
#: generation 3 puts an underscore in front of some of them).
NOT_OF_THE_RECORD: Final = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|EXTNAME|EXTVER|PCOUNT|GCOUNT|TFIELDS|T(TYPE|FORM)\d+|END|BLANK|BZERO|BSCALE"
    r"|CHECKSUM|DATASUM|Z(IMAGE|SIMPLE|TENSION|EXTEND|PCOUNT|GCOUNT|BITPIX|CMPTYPE|MASKCMP|QUANTIZ|DITHER0|BLANK|SCALE"
    r"|ZERO|HECKSUM|DATASUM|(NAXIS|TILE|NAME|VAL)\d*)|COMMENT|HISTORY|CONTINUE|HIERARCH|DRMS_ID|"
    r"|_?(BUNIT|DATAMIN|DATAMAX|DATAMEDN|DATAMEAN|DATARMS|DATASKEW|DATAKURT|DATAVALS|MISSVALS|TOTVALS)"
)

#: No SHARP header comes near this; without a bound a wrong file would be read to its end in search of one.
LONGEST_HEADER: Final = 400 * BLOCK

#: Of how many files it is remembered that they are whole.
_REMEMBERED: Final = 1 << 15

#: Longer than the grain of the times that file systems keep (2 s on FAT), in nanoseconds.
_GRAIN: Final = 3_000_000_000

#: The beginning of headers of images and tables as they are nearly always written: each card at the place that the
#: standard gives it, and the value at the end of columns 11 to 30 (or else the next card would not follow there).
_IMAGE: Final = re.compile(
    rb"XTENSION=.{71}"
    rb"BITPIX  = ( *-?\d+)[ /].{49}"
    rb"NAXIS   = {20}2[ /].{49}"
    rb"NAXIS1  = ( *\d+)[ /].{49}"
    rb"NAXIS2  = ( *\d+)[ /].{49}"
    rb"PCOUNT  = ( *\d+)[ /].{49}"
    rb"GCOUNT  = {20}1[ /]",
    re.DOTALL,
)

#: How the empty primary HDU begins its third card.
_NO_AXES: Final = b"NAXIS   =                    0 "

#: What is read at a time: both headers of most SHARP files, and data to be added up.
_PIECE: Final = 8 * BLOCK
_SUMMED: Final = 400 * BLOCK

#: How files are opened, which may be pipes, for whose writers nobody waits.
READ_ONLY: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)

_T = TypeVar("_T")

_DATASUM: Final = re.compile(rb"DATASUM = *'? *(\d{1,10}) *['/ ]")


class Headers(NamedTuple):
    """
    What the headers of a whole file tell of its image.

    Parameters
    ----------
    primary : bytes
        The first header, with its padding.
    image : bytes
        The header of the first HDU that has data, into which keywords go.
    at : int
        Where that begins.
    """

    primary: bytes
    image: bytes
    at: int

    @property
    def end(self) -> int:
        """Where the data begin."""
        return self.at + len(self.image)

    @property
    def bare(self) -> bool:
        """Whether the file lacks the keywords of its record, as files are stored at JSOC."""
        return not has_keywords(self.image) and not has_keywords(self.primary)

    @property
    def keywords(self) -> bytes:
        """The header that holds the keywords of the record, if the file has them."""
        return self.primary if has_keywords(self.primary) and not has_keywords(self.image) else self.image


def read_headers(source: Source) -> Headers:
    """
    Read the headers of a FITS file, and check that it is structurally complete.

    It must begin as FITS, and the sizes that its headers tell must add up to its length, with data somewhere: SHARP
    images stand behind an empty primary HDU, after which a file may break off. Pixels are not read; `check_datasums`
    finds a bit that flipped in them.

    Parameters
    ----------
    source : path-like, bytes or int
        The path of a file, its content, or its descriptor.

    Raises
    ------
    TransferError
        With what is wrong, as the end of a sentence that begins with the file's name.

    Examples
    --------
    >>> from sunpy_flarecast.errors import TransferError
    >>> from sunpy_flarecast.fits.structure import read_headers
    >>> try:
    ...     read_headers(b"<html>Please log in</html>")
    ... except TransferError as error:
    ...     print(error)
    is no FITS file
    """
    return reading(source, _read_headers)


def _read_headers(length: int, read: _Read) -> Headers:
    primary = image = b""
    start = data = 0
    for at, header, size in _hdus(length, read):
        primary = primary or header
        if not data:
            image, start = header, at
        data += size
    if not data:
        raise TransferError("holds no data")
    return Headers(primary, image, start)


def is_whole(path: str | Path) -> bool:
    """
    Return whether a file exists and is a structurally complete FITS file.

    A file that was found whole is read again only after it has changed, which sizes and times of the file tell.
    """
    try:
        status = os.stat(path)
        times = status.st_mtime_ns, status.st_ctime_ns
        if time.time_ns() - max(times) < _GRAIN:
            read_headers(path)  # it may change within the grain of these times
        else:
            _check_once(path, status.st_ino, status.st_size, *times)
    except (TransferError, OSError):
        return False
    return True


@lru_cache(maxsize=_REMEMBERED)
def _check_once(path: str | Path, *_version: int) -> None:
    read_headers(path)


def check_datasums(source: Source) -> None:
    """
    Check DATASUM of all HDUs that have it (FITS standard 4.0, section 4.4.2.7).

    CHECKSUM is not judged: JSOC exported many files with a wrong one and a right DATASUM.

    Parameters
    ----------
    source : path-like, bytes or int
        The path of a whole file, its content, or its descriptor.

    Raises
    ------
    TransferError
        If one is wrong; the end of a sentence that begins with the file's name.
    """
    reading(source, _check_datasums)


def _check_datasums(length: int, read: _Read) -> None:
    for number, (at, header, size) in enumerate(_hdus(length, read)):
        told = _DATASUM.match(card(header, b"DATASUM ="))
        begin = at + len(header)
        pieces = (read(place, min(_SUMMED, begin + size - place)) for place in range(begin, begin + size, _SUMMED))
        if told and int(told[1]) != datasum(pieces):
            raise TransferError(f"has a wrong DATASUM in HDU {number}")


def datasum(pieces: Iterable[bytes]) -> int:
    r"""
    Return the DATASUM of a data unit, given in pieces of whole words: big-endian words of 32 bits, added with carry.

    Examples
    --------
    >>> from sunpy_flarecast.fits.structure import datasum
    >>> datasum([bytes([0, 0, 0, 1, 0, 0, 1, 0]), b"\xff\xff\xff\xff"])
    257
    """
    total = sum(int(np.frombuffer(piece, dtype=">u4").sum(dtype=np.uint64)) for piece in pieces)
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def reading(source: Source, work: Callable[[int, _Read], _T]) -> _T:
    """Call a function with the length of a file, which must be a regular one, and a function that reads from it."""
    if isinstance(source, bytes):
        return work(len(source), lambda at, size: source[at : at + size])
    descriptor = source if isinstance(source, int) else os.open(source, READ_ONLY)

    def read(at: int, size: int) -> bytes:
        os.lseek(descriptor, at, os.SEEK_SET)
        return os.read(descriptor, size)

    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise TransferError("is no regular file")
        return work(status.st_size, read)
    finally:
        if descriptor is not source:
            os.close(descriptor)


def _hdus(length: int, read: _Read) -> Iterator[tuple[int, bytes, int]]:
    """Yield for each HDU of a file where it begins, its header, and the size of its data."""
    if length == 0:
        raise TransferError("is empty")
    piece = read(0, _PIECE)
    if not piece.startswith(b"SIMPLE  ="):
        raise TransferError("is no FITS file")
    position = at = 0  # of the HDU, and of what was read last
    while position < length:
        if position >= at + len(piece):
            piece, at = read(position, _PIECE), position
        header = _header_at(piece[position - at :], position, read)
        size = _data_size(header)
        yield position, header, size
        position += len(header) + size
    if position > length:
        raise TransferError(f"ends at byte {length:,} of {position:,}")


def _header_at(begin: bytes, position: int, read: _Read) -> bytes:
    """Return the full header with its padding, given its first bytes; it ends with the block of the END card."""
    searched = 0
    while True:
        if len(begin) >= BLOCK and not begin.startswith(b"XTENSION=" if position else b"SIMPLE  ="):
            raise TransferError(f"has no FITS header at byte {position:,}")
        # Blanks, of which headers are full, would make the search for them slow.
        end = begin.find(b"END", searched)
        while end >= 0 and (end % CARD or not begin.startswith(b"END     ", end)):
            end = begin.find(b"END", end + 1)
        length = -(-(end + CARD) // BLOCK) * BLOCK if end >= 0 else 0
        if 0 < length <= len(begin):
            return begin[:length]
        if len(begin) >= LONGEST_HEADER:
            raise TransferError(f"has a header without end at byte {position:,}")
        more = read(position + len(begin), _PIECE)
        if not more:
            raise TransferError(f"ends within the header that begins at byte {position:,}")
        searched = max(0, len(begin) - CARD) // CARD * CARD
        begin += more


def _data_size(header: bytes) -> int:
    """Return the size of the data unit, padding included (FITS standard 4.0, sections 4.4.1 and 6.1)."""
    if header.startswith(_NO_AXES, 2 * CARD):
        return 0
    if usual := _IMAGE.match(header):
        bits, columns, rows, heap = map(int, usual.groups())
        return -(-(abs(bits) // 8 * (columns * rows + heap)) // BLOCK) * BLOCK
    count = _integer(header, "NAXIS", 2)
    axes = [_integer(header, f"NAXIS{number}", 2 + number) for number in range(1, count + 1)]
    if not axes:
        return 0
    pixels = 1
    random_groups = axes[0] == 0 and card(header, b"GROUPS  =")[10:30].strip() == b"T"
    for axis in axes[1:] if random_groups else axes:
        pixels *= axis
    parameters = _integer(header, "PCOUNT", 3 + count, 0)
    groups = _integer(header, "GCOUNT", 4 + count, 1)
    size = abs(_integer(header, "BITPIX", 1)) // 8 * groups * (parameters + pixels)
    return -(-size // BLOCK) * BLOCK


def card(header: bytes, key: bytes) -> bytes:
    """Find a card by its first nine letters, such as ``b"DATASUM ="``; empty if there is none."""
    name = key.rstrip(b" =")  # found six times as fast, since blanks and signs are everywhere
    at = header.find(name)
    while at >= 0 and (at % CARD or not header.startswith(key, at)):
        at = header.find(name, at + 1)
    return header[at : at + CARD] if at >= 0 else b""


def has_keywords(header: bytes) -> bool:
    """Return whether a header has the keywords of its record, or is bare, as files are stored at JSOC."""
    region = card(header, b"HARPNUM =") or card(header, b"TARPNUM =")
    return bool(region and card(header, b"T_REC   ="))


def _integer(header: bytes, name: str, place: int, default: int | None = None) -> int:
    """Read an integer; ``place`` is where the standard puts its card, but not all writers keep to that."""
    key = name.ljust(8).encode() + b"="
    at = place * CARD
    found = header[at : at + CARD] if header.startswith(key, at) else card(header, key)
    if not found and default is not None:
        return default
    try:
        value = int(found[10:].split(b"/", 1)[0])
    except ValueError:
        value = None
    if value is None or (value < 0 and name != "BITPIX"):
        raise TransferError(f"has a header without a valid {name}")
    return value
