"""Group records by active region: HARPs are joined through the NOAA numbers they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["regions"]


def regions(harps: npt.ArrayLike, pairs: tuple[npt.ArrayLike, npt.ArrayLike]) -> npt.NDArray[np.int64]:
    """
    Return the region of each record: the lowest number of the HARPs that share NOAA numbers, directly or indirectly.

    Parameters
    ----------
    harps : array_like of int
        HARP number of each record.
    pairs : NumberPairs
        Rows of records, and a NOAA number for each of these rows; see
        `~sunpy_flarecast.dataset.harp_numbers.number_pairs`.

    Examples
    --------
    HARPs 1 and 2 are joined through HARP 4, which contains the NOAA regions of both.

    >>> from sunpy_flarecast.dataset.regions import regions
    >>> regions([1, 2, 3, 4], ([0, 1, 3, 3], [11984, 11985, 11984, 11985])).tolist()
    [1, 1, 3, 1]
    """
    names, place = np.unique(np.asarray(harps, dtype=np.int64), return_inverse=True)
    rows, numbers = (np.asarray(part, dtype=np.int64) for part in pairs)
    parent = list(range(len(names)))

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = member = parent[parent[member]]
        return member

    first: dict[int, int] = {}  # first HARP with each NOAA number
    for harp, number in np.unique(np.stack([place[rows], numbers], axis=1), axis=0).tolist():
        lower, higher = sorted((root(harp), root(first.setdefault(number, harp))))
        parent[higher] = lower
    roots = np.array([root(member) for member in range(len(names))], dtype=np.int64)
    found: npt.NDArray[np.int64] = names[roots[place]]
    return found
