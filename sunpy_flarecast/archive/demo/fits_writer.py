"""FITS files in memory with the layout of JSOC's SHARPs, reproducible byte for byte."""

from __future__ import annotations

import struct
from io import BytesIO
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from astropy.io import fits

from sunpy_flarecast.fits.cards import comment_of, write_card, write_cards
from sunpy_flarecast.fits.datasum import datasum
from sunpy_flarecast.fits.structure import BLOCK, CARD
from sunpy_flarecast.sharp.catalog import all_keywords

try:
    # Private, so other versions of astropy may lack it, but ten times as fast as CompImageHDU with its headers.
    from astropy.io.fits.hdu.compressed._codecs import Rice1
except ImportError:  # pragma: no cover
    Rice1 = None

if TYPE_CHECKING:
    from .images import Storage

__all__ = ["fits_bytes", "image_cards", "record_cards"]

#: Comments of every full header.
_NOTES: Final = (
    "SYNTHETIC DATA made by sunpy_flarecast.archive.DemoArchive.",
    "This is a model, not an observation: do not use it for science.",
)

_PRIMARY: Final = """\
SIMPLE  =                    T / conforms to FITS standard
BITPIX  =                    8 / array data type
NAXIS   =                    0 / number of array dimensions
EXTEND  =                    T
"""
_IMAGE: Final = """\
SIMPLE  =                    T / conforms to FITS standard
BITPIX  =                    8 / array data type
NAXIS   =                    2 / number of array dimensions
NAXIS1  = {columns:20}
NAXIS2  = {rows:20}
EXTEND  =                    T
"""
_TABLE: Final = """\
XTENSION= 'BINTABLE'           / binary table extension
BITPIX  =                    8 / array data type
NAXIS   =                    2 / number of array dimensions
NAXIS1  =                    8 / width of table in bytes
NAXIS2  = {rows:20} / number of rows in table
PCOUNT  = {heap:20} / number of group parameters
GCOUNT  =                    1 / number of groups
TFIELDS =                    1 / number of fields in each row
TTYPE1  = 'COMPRESSED_DATA'
TFORM1  = {form:20}
ZIMAGE  =                    T / extension contains compressed image
ZTENSION= 'IMAGE   '           / Image extension
ZBITPIX = {bits:20} / array data type
ZNAXIS  =                    2 / number of array dimensions
ZNAXIS1 = {columns:20}
ZNAXIS2 = {rows:20}
ZPCOUNT =                    0 / number of parameters
ZGCOUNT =                    1 / number of groups
ZTILE1  = {columns:20} / size of tiles to be compressed
ZTILE2  =                    1 / size of tiles to be compressed
ZCMPTYPE= 'RICE_1  '           / compression algorithm
ZNAME1  = 'BLOCKSIZE'          / compression block size
ZVAL1   =                   32 / pixels per block
ZNAME2  = 'BYTEPIX '           / bytes per pixel (1, 2, 4, or 8)
ZVAL2   = {bytes:20} / bytes per pixel (1, 2, 4, or 8)
EXTNAME = 'COMPRESSED_IMAGE'   / name of this binary table extension
"""


def record_cards(keywords: dict[str, Any]) -> str:
    """Write the cards shared by the full headers of all segments of a record, from its keywords by DRMS name."""
    values = {keyword.name: keywords[keyword.name] for keyword in all_keywords() if keyword.name in keywords}
    text = write_cards(values | {"date__obs": keywords["date__obs"][:23]}).text  # FITS does not allow the letter Z
    if keywords["noaa_ars"] == "MISSING":  # as at JSOC; other writers omit the card
        text += write_card("NOAA_ARS", "MISSING", comment_of("NOAA_ARS"))
    return text + write_card("RECNUM", keywords["recnum"], comment_of("RECNUM"))


