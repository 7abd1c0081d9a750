"""The routes of the FLARECAST HMI service, over any `Archive`; it knows HTTP and nothing of where files come from."""
# No postponed annotations: FastAPI reads those of the routes when they are made.

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, FastAPI, HTTPException, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from sunpy_flarecast import __version__
from sunpy_flarecast.catalog import find_series
from sunpy_flarecast.naming import file_name

from .apidoc import DESCRIPTION, FILE_REPLY, LIST_REPLY, META_REPLY, OPENAPI_VERSION, TITLE, ui_routes
from .base import Archive, NotHeldError
from .content import file_response
from .facts import record_of
from .instants import read_instant
from .listing import Rows, list_chunks

__all__ = ["create_app"]

#: Records whose keywords one request may ask for.
_MOST_RECORDS: Final = 1000

#: Characters of what a client sent that a message repeats.
_QUOTED: Final = 80

_RECNUMS: Final = re.compile(r"\d{1,18}(?:,\d{1,18})*", re.ASCII)

_SEGMENT: Final = re.compile(r"\w{1,80}", re.ASCII)

_INSTANT_HINT: Final = "Write an instant in ISO 8601 and UTC, for example 2015-12-11T00:00:00Z."

_HINTS: Final = {
    "start": _INSTANT_HINT,
    "end": _INSTANT_HINT,
    "meta": "Write true or false.",
    "recnum": "Write a record number, for example 5605571.",
}

_Series = Annotated[
    str,
    Path(
        description="Name of the series, full (`hmi.sharp_720s`) or short (`sharp_720s`), in any letter case.",
        openapi_examples={"CCD": {"value": "hmi.sharp_720s"}, "CEA": {"value": "hmi.sharp_cea_720s"}},
    ),
]
_Start = Annotated[
    str,
    Query(
        description="First `date__obs` that is listed, ISO 8601.",
        openapi_examples={"day": {"value": "2015-12-11T00:00:00Z"}},
    ),
]
_End = Annotated[
    str,
    Query(
        description="Last `date__obs` that is listed, ISO 8601.",
        openapi_examples={"day": {"value": "2015-12-12T00:00:00Z"}},
    ),
]
_WithKeywords = Annotated[
    bool, Query(description="Give every record with all its keywords. Slow: better ask `/meta/` for those needed.")
]
_Recnums = Annotated[
    str,
    Path(
        description=f"Record numbers, separated by commas; at most {_MOST_RECORDS}.",
        openapi_examples={"one": {"value": "5605571"}, "several": {"value": "5605571,5605572"}},
    ),
]
_Fields = Annotated[
    str,
    Query(
        description="Keywords by their DRMS names, separated by commas; all of them if left out.",
        openapi_examples={"all": {"value": ""}, "some": {"value": "area,cmask,distcoef"}},
    ),
]
_Recnum = Annotated[
    int, Path(ge=0, lt=10**18, description="Record number.", openapi_examples={"one": {"value": 5605571}})
]
_Segment = Annotated[
    str, Path(description="Name of the segment.", openapi_examples={"magnetogram": {"value": "magnetogram"}})
]


def create_app(archive: Archive, *, envelope: bool = True) -> FastAPI:
    """
    Make the FLARECAST HMI service of an archive.

    Parameters
    ----------
    archive : Archive
        What is served. Its methods are called in threads.
    envelope : bool, optional
        Whether lists stand in an object under ``data``, or bare.

    Returns
    -------
    `fastapi.FastAPI`
        An ASGI application, for uvicorn or any other server.

    Examples
    --------
    >>> from sunpy_flarecast.archive import DemoArchive, create_app
    >>> create_app(DemoArchive()).title
    'FLARECAST HMI service'
    """
    app = FastAPI(title=TITLE, description=DESCRIPTION, version=__version__, docs_url=None, redoc_url=None)
    app.openapi_version = OPENAPI_VERSION
    app.include_router(_hmi_routes(archive, envelope))
    app.include_router(ui_routes())
    _speak_json(app)
    return app


