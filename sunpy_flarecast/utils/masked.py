"""Masked table columns of any kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.table import Column, MaskedColumn
from astropy.utils.masked import Masked

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["column_with", "mask_of", "optional", "unmasked"]


def column_with(values: npt.NDArray[Any], mask: npt.NDArray[np.bool_], unit: str = "") -> Any:
    """Return a column for a `~astropy.table.QTable`: a quantity if it has a unit, masked if any value is."""
    masked = bool(mask.any())
    if unit:
        quantity = u.Quantity(values, unit, dtype=values.dtype)
        return Masked(quantity, mask=mask) if masked else quantity
    return MaskedColumn(values, mask=mask) if masked else Column(values)


def mask_of(column: Any) -> npt.NDArray[np.bool_]:
    """Return where a column of any kind is masked."""
    return np.array(np.broadcast_to(getattr(column, "mask", False), np.shape(column)), dtype=bool)


def unmasked(column: Any) -> npt.NDArray[Any]:
    """Return the values of a column; masked values are arbitrary."""
    return np.asarray(getattr(column, "unmasked", column))


def optional(values: Any, column: Any) -> list[Any]:
    """Return values as a list, with None where the column is masked."""
    pairs = zip(unmasked(values).tolist(), mask_of(column).tolist(), strict=True)
    return [None if masked else value for value, masked in pairs]
