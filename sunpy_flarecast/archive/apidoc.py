"""What the service's OpenAPI document says of its routes, and the page `/ui` that shows it; no logic of the routes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, HTTPException
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from swagger_ui_bundle import swagger_ui_path

__all__ = ["DESCRIPTION", "FILE_REPLY", "LIST_REPLY", "META_REPLY", "OPENAPI_VERSION", "TITLE", "Message", "ui_routes"]

TITLE: Final = "FLARECAST HMI service"

DESCRIPTION: Final = (
    "SHARP records of SDO/HMI: lists of records by time, their keywords, and their FITS files. "
    "A record is one HARP at one T_REC. Times are UTC in ISO 8601, but for T_REC, which is TAI."
)

#: The bundled Swagger UI is version 4, which refuses documents of OpenAPI 3.1.
OPENAPI_VERSION: Final = "3.0.3"

_ASSETS: Final = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")


class Message(BaseModel):
    """An error."""

    message: str = Field(description="What was wrong, and what to write instead.")


_ROW: Final[dict[str, Any]] = {
    "date__obs": "2015-12-11T23:34:08.799999Z",
    "download_time": None,
    "exptime": None,
    "harpnum": 6178,
    "mask_cadence": None,
    "nbr_update": 0,
    "quality": 0,
    "recnum": 5605571,
    "recnum_init": None,
    "series_name": "hmi.sharp_720s",
    "t_rec_index": 1005598,
    "time": "2016-01-20T05:41:33.750935Z",
    "type": None,
    "urls": ["http://localhost:8001/HMI/hmi.sharp_720s/5605571/magnetogram.fits"],
    "wavelnth": 6173,
}

_META_ROW: Final = {**_ROW, "meta": {"area": 3507.3125, "cmask": 6423}, "urls": []}


def _field(kind: str, description: str) -> dict[str, Any]:
    return {"type": kind, "nullable": True, "description": description}


_ROW_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "date__obs": _field("string", "Start of the observation, UTC."),
        "harpnum": _field("integer", "HARP number."),
        "meta": {"type": "object", "description": "Keywords by their DRMS names in lower case, if asked for."},
        "quality": _field("integer", "Quality bit word; 0 is good."),
        "recnum": {"type": "integer", "description": "Record number, unique within the series."},
        "series_name": {"type": "string"},
        "t_rec_index": _field("integer", "T_REC in slots of 720 s since 1993-01-01T00:00:00 TAI."),
        "time": _field("string", "When the record entered the archive, UTC."),
        "urls": {"type": "array", "items": {"type": "string"}, "description": "The files of the record."},
        "wavelnth": _field("integer", "Wavelength in ångström."),
    },
}

_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Message, "description": "A parameter that cannot be understood."},
    404: {"model": Message, "description": "A series, record or segment that the archive does not hold."},
    422: {"model": Message, "description": "A parameter that is missing or of the wrong type."},
}


def _json(description: str, schema: dict[str, Any], example: object) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema, "example": example}}}


def _list_reply() -> dict[int | str, dict[str, Any]]:
    rows = {"type": "array", "items": _ROW_SCHEMA}
    schema = {"oneOf": [{"type": "object", "properties": {"data": rows}}, rows]}
    text = "The records by T_REC and HARP number, in an object under `data` (or bare, as the service is set up)."
    return {200: _json(text, schema, {"data": [_ROW]}), **_ERRORS}


def _file_reply() -> dict[int | str, dict[str, Any]]:
    content = {"application/fits": {"schema": {"type": "string", "format": "binary"}}}
    return {
        200: {"description": "The FITS file; `Content-Disposition` has the name JSOC gives it.", "content": content},
        206: {"description": "The part of the file that `Range` asks for.", "content": content},
        304: {"description": "The client has the file already (`If-None-Match`, `If-Modified-Since`)."},
        416: {"model": Message, "description": "The range lies outside the file."},
        404: _ERRORS[404],
        422: _ERRORS[422],
    }


#: The ``responses`` of the three routes.
LIST_REPLY: Final = _list_reply()
META_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    200: _json(
        "The records by their number, without their URLs.",
        {"type": "object", "additionalProperties": _ROW_SCHEMA},
        {"5605571": _META_ROW},
    ),
    **_ERRORS,
}
FILE_REPLY: Final = _file_reply()


def ui_routes() -> APIRouter:
    """
    Make the routes of the Swagger UI, all of whose files come from the package ``swagger-ui-bundle``.

    Returns
    -------
    `fastapi.APIRouter`
        ``/``, ``/ui`` and its files.
    """
    router = APIRouter(include_in_schema=False)

    @router.head("/")
    @router.get("/")
    def root() -> RedirectResponse:
        return RedirectResponse("ui")

    @router.head("/ui")
    @router.get("/ui")
    def page() -> HTMLResponse:
        # Addresses are relative, so that the page works behind a proxy that puts a path in front. The validator,
        # to which Swagger UI would send the document, is on the Internet.
        return get_swagger_ui_html(
            title=TITLE,
            openapi_url="openapi.json",
            swagger_js_url="ui/swagger-ui-bundle.js",
            swagger_css_url="ui/swagger-ui.css",
            swagger_favicon_url="ui/favicon-32x32.png",
            oauth2_redirect_url=None,
            swagger_ui_parameters={"validatorUrl": None},
        )

    @router.head("/ui/{asset}")
    @router.get("/ui/{asset}")
    def file(asset: str) -> FileResponse:
        if asset not in _ASSETS:
            raise HTTPException(404, f"There is no file {asset[:80]!r} here. The page is /ui")
        return FileResponse(Path(str(swagger_ui_path)) / asset)

    return router
