"""The replies, errors and examples of the service's OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from pydantic import BaseModel, Field

from sunpy_flarecast._version import __version__
from sunpy_flarecast.archive.base import DayCount, Passage, Record
from sunpy_flarecast.archive.settings import TITLE

from .responses import Rows

__all__ = [
    "COMMON_REPLIES",
    "DAYS_REPLY",
    "DESCRIPTION",
    "DOWNLOAD_REPLY",
    "FILE_REPLY",
    "HARPS_REPLY",
    "HEALTH_REPLY",
    "LIST_REPLY",
    "META_REPLY",
    "OPENAPI_VERSION",
    "SEARCH_CSV_REPLY",
    "SEARCH_PARAMETERS",
    "SEARCH_REPLY",
    "SERIES_REPLY",
    "TITLE",
    "Message",
]

DESCRIPTION: Final = (
    "SHARP records of SDO/HMI: lists of records by time, their keywords, and their FITS files. "
    "A record is one HARP at one T_REC. Times are UTC in ISO 8601, except T_REC and the keywords whose values end in "
    "`_TAI`, which are TAI."
)

#: The bundled Swagger UI is version 4, which does not support OpenAPI 3.1.
OPENAPI_VERSION: Final = "3.0.3"


class Message(BaseModel):
    """An error."""

    message: str = Field(description="The error, and how to correct the request.")


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
        "meta": {"type": "object", "description": "Keywords by DRMS name in lower case, if requested."},
        "quality": _field("integer", "Quality bits; 0 is good."),
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

_DAY_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "day": {"type": "string", "format": "date", "description": "Day, UTC."},
        "records": {"type": "integer", "description": "Number of records."},
        "harps": {"type": "integer", "description": "Number of HARPs."},
    },
    "required": ["day", "records", "harps"],
}

_PASSAGE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "harpnum": {"type": "integer", "description": "HARP number."},
        "first": {"type": "string", "description": "First `date__obs`, UTC."},
        "last": {"type": "string", "description": "Last `date__obs`, UTC."},
        "records": {"type": "integer", "description": "Number of records of the HARP in the series."},
        "noaa": {"type": "array", "items": {"type": "integer"}, "description": "NOAA numbers of the HARP."},
    },
    "required": ["harpnum", "first", "last", "records", "noaa"],
}

_PASSAGE: Final = Passage(
    harpnum=6178,
    first="2015-12-09T10:22:08.799999Z",
    last="2015-12-21T04:58:08.799999Z",
    records=1401,
    noaa=(12470,),
)

_HOLDING: Final = {
    "series": "hmi.sharp_720s",
    "records": 2041,
    "first": "2015-12-11T00:10:08.799999Z",
    "last": "2015-12-12T23:58:08.799999Z",
    "segments": ["magnetogram", "bitmap"],
}

_HOLDING_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "series": {"type": "string", "description": "Full name of the series."},
        "records": _field("integer", "Number of records; null if not counted."),
        "first": _field("string", "First `date__obs`, UTC."),
        "last": _field("string", "Last `date__obs`, UTC."),
        "segments": {"type": "array", "items": {"type": "string"}, "description": "Names of the segments present."},
    },
    "required": ["series", "records", "first", "last", "segments"],
}

_STATE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["ok"]},
        "version": {"type": "string", "description": "Version of sunpy_flarecast."},
        "series": {"type": "integer", "description": "Number of series held."},
        "records": _field("integer", "Number of records; null if not counted."),
        "synthetic": {"type": "boolean", "description": "Whether any series has synthetic records."},
        "indexed": {"type": "string", "description": "Time of the last index update, UTC; absent without an index."},
        "reindex_failed": {
            "type": "boolean",
            "description": "Whether the latest update of the index failed; the log says why.",
        },
    },
    "required": ["status", "version", "series", "records", "synthetic"],
}


def _error(description: str) -> dict[str, Any]:
    return {"model": Message, "description": description}


_RETRY_AFTER: Final = {"schema": {"type": "integer"}, "description": "Seconds after which to retry."}

#: Replies common to all routes.
COMMON_REPLIES: Final[dict[int | str, dict[str, Any]]] = {
    400: _error("An invalid parameter, path or header."),
    401: _error("A missing or invalid token, where the service requires one."),
    413: _error("A request body that is too long."),
    503: {
        **_error("Too many simultaneous requests, or files that are temporarily unavailable."),
        "headers": {"Retry-After": _RETRY_AFTER},
    },
}

_NOT_HELD: Final = _error("A series, record or segment that the archive does not hold.")
_NOT_VALID: Final = _error("A missing parameter, or one of the wrong type.")


def _header(description: str) -> dict[str, Any]:
    return {"schema": {"type": "string"}, "description": description}


#: Headers of all JSON replies, of those with validators, and of files.
_GZIP: Final = {"Content-Encoding": _header("`gzip`, if `Accept-Encoding` allows it.")}
_VALIDATORS: Final = {
    **_GZIP,
    "ETag": _header("Identifies this state of the records; not available from every archive."),
    "Cache-Control": _header("`no-cache` (revalidate a stored reply with `If-None-Match`) or `no-store`."),
    "Data-Origin": _header("`SYNTHETIC` for synthetic records."),
}
_FILE_HEADERS: Final = {
    "ETag": _header("Identifies this version of the file."),
    "Content-Disposition": _header("`attachment; filename=` followed by JSOC's name of the file."),
    "Last-Modified": _header("Time of the last change; not for synthetic or gzip files."),
    "Accept-Ranges": _header("`bytes`; not for synthetic or gzip files."),
}

_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}


def _json(description: str, schema: dict[str, Any], example: object, headers: dict[str, Any] = _GZIP) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": description, "content": content, "headers": headers}


def _enveloped(text: str, item: dict[str, Any], example: object, headers: dict[str, Any] = _GZIP) -> dict[str, Any]:
    items = {"type": "array", "items": item}
    schema = {"oneOf": [{"type": "object", "properties": {"data": items}, "required": ["data"]}, items]}
    text = f"{text}, in an object under `data` (or a plain list, depending on the service)."
    return _json(text, schema, {"data": [example]}, headers)


#: The ``responses`` of the routes.
LIST_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **COMMON_REPLIES,
    200: _enveloped("The records, sorted by T_REC and HARP number", _ROW_SCHEMA, _ROW, _VALIDATORS),
    304: {"description": "The client's stored reply is current (`If-None-Match`)."},
    404: _NOT_HELD,
    413: _error("A range that is too long for one request; the message says how to split it."),
    422: _NOT_VALID,
}
META_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **LIST_REPLY,
    200: _json(
        "The records by record number, without URLs.",
        {"type": "object", "additionalProperties": _ROW_SCHEMA},
        {"5605571": _META_ROW},
        _VALIDATORS,
    ),
    413: _error("Too many record numbers for one request."),
}
FILE_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **COMMON_REPLIES,
    200: {"description": "The FITS file.", "content": {"application/fits": _BINARY}, "headers": _FILE_HEADERS},
    206: {
        "description": "The requested part or parts of the file (`Range`).",
        "content": {"application/fits": _BINARY, "multipart/byteranges": _BINARY},
        "headers": {**_FILE_HEADERS, "Content-Range": _header("The range of bytes, for a single part.")},
    },
    304: {"description": "The client's copy is current (`If-None-Match`, `If-Modified-Since`)."},
    404: _NOT_HELD,
    416: _error("The range lies outside the file."),
    422: _NOT_VALID,
}
SERIES_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **COMMON_REPLIES,
    200: _enveloped("The series", _HOLDING_SCHEMA, _HOLDING),
}
HEALTH_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **COMMON_REPLIES,
    200: _json(
        "The archive can be read.",
        _STATE_SCHEMA,
        {"status": "ok", "version": __version__, "series": 1, "records": 2041, "synthetic": False},
    ),
}
_ENVELOPED_REPLIES: Final = {**LIST_REPLY, 413: COMMON_REPLIES[413]}
DAYS_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **_ENVELOPED_REPLIES,
    200: _enveloped(
        "The days with records",
        _DAY_SCHEMA,
        {"day": "2015-12-11"} | msgspec.to_builtins(DayCount(records=960, harps=8)),
        _VALIDATORS,
    ),
}
HARPS_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **_ENVELOPED_REPLIES,
    200: _enveloped("The HARPs, sorted by number", _PASSAGE_SCHEMA, msgspec.to_builtins(_PASSAGE), _VALIDATORS),
}

_LINK: Final = {"Link": _header('The next page, as `<URL>; rel="next"`; absent on the last page.')}
_PAGE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "data": {"type": "array", "items": _ROW_SCHEMA},
        "next": _field("string", "URL of the next page; null on the last page."),
    },
    "required": ["data", "next"],
}

#: Without ``ETag``, since the length of a page depends on the time that the search takes.
_PAGE_HEADERS: Final = {
    **_GZIP,
    "Cache-Control": _header("`no-cache` or `no-store`."),
    "Data-Origin": _VALIDATORS["Data-Origin"],
    **_LINK,
}
SEARCH_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **{status: reply for status, reply in _ENVELOPED_REPLIES.items() if status != 304},
    200: _json(
        "A page of records, sorted by T_REC and HARP number. It may be short or empty even if more pages follow.",
        _PAGE_SCHEMA,
        {"data": [_ROW], "next": None},
        _PAGE_HEADERS,
    ),
}
SEARCH_CSV_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **SEARCH_REPLY,
    200: {
        "description": "A page of records as CSV, with the column names in the first line.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
        "headers": _PAGE_HEADERS,
    },
}
DOWNLOAD_REPLY: Final[dict[int | str, dict[str, Any]]] = {
    **COMMON_REPLIES,
    200: {
        "description": (
            "A tar file of FITS files with JSOC's names. The same request returns the same files in the same order, "
            "unless the archive has changed. A transfer that fails ends without the end-of-archive marker."
        ),
        "content": {"application/x-tar": _BINARY},
        "headers": {"Content-Disposition": _header("`attachment; filename=` followed by a name for the tar file.")},
    },
    404: _error("An unknown series or segment, or no matching file."),
    413: _error("Too many files or records for one download; the message gives the limit."),
    422: _NOT_VALID,
}


def _parameter(name: str, description: str, example: str) -> dict[str, Any]:
    given = {"all": {"value": ""}, "example": {"value": example}}
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"}, "examples": given}


#: The parameters of a search, parsed by `search_parameters.read_search`.
SEARCH_PARAMETERS: Final[list[dict[str, Any]]] = [
    _parameter("series", "Name of the series, full or short; default: the first in the archive.", "hmi.sharp_720s"),
    _parameter("start", "First `date__obs`: a day, or an instant in ISO 8601, UTC.", "2015-12-11"),
    _parameter("end", "Last `date__obs`: a day (inclusive), or an instant.", "2015-12-12"),
    _parameter("harp", "HARP number.", "6178"),
    _parameter("noaa", "NOAA number of the HARP at any time during its passage.", "12470"),
    _parameter("quality", "`good` for quality 0, `any`, or the bits that must not be set, such as `0x10000`.", "good"),
    _parameter("condition", "Keyword compared with a value; missing values never match.", "USFLUX > 1e22"),
    _parameter(
        "cadence", "Interval between time steps (T_REC) in min, h or d, counted from 1993-01-01T00:00:00 TAI.", "6h"
    ),
]
