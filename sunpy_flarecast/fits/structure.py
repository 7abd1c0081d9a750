"""FITS files as bytes: the reader of headers, which also checks that a file is complete."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from sunpy_flarecast.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    #: The path of a file, its content, or its descriptor.
    Source = str | os.PathLike[str] | bytes | int

    #: Reads a number of bytes from a position.
    Read = Callable[[int, int], bytes]

__all__ = [
    "BLOCK",
    "CARD",
    "LONGEST_HEADER",
    "NOT_OF_THE_RECORD",
    "READ_ONLY",
    "Headers",
    "card",
    "has_keywords",
    "hdus",
    "reach",
    "read_headers",
    "reading",
]

#: FITS files consist of blocks of this size (FITS standard 4.0, section 3.1), and headers of cards of 80 bytes.
BLOCK: Final = 2880
CARD: Final = 80

#: Cards that describe the structure of a file, and those that differ between the segments of a record (header
#: generation 3 puts an underscore before some of them).
NOT_OF_THE_RECORD: Final = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|EXTNAME|EXTVER|PCOUNT|GCOUNT|TFIELDS|T(TYPE|FORM)\d+|END|BLANK|BZERO|BSCALE"
    r"|CHECKSUM|DATASUM|Z(IMAGE|SIMPLE|TENSION|EXTEND|PCOUNT|GCOUNT|BITPIX|CMPTYPE|MASKCMP|QUANTIZ|DITHER0|BLANK|SCALE"
    r"|ZERO|HECKSUM|DATASUM|(NAXIS|TILE|NAME|VAL)\d*)|COMMENT|HISTORY|CONTINUE|HIERARCH|DRMS_ID|"
    r"|_?(BUNIT|DATAMIN|DATAMAX|DATAMEDN|DATAMEAN|DATARMS|DATASKEW|DATAKURT|DATAVALS|MISSVALS|TOTVALS)"
)

#: Much longer than any SHARP header; without a limit, other files would be read to their end in search of END.
LONGEST_HEADER: Final = 400 * BLOCK

#: The usual beginning of headers of images and tables: each card at the position that the standard gives it, and the
#: value at the end of columns 11 to 30 (otherwise the next card would not follow there).
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

#: Beginning of the third card of an empty primary HDU.
_NO_AXES: Final = b"NAXIS   =                    0 "

#: Bytes read at a time, which hold both headers of most SHARP files.
_PIECE: Final = 8 * BLOCK

#: Flags for opening files; opening a pipe does not wait for its writer.
READ_ONLY: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)

_T = TypeVar("_T")


class _CutError(TransferError):
    """A file is shorter than its headers say."""


class Headers(NamedTuple):
    """The headers of a complete file, with padding: the first one, and that of the image, which gets the keywords."""

    primary: bytes
    #: The header of the first HDU with data, and its position.
    image: bytes
    at: int

    @property
    def end(self) -> int:
        """Position of the data."""
        return self.at + len(self.image)

    @property
    def bare(self) -> bool:
        """Whether the file lacks the keywords of its record, like the files in JSOC's archive."""
        return not has_keywords(self.image) and not has_keywords(self.primary)

    @property
    def keywords(self) -> bytes:
        """The header that holds the keywords of the record, if the file has them."""
        return self.primary if has_keywords(self.primary) and not has_keywords(self.image) else self.image


def read_headers(source: Source) -> Headers:
    """
    Read the headers of a FITS file, and check that it is structurally complete.

    It must begin like a FITS file, the sizes in its headers must add up to its length, and it must hold data: most
    SHARP images come after an empty primary HDU, and a file may be truncated right after it. Pixels are not read;
    `check_datasums` finds changes in them. Raises `TransferError`, whose text continues a sentence that begins with
    the file's name.

    Examples
    --------
    >>> from sunpy_flarecast.errors import TransferError
    >>> from sunpy_flarecast.fits.structure import read_headers
    >>> try:
    ...     read_headers(b"<html>Please log in</html>")
    ... except TransferError as error:
    ...     print(error)
    is not a FITS file
    """
    return reading(source, _read_headers)


