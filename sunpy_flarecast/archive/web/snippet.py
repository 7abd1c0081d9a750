"""What to write in Python and in the terminal to get something from a service; text, as it is to be copied."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from sunpy_flarecast.sharp.catalog import find_series

if TYPE_CHECKING:
    from .overview import Overview

__all__ = ["Snippet", "snippet_of"]

#: Shown where an archive has no records yet.
_SOME_DAY: Final = date(2015, 12, 11)
_SOME_SERIES: Final = "hmi.sharp_720s"
_SOME_SEGMENT: Final = "magnetogram"


class Snippet(msgspec.Struct, frozen=True):
    """How to search a day: in Python, and in the terminal."""

    python: str
    terminal: str


def snippet_of(overview: Overview, url: str, *, token: bool = False) -> Snippet:
    """
    Write how to search the latest day of an archive.

    Parameters
    ----------
    overview : Overview
        What the archive holds.
    url : str
        Of the service.
    token : bool, optional
        Whether the service demands one.

    Returns
    -------
    Snippet

    Examples
    --------
    >>> from sunpy_flarecast.archive.web.overview import Overview
    >>> from sunpy_flarecast.archive.web.snippet import snippet_of
    >>> empty = Overview(synthetic=False, holdings=(), days={}, step=None)
    >>> print(snippet_of(empty, "http://localhost:8001").terminal)
    export FLARECAST_URL='http://localhost:8001'
    sunpy-flarecast search 2015-12-11 2015-12-12 --series hmi.sharp_720s --segment magnetogram
    """
    day, series, segment = _example(overview)
    end = day + timedelta(days=1) if day < date.max else day
    text, shell = json.dumps, _quoted
    python = [
        "import sunpy_flarecast",
        "from sunpy.net import Fido, attrs as a",
        "",
        f"sunpy_flarecast.conf.url = {text(url)}",
        *(['sunpy_flarecast.conf.token = "..."  # from whoever runs this service'] if token else []),
        "results = Fido.search(",
        f'    a.Time("{day}", "{end}"),',
        f"    a.flarecast.Series({text(series)}),",
        f"    a.flarecast.Segment({text(segment)}),",
        ")",
        'files = Fido.fetch(results["flarecast"][:4])',
    ]
    terminal = [
        f"export FLARECAST_URL={shell(url)}",
        *(["export FLARECAST_TOKEN='...'"] if token else []),
        f"sunpy-flarecast search {day} {end} --series {_bare(series)} --segment {_bare(segment)}",
    ]
    return Snippet("\n".join(python), "\n".join(terminal))


def _example(overview: Overview) -> tuple[date, str, str]:
    """Choose the series with the latest day among those that a client knows, its day, and a segment of that day."""
    known = [holding for holding in overview.holdings if find_series(holding.series) and overview.days[holding.series]]
    if not known:
        return _SOME_DAY, _SOME_SERIES, _SOME_SEGMENT
    holding = max(known, key=lambda one: max(overview.days[one.series]))
    segments = overview.segments.get(holding.series) or holding.segments or (_SOME_SEGMENT,)
    segment = _SOME_SEGMENT if _SOME_SEGMENT in segments else segments[0]
    return max(overview.days[holding.series]), holding.series, segment


def _quoted(text: str) -> str:
    """Quote for a POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def _bare(text: str) -> str:
    """Quote for a POSIX shell if need be."""
    return text if text.replace(".", "").replace("_", "").isalnum() else _quoted(text)
