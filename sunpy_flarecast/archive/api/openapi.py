"""The replies, errors and examples of the service's OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from pydantic import BaseModel, Field

from sunpy_flarecast._version import __version__
from sunpy_flarecast.archive.base import Record

from .responses import Rows

__all__ = [
    "COMMON_REPLIES",
    "DESCRIPTION",
    "FILE_REPLY",
    "HEALTH_REPLY",
    "LIST_REPLY",
    "META_REPLY",
    "OPENAPI_VERSION",
    "SERIES_REPLY",
    "TITLE",
    "Message",
]

TITLE: Final = "FLARECAST HMI service"

DESCRIPTION: Final = (
    "SHARP records of SDO/HMI: lists of records by time, their keywords, and their FITS files. "
    "A record is one HARP at one T_REC. Times are UTC in ISO 8601, but for T_REC, which is TAI."
)

#: The bundled Swagger UI is version 4, which refuses documents of OpenAPI 3.1.
OPENAPI_VERSION: Final = "3.0.3"


class Message(BaseModel):
    """An error."""

    message: str = Field(description="What was wrong, and what to write instead.")


_RECORD: Final = Record(
    recnum=5605571,
    segments=("magnetogram",),
    harpnum=6178,
    t_rec_index=1005598,
    date__obs="2015-12-11T23:34:08.799999Z",
    quality=0,
    time="2016-01-20T05:41:33.750935Z",
)

_ROW: Final[dict[str, Any]] = msgspec.json.decode(
    msgspec.json.encode(Rows("hmi.sharp_720s", "http://localhost:8001").row(_RECORD))
)

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
        "t_rec_index": _field(
            "integer", "T_REC in time steps of the series (720 s; SMARP: 5760 s) since 1993-01-01T00:00:00 TAI."
        ),
        "time": _field("string", "When the record entered the archive, UTC."),
        "urls": {"type": "array", "items": {"type": "string"}, "description": "The files of the record."},
        "wavelnth": _field("integer", "Wavelength in ångström."),
    },
}

_HOLDING: Final = {
    "series": "hmi.sharp_720s",
    "records": 2041,
    "first": "2015-12-11T00:00:08.799999Z",
    "last": "2015-12-12T23:58:08.799999Z",
    "segments": ["magnetogram", "bitmap"],
}

_HOLDING_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "series": {"type": "string", "description": "Full name of the series."},
        "records": _field("integer", "Number of records; null where they are not counted."),
        "first": _field("string", "First `date__obs`, UTC."),
        "last": _field("string", "Last `date__obs`, UTC."),
        "segments": {"type": "array", "items": {"type": "string"}, "description": "Segments that some record has."},
    },
    "required": ["series", "records", "first", "last", "segments"],
}

_STATE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["ok"]},
        "version": {"type": "string", "description": "Version of sunpy_flarecast."},
        "series": {"type": "integer", "description": "Number of series held."},
        "records": _field("integer", "Number of records; null where they are not counted."),
        "synthetic": {"type": "boolean", "description": "Whether the records are made up."},
        "indexed": {"type": "string", "description": "When the folder was last looked at, UTC; only of a folder."},
        "reindex_failed": {"type": "boolean", "description": "Whether looking at it again failed; its log says why."},
    },
    "required": ["status", "version", "series", "records", "synthetic"],
}


def _error(description: str) -> dict[str, Any]:
    return {"model": Message, "description": description}


_RETRY_AFTER: Final = {"schema": {"type": "integer"}, "description": "Seconds after which to try again."}

#: Replies that any route may give.
COMMON_REPLIES: Final[dict[int | str, dict[str, Any]]] = {
    400: _error("An invalid parameter, path or header."),
    401: _error("A missing or invalid token, where the service requires one."),
    413: _error("A request with a long body, which no route needs."),
    503: {
        **_error("Too many requests at a time, or files that cannot be read now."),
        "headers": {"Retry-After": _RETRY_AFTER},
    },
}

_NOT_HELD: Final = _error("A series, record or segment that the archive does not hold.")
_NOT_VALID: Final = _error("A missing parameter, or one of the wrong type.")


def _header(description: str) -> dict[str, Any]:
    return {"schema": {"type": "string"}, "description": description}


#: Headers of all JSON, of what depends on records alone, and of files.
_GZIP: Final = {"Content-Encoding": _header("`gzip`, if `Accept-Encoding` allows it.")}
_VALIDATORS: Final = {
    **_GZIP,
    "ETag": _header("Identifies this state of the records; not every archive has one."),
    "Cache-Control": _header("`no-cache`: ask with `If-None-Match` whether a stored reply is valid; or `no-store`."),
}
_FILE_HEADERS: Final = {
    "ETag": _header("Identifies this version of the file."),
    "Content-Disposition": _header("`attachment; filename=` and the name that JSOC gives the file."),
    "Last-Modified": _header("When the file was changed; not for synthetic files."),
    "Accept-Ranges": _header("`bytes`; not for synthetic files."),
}

_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}


def _json(description: str, schema: dict[str, Any], example: object, headers: dict[str, Any] = _GZIP) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": description, "content": content, "headers": headers}


def _enveloped(text: str, item: dict[str, Any], example: object, headers: dict[str, Any] = _GZIP) -> dict[str, Any]:
    items = {"type": "array", "items": item}
    schema = {"oneOf": [{"type": "object", "properties": {"data": items}, "required": ["data"]}, items]}
    text = f"{text}, in an object under `data` (or bare, as the service is set up)."
    return _json(text, schema, {"data": [example]}, headers)


#: The ``responses`` of the routes.
LIST_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **COMMON_REPLIES,
    200: _enveloped("The records by T_REC and HARP number", _ROW_SCHEMA, _ROW, _VALIDATORS),
    304: {"description": "The stored reply of the client is valid (`If-None-Match`)."},
    404: _NOT_HELD,
    413: _error("A range longer than this service lists at a time; the message says how to split it."),
    422: _NOT_VALID,
}
META_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **LIST_REPLY,
    200: _json(
        "The records by their number, without their URLs.",
        {"type": "object", "additionalProperties": _ROW_SCHEMA},
        {"5605571": _META_ROW},
        _VALIDATORS,
    ),
    413: _error("More record numbers than one request may have."),
}
FILE_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **COMMON_REPLIES,
    200: {"description": "The FITS file.", "content": {"application/fits": _BINARY}, "headers": _FILE_HEADERS},
    206: {
        "description": "The part or parts of the file that `Range` asks for.",
        "content": {"application/fits": _BINARY, "multipart/byteranges": _BINARY},
        "headers": {**_FILE_HEADERS, "Content-Range": _header("Which bytes these are, if it is one part.")},
    },
    304: {"description": "The client has the file already (`If-None-Match`, `If-Modified-Since`)."},
    404: _NOT_HELD,
    416: _error("The range lies outside the file."),
    422: _NOT_VALID,
}
SERIES_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **COMMON_REPLIES,
    200: _enveloped("The series held", _HOLDING_SCHEMA, _HOLDING),
}
HEALTH_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **COMMON_REPLIES,
    200: _json(
        "The archive can be read.",
        _STATE_SCHEMA,
        {"status": "ok", "version": __version__, "series": 1, "records": 2041, "synthetic": False},
    ),
}
