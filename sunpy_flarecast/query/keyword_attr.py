"""The attr `Keyword`, public as `sunpy_flarecast.attrs.Keyword`, and `KeywordCondition`, its comparisons."""

from __future__ import annotations

import shutil
import textwrap
from numbers import Integral, Real
from typing import Any, NoReturn

import astropy.units as u
import numpy as np
from sunpy.net.attr import Attr, DataAttr, SimpleAttr

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.catalog import all_keywords, find_keyword

from .attr_type import AttrType
from .conditions import compared, known_keyword

__all__ = ["Keyword", "KeywordCondition"]


class _KeywordType(AttrType):
    """Prints `Keyword` with all meanings, which sunpy's table leaves out in a terminal of 80 columns."""

    def __str__(cls) -> str:  # noqa: N805 (a metaclass, which ruff does not see)
        """List the keywords, with units and meanings."""
        width = max(shutil.get_terminal_size().columns, 60)
        name = max(len(keyword.name) for keyword in all_keywords())
        about = (cls.__doc__ or "").strip().partition("\n\n")[0]
        lines = [f"{cls.__module__}.{cls.__name__}", "", *textwrap.wrap(about, width), ""]
        for keyword in all_keywords():
            described = f"[{keyword.unit}] {keyword.meaning}" if keyword.unit else keyword.meaning
            lines += textwrap.wrap(
                described, width, initial_indent=f"{keyword.name:{name}}  ", subsequent_indent=" " * (name + 2)
            )
        return "\n".join(lines)


class Keyword(SimpleAttr, metaclass=_KeywordType):  # type: ignore[misc]
    """
    A keyword of SHARP records, to be compared with a value: ``a.flarecast.Keyword("usflux") > 1e22 * u.Mx``.

    Comparisons are ``<``, ``<=``, ``>``, ``>=``, ``==`` and ``!=``. Write a range as two of them, each in parentheses,
    joined with ``&``; ``abs(a.flarecast.Keyword("lon_fwt")) < 60 * u.deg`` compares the absolute value. A plain number
    is in the keyword's own unit. Missing values never match, not even with ``!=``.

    Parameters
    ----------
    value : str
        The keyword's name, as in DRMS (``"date__obs"``) or in FITS files (``"DATE-OBS"``), in any letter case.

    Raises
    ------
    TypeError
        If the name is not a string, or the keyword is compared with anything but one number, quantity or text.
    ValueError
        If the keyword is compared with NaN or infinity.
    QueryError
        When the keyword is compared, if its name is unknown, a text keyword is compared with a number, a numeric
        keyword is compared with text, or the value has the wrong unit.

    Examples
    --------
    >>> import astropy.units as u
    >>> from sunpy.net import attrs as a
    >>> import sunpy_flarecast
    >>> a.flarecast.Keyword("usflux") > 1e22 * u.Mx
    <sunpy_flarecast.query.keyword_attr.KeywordCondition(usflux > 1e+22 Mx)>
    >>> a.flarecast.Keyword.lon_fwt
    <sunpy_flarecast.attrs.Keyword('lon_fwt'): ... in deg>
    """

    #: Makes numpy and astropy leave comparisons with their numbers to this class.
    __array_ufunc__ = None

    #: Whether the absolute value is compared; set by `abs`.
    absolute = False

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"Keyword({value!r}): the name of a keyword must be a string, such as 'usflux'.")
        super().__init__(value)
        if (known := find_keyword(value)) is not None:
            # help() shows the docstring of an instance, if it has one.
            self.__doc__ = f"{known.fits}: {known.meaning}{f', in {known.unit}' if known.unit else ''}"

    def __repr__(self) -> str:
        known = find_keyword(self.value)
        meaning = f": {self.__doc__.partition(': ')[2]}" if known and self.__doc__ else ""
        shown = f"<{type(self).__module__}.Keyword({self.value!r}){meaning}>"
        return f"abs({shown})" if self.absolute else shown

    def __hash__(self) -> int:
        return hash((Keyword, self.value, self.absolute))

    def __abs__(self) -> Keyword:
        absolute = Keyword(self.value)
        absolute.absolute = True
        return absolute

    def __lt__(self, other: Any) -> KeywordCondition:
        return self._compared("<", other)

    def __le__(self, other: Any) -> KeywordCondition:
        return self._compared("<=", other)

    def __gt__(self, other: Any) -> KeywordCondition:
        return self._compared(">", other)

    def __ge__(self, other: Any) -> KeywordCondition:
        return self._compared(">=", other)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Attr):  # by sunpy and by containers, not by users
            return isinstance(other, Keyword) and (self.value, self.absolute) == (other.value, other.absolute)
        return self._compared("==", other)

    def __ne__(self, other: object) -> Any:
        if isinstance(other, Attr):
            return not self == other
        return self._compared("!=", other)

    def _compared(self, comparison: str, value: Any) -> KeywordCondition:
        name = known_keyword(self.value).name
        condition = KeywordCondition(self.value, comparison, value, absolute=self.absolute)
        compared(name, comparison, condition.value, absolute=self.absolute)  # raises an error if it is invalid
        return condition

    def __and__(self, other: Any) -> NoReturn:
        self._refuse_joining()

    __rand__ = __or__ = __ror__ = __and__

    def _refuse_joining(self) -> NoReturn:
        # ``&`` binds tighter than ``>``, so comparisons without parentheses come here, too.
        raise QueryError(
            f"Keyword({self.value!r}) must be compared before it is joined with & or |; each comparison needs "
            f"parentheses, for example (Keyword({self.value!r}) > 5) & (Keyword({self.value!r}) < 9)."
        )

    def collides(self, other: object) -> bool:
        """Return False; the search refuses a keyword that is not compared."""
        return False


class KeywordCondition(DataAttr):  # type: ignore[misc]
    """A comparison of a `Keyword` with a value."""

    def __init__(self, name: str, operator: str, value: Any, *, absolute: bool = False) -> None:
        super().__init__()
        self.name = name
        self.absolute = absolute
        self.operator = operator
        self.value = _comparable(value, f"Keyword({name!r}) {operator} {value!r}")

    def collides(self, other: object) -> bool:
        """Return False: two comparisons joined with ``&`` are a range, or concern two keywords."""
        return False

    def __bool__(self) -> NoReturn:
        # Python evaluates ``1 < x < 2`` as ``(1 < x) and (x < 2)``, which would drop the first condition.
        written = f"Keyword({self.name!r})"
        raise TypeError(
            f"A condition on {written} is neither true nor false. Join conditions with & and |, each in parentheses; "
            f"write a range as ({written} > low) & ({written} < high)."
        )

    def __repr__(self) -> str:
        name = f"abs({self.name})" if self.absolute else self.name
        return f"<{type(self).__module__}.KeywordCondition({name} {self.operator} {self.value})>"


def _comparable(value: Any, written: str) -> Any:
    """Convert a single number, quantity or text to plain types."""
    if isinstance(value, str):
        return str(value)
    number = value.value if isinstance(value, u.Quantity) else value
    if isinstance(number, (np.ndarray, np.generic)) and np.ndim(number) == 0:
        number = number.item()
    if isinstance(number, bool) or not isinstance(number, Real):
        raise TypeError(f"{written}: keywords are compared with one number, one quantity, or text.")
    if not np.isfinite(float(number)):
        raise ValueError(f"{written}: a keyword cannot be compared with {number}; missing values never match.")
    number = int(number) if isinstance(number, Integral) else float(number)
    return u.Quantity(number, value.unit, subok=True) if isinstance(value, u.Quantity) else number
