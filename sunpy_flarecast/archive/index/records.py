"""Records made from keywords, and record numbers: from headers, or derived from HARP number and T_REC."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sunpy_flarecast.archive.base import Record
from sunpy_flarecast.sharp.catalog import FIRST_MADE, region_number
from sunpy_flarecast.sharp.t_rec import text_slot
from sunpy_flarecast.sharp.times import read_instant

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["derived_recnum", "jsoc_number", "record_of", "whole_number"]

_LARGEST: Final = 2**63

#: Derived record numbers reserved for each HARP; the slots until the year 2220 fit.
_SLOTS: Final = 10**7

#: The usual format of times in headers.
_USUAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?", re.ASCII)


def record_of(recnum: int, keywords: Mapping[str, Any], segments: tuple[str, ...] = ()) -> Record:
    """Make a record from its keywords; missing and invalid values become None."""
    t_rec = keywords.get("t_rec")
    return Record(
        recnum=recnum,
        segments=segments,
        harpnum=whole_number(region_number(keywords)),
        t_rec_index=text_slot(t_rec) if isinstance(t_rec, str) else None,
        date__obs=_utc_text(keywords.get("date__obs")),
        quality=whole_number(keywords.get("quality")),
        wavelnth=whole_number(keywords.get("wavelnth")),
    )


def whole_number(value: object) -> int | None:
    """Parse an integer as headers write it: ``377``, ``6173.0``, or ``"0x00000400"``; None for anything else."""
    if isinstance(value, str):
        try:
            number = int(value, 0)
        except ValueError:
            return None
    elif isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        return None
    else:
        number = int(value)
    return number if abs(number) < _LARGEST else None


def _utc_text(value: object) -> str | None:
    """Write a time with the ``Z`` that marks UTC in the service's replies."""
    if not isinstance(value, str):
        return None
    try:
        instant = read_instant(value)
    except ValueError:
        return None
    text = value.strip()
    # The usual format keeps its digits and a leap second.
    return f"{text.removesuffix('Z')}Z" if _USUAL.fullmatch(text) else instant.isoformat().replace("+00:00", "Z")


def jsoc_number(value: object) -> int | None:
    """Parse a record number assigned by JSOC; None for any other value."""
    number = whole_number(value)
    return number if number is not None and 0 < number < FIRST_MADE else None


def derived_recnum(harpnum: int, slot: int) -> int:
    """Derive the number of a record whose headers have none: reproducible, unique in its series, above JSOC's range."""
    return FIRST_MADE + harpnum * _SLOTS + slot
