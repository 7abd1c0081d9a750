"""Quality words, whose bits tell what is wrong with a record, in whichever way a service writes them. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ["QUALITY_WORDS", "read_quality", "unsigned"]

#: Keywords that are words of 32 bits.
QUALITY_WORDS: Final = frozenset({"quality", "qual_s", "quallev1"})

_HEXADECIMAL: Final = re.compile(r"\s*0[xX][0-9a-fA-F]{1,16}\s*")


def unsigned(number: int) -> int:
    """
    Give a word that was taken for a signed number as its bits are.

    Parameters
    ----------
    number : int
        Any; numbers that are no words of 32 bits, as JSOC's for missing values of 64 bits, stay as they are.

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
    Read a quality word.

    Parameters
    ----------
    value : object
        As it came: a number, or text that may be hexadecimal.

    Returns
    -------
    object
        An integer of what is one; else the value.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.values import read_quality
    >>> read_quality("0x00000400"), read_quality("-2147483648"), read_quality("MISSING")
    (1024, 2147483648, 'MISSING')
    """
    if isinstance(value, str):
        if _HEXADECIMAL.fullmatch(value):
            return unsigned(int(value, 16))
        if re.fullmatch(r"\s*-?\d{1,20}\s*", value, re.ASCII):
            return unsigned(int(value))
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return unsigned(value) if isinstance(value, int) and not isinstance(value, bool) else value
