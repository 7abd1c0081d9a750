"""The data that the stages of a build exchange; all can be pickled and written as JSON."""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import Final, Literal

import msgspec

__all__ = [
    "SETTINGS",
    "STAGES",
    "WCS_NUMBERS",
    "Encoding",
    "FlareSettings",
    "ImageFacts",
    "ImageRecord",
    "ImageSettings",
    "Kind",
    "Settings",
    "ShardFacts",
    "ShardTask",
    "SplitSettings",
    "Status",
    "label_column",
]

#: Path of the settings of a build in a data set.
SETTINGS: Final = ".build/settings.json"

#: The stages of a build, in order.
STAGES: Final = ("search", "keywords", "labels", "split", "images", "finish")

#: How images are stored.
Kind = Literal["lossless", "int16", "binned"]

#: Keywords of the coordinate system that are kept for each record as numbers; missing values are NaN.
WCS_NUMBERS: Final = (
    *("crpix1", "crpix2", "crval1", "crval2", "cdelt1", "cdelt2", "crota2"),
    *("crln_obs", "crlt_obs", "dsun_obs", "rsun_obs", "rsun_ref", "obs_vr", "obs_vw", "obs_vn", "car_rot"),
    *("imcrpix1", "imcrpix2"),
)


class Status(IntEnum):
    """Whether a data set has the image of a segment of a record, or why not."""

    THERE = 0
    NOT_LISTED = 1  #: The record has no file of the segment.
    NOT_FETCHED = 2  #: The file could not be fetched; the next build retries.
    UNREADABLE = 3  #: The file is damaged, or is not an image of this record.


class FlareSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How records are labelled."""

    digest: str  #: SHA-256 of the list of flares.
    windows: tuple[float, ...]  #: Hours after T_REC.
    thresholds: tuple[str, ...]  #: GOES classes, such as ``"M1.0"``.
    time: Literal["peak", "start"] = "peak"  #: The time of a flare that must be within the window.
    by_position: bool = False  #: Whether flares without a NOAA number are assigned by position.
    numbers: str = ""  #: SHA-256 of the list of HARP and NOAA numbers, if given.


class SplitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How records are assigned to sets."""

    #: Fractions, time ranges (``"start/end"``), or months, by name of the set.
    sets: dict[str, float | str | list[int]]
    by: Literal["region", "time", "month"] = "region"
    gap: float = 0.0  #: Hours left out between two sets.
    stratify: bool = False  #: Whether each flare class has the same share in all sets, as far as possible.
    seed: int = 0


class ImageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How images are stored."""

    encoding: Kind = "lossless"
    bin: int = 1  #: Size of averaged squares in pixels.
    shard_records: int = 256  #: Maximum number of records in a shard.


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings that determine the content of a data set; its folder accepts only builds with the same settings."""

    format: int = 1
    service: str
    earlier: tuple[str, ...] = ()  #: Earlier URLs of the service, if a build was resumed with another URL.
    series: str
    segments: tuple[str, ...]
    query: tuple[str, ...] = ()  #: The queries in words; empty if a table is given.
    records: str = ""  #: SHA-256 of the records' identities, if a table is given instead of a query.
    keywords: tuple[str, ...] = ()  #: DRMS names.
    flares: FlareSettings | None = None
    split: SplitSettings | None = None
    images: ImageSettings = ImageSettings()


class Encoding(msgspec.Struct, frozen=True):
    """How pixels are stored: value = number * scale + offset, and ``fill`` (if any) for NaN."""

    dtype: str
    scale: float = 1.0
    offset: float = 0.0
    fill: int | None = None


class ImageRecord(msgspec.Struct, frozen=True, array_like=True):
    """A record in a task that makes images; ``urls`` has an entry for each segment, empty if there is no file."""

    recnum: int
    slot: int
    quality: int
    urls: tuple[str, ...]


class ShardTask(msgspec.Struct, frozen=True, array_like=True):
    """The records of one shard: consecutive records of one HARP in time order."""

    harp: int
    number: int  #: Number of the shard in its HARP, from 0.
    records: tuple[ImageRecord, ...]

    @property
    def identity(self) -> str:
        """SHA-256 of the records and their listed segments; it does not depend on the URLs of the files."""
        known = [(record.recnum, record.slot, [bool(url) for url in record.urls]) for record in self.records]
        return hashlib.sha256(msgspec.json.encode(known)).hexdigest()


class ImageFacts(msgspec.Struct, array_like=True):
    """The outcome for one record."""

    shape: tuple[int, int]  #: Rows and columns of its images; zeros if it has none.
    status: tuple[int, ...]  #: A `Status` for each segment.
    sha256: tuple[str, ...]  #: Digest of the FITS file of each segment; empty if there is none.
    date_obs: str = ""  #: DATE-OBS of the header.
    t_obs: str = ""  #: T_OBS of the header, the reference time of sunpy's maps.
    wcs: tuple[float | None, ...] = ()  #: The values of `WCS_NUMBERS`, None if missing; empty if there is no image.
    reasons: tuple[str, ...] = ()  #: The reason for each listed segment that is missing.


class ShardFacts(msgspec.Struct):
    """The content of a finished shard. It is written after the shard: a shard without facts is unfinished."""

    harp: int
    number: int
    shape: tuple[int, int]  #: Rows and columns for which it was written: the largest of its records, or of the HARP.
    encoding: Encoding
    images: list[ImageFacts]
    files: dict[str, tuple[int, str]]  #: Size and SHA-256 of its files, by path in the data set.
    header: dict[str, str | float]  #: Keywords common to all its images, by FITS name.
    records: str = ""  #: `ShardTask.identity` of the task that made it; empty if unknown.

    @property
    def complete(self) -> bool:
        """Whether a retry would add no image."""
        return all(status != Status.NOT_FETCHED for image in self.images for status in image.status)


def label_column(hours: float, threshold: str) -> str:
    """
    Return the name of the label column of a window and threshold in ``records.parquet`` (1, 0, or null if unknown).

    The other columns are ``row`` and ``time`` (T_REC in UTC), ``HARPNUM``, ``T_REC``, ``QUALITY``, ``region``, the
    keywords, ``split``, then ``group`` (``harp/03944``) and ``index`` of the image in ``images.zarr``, its ``height``
    and ``width`` without padding, ``recnum``, and for each segment ``status_Br``, ``url_Br``, ``sha256_Br``.

    Examples
    --------
    >>> from sunpy_flarecast.dataset.model import label_column
    >>> label_column(24.0, "M1.0")
    'label_24h_M1.0'
    """
    return f"label_{hours:g}h_{threshold}"
