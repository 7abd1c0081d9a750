"""Sets of SHARP keywords for data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sunpy_flarecast.sharp.catalog import SPACE_WEATHER

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ALWAYS", "NOAA", "SWAN", "listed"]

#: The 17 of the 24 parameters of the data set SWAN-SF (Angryk et al. 2020, Scientific Data 7, 227) that are keywords of
#: SHARPs; SHARPs have no keywords for the others, which describe the Lorentz force.
SWAN: Final[tuple[str, ...]] = tuple(name for name in SPACE_WEATHER if name != "area_acr")

#: Keywords with the NOAA numbers of a HARP; the first has all of them.
NOAA: Final = ("noaa_ars", "noaa_ar")

#: Keywords that every data set includes if the service has them: labels and splits need them.
ALWAYS: Final[tuple[str, ...]] = (
    *("noaa_ar", "noaa_ars", "lat_min", "lon_min", "lat_max", "lon_max"),
    *("latdtmin", "londtmin", "latdtmax", "londtmax", "crln_obs", "crlt_obs"),
)


def listed(keywords: Sequence[str]) -> str:
    """List the keywords of a data set; those that samples have only on request come last."""
    usual, others = (", ".join(name for name in keywords if (name in ALWAYS) is always) for always in (False, True))
    return "; not in samples by default: ".join(filter(None, (usual or "none", others)))
