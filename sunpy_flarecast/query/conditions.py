"""Conditions on the keywords of records: how they are made and checked, and which records satisfy them."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import numpy as np

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.catalog import find_keyword, similar_keywords
from sunpy_flarecast.sharp.values import QUALITY_WORDS, read_quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy.typing as npt

    from sunpy_flarecast.sharp.catalog import Keyword

__all__ = [
    "LEAST_NOAA",
    "LISTED",
    "Condition",
    "compared",
    "example_of",
    "good",
    "harps",
    "known_keyword",
    "looked_up",
    "noaa",
    "without",
]

#: Keywords that every list of records has, by the columns of `~sunpy_flarecast.rest.records.Records`.
LISTED: Final = {
    **dict.fromkeys(("harpnum", "tarpnum"), "harpnum"),
    "quality": "quality",
    "recnum": "recnum",
    "wavelnth": "wavelength",
}

_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

#: Separators of a list of numbers, and the end of a number that was converted to a float somewhere.
_BETWEEN: Final = re.compile(r"[,;\s\[\]]+")
_INTEGRAL: Final = re.compile(r"\.0*$")

#: Times as text: some services and headers add zeros to the seconds, or Z for UTC.
_FRACTION: Final = re.compile(
    r"^(\d{4}[.-]\d\d[.-]\d\d[_T ]\d\d:\d\d:\d\d)(?:(?:\.0*)?|(\.\d*[1-9])0*)(?:(_[A-Z]+)|Z)?$"
)


#: Decimal digits kept when a unit is converted: 617.3 nm gives 6172.999999999998 Å, but means 6173.
_DIGITS: Final = 15

#: NOAA numbers since June 2002 have five digits, and the first is often left out. SMARPs of earlier years have regions
#: with four digits, all above 7900. SHARPs begin with region 11064.
LEAST_NOAA: Final = 10_000
_LEAST_MDI: Final = 7_900


@dataclass(frozen=True, slots=True)
class Condition:
    """
    A condition on the keywords of a record; missing values never satisfy it.

    The operators ``<``, ``<=``, ``>``, ``>=``, ``==`` and ``!=`` compare a single keyword, or its absolute value, with
    a value in its own unit. With ``"without"``, the keyword must have no bit of the value. With ``"lists"``, one of the
    keywords must be one of the integers in the value, or text that lists one of them.
    """

    keywords: tuple[str, ...]
    operator: str
    value: int | float | str | tuple[int, ...]
    absolute: bool = False

    def __post_init__(self) -> None:
        kinds = [known.kind for name in self.keywords if (known := find_keyword(name)) and known.name == name]
        whole = isinstance(self.value, int) and not isinstance(self.value, bool)
        if self.operator == "lists":
            fits = bool(kinds) and isinstance(self.value, tuple) and not self.absolute
        elif self.operator == "without":
            fits = kinds == ["int"] and whole and not self.absolute
        elif kinds == ["text"]:
            fits = self.operator in ("==", "!=") and isinstance(self.value, str) and not self.absolute
        else:
            fits = len(kinds) == 1 and self.operator in _COMPARISONS and (whole or isinstance(self.value, float))
        if not fits or len(kinds) != len(self.keywords):
            raise ValueError(f"not a condition on keywords: {self.keywords!r} {self.operator} {self.value!r}")

    @property
    def listed(self) -> bool:
        """Whether lists of records suffice to decide it, without requests for keywords."""
        return LISTED.keys() >= set(self.keywords)

    def satisfied(self, columns: Mapping[str, np.ma.MaskedArray[Any, Any]]) -> npt.NDArray[np.bool_]:
        """Return which records satisfy the condition, given columns by their names, masked where missing."""
        chosen = [columns[name] for name in self.keywords]
        if isinstance(self.value, tuple):
            return np.asarray(np.any([_lists(column, self.value) for column in chosen], axis=0))
        [column] = chosen
        if isinstance(self.value, str):
            fits = np.array([_plain(str(text)) for text in column.data], dtype=object) == _plain(self.value)
            fits = fits if self.operator == "==" else ~fits
        elif self.operator == "without":
            fits = (column.data & self.value) == 0
        else:
            data = np.abs(column.data) if self.absolute else column.data
            fits = _COMPARISONS[self.operator](data, self.value)
        return np.asarray(fits & ~np.ma.getmaskarray(column), dtype=bool)

    def __str__(self) -> str:
        """The condition in a few words, for messages."""
        names = " or ".join(name.upper() for name in self.keywords)
        value = ", ".join(map(str, self.value)) if isinstance(self.value, tuple) else self.value
        sign = "in" if self.operator == "lists" and len(self.keywords) == 1 else self.operator
        return f"{f'abs({names})' if self.absolute else names} {sign} {value}"


def _plain(text: str) -> str:
    """Strip text, and zeros and Z at the end of times."""
    return _FRACTION.sub(r"\1\2\3", text.strip())


def _lists(column: np.ma.MaskedArray[Any, Any], numbers: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    known = ~np.ma.getmaskarray(column)
    if column.dtype != object:
        return np.asarray(known & np.isin(column.data, numbers))
    # Many records share their text, since that of a HARP rarely changes.
    wanted = set(map(str, numbers))
    texts = {
        text: any(_INTEGRAL.sub("", part).lstrip("0") in wanted for part in _BETWEEN.split(str(text)))
        for text in {*column.data}
    }
    listed = np.fromiter((texts[text] for text in column.data), dtype=bool, count=len(column))
    return np.asarray(known & listed)


def looked_up(conditions: Iterable[Condition]) -> tuple[str, ...]:
    """List the keywords that must be requested, without duplicates."""
    return tuple(dict.fromkeys(name for one in conditions if not one.listed for name in one.keywords))


def known_keyword(name: str) -> Keyword:
    """Find a keyword by its DRMS or FITS name in any letter case, or raise a `QueryError` with similar names."""
    if (known := find_keyword(name)) is not None:
        return known
    if any(sign in name for sign in "*?["):
        raise QueryError(
            f"Keyword({name!r}) is a pattern, but a condition needs a single keyword. results.keywords({name!r}) "
            "(sunpy-flarecast keywords --keyword) gives the keywords that match."
        )
    similar = similar_keywords(name)
    hint = (
        f"Did you mean {' or '.join(map(repr, similar))}?"
        if similar
        else "Examples are 'usflux', 'lon_fwt' and 'noaa_ar'; in Python, print(a.flarecast.Keyword) lists all."
    )
    raise QueryError(f"Keyword {name!r} is not a keyword of SHARP records. {hint}")


def compared(name: str, comparison: str, value: float | str | u.Quantity, *, absolute: bool = False) -> Condition:
    """
    Compare a keyword, or its absolute value, with a number in its own unit, a quantity, or text.

    Raises `QueryError` if the keyword is unknown, or the value has the wrong type or an incompatible unit.
    """
    keyword = known_keyword(name)
    written = f"Keyword({name!r}) {comparison} {value!r}"
    shown = keyword.fits
    if keyword.kind == "text" and absolute:
        raise QueryError(f"abs({written.partition(' ')[0]}): {shown} is text ({keyword.meaning}); leave out abs().")
    if keyword.kind == "text":
        if not isinstance(value, str):
            raise QueryError(f"{written}: {shown} is text ({keyword.meaning}); write Keyword({name!r}) == '...'.")
        if comparison not in ("==", "!="):
            raise QueryError(f"{written}: {shown} is text ({keyword.meaning}), which takes only == and !=.")
        return Condition((keyword.name,), comparison, value.strip())
    example = example_of(keyword, comparison)
    if isinstance(value, str):
        raise QueryError(f"{written}: {shown} is a number ({keyword.meaning}); write {example}.")
    if not isinstance(value, u.Quantity):
        number = read_quality(value) if keyword.name in QUALITY_WORDS else value
        return Condition((keyword.name,), comparison, number, absolute)
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
    return Condition((keyword.name,), comparison, number, absolute)


def example_of(keyword: Keyword, comparison: str = ">") -> str:
    """Return an example of a comparison of a keyword."""
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


def harps(*numbers: int) -> Condition:
    """Return the condition of several HARPs."""
    return Condition(("harpnum",), "lists", numbers)


def noaa(*numbers: int) -> Condition:
    """Return the condition of NOAA active regions; raise `QueryError` for numbers of fewer than five digits."""
    if (number := min(numbers)) < LEAST_NOAA:
        advice = ""
        harp = f"HARPNUM({number}) if it is a HARP number"
        if number >= _LEAST_MDI:
            where = f"a.flarecast.Keyword('noaa_ar') == {number} (--where 'noaa_ar == {number}')"
            advice = f"; for SMARPs of earlier years write {where}, or {harp}"
        elif number > 1_000:
            advice = f"; write NOAA({number + LEAST_NOAA}), or {harp}"
        elif number > 0:
            advice = f"; write {harp}"
        raise QueryError(
            f"NOAA({number}): the active regions of the years that SHARPs cover have five-digit numbers, "
            f"from 11064 on{advice}."
        )
    return Condition(("noaa_ar", "noaa_ars"), "lists", numbers)


def good() -> Condition:
    """Return the condition of quality 0."""
    return Condition(("quality",), "==", 0)


def without(mask: int) -> Condition:
    """Return the condition that quality has no bit of a mask."""
    return Condition(("quality",), "without", mask)
