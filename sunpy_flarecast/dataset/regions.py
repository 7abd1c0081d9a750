"""Which records show the same active region: HARPs joined through the NOAA numbers that they share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["noaa_numbers", "regions"]

_NUMBER: Final = re.compile(r"\d+", re.ASCII)


def noaa_numbers(text: str) -> tuple[int, ...]:
    """
    Read the numbers in a keyword NOAA_ARS.

    Examples
    --------
    >>> from sunpy_flarecast.dataset.regions import noaa_numbers
    >>> noaa_numbers("11984,11985"), noaa_numbers("MISSING")
    ((11984, 11985), ())
    """
    return tuple(number for found in _NUMBER.findall(text) if (number := int(found)))


def regions(harps: npt.ArrayLike, noaas: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """
    Name the region of each record: the lowest number of the HARPs that share NOAA numbers, directly or through others.

    Parameters
    ----------
    harps : array_like of int
        HARP number of each record.
    noaas : array_like of str
        NOAA numbers of each record, with commas between them, as the keyword NOAA_ARS has them.

    Examples
    --------
    HARPs 1 and 2 have nothing in common but HARP 4, which holds the NOAA regions of both.

    >>> from sunpy_flarecast.dataset.regions import regions
    >>> regions([1, 2, 3, 4], ["11984", "11985", "", "11984,11985"]).tolist()
    [1, 1, 3, 1]
    """
    names, place = np.unique(np.asarray(harps, dtype=np.int64), return_inverse=True)
    texts, text = np.unique(np.asarray(noaas, dtype=str), return_inverse=True)
    parent = list(range(len(names)))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = one = parent[parent[one]]
        return one

    first: dict[int, int] = {}  # HARP in which a NOAA number was met first
    pairs = np.unique(place.astype(np.int64) * len(texts) + text)  # few, and records are many
    for harp, which in zip(*(part.tolist() for part in np.divmod(pairs, len(texts) or 1)), strict=True):
        for number in noaa_numbers(str(texts[which])):
            one, other = sorted((root(harp), root(first.setdefault(number, harp))))
            parent[other] = one
    return names[[root(one) for one in range(len(names))]][place] if len(names) else names
