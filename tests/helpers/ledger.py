"""An archive of records whose keywords follow a simple rule, so that tests can predict the result of a search."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from astropy.time import TimeDelta

from sunpy_flarecast.archive import NotHeldError, Record
from sunpy_flarecast.sharp.t_rec import slot_text, slot_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

SERIES = "hmi.sharp_cea_720s"

#: 2015-12-11T00:00:00 TAI, 36 s before midnight UTC.
BASE = 1005480

HARPS = (6170, 6171, 6172)

#: DATE-OBS is this much before T_REC.
_EARLIER = TimeDelta(108, format="sec")

NOAA = {6170: (12443, "12443,12445"), 6171: (0, "MISSING"), 6172: (12450, "12450")}


def recnum_of(harp: int, slot: int) -> int:
    return 7_000_000 + (slot - BASE) * 10 + HARPS.index(harp)


@cache
def keywords_of(harp: int, slot: int) -> dict[str, Any]:
    """Return all keywords of a record."""
    after = slot - BASE
    day, clock = slot_text(slot).split("_")[:2]
    return {
        "t_rec": f"{day[:4]}.{day[4:6]}.{day[6:]}_{clock[:2]}:{clock[2:4]}:{clock[4:]}_TAI",
        "date__obs": f"{(slot_time(slot).utc - _EARLIER).isot}Z",
        "harpnum": harp,
        "quality": None if after % 11 == 5 else 1024 if after % 7 == 3 else 0x40000000 if after % 13 == 6 else 0,
        "wavelnth": 6173,
        "usflux": None if after % 10 == 9 else (HARPS.index(harp) + 1) * 1e21 + after * 1e19,
        "meanjzd": "MISSING" if after % 3 == 0 else str(0.5 - 0.01 * after),
        "lon_fwt": -60.0 + 0.1 * after,
        "noaa_ar": NOAA[harp][0],
        "noaa_ars": NOAA[harp][1],
        "r_value": None,
    }


class Ledger:
    """
    Three HARPs for some days, every 12 minutes from `BASE`.

    Parameters
    ----------
    slots : int
        Number of time steps.
    """

    synthetic = False

    def __init__(self, slots: int = 240) -> None:
        self.held = {recnum_of(harp, slot): (harp, slot) for slot in range(BASE, BASE + slots) for harp in HARPS}

    def series(self) -> tuple[str, ...]:
        return (SERIES,)

    def version(self, series: str) -> str | None:
        return None

    def records(self, series: str, start: datetime, end: datetime) -> Iterator[Record]:
        begin, stop = (f"{time:%Y-%m-%dT%H:%M:%S.%f}" for time in (start, end))
        for recnum, record in self.held.items():
            if begin <= keywords_of(*record)["date__obs"][:-1] <= stop:
                yield self.record(series, recnum)

    def record(self, series: str, recnum: int) -> Record:
        if recnum not in self.held:
            raise NotHeldError(f"There is no record {recnum}")
        harp, slot = self.held[recnum]
        known = keywords_of(harp, slot)
        return Record(
            recnum=recnum,
            segments=("magnetogram", "bitmap"),
            harpnum=harp,
            t_rec_index=slot,
            date__obs=known["date__obs"],
            quality=known["quality"],
        )

    def keyword_names(self, series: str) -> list[str]:
        return list(keywords_of(HARPS[0], BASE))

    def keywords_of(
        self, series: str, recnums: Sequence[int], names: Sequence[str] | None = None
    ) -> dict[int, dict[str, Any]]:
        chosen = self.keyword_names(series) if names is None else names
        held = {self.record(series, recnum).recnum: keywords_of(*self.held[recnum]) for recnum in recnums}
        return {recnum: {name: known[name] for name in chosen} for recnum, known in held.items()}

    def segment(self, series: str, recnum: int, name: str) -> bytes:
        raise NotHeldError("There are no files here")
