"""Units as they are written in plots and pages."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import astropy.units as u

if TYPE_CHECKING:
    from astropy.units import UnitBase

__all__ = ["unit_text"]


@lru_cache(maxsize=256)
def unit_text(unit: UnitBase | str) -> str:
    """
    Write a unit for readers; a text that is not a unit stays as it is.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.units import unit_text
    >>> unit_text("Mx/cm^2"), unit_text("erg / cm3"), unit_text("Doppler widths")
    ('Mx/cm²', 'erg/cm³', 'Doppler widths')
    """
    try:
        return str(u.Unit(unit).to_string("unicode", fraction="inline")).replace(" / ", "/")
    except ValueError:
        return str(unit)
