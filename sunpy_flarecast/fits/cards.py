"""Values of keywords as FITS cards: which go into a header, under what name, of what kind, with what comment."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sunpy_flarecast.sharp.catalog import find_keyword
from sunpy_flarecast.sharp.values import clean

from .cardtext import COMMENT, Frame, frame, number_cards, printable, written
from .structure import NOT_OF_THE_RECORD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sunpy_flarecast.sharp.catalog import Keyword

__all__ = ["PLAIN", "Value", "Written", "card_of", "comment_of", "write_cards"]

#: Of the header as it was exported, or of a reader of cards.
_NOT_OF_THIS_FILE: Final = frozenset({"HEADSUM", "LONGSTRN", "KEYCOMMENTS"})

_NAME: Final = re.compile(r"[A-Z0-9_-]{1,8}", re.ASCII)

#: Of how many names, cards, and sets of keywords, what was found or written is kept.
_NAMES_KEPT: Final = 1024
_CARDS_KEPT: Final = 512
_SHAPES_KEPT: Final = 64

#: Finite numbers above this are never such as stand for a missing value.
_LEAST: Final = -2e9

Value = int | float | str | bool

#: The types of values that go into cards.
PLAIN: Final = frozenset({int, float, str, bool})

#: A keyword as a card: FITS name, value, and what is written.
_Card = tuple[str, Value, str]


@dataclass(frozen=True, slots=True)
class _Shape:
    """
    Where the values go in all records that have the same keywords, with values of the same types.

    Parameters
    ----------
    names : tuple of str
        FITS names, in the order of the cards.
    numbers : tuple of _Slot
        The keywords that are numbers, most of them others in every record.
    frames : tuple of Frame
        What stands around each of these.
    others : tuple of _Slot
        The other keywords; most have the same value in many records.
    """

    names: tuple[str, ...]
    numbers: tuple[_Slot, ...]
    frames: tuple[Frame, ...]
    others: tuple[_Slot, ...]


class _Slot(NamedTuple):
    """Which card a keyword has, which value in the order in which they come, and how it was called."""

    card: int
    value: int
    name: str


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
            numbers.append(slot)
            frames.append(frame(fits_name, comment_of(fits_name)))
        else:
            others.append(slot)
    return _Shape(tuple(fits_names), tuple(numbers), tuple(frames), tuple(others))


class Written(NamedTuple):
    """
    Cards of a record, but for RECNUM.

    Parameters
    ----------
    names : frozenset of str
        Their FITS names.
    text : str
        80 letters for each, or a multiple of that.
    axis : str
        The card of CTYPE1; empty if there is none.
    """

    names: frozenset[str]
    text: str
    axis: str


def write_cards(keywords: Mapping[str, Any]) -> Written:
    """
    Write the cards of the keywords that have a value.

    Parameters
    ----------
    keywords : mapping
        By their DRMS or FITS names, in any letter case.

    Examples
    --------
    >>> from sunpy_flarecast.fits.cards import write_cards
    >>> print(write_cards({"usflux": 2e22, "r_value": None, "naxis1": 40}).text.rstrip())
    USFLUX  =                2E+22 / [Mx] total unsigned flux
    """
    values = tuple(keywords.values())
    shape = _shape(tuple(keywords), tuple(map(type, values)))
    cards = [""] * len(shape.names)
    numbers = [values[slot.value] for slot in shape.numbers]
    rest = shape.others
    if math.isfinite(sum(numbers)) and min(numbers, default=0) > _LEAST:
        for slot, text in zip(shape.numbers, number_cards(numbers, shape.frames), strict=True):
            cards[slot[0]] = text
    else:
        rest += shape.numbers
    for place, value, name in rest:
        if (card := card_of(name, values[value])) is not None:
            cards[place] = card[2]
    axis = next((cards[place] for place, name in enumerate(shape.names) if name == "CTYPE1"), "")
    return Written(_names(shape.names, tuple(map(bool, cards))), "".join(cards), axis)


@lru_cache(_SHAPES_KEPT)
def _names(names: tuple[str, ...], there: tuple[bool, ...]) -> frozenset[str]:
    return frozenset(compress(names, there))


@lru_cache(_CARDS_KEPT, typed=True)
def card_of(name: str, value: Value) -> _Card | None:
    """
    Make the card of a keyword, if it has a value; more than half of them are the same in all records of a series.

    Parameters
    ----------
    name : str
        DRMS or FITS name, in any letter case.
    value : int, float, str or bool
        As a service gave it.

    Examples
    --------
    >>> from sunpy_flarecast.fits.cards import card_of
    >>> card_of("usflux", "1e22")[:2]
    ('USFLUX', 1e+22)
    """
    fits_name, keyword = _known(name)
    if not fits_name:
        return None
    cleaned = clean(value, keyword)
    if isinstance(cleaned, str):
        cleaned = printable(cleaned)
        if fits_name.startswith("DATE"):
            cleaned = cleaned.removesuffix("Z").removesuffix("+00:00")  # FITS has no letter for UTC
    if cleaned is None:
        return None
    return fits_name, cleaned, written(fits_name, cleaned, comment_of(fits_name))


@lru_cache(_NAMES_KEPT)
def _known(name: str) -> tuple[str, Keyword | None]:
    """Give the FITS name of a keyword, empty for those that do not go into a card, and what the catalog knows."""
    keyword = find_keyword(name)
    fits_name = keyword.fits if keyword is not None else name.strip().upper().replace("__", "-")
    if _NAME.fullmatch(fits_name) is None or fits_name in _NOT_OF_THIS_FILE or NOT_OF_THE_RECORD.fullmatch(fits_name):
        return "", None
    return fits_name, keyword


@lru_cache(_NAMES_KEPT)
def comment_of(name: str) -> str:
    """
    Give the comment of a keyword's card: its unit in brackets, and what it means.

    Examples
    --------
    >>> from sunpy_flarecast.fits.cards import comment_of
    >>> comment_of("USFLUX")
    '[Mx] total unsigned flux'
    """
    keyword = find_keyword(name)
    if keyword is None:
        return ""
    return printable(f"[{keyword.unit}] {keyword.meaning}" if keyword.unit else keyword.meaning)[:COMMENT].rstrip()
