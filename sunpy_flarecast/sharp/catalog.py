"""The SHARP and SMARP series, their segments and keywords, with units and meanings."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Public as `sunpy_flarecast.catalog`; all other names are internal.
__all__ = [
    "CEA_PIXEL",
    "SPACE_WEATHER",
    "Keyword",
    "Segment",
    "Series",
    "all_keywords",
    "all_series",
    "find_keyword",
    "find_series",
    "similar_keywords",
]

#: First record number that an archive gives to records without a number, above all numbers of JSOC.
FIRST_MADE: Final = 10**12

#: Side of a pixel of the CEA grid: 0.03 degrees on a Sun of JSOC's reference radius, 696 Mm. Divide the gradients
#: (``MEANGBZ``, ...), which are in gauss per pixel, by it to get gauss per megametre. Pixels of SMARPs are four times
#: as large.
CEA_PIXEL: Final = np.radians(0.03) * 696 * u.Mm / u.pix

#: The SHARP parameters for flare forecasting, in the usual order (Bobra et al. 2014, Solar Physics 289, 3549; R_VALUE
#: and AREA_ACR were added later).
SPACE_WEATHER: Final[tuple[str, ...]] = (
    *("usflux", "meangam", "meangbt", "meangbz", "meangbh", "meanjzd", "totusjz", "meanalp", "meanjzh", "totusjh"),
    *("absnjzh", "savncpp", "meanpot", "totpot", "meanshr", "shrgt45", "r_value", "area_acr"),
)

#: The parameters of SMARPs (Bobra et al. 2021, ApJS 256, 26), all from the line-of-sight field. SHARPs have them, too.
SMARP: Final[tuple[str, ...]] = ("usfluxl", "meangbl", "r_value", "cmaskl")


class Segment(msgspec.Struct, frozen=True):
    """
    One image of a SHARP or SMARP record.

    Parameters
    ----------
    name : str
        The segment's name as JSOC spells it, for example ``"Bt_err"``.
    unit : str
        The unit of the pixels, in a spelling that `sunpy.map.sources.HMIMap` accepts as ``BUNIT``; empty for masks,
        codes, and numbers whose unit has no such spelling.
    meaning : str
        A description in one line.
    """

    name: str
    unit: str
    meaning: str


class Series(msgspec.Struct, frozen=True):
    """
    One SHARP or SMARP series.

    Parameters
    ----------
    name : str
        The full name, for example ``"hmi.sharp_cea_720s"``.
    projection : str
        ``"CCD"`` (pixels of the camera) or ``"CEA"`` (cylindrical equal area).
    meaning : str
        A description in one line.
    segments : tuple of Segment
        The segments in JSOC's order.
    instrument : str
        ``"HMI"`` (SHARP) or ``"MDI"`` (SMARP).
    step : int
        Seconds from one T_REC to the next: 720 (SHARP) or 5760 (SMARP).
    """

    name: str
    projection: str
    meaning: str
    segments: tuple[Segment, ...] = ()
    instrument: str = "HMI"
    step: int = 720

    def __repr__(self) -> str:
        return f"<Series {self.name}: {self.meaning}>"

    @property
    def near_real_time(self) -> bool:
        """Whether this is a near-real-time series, whose records may still be replaced."""
        return self.name.endswith("_nrt")

    @property
    def region_keyword(self) -> str:
        """Keyword of the region's number, ``harpnum`` or ``tarpnum``; HARP and TARP numbers are unrelated."""
        return "harpnum" if self.instrument == "HMI" else "tarpnum"

    @property
    def cea_pixel(self) -> u.Quantity:
        """Side of a pixel of the CEA grid, for gradients such as ``MEANGBL``; that of SMARPs is 4 times `CEA_PIXEL`."""
        return CEA_PIXEL if self.instrument == "HMI" else 4 * CEA_PIXEL

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
    List the four SHARP series, and the two SMARP series.

    Examples
    --------
    >>> from sunpy_flarecast.catalog import all_series
    >>> [series.name for series in all_series() if series.instrument == "HMI"]
    ['hmi.sharp_720s', 'hmi.sharp_720s_nrt', 'hmi.sharp_cea_720s', 'hmi.sharp_cea_720s_nrt']
    >>> [series.name for series in all_series() if series.instrument == "MDI"]
    ['mdi.smarp_96m', 'mdi.smarp_cea_96m']
    """
    text = files("sunpy_flarecast").joinpath("data", "series.json").read_bytes()
    file = msgspec.json.decode(text, type=_File)
    return tuple(msgspec.structs.replace(series, segments=file.projections[_of(series)]) for series in file.series)


def _of(series: Series) -> str:
    return series.projection if series.instrument == "HMI" else series.instrument


def find_series(name: str) -> Series | None:
    """
    Find a series by its full name or one of the service's short forms, in any letter case.

    Parameters
    ----------
    name : str
        For example ``"hmi.sharp_720s"``, or its short forms ``"sharp_720s"`` and ``"720"`` (an early name).

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
    return next((one for one in all_series() if folded in (one.name, one.name.partition(".")[2])), None)


