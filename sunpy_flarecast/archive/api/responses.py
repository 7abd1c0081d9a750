"""JSON replies and their validators; lists of records are streamed in chunks to save memory."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec
from anyio import CancelScope
from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from sunpy_flarecast._version import __version__
from sunpy_flarecast.archive.base import NotHeldError
from sunpy_flarecast.sharp.catalog import step_of
from sunpy_flarecast.sharp.t_rec import CADENCE

from .origin import has_synthetic_records

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from starlette.requests import Request
    from starlette.types import Send

    from sunpy_flarecast.archive.base import Archive, Record

__all__ = ["Rows", "json_reply", "list_chunks", "not_modified", "streamed_reply", "validators"]

_JSON: Final = "application/json"

#: Records encoded at a time: some 0.7 MB of JSON, so that passing chunks between threads costs next to nothing.
_CHUNK: Final = 256

#: The same with all keywords, which take longer.
_CHUNK_WITH_KEYWORDS: Final = 32

_ENCODER: Final = msgspec.json.Encoder()

#: Placeholder for the record number in a template; no URL contains it. JSON escapes it as six characters.
_MARK: Final = "\0"
_MARK_IN_JSON: Final = b"\\u0000"

#: Decides which conditional requests get 304.
_STATIC: Final = StaticFiles()


def not_modified(request: Request, headers: Mapping[str, str]) -> Response | None:
    """Return a 304 reply if the client has stored a reply with the same validators, else None."""
    # Starlette compares with strong tags only.
    held = {name.lower(): value.removeprefix("W/") for name, value in headers.items()}
    if "etag" in held and _STATIC.is_not_modified(Headers(held), request.headers):
        return NotModifiedResponse(Headers(headers))
    return None


def validators(request: Request, archive: Archive, series: str, *layout: object) -> dict[str, str]:
    """Make the headers with which clients store and validate a reply; call this before reading records."""
    # ``layout`` is what the reply depends on besides the records and the URL of the request.
    # Synthetic records are not stored, since a service of real records may later run at the same URL.
    headers = {"Cache-Control": "no-store" if archive.synthetic else "no-cache"}
    version = archive.version(series)
    if has_synthetic_records(archive, series):
        headers["Data-Origin"] = "SYNTHETIC"
    if version is not None:
        state = (__version__, version, request.url.path, request.url.query, *layout)
        # Weak, since the reply may be compressed.
        headers["ETag"] = f'W/"{hashlib.sha256(repr(state).encode()).hexdigest()[:32]}"'
    return headers


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A record in the layout of the service; the order of the fields is that of its replies."""

    date__obs: str | None
    download_time: str | None = None
    exptime: float | None = None
    harpnum: int | None
    mask_cadence: float | None = None
    meta: Mapping[str, Any] | msgspec.UnsetType = msgspec.UNSET
    nbr_update: int | None = 0
    quality: int | None
    recnum: int
    recnum_init: int | None = None
    series_name: str
    t_rec_index: int | None
    time: str | None
    type: str | None = None
    urls: msgspec.Raw
    wavelnth: int | None


class Rows:
    """Makes rows of the records of a series, for the service at a base URL."""

    # The URLs of records differ only in the record number. The list of URLs is therefore encoded once for each set of
    # segments, and the number inserted into the bytes.

    def __init__(self, series: str, base: str) -> None:
        self._series = series
        self._slots = step_of(series) // CADENCE  # slots of 720 s in a time step
        self._prefix = f"{base}/HMI/{quote(series)}/{_MARK}"
        self._templates: dict[tuple[str, ...], bytes] = {}

    def row(self, record: Record, meta: Mapping[str, Any] | msgspec.UnsetType = msgspec.UNSET) -> Row:
        """Make the row of a record, with its keywords if they are given."""
        template = self._templates.get(record.segments)
        if template is None:
            urls = [f"{self._prefix}/{quote(segment)}.fits" for segment in record.segments]
            template = self._templates[record.segments] = _ENCODER.encode(urls)
        return Row(
            date__obs=record.date__obs,
            harpnum=record.harpnum,
            meta=meta,
            quality=record.quality,
            recnum=record.recnum,
            series_name=self._series,
            t_rec_index=None if record.t_rec_index is None else record.t_rec_index // self._slots,
            time=record.time,
            urls=msgspec.Raw(template.replace(_MARK_IN_JSON, b"%d" % record.recnum)),
            wavelnth=record.wavelnth,
        )


def list_chunks(
    records: Iterable[Record],
    rows: Rows,
    *,
    envelope: bool = True,
    keywords: Callable[[Sequence[int]], Mapping[int, Mapping[str, Any]]] | None = None,
) -> Generator[bytes, None, None]:
    """Encode a list of records in chunks, and yield each as soon as its records are read."""
    # If the archive fails half-way, the JSON stays incomplete, so clients notice. Records removed before their
    # keywords are read are left out.
    head, tail = (b'{"data":[', b"]}") if envelope else (b"[", b"]")
    remaining = iter(records)
    size = _CHUNK if keywords is None else _CHUNK_WITH_KEYWORDS
    while chunk := list(islice(remaining, size)):
        if keywords is None:
            encoded = [rows.row(record) for record in chunk]
        else:
            found = _existing(keywords, [record.recnum for record in chunk])
            encoded = [rows.row(record, found[record.recnum]) for record in chunk if record.recnum in found]
            if not encoded:
                continue
        yield head + _ENCODER.encode(encoded)[1:-1]
        head = b","
    yield tail if head == b"," else head + tail


def _existing(
    keywords: Callable[[Sequence[int]], Mapping[int, Mapping[str, Any]]], recnums: Sequence[int]
) -> Mapping[int, Mapping[str, Any]]:
    """Return the keywords of the records that still exist."""
    try:
        return keywords(recnums)
    except NotHeldError:
        found: dict[int, Mapping[str, Any]] = {}
        for recnum in recnums:
            with suppress(NotHeldError):
                found |= keywords([recnum])
        return found


def json_reply(content: object, headers: Mapping[str, str] | None = None) -> Response:
    """Make the reply with a JSON document."""
    return Response(_ENCODER.encode(content), headers=headers, media_type=_JSON)


def streamed_reply(
    request: Request, chunks: Generator[bytes, None, None], headers: Mapping[str, str], media_type: str = _JSON
) -> Response:
    """Make the reply with a document generated in chunks; call this in a thread, since it generates the first chunk."""
    # The first chunk comes before the status is sent, so a failure of the archive can still change it.
    begin = next(chunks)
    if request.method == "HEAD":
        chunks.close()
    return _Streamed(begin, chunks, headers, media_type)


class _Streamed(StreamingResponse):
    """A reply generated in threads, whose generator is closed when the client disconnects."""

    def __init__(
        self, begin: bytes, chunks: Generator[bytes, None, None], headers: Mapping[str, str], media_type: str
    ) -> None:
        super().__init__(chain((begin,), chunks), headers=headers, media_type=media_type)
        self._chunks = chunks

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            # The generator cannot be closed while a thread of a stopping server still runs it; it ends with the thread.
            with CancelScope(shield=True), suppress(ValueError):
                await run_sync(self._chunks.close)
