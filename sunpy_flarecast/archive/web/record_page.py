"""The page of a record: its images, files and keywords, and the code that fetches it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, HTTPException, Request, Response

from sunpy_flarecast.archive.api.parameters import QUOTED, held_series
from sunpy_flarecast.archive.api.search import Search
from sunpy_flarecast.archive.index.model import t_rec_utc
from sunpy_flarecast.sharp.catalog import SMARP, SPACE_WEATHER, all_keywords, find_keyword, find_series
from sunpy_flarecast.sharp.values import is_synthetic

from .steps import harp_of, page_of
from .text import value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sunpy_flarecast.archive.base import Archive, Record

    from .site import Site

__all__ = ["record_of", "record_routes", "segments_of"]

#: The vector field, in both projections.
_VECTORS: Final = (("Br", "Bp", "Bt"), ("field", "inclination", "azimuth"))

#: Keywords shown first: the parameters of SHARPs and SMARPs.
_PARAMETERS: Final = frozenset((*SPACE_WEATHER, *SMARP))

_MOST_DIGITS: Final = 18


def record_routes(site: Site, checks: Sequence[Any]) -> APIRouter:
    """Make the route of records."""
    router = APIRouter(include_in_schema=False, dependencies=checks)

    def page(request: Request, series: str, recnum: str) -> Response:
        archive = site.archive
        name, record = record_of(archive, series, recnum)
        keywords = archive.keywords_of(name, [record.recnum])[record.recnum]
        before, after = archive.neighbours(name, record.recnum)
        search = _search(name, record)
        rows = [_keyword(keyword, keywords[keyword]) for keyword in sorted(keywords, key=_rank)]
        parameters = sum(keyword in _PARAMETERS for keyword in keywords)
        values = {
            "series": name,
            "record": record,
            "harp": harp_of(name, record, keywords),
            "marked": is_synthetic(keywords),
            "before": before,
            "after": after,
            "step": None if record.t_rec_index is None else page_of(name, record.t_rec_index),
            "segments": _segments(archive, name, record),
            "parameters": rows[:parameters],
            "keywords": rows[parameters:],
            "lines": None if search is None else site.lines(request, search),
            **_links(name, record),
        }
        return site.page(request, "record", values)

    site.add(router, "/record/{series}/{recnum}", page)
    return router


def record_of(archive: Archive, series: str, recnum: str) -> tuple[str, Record]:
    """Return the series and the record that a path names."""
    name = held_series(series, archive.series())
    if not (recnum.isascii() and recnum.isdecimal() and len(recnum) <= _MOST_DIGITS):
        raise HTTPException(404, f"{recnum[:QUOTED]!r} is not a record number.")
    return name, archive.record(name, int(recnum))


def segments_of(record: Record) -> list[str]:
    """List the segments of a record, those of the vector field first."""
    vector = _vector(record)
    return [*vector, *(name for name in record.segments if name not in vector)]


def _segments(archive: Archive, series: str, record: Record) -> list[dict[str, Any]]:
    known = find_series(series)
    files = archive.segment_files(series, record.recnum)
    found = []
    for name in segments_of(record):
        segment = known.segment(name) if known else None
        found.append(
            {
                "name": name,
                "unit": segment.unit if segment else "",
                "meaning": segment.meaning if segment else "",
                "size": files[name].size if name in files else None,
            }
        )
    return found


def _rank(name: str) -> tuple[bool, int]:
    """Return the sort key of a keyword: parameters, then the rest of the catalog, then other keywords."""
    order = _order()
    return name not in _PARAMETERS, order.get(name, len(order))


@cache
def _order() -> dict[str, int]:
    return {keyword.name: place for place, keyword in enumerate(all_keywords())}


def _keyword(name: str, given: Any) -> dict[str, str]:
    known = find_keyword(name)
    return {
        "name": name,
        "value": value(given, known),
        "unit": known.unit if known else "",
        "meaning": known.meaning if known else "",
    }


def _search(series: str, record: Record) -> Search | None:
    """Return the search that finds only this record: the minute of its T_REC, in UTC."""
    if record.t_rec_index is None or record.harpnum is None:
        return None
    start = datetime.fromtimestamp(t_rec_utc(record.t_rec_index) / 1e6, UTC).replace(second=0, microsecond=0)
    return Search(series=series, start=start, end=start + timedelta(minutes=1), harp=record.harpnum)


def _listed_time(record: Record) -> str | None:
    """Return the time by which the archive lists a record: ``date__obs``, or T_REC if that is missing."""
    if record.date__obs is not None or record.t_rec_index is None:
        return record.date__obs
    return datetime.fromtimestamp(t_rec_utc(record.t_rec_index) / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _links(series: str, record: Record) -> dict[str, str | None]:
    """Return the URLs, relative to the service, of the list with a record, and of tar files with its segments."""
    time = _listed_time(record)
    if time is None or record.harpnum is None:
        return {"listed": None, "download": None, "vector": None}
    instant = {"start": time, "end": time}
    files = {"series": series, **instant, "harp": record.harpnum}
    vector = [("segment", name) for name in _vector(record)]
    return {
        "listed": f"HMI/{quote(series)}?{urlencode(instant)}",
        "download": f"download?{urlencode(files)}",
        "vector": f"download?{urlencode([*files.items(), *vector])}" if vector else None,
    }


def _vector(record: Record) -> tuple[str, ...]:
    return next((names for names in _VECTORS if set(names) <= set(record.segments)), ())
