"""Columns of a table as fields of a path, such as ``{harpnum}`` and ``{t_rec:%Y%m%d}``."""

from __future__ import annotations

import re
from typing import Any, Final

import astropy.units as u
import numpy as np
from astropy.time import Time

from sunpy_flarecast.utils.masked import mask_of, optional

__all__ = ["path_field", "path_values"]


class _Unknown(str):
    """A value that the service did not give, in a path; it takes any format, so that ``{t_rec:%Y}`` always works."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return str(self)


_UNKNOWN: Final = _Unknown("unknown")


def path_field(column: str) -> str:
    """Name the field of a column."""
    return re.sub(r"\W", "_", column).lower()


def path_values(column: Any) -> list[Any]:
    """Give the values of a column as they stand in a path."""
    if isinstance(column, Time):
        mask = mask_of(column)
        epoch = Time("2000-01-01", scale=column.scale)
        filled = Time(
            np.where(mask, epoch.jd1, column.jd1),
            np.where(mask, epoch.jd2, column.jd2),
            format="jd",
            scale=column.scale,
        )
        values = filled.to_datetime(leap_second_strict="silent") if len(column) else np.array([])
    else:
        values = column.value if isinstance(column, u.Quantity) else column
    return [_UNKNOWN if value is None else value for value in optional(values, column)]
