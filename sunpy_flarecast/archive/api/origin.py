"""Whether the records of a series are synthetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sunpy_flarecast.archive.base import NotHeldError
from sunpy_flarecast.sharp.values import is_synthetic

if TYPE_CHECKING:
    from sunpy_flarecast.archive.base import Archive

__all__ = ["has_synthetic_records"]

#: A slot after all records.
_LAST: Final = 2**40


def has_synthetic_records(archive: Archive, series: str) -> bool:
    """Return whether the archive or the newest record of a series is synthetic, as in a copy of a demo service."""
    if archive.synthetic:
        return True
    try:
        names = [name for name in ("origin", "content") if name in archive.keyword_names(series)]
        newest = archive.records_at(series, archive.steps(series, _LAST).nearest) if names else []
        keywords = archive.keywords_of(series, [record.recnum for record in newest[-1:]], names)
        return any(is_synthetic(one) for one in keywords.values())
    except NotHeldError:  # removed in the meantime
        return False
