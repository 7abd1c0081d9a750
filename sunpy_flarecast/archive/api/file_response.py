"""A file as an HTTP reply, sent by starlette's `FileResponse` or by a reverse proxy through ``X-Accel-Redirect``."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fastapi import HTTPException
from starlette.responses import FileResponse, Response

from sunpy_flarecast.fits.structure import read_headers

from .responses import not_modified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.types import Message, Receive, Scope, Send

    from sunpy_flarecast.archive.base import Stored

__all__ = ["file_response", "opened"]

_MEDIA_TYPE: Final = "application/fits"

#: Prevents waiting for a pipe, or following a link, that has replaced the file.
_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
)


def file_response(
    request: Request, content: Stored | bytes, name: str, *, x_accel: str | None = None, private: bool = False
) -> Response:
    """Reply to a request for a file."""
    # A file that changed since the archive checked it is checked again and sent as it is now; a TransferError is raised
    # if it is no longer a complete FITS file. With ``x_accel``, the location of the archive's folder on a reverse
    # proxy, that proxy sends the file.
    # The name is not quoted, since scripts written for FLARECAST's service take everything after "filename=".
    headers = {"content-disposition": f"attachment; filename={name}"}
    if private:  # unlike an Authorization header, a cookie does not keep proxies from sending the file to others
        headers["cache-control"] = "private"
    if isinstance(content, bytes):
        headers["etag"] = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        return not_modified(request, headers) or Response(content, headers=headers, media_type=_MEDIA_TYPE)
    with ExitStack() as stack:
        file, status = stack.enter_context(opened(content))
        if x_accel is not None and content.root is not None:
            # The proxy sends its own validators and ranges.
            relative = os.path.relpath(content.path, content.root).replace(os.sep, "/")
            headers["x-accel-redirect"] = f"{x_accel.rstrip('/')}/{quote(os.fsencode(relative))}"
            return Response(headers=headers, media_type=_MEDIA_TYPE)
        # Opened by its descriptor, the checked file is sent even if another one has replaced it.
        path = Path(f"/dev/fd/{file.fileno()}")
        if not path.exists():  # Windows, where an open file cannot be replaced
            path = content.path
        response = _FileResponse(path, headers=headers, media_type=_MEDIA_TYPE, stat_result=status)
        if (unchanged := not_modified(request, response.headers)) is not None:
            return unchanged
        response.opened = stack.pop_all()
        return response


@contextmanager
def opened(stored: Stored) -> Iterator[tuple[Any, os.stat_result]]:
    """Open a file for reading; check it again if it changed since the archive checked it."""
    with os.fdopen(os.open(stored.path, _FLAGS), "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{stored.path} is not a regular file")
        if (status.st_size, status.st_mtime_ns) != (stored.size, stored.mtime_ns):
            read_headers(file.fileno())  # checks it
            file.seek(0)  # macOS shares the position with later openings of the descriptor
        yield file, status


class _FileResponse(FileResponse):
    """A file that stays open until it is sent; invalid ranges are reported like other errors."""

    chunk_size = 1024 * 1024
    opened: ExitStack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = self.headers["content-length"]

        async def checked(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == 416:
                    reason = f"The range lies outside the file, which has {size} bytes."
                    raise HTTPException(416, reason, {"Content-Range": f"bytes */{size}"})
                if message["status"] == 400:
                    raise HTTPException(400, "The Range header cannot be parsed. Write, for example, bytes=0-2879.")
            await send(message)

        with self.opened:
            await super().__call__(scope, receive, checked)
