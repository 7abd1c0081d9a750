"""What pictures need from tables: time steps, numbers with their masks, names with their units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.t_rec import slot_of
from sunpy_flarecast.utils.masked import mask_of, unmasked

if TYPE_CHECKING:
    from astropy.units import UnitBase

    from sunpy_flarecast.table.base import RecordTable

__all__ = ["axis_label", "keyword_label", "masked_floats", "steps_of"]


def steps_of(results: RecordTable, who: str) -> np.ma.MaskedArray[Any, Any]:
    """
    Give the time steps of records as slot numbers, masked where T_REC is missing.

    Parameters
    ----------
    results : FLARECASTResponse
        What a search found.
    who : str
        Who needs them, for the error.

    Raises
    ------
    QueryError
        If there are no records, or none of them has a T_REC.
    """
    if "T_REC" not in results.colnames:
        raise QueryError(f"{who} needs the column 'T_REC', which the table has not any more; use the whole table.")
    if not len(results):
        raise QueryError(f"{who} was given a table without records; there is nothing to draw. Search another range.")
    mask = mask_of(results["T_REC"])
    if mask.all():
        raise QueryError(f"{who}: none of the {len(results):,} records has a T_REC, so that none can be drawn.")
    slots = slot_of(results["T_REC"])
    return np.ma.MaskedArray(unmasked(slots), mask=mask)


def masked_floats(column: Any) -> np.ma.MaskedArray[Any, Any]:
    """
    Give a column as numbers, masked where they are missing or NaN.

    Examples
    --------
    >>> import astropy.units as u
    >>> from sunpy_flarecast.plot.data import masked_floats
    >>> masked_floats([1.0, float("nan")] * u.deg).tolist()
    [1.0, None]
    """
    mask = mask_of(column)
    plain = getattr(column, "unmasked", column)
    plain = np.ma.filled(getattr(plain, "value", plain), 0)
    values = np.array(plain, dtype=float)
    return np.ma.MaskedArray(values, mask=mask | ~np.isfinite(values))


def axis_label(name: str, unit: UnitBase | None) -> str:
    """
    Write a keyword with its unit.

    Examples
    --------
    >>> import astropy.units as u
    >>> from sunpy_flarecast.plot.data import axis_label
    >>> axis_label("usflux", u.Mx)
    'USFLUX (Mx)'
    >>> axis_label("shrgt45", u.dimensionless_unscaled)
    'SHRGT45'
    """
    text = unit.to_string("unicode") if unit is not None else ""
    return f"{name.upper()} ({text})" if text else name.upper()


def keyword_label(table: Any, name: str) -> str:
    """Write a column's name with its unit."""
    return axis_label(name, getattr(table[name], "unit", None))
