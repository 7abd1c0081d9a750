"""The front page, `/`: calendar and table of the archive's records, its latest time step, and code to fetch them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response

from sunpy_flarecast.archive.api.origin import has_synthetic_records

from .html import render
from .overview import overview_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from .overview import Overview
    from .site import Site

__all__ = ["front_routes"]

#: Files that the example fetches.
_MOST_FILES: Final = 4


def front_routes(site: Site, checks: Sequence[Any]) -> APIRouter:
    """Make the route of the front page."""
    router = APIRouter(include_in_schema=False, dependencies=checks)

    def make_overview() -> tuple[Overview, Markup, bool]:
        archive = site.archive
        overview = overview_of(archive)
        marked = any(has_synthetic_records(archive, series) for series in archive.series())
        return overview, render("calendar", {"years": overview.years}), marked

    cached_overview = site.cached(make_overview, 1)

    def page(request: Request) -> Response:
        overview, calendar, marked = cached_overview()
        search, segment = overview.example
        lines = site.lines(request, search, [segment], _MOST_FILES)
        values = {"overview": overview, "calendar": calendar, "lines": lines, "marked": marked}
        return site.page(request, "home", values)

    site.add(router, "/", page)
    return router
