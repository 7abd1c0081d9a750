"""FITS files as bytes on disk: whether a file is whole."""

from __future__ import annotations

import os
import re
import time
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = [
    "BLOCK",
    "CARD",
    "NOT_OF_THE_RECORD",
    "card",
    "check_structure",
    "check_whole",
    "data_size",
    "has_keywords",
    "header_at",
    "is_whole",
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
_LONGEST_HEADER: Final = 400 * BLOCK

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

#: What is read at a time: both headers of most SHARP files.
_PIECE: Final = 8 * BLOCK


def check_whole(source: str | Path | bytes) -> None:
    """
    Check that a file is a structurally complete FITS file.

    It must begin as FITS, and the sizes that its headers tell must add up to its length, with data somewhere: SHARP
    images stand behind an empty primary HDU, which a file may end after that broke off. Pixels are not read; a bit
    that flipped in them is for the checksums to find. (astropy would open a truncated file with a mere warning, and
    takes more than ten times as long to tell the sizes.)

    Parameters
    ----------
    source : path-like or bytes
        The path of a file, or what it holds.

    Raises
    ------
    TransferError
        With what is wrong, as the end of a sentence that begins with the file's name.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> from sunpy_flarecast.errors import TransferError
    >>> from sunpy_flarecast.fits.structure import check_whole
    >>> try:
    ...     check_whole(b"<html>Please log in</html>")
    ... except TransferError as error:
    ...     print(error)
    is no FITS file
    """
    if isinstance(source, bytes):
        check_structure(len(source), lambda at, size: source[at : at + size])
        return
    descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def read(at: int, size: int) -> bytes:
        os.lseek(descriptor, at, os.SEEK_SET)
        return os.read(descriptor, size)

    try:
        check_structure(os.fstat(descriptor).st_size, read)
    finally:
        os.close(descriptor)


def is_whole(path: str | Path) -> bool:
    """
    Tell whether a file exists and is a structurally complete FITS file.

    A file that was found whole is read again only after it has changed, which sizes and times of the file tell.

    Parameters
    ----------
    path : path-like
        Any path.

    See Also
    --------
    check_whole
    """
    try:
        stat = os.stat(path)
        times = stat.st_mtime_ns, stat.st_ctime_ns
        if time.time_ns() - max(times) < _GRAIN:
            check_whole(path)  # it may change within the grain of these times
        else:
            _check_once(path, stat.st_ino, stat.st_size, *times)
    except (TransferError, OSError):
        return False
    return True


@lru_cache(maxsize=_REMEMBERED)
def _check_once(path: str | Path, *_version: int) -> None:
    check_whole(path)


def check_structure(length: int, read: Callable[[int, int], bytes]) -> None:
    """
    Check what can be read in pieces, as `check_whole` does.

    Parameters
    ----------
    length : int
        Bytes that there are.
    read : callable
        Gives so many bytes from a position on.

    Raises
    ------
    TransferError
        With what is wrong, as the end of a sentence that begins with the file's name.
    """
    if length == 0:
        raise TransferError("is empty")
    piece = read(0, _PIECE)
    if not piece.startswith(b"SIMPLE  ="):
        raise TransferError("is no FITS file")
    position = data = at = 0  # of the HDU, of all data, of what was read last
    while position < length:
        if position >= at + len(piece):
            piece, at = read(position, _PIECE), position
        header = header_at(piece[position - at :], position, read)
        size = data_size(header)
        position += len(header) + size
        data += size
    if position > length:
        raise TransferError(f"ends at byte {length:,} of {position:,}")
    if not data:
        raise TransferError("holds no data")


def header_at(begin: bytes, position: int, read: Callable[[int, int], bytes]) -> bytes:
    """Give a header, of which the begin was read, with its padding; it ends with the block that has the END card."""
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
        if len(begin) >= _LONGEST_HEADER:
            raise TransferError(f"has a header without end at byte {position:,}")
        more = read(position + len(begin), _PIECE)
        if not more:
            raise TransferError(f"ends within the header that begins at byte {position:,}")
        searched = max(0, len(begin) - CARD) // CARD * CARD
        begin += more


def data_size(header: bytes) -> int:
    """Compute the size of the data unit, padding included (FITS standard 4.0, sections 4.4.1 and 6.1)."""
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


@cache
def _key(name: str) -> bytes:
    return name.ljust(8).encode() + b"="


def card(header: bytes, key: bytes) -> bytes:
    """Find a card by its first nine letters, such as ``b"DATASUM ="``; empty if there is none."""
    at = header.find(key)
    while at >= 0 and at % CARD:
        at = header.find(key, at + 1)
    return header[at : at + CARD] if at >= 0 else b""


def has_keywords(header: bytes) -> bool:
    """
    Tell whether a header has the keywords of its record, or is bare, as files are stored at JSOC.

    Examples
    --------
    >>> from sunpy_flarecast.fits.structure import has_keywords
    >>> has_keywords(b"".join(text.ljust(80) for text in (b"HARPNUM =  377", b"T_REC   = '2011.02.15_02:00:00_TAI'")))
    True
    """
    return bool(card(header, b"HARPNUM =") and card(header, b"T_REC   ="))


def _integer(header: bytes, name: str, place: int, default: int | None = None) -> int:
    """Read an integer; ``place`` is where the standard puts its card, but not all writers keep to that."""
    key = _key(name)
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
