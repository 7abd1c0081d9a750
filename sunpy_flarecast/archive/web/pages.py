"""All pages for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from .day_page import day_routes
from .front_page import front_routes
from .harp_page import harp_routes
from .record_page import record_routes
from .search_page import search_routes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .site import Site

__all__ = ["page_routes"]


def page_routes(site: Site, checks: Sequence[Any]) -> APIRouter:
    """Make the routes of all pages."""
    router = APIRouter()
    for routes in (front_routes, day_routes, harp_routes, record_routes, search_routes):
        router.routes += routes(site, checks).routes
    return router
