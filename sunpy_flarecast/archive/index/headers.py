"""Keywords from the FITS headers of SHARP files of any generation."""

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

#: Replaces bytes that are invalid in a header; astropy would warn about them.
_TO_PRINTABLE: Final = bytes(byte if 0x20 <= byte < 0x7F else 0x3F for byte in range(256))

#: The value of nearly every card; astropy parses the others, which takes ten times as long.
_VALUE: Final = re.compile(
    r" *(?:'(?P<text>(?:[^']|'')*)'|(?P<whole>[+-]?\d+)|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[EDe][+-]?\d+)?)"
    r"|(?P<truth>[TF])|(?P<none>-?nan|))? *(?:/.*)?",
    re.ASCII,
)

_NAME: Final = re.compile(r"[A-Z0-9_-]+ *", re.ASCII)

#: Cards that continue others, or have a special form.
_JOINED: Final = ("CONTINUE", "HIERARCH")

#: Cards without a value.
_REMARKS: Final = frozenset({"COMMENT ", "HISTORY ", "        "})

_LARGEST: Final = 2**63


def read_header(path: Path) -> dict[str, Any]:
    """Read the cards of the header that holds the keywords; raise a ValueError for an incomplete file."""
    try:
        return read_cards(read_headers(unpacked(path) if is_packed(path.name) else path).keywords)
    except TransferError as error:
        raise ValueError(f"It {error}") from error


def read_cards(header: bytes) -> dict[str, Any]:
    """Read all cards of a header by FITS name (the first of duplicates); missing and invalid values are None."""
    text = header.translate(_TO_PRINTABLE).decode("ascii")
    cards: dict[str, Any] = {}
    for start in range(0, len(text), CARD):
        image = text[start : start + CARD]
        name = image[:8]
        if name == "END     ":
            break
        if name in _REMARKS:
            continue
        if name in _JOINED:
            whole = Header.fromstring(text)
            return {key: card(whole, key) for key in dict.fromkeys(whole)}
        match = _VALUE.fullmatch(image, 10) if image[8:10] == "= " and _NAME.fullmatch(name) else None
        if match is not None:
            cards.setdefault(name.rstrip(), _value(match, name.rstrip()))
        else:
            unusual = Card.fromstring(image)
            try:
                cards.setdefault(unusual.keyword, plain(unusual.value, unusual.keyword))
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
    """Return the value of a card; None if it is missing or invalid."""
    try:
        return plain(header[name], name)
    except (KeyError, VerifyError):
        return None


def is_full(header: Mapping[str, object]) -> bool:
    """Return whether a header has the keywords of the record, which as-is exports lack."""
    return ("HARPNUM" in header or "TARPNUM" in header) and "T_REC" in header


def keywords_of(header: Mapping[str, object]) -> dict[str, Any]:
    """Return the keywords of a record by their DRMS names in lower case, without cards of the file or the segment."""
    if isinstance(header, Header):
        header = {name: card(header, name) for name in dict.fromkeys(header)}
    return {drms: value for name, value in header.items() if (drms := drms_name(name))}


@lru_cache(4096)
def drms_name(name: str) -> str:
    """Return the DRMS name of a card, in lower case; empty for cards of the file or the segment."""
    if NOT_OF_THE_RECORD.fullmatch(name) is not None:
        return ""
    known = find_keyword(name)
    return known.name if known else name.lower().replace("-", "__")


def plain(value: object, name: str) -> str | int | float | bool | None:
    """Return the value of a keyword as a JSON value; None if it is missing."""
    if is_missing(value, name):
        return None
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int):
        return value if -_LARGEST <= value < _LARGEST else float(value)
    return value if isinstance(value, float) else None
