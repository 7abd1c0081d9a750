"""Code that fetches the records of a search, in Python and for the command line."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sunpy_flarecast.archive.api.search import ALL_BITS
from sunpy_flarecast.sharp.catalog import find_keyword, find_series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sunpy_flarecast.archive.api.search import Comparison, Search
    from sunpy_flarecast.archive.base import Archive

__all__ = ["Lines", "lines_of"]

_MINUTES_PER_SLOT: Final = 12


class Lines(msgspec.Struct, frozen=True):
    """Code that fetches records; ``terminal`` is None for a mask of quality bits: the command has no such option."""

    python: str
    terminal: str | None


def lines_of(
    search: Search, archive: Archive, url: str, *, token: bool, segments: Sequence[str] = (), most: int | None = None
) -> Lines | None:
    """
    Write the code that fetches the records of a search; None for a series that is not in the catalog.

    Parameters
    ----------
    search : Search
        The search; an open end of its range becomes that of the series.
    archive : Archive
        The archive to search.
    url : str
        URL of its service.
    token : bool
        Whether the service requires a token.
    segments : sequence of str, optional
        Segments to fetch (default: all).
    most : int, optional
        Maximum number of files to fetch (default: all).
    """
    if find_series(search.series) is None:
        return None
    start, end = _range(search, archive)
    return Lines(
        python=_python(search, start, end, url, token, segments, most),
        terminal=_terminal(search, start, end, url, token, segments),
    )


def _python(
    search: Search, start: str, end: str, url: str, token: bool, segments: Sequence[str], most: int | None
) -> str:
    parts = [f"a.Time({_quoted(start)}, {_quoted(end)})", f"a.flarecast.Series({_quoted(search.series)})"]
    if segments:
        parts.append(f"a.flarecast.Segment({', '.join(map(_quoted, segments))})")
    if search.harp is not None:
        parts.append(f"a.flarecast.HARPNUM({search.harp})")
    if search.noaa is not None:
        parts.append(f"a.flarecast.NOAA({search.noaa})")
    if search.quality == ALL_BITS:
        parts.append("a.flarecast.Quality.good")
    elif search.quality is not None:
        parts.append(f"a.flarecast.Quality(mask={search.quality:#x})")
    if search.condition is not None:
        parts.append(_condition(search.condition))
    if search.cadence > 1:
        parts.append(f"a.Sample({search.cadence * _MINUTES_PER_SLOT} * u.min)")
    lines = ["import astropy.units as u"] * (search.cadence > 1) + ["import sunpy_flarecast"]
    lines += ["from sunpy.net import Fido, attrs as a", "", f"sunpy_flarecast.conf.url = {_quoted(url)}"]
    lines += ['sunpy_flarecast.conf.token = "..."  # from the operators of this archive'] * token
    lines += ["results = Fido.search(", *(f"    {part}," for part in parts), ")"]
    lines += ["files = Fido.fetch(results)" if most is None else f'files = Fido.fetch(results["flarecast"][:{most}])']
    return "\n".join(lines)


def _terminal(search: Search, start: str, end: str, url: str, token: bool, segments: Sequence[str]) -> str | None:
    if search.quality not in (None, ALL_BITS):
        return None
    words = ["sunpy-flarecast", "fetch", start, end, "--series", search.series]
    for name in segments:
        words += ["--segment", name]
    if search.harp is not None:
        words += ["--harp", str(search.harp)]
    if search.noaa is not None:
        words += ["--noaa", str(search.noaa)]
    if search.quality == ALL_BITS:
        words.append("--good")
    if search.condition is not None:
        words += ["--where", str(search.condition)]
    if search.cadence > 1:
        words += ["--sample", f"{search.cadence * _MINUTES_PER_SLOT} min"]
    lines = [f"export FLARECAST_URL={shlex.quote(url)}"] + ["export FLARECAST_TOKEN='...'"] * token
    return "\n".join([*lines, shlex.join(words)])


def _condition(condition: Comparison) -> str:
    known = find_keyword(condition.keyword)
    name = f"a.flarecast.Keyword({_quoted(known.name if known else condition.keyword)})"
    value = _quoted(condition.value) if isinstance(condition.value, str) else repr(condition.value)
    return f"{f'abs({name})' if condition.absolute else name} {condition.sign} {value}"


def _range(search: Search, archive: Archive) -> tuple[str, str]:
    """Write the ends of a search; an open end is that of the series."""
    if search.start is not None and search.end is not None:
        return _instant(search.start), _instant(search.end)
    held = next(holding for holding in archive.holdings() if holding.series == search.series)
    return (
        _instant(search.start) if search.start else (held.first or "2010-05-01")[:10],
        _instant(search.end) if search.end else _instant(_day_after(held.last or "2010-05-01")),
    )


def _day_after(text: str) -> datetime:
    return datetime.fromisoformat(text[:10]).replace(tzinfo=UTC) + timedelta(days=1)


def _instant(time: datetime) -> str:
    """Write an instant, rounded up to the second, so that the last microsecond of a day becomes its end."""
    if time.microsecond and time < datetime.max.replace(microsecond=0, tzinfo=UTC):
        time += timedelta(microseconds=1_000_000 - time.microsecond)
    text = time.replace(microsecond=0, tzinfo=None).isoformat()
    return text.removesuffix(":00").removesuffix("T00:00")


def _quoted(text: Any) -> str:
    return json.dumps(str(text))
