"""Lists of solar flares from common sources: NOAA, SWPC, the HEK, and tables of your own."""

from .classes import flux_of_class, threshold_name
from .flare_list import FlareList
from .read import read_flares

__all__ = ["FlareList", "flux_of_class", "read_flares", "threshold_name"]


def __dir__() -> list[str]:
    return __all__
