"""HTML pages from the templates of this package, and their files; nothing is loaded from other hosts."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
from fastapi import APIRouter, HTTPException, Response
from markupsafe import Markup
from starlette.responses import HTMLResponse
from swagger_ui_bundle import swagger_ui_path

from sunpy_flarecast._version import __version__

from .disk import disk_grid
from .text import FILTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["html_response", "render", "static_routes"]

_TEMPLATES: Final = Path(__file__).parent.with_name("templates")

#: The files that pages load.
_FILES: Final = {name: _TEMPLATES / name for name in ("page.css", "page.js", "ui.js")} | {
    name: Path(str(swagger_ui_path), name) for name in ("swagger-ui.css", "swagger-ui-bundle.js")
}

_TYPES: Final = {".css": "text/css", ".js": "text/javascript"}

#: The content security policy of all pages: injected scripts and styles are blocked.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; style-src 'self'"
)


def html_response(name: str, values: dict[str, Any], *, status: int = 200, inline_style: bool = False) -> HTMLResponse:
    """Make the reply with a page from the template ``{name}.html``."""
    headers = {
        "content-security-policy": _POLICY + " 'unsafe-inline'" * inline_style,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
    return HTMLResponse(render(name, values), status, headers)


def render(name: str, values: dict[str, Any]) -> Markup:
    """Render the template ``{name}.html``, with all values escaped."""
    return Markup(_environment().get_template(f"{name}.html").render(values))  # noqa: S704 (values are escaped)


def static_routes(checks: Sequence[Any]) -> APIRouter:
    """Make the route of the pages' files, whose URLs contain the version of this package."""
    router = APIRouter(include_in_schema=False, dependencies=checks)

    @router.head("/ui/{name}")
    @router.get("/ui/{name}")
    def file(name: str) -> Response:
        path = _FILES.get(name)
        if path is None:
            raise HTTPException(
                404,
                f"The file {name[:80]!r} does not exist. The front page is /, and the interface is described at /ui.",
            )
        # Not a FileResponse, which imports modules in the event loop at its first use.
        return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers={"cache-control": "max-age=86400"})

    return router


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"version": __version__, "disk_grid": disk_grid}
    made.filters |= FILTERS
    return made
