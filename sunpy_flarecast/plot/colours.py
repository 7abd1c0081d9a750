"""Colours of Okabe and Ito, distinguishable with any colour vision, and line styles for print without colour."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["COLOURS", "GREY", "curve_style"]

#: Those with a contrast of at least 3:1 to both white and black, and a grey that also has it.
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
GREY: Final = "#767676"

_DASHES: Final = ("-", "--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 3)))


def curve_style(place: int) -> dict[str, Any]:
    """Return the style of one of up to 56 curves: four colours, then dashes, then thick lines."""
    dashes, thick = place // len(COLOURS) % len(_DASHES), place // (len(COLOURS) * len(_DASHES))
    return {"color": COLOURS[place % len(COLOURS)], "ls": _DASHES[dashes], "lw": 2.2 if thick else 1.2}
