"""Keyword values as FITS cards, as JSOC's exports have them; files are not touched here."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Self

from . import __version__
from .catalog import find_keyword, find_series
from .fits import CARD, NOT_OF_THE_RECORD
from .metadata import clean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .catalog import Keyword

__all__ = ["IncompleteError", "RecordCards", "header_cards", "lacking"]

#: Of the header as it was exported, or of a reader of cards.
_NOT_OF_THIS_FILE: Final = frozenset({"HEADSUM", "LONGSTRN", "KEYCOMMENTS"})

#: What `sunpy.map.Map` needs for a map that is right. Without DATE-OBS it takes the present, without CROTA2 an image
#: that is upright, without RSUN_REF or the place of the observer its own; most of that without a warning.
_NEEDED: Final = (
    *("CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "CDELT1", "CDELT2", "INSTRUME"),
    *("DATE-OBS", "T_OBS", "CRLN_OBS", "CRLT_OBS", "DSUN_OBS", "RSUN_REF"),
)

#: Needed on the CCD grid; in cylindrical equal area the patch is upright.
_ROTATION: Final = "CROTA2"

_NAME: Final = re.compile(r"[A-Z0-9_-]{1,8}", re.ASCII)

#: Columns of a card that are left for a comment by the narrowest value, and the width of that.
_ROOM: Final = 47
_VALUE: Final = 20

#: Of how many names, and how many cards, what was found or written is kept.
_NAMES_KEPT: Final = 1024
_CARDS_KEPT: Final = 4096

_TO_PRINTABLE: Final = dict.fromkeys((*range(32), 127), "?")

#: Numbers between these are never such as stand for a missing value.
_ORDINARY: Final = (-2e9, 1e300)

_Value = int | float | str | bool
#: A keyword as a card: FITS name, value, and what is written.
_Card = tuple[str, _Value, str]

_PLAIN: Final = frozenset({int, float, str, bool})

_CardTuple = tuple[str, Any, str]


def header_cards(
    keywords: Mapping[str, Any], series: str, segment: str, *, recnum: int | None = None, source: str = ""
) -> list[_CardTuple]:
    """
    Turn the keywords of a record into the cards of one of its segments.

    Keywords without a value are left out, and so is what describes a file or another segment. BUNIT comes from the
    catalog, and DRMS_ID tells the segment.

    Parameters
    ----------
    keywords : mapping
        By their DRMS or FITS names, in any letter case.
    series : str
        Full name of the series.
    segment : str
        The segment's name.
    recnum : int, optional
        Record number; by default the keyword ``recnum``.
    source : str, optional
        Where the keywords are from, for ``HISTORY``.

    Returns
    -------
    list of tuple
        Name, value and comment, which is the unit in brackets and the meaning.

    Examples
    --------
    >>> from sunpy_flarecast.cards import header_cards
    >>> for card in header_cards({"date__obs": "2015-12-11T23:34:08.8Z", "usflux": "1e22", "r_value": None},
    ...                          "hmi.sharp_cea_720s", "br", recnum=7)[:-1]:
    ...     print(card)
    ('DATE-OBS', '2015-12-11T23:34:08.8', 'observation date (UTC)')
    ('USFLUX', 1e+22, '[Mx] total unsigned flux')
    ('BUNIT', 'Mx/cm^2', 'radial field component, positive outward')
    ('RECNUM', 7, 'record number')
    ('DRMS_ID', 'hmi.sharp_cea_720s:7:Br', 'series, record number and segment')
    """
    cards = _cards_of(keywords)
    held = cards.pop("RECNUM", None)
    number = held[1] if recnum is None and held is not None else recnum
    return [
        *((name, card[1], _comment(name)) for name, card in cards.items()),
        *_segment_cards(series, segment, number),
        ("HISTORY", _history(source), ""),
    ]


def lacking(keywords: Mapping[str, Any]) -> list[str]:
    """
    List what `sunpy.map.Map` needs and keywords, or a header, do not have.

    Parameters
    ----------
    keywords : mapping
        By their DRMS or FITS names, in any letter case.

    Examples
    --------
    >>> from sunpy_flarecast.cards import lacking
    >>> lacking({"harpnum": 377, "t_rec": "2011.02.15_02:00:00_TAI"})[:2]
    ['CTYPE1', 'CTYPE2']
    """
    return _lacking(_cards_of(keywords))


def _lacking(cards: Mapping[str, _Card]) -> list[str]:
    axis = cards.get("CTYPE1")
    upright = axis is not None and str(axis[1]).startswith("CRLN")
    return [name for name in (*_NEEDED, *(() if upright else (_ROTATION,))) if name not in cards]


class IncompleteError(ValueError):
    """
    Keywords are not enough for a map that is right.

    Parameters
    ----------
    names : list of str
        FITS names of what is missing.
    """

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


@dataclass(frozen=True, slots=True)
class RecordCards:
    """
    The cards of one record, written; its segments share them.

    Parameters
    ----------
    series : str
        Full name of the series.
    recnum : int or None
        Record number.
    written : dict
        80 letters, or a multiple of that, by FITS name.
    joined : bytes
        All of ``written``.
    history : bytes
        What says who added them.
    """

    series: str
    recnum: int | None
    written: dict[str, str]
    joined: bytes
    history: bytes

    @classmethod
    def of(
        cls,
        keywords: Mapping[str, Any],
        series: str,
        recnum: int | None = None,
        source: str = "",
        *,
        held: Collection[str] = (),
    ) -> Self:
        """
        Write the cards of a record.

        Parameters
        ----------
        keywords, series, recnum, source
            As for `header_cards`.
        held : collection of str
            FITS names of the keywords that the file has.

        Raises
        ------
        IncompleteError
            If `sunpy.map.Map` needs more.
        """
        cards = _cards_of(keywords)
        known = {"CROTA2", *held} if "CTYPE1" in held else held  # whoever gave the axes gave their rotation, if any
        if missing := [name for name in _lacking(cards) if name not in known]:
            raise IncompleteError(missing)
        number = cards.pop("RECNUM", None)
        if recnum is None and number is not None and isinstance(number[1], int):
            recnum = number[1]
        written = {name: card[2] for name, card in cards.items()}
        history = _history_cards(_history(source)).encode("ascii")
        return cls(series, recnum, written, "".join(written.values()).encode("ascii"), history)

    def of_segment(self, segment: str) -> dict[str, str]:
        """
        Write what differs between the segments of a record: its unit, and the number and name in DRMS_ID.

        Parameters
        ----------
        segment : str
            The segment's name; without it there is only the record number.
        """
        return {card[0]: _written(*card) for card in _segment_cards(self.series, segment, self.recnum)}


def _segment_cards(series: str, segment: str, recnum: _Value | None) -> list[_CardTuple]:
    known_series = find_series(series)
    known = known_series.segment(segment) if known_series is not None else None
    cards: list[_CardTuple] = []
    if known is not None and known.unit:
        cards.append(("BUNIT", known.unit, _plain(known.meaning)[:_ROOM].rstrip()))
    if recnum is not None:
        cards.append(("RECNUM", recnum, "record number"))
        if segment:
            name = known.name if known is not None else _plain(segment)
            cards.append(("DRMS_ID", f"{_plain(series)}:{recnum}:{name}", "series, record number and segment"))
    return cards


def _history(source: str) -> str:
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"Keywords added by sunpy_flarecast {__version__}, {when}{f', from {_plain(source)}' if source else ''}"


def _cards_of(keywords: Mapping[str, Any]) -> dict[str, _Card]:
    """Give the cards of the keywords that have a value, by their FITS names."""
    cards: dict[str, _Card] = {}
    for name, value in keywords.items():
        kind = type(value)
        if kind is float:
            card = _float_card(name, value)
        elif kind in _PLAIN:
            card = _card_of(name, value)
        else:
            continue
        if card is not None:
            cards[card[0]] = card
    return cards


@lru_cache(_CARDS_KEPT)
def _float_card(name: str, value: float) -> _Card | None:
    """Make the card of a number, of which most are others in every record; of the rest of the card all is kept."""
    fits_name, keyword, begin, end = _known(name)
    if keyword is None or keyword.kind != "float" or not _ORDINARY[0] < value < _ORDINARY[1]:
        return _card_of(name, value)
    return fits_name, value, f"{begin}{_float_text(value):>20}{end}"


@lru_cache(_CARDS_KEPT, typed=True)
def _card_of(name: str, value: _Value) -> _Card | None:
    """Make the card of a keyword; more than half of them are the same in all records of a series."""
    fits_name, keyword, _, _ = _known(name)
    if not fits_name:
        return None
    cleaned = clean(value, keyword)
    if isinstance(cleaned, str):
        cleaned = _plain(cleaned)
        if fits_name.startswith("DATE"):
            cleaned = cleaned.removesuffix("Z").removesuffix("+00:00")  # FITS has no letter for UTC
    if cleaned is None:
        return None
    return fits_name, cleaned, _written(fits_name, cleaned, _comment(fits_name))


@lru_cache(_NAMES_KEPT)
def _known(name: str) -> tuple[str, Keyword | None, str, str]:
    """
    Give the FITS name of a keyword, empty for those that do not go into a card, and what the catalog knows.

    Besides, what stands in a card of a number before and after the number.
    """
    keyword = find_keyword(name)
    fits_name = keyword.fits if keyword is not None else name.strip().upper().replace("__", "-")
    if _NAME.fullmatch(fits_name) is None or fits_name in _NOT_OF_THIS_FILE or NOT_OF_THE_RECORD.fullmatch(fits_name):
        return "", None, "", ""
    comment = _comment(fits_name)
    return fits_name, keyword, f"{fits_name:8}= ", (f" / {comment}" if comment else "").ljust(CARD - 10 - _VALUE)


def _plain(text: str) -> str:
    """Write a text with the letters that cards may have."""
    if text.isascii() and text.isprintable():
        return text
    stripped = unicodedata.normalize("NFKD", text.translate(_TO_PRINTABLE))
    return (
        "".join(letter for letter in stripped if not unicodedata.combining(letter)).encode("ascii", "replace").decode()
    )


@lru_cache(_NAMES_KEPT)
def _comment(name: str) -> str:
    keyword = find_keyword(name)
    if keyword is None:
        return ""
    return _plain(f"[{keyword.unit}] {keyword.meaning}" if keyword.unit else keyword.meaning)[:_ROOM].rstrip()


def _written(name: str, value: _Value, comment: str) -> str:
    """
    Write one card, or several if a text needs them.

    astropy takes 50 microseconds for one, most of it to look up its settings, which for the cards of a record is longer
    than the transfer of a file. So the fixed format (FITS standard 4.0, section 4.2) is written here where it can be,
    with the same letters; everything else is left to astropy.
    """
    if isinstance(value, str):
        text = value.replace("'", "''")
        text = f"'{text:8}'".ljust(_VALUE) if text else "''"
    elif isinstance(value, bool):
        text = "T" if value else "F"
    else:
        text = _float_text(value) if isinstance(value, float) else str(value)
    comment = comment[: max(0, _ROOM + _VALUE - max(_VALUE, len(text)))].rstrip()
    card = f"{name:8}= {text:>20} / {comment}" if comment else f"{name:8}= {text:>20}"
    if len(card) <= CARD:
        return card.ljust(CARD)
    from astropy.io.fits import Card  # slow to import, and hardly needed

    return str(Card(name, value))


def _float_text(value: float) -> str:
    text = repr(value)
    if "e" in text:
        text = text.replace("e", "E")
    if len(text) <= _VALUE:
        return text
    digits, mark, exponent = text.partition("E")  # the last digits go, not the exponent
    return f"{digits[: _VALUE - len(mark) - len(exponent)]}{mark}{exponent}"


def _history_cards(text: str) -> str:
    return "".join(f"HISTORY {text[begin : begin + 72]:72}" for begin in range(0, len(text), 72))