def step_of(series: str) -> int:
    """Return the seconds from one T_REC to the next; 720 for a series that the catalog does not know."""
    known = find_series(series)
    return known.step if known else 720


def region_word(series: str) -> str:
    """Return the name for regions of a series: TARP for SMARPs, else HARP."""
    known = find_series(series)
    return "TARP" if known is not None and known.instrument == "MDI" else "HARP"


def margin_of(series: str) -> float:
    """Return the largest distance of DATE-OBS from T_REC in seconds: 300 for HMI, half a time step (2880) for MDI."""
    return 300.0 if (step := step_of(series)) == 720 else step / 2


def region_number(keywords: Mapping[str, Any]) -> Any:
    """Return HARPNUM, or TARPNUM of a SMARP, from keywords in lower case or a header in capitals."""
    names = ("harpnum", "HARPNUM", "tarpnum", "TARPNUM")
    return next((keywords[name] for name in names if name in keywords), None)


class Keyword(msgspec.Struct, frozen=True):
    """
    One keyword of SHARP or SMARP records.

    Parameters
    ----------
    name : str
        Name in the service: the DRMS name in lower case, for example ``"date__obs"``.
    fits : str
        Its name in FITS files, for example ``"DATE-OBS"``.
    unit : str
        The unit in a spelling that astropy reads; empty for text, codes, counts, and numbers whose unit astropy does
        not know (``meaning`` then gives the unit).
    kind : str
        ``"int"``, ``"float"`` or ``"text"``.
    meaning : str
        A description in one line.
    error : str
        Name of the keyword of its error; empty if there is none.
    projections : tuple of str
        Projections (``"CCD"``, ``"CEA"``) of the SHARP series that have it; empty if only SMARPs have it.
    smarp : bool
        Whether the SMARP series have it.
    """

    name: str
    fits: str
    unit: str
    kind: str
    meaning: str
    error: str = ""
    projections: tuple[str, ...] = ("CCD", "CEA")
    smarp: bool = False


@cache
def all_keywords() -> tuple[Keyword, ...]:
    """
    List the keywords of all series in the order of the headers; those that only SMARPs have come last.

    Examples
    --------
    >>> from sunpy_flarecast.catalog import all_keywords
    >>> {keyword.name: keyword.unit for keyword in all_keywords()}["usflux"]
    'Mx'
    """
    text = files("sunpy_flarecast").joinpath("data", "keywords.json").read_bytes()
    return msgspec.json.decode(text, type=tuple[Keyword, ...])


@cache
def _keywords_by_name() -> dict[str, Keyword]:
    by_name = {keyword.fits.casefold(): keyword for keyword in all_keywords()}
    return by_name | {keyword.name: keyword for keyword in all_keywords()}


def find_keyword(name: str) -> Keyword | None:
    """
    Find a keyword by its DRMS or its FITS name, in any letter case.

    Parameters
    ----------
    name : str
        For example ``"lat_fwtpos"`` or ``"LATFWTPO"``.

    Returns
    -------
    Keyword or None
        None if the catalog does not know the name.

    Examples
    --------
    >>> from sunpy_flarecast.catalog import find_keyword
    >>> find_keyword("DATE-OBS").name
    'date__obs'
    """
    return _keywords_by_name().get(name.strip().casefold())


def similar_keywords(name: str) -> tuple[str, ...]:
    """
    List at most three keywords whose names are most similar to an unknown one.

    Examples
    --------
    >>> from sunpy_flarecast.catalog import similar_keywords
    >>> similar_keywords("usfluxx")
    ('usflux', 'usfluxl')
    """
    close = get_close_matches(name.strip().casefold(), _keywords_by_name(), n=3, cutoff=0.6)
    return tuple(dict.fromkeys(_keywords_by_name()[one].name for one in close))
