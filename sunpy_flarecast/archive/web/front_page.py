"""The first page, `/`: what the archive holds, as a calendar and a table, its latest time step, and how to get it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response

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
    """Make the route of the first page."""
    router = APIRouter(include_in_schema=False, dependencies=checks)

    def made() -> tuple[Overview, Markup]:
        found = overview_of(site.archive)
        return found, render("calendar", {"years": found.years})

    kept = site.kept(made, 1)

    def page(request: Request) -> Response:
        found, calendar = kept()
        search, segment = found.example
        lines = site.lines(request, search, [segment], _MOST_FILES)
        return site.page(request, "home", {"overview": found, "calendar": calendar, "lines": lines})

    site.add(router, "/", page)
    return router
