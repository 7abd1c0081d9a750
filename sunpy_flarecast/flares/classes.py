"""GOES classes of flares: from text to peak flux and back."""

from __future__ import annotations

import math
import re
from typing import Final

from sunpy_flarecast.errors import QueryError

__all__ = ["class_of_flux", "flux_of_class", "threshold_name"]

_EXPONENTS: Final = {"A": -8, "B": -7, "C": -6, "M": -5, "X": -4}
_CLASS: Final = re.compile(r"([ABCMX])\s*(\d{1,3}(?:\.\d{1,3})?)\s*\+?", re.ASCII | re.IGNORECASE)


def flux_of_class(text: str) -> float:
    """
    Return the peak flux (1 to 8 Angstrom) of a GOES class in W/m2.

    Parameters
    ----------
    text : str
        GOES class, such as ``"M1.0"``.

    Returns
    -------
    float
        The flux; NaN if the text is not a class with a number.

    Examples
    --------
    >>> from sunpy_flarecast.flares import flux_of_class
    >>> flux_of_class("M1.0"), flux_of_class("C10.0"), flux_of_class("g")
    (1e-05, 1e-05, nan)
    """
    match = _CLASS.fullmatch(text.strip())
    # Decimal text is rounded once, so C10.0 equals M1.0; a product of two floats might not.
    return float(f"{match[2]}e{_EXPONENTS[match[1].upper()]}") if match else math.nan


def class_of_flux(flux: float) -> str:
    """
    Return the GOES class of a peak flux in W/m2 with one decimal, rounded down as NOAA does.

    Examples
    --------
    >>> from sunpy_flarecast.flares.classes import class_of_flux
    >>> class_of_flux(9.99e-6), class_of_flux(1e-5), class_of_flux(2.8e-3)
    ('C9.9', 'M1.0', 'X28.0')
    """
    letter = next((letter for letter in "XMCB" if flux >= float(f"1e{_EXPONENTS[letter]}")), "A")
    return f"{letter}{math.floor(flux * 10 ** (1 - _EXPONENTS[letter]) + 1e-9) / 10:.1f}"


def threshold_name(threshold: str) -> str:
    """
    Return a threshold in standard form: ``"m1"`` becomes ``"M1.0"``.

    Parameters
    ----------
    threshold : str
        GOES class.

    Returns
    -------
    str

    Raises
    ------
    QueryError
        If the threshold is not a GOES class.

    Examples
    --------
    >>> from sunpy_flarecast.flares import threshold_name
    >>> threshold_name("m1"), threshold_name("C5.0")
    ('M1.0', 'C5.0')
    """
    match = _CLASS.fullmatch(threshold.strip()) if isinstance(threshold, str) else None
    if match is None or float(match[2]) == 0:
        raise QueryError(
            f"The threshold {threshold!r} is not a GOES class. Write a letter (A, B, C, M or X) and a number, such as "
            "'M1.0'."
        )
    return f"{match[1].upper()}{float(match[2])}"
