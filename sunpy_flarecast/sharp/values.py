"""Values of keywords: missing values, plain numbers and text, and quality words. No I/O."""

from __future__ import annotations

import math
import re
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .catalog import Keyword

__all__ = [
    "MISSING_TEXT",
    "QUALITY_WORDS",
    "ZERO_IS_NONE",
    "clean",
    "is_missing",
    "is_synthetic",
    "is_unreadable",
    "noaa_numbers",
    "printable",
    "read_quality",
    "unsigned",
]

#: Spellings of a missing value in services, JSOC, and headers of all generations, in lower case.
MISSING_TEXT: Final = frozenset({"", "nan", "-nan", "missing", "invalid keylink"})

#: Keywords that are 0 if there is nothing to measure, such as a polarity inversion line.
ZERO_IS_NONE: Final = frozenset({"r_value"})

#: JSOC's missing time, the origin of Julian dates, in DRMS or FITS spelling.
_MISSING_TIME: Final = re.compile(r"-4712[.-]01[.-]01(?![0-9])")

#: JSOC's missing integers.
_MISSING_NUMBERS: Final = frozenset({-(2**31), -(2**63)})

#: A NOAA number in a list, possibly written as a float.
_NOAA: Final = re.compile(r"(?<![\d.])\d{1,6}(?![\d])", re.ASCII)

#: Keywords that are 32-bit words.
QUALITY_WORDS: Final = frozenset({"quality", "qual_s", "quallev1"})

#: Keywords for which -2147483648 is a value.
_FULL_RANGE: Final = QUALITY_WORDS | {"blank", "zblank"}

_HEXADECIMAL: Final = re.compile(r"\s*0[xX][0-9a-fA-F]{1,16}\s*")
_WHOLE: Final = re.compile(r"\s*-?\d{1,20}\s*", re.ASCII)


def is_missing(value: Any, name: str = "") -> bool:
    """
    Return whether a value (from JSON, a FITS card, or a table) stands for a missing one.

    Missing values are None, ``MISSING``, ``Invalid KeyLink``, ``nan`` in any spelling, numbers that are not finite,
    JSOC's missing time (year -4712) and integers (-2147483648, unless ``name`` is that of a quality word), and objects
    of other types, such as the value of an empty FITS card.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.values import is_missing
    >>> [is_missing(value) for value in ("NaN", "Invalid KeyLink", "-4712.01.01_11:59:28_TAI", -2147483648, 0)]
    [True, True, True, True, False]
    """
    if isinstance(value, str):
        text = value.strip().casefold()
        return text in MISSING_TEXT or _MISSING_TIME.match(text) is not None
    if isinstance(value, (int, float, Real)):  # in this order, since the abstract class is slow
        if value in _MISSING_NUMBERS:
            return value == -(2**63) or name.casefold() not in _FULL_RANGE
        return not isinstance(value, int) and not math.isfinite(value)
    return not isinstance(value, (list, tuple, dict))


def printable(text: str) -> str:
    r"""
    Replace characters that are not printable, which could control a terminal or damage a file, with spaces.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.values import printable
    >>> printable("12443\x1b[2J")
    '12443 [2J'
    """
    return text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)


def clean(value: Any, keyword: Keyword | None = None) -> int | float | str | None:
    """
    Convert a service's value of a keyword to a plain value; return None if it is missing or has the wrong type.

    Text becomes a number if ``keyword``, the catalog's entry, is a number; without ``keyword`` it stays text.

    Examples
    --------
    >>> from sunpy_flarecast.catalog import find_keyword
    >>> from sunpy_flarecast.sharp.values import clean
    >>> clean("1.5E22", find_keyword("usflux")), clean("0x00000400", find_keyword("quality"))
    (1.5e+22, 1024)
    >>> clean("MISSING", find_keyword("noaa_ars")) is None
    True
    """
    kind = keyword.kind if keyword else ""
    if keyword is not None and keyword.name in QUALITY_WORDS:
        value = read_quality(value)
    if isinstance(value, str):
        value = printable(value)
    if is_missing(value):
        return None
    if isinstance(value, str):
        return value.strip() if kind in ("", "text") else _number(value.strip(), kind)
    if isinstance(value, list) and kind == "text":
        return ",".join(str(one) for part in value if (one := clean(part, keyword)) is not None) or None
    if not isinstance(value, (int, float)) or (isinstance(value, bool) and kind in ("int", "float")):
        return None
    if kind == "text":
        return str(int(value) if isinstance(value, float) and value.is_integer() else value)
    return _number(value, kind)


