"""Random numbers that depend on nothing but what they are for."""

from __future__ import annotations

from typing import Final

import numpy as np

__all__ = ["generator"]

#: Changing it changes every synthetic SHARP.
_SEED: Final = 0x5A4B


def generator(purpose: int, which: int, when: int) -> np.random.Generator:
    """
    Make the generator for one purpose.

    Philox is counter based: neighbouring keys give unrelated numbers, and they are the same on every machine.

    Parameters
    ----------
    purpose : int
        What the numbers are for, below 2**16.
    which, when : int
        For example region and slot.

    Returns
    -------
    `numpy.random.Generator`

    Examples
    --------
    >>> from sunpy_flarecast.archive.demo.random import generator
    >>> generator(1, 2, 3).integers(100) == generator(1, 2, 3).integers(100)
    np.True_
    """
    key = np.array([_SEED << 48 | purpose << 32 | which, when], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
