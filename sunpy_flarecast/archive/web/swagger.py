"""The page `/ui`: Swagger UI, all of whose files come from the package ``swagger-ui-bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, Response
from swagger_ui_bundle import swagger_ui_path

from sunpy_flarecast.archive.api.openapi import TITLE

from .html import html_response

__all__ = ["ui_routes"]

#: The files of the page and their types.
_ASSETS: Final = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}

#: Characters of what a client sent that a message repeats.
_QUOTED: Final = 80

#: What Swagger UI does: it has styles in its elements and pictures in its style, and asks this service.
_POLICY: Final = {
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "connect-src": "'self'",
}


def ui_routes() -> APIRouter:
    """
    Make the routes of the Swagger UI.

    Returns
    -------
    `fastapi.APIRouter`
        ``/ui`` and its files.
    """
    router = APIRouter(include_in_schema=False)

    @router.head("/ui")
    @router.get("/ui")
    def page() -> HTMLResponse:
        return html_response("ui", {"title": TITLE}, _POLICY)

    @router.head("/ui/{asset}")
    @router.get("/ui/{asset}")
    def file(asset: str) -> Response:
        if asset not in _ASSETS:
            raise HTTPException(404, f"There is no file {asset[:_QUOTED]!r} here. The page is /ui")
        # Read here, in a thread of the pool: Starlette's own way imports modules in the event loop at its first use,
        # which has failed where other threads were importing at that moment.
        return Response((Path(str(swagger_ui_path)) / asset).read_bytes(), media_type=_ASSETS[asset])

    return router
