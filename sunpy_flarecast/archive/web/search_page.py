"""The page of the search: its form, the records found, page by page, and downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, HTTPException, Request, Response

from sunpy_flarecast.archive.api.search import MOST, find, query_of
from sunpy_flarecast.archive.api.search_parameters import PARAMETERS, read_search
from sunpy_flarecast.archive.base import NotHeldError

from .site import in_order
from .steps import NOAA, harp_of

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        values: dict[str, Any] = {"given": given, "names": names, "cadences": _CADENCES, "fault": None, "search": None}
        if not request.query_params:
            return site.page(request, "search", values)
        try:
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
            "segments": next(
                (holding.segments for holding in archive.holdings() if holding.series == search.series), ()
            ),
            "lines": site.lines(request, search),
        }
        return site.page(request, "search", values)

    site.add(router, "/search", page)
    return router
