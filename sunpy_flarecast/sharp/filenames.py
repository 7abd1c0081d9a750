"""JSOC's names of segment files: make them from a record, and parse them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .t_rec import slot_text, text_slot

__all__ = ["FITS_ENDING", "FileName", "file_name", "other_series", "read_name"]

#: Endings of FITS files that astropy reads, also compressed by gzip (``.gz``) or fpack (``.fz``).
FITS_ENDING: Final = re.compile(r"\.(?:fits|fit|fts)(?:\.gz|\.fz)?$", re.IGNORECASE)

_NAME: Final = re.compile(
    r"(?P<series>\w+(?:\.\w+)*)\.(?P<harpnum>\d{1,9})"
    r"\.(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)_TAI\.(?P<segment>\w+)\.fits",
    re.ASCII,
)


#: Names and DRMS_IDs of JSOC's data begin with the series.
_SERIES: Final = re.compile(r"((?:aia|hmi|mdi)\.\w+)[.:[]", re.ASCII | re.IGNORECASE)


class FileName(NamedTuple):
    """The parts of a file's name; ``slot`` is T_REC as a slot number, None if the time is not that of a slot."""

    series: str
    harpnum: int
    slot: int | None
    segment: str


def file_name(
    series: str, segment: str, *, harpnum: int | None = None, slot: int | None = None, recnum: int | None = None
) -> str:
    """
    Return the file name of a segment of a record: ``{series}.{harpnum}.{T_REC}.{segment}.fits``.

    The record number replaces an unknown HARPNUM or T_REC, so that the name is unique.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.filenames import file_name
    >>> file_name("hmi.sharp_720s", "magnetogram", harpnum=6178, slot=1005598, recnum=5605571)
    'hmi.sharp_720s.6178.20151211_233600_TAI.magnetogram.fits'
    >>> file_name("hmi.sharp_cea_720s_nrt", "Br", slot=1010166, recnum=1958485)
    'hmi.sharp_cea_720s_nrt.1958485.20160119_011200_TAI.Br.fits'
    """
    if slot is not None and harpnum is not None:
        return f"{series}.{harpnum}.{slot_text(slot)}.{segment}.fits"
    region = harpnum if harpnum is not None else recnum
    time = slot_text(slot) if slot is not None else (recnum if harpnum is not None else None)
    return ".".join(str(part) for part in (series, region, time, segment, "fits") if part is not None)


def read_name(name: str) -> FileName | None:
    """
    Parse one of JSOC's file names, without folder; return None for any other name.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.filenames import read_name
    >>> read_name("hmi.sharp_cea_720s.377.20110215_020000_TAI.Bp_err.fits")
    FileName(series='hmi.sharp_cea_720s', harpnum=377, slot=794290, segment='Bp_err')
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    year, month, day, hour, minute, second = match.groups()[2:8]
    slot = text_slot(f"{year}.{month}.{day}_{hour}:{minute}:{second}_TAI")
    return FileName(match["series"], int(match["harpnum"]), slot, match["segment"])


def other_series(name: str) -> str:
    """
    Return the JSOC series in a file name or DRMS_ID if it is not a SHARP or SMARP series, else an empty string.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.filenames import other_series
    >>> other_series("hmi.M_720s.20110215_020000_TAI.magnetogram.fits"), other_series("hmi.sharp_720s:5605571:bitmap")
    ('hmi.M_720s', '')
    """
    match = _SERIES.match(name)
    return match[1] if match and not any(kind in match[1].casefold() for kind in ("sharp", "smarp")) else ""
