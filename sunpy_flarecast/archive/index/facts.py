"""What the service lists of a record, read from its keywords."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sunpy_flarecast.archive.base import Record
from sunpy_flarecast.sharp.instants import read_instant
from sunpy_flarecast.sharp.t_rec import text_slot

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["record_of", "whole_number"]

_LARGEST: Final = 2**63

#: Times as headers write them.
_USUAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?", re.ASCII)


def record_of(recnum: int, keywords: Mapping[str, Any], segments: tuple[str, ...] = ()) -> Record:
    """
    Describe a record by its keywords; what they do not tell, or tell in no known form, is None.

    Parameters
    ----------
    recnum : int
        Record number.
    keywords : mapping
        Keywords by their DRMS names in lower case.
    segments : tuple of str, optional
        Names of the segments held.

    Examples
    --------
    >>> from sunpy_flarecast.archive.index.facts import record_of
    >>> record = record_of(5, {"t_rec": "2011.02.15_02:00:00_TAI", "date__obs": "2011-02-15T01:58:12.30"})
    >>> record.t_rec_index, record.date__obs, record.harpnum
    (794290, '2011-02-15T01:58:12.30Z', None)
    """
    t_rec = keywords.get("t_rec")
    return Record(
        recnum=recnum,
        segments=segments,
        harpnum=whole_number(keywords.get("harpnum")),
        t_rec_index=text_slot(t_rec) if isinstance(t_rec, str) else None,
        date__obs=_utc_text(keywords.get("date__obs")),
        quality=whole_number(keywords.get("quality")),
        wavelnth=whole_number(keywords.get("wavelnth")),
    )


def whole_number(value: object) -> int | None:
    """Read an integer as headers write it: ``377``, ``6173.0``, or ``"0x00000400"``; None beyond 64 bits, too."""
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
    """Give a time the ``Z`` with which the service writes UTC."""
    if not isinstance(value, str):
        return None
    try:
        instant = read_instant(value)
    except ValueError:
        return None
    text = value.strip()
    # As it is written, if it is as usual: its digits, and its leap second, stay.
    return f"{text.removesuffix('Z')}Z" if _USUAL.fullmatch(text) else instant.isoformat().replace("+00:00", "Z")
