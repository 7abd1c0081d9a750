"""Format numbers, times and positions for pages; the functions are filters of the templates."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from sunpy_flarecast.sharp.catalog import find_series, region_word
from sunpy_flarecast.sharp.t_rec import t_rec_text
from sunpy_flarecast.sharp.units import unit_text
from sunpy_flarecast.sharp.values import clean, is_missing, unsigned
from sunpy_flarecast.utils.reports import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sunpy_flarecast.sharp.catalog import Keyword

__all__ = [
    "FILTERS",
    "NONE",
    "degrees",
    "number",
    "place",
    "quality",
    "scientific",
    "segments",
    "size",
    "slot",
    "utc",
    "value",
]

#: Text of a missing value.
NONE: Final = "–"

_SUPERSCRIPTS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def number(given: Any) -> float:
    """Convert a keyword's value to a number; NaN if it is missing."""
    try:
        return math.nan if is_missing(given) else float(given)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def scientific(given: float | None, digits: int = 3) -> str:
    """
    Format a number with a few digits, large and small ones with a power of ten.

    Examples
    --------
    >>> from sunpy_flarecast.archive.web.text import scientific
    >>> scientific(2.8644e21), scientific(3507.31), scientific(None)
    ('2.86 × 10²¹', '3,510', '–')
    """
    if given is None or not math.isfinite(given):
        return NONE
    if given and not 1e-3 <= abs(given) < 1e6:
        mantissa, _, exponent = f"{given:.{digits - 1}e}".partition("e")
        return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    short = float(f"{given:.{digits}g}")
    return f"{short:,.0f}" if abs(short) >= 10 ** (digits - 1) else f"{short:g}"


def degrees(given: float | None, signs: str) -> str:
    """
    Format an angle with the letter of its direction; the letter of positive angles comes first in ``signs``.

    Examples
    --------
    >>> from sunpy_flarecast.archive.web.text import degrees
    >>> degrees(-14.2, "NS"), degrees(0.2, "WE")
    ('S14°', 'W0°')
    """
    if given is None or not math.isfinite(given):
        return NONE
    return f"{signs[given < 0]}{abs(given):.0f}°"


def place(given: tuple[float, float] | None) -> str:
    """Format a position as usual in solar physics, latitude first."""
    return NONE if given is None else f"{degrees(given[1], 'NS')} {degrees(given[0], 'WE')}"


def quality(given: int | None) -> str:
    """Format a quality word: ``good``, or its bits in hexadecimal."""
    if given is None:
        return "unknown"
    return "good" if given == 0 else f"0x{unsigned(given):08x}"


def segments(held: Sequence[str], series: str) -> str:
    """
    Count segments, out of those that the series has.

    Examples
    --------
    >>> from sunpy_flarecast.archive.web.text import segments
    >>> segments(["Br", "bitmap"], "hmi.sharp_cea_720s"), segments(["Br"], "lab.own")
    ('2 of 11 segments', '1 segment')
    """
    known = find_series(series)
    names = {segment.name for segment in known.segments} if known else set()
    if names > set(held):
        return f"{len(held)} of {len(names)} segments"
    return counted(len(held), "segment")


def size(given: int | None) -> str:
    """
    Format a number of bytes.

    Examples
    --------
    >>> from sunpy_flarecast.archive.web.text import size
    >>> size(2880), size(1_234_567), size(None)
    ('2.9 kB', '1.2 MB', '–')
    """
    if given is None:
        return NONE
    step = min((len(str(given)) - 1) // 3, len(_UNITS) - 1)
    return f"{given / 1000**step:.{1 if step else 0}f} {_UNITS[step]}"


def slot(given: int | None) -> str:
    """Format a T_REC to the minute."""
    return NONE if given is None else t_rec_text(given)[:16].replace(".", "-").replace("_", " ") + " TAI"


def utc(given: str | None) -> str:
    """Format a time in ISO 8601 to the minute."""
    return NONE if given is None else given[:16].replace("T", " ")


def value(given: Any, keyword: Keyword | None = None) -> str:
    """Format a keyword's value without its unit, with seven digits for decimal numbers."""
    if keyword is not None and keyword.name == "quality":
        read = clean(given, keyword)
        return NONE if read is None else f"0x{unsigned(int(read)):08x}" if read else "0"
    if is_missing(given, keyword.name if keyword else ""):
        return NONE
    return re.sub(r"e\+?(-?)0*(\d+)$", r"e\1\2", f"{given:.7g}") if isinstance(given, float) else str(given)


FILTERS: Final = {
    "word": region_word,
    "degrees": degrees,
    "place": place,
    "quality": quality,
    "scientific": scientific,
    "segments": segments,
    "shown": value,
    "size": size,
    "slot": slot,
    "unit": unit_text,
    "utc": utc,
}
