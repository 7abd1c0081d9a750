"""Files for `chaos`, the table that a search would return for them, and fetches of it."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits
from sunpy.net import Fido

from sunpy_flarecast import FLARECASTResponse, conf
from sunpy_flarecast.fido.client import FLARECASTClient
from sunpy_flarecast.rest.list_reply import read_records
from sunpy_flarecast.sharp.filenames import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import parfive
    from chaos import Chaos

SERIES = "hmi.sharp_cea_720s"


def fits_bytes(seed: int, side: int = 40) -> bytes:
    data = np.random.default_rng(seed).integers(-1000, 1000, (side, side), dtype=np.int32)
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data)]).writeto(buffer, checksum=True)
    return buffer.getvalue()


def path_of(number: int) -> str:
    return f"/HMI/{SERIES}/{number}/Br.fits"


def name_of(number: int) -> str:
    return file_name(SERIES, "Br", harpnum=377, slot=1005481 + number)


def table_of(chaos: Chaos, numbers: range) -> FLARECASTResponse:
    """Make the table that a search would return."""
    rows = ",".join(
        f'{{"recnum": {number}, "harpnum": 377, "t_rec_index": {1005481 + number},'
        f' "urls": ["{chaos.url}{path_of(number)}"]}}'
        for number in numbers
    )
    records, broken = read_records(f"[{rows}]".encode(), SERIES)
    assert broken == 0
    return FLARECASTResponse.from_records(records, client=FLARECASTClient())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def files_only(url: str) -> Iterator[None]:
    """Use a service that has only files."""
    with (
        conf.set_temp("url", url),
        conf.set_temp("read_timeout", 0.5),
        conf.set_temp("complete_headers", False),
    ):
        yield


def get(chaos: Chaos, folder: Path, numbers: range = range(1), **settings: Any) -> parfive.Results:
    return Fido.fetch(table_of(chaos, numbers), path=folder, progress=False, **settings)
