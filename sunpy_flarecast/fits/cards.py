"""Keyword values as FITS cards: which keywords are written, and how a card is laid out in 80 columns."""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache
from itertools import compress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from sunpy_flarecast.sharp.catalog import find_keyword
from sunpy_flarecast.sharp.values import clean

from .structure import CARD, NOT_OF_THE_RECORD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sunpy_flarecast.sharp.catalog import Keyword

__all__ = [
    "COMMENT",
    "PLAIN",
    "Value",
    "Written",
    "card_of",
    "comment_of",
    "history_cards",
    "printable",
    "write_card",
    "write_cards",
]

Value = int | float | str | bool

#: The types of values that go into cards.
PLAIN: Final = frozenset({int, float, str, bool})

#: Least width of a value in columns; shorter values are right-aligned.
_VALUE: Final = 20

#: Columns of a card that such a value leaves for a comment.
COMMENT: Final = CARD - len("KEYWORD = ") - _VALUE - len(" / ")

#: Keywords of the exported header, or added by software that reads cards.
_NOT_OF_THIS_FILE: Final = frozenset({"HEADSUM", "LONGSTRN", "KEYCOMMENTS"})

_NAME: Final = re.compile(r"[A-Z0-9_-]{1,8}", re.ASCII)

_TO_PRINTABLE: Final = dict.fromkeys((*range(32), 127), "?")

#: How many names, cards, and sets of keywords are cached.
_NAMES_KEPT: Final = 1024
_CARDS_KEPT: Final = 512
_SHAPES_KEPT: Final = 64

#: Finite numbers above this are never missing values.
_LEAST: Final = -2e9


class _Slot(NamedTuple):
    """The positions of a keyword's card and value, and its name in the reply."""

    card: int
    value: int
    name: str


class _Shape(NamedTuple):
    """The layout of the cards of all records that have the same keywords with values of the same types."""

    #: FITS names, in the order of the cards.
    names: tuple[str, ...]
    #: The keywords that are numbers, most of which differ between records, and the text before and after each value.
    numbers: tuple[_Slot, ...]
    frames: tuple[tuple[str, str], ...]
    #: The other keywords; most have the same value in many records.
    others: tuple[_Slot, ...]


class Written(NamedTuple):
    """The cards of a record except RECNUM: FITS names, 80 characters or a multiple for each, and the card of CTYPE1."""

    names: frozenset[str]
    text: str
    axis: str


def write_cards(keywords: Mapping[str, Any]) -> Written:
    """Write the cards of keywords with a value, given by their DRMS or FITS names in any letter case."""
    values = tuple(keywords.values())
    shape = _shape(tuple(keywords), tuple(map(type, values)))
    cards = [""] * len(shape.names)
    numbers = [values[slot.value] for slot in shape.numbers]
    rest = shape.others
    if math.isfinite(sum(numbers)) and min(numbers, default=0) > _LEAST:
        for slot, text in zip(shape.numbers, _number_cards(numbers, shape.frames), strict=True):
            cards[slot[0]] = text
    else:
        rest += shape.numbers
    for place, value, name in rest:
        if (card := card_of(name, values[value])) is not None:
            cards[place] = card[2]
    axis = next((cards[place] for place, name in enumerate(shape.names) if name == "CTYPE1"), "")
    return Written(_names(shape.names, tuple(map(bool, cards))), "".join(cards), axis)


@lru_cache(_SHAPES_KEPT)
def _shape(names: tuple[str, ...], types: tuple[type, ...]) -> _Shape:
    fits_names: list[str] = []
    numbers, frames, others = [], [], []
    for place, (name, kind) in enumerate(zip(names, types, strict=True)):
        fits_name, keyword = _known(name) if kind in PLAIN else ("", None)
        if not fits_name or fits_name in fits_names or fits_name == "RECNUM":
            continue
        slot = _Slot(len(fits_names), place, name)
        fits_names.append(fits_name)
        if kind is float and keyword is not None and keyword.kind == "float":
            comment = comment_of(fits_name)
            numbers.append(slot)
            frames.append((f"{fits_name:8}= ", (f" / {comment}" if comment else "").ljust(CARD - 10 - _VALUE)))
        else:
            others.append(slot)
    return _Shape(tuple(fits_names), tuple(numbers), tuple(frames), tuple(others))


