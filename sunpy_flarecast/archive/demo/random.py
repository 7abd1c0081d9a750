"""Random numbers that depend only on their purpose."""

from __future__ import annotations

from typing import Final

import numpy as np

__all__ = ["generator"]

#: Another seed gives other synthetic SHARPs.
_SEED: Final = 0x5A4B


def generator(purpose: int, kind: int, index: int) -> np.random.Generator:
    """Make the generator for a purpose (below 2**16), a kind of data, and an index, such as that of a region or day."""
    # Philox is counter-based: neighbouring keys give independent numbers, the same on every machine.
    key = np.array([_SEED << 48 | purpose << 32 | kind, index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
