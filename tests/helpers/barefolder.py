"""A folder of SHARP files without keywords and the table with their keywords, as written by a mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits
from astropy.time import TimeDelta
from bare import NEEDED

from sunpy_flarecast.mirroring.keyword_table import KeywordTable
from sunpy_flarecast.sharp.filenames import file_name
from sunpy_flarecast.sharp.t_rec import slot_time, t_rec_text

if TYPE_CHECKING:
    from pathlib import Path

SERIES = "hmi.sharp_cea_720s"
HARPS = (6178, 6180)

#: T_REC of the first records, 2015-12-11T00:36 TAI.
FIRST = 1005483


def recnum_of(harp: int, step: int) -> int:
    return 5_600_000 + 10 * step + HARPS.index(harp)


def fill(folder: Path, steps: int, *, every: int = 1, segments: tuple[str, ...] = ("Br",), side: int = 30) -> None:
    """Write the files of both HARPs at regular slots, and their table of keywords."""
    rows = []
    for step in range(steps):
        slot = FIRST + every * step
        date = f"{(slot_time(slot).utc - TimeDelta(76.2, format='sec')).isot}Z"
        for harp in HARPS:
            for number, segment in enumerate(segments):
                data = np.random.default_rng((harp, step, number)).integers(0, 999, (side, side), dtype=np.int32)
                hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data)])
                hdus.writeto(folder / file_name(SERIES, segment, harpnum=harp, slot=slot), checksum=True)
            own = {"series": SERIES, "harpnum": harp, "recnum": recnum_of(harp, step), "t_rec": t_rec_text(slot)}
            middle = {"crpix1": (side + 1) / 2, "crpix2": (side + 1) / 2}
            more = middle | {"date__obs": date, "usflux": 1e22 + step, "noaa_ars": "12443,12444", "quality": 0}
            rows.append(NEEDED | own | more)
    KeywordTable(folder).add(rows)


def without_history(file: bytes) -> bytes:
    """Remove the cards with the time when keywords were added."""
    cards = [file[at : at + 80] for at in range(0, len(file), 80)]
    return b"".join(card for card in cards if not card.startswith(b"HISTORY "))
