"""Shared by all pages: the archive, the settings, cached values, and the routes."""

from __future__ import annotations

import hashlib
import threading
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec
from anyio import CapacityLimiter, to_thread
from fastapi import Request, Response  # noqa: TC002 (FastAPI reads the annotations of the routes)

from sunpy_flarecast.archive.api.addresses import path_of, root_of
from sunpy_flarecast.archive.api.search_parameters import PARAMETERS
from sunpy_flarecast.archive.base import NotHeldError
from sunpy_flarecast.sharp.catalog import find_series

from .html import html_response
from .snippets import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fastapi import APIRouter

    from sunpy_flarecast.archive.api.search import Search
    from sunpy_flarecast.archive.base import Archive
    from sunpy_flarecast.archive.settings import Settings

    from .snippets import Lines

__all__ = ["Site", "in_order"]

#: Pages made at a time; other threads stay free for lists and files.
_CONCURRENT: Final = 4

_Value = TypeVar("_Value")


class Site:
    """
    The pages of an archive.

    ``url_of`` returns the URL of the service that a client used. Without ``quicklooks``, pages have no pictures.
    """

    def __init__(
        self, archive: Archive, settings: Settings, url_of: Callable[[Request], str], quicklooks: bool
    ) -> None:
        self.archive = archive
        self.settings = settings
        self.quicklooks = quicklooks
        self._url_of = url_of
        self._limiter: CapacityLimiter | None = None

    def state(self) -> str:
        """Return an identifier of the archive's current state."""
        found: list[Any] = []
        for holding in self.archive.holdings():
            try:
                found.append((holding, self.archive.version(holding.series)))
            except NotHeldError:  # removed in the meantime
                found.append((holding, None))
        return hashlib.sha256(msgspec.json.encode(found)).hexdigest()[:16]

    def cached(self, make: Callable[..., _Value], most: int = 16) -> Callable[..., _Value]:
        """Cache the latest results of a function until the archive changes."""
        result_of = lru_cache(most)(lambda state, *key: make(*key))
        lock = threading.Lock()  # simultaneous requests compute a result once

        def wrapper(*key: Any) -> _Value:
            with lock:
                return result_of(self.state(), *key)

        return wrapper

    def page(self, request: Request, name: str, values: Mapping[str, Any], status: int = 200) -> Response:
        """Render a page from its template."""
        return self._page(request, name, {"url": self._url_of(request), **values}, status)

    def lines(
        self, request: Request, search: Search, segments: Sequence[str] = (), most: int | None = None
    ) -> Lines | None:
        """Return the code that fetches the records of a search."""
        token = bool(self.settings.token_hashes)
        return lines_of(search, self.archive, self._url_of(request), token=token, segments=segments, most=most)

    def not_held(self, request: Request, kind: str, region: int, other: str | None) -> NotHeldError:
        """Make the error for a HARP or NOAA number without records; its page links to the ``other`` kind, if given."""
        also = ""
        if other is not None:
            request.state.other_page = f"{other.lower()}/{region}", f"{other} {region}"
            also = f", but of {other} {region}"
        return NotHeldError(f"This archive holds no records of {kind} {region}{also}.")

    def failure(self, request: Request, status: int, message: str) -> Response:
        """Render the page that reports an error."""
        fields = [(name, text) for name, text in request.query_params.multi_items() if name in PARAMETERS]
        search = urlencode(fields) if path_of(request) == "download" else None
        values = {"url": None, "status": status, "message": message, "search": search}
        values["other"] = getattr(request.state, "other_page", None)
        return self._page(request, "error", values, status)

    def _page(self, request: Request, name: str, values: dict[str, Any], status: int) -> Response:
        shared = {
            "root": root_of(request),
            "settings": self.settings,
            "synthetic": self.archive.synthetic,
            "marked": False,
            "quicklooks": self.quicklooks,
        }
        return html_response(name, shared | values, status=status)

    def add(self, router: APIRouter, path: str, make: Callable[..., Response]) -> None:
        """Add a route; ``make`` is called in a thread with the request and the parameters of its path."""

        async def route(request: Request) -> Response:
            if self._limiter is None:  # belongs to the running event loop
                self._limiter = CapacityLimiter(_CONCURRENT)
            return await to_thread.run_sync(partial(make, request, **request.path_params), limiter=self._limiter)

        router.add_api_route(path, route, methods=["GET", "HEAD"], response_model=None)


def in_order(names: Iterable[str]) -> list[str]:
    """Order series: definitive before near-real-time, CEA (radial field) before CCD."""

    def rank(name: str) -> tuple[bool, bool, bool, str]:
        known = find_series(name)
        if known is None:
            return True, True, True, name
        return False, known.near_real_time, known.projection != "CEA", name

    return sorted(names, key=rank)
