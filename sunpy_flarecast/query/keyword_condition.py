"""A keyword compared with a value, as a user writes it and as a query holds it."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, NoReturn

import astropy.units as u
import numpy as np
from sunpy.net.attr import DataAttr

__all__ = ["KeywordCondition"]


class KeywordCondition(DataAttr):  # type: ignore[misc]
    """
    A comparison of a keyword with a value.

    `~sunpy_flarecast.Keyword` makes it by ``<``, ``<=``, ``>``, ``>=``, ``==`` and ``!=``.

    Parameters
    ----------
    name : str
        The keyword.
    operator : str
        The comparison.
    value : number, str or `~astropy.units.Quantity`
        One value.

    Raises
    ------
    TypeError, ValueError
        If the value cannot be compared with any keyword.
    """

    def __init__(self, name: str, operator: str, value: Any) -> None:
        super().__init__()
        self.name = name
        self.operator = operator
        self.value = _comparable(value, f"Keyword({name!r}) {operator} {value!r}")

    def collides(self, other: object) -> bool:
        """Two comparisons ANDed are a range, or concern two keywords, so nothing collides."""
        return False

    def __bool__(self) -> NoReturn:
        # Python takes ``1 < x < 2`` for ``(1 < x) and (x < 2)``, of which only the second part would be left.
        written = f"Keyword({self.name!r})"
        raise TypeError(
            f"A condition on {written} is neither true nor false. Join conditions with & and |, each in parentheses; "
            f"write a range as ({written} > low) & ({written} < high)."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.KeywordCondition({self.name} {self.operator} {self.value})>"


def _comparable(value: Any, written: str) -> Any:
    """Give a single number, quantity or text in plain types."""
    if isinstance(value, str):
        return str(value)
    number = value.value if isinstance(value, u.Quantity) else value
    if isinstance(number, (np.ndarray, np.generic)) and np.ndim(number) == 0:
        number = number.item()
    if isinstance(number, bool) or not isinstance(number, Real):
        raise TypeError(f"{written}: keywords are compared with one number, one quantity, or text.")
    if not np.isfinite(float(number)):
        raise ValueError(f"{written}: no keyword is compared with {number}; records without a value are left out.")
    number = int(number) if isinstance(number, Integral) else float(number)
    return u.Quantity(number, value.unit, subok=True) if isinstance(value, u.Quantity) else number
