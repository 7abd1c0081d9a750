"""Corrections of keywords of SHARP files for sunpy.map: units, names, missing values. No I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.values import is_missing

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Identity", "identify", "mend"]

#: File names of JSOC, and those of this package if HARPNUM or T_REC is unknown; duplicates (``overwrite="unique"``)
#: have an additional number.
_NAME: Final = re.compile(
    r"(?P<series>(hmi\.sharp|mdi\.smarp)\w+)\.(?P<rest>.+)\.(?P<segment>\w*[a-z]\w*?)(\.\d+)?\.(fits|fit|fts)(\.gz|\.fz)?",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"_\d+$")

#: Keywords that header generation 3 (from late 2025) prefixes with an underscore.
_RENAMED: Final = ("BUNIT", "DATAMIN", "DATAMAX")

#: Units of JSOC that astropy does not know, or reads as another unit.
_FOREIGN_UNITS: Final = {
    **dict.fromkeys(("enumerated", "none", "adimensional", "data units", "doppler width units", "ma"), ""),
    **dict.fromkeys(("deg", "degree", "degrees"), "degree"),
}


class Identity(NamedTuple):
    """Full name of the series, and the segment in JSOC's spelling; empty if unknown."""

    series: str
    segment: str


def identify(keywords: Mapping[str, Any], name: str) -> Identity:
    """Find the series and segment of a file by ``DRMS_ID``, ``SEGMENT`` or the file's name (without folders)."""
    series, _, rest = str(keywords.get("DRMS_ID", "")).partition(":")
    segment = rest.partition(":")[2] or str(keywords.get("SEGMENT", ""))
    named = _NAME.fullmatch(name)
    if named and not series:
        series = named["series"]
    if not series and "CTYPE1" in keywords:
        name = "mdi.smarp{}_96m" if "TARPNUM" in keywords else "hmi.sharp{}_720s"
        series = name.format("_cea" if "CEA" in str(keywords["CTYPE1"]) else "")
    found = find_series(series)
    if found is None:
        return Identity("", segment or (named["segment"] if named else ""))
    if not segment and named:
        # The whole name is tried first, since one segment is eta_0.
        tried = (found.segment(text) for text in (named["segment"], _NUMBER.sub("", named["segment"])))
        return Identity(found.name, next((one.name for one in tried if one is not None), ""))
    known = found.segment(segment)
    return Identity(found.name, segment if known is None else known.name)


def mend(keywords: Mapping[str, Any], identity: Identity) -> dict[str, Any]:
    """
    Correct the keywords of a full header, by FITS names in capitals.

    Missing values (``nan`` and ``'nan'`` in generation 1, ``MISSING``, empty cards) are left out. ``_BUNIT`` and
    similar names (generation 3) lose their underscore. ``BUNIT`` becomes the catalog's unit of the segment: JSOC writes
    cm/s for Dopplergrams in m/s, mA (milliampere to astropy) for milliångström, and several texts that are not units.
    ``SEGMENT`` becomes the segment's name.
    """
    mended = {name: value for name, value in keywords.items() if not is_missing(value, name)}
    for name in _RENAMED:
        value = mended.pop(f"_{name}", None)
        if value is not None:
            mended.setdefault(name, value)
    series = find_series(identity.series) if identity.series else None
    known = series.segment(identity.segment) if series else None
    unit = str(mended.pop("BUNIT", "")).strip()
    unit = _FOREIGN_UNITS.get(unit.casefold(), unit) if known is None else known.unit
    if unit == "Mx/cm^2" and series is not None and series.instrument == "MDI":
        unit = "G"  # equal; MDIMap of sunpy refuses Mx/cm^2, which HMIMap accepts
    if unit:
        mended["BUNIT"] = unit
    if identity.segment:
        mended["SEGMENT"] = identity.segment
    return mended
