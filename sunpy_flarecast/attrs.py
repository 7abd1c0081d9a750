"""The attrs of searches, also available as ``a.flarecast``."""

from sunpy_flarecast.query.attrs import HARPNUM, NOAA, Quality, Segment, Series, Tolerance
from sunpy_flarecast.query.keyword_attr import Keyword

__all__ = ["HARPNUM", "NOAA", "Keyword", "Quality", "Segment", "Series", "Tolerance"]

for _attr in (HARPNUM, NOAA, Keyword, Quality, Segment, Series, Tolerance):
    _attr.__module__ = __name__


def __dir__() -> list[str]:
    return __all__
