"""JSON as HTTP answers, whole or piece by piece; in gzip for clients that ask for it."""

from __future__ import annotations

import re
import zlib
from contextlib import closing, suppress
from itertools import chain
from typing import TYPE_CHECKING, Final

from anyio import CancelScope
from anyio.to_thread import run_sync
from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from starlette.requests import Request
    from starlette.types import Send

__all__ = ["accepts_gzip", "gzip_pieces", "json_reply", "streamed_reply"]

_JSON: Final = "application/json"

#: Lists consist of URLs that differ in a number: a higher level costs thrice the time and saves little.
_LEVEL: Final = 1

#: The window of zlib, and 16 for the frame of gzip.
_WINDOW: Final = 15 + 16

_CODING: Final = re.compile(r"\s*([\w*-]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.ASCII | re.IGNORECASE)


def accepts_gzip(header: str) -> bool:
    """
    Whether a client wants gzip.

    Parameters
    ----------
    header : str
        Its ``Accept-Encoding``; empty if there is none.

    Examples
    --------
    >>> from sunpy_flarecast.archive.api.responses import accepts_gzip
    >>> accepts_gzip("gzip, deflate"), accepts_gzip("br, gzip;q=0"), accepts_gzip("*"), accepts_gzip("")
    (True, False, True, False)
    """
    matches = [_CODING.fullmatch(part) for part in header.split(",")]
    weights = {match[1].lower(): float(match[2] or 1) for match in matches if match}
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0))) > 0


def gzip_pieces(pieces: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    """
    Compress a reply piece by piece.

    Parameters
    ----------
    pieces : generator of bytes
        Closed with this one. If it fails the frame is left unfinished, so that no client takes a part for the whole.

    Yields
    ------
    bytes
        The first piece comes with the first of the reply.

    Examples
    --------
    >>> import gzip
    >>> from sunpy_flarecast.archive.api.responses import gzip_pieces
    >>> gzip.decompress(b"".join(gzip_pieces(piece for piece in (b"one ", b"two"))))
    b'one two'
    """
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW)
    with closing(pieces):
        for piece in pieces:
            yield packer.compress(piece)
        yield packer.flush()


def json_reply(request: Request, body: bytes) -> Response:
    """
    Answer with a JSON document.

    Parameters
    ----------
    request : `starlette.requests.Request`
        GET or HEAD; its ``Accept-Encoding`` is honoured.
    body : bytes
        The document.

    Returns
    -------
    `starlette.responses.Response`
        Without its content for HEAD.
    """
    told = _headers(request, None)
    if "Content-Encoding" in told:
        body = b"".join(gzip_pieces(piece for piece in (body,)))
    if request.method == "HEAD":
        return Response(headers={**told, "Content-Length": str(len(body))}, media_type=_JSON)
    return Response(body, headers=told, media_type=_JSON)


def streamed_reply(
    request: Request, pieces: Generator[bytes, None, None], headers: Mapping[str, str] | None = None
) -> Response:
    """
    Answer with a JSON document that is made piece by piece; call this in a thread, as it makes the first one.

    Parameters
    ----------
    request : `starlette.requests.Request`
        GET or HEAD; its ``Accept-Encoding`` is honoured.
    pieces : generator of bytes
        The document, one piece or more; taken in threads, and closed when the client has all or is gone.
    headers : mapping, optional
        Further headers.

    Returns
    -------
    `starlette.responses.Response`
        Without its content for HEAD.
    """
    told = _headers(request, headers)
    if "Content-Encoding" in told:
        pieces = gzip_pieces(pieces)
    # Taken before the answer begins: a failure of the archive can still become a status.
    begin = next(pieces)
    if request.method == "HEAD":
        pieces.close()
        reply = Response(headers=told, media_type=_JSON)
        del reply.headers["Content-Length"]  # nobody knows it
        return reply
    return _Streamed(begin, pieces, told)


def _headers(request: Request, headers: Mapping[str, str] | None) -> dict[str, str]:
    told = {**(headers or {}), "Vary": "Accept-Encoding"}
    if accepts_gzip(request.headers.get("Accept-Encoding", "")):
        told["Content-Encoding"] = "gzip"
    return told


class _Streamed(StreamingResponse):
    """A reply made piece by piece in threads, which ends with its client."""

    def __init__(self, begin: bytes, pieces: Generator[bytes, None, None], headers: Mapping[str, str]) -> None:
        super().__init__(chain((begin,), pieces), headers=headers, media_type=_JSON)
        self._pieces = pieces

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            # A server that stops may have left a thread alone with its piece, which then ends by itself.
            with CancelScope(shield=True), suppress(ValueError):
                await run_sync(self._pieces.close)