def image_cards(stored: Any, storage: Storage, unit: str, drms_id: str) -> str:
    """Write the cards of one segment in full headers: statistics of the pixels, unit, and DRMS_ID."""
    valid = stored if storage.blank is None else stored[stored != storage.blank]
    values: dict[str, tuple[Any, str]] = {"BUNIT": (unit, "physical unit")} if unit else {}
    values["DATAVALS"] = valid.size, "pixels with a value"
    values["MISSVALS"] = stored.size - valid.size, "pixels without a value"
    if valid.size:
        values["DATAMIN"] = int(valid.min()) * storage.scale + storage.zero, "minimum value"
        values["DATAMAX"] = int(valid.max()) * storage.scale + storage.zero, "maximum value"
        values["DATAMEDN"] = float(np.median(valid)) * storage.scale + storage.zero, "median value"
        values["DATAMEAN"] = float(valid.mean(dtype=np.float64)) * storage.scale + storage.zero, "mean value"
        values["DATARMS"] = float(valid.std(dtype=np.float64)) * storage.scale, "standard deviation"
    values["DRMS_ID"] = drms_id, "DRMS ID"
    cards = [write_card(name, value, comment) for name, (value, comment) in values.items()]
    return "".join(cards) + "".join(f"COMMENT {note}".ljust(CARD) for note in _NOTES)


def fits_bytes(stored: Any, storage: Storage, cards: str, written: str) -> bytes:
    """
    Write an 8-bit image as an uncompressed primary HDU, others as a RICE_1 extension with one tile per row.

    `cards` are those of a full header; without them the header is that of an as-is export. `written` is the time in the
    comment of ``DATASUM``.
    """
    rows, columns = stored.shape
    if storage.bits == 8:
        return _unit(_IMAGE.format(rows=rows, columns=columns), cards, stored.tobytes(), written)
    data, longest = _compressed(stored)
    form = f"'{f'1PB({longest})':8}'"
    head = _TABLE.format(
        rows=rows, columns=columns, heap=len(data) - 8 * rows, form=form, bits=storage.bits, bytes=storage.bits // 8
    )
    scaling: dict[str, float] = {} if storage.blank is None else {"BLANK": storage.blank}
    if storage.bits == 32:
        scaling |= {"BZERO": storage.zero, "BSCALE": storage.scale}
    cards = "".join(write_card(name, value, "") for name, value in scaling.items()) + cards
    return _unit(_PRIMARY, "", b"", written) + _unit(head, cards, data, written)


def _compressed(stored: Any) -> tuple[bytes, int]:
    """Compress an image into a table and its heap, as CompImageHDU does; return the length of the longest row, too."""
    rows, columns = stored.shape
    if Rice1 is None:
        buffer = BytesIO()
        image = fits.CompImageHDU(stored, compression_type="RICE_1", tile_shape=(1, columns))
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(buffer)
        buffer.seek(0)
        with fits.open(buffer, disable_image_compression=True) as hdus:
            header, begin = hdus[1].header, hdus[1].fileinfo()["datLoc"]
            data = buffer.getvalue()[begin : begin + 8 * rows + header["PCOUNT"]]
            return data, int(header["TFORM1"][4:-1])
    codec = Rice1(blocksize=32, bytepix=stored.itemsize, tilesize=columns)
    pieces = [codec.encode(row) for row in stored]
    lengths = [len(piece) for piece in pieces]
    places = accumulate(lengths, initial=0)
    table = b"".join(struct.pack(">ii", *pair) for pair in zip(lengths, places, strict=False))
    return table + b"".join(pieces), max(lengths)


def _unit(head: str, cards: str, data: bytes, written: str) -> bytes:
    """Join header and data unit of an HDU."""
    data += bytes(-len(data) % BLOCK)
    text = "".join(line.ljust(CARD) for line in head.splitlines()) + cards
    text += write_card("DATASUM", str(datasum([data])), f"data unit checksum updated {written}") + "END".ljust(CARD)
    return text.ljust(-(-len(text) // BLOCK) * BLOCK).encode("ascii") + data
