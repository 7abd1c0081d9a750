"""The FLARECAST HMI service as an ASGI application for any `Archive`."""
# No postponed annotations: FastAPI reads those of the routes when they are defined.

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send

from sunpy_flarecast._version import __version__
from sunpy_flarecast.archive.api import openapi
from sunpy_flarecast.archive.api.browsing import browsing_routes
from sunpy_flarecast.archive.api.errors import handle_errors, unavailable, unreadable_file
from sunpy_flarecast.archive.api.file_response import file_response
from sunpy_flarecast.archive.api.origin import has_synthetic_records
from sunpy_flarecast.archive.api.parameters import (
    QUOTED,
    EndParameter,
    FieldsParameter,
    MetaParameter,
    RecnumParameter,
    RecnumsParameter,
    SegmentParameter,
    SeriesParameter,
    StartParameter,
    held_series,
    only_parameters,
    read_fields,
    read_range,
    read_recnums,
    short_body,
)
from sunpy_flarecast.archive.api.responses import (
    Rows,
    json_reply,
    list_chunks,
    not_modified,
    streamed_reply,
    validators,
)
from sunpy_flarecast.archive.middleware.metrics import add_metrics
from sunpy_flarecast.archive.middleware.tokens import token_required
from sunpy_flarecast.archive.quicklook import quicklooks_of
from sunpy_flarecast.archive.web.day_page import day_routes
from sunpy_flarecast.archive.web.front_page import front_routes
from sunpy_flarecast.archive.web.harp_page import harp_routes
from sunpy_flarecast.archive.web.html import static_routes
from sunpy_flarecast.archive.web.login import login_routes
from sunpy_flarecast.archive.web.picture_page import picture_routes
from sunpy_flarecast.archive.web.record_page import record_routes
from sunpy_flarecast.archive.web.search_page import search_routes
from sunpy_flarecast.archive.web.site import Site
from sunpy_flarecast.archive.web.swagger import ui_routes
from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.sharp.filenames import file_name

from .base import Archive, Condition, Conditioned, NotHeldError
from .settings import HOST, Settings

__all__ = ["create_app"]

_SEGMENT: Final = re.compile(r"\w{1,80}", re.ASCII)


