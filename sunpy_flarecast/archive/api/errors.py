"""Error replies of the service: objects with a ``message``, or pages for browsers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sunpy_flarecast.archive.base import NotHeldError, is_temporary
from sunpy_flarecast.errors import FLARECASTError

from .parameters import HINTS, QUOTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastapi import FastAPI, Request, Response

__all__ = ["RETRY_AFTER", "handle_errors", "refusal", "unavailable", "unreadable_file"]

#: Seconds after which a client should retry.
RETRY_AFTER: Final = 2

_LOG: Final = logging.getLogger(__name__)


def refusal(status: int, message: object, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Make the reply that reports an error."""
    return JSONResponse({"message": message}, status, headers)


def unavailable(reason: str) -> HTTPException:
    """Make the exception for a temporary failure; the reason is a full sentence."""
    headers = {"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"}
    return HTTPException(503, f"{reason} Try again in {RETRY_AFTER} s.", headers)


def unreadable_file(series: str, recnum: int, segment: str, error: Exception) -> Exception:
    """Make the exception for a file that cannot be read: 503 for a temporary failure, else 404."""
    if isinstance(error, NotHeldError):
        return error
    file = f"The file of segment {segment} of record {recnum} of {series}"
    if isinstance(error, OSError) and is_temporary(error):
        return unavailable(f"{file} cannot be read at the moment ({error.strerror}).")
    return NotHeldError(f"{file} can no longer be read. Try again later.")


def handle_errors(app: FastAPI, page: Callable[[Request, int, str], Response] | None = None) -> None:
    """Reply to every error of an application with a JSON ``message``, or to browsers with a ``page`` if given."""

    def reply(request: Request, status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
        if page is None or "text/html" not in request.headers.get("accept", ""):
            return refusal(status, message, headers)
        response = page(request, status, message)
        response.headers.update(headers or {})
        return response

    @app.exception_handler(NotHeldError)
    async def not_held(request: Request, error: NotHeldError) -> Response:
        return reply(request, 404, str(error))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        message = error.detail
        if error.status_code == 404 and message == "Not Found":
            message = "This page or route does not exist. The routes are described at /ui."
        return reply(request, error.status_code, message, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return reply(request, 422, " ".join(_complaint(fault) for fault in error.errors()))

    @app.exception_handler(FLARECASTError)
    async def unreadable(request: Request, error: FLARECASTError) -> Response:
        _LOG.error("%s %s: %s", request.method, request.url.path, error)
        return await http_error(
            request, unavailable("The archive cannot be read at the moment; the service's log has the reason.")
        )

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return refusal(500, "The service failed; its log has the reason.")


def _complaint(fault: Mapping[str, Any]) -> str:
    name = str(fault["loc"][-1])
    hint = HINTS.get(name, "")
    if fault["type"] == "missing":
        return f"Parameter {name!r} is missing. {hint}".rstrip()
    return f"Parameter {name!r} is invalid: {str(fault.get('input'))[:QUOTED]!r}. {hint}".rstrip()
