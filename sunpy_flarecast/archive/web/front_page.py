"""The first page, `/`: what the archive holds, as tables and pictures, and how to get it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import APIRouter
from fastapi.requests import Request  # noqa: TC002 (FastAPI reads the annotations of the routes)
from fastapi.responses import Response  # noqa: TC002

from sunpy_flarecast._version import __version__
from sunpy_flarecast.archive.api.openapi import TITLE
from sunpy_flarecast.archive.middleware.metrics import metrics_guard
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.t_rec import slot_text

from .coverage import LEVELS, cover
from .disk import FONT_SIZE, RADIUS, Disk, draw_disk
from .html import html_response
from .overview import Overview, Remembered, overview_of
from .snippet import snippet_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sunpy_flarecast.archive.base import Archive, Holding
    from sunpy_flarecast.archive.settings import Settings

__all__ = ["page_routes"]

#: The one thread at a time that makes pages; those that lists and files are read in stay free.
_TURN: Final[RunVar[CapacityLimiter]] = RunVar("sunpy_flarecast.archive.web.front_page")


def page_routes(archive: Archive, settings: Settings, url_of: Callable[[Request], str]) -> APIRouter:
    """
    Make the route of the first page.

    Parameters
    ----------
    archive : Archive
        What it shows; it is asked every some seconds at most, however many look.
    settings : Settings
        How the service behaves.
    url_of : callable
        Gives the URL of the service, as a client reached it.

    Returns
    -------
    `fastapi.APIRouter`
        ``/``.
    """
    router = APIRouter(include_in_schema=False)
    may_see = metrics_guard(settings)
    shown = Remembered(lambda: _shown(overview_of(archive)))

    def page(request: Request) -> Response:
        values: dict[str, Any] = shown()
        url = url_of(request)
        snippet = snippet_of(values["overview"], url, token=bool(settings.tokens))
        told = {"snippet": snippet, "url": url, "settings": settings, "metrics": may_see(request)}
        return html_response("page", {**values, **told})

    @router.head("/")
    @router.get("/")
    async def first_page(request: Request) -> Response:
        return await to_thread.run_sync(page, request, limiter=_turn())

    return router


def _turn() -> CapacityLimiter:
    try:
        return _TURN.get()
    except LookupError:
        limiter = CapacityLimiter(1)
        _TURN.set(limiter)
        return limiter


def _shown(overview: Overview) -> dict[str, Any]:
    """Collect what is the same for everybody who may see it."""
    return {
        "title": TITLE,
        "version": __version__,
        "overview": overview,
        "meanings": {holding.series: _meaning(holding) for holding in overview.holdings},
        "coverages": [(holding.series, cover(overview.days[holding.series])) for holding in overview.holdings],
        "levels": LEVELS,
        "disk": _disk(overview),
        "t_rec": _t_rec(overview),
        "radius": RADIUS,
        "font_size": FONT_SIZE,
    }


def _meaning(holding: Holding) -> str:
    series = find_series(holding.series)
    return series.meaning if series else ""


def _disk(overview: Overview) -> Disk | None:
    return None if overview.step is None else draw_disk(overview.step.harps, overview.step.b0)


def _t_rec(overview: Overview) -> str | None:
    """Write T_REC of the latest time step for people to read."""
    if overview.step is None or overview.step.slot is None:
        return None
    text = slot_text(overview.step.slot)
    return f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[9:11]}:{text[11:13]} TAI"
