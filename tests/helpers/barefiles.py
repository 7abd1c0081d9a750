"""A file without keywords, created in memory, and the keywords that it lacks."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from astropy.io import fits
from bare import NEEDED

NAME = "hmi.sharp_cea_720s.6178.20151211_233600_TAI.Br.fits"

KEYWORDS = NEEDED | {"harpnum": 6178, "usflux": 2e22, "recnum": 7}


#: The keywords of an image, named by `bare.NEEDED`.
SHAPE = (39, 60)


@cache  # once, since astropy writes the current time beside checksums
def compressed(seed: int = 1, shape: tuple[int, int] = SHAPE) -> bytes:
    data = np.random.default_rng(seed).integers(-1000, 1000, shape, dtype=np.int32)
    image = fits.CompImageHDU(data, compression_type="RICE_1", tile_shape=(1, shape[1]))
    return file_bytes(fits.HDUList([fits.PrimaryHDU(), image]), checksum=True)


def file_bytes(hdus: fits.HDUList, checksum: bool) -> bytes:
    buffer = io.BytesIO()
    hdus.writeto(buffer, checksum=checksum)
    return buffer.getvalue()
