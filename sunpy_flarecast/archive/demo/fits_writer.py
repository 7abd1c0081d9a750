"""FITS files in memory, laid out as JSOC lays out SHARPs, and the same bytes whenever they are made."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from astropy.io import fits

from sunpy_flarecast.fits.structure import datasum

from .cards import cards

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .images import Storage

__all__ = ["card_text", "fits_bytes", "header_cards", "statistics"]

#: Said in every full header.
_NOTES: Final = (
    "SYNTHETIC DATA made by sunpy_flarecast.archive.demo.archive.DemoArchive.",
    "This is a model, not an observation: do not use it for science.",
)
_BLOCK: Final = 2880

_CardTuple = tuple[str, Any, str]


def header_cards(keywords: Mapping[str, Any]) -> list[_CardTuple]:
    """
    Turn keywords into the cards of a full header.

    Parameters
    ----------
    keywords : mapping
        By DRMS names in lower case. Those that are None are left out.

    Returns
    -------
    list of tuple
        Keyword, value and comment.

    Examples
    --------
    >>> from sunpy_flarecast.archive.demo.fits_writer import header_cards
    >>> header_cards({"harpnum": 377, "gwill": None})
    [('HARPNUM', 377, 'HARP number')]
    """
    result: list[_CardTuple] = []
    for card in cards():
        value = keywords.get(card.drms)
        if value is None:
            continue
        if card.drms == "date__obs":
            value = value.removesuffix("Z")[:23]  # FITS has no letter for UTC
        # A card has 80 letters, of which name, value and separators leave this many; astropy warns of longer notes.
        room = 67 - max(20, len(value.replace("'", "''")) + 2 if isinstance(value, str) else 0)
        result.append((card.fits, value, card.comment[: max(room, 0)]))
    return result


def statistics(stored: Any, how: Storage) -> list[_CardTuple]:
    """
    Describe the pixels of one segment.

    Parameters
    ----------
    stored : ndarray of int
        The integers in the file.
    how : Storage
        How they stand for values.

    Returns
    -------
    list of tuple
        Keyword, value and comment.
    """
    valid = stored if how.blank is None else stored[stored != how.blank]
    result: list[_CardTuple] = [
        ("DATAVALS", int(valid.size), "pixels with a value"),
        ("MISSVALS", int(stored.size - valid.size), "pixels without a value"),
    ]
    if valid.size:
        values = valid * how.scale + how.zero
        result += [
            ("DATAMIN", float(values.min()), "least value"),
            ("DATAMAX", float(values.max()), "greatest value"),
            ("DATAMEDN", float(np.median(values)), "median value"),
            ("DATAMEAN", float(values.mean()), "mean value"),
            ("DATARMS", float(values.std()), "standard deviation"),
        ]
    return result


def card_text(cards: Iterable[_CardTuple]) -> str:
    """
    Write cards as a header has them.

    Parameters
    ----------
    cards : iterable of tuple
        Keyword, value and comment.

    Returns
    -------
    str
        80 letters for each.

    Examples
    --------
    >>> from sunpy_flarecast.archive.demo.fits_writer import card_text
    >>> card_text([("HARPNUM", 377, "HARP number")]).rstrip()
    'HARPNUM =                  377 / HARP number'
    """
    return "".join(str(fits.Card(*card)) for card in cards)


def fits_bytes(stored: Any, how: Storage, more: str, when: str) -> bytes:
    """
    Write an image.

    Parameters
    ----------
    stored : ndarray of int
        The integers to store.
    how : Storage
        8 bits go into an uncompressed primary HDU, others into a RICE_1 compressed extension, a tile for each row.
    more : str
        Cards for a full header; empty for a bare one, as JSOC stores files in its own archive.
    when : str
        What the comment of ``DATASUM`` says in place of the present time, which would make the bytes others at every
        call.

    Returns
    -------
    bytes
        The file. Its data unit does not depend on `more`.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_flarecast.archive.demo.fits_writer import fits_bytes
    >>> from sunpy_flarecast.archive.demo.images import storage
    >>> len(fits_bytes(np.zeros((2, 3), dtype=np.uint8), storage("bitmap"), "", "2015-12-11"))
    5760
    """
    if more:
        more += card_text(("COMMENT", note, "") for note in _NOTES)
    buffer = BytesIO()
    if how.bits == 8:
        fits.PrimaryHDU(stored).writeto(buffer)
        return _unit(buffer.getvalue(), more, when)
    image = fits.CompImageHDU(stored, compression_type="RICE_1", tile_shape=(1, stored.shape[1]))
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(buffer)
    scaling: list[_CardTuple] = []
    if how.blank is not None:
        scaling.append(("BLANK", how.blank, ""))
    if how.bits == 32:
        scaling += [("BZERO", how.zero, ""), ("BSCALE", how.scale, "")]
    raw = buffer.getvalue()
    return _unit(raw[:_BLOCK], "", when) + _unit(raw[_BLOCK:], card_text(scaling) + more, when)


def _unit(raw: bytes, more: str, when: str) -> bytes:
    """
    Add cards and DATASUM to one HDU.

    This works on the bytes, for astropy would scale the pixels by BSCALE and BLANK, and takes several times as long
    to open and write a table with two hundred cards as to compress the image in it.
    """
    end = next(place for place in range(0, len(raw), 80) if raw[place : place + 80].rstrip() == b"END")
    data = raw[-(-(end + 80) // _BLOCK) * _BLOCK :]
    note = f"data unit checksum updated {when}"
    text = raw[:end] + more.encode("ascii") + card_text([("DATASUM", str(datasum([data])), note)]).encode()
    text += b"END".ljust(80)
    return text.ljust(-(-len(text) // _BLOCK) * _BLOCK) + data
