"""The `/ui` page: Swagger UI from the ``swagger-ui-bundle`` package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse  # noqa: TC002 (FastAPI reads the annotations of the routes)

from .html import html_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sunpy_flarecast.archive.settings import Settings

__all__ = ["ui_routes"]


def ui_routes(settings: Settings, checks: Sequence[Any]) -> APIRouter:
    """Make the route of Swagger UI."""
    router = APIRouter(include_in_schema=False, dependencies=checks)

    @router.head("/ui")
    @router.get("/ui")
    def page() -> HTMLResponse:
        return html_response("ui", {"settings": settings}, inline_style=True)  # Swagger UI styles its elements inline

    return router
