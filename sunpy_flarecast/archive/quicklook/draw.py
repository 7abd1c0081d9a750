"""Draw a picture of one segment from its FITS file, in a separate process."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import msgspec
import numpy as np
from astropy.io import fits

from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.structure import read_headers
from sunpy_flarecast.plot.segments import FIGURE_FROM, figure_of_segment, image_of_segment, notice
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.utils.processes import follow_parent

if TYPE_CHECKING:
    from sunpy_flarecast.archive.base import Archive

__all__ = ["Job", "draw", "prepare"]

#: Maximum number of pixels of an image; a HARP that covers half the disk has 8 million.
_MOST_PIXELS: Final = 50_000_000

#: The archive of synthetic files, if there is one; the files are made in this process.
_ARCHIVE: list[Archive] = []


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A picture to draw; ``source`` is the path or content of a file, or None for a synthetic one."""

    series: str
    recnum: int
    segment: str
    width: int
    title: str
    upside_down: bool
    source: str | bytes | None
    mark: str


def prepare(archive: Archive | None) -> None:
    """Prepare a process for drawing."""
    follow_parent()
    if archive is not None:
        _ARCHIVE.append(archive)


def draw(job: Job) -> bytes:
    """Draw a picture, or a notice for a damaged file, as PNG; raise an OSError if the file cannot be read now."""
    try:
        source = job.source if job.source is not None else _ARCHIVE[0].segment(job.series, job.recnum, job.segment)
        data = _pixels(source if isinstance(source, (str, bytes)) else str(source.path))
    except (TransferError, ValueError) as error:
        return notice(job.width, f"The file of {job.segment} cannot be drawn: it {error}", mark=job.mark)
    series = find_series(job.series)
    options: dict[str, Any] = {
        "upside_down": job.upside_down,
        "smarp": series is not None and series.instrument == "MDI",
        "mark": job.mark,
    }
    if job.width < FIGURE_FROM:
        return image_of_segment(data, job.segment, job.width, **options)
    known = series.segment(job.segment) if series else None
    unit = u.Unit(known.unit if known else "")
    return figure_of_segment(data, job.segment, job.width, title=job.title, unit=unit, **options)


def _pixels(source: str | bytes) -> Any:
    """Read the image of a FITS file, with NaN for missing pixels; the text of a ValueError continues a sentence."""
    read_headers(Path(source) if isinstance(source, str) else source)  # checks that it is complete
    try:
        with fits.open(io.BytesIO(source) if isinstance(source, bytes) else source, memmap=False) as hdus:
            image = next((hdu for hdu in hdus if hdu.is_image and len(hdu.shape) == 2), None)
            if image is None or not math.prod(image.shape):
                raise ValueError("holds no image")
            if math.prod(image.shape) > _MOST_PIXELS:
                raise ValueError(f"has {' x '.join(map(str, image.shape))} pixels, too many for a picture")
            return np.asarray(image.data, dtype=np.float64)
    except (ValueError, MemoryError):
        raise
    except Exception as error:  # damaged tiles raise various types, including an OSError without errno
        if isinstance(error, OSError) and error.errno:
            raise
        raise ValueError(f"cannot be decoded ({error})") from error
