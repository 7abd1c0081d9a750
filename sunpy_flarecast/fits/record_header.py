"""The keywords of a record as cards of its segments, as in JSOC's exports. No files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Self

from sunpy_flarecast._version import __version__
from sunpy_flarecast.sharp.catalog import find_series

from .cards import COMMENT, PLAIN, card_of, history_cards, printable, write_card, write_cards
from .structure import CARD

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .cards import Written

__all__ = ["IncompleteError", "RecordCards", "lacking"]

#: Keywords that `sunpy.map.Map` needs for a correct map. If DATE-OBS is missing, it uses the current time; if CROTA2 is
#: missing, 0; and if RSUN_REF or the observer's position is missing, its own values; in most cases without a warning.
_NEEDED: Final = (
    *("CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "CDELT1", "CDELT2", "INSTRUME"),
    *("DATE-OBS", "T_OBS", "CRLN_OBS", "CRLT_OBS", "DSUN_OBS", "RSUN_REF"),
)

#: Needed on the CCD grid; in cylindrical equal area the patch is upright.
_ROTATION: Final = "CROTA2"


def lacking(keywords: Mapping[str, Any]) -> list[str]:
    """List what `sunpy.map.Map` needs but ``keywords`` (DRMS or FITS names in any letter case) lack."""
    return _lacking(write_cards(keywords))


def _lacking(cards: Written) -> list[str]:
    upright = cards.axis.startswith("'CRLN", len("CTYPE1  = "))
    return [name for name in (*_NEEDED, *(() if upright else (_ROTATION,))) if name not in cards.names]


class IncompleteError(ValueError):
    """Keywords do not suffice for a correct map; ``names`` are the FITS names of the missing ones."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


@dataclass(frozen=True, slots=True)
class RecordCards:
    """The cards of a record, which its segments share."""

    series: str
    recnum: int | None
    #: The FITS names of the cards, and the cards: 80 characters for each, or a multiple of that.
    names: frozenset[str]
    joined: bytes
    #: HISTORY cards that say which version added the keywords, when, and from which source.
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

        Keywords without a value are left out, and so are those that describe a file or differ between segments. The
        record number is by default the keyword ``recnum``; ``source`` goes into HISTORY; ``held`` are FITS names of the
        file's own keywords. Raises `IncompleteError` if `sunpy.map.Map` needs more.
        """
        cards = write_cards(keywords)
        known = {"CROTA2", *held} if "CTYPE1" in held else held  # a file with axes also has their rotation, if any
        if missing := [name for name in _lacking(cards) if name not in known]:
            raise IncompleteError(missing)
        if recnum is None:
            own = (value for name, value in keywords.items() if name.strip().upper() == "RECNUM")
            cards_of = (card_of("recnum", value) for value in own if type(value) in PLAIN)
            recnum = next((card[1] for card in cards_of if card is not None and isinstance(card[1], int)), None)
        when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        origin = f", from {printable(source)}" if source else ""
        history = history_cards(f"Keywords added by sunpy_flarecast {__version__}, {when}{origin}")
        return cls(series, recnum, cards.names, cards.text.encode("ascii"), history.encode("ascii"))

    def without(self, names: Collection[str]) -> bytes:
        """Return all cards except some, given by their FITS names."""
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
        """Return the cards that differ between segments, by their names: BUNIT, RECNUM and DRMS_ID."""
        unit, series, name = _of_catalog(self.series, segment)
        cards = {"BUNIT": unit} if unit else {}
        if self.recnum is not None:
            cards["RECNUM"] = write_card("RECNUM", self.recnum, "record number")
            if name:
                drms_id = f"{series}:{self.recnum}:{name}"
                cards["DRMS_ID"] = write_card("DRMS_ID", drms_id, "series, record number and segment")
        return cards


@lru_cache(1024)
def _of_catalog(series: str, segment: str) -> tuple[str, str, str]:
    """Return the unit of a segment as a card, if it has one, and the printable names of series and segment."""
    found = find_series(series)
    known = found.segment(segment) if found is not None else None
    if known is None:
        return "", printable(series), printable(segment)
    unit = write_card("BUNIT", known.unit, printable(known.meaning)[:COMMENT].rstrip()) if known.unit else ""
    return unit, printable(series), known.name
