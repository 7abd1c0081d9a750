"""The place of a file among the records, from its name: series, HARP number, slot and segment."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from sunpy_flarecast.sharp import filenames as naming
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.t_rec import CADENCE

__all__ = ["Place", "place_of", "read_name"]

_WORD: Final = re.compile(r"\w+", re.ASCII)
_WORDS: Final = re.compile(r"\w+(?:\.\w+)*", re.ASCII)

#: One above the largest HARP number accepted in a name: files with an unknown HARP number have the record number, which
#: is larger, in its place. The HARPs of 2010 to 2025 reached 13,000, and so did the TARPs.
_HARPNUM_END: Final = 100_000

#: One above the last slot from which record numbers can be derived; it lies in the year 2221.
_SLOT_END: Final = 10_000_000


class Place(msgspec.Struct, frozen=True):
    """The place of a file among the records."""

    series: str
    harpnum: int
    slot: int
    segment: str


def place_of(series: str, harpnum: int | None, slot: int | None, segment: str) -> Place | None:
    """Make a place with the catalog's spelling; None for numbers that no SHARP or SMARP has."""
    if _WORD.fullmatch(segment) is None or _WORDS.fullmatch(series) is None or harpnum is None or slot is None:
        return None
    if not (0 <= harpnum < _HARPNUM_END and 0 <= slot < _SLOT_END):
        return None
    known = find_series(series)
    if known is not None and slot % (known.step // CADENCE):
        return None
    if known is None:
        return Place(series, harpnum, slot, segment)
    found = known.segment(segment)
    return Place(known.name, harpnum, slot, found.name if found else segment)


def read_name(name: str) -> Place | None:
    """Parse a file name in JSOC's format, ``{series}.{harpnum}.{T_REC}.{segment}.fits``; None for any other."""
    # Other suffixes of FITS files, such as ``.fits.gz``, are accepted as well.
    named = naming.read_name(naming.FITS_ENDING.sub(".fits", name))
    return place_of(*named) if named else None
