"""Bars of many HARPs in few rows: each in the first row that is free during its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["pack"]


def pack(intervals: Sequence[tuple[float, float]]) -> list[int]:
    """
    Put intervals into rows, in the order of their begins, so that those of one row do not overlap.

    Parameters
    ----------
    intervals : sequence of (float, float)
        Begin and end.

    Returns
    -------
    list of int
        The row of each, from 0 on; as few rows as can be.

    Examples
    --------
    >>> from sunpy_flarecast.plot.lanes import pack
    >>> pack([(0, 4), (1, 3), (3, 5), (4, 6)])
    [0, 1, 1, 0]
    """
    rows = [0] * len(intervals)
    ends: list[float] = []
    for place in sorted(range(len(intervals)), key=lambda one: intervals[one]):
        begin, end = intervals[place]
        row = next((number for number, free in enumerate(ends) if free <= begin), len(ends))
        if row == len(ends):
            ends.append(end)
        rows[place], ends[row] = row, end
    return rows