def _hmi_routes(archive: Archive, envelope: bool) -> APIRouter:
    router = APIRouter(prefix="/HMI", tags=["HMI"], default_response_class=Response)
    # A service of real records may take the place, and the URL, of one to try things out with.
    listed = {"Cache-Control": "no-store"} if archive.synthetic else None

    @router.head("/{series}", include_in_schema=False)
    @router.get("/{series}", responses=LIST_REPLY, summary="List the records of a series in a range of time")
    def list_records(
        request: Request, series: _Series, start: _Start, end: _End, meta: _WithKeywords = False
    ) -> Response:
        """List the records whose `date__obs` lies between `start` and `end`, both included."""
        name = _held_series(archive, series)
        first, last = _instant("start", start), _instant("end", end)
        if first > last:
            raise HTTPException(400, f"start ({start[:_QUOTED]}) is after end ({end[:_QUOTED]})")
        chunks = list_chunks(
            archive.records(name, first, last),
            Rows(name, _base_url(request)),
            envelope=envelope,
            keywords=partial(archive.keywords, name) if meta else None,
        )
        # Taken before the answer begins: a failure of the archive can still become a status.
        begin = next(chunks)
        if request.method == "HEAD":
            return Response(media_type="application/json")
        return StreamingResponse(chain((begin,), chunks), media_type="application/json", headers=listed)

    @router.head("/{series}/meta/{recnum}", include_in_schema=False)
    @router.get("/{series}/meta/{recnum}", responses=META_REPLY, summary="Give keywords of records")
    def give_keywords(request: Request, series: _Series, recnum: _Recnums, fields: _Fields = "") -> Response:
        """Give the keywords of one or more records; those a record lacks are null."""
        name = _held_series(archive, series)
        keywords = _keywords(archive, name, _recnums(recnum))
        chosen = _fields(fields, keywords.values())
        rows = Rows(name, _base_url(request))
        reply = {
            str(number): rows.row(
                record_of(number, held), held if chosen is None else {field: held.get(field) for field in chosen}
            )
            for number, held in keywords.items()
        }
        return Response(msgspec.json.encode(reply), media_type="application/json")

    @router.head("/{series}/{recnum}/{segment}.fits", include_in_schema=False)
    @router.get("/{series}/{recnum}/{segment}.fits", responses=FILE_REPLY, summary="Give the FITS file of a segment")
    def give_file(request: Request, series: _Series, recnum: _Recnum, segment: _Segment) -> Response:
        """Give a FITS file, or a range of its bytes."""
        name = _held_series(archive, series)
        if _SEGMENT.fullmatch(segment) is None:  # it becomes part of a header
            raise NotHeldError(f"There is no segment {segment[:_QUOTED]!r}")
        content = archive.segment(name, recnum, segment)
        record = record_of(recnum, archive.keywords(name, recnum))
        called = file_name(name, segment, harpnum=record.harpnum, slot=record.t_rec_index, recnum=recnum)
        try:
            return file_response(request, content, called)
        except OSError as error:
            raise NotHeldError(f"The file of segment {segment} of record {recnum} of {name} cannot be read") from error

    return router


def _held_series(archive: Archive, name: str) -> str:
    """Find the full name of a series that the archive holds, which the catalog may not know."""
    known = find_series(name)
    wanted = (known.name if known else name.strip()).casefold()
    held = archive.series()
    for series in held:
        if series.casefold() in (wanted, f"hmi.{wanted}"):
            return series
    raise NotHeldError(f"This archive holds no series {name[:_QUOTED]!r}. It holds: {', '.join(held) or 'none'}.")


def _instant(parameter: str, text: str) -> datetime:
    try:
        return read_instant(text)
    except ValueError as error:
        raise HTTPException(
            400, f"Parameter {parameter!r} cannot be read: {text[:_QUOTED]!r}. {_INSTANT_HINT}"
        ) from error


def _base_url(request: Request) -> str:
    """Find the URL of the service as this client reached it."""
    try:
        return str(request.base_url).rstrip("/")
    except ValueError as error:
        raise HTTPException(400, "The header Host names no host") from error


def _recnums(text: str) -> list[int]:
    if _RECNUMS.fullmatch(text) is None:
        raise HTTPException(
            400, f"No record numbers: {text[:_QUOTED]!r}. Write one, or several separated by commas: 5605571,5605572."
        )
    numbers = list(dict.fromkeys(int(number) for number in text.split(",")))
    if len(numbers) > _MOST_RECORDS:
        raise HTTPException(400, f"{len(numbers)} record numbers are too many for one request: at most {_MOST_RECORDS}")
    return numbers


def _keywords(archive: Archive, series: str, recnums: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """Collect the keywords of records, and complain once of all that are not held."""
    keywords: dict[int, Mapping[str, Any]] = {}
    missing: list[str] = []
    for recnum in recnums:
        try:
            keywords[recnum] = archive.keywords(series, recnum)
        except NotHeldError:
            missing.append(str(recnum))
    if missing:
        raise NotHeldError(f"{series} has no record {', '.join(missing)} in this archive")
    return keywords


def _fields(text: str, keywords: Iterable[Mapping[str, Any]]) -> list[str] | None:
    """Read the keywords asked for; None means all."""
    fields = list(dict.fromkeys(field.strip().lower() for field in text.split(",") if field.strip()))
    if not fields:
        return None
    known = sorted({name for held in keywords for name in held})
    for field in fields:
        if field not in known:
            near = difflib.get_close_matches(field[:_QUOTED], known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise HTTPException(400, f"There is no keyword {field[:_QUOTED]!r}.{hint}")
    return fields


def _speak_json(app: FastAPI) -> None:
    """Make every error an object with a ``message``."""

    @app.exception_handler(NotHeldError)
    def not_held(request: Request, error: NotHeldError) -> JSONResponse:
        return JSONResponse({"message": str(error)}, 404)

    @app.exception_handler(StarletteHTTPException)
    def http_error(request: Request, error: StarletteHTTPException) -> JSONResponse:
        message = error.detail
        if error.status_code == 404 and message == "Not Found":
            message = "There is no such route. The routes are described at /ui"
        return JSONResponse({"message": message}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"message": " ".join(_complaint(fault) for fault in error.errors())}, 422)

    @app.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"message": "The service failed; its log says why"}, 500)


def _complaint(fault: Mapping[str, Any]) -> str:
    name = str(fault["loc"][-1])
    hint = _HINTS.get(name, "")
    if fault["type"] == "missing":
        return f"Parameter {name!r} is missing. {hint}".rstrip()
    return f"Parameter {name!r} cannot be read: {str(fault.get('input'))[:_QUOTED]!r}. {hint}".rstrip()
