"""What a user demands of records, made conditions: keywords compared with values, NOAA numbers, quality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import astropy.units as u

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.catalog import find_keyword, similar_keywords
from sunpy_flarecast.sharp.values import QUALITY_WORDS, read_quality

from .conditions import Condition

if TYPE_CHECKING:
    from sunpy_flarecast.sharp.catalog import Keyword

__all__ = ["compared", "example_of", "good", "known_keyword", "noaa", "without"]

#: Decimal digits that a number keeps when its unit is converted: 617.3 nm are 6172.999999999998 Å, and mean 6173.
_DIGITS: Final = 15

#: SHARPs begin in May 2010, when NOAA had come to 11064; astronomers leave the first digit out.
_LEAST_NOAA: Final = 10_000


def known_keyword(name: str) -> Keyword:
    """
    Find a keyword that a user named.

    Parameters
    ----------
    name : str
        DRMS or FITS name in any letter case.

    Returns
    -------
    `~sunpy_flarecast.catalog.Keyword`

    Raises
    ------
    QueryError
        If the catalog does not know it; names those that are spelled alike.
    """
    if (known := find_keyword(name)) is not None:
        return known
    similar = similar_keywords(name)
    hint = (
        f"Did you mean {' or '.join(map(repr, similar))}?"
        if similar
        else "print(a.flarecast.Keyword) lists them; among them are 'usflux', 'r_value', 'lon_fwt', 'noaa_ar'."
    )
    raise QueryError(f"Keyword {name!r} is not among those of SHARP records. {hint}")


def compared(name: str, comparison: str, value: float | str | u.Quantity) -> Condition:
    """
    Compare a keyword with a value.

    Parameters
    ----------
    name : str
        DRMS or FITS name in any letter case.
    comparison : str
        One of ``<``, ``<=``, ``>``, ``>=``, ``==``, ``!=``.
    value : number, str or `~astropy.units.Quantity`
        A number is in the keyword's own unit; text keywords are compared with text.

    Returns
    -------
    Condition

    Raises
    ------
    QueryError
        If there is no such keyword, or it is not of the value's kind or unit.

    Examples
    --------
    >>> import astropy.units as u
    >>> from sunpy_flarecast.query.demands import compared
    >>> print(compared("usflux", ">", 1e14 * u.Wb))
    USFLUX > 1e+22
    """
    keyword = known_keyword(name)
    written = f"Keyword({name!r}) {comparison} {value!r}"
    shown = keyword.fits
    if keyword.kind == "text":
        if not isinstance(value, str):
            raise QueryError(f"{written}: {shown} is text ({keyword.meaning}); write Keyword({name!r}) == '...'.")
        if comparison not in ("==", "!="):
            raise QueryError(f"{written}: {shown} is text ({keyword.meaning}), which takes == and != alone.")
        return Condition((keyword.name,), comparison, value.strip())
    example = example_of(keyword, comparison)
    if isinstance(value, str):
        raise QueryError(f"{written}: {shown} is a number ({keyword.meaning}); write {example}.")
    if not isinstance(value, u.Quantity):
        return Condition((keyword.name,), comparison, read_quality(value) if keyword.name in QUALITY_WORDS else value)
    try:
        unit = u.Unit(keyword.unit)
        number = float(value.to_value(unit))
        if value.unit != unit:
            number = float(f"{number:.{_DIGITS}g}")
    except (u.UnitConversionError, u.UnitTypeError, TypeError, ValueError) as error:
        its = f"is in {keyword.unit}" if keyword.unit else "has no unit"
        more = ", or a plain number" if keyword.unit else ""
        raise QueryError(
            f"{shown} ({keyword.meaning}) {its}, and cannot be compared with {value}. Write {example}{more}."
        ) from error
    return Condition((keyword.name,), comparison, number)


def example_of(keyword: Keyword, comparison: str = ">") -> str:
    """
    Show how a keyword is compared.

    Examples
    --------
    >>> from sunpy_flarecast.catalog import find_keyword
    >>> from sunpy_flarecast.query.demands import example_of
    >>> example_of(find_keyword("usflux"))
    "a.flarecast.Keyword('usflux') > 1e22 * u.Mx"
    """
    if keyword.kind == "text":
        return f"a.flarecast.Keyword({keyword.name!r}) == '...'"
    number = "1e22" if keyword.unit == "Mx" else "5"
    if not keyword.unit:
        unit = ""
    elif keyword.unit.isidentifier():
        unit = f" * u.{keyword.unit}"
    else:
        unit = f" * u.Unit({keyword.unit!r})"
    return f"a.flarecast.Keyword({keyword.name!r}) {comparison} {number}{unit}"


def noaa(number: int) -> Condition:
    """
    Ask for the records of a NOAA active region, be it the best match of the HARP or one of several.

    Parameters
    ----------
    number : int
        With all its five digits.

    Returns
    -------
    Condition

    Raises
    ------
    QueryError
        If no region of SHARP's time has that number.
    """
    if number < _LEAST_NOAA:
        right = f"; write NOAA({number + _LEAST_NOAA})" if number >= 0 and number + _LEAST_NOAA > 11_000 else ""
        raise QueryError(
            f"NOAA({number}): NOAA's active regions of the years that SHARPs cover have numbers of five digits, "
            f"from 11064 on{right}."
        )
    return Condition(("noaa_ar", "noaa_ars"), "lists", number)


def good() -> Condition:
    """Ask for records of quality 0."""
    return Condition(("quality",), "==", 0)


def without(mask: int) -> Condition:
    """Ask for records whose quality has no bit of a mask."""
    return Condition(("quality",), "without", mask)
