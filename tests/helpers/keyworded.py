"""A folder of small SHARP files with keywords in their headers, for tests of keywords."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from sunpy_flarecast.sharp.filenames import file_name
from sunpy_flarecast.sharp.t_rec import slot_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from faults import Fault, Layer

SERIES = "hmi.sharp_cea_720s"
FIRST = 1005481
HARPS = (6178, 6180)


def recnum_of(harp: int, step: int) -> int:
    return 5_600_000 + 1000 * HARPS.index(harp) + step


def keywords_of(harp: int, step: int) -> dict[str, Any]:
    """Return the keywords in the header of a record; the first record of each HARP lacks some."""
    day = slot_text(FIRST + step)
    found = {
        "HARPNUM": harp,
        "RECNUM": recnum_of(harp, step),
        "T_REC": f"{day[:4]}.{day[4:6]}.{day[6:8]}_{day[9:11]}:{day[11:13]}:{day[13:]}",
        "DATE-OBS": f"{day[:4]}-{day[4:6]}-{day[6:8]}T{day[9:11]}:{day[11:13]}:{day[13:15]}.00",
        "QUALITY": 1024 * (step % 2),
        "WAVELNTH": 6173.0,
        "USFLUX": 1e22 + step * 1e19 + harp,
        "ERRVF": 1e18 + step,
        "MEANGAM": 30.5 + step,
        "ERRGAM": 0.25,
        "R_VALUE": 4.5,
        "NPIX": 1000 + step,
        "NOAA_AR": 12443 if harp == HARPS[0] else 0,
        "NOAA_ARS": "12443,12444" if harp == HARPS[0] else "MISSING",
        "LATFWTPO": -7.5,
    }
    return found | ({"USFLUX": "nan", "NPIX": "nan"} if step == 0 else {})


def fill(folder: Path, steps: int) -> None:
    """Write the files of both HARPs, one per record."""
    for harp in HARPS:
        for step in range(steps):
            header = fits.Header(keywords_of(harp, step))
            name = file_name(SERIES, "bitmap", harpnum=harp, slot=FIRST + step)
            fits.PrimaryHDU(np.full((4, 4), step, dtype=np.int16), header).writeto(folder / name)


def one_at_a_time(layer: Layer) -> Fault:
    """Make a fault: the service ignores all record numbers but the first."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def fault(scope: dict[str, Any], send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        path = re.sub(r"(/meta/\d+),[\d,]*", r"\1", scope["path"])
        await layer.app({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    return fault
