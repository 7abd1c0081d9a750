"""One file as an HTTP answer: its validators, digest, conditional requests, and byte ranges (RFC 9110, RFC 9530)."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec
from anyio.to_thread import run_sync
from starlette.responses import JSONResponse, Response

from sunpy_flarecast.fits.structure import read_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from sunpy_flarecast.archive.base import Stored

__all__ = ["file_response"]

_MEDIA_TYPE: Final = "application/fits"

#: The ASGI extension "Zero Copy Send".
_ZERO_COPY: Final = "http.response.zerocopysend"

#: Bytes read at a time where a server does not send files by itself.
_PIECE: Final = 1024 * 1024

#: How files are opened: never waiting for a pipe that lies in a file's place, and not following a link that was put
#: there after the archive looked.
_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
)

#: One range. A list of ranges is answered with the whole file, as RFC 9110 allows.
_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII | re.IGNORECASE)


class _Version(msgspec.Struct, frozen=True):
    """What tells one version of a file from another."""

    size: int
    etag: str
    modified: str | None = None
    sha256: bytes | None = None


def file_response(request: Request, content: Stored | bytes, name: str) -> Response:
    """
    Answer a request for a file.

    A file that was changed since the archive looked at it is sent as it is now, without a digest.

    Parameters
    ----------
    request : `starlette.requests.Request`
        GET or HEAD; its conditions and its range are honoured.
    content : Stored or bytes
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
    TransferError
        If it was changed and is not whole.
    """
    if isinstance(content, bytes):
        digest = hashlib.sha256(content).digest()
        return _answer(request, content, _Version(len(content), f'"{digest.hex()[:32]}"', sha256=digest), name)
    file = os.fdopen(os.open(content.path, _FLAGS), "rb", buffering=0)
    try:
        response = _answer(request, file, _version(content, os.fstat(file.fileno())), name)
    except BaseException:
        file.close()
        raise
    if not isinstance(response, _FileResponse):
        file.close()
    return response


def _version(stored: Stored, now: os.stat_result) -> _Version:
    if not stat.S_ISREG(now.st_mode):
        raise OSError(f"{stored.path} is no file")
    unchanged = (now.st_size, now.st_mtime_ns) == (stored.size, stored.mtime_ns)
    if not unchanged:
        read_headers(stored.path)  # which checks it
    return _Version(
        now.st_size,
        f'"{now.st_mtime_ns:x}-{now.st_size:x}"',
        formatdate(now.st_mtime, usegmt=True),
        stored.sha256 if unchanged else None,
    )


def _answer(request: Request, content: BinaryIO | bytes, version: _Version, name: str) -> Response:
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
    status, start, stop = (200, 0, version.size) if request.method == "HEAD" else _part(request.headers, version)
    if status == 416:
        message = f"The range lies outside the file, which has {version.size} bytes"
        headers = {"accept-ranges": "bytes", "content-range": f"bytes */{version.size}"}
        return JSONResponse({"message": message}, status, headers)
    if version.sha256 is not None:
        # One of the two, as clients check what they are given; that of the content would be of the part, or of nothing.
        whole = status == 200 and request.method == "GET"
        digest = base64.b64encode(version.sha256).decode()
        headers["content-digest" if whole else "repr-digest"] = f"sha-256=:{digest}:"
    if status == 206:
        headers["content-range"] = f"bytes {start}-{stop - 1}/{version.size}"
    if request.method == "HEAD":
        return Response(headers={**headers, "content-length": str(version.size)}, media_type=_MEDIA_TYPE)
    if isinstance(content, bytes):
        return Response(content[start:stop], status, headers, _MEDIA_TYPE)
    return _FileResponse(content, start, stop, status, headers)


def _is_unchanged(headers: Mapping[str, str], version: _Version) -> bool:
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


def _part(headers: Mapping[str, str], version: _Version) -> tuple[int, int, int]:
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


class _FileResponse(Response):
    """A part of an open file; the file is closed at the end."""

    def __init__(self, file: BinaryIO, start: int, stop: int, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(None, status, {**headers, "content-length": str(stop - start)}, _MEDIA_TYPE)
        self._file = file
        self._start = start
        self._stop = stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if _ZERO_COPY in scope.get("extensions", {}):
                count = self._stop - self._start
                await send({"type": _ZERO_COPY, "file": self._file, "offset": self._start, "count": count})
            else:
                await self._read_and_send(send)
        except (ConnectionError, TimeoutError):
            return  # the client went away, or took nothing any more: nobody is left to be told
        finally:
            self._file.close()

    async def _read_and_send(self, send: Send) -> None:
        self._file.seek(self._start)
        position = self._start
        while position < self._stop:
            piece = await run_sync(self._file.read, min(_PIECE, self._stop - position))
            if not piece:
                raise OSError(f"{self._file.name} was cut short while it was being sent")
            position += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
