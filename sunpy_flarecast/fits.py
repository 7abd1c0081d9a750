"""FITS files as bytes on disk: whether a file is whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from .errors import TransferError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["check_whole", "is_whole"]

#: FITS files consist of blocks of this size (FITS standard 4.0, section 3.1), and headers of cards of 80 bytes.
BLOCK: Final = 2880
_CARD: Final = 80

#: No SHARP header comes near this; without a bound a wrong file would be read to its end in search of one.
_LONGEST_HEADER: Final = 400 * BLOCK


def check_whole(source: str | Path | BinaryIO) -> None:
    """
    Check that a file is a structurally complete FITS file.

    It must begin as FITS, and the sizes that its headers tell must add up to its length, with data somewhere: SHARP
    images stand behind an empty primary HDU, which a file may end after that broke off. Pixels are not read; a bit
    that flipped in them is for the checksums to find. (astropy would open a truncated file with a mere warning, and
    takes more than ten times as long to tell the sizes.)

    Parameters
    ----------
    source : path-like or binary file
        A file, or its path.

    Raises
    ------
    TransferError
        With what is wrong, as the end of a sentence that begins with the file's name.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sunpy_flarecast.errors import TransferError
    >>> from sunpy_flarecast.fits import check_whole
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "page.fits")
    ...     _ = path.write_text("<html>Please log in</html>")
    ...     try:
    ...         check_whole(path)
    ...     except TransferError as error:
    ...         print(error)
    is no FITS file
    """
    if isinstance(source, str | os.PathLike):
        # A buffer as large as the headers are: two or three reads tell all.
        with open(source, "rb", buffering=16 * BLOCK) as file:
            check_whole(file)
        return
    length = source.seek(0, os.SEEK_END)
    source.seek(0)
    if length == 0:
        raise TransferError("is empty")
    if source.read(9) != b"SIMPLE  =":
        raise TransferError("is no FITS file")
    position = data = 0
    while position < length:
        source.seek(position)
        header = _read_header(source, position)
        size = _data_size(header)
        position += len(header) + size
        data += size
    if position > length:
        raise TransferError(f"ends at byte {length:,} of {position:,}")
    if not data:
        raise TransferError("holds no data")


def is_whole(path: str | Path) -> bool:
    """
    Tell whether a file exists and is a structurally complete FITS file.

    Parameters
    ----------
    path : path-like
        Any path.

    See Also
    --------
    check_whole
    """
    try:
        check_whole(path)
    except (TransferError, OSError):
        return False
    return True


def _read_header(file: BinaryIO, position: int) -> bytes:
    """Read a header with its padding; it ends with the block that has the END card."""
    header = bytearray()
    mark = b"XTENSION=" if position else b"SIMPLE  ="
    while len(header) < _LONGEST_HEADER:
        block = file.read(BLOCK)
        if len(block) < BLOCK:
            raise TransferError(f"ends within the header that begins at byte {position:,}")
        begin = len(header)
        header += block
        if not header.startswith(mark):
            raise TransferError(f"has no FITS header at byte {position:,}")
        at = header.find(b"END     ", begin)
        while at >= 0:
            if at % _CARD == 0:
                return bytes(header)
            at = header.find(b"END     ", at + 1)
    raise TransferError(f"has a header without end at byte {position:,}")


def _data_size(header: bytes) -> int:
    """Compute the size of the data unit, padding included (FITS standard 4.0, sections 4.4.1 and 6.1)."""
    axes = [_integer(header, f"NAXIS{number}") for number in range(1, _integer(header, "NAXIS") + 1)]
    if not axes:
        return 0
    pixels = 1
    random_groups = axes[0] == 0 and _card(header, "GROUPS")[10:30].strip() == b"T"
    for axis in axes[1:] if random_groups else axes:
        pixels *= axis
    count, groups = _integer(header, "PCOUNT", 0), _integer(header, "GCOUNT", 1)
    size = abs(_integer(header, "BITPIX")) // 8 * groups * (count + pixels)
    return -(-size // BLOCK) * BLOCK


def _card(header: bytes, name: str) -> bytes:
    key = name.ljust(8).encode() + b"="
    at = header.find(key)
    while at >= 0 and at % _CARD:
        at = header.find(key, at + 1)
    return header[at : at + _CARD] if at >= 0 else b""


def _integer(header: bytes, name: str, default: int | None = None) -> int:
    card = _card(header, name)
    if not card and default is not None:
        return default
    try:
        value = int(card[10:].split(b"/")[0])
    except ValueError:
        value = None
    if value is None or (value < 0 and name != "BITPIX"):
        raise TransferError(f"has a header without a valid {name}")
    return value
