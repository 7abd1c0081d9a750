"""Columns of keyword tables: filled as values come, with units and masks; and those taken over from other tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import numpy as np
from astropy.table import Column, MaskedColumn
from astropy.time import Time
from astropy.utils.masked import Masked

from sunpy_flarecast.sharp.values import clean, is_unreadable
from sunpy_flarecast.utils.masked import mask_of, unmasked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sunpy_flarecast.sharp.catalog import Keyword

__all__ = ["Filled", "own_column"]

_DTYPES: Final[dict[str, Any]] = {"int": np.int64, "float": np.float64, "text": object}


def own_column(column: Any) -> Any:
    """Copy a column, as one of any table; those of a search do not go with others into one table."""
    if isinstance(column, Time):
        return column.copy()
    mask = mask_of(column)
    return MaskedColumn(unmasked(column), mask=mask, copy=True) if mask.any() else Column(unmasked(column), copy=True)


class Filled:
    """
    A column of one keyword, filled record by record.

    Parameters
    ----------
    keyword : Keyword
        Which one.
    count : int
        How many rows there are; they are masked until they are filled.

    Attributes
    ----------
    came : bool
        Whether a record came with the keyword, be it without a value.
    lacked : bool
        Whether a record came without the keyword.
    unreadable : object
        The first value that was none of the keyword; None if there was none.

    Examples
    --------
    >>> from sunpy_flarecast.catalog import find_keyword
    >>> from sunpy_flarecast.keywords.columns import Filled
    >>> column = Filled(find_keyword("usflux"), 2)
    >>> column.put([1], "2e22")
    >>> column.finished()[1].unmasked, column.finished().mask.tolist()
    (<Quantity 2.e+22 Mx>, [True, False])
    """

    def __init__(self, keyword: Keyword, count: int) -> None:
        self.keyword = keyword
        self.values = np.zeros(count, dtype=_DTYPES[keyword.kind])
        self.mask = np.ones(count, dtype=bool)
        self.came = self.lacked = False
        self.unreadable: Any = None

    def put(self, rows: Sequence[int], value: Any) -> None:
        """Fill in what came for a record."""
        self.came = True
        plain = clean(value, self.keyword)
        if plain is None:
            if self.unreadable is None and is_unreadable(value, self.keyword):
                self.unreadable = value
            return
        if isinstance(plain, float) and self.values.dtype == np.int64:
            self.values = self.values.astype(np.float64)
        for row in rows:
            self.values[row], self.mask[row] = plain, False

    def take(self, column: Any, rows: Any = slice(None), of: Any = slice(None)) -> None:
        """Fill rows with those of another column, of whatever unit that can be converted."""
        unit = u.Unit(self.keyword.unit)
        mask = mask_of(column)[of]
        if getattr(column, "unit", None) is not None:
            column = column.to(unit) if isinstance(column, u.Quantity) else u.Quantity(column, column.unit).to(unit)
        plain = unmasked(getattr(column, "value", column))[of]
        if plain.dtype.kind == "f" and self.values.dtype == np.int64:
            self.values = self.values.astype(np.float64)
        self.values[rows] = np.where(mask, self.values[rows], plain)
        self.mask[rows] = mask

    def finished(self) -> Any:
        """Give the column as `~astropy.table.QTable` has it: a quantity where there is a unit."""
        values = self.values
        if values.dtype == object:
            values = np.where(self.mask, "", values).astype(str)
        elif values.dtype == np.float64:
            values[self.mask] = np.nan
        missing = bool(self.mask.any())
        if self.keyword.unit:
            quantity = u.Quantity(values, self.keyword.unit, dtype=values.dtype)
            return Masked(quantity, mask=self.mask) if missing else quantity
        return MaskedColumn(values, mask=self.mask) if missing else Column(values)