def is_unreadable(value: Any, keyword: Keyword) -> bool:
    """
    Return whether a value is present but cannot be read as the keyword's type.

    Examples
    --------
    >>> from sunpy_flarecast.catalog import find_keyword
    >>> from sunpy_flarecast.sharp.values import is_unreadable
    >>> [is_unreadable(value, find_keyword("usflux")) for value in ("a lot", "MISSING", None, 1e22)]
    [True, False, False, False]
    """
    if value is None or is_missing(value) or clean(value, keyword) is not None:
        return False
    if isinstance(value, str):
        return _parsed(value.strip()) is None
    return not isinstance(value, (int, float)) or isinstance(value, bool)


def _parsed(text: str) -> int | float | None:
    for parse in (lambda: int(text, 0), lambda: float(text)):
        try:
            return parse()
        except ValueError:
            continue
    return None


def _number(value: str | float, kind: str) -> int | float | None:
    """Convert a value to a number: an integer if the keyword is an integer and the value is whole."""
    number = _parsed(value) if isinstance(value, str) else value
    if number is None or is_missing(number):
        return None
    if kind == "float" or abs(number) >= 2**63:
        try:
            return float(number)
        except OverflowError:
            return None
    return int(number) if kind == "int" and number == int(number) else number


def unsigned(number: int) -> int:
    """
    Return the unsigned value of a 32-bit word that was read as a signed number.

    Numbers that are not 32-bit words, such as JSOC's 64-bit missing value, are returned unchanged.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.values import unsigned
    >>> hex(unsigned(-2147483648)), hex(unsigned(0xFFFF_FFFF_8000_0400)), unsigned(1024)
    ('0x80000000', '0x80000400', 1024)
    """
    signed = number - 2**64 if number >= 2**63 else number
    return signed & 0xFFFFFFFF if -(2**31) <= signed < 0 else number


def read_quality(value: Any) -> Any:
    """
    Parse a quality word: a number, or text that may be hexadecimal; return anything else unchanged.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.values import read_quality
    >>> read_quality("0x00000400"), read_quality("-2147483648"), read_quality("MISSING")
    (1024, 2147483648, 'MISSING')
    """
    if isinstance(value, str):
        if _HEXADECIMAL.fullmatch(value):
            return unsigned(int(value, 16))
        return unsigned(int(value)) if _WHOLE.fullmatch(value) else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return unsigned(value) if isinstance(value, int) and not isinstance(value, bool) else value


def is_synthetic(keywords: Mapping[str, Any]) -> bool:
    """
    Return whether a record is synthetic according to its keywords ``origin`` and ``content``.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.values import is_synthetic
    >>> is_synthetic({"content": "SYNTHETIC HMI observable"}), is_synthetic({"origin": "SDO/JSOC-SDP"})
    (True, False)
    """
    return any("SYNTHETIC" in str(keywords.get(name)) for name in ("origin", "content"))


def noaa_numbers(keywords: Mapping[str, Any]) -> tuple[int, ...]:
    """
    Return the NOAA numbers of a record from its keyword ``noaa_ars``, a list as text, else ``noaa_ar``; 0 means none.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.values import noaa_numbers
    >>> noaa_numbers({"noaa_ar": 12673, "noaa_ars": "12673,12674"}), noaa_numbers({"noaa_ar": 0, "noaa_ars": "MISSING"})
    ((12673, 12674), ())
    """
    for name in ("noaa_ars", "noaa_ar"):
        numbers = [int(text) for text in _NOAA.findall(str(keywords.get(name) or ""))]
        if found := tuple(dict.fromkeys(number for number in numbers if number > 0)):
            return found
    return ()
