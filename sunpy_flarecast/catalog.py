"""What is known of the SHARP series before any service is asked: their names, their segments, units and meanings."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

__all__ = ["Segment", "Series", "all_series", "find_series"]

#: What every name of a SHARP series begins with, and what the service's short forms leave out.
_PREFIX: Final = "hmi."


class Segment(msgspec.Struct, frozen=True):
    """
    One image of a SHARP record.

    Parameters
    ----------
    name : str
        The segment's name as JSOC spells it, for example ``"Bt_err"``.
    unit : str
        The unit of the pixels, in a spelling that `sunpy.map.sources.HMIMap` accepts as ``BUNIT``; empty for masks,
        codes, and numbers without a unit that it could express.
    meaning : str
        What the pixels are.
    """

    name: str
    unit: str
    meaning: str


class Series(msgspec.Struct, frozen=True):
    """
    One SHARP series.

    Parameters
    ----------
    name : str
        The full name, for example ``"hmi.sharp_cea_720s"``.
    projection : str
        ``"CCD"`` (pixels of the camera) or ``"CEA"`` (cylindrical equal area).
    meaning : str
        One line for a user who has to choose.
    segments : tuple of Segment
        The segments in JSOC's order.
    """

    name: str
    projection: str
    meaning: str
    segments: tuple[Segment, ...] = ()

    @property
    def near_real_time(self) -> bool:
        """Whether this is a near-real-time series, whose records may still change."""
        return self.name.endswith("_nrt")

    def segment(self, name: str) -> Segment | None:
        """
        Find a segment by its name in any letter case.

        Examples
        --------
        >>> from sunpy_flarecast.catalog import find_series
        >>> find_series("sharp_cea_720s").segment("BR_ERR").name
        'Br_err'
        """
        folded = name.casefold()
        return next((segment for segment in self.segments if segment.name.casefold() == folded), None)


class _File(msgspec.Struct):
    """The layout of ``data/series.json``, made from the segment tables of JSOC's series information."""

    projections: dict[str, tuple[Segment, ...]]
    series: tuple[Series, ...]


@cache
def all_series() -> tuple[Series, ...]:
    """
    List the four SHARP series.

    Examples
    --------
    >>> from sunpy_flarecast.catalog import all_series
    >>> [series.name for series in all_series()]
    ['hmi.sharp_720s', 'hmi.sharp_720s_nrt', 'hmi.sharp_cea_720s', 'hmi.sharp_cea_720s_nrt']
    """
    text = files("sunpy_flarecast").joinpath("data", "series.json").read_bytes()
    file = msgspec.json.decode(text, type=_File)
    return tuple(
        msgspec.structs.replace(series, segments=file.projections[series.projection]) for series in file.series
    )


def find_series(name: str) -> Series | None:
    """
    Find a series by its full name or one of the service's short forms, in any letter case.

    Parameters
    ----------
    name : str
        ``"hmi.sharp_720s"``, ``"sharp_720s"`` or ``"720"`` (the service's first name for it).

    Returns
    -------
    Series or None
        None if the catalog does not know the name.

    Examples
    --------
    >>> from sunpy_flarecast.catalog import find_series
    >>> find_series("Sharp_CEA_720s").name
    'hmi.sharp_cea_720s'
    """
    folded = name.strip().casefold()
    if folded == "720":
        folded = "sharp_720s"
    folded = folded.removeprefix(_PREFIX)
    return next((series for series in all_series() if series.name.removeprefix(_PREFIX) == folded), None)
