"""One file as an HTTP answer: its validators, conditional requests, and byte ranges (RFC 9110)."""

from __future__ import annotations

import hashlib
import os
import re
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import msgspec
from starlette.responses import JSONResponse, Response, StreamingResponse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from starlette.requests import Request

__all__ = ["file_response"]

_MEDIA_TYPE: Final = "application/fits"

_PIECE: Final = 256 * 1024

#: One range. A list of ranges is answered with the whole file, as RFC 9110 allows.
_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII | re.IGNORECASE)


class _Unchanged(msgspec.Struct, frozen=True):
    """What tells one version of a file from another."""

    size: int
    etag: str
    modified: str | None = None


def _version(content: Path | bytes) -> _Unchanged:
    if isinstance(content, bytes):
        return _Unchanged(len(content), f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    return _stat_version(content.stat())


def _stat_version(stat: os.stat_result) -> _Unchanged:
    etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    return _Unchanged(stat.st_size, etag, formatdate(stat.st_mtime, usegmt=True))


def file_response(request: Request, content: Path | bytes, name: str) -> Response:
    """
    Answer a request for a file.

    Parameters
    ----------
    request : `starlette.requests.Request`
        GET or HEAD; its conditions and its range are honoured.
    content : `pathlib.Path` or bytes
        The file.
    name : str
        Its name for ``Content-Disposition``.

    Returns
    -------
    `starlette.responses.Response`
        200, 206, 304, or 416.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    version = _version(content)
    # The name stands without quotes, since scripts written for the service cut off everything after "filename=".
    headers = {
        "accept-ranges": "bytes",
        "content-disposition": f"attachment; filename={name}",
        "etag": version.etag,
    }
    if version.modified is not None:
        headers["last-modified"] = version.modified
    if _is_unchanged(request.headers, version):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(headers={**headers, "content-length": str(version.size)}, media_type=_MEDIA_TYPE)
    status, start, stop = _part(request.headers, version)
    if status == 416:
        message = f"The range lies outside the file, which has {version.size} bytes"
        headers = {"accept-ranges": "bytes", "content-range": f"bytes */{version.size}"}
        return JSONResponse({"message": message}, status, headers)
    if status == 206:
        headers["content-range"] = f"bytes {start}-{stop - 1}/{version.size}"
    if isinstance(content, bytes):
        return Response(content[start:stop], status, headers, _MEDIA_TYPE)
    headers["content-length"] = str(stop - start)
    return StreamingResponse(_pieces(content, version, start, stop), status, headers, _MEDIA_TYPE)


def _is_unchanged(headers: Mapping[str, str], version: _Unchanged) -> bool:
    """Whether the client has this version already."""
    tags = headers.get("if-none-match")
    if tags is not None:
        held = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return "*" in held or version.etag in held
    since = headers.get("if-modified-since")
    if since is None or version.modified is None:
        return False
    try:
        return parsedate_to_datetime(version.modified) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):  # no date, or one without a zone
        return False


def _part(headers: Mapping[str, str], version: _Unchanged) -> tuple[int, int, int]:
    """Find the status, and the first byte and the one after the last, that a GET request shall be answered with."""
    whole = (200, 0, version.size)
    match = _RANGE.fullmatch(headers.get("range", ""))
    if match is None or headers.get("if-range", version.etag) not in (version.etag, version.modified):
        return whole
    first, last = match.groups()
    if first:
        start = int(first)
        stop = min(int(last) + 1, version.size) if last else version.size
        if last and int(last) < start:
            return whole
    elif last:
        start, stop = max(version.size - int(last), 0), version.size
    else:
        return whole
    return (206, start, stop) if start < version.size else (416, 0, 0)


def _pieces(path: Path, version: _Unchanged, start: int, stop: int) -> Iterator[bytes]:
    """Read a part of a file; fails, and so breaks off the answer, if it is not the version that was announced."""
    with path.open("rb") as file:
        if _stat_version(os.fstat(file.fileno())) != version:
            raise OSError(f"{path} was changed while it was being sent")
        file.seek(start)
        while start < stop:
            piece = file.read(min(_PIECE, stop - start))
            if not piece:
                raise OSError(f"{path} was cut short while it was being sent")
            start += len(piece)
            yield piece
