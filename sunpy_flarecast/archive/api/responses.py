"""JSON as HTTP responses, whole or piece by piece."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Final

from anyio import CancelScope
from anyio.to_thread import run_sync
from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from starlette.requests import Request
    from starlette.types import Send

__all__ = ["json_reply", "streamed_reply"]

_JSON: Final = "application/json"


def json_reply(body: bytes) -> Response:
    """Answer with a JSON document; the server leaves its content out for HEAD."""
    return Response(body, media_type=_JSON)


def streamed_reply(
    request: Request, pieces: Generator[bytes, None, None], headers: Mapping[str, str] | None = None
) -> Response:
    """
    Answer with a JSON document that is made piece by piece; call this in a thread, as it makes the first one.

    Parameters
    ----------
    request : `starlette.requests.Request`
        GET or HEAD.
    pieces : generator of bytes
        The document, one piece or more; taken in threads, and closed when the client has all or is gone.
    headers : mapping, optional
        Further headers.
    """
    # Taken before the answer begins: a failure of the archive can still become a status.
    begin = next(pieces)
    if request.method == "HEAD":  # the headers are those of a GET, and the rest of the document is not made
        pieces.close()
    return _Streamed(begin, pieces, headers)


class _Streamed(StreamingResponse):
    """A reply made piece by piece in threads, which ends with its client."""

    def __init__(self, begin: bytes, pieces: Generator[bytes, None, None], headers: Mapping[str, str] | None) -> None:
        super().__init__(chain((begin,), pieces), headers=headers, media_type=_JSON)
        self._pieces = pieces

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            # A server that stops may have left a thread alone with its piece, which then ends by itself.
            with CancelScope(shield=True), suppress(ValueError):
                await run_sync(self._pieces.close)
