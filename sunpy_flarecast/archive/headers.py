"""FITS headers of SHARP files as keywords, whichever generation wrote them; of a file only its headers are read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from astropy.io.fits import Header, VerifyError

from sunpy_flarecast.catalog import find_keyword
from sunpy_flarecast.fits import NOT_OF_THE_RECORD
from sunpy_flarecast.metadata import MISSING_TEXT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BLOCK", "card", "is_full", "keywords_of", "read_header"]

#: FITS files consist of blocks of this many bytes.
BLOCK: Final = 2880

#: Blocks of the longest header that is read; those of SHARP files have up to 8.
_MOST_BLOCKS: Final = 400

_CARD: Final = 80

#: Bytes that a header may not hold, which would make astropy warn.
_TO_PRINTABLE: Final = bytes(byte if 0x20 <= byte < 0x7F else 0x3F for byte in range(256))

_LARGEST: Final = 2**63


def read_header(path: Path) -> Header:
    """
    Read the header of a SHARP file that holds its keywords.

    That is the first one, or, where the image is tile-compressed, that of the first extension.

    Parameters
    ----------
    path : `pathlib.Path`
        A FITS file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no FITS file.
    """
    with path.open("rb") as file:
        primary = _next_header(file, b"SIMPLE  =")
        if card(primary, "NAXIS") != 0:
            return primary
        try:
            extension = _next_header(file, b"XTENSION=")
        except ValueError:
            return primary
    return primary if is_full(primary) and not is_full(extension) else extension


def _next_header(file: BinaryIO, begin: bytes) -> Header:
    """Read the header at the file's position; by hand, since astropy warns and reads on where there is none."""
    text = b""
    for _ in range(_MOST_BLOCKS):
        block = file.read(BLOCK)
        if len(block) < BLOCK or not (text or block.startswith(begin)):
            break
        text += block.translate(_TO_PRINTABLE)
        if any(block.startswith(b"END     ", start) for start in range(0, BLOCK, _CARD)):
            return Header.fromstring(text)
    raise ValueError("It has no FITS header")


def card(header: Header, name: str) -> Any:
    """
    Give the value of a card; None if it is missing, or not written as FITS demands.

    Examples
    --------
    >>> from astropy.io.fits import Header
    >>> from sunpy_flarecast.archive.headers import card
    >>> card(Header.fromstring(f"{'R_VALUE = nan':80}"), "R_VALUE") is None
    True
    """
    try:
        return _plain(header[name])
    except (KeyError, VerifyError):
        return None


def is_full(header: Header) -> bool:
    """Whether a header has the keywords of the record, or is bare, as files are stored at JSOC."""
    return "HARPNUM" in header and "T_REC" in header


def keywords_of(header: Header) -> dict[str, Any]:
    """
    Give the keywords of a record by their DRMS names in lower case, as JSON has them.

    Cards that are about the file or the segment are left out.

    Parameters
    ----------
    header : `astropy.io.fits.Header`
        A header of a SHARP file, of any generation.

    Examples
    --------
    >>> from astropy.io.fits import Header
    >>> from sunpy_flarecast.archive.headers import keywords_of
    >>> keywords_of(Header({"NAXIS": 2, "DATE-OBS": "2011-02-15T01:58:12.30", "HARPNUM": 377, "R_VALUE": "nan"}))
    {'date__obs': '2011-02-15T01:58:12.30', 'harpnum': 377, 'r_value': None}
    """
    names = dict.fromkeys(name for name in header if NOT_OF_THE_RECORD.fullmatch(name) is None)
    return {_drms_name(name): card(header, name) for name in names}


def _drms_name(name: str) -> str:
    """Give the DRMS name of a card; FITS names are shorter, and some are cut."""
    known = find_keyword(name)
    return known.name if known else name.lower().replace("-", "__")


def _plain(value: object) -> str | int | float | bool | None:
    if isinstance(value, str):
        text = value.strip()
        return None if text.lower() in MISSING_TEXT else text
    if isinstance(value, int):
        return value if -_LARGEST <= value < _LARGEST else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return None  # astropy's Undefined: the card is empty
