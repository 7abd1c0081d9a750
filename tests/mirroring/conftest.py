"""Sources for the tests of mirrors: JSOC in small, and FLARECAST services of full and of bare files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from faults import Layer
from jsoc import JSOC, Held, held

from sunpy_flarecast.archive import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SERIES = "hmi.sharp_cea_720s"

#: T_REC 2015-12-11T00:00:00 TAI, the first slot of its day.
FIRST = 1005480


def sky() -> list[Held]:
    """Give two HARPs, three segments each, every two hours from 22:00 to 04:00 TAI over midnight."""
    return [
        held(SERIES, harp, FIRST + 110 + 10 * step, 5_600_000 + 100 * harp + step, "Bp", "Bt", "Br")
        for step in range(4)
        for harp in (6178, 6180)
    ]


@pytest.fixture
def jsoc() -> Iterator[tuple[str, Layer, JSOC]]:
    """Serve JSOC in small; gives its URL, the layer that counts and makes faults, and what it has."""
    server = JSOC(sky())
    layer = Layer(server)
    with running(layer) as url:
        yield url, layer, server


@pytest.fixture
def tree() -> Callable[[Path], dict[str, bytes]]:
    """Read all that is in a folder, but for the index."""

    def tree(folder: Path) -> dict[str, bytes]:
        return {
            str(file.relative_to(folder)): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file() and "index" not in file.name
        }

    return tree