def _read_headers(length: int, read: Read) -> Headers:
    primary = image = b""
    start = data = 0
    for at, header, size in hdus(length, read):
        primary = primary or header
        if not data:
            image, start = header, at
        data += size
    if not data:
        raise TransferError("holds no data")
    return Headers(primary, image, start)


def reach(source: Source) -> int:
    """
    Return the largest possible length of a partially received file, according to the headers received so far.

    Further headers may increase it. Raises `TransferError` if it is not FITS.
    """
    return reading(source, _reach)


def _reach(length: int, read: Read) -> int:
    end = 0
    try:
        for at, header, size in hdus(length, read):
            end = at + len(header) + size
    except _CutError:
        pass
    return end if end >= length else length + _PIECE


def reading(source: Source, work: Callable[[int, Read], _T]) -> _T:
    """Call ``work`` with the length of a regular file, and a function that reads from it."""
    if isinstance(source, bytes):
        return work(len(source), lambda at, size: source[at : at + size])
    descriptor = source if isinstance(source, int) else os.open(source, READ_ONLY)

    def read(at: int, size: int) -> bytes:
        os.lseek(descriptor, at, os.SEEK_SET)
        return os.read(descriptor, size)

    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise TransferError("is not a regular file")
        return work(status.st_size, read)
    finally:
        if descriptor is not source:
            os.close(descriptor)


def hdus(length: int, read: Read) -> Iterator[tuple[int, bytes, int]]:
    """Yield the position of each HDU of a file, its header, and the size of its data."""
    if length == 0:
        raise TransferError("is empty")
    piece = read(0, _PIECE)
    if not piece.startswith(b"SIMPLE  ="):
        gzip = piece.startswith(b"\x1f\x8b")
        wrong = "is compressed with gzip, but its name does not end in .gz" if gzip else "is not a FITS file"
        raise TransferError(wrong)
    position = at = 0  # of the HDU, and of the last piece
    while position < length:
        if position >= at + len(piece):
            piece, at = read(position, _PIECE), position
        header = _header_at(piece[position - at :], position, read)
        size = _data_size(header)
        yield position, header, size
        position += len(header) + size
    if position > length:
        raise _CutError(f"ends at byte {length:,} of {position:,}")


def _header_at(begin: bytes, position: int, read: Read) -> bytes:
    """Return the full header with its padding, given its first bytes; it ends with the block of the END card."""
    searched = 0
    while True:
        if len(begin) >= BLOCK and not begin.startswith(b"XTENSION=" if position else b"SIMPLE  ="):
            raise TransferError(f"has no FITS header at byte {position:,}")
        # Without the blanks after END: headers are full of blanks, so they would slow down the search.
        end = begin.find(b"END", searched)
        while end >= 0 and (end % CARD or not begin.startswith(b"END     ", end)):
            end = begin.find(b"END", end + 1)
        length = -(-(end + CARD) // BLOCK) * BLOCK if end >= 0 else 0
        if 0 < length <= len(begin):
            return begin[:length]
        if len(begin) >= LONGEST_HEADER:
            raise TransferError(f"has a header without an END card at byte {position:,}")
        more = read(position + len(begin), _PIECE)
        if not more:
            raise _CutError(f"ends within the header that begins at byte {position:,}")
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
    """Return the card with these first nine characters, such as ``b"DATASUM ="``; empty if there is none."""
    name = key.rstrip(b" =")  # six times as fast, since blanks and equals signs are frequent
    at = header.find(name)
    while at >= 0 and (at % CARD or not header.startswith(key, at)):
        at = header.find(name, at + 1)
    return header[at : at + CARD] if at >= 0 else b""


def has_keywords(header: bytes) -> bool:
    """Return whether a header has the keywords of its record."""
    region = card(header, b"HARPNUM =") or card(header, b"TARPNUM =")
    return bool(region and card(header, b"T_REC   ="))


def _integer(header: bytes, name: str, place: int, default: int | None = None) -> int:
    """Read an integer; ``place`` is the standard's position of its card, which not all writers follow."""
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