class _Compression(GZipMiddleware):
    """Compress all replies except files and pictures, regardless of their media type."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path", "").endswith((".fits", ".png", "/download")):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(archive: Archive, settings: Settings = Settings()) -> FastAPI:  # noqa: B008 (it cannot be changed)
    """
    Create the FLARECAST HMI service of an archive.

    Parameters
    ----------
    archive : Archive
        The archive to serve. Its methods are called in threads.
    settings : Settings, optional
        Settings of the service (default: those of ``Settings()``).

    Returns
    -------
    `fastapi.FastAPI`
        An ASGI application for uvicorn or another server.

    Examples
    --------
    >>> from sunpy_flarecast.archive import DemoArchive, create_app
    >>> create_app(DemoArchive()).title
    'FLARECAST HMI service'
    """
    url_of = partial(_base_url, settings.public_url)
    quicklooks = quicklooks_of(archive, settings) if settings.pages else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if quicklooks is not None:
            quicklooks.close()

    app = FastAPI(
        title=settings.title,
        description=openapi.DESCRIPTION,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Relative to the document, since a proxy may add a prefix to its path.
        servers=[{"url": (settings.public_url or ".").rstrip("/")}],
        root_path_in_servers=False,
        lifespan=lifespan,
    )
    site = Site(archive, settings, url_of, quicklooks is not None)
    app.openapi_version = openapi.OPENAPI_VERSION
    checked = [Depends(short_body)]
    tokens = settings.token_hashes
    guarded = [*checked, token_required(tokens, login=settings.pages)] if tokens else checked
    routers = [
        browsing_routes(archive, settings, url_of, guarded),
        _record_routes(archive, settings, url_of, guarded),
        _health_route(archive, checked),
        ui_routes(settings, checked),
        static_routes(checked),
    ]
    if quicklooks is not None:
        routers.append(quicklooks.routes(guarded))
    if settings.pages:
        warming = [] if quicklooks is None else [Depends(quicklooks.warm)]
        pages = (front_routes, day_routes, harp_routes, record_routes, picture_routes, search_routes)
        routers += [routes(site, [*guarded, *warming]) for routes in pages]
        if tokens:
            routers.append(login_routes(site, checked))
    for router in routers:
        app.router.routes += router.routes  # include_router() would make each request search the routers again
    handle_errors(app, site.failure if settings.pages else None)
    # From the innermost to the outermost.
    app.add_middleware(_Compression, compresslevel=1)  # for lists of URLs, higher levels gain little and are slower
    add_metrics(app, settings)
    return app


def _record_routes(
    archive: Archive, settings: Settings, url_of: Callable[[Request], str], checks: Sequence[Any]
) -> APIRouter:
    router = APIRouter(prefix="/HMI", tags=["HMI"], default_response_class=Response, dependencies=checks)

    @router.head("", include_in_schema=False)
    @router.get("", responses=openapi.SERIES_REPLY, summary="List the series")
    def list_series() -> Response:
        """List the series with the number of their records and their first and last `date__obs`."""
        held = archive.holdings()
        return json_reply({"data": held} if settings.envelope else held)

    @router.head("/{series}", include_in_schema=False)
    @router.get(
        "/{series}",
        responses=openapi.LIST_REPLY,
        summary="List the records of a series in a time range",
        dependencies=[only_parameters("start", "end", "meta")],
    )
    def list_records(
        request: Request, series: SeriesParameter, start: StartParameter, end: EndParameter, meta: MetaParameter = False
    ) -> Response:
        """List the records whose `date__obs` is between `start` and `end` (inclusive)."""
        name = held_series(series, archive.series())
        first, last = read_range(start, end, settings.max_days)
        base = url_of(request)
        headers = validators(request, archive, name, base, settings.envelope)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        chunks = list_chunks(
            archive.records(name, first, last),
            Rows(name, base),
            envelope=settings.envelope,
            keywords=partial(archive.keywords_of, name) if meta else None,
        )
        return streamed_reply(request, chunks, headers)

    @router.head("/{series}/meta/{recnum}", include_in_schema=False)
    @router.get(
        "/{series}/meta/{recnum}",
        responses=openapi.META_REPLY,
        summary="Return keywords of records",
        dependencies=[only_parameters("fields")],
    )
    def give_keywords(
        request: Request, series: SeriesParameter, recnum: RecnumsParameter, fields: FieldsParameter = ""
    ) -> Response:
        """Return the keywords of one or more records; missing values are null."""
        name = held_series(series, archive.series())
        numbers = read_recnums(recnum)
        chosen = read_fields(fields, archive.keyword_names(name)) if fields else None
        headers = validators(request, archive, name)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        keywords = archive.keywords_of(name, numbers, chosen)
        rows = Rows(name, "")
        reply = {
            str(number): rows.row(msgspec.structs.replace(archive.record(name, number), segments=()), keywords[number])
            for number in numbers
        }
        return json_reply(reply, headers)

    @router.head("/{series}/{recnum}/{segment}.fits", include_in_schema=False)
    @router.get(
        "/{series}/{recnum}/{segment}.fits", responses=openapi.FILE_REPLY, summary="Return the FITS file of a segment"
    )
    def give_file(
        request: Request, series: SeriesParameter, recnum: RecnumParameter, segment: SegmentParameter
    ) -> Response:
        """Return a FITS file, or ranges of its bytes."""
        name = held_series(series, archive.series())
        if _SEGMENT.fullmatch(segment) is None:  # it becomes part of a header
            raise NotHeldError(f"{segment[:QUOTED]!r} is not a valid segment name.")
        try:
            content = archive.segment(name, recnum, segment)
            record = archive.record(name, recnum)
            filename = file_name(name, segment, harpnum=record.harpnum, slot=record.t_rec_index, recnum=recnum)
            private = bool(settings.token_hashes)
            return file_response(request, content, filename, x_accel=settings.x_accel, private=private)
        except (OSError, TransferError) as error:
            raise unreadable_file(name, recnum, segment, error) from error

    return router


def _health_route(archive: Archive, checks: Sequence[Any]) -> APIRouter:
    router = APIRouter(default_response_class=Response, dependencies=checks)

    @router.head("/health", include_in_schema=False)
    @router.get(
        "/health", responses=openapi.HEALTH_REPLY, tags=["operation"], summary="Report whether the service works"
    )
    def give_health() -> Response:
        """Report whether the archive can be read; 503 if its folder is missing or its index unfinished."""
        condition = archive.condition() if isinstance(archive, Conditioned) else Condition()
        if condition.fault is not None:
            raise unavailable(condition.fault)
        counts = [holding.records for holding in archive.holdings()]
        known = [count for count in counts if count is not None]
        state = {
            "status": "ok",
            "version": __version__,
            "series": len(counts),
            "records": sum(known) if len(known) == len(counts) else None,
            "synthetic": any(has_synthetic_records(archive, name) for name in archive.series()),
        }
        if condition.indexed is not None:
            state |= {"indexed": condition.indexed, "reindex_failed": condition.reindex_failed}
        return JSONResponse(state, headers={"Cache-Control": "no-store"})

    return router


def _base_url(public_url: str | None, request: Request) -> str:
    """Return the URL of the service without a trailing slash."""
    if public_url is None and HOST.fullmatch(request.headers.get("host", "localhost")) is None:
        raise HTTPException(400, "The Host header is not a valid host.")
    return (public_url or str(request.base_url)).rstrip("/")
