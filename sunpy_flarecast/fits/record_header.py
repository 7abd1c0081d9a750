"""Keywords of a record as FITS cards, as JSOC's exports have them; files are not touched here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Self

from sunpy_flarecast._version import __version__
from sunpy_flarecast.sharp.catalog import find_series

from .cards import PLAIN, card_of, comment_of, write_cards
from .cardtext import COMMENT, history_cards, printable, written
from .structure import CARD

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .cards import Value, Written

__all__ = ["IncompleteError", "RecordCards", "header_cards", "lacking"]

#: What `sunpy.map.Map` needs for a map that is right. Without DATE-OBS it takes the present, without CROTA2 an image
#: that is upright, without RSUN_REF or the place of the observer its own; most of that without a warning.
_NEEDED: Final = (
    *("CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "CDELT1", "CDELT2", "INSTRUME"),
    *("DATE-OBS", "T_OBS", "CRLN_OBS", "CRLT_OBS", "DSUN_OBS", "RSUN_REF"),
)

#: Needed on the CCD grid; in cylindrical equal area the patch is upright.
_ROTATION: Final = "CROTA2"

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
    >>> from sunpy_flarecast.fits.record_header import header_cards
    >>> for card in header_cards({"date__obs": "2015-12-11T23:34:08.8Z", "usflux": "1e22", "r_value": None},
    ...                          "hmi.sharp_cea_720s", "br", recnum=7)[:-1]:
    ...     print(card)
    ('DATE-OBS', '2015-12-11T23:34:08.8', 'observation date (UTC)')
    ('USFLUX', 1e+22, '[Mx] total unsigned flux')
    ('BUNIT', 'Mx/cm^2', 'radial field component, positive outward')
    ('RECNUM', 7, 'record number')
    ('DRMS_ID', 'hmi.sharp_cea_720s:7:Br', 'series, record number and segment')
    """
    made = (card_of(name, value) for name, value in keywords.items() if type(value) in PLAIN)
    cards = {card[0]: card[1] for card in made if card is not None}
    held = cards.pop("RECNUM", None)
    number = held if recnum is None else recnum
    return [
        *((name, value, comment_of(name)) for name, value in cards.items()),
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
    >>> from sunpy_flarecast.fits.record_header import lacking
    >>> lacking({"harpnum": 377, "t_rec": "2011.02.15_02:00:00_TAI"})[:2]
    ['CTYPE1', 'CTYPE2']
    """
    return _lacking(write_cards(keywords))


def _lacking(cards: Written) -> list[str]:
    upright = cards.axis.startswith("'CRLN", len("CTYPE1  = "))
    return [name for name in (*_NEEDED, *(() if upright else (_ROTATION,))) if name not in cards.names]


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
    names : frozenset of str
        The FITS names of ``joined``.
    joined : bytes
        80 letters for each, or a multiple of that.
    history : bytes
        What says who added them.
    """

    series: str
    recnum: int | None
    names: frozenset[str]
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
        cards = write_cards(keywords)
        known = {"CROTA2", *held} if "CTYPE1" in held else held  # whoever gave the axes gave their rotation, if any
        if missing := [name for name in _lacking(cards) if name not in known]:
            raise IncompleteError(missing)
        if recnum is None:
            own = (value for name, value in keywords.items() if name.strip().upper() == "RECNUM")
            told = (card_of("recnum", value) for value in own if type(value) in PLAIN)
            recnum = next((card[1] for card in told if card is not None and isinstance(card[1], int)), None)
        history = history_cards(_history(source)).encode("ascii")
        return cls(series, recnum, cards.names, cards.text.encode("ascii"), history)

    def without(self, names: Collection[str]) -> bytes:
        """
        Give the cards but for some.

        Parameters
        ----------
        names : collection of str
            FITS names.
        """
        if self.names.isdisjoint(names):
            return self.joined
        kept = []
        stays = True
        for at in range(0, len(self.joined), CARD):
            name = self.joined[at : at + 8].decode("ascii").rstrip()
            stays = stays if name == "CONTINUE" else name not in names
            if stays:
                kept.append(self.joined[at : at + CARD])
        return b"".join(kept)

    def of_segment(self, segment: str) -> dict[str, str]:
        """
        Write what differs between the segments of a record: its unit, and the number and name in DRMS_ID.

        Parameters
        ----------
        segment : str
            The segment's name; without it there is only the record number.
        """
        return {card[0]: written(*card) for card in _segment_cards(self.series, segment, self.recnum)}


def _segment_cards(series: str, segment: str, recnum: Value | None) -> list[_CardTuple]:
    unit, printed, name = _of_catalog(series, segment)
    cards = [unit] if unit else []
    if recnum is not None:
        cards.append(("RECNUM", recnum, "record number"))
        if name:
            cards.append(("DRMS_ID", f"{printed}:{recnum}:{name}", "series, record number and segment"))
    return cards


@lru_cache(1024)
def _of_catalog(series: str, segment: str) -> tuple[_CardTuple | None, str, str]:
    """Give the unit of a segment as a card, if it has one, and the names of series and segment as cards have them."""
    found = find_series(series)
    known = found.segment(segment) if found is not None else None
    if known is None:
        return None, printable(series), printable(segment)
    unit = ("BUNIT", known.unit, printable(known.meaning)[:COMMENT].rstrip()) if known.unit else None
    return unit, printable(series), known.name


def _history(source: str) -> str:
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"Keywords added by sunpy_flarecast {__version__}, {when}{f', from {printable(source)}' if source else ''}"