@lru_cache(_SHAPES_KEPT)
def _names(names: tuple[str, ...], there: tuple[bool, ...]) -> frozenset[str]:
    return frozenset(compress(names, there))


@lru_cache(_CARDS_KEPT, typed=True)
def card_of(name: str, value: Value) -> tuple[str, Value, str] | None:
    """Return FITS name, value and card of a keyword; None without a value. Cached: most are the same in all records."""
    fits_name, keyword = _known(name)
    if not fits_name:
        return None
    cleaned = clean(value, keyword)
    if isinstance(cleaned, str):
        cleaned = printable(cleaned)
        if fits_name.startswith("DATE"):
            cleaned = cleaned.removesuffix("Z").removesuffix("+00:00")  # FITS has no suffix for UTC
    if cleaned is None:
        return None
    return fits_name, cleaned, write_card(fits_name, cleaned, comment_of(fits_name))


@lru_cache(_NAMES_KEPT)
def _known(name: str) -> tuple[str, Keyword | None]:
    """Return the FITS name of a keyword, empty if it is not written, and its catalog entry."""
    keyword = find_keyword(name)
    fits_name = keyword.fits if keyword is not None else name.strip().upper().replace("__", "-")
    if _NAME.fullmatch(fits_name) is None or fits_name in _NOT_OF_THIS_FILE or NOT_OF_THE_RECORD.fullmatch(fits_name):
        return "", None
    return fits_name, keyword


@lru_cache(_NAMES_KEPT)
def comment_of(name: str) -> str:
    """Return the comment of a keyword's card: its unit in brackets, and its description."""
    keyword = find_keyword(name)
    if keyword is None:
        return ""
    return printable(f"[{keyword.unit}] {keyword.meaning}" if keyword.unit else keyword.meaning)[:COMMENT].rstrip()


def _number_cards(values: Sequence[float], frames: Sequence[tuple[str, str]]) -> list[str]:
    """Write the cards of finite numbers with all digits; values wider than 20 columns shorten the comment."""
    # msgspec writes the shortest digits, as repr does, in a tenth of the time, but formats very small and very large
    # numbers in another way.
    texts = msgspec.json.encode(values).decode()[1:-1].split(",") if values else []
    for place, text in enumerate(texts):
        if "e" in text or "0.0000" in text:
            texts[place] = _float_text(values[place])
    cards = [begin + text.rjust(_VALUE) + end for text, (begin, end) in zip(texts, frames, strict=True)]
    return [card[:CARD] for card in cards]


def write_card(name: str, value: Value, comment: str) -> str:
    """
    Write one card, or several for long text.

    astropy takes 50 microseconds for one, mostly to look up its settings; for all cards of a record, that is longer
    than the transfer of a file. So cards (FITS standard 4.0, section 4.2) are written here where possible, identical to
    those of astropy, which writes all others. Numbers must be finite and text printable; comments are cut to fit.
    """
    if isinstance(value, str):
        text = value.replace("'", "''")
        text = f"'{text:8}'".ljust(_VALUE) if text else "''"
    elif isinstance(value, bool):
        text = "T" if value else "F"
    else:
        text = _float_text(value) if isinstance(value, float) else str(value)
    comment = comment[: max(0, COMMENT + _VALUE - max(_VALUE, len(text)))].rstrip()
    card = f"{name:8}= {text:>20} / {comment}" if comment else f"{name:8}= {text:>20}"
    if len(card) <= CARD:
        return card.ljust(CARD)
    from astropy.io.fits import Card  # slow to import, and hardly needed

    return str(Card(name, value))


def _float_text(value: float) -> str:
    return repr(value).replace("e", "E")


def history_cards(text: str) -> str:
    """Write text as HISTORY cards."""
    return "".join(f"HISTORY {text[begin : begin + 72]:72}" for begin in range(0, len(text), 72))


def printable(text: str) -> str:
    """Convert text to characters that are allowed in cards."""
    if text.isascii() and text.isprintable():
        return text
    letters = unicodedata.normalize("NFKD", text.translate(_TO_PRINTABLE))
    return "".join(one for one in letters if not unicodedata.combining(one)).encode("ascii", "replace").decode()
