"""The cards of a full header: names, units and notes are the catalog's, here is which of its keywords a demo has."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from sunpy_flarecast.sharp.catalog import all_keywords

__all__ = ["Card", "cards"]


class Card(NamedTuple):
    """
    How a keyword is written into a header.

    Parameters
    ----------
    drms : str
        Its DRMS name in lower case.
    fits : str
        Its name in FITS files, of eight letters at most.
    comment : str
        The unit in brackets, if there is one, and a note.
    """

    drms: str
    fits: str
    comment: str


#: Keywords of JSOC's programs, which did not make the demo: versions, parameters, and their log.
_OF_PROGRAMS: Final = """
armcodev armdocu hrpcodev hrpdocu tkp_kwid tkp_klat tkp_tau tkp_tau2 tkp_actv tkp_fnum tkp_ftim tkp_mapr
tkp_runn tkp_runt codever0 codever1 codever2 codever3 codever4 codever5 codever6 invlmbda invlmbdf invtunen
invsvdtl invchist invpolth invpjump invlmbdm invlmbd0 invlmbdb invdltla invlmbds invlmbms invlyotw invwnarw
invwspac invintth invnfcti invnfctq invnfctu invnfctv invconti invwghti invwghtq invwghtu invwghtv invfreep
invflprf invphmap invvlave invblave invbbave invnprcs invncnvg invkeys1 invkeys2 invkeys3 invkeyi1 invkeyi2
invkeyd3 ambdocu ambnerod ambngrow ambnpad ambnap ambntx ambnty ambseed ambneq amblmbda ambtfct0 ambtfctr
"""


@cache
def cards() -> tuple[Card, ...]:
    """
    List the cards in the order of a header.

    Returns
    -------
    tuple of Card

    Examples
    --------
    >>> from sunpy_flarecast.archive.demo.cards import cards
    >>> next(card for card in cards() if card.drms == "usflux")
    Card(drms='usflux', fits='USFLUX', comment='[Mx] total unsigned flux')
    """
    left_out = frozenset(_OF_PROGRAMS.split())
    return tuple(
        Card(keyword.name, keyword.fits, f"[{keyword.unit}] {keyword.meaning}" if keyword.unit else keyword.meaning)
        for keyword in all_keywords()
        if keyword.name not in left_out
    )
