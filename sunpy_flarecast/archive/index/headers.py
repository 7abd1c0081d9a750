"""FITS headers of SHARP files, of any generation, as keywords."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from astropy.io.fits import Card, Header, VerifyError

from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.structure import CARD, NOT_OF_THE_RECORD, read_headers
from sunpy_flarecast.sharp.catalog import find_keyword
from sunpy_flarecast.sharp.values import is_missing

from .packed import is_packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "card",
    "drms_name",
    "is_full",
    "keywords_of",
    "plain",
    "read_cards",
    "read_header",
]

#: Bytes that a header may not hold, which would make astropy warn.
_TO_PRINTABLE: Final = bytes(byte if 0x20 <= byte < 0x7F else 0x3F for byte in range(256))

#: Values as nearly all cards have them; astropy reads the others, which takes ten times as long.
_VALUE: Final = re.compile(
    r" *(?:'(?P<text>(?:[^']|'')*)'|(?P<whole>[+-]?\d+)|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[EDe][+-]?\d+)?)"
    r"|(?P<truth>[TF])|(?P<none>-?nan|))? *(?:/.*)?",
    re.ASCII,
)

_NAME: Final = re.compile(r"[A-Z0-9_-]+ *", re.ASCII)

#: Cards that have a meaning only together with others, or a form of their own.
_JOINED: Final = ("CONTINUE", "HIERARCH")

#: Cards without a value.
_REMARKS: Final = frozenset({"COMMENT ", "HISTORY ", "        "})

_LARGEST: Final = 2**63


def read_header(path: Path) -> dict[str, Any]:
    """Read the cards of the header that holds the keywords; a ValueError says why the file is not a whole one."""
    try:
        return read_cards(read_headers(unpacked(path) if is_packed(path.name) else path).keywords)
    except TransferError as error:
        raise ValueError(f"It {error}") from error


def read_cards(header: bytes) -> dict[str, Any]:
    """Read all cards of a header by their FITS names, of duplicates the first; missing and invalid values are None."""
    text = header.translate(_TO_PRINTABLE).decode("ascii")
    cards: dict[str, Any] = {}
    for start in range(0, len(text), CARD):
        one = text[start : start + CARD]
        name = one[:8]
        if name == "END     ":
            break
        if name in _REMARKS:
            continue
        if name in _JOINED:
            whole = Header.fromstring(text)
            return {key: card(whole, key) for key in dict.fromkeys(whole)}
        match = _VALUE.fullmatch(one, 10) if one[8:10] == "= " and _NAME.fullmatch(name) else None
        if match is not None:
            cards.setdefault(name.rstrip(), _value(match, name.rstrip()))
        else:
            odd = Card.fromstring(one)
            try:
                cards.setdefault(odd.keyword, plain(odd.value, odd.keyword))
            except VerifyError:
                cards.setdefault(name.rstrip(), None)
    return cards


def _value(match: re.Match[str], name: str) -> str | int | float | bool | None:
    kind = match.lastgroup
    if kind is None or kind == "none":
        return None
    value = match[kind]
    if kind == "text":
        return plain(value.replace("''", "'"), name)
    if kind == "whole":
        return plain(int(value), name)
    if kind == "number":
        return plain(float(value.replace("D", "E")), name)
    return value == "T"


def card(header: Mapping[str, object], name: str) -> Any:
    """Give the value of a card; None if it is missing or invalid."""
    try:
        return plain(header[name], name)
    except (KeyError, VerifyError):
        return None


def is_full(header: Mapping[str, object]) -> bool:
    """Whether a header has the keywords of the record, or is bare, as files are stored at JSOC."""
    return ("HARPNUM" in header or "TARPNUM" in header) and "T_REC" in header


def keywords_of(header: Mapping[str, object]) -> dict[str, Any]:
    """Give the keywords of a record by their DRMS names in lower case, without cards of the file or the segment."""
    if isinstance(header, Header):
        header = {name: card(header, name) for name in dict.fromkeys(header)}
    return {drms: value for name, value in header.items() if (drms := drms_name(name))}


@lru_cache(4096)
def drms_name(name: str) -> str:
    """Give the DRMS name of a card, in lower case; empty for cards of the file or the segment."""
    if NOT_OF_THE_RECORD.fullmatch(name) is not None:
        return ""
    known = find_keyword(name)
    return known.name if known else name.lower().replace("-", "__")


def plain(value: object, name: str) -> str | int | float | bool | None:
    """Return the value of a keyword as JSON has it; None if it is missing."""
    if is_missing(value, name):
        return None
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int):
        return value if -_LARGEST <= value < _LARGEST else float(value)
    return value if isinstance(value, float) else None
