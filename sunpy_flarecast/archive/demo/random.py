"""Random numbers that depend on their purpose only."""

from __future__ import annotations

from typing import Final

import numpy as np

__all__ = ["generator"]

#: Another seed gives other synthetic SHARPs.
_SEED: Final = 0x5A4B


def generator(purpose: int, which: int, when: int) -> np.random.Generator:
    """Make the generator for a purpose (below 2**16), for example of a region and a slot."""
    # Philox is counter based: neighbouring keys give unrelated numbers, and they are the same on every machine.
    key = np.array([_SEED << 48 | purpose << 32 | which, when], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
