"""FITS cards as letters: how names, values and comments are written in 80 columns. Nothing here knows of SHARPs."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from .structure import CARD

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COMMENT", "Frame", "frame", "history_cards", "number_cards", "printable", "written"]

#: Columns that a value has at least; shorter ones stand at their right end.
_VALUE: Final = 20

#: Columns of a card that are left for a comment by such a value.
COMMENT: Final = CARD - len("KEYWORD = ") - _VALUE - len(" / ")

_TO_PRINTABLE: Final = dict.fromkeys((*range(32), 127), "?")


class Frame(NamedTuple):
    """
    What stands in the card of a number, but for the number.

    Parameters
    ----------
    begin, end : str
        What comes before it, and after it.
    """

    begin: str
    end: str


def frame(name: str, comment: str) -> Frame:
    """
    Write what stands around a number in its card.

    Examples
    --------
    >>> from sunpy_flarecast.fits.cardtext import frame
    >>> frame("USFLUX", "[Mx] total unsigned flux").begin
    'USFLUX  = '
    """
    return Frame(f"{name:8}= ", (f" / {comment}" if comment else "").ljust(CARD - 10 - _VALUE))


def number_cards(values: Sequence[float], frames: Sequence[Frame]) -> list[str]:
    """
    Write the cards of numbers, with all digits that it takes to read just the same numbers again.

    What needs more than the usual 20 columns goes on to the right, as the free format of FITS allows, and the comment
    loses as much.

    Parameters
    ----------
    values : sequence of float
        Finite numbers.
    frames : sequence of Frame
        What stands around each.

    Examples
    --------
    >>> from sunpy_flarecast.fits.cardtext import frame, number_cards
    >>> for card in number_cards([2e22, -0.0012345678901234567], [frame("USFLUX", "[Mx] flux"), frame("X", "")]):
    ...     print(card.rstrip())
    USFLUX  =                2E+22 / [Mx] flux
    X       = -0.0012345678901234567
    """
    # msgspec finds the shortest digits, as repr does, in a tenth of the time; very small and very large numbers look
    # otherwise there.
    texts = msgspec.json.encode(values).decode()[1:-1].split(",") if values else []
    for place, text in enumerate(texts):
        if "e" in text or "0.0000" in text:
            texts[place] = _float_text(values[place])
    cards = [begin + text.rjust(_VALUE) + end for text, (begin, end) in zip(texts, frames, strict=True)]
    return [card[:CARD] for card in cards]


def written(name: str, value: Any, comment: str) -> str:
    """
    Write one card, or several if a text needs them.

    astropy takes 50 microseconds for one, most of it to look up its settings, which for the cards of a record is longer
    than the transfer of a file. So cards (FITS standard 4.0, section 4.2) are written here where that can be, with the
    same letters; everything else is left to astropy.

    Parameters
    ----------
    name : str
        FITS name.
    value : int, float, str or bool
        A number is finite, a text printable.
    comment : str
        As much of it as there is room for is written.

    Examples
    --------
    >>> from sunpy_flarecast.fits.cardtext import written
    >>> written("BUNIT", "m/s", "velocity").rstrip()
    "BUNIT   = 'm/s     '           / velocity"
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
    """
    Write a text as HISTORY.

    Examples
    --------
    >>> from sunpy_flarecast.fits.cardtext import history_cards
    >>> len(history_cards("Keywords added, and so on. " * 4))
    160
    """
    return "".join(f"HISTORY {text[begin : begin + 72]:72}" for begin in range(0, len(text), 72))


def printable(text: str) -> str:
    """
    Write a text with the letters that cards may have.

    Examples
    --------
    >>> from sunpy_flarecast.fits.cardtext import printable
    >>> printable("Zürich")
    'Zurich'
    """
    if text.isascii() and text.isprintable():
        return text
    stripped = unicodedata.normalize("NFKD", text.translate(_TO_PRINTABLE))
    return (
        "".join(letter for letter in stripped if not unicodedata.combining(letter)).encode("ascii", "replace").decode()
    )
