"""The first page, `/`: what the archive holds, as tables and pictures, and how to get it."""

from __future__ import annotations

import hashlib
import json
import shlex
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec
from anyio import Lock, to_thread
from fastapi import APIRouter, HTTPException
from fastapi.requests import Request  # noqa: TC002 (FastAPI reads the annotations of the routes)
from fastapi.responses import Response

from sunpy_flarecast.archive.api.openapi import TITLE
from sunpy_flarecast.archive.base import NotHeldError
from sunpy_flarecast.archive.middleware.metrics import metrics_guard
from sunpy_flarecast.sharp.catalog import find_series

from .html import html_response
from .overview import Overview, overview_of, span_of
from .pictures import can_draw, draw_days, draw_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sunpy_flarecast.archive.base import Archive
    from sunpy_flarecast.archive.settings import Settings

__all__ = ["example_of", "page_routes"]

#: The example of a search where there are no records.
_DAY: Final = date(2015, 12, 11)
_SERIES: Final = "hmi.sharp_720s"
_SEGMENT: Final = "magnetogram"

#: matplotlib's pictures have styles and images in them. The page names another URL when they change.
_PICTURE_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "x-content-type-options": "nosniff",
    "cache-control": "private, max-age=86400",
}


class _Content:
    """The values of the page and its pictures, made again when what the archive holds has changed."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._state = ""
        self._values: dict[str, Any] = {}
        self._pictures: dict[str, bytes | Callable[[], bytes]] = {}

    def values(self) -> dict[str, Any]:
        state = _state(self._archive)
        if state != self._state:
            overview = overview_of(self._archive)
            self._pictures = _pictures(overview) if can_draw() else {}
            meanings = ((holding.series, find_series(holding.series)) for holding in overview.holdings)
            self._values = {
                "title": TITLE,
                "overview": overview,
                "example": example_of(overview),
                "state": state,
                "meanings": {name: series.meaning if series else "" for name, series in meanings},
                "spans": {series: span_of(counts) for series, counts in overview.days.items()},
                "pictures": self._pictures.keys(),
            }
            self._state = state
        return self._values

    def picture(self, name: str) -> bytes | None:
        self.values()
        made = self._pictures.get(name)
        if callable(made):
            made = self._pictures[name] = made()
        return made


def page_routes(
    archive: Archive, settings: Settings, url_of: Callable[[Request], str], checks: Sequence[Any]
) -> APIRouter:
    """Make the routes of the first page and its pictures; ``url_of`` returns the URL by which a client came."""
    router = APIRouter(include_in_schema=False, dependencies=checks)
    content = _Content(archive)
    turn = Lock()  # one thread at a time, so that the threads of lists and files stay free

    def page(request: Request, metrics: bool) -> Response:
        url = url_of(request)
        urls = {"url": url, "python_url": json.dumps(url), "shell_url": shlex.quote(url)}
        return html_response("page", content.values() | urls | {"settings": settings, "metrics": metrics})

    @router.head("/")
    @router.get("/")
    async def first_page(request: Request, metrics: bool = metrics_guard(settings)) -> Response:
        async with turn:
            return await to_thread.run_sync(page, request, metrics)

    @router.head("/pictures/{name:path}.svg")
    @router.get("/pictures/{name:path}.svg")
    async def picture(name: str) -> Response:
        async with turn:
            drawn = await to_thread.run_sync(content.picture, name)
        if drawn is None:
            raise HTTPException(404, "There is no such picture. They are on the page /")
        return Response(drawn, media_type="image/svg+xml", headers=_PICTURE_HEADERS)

    return router


def _state(archive: Archive) -> str:
    """Identify what the archive holds."""
    found: list[Any] = []
    for holding in archive.holdings():
        try:
            found.append((holding, archive.version(holding.series)))
        except NotHeldError:  # removed meanwhile
            found.append((holding, None))
    return hashlib.sha256(msgspec.json.encode(found)).hexdigest()[:16]


def _pictures(overview: Overview) -> dict[str, bytes | Callable[[], bytes]]:
    """Say how each picture is drawn when it is first requested."""
    found: dict[str, bytes | Callable[[], bytes]] = {
        f"days/{series}": partial(draw_days, counts) for series, counts in overview.days.items() if counts
    }
    if overview.step is not None and any(harp.box for harp in overview.step.harps):
        found["disk"] = partial(draw_disk, overview.step)
    return found


def example_of(overview: Overview) -> dict[str, str]:
    """Choose the example of a search: the latest day of a series that the client knows, and a segment of it."""
    known = [name for name, counts in overview.days.items() if find_series(name) and counts]
    series = max(known, key=lambda name: max(overview.days[name]), default=_SERIES)
    day = max(overview.days.get(series, {}), default=_DAY)
    segments = overview.segments.get(series) or (_SEGMENT,)
    segment = _SEGMENT if _SEGMENT in segments else segments[0]
    end = day + timedelta(days=1) if day < date.max else day
    return {"series": series, "segment": segment, "start": str(day), "end": str(end)}
