"""The page of the search: its form, the records found, page by page, and downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, HTTPException, Request, Response

from sunpy_flarecast.archive.api.origin import has_synthetic_records
from sunpy_flarecast.archive.api.parameters import check_parameters
from sunpy_flarecast.archive.api.search import MOST, find, query_of
from sunpy_flarecast.archive.api.search_parameters import PARAMETERS, read_search
from sunpy_flarecast.archive.base import NotHeldError
from sunpy_flarecast.sharp.catalog import all_keywords, find_keyword

from .site import in_order
from .steps import NOAA, harp_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sunpy_flarecast.archive.api.search import Found, Search
    from sunpy_flarecast.archive.base import Archive
    from sunpy_flarecast.sharp.catalog import Keyword

    from .site import Site

__all__ = ["search_routes"]

#: Cadences offered by the form.
_CADENCES: Final = ("96min", "6h", "12h", "1d")


def search_routes(site: Site, checks: Sequence[Any]) -> APIRouter:
    """Make the route of the search."""
    router = APIRouter(include_in_schema=False, dependencies=checks)
    archive = site.archive

    def page(request: Request) -> Response:
        given = {name: request.query_params.get(name, "") for name in PARAMETERS}
        names = in_order(archive.series())
        values: dict[str, Any] = {
            "given": given,
            "names": names,
            "cadences": _CADENCES,
            "keywords": []
            if not names
            else _keywords(archive, given["series"] if given["series"] in names else names[0]),
            "fault": None,
            "search": None,
        }
        if not request.query_params:
            return site.page(request, "search", values)
        try:
            check_parameters(request, *PARAMETERS, "after")
            search = read_search(request.query_params, archive)
            after = request.query_params.get("after")
            found = find(archive, search, after=after)
            keywords = archive.keywords_of(search.series, [record.recnum for record in found.records], NOAA)
        except NotHeldError as error:
            return site.page(request, "search", values | {"fault": str(error)}, 404)
        except HTTPException as error:
            if error.status_code != 400:
                raise
            return site.page(request, "search", values | {"fault": error.detail}, 400)
        values |= {
            "given": given | search.query,
            "search": search,
            "found": found,
            "harps": [harp_of(search.series, record, keywords[record.recnum]) for record in found.records],
            "query": query_of(search),
            "following": None if found.after is None else query_of(search, after=found.after),
            "shown": query_of(search) if after is None else query_of(search, after=after),
            "longest": query_of(search, limit=MOST),
            "most": MOST,
            "first": after is None,
            "marked": has_synthetic_records(archive, search.series),
            "unit": _unit(search),
            "segments": _segments(archive, search, found) if after is None else _held(archive, search),
            "lines": site.lines(request, search),
        }
        return site.page(request, "search", values)

    site.add(router, "/search", page)
    return router


def _keywords(archive: Archive, series: str) -> list[Keyword]:
    """List the numeric keywords of a series, in the order of the catalog."""
    held = set(archive.keyword_names(series))
    return [keyword for keyword in all_keywords() if keyword.name in held and keyword.kind != "text"]


def _unit(search: Search) -> str:
    known = None if search.condition is None else find_keyword(search.condition.keyword)
    return known.unit if known else ""


def _segments(archive: Archive, search: Search, found: Found) -> Sequence[str]:
    """List the segments of the records found, or those of the series if more records follow."""
    held = _held(archive, search)
    if found.after is not None:
        return held
    present = {name for record in found.records for name in record.segments}
    return [name for name in held if name in present]


def _held(archive: Archive, search: Search) -> Sequence[str]:
    return next((holding.segments for holding in archive.holdings() if holding.series == search.series), ())
