"""Small FITS files as JSOC stores them, and tasks of data sets made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from sunpy_flarecast.dataset.model import ImageRecord, ImageSettings, Settings, ShardTask
from sunpy_flarecast.sharp.t_rec import t_rec_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

SERIES = "hmi.sharp_cea_720s"
FIRST = 1005481
BLANK = -(2**31)


def stored(path: Path, pixels: npt.NDArray[Any], *, packed: bool = True, **cards: Any) -> Path:
    """Write integers, RICE-compressed or not, with cards such as BSCALE, BLANK and HARPNUM."""
    header = fits.Header({name.replace("__", "-"): value for name, value in cards.items() if name not in _SCALING})
    made = fits.CompImageHDU(pixels, header) if packed else fits.PrimaryHDU(pixels, header)
    for name in _SCALING & set(cards):
        made.header[name] = cards[name]
    made.writeto(path)
    return path


_SCALING = {"BSCALE", "BZERO", "BLANK"}


def full(harp: int, step: int, **cards: Any) -> dict[str, Any]:
    """Return the cards of a record that a data set keeps, and those for integers in steps of 0.01."""
    return {
        "HARPNUM": harp,
        "T_REC": t_rec_text(FIRST + step),
        "T_OBS": "2015.12.11_00:12:00.50_TAI",
        "DATE-OBS": "2015-12-11T00:09:41.30",
        "INSTRUME": "HMI_SIDE1",
        "TELESCOP": "SDO/HMI",
        "CTYPE1": "CRLN-CEA",
        "CTYPE2": "CRLT-CEA",
        "CUNIT1": "degree",
        "CUNIT2": "degree",
        "CRPIX1": 3.5,
        "CRPIX2": 2.5,
        "CRVAL1": 100.25 + step,
        "CRVAL2": -12.5,
        "CDELT1": 0.03,
        "CDELT2": 0.03,
        "CRLN_OBS": 90.125,
        "CRLT_OBS": -0.5,
        "DSUN_OBS": 147274096000.0,
        "RSUN_REF": 696000000.0,
        "CAR_ROT": 2171,
        "BSCALE": 0.01,
        "BZERO": 0.0,
        "BLANK": BLANK,
        **cards,
    }


def numbers(rows: int, columns: int, seed: int = 0) -> npt.NDArray[np.int32]:
    """Return integers, some of them missing."""
    pixels = np.random.default_rng(seed).integers(-200_000, 200_000, (rows, columns), dtype=np.int32)
    pixels[:, 0] = BLANK
    return pixels


def settings(*segments: str, shard_records: int = 4, **images: Any) -> Settings:
    return Settings(
        service="http://localhost/",
        series=SERIES,
        segments=segments,
        images=ImageSettings(shard_records=shard_records, **images),
    )


def task(harp: int, number: int, steps: Sequence[int], segments: int, slots: Sequence[int] = ()) -> ShardTask:
    """Return a task of the records of some time steps, or slots, with a file of each segment."""
    urls = ("http://localhost/file",) * segments
    found = slots or [FIRST + step for step in steps]
    return ShardTask(harp, number, tuple(ImageRecord(1000 + slot - FIRST, slot, 0, urls) for slot in found))
