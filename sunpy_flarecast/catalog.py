"""What is known of the SHARP series: their segments and keywords, units and meanings."""

from sunpy_flarecast.sharp.catalog import (
    CEA_PIXEL,
    SPACE_WEATHER,
    Keyword,
    Segment,
    Series,
    all_keywords,
    all_series,
    find_keyword,
    find_series,
    similar_keywords,
)

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


def __dir__() -> list[str]:
    return __all__
