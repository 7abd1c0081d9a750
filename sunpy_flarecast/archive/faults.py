"""Errors as the service tells them: always an object with a ``message``, whatever went wrong and wherever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from .base import NotHeldError
from .parameters import HINTS, QUOTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

__all__ = ["speak_json"]


def speak_json(app: FastAPI) -> None:
    """
    Make every error of an application an object with a ``message``.

    Parameters
    ----------
    app : `fastapi.FastAPI`
        The application.
    """

    @app.exception_handler(NotHeldError)
    async def not_held(request: Request, error: NotHeldError) -> JSONResponse:
        return JSONResponse({"message": str(error)}, 404)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        message = error.detail
        if error.status_code == 404 and message == "Not Found":
            message = "There is no such route. The routes are described at /ui"
        return JSONResponse({"message": message}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"message": " ".join(_complaint(fault) for fault in error.errors())}, 422)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"message": "The service failed; its log says why"}, 500)


def _complaint(fault: Mapping[str, Any]) -> str:
    name = str(fault["loc"][-1])
    hint = HINTS.get(name, "")
    if fault["type"] == "missing":
        return f"Parameter {name!r} is missing. {hint}".rstrip()
    return f"Parameter {name!r} cannot be read: {str(fault.get('input'))[:QUOTED]!r}. {hint}".rstrip()
