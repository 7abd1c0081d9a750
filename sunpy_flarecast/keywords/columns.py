"""Columns of keyword tables with units and masks: filled with values as they arrive, or copied from other tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import numpy as np
from astropy.time import Time

from sunpy_flarecast.sharp.values import clean, is_unreadable
from sunpy_flarecast.utils.masked import column_with, mask_of, unmasked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sunpy_flarecast.sharp.catalog import Keyword

__all__ = ["Filled", "own_column"]

_DTYPES: Final[dict[str, Any]] = {"int": np.int64, "float": np.float64, "text": object}


def own_column(column: Any) -> Any:
    """Copy a column of a search as a class that a keyword table can hold."""
    if isinstance(column, Time):
        return column.copy()
    return column_with(unmasked(column).copy(), mask_of(column))


class Filled:
    """
    The column of a keyword, whose rows are masked until they are filled.

    ``came`` is True if any record came with the keyword, even if its value is missing; ``lacked`` is True if any came
    without it; ``unreadable`` is the first value that could not be read as the keyword's type.
    """

    def __init__(self, keyword: Keyword, count: int) -> None:
        self.keyword = keyword
        self.values = np.zeros(count, dtype=_DTYPES[keyword.kind])
        self.mask = np.ones(count, dtype=bool)
        self.came = self.lacked = False
        self.unreadable: Any = None

    def put(self, rows: Sequence[int], value: Any) -> None:
        """Fill in the value of a record."""
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
        """Fill rows with those of another column, after conversion of its unit."""
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
        """Return the column for a `~astropy.table.QTable`, a quantity if the keyword has a unit."""
        values = self.values
        if values.dtype == object:
            values = np.where(self.mask, "", values).astype(str)
        elif values.dtype == np.float64:
            values[self.mask] = np.nan
        return column_with(values, self.mask, self.keyword.unit)
