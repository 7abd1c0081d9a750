"""One file over HTTP: resumed after an interrupted transfer, checked, completed if it is bare, and published."""

from __future__ import annotations

import os
import re
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.complete import completed_header, replace_header
from sunpy_flarecast.fits.structure import reach
from sunpy_flarecast.rest.error_text import MESSAGE_BYTES
from sunpy_flarecast.utils.atomic_file import AtomicFile

from .context import OccupiedError
from .record_keywords import Lack
from .retry import AgainError, check_status, persist
from .verify import check_content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    import aiohttp

    from sunpy_flarecast.fits.structure import Headers

    from .context import Context
    from .plan import Place
    from .record_keywords import RecordKeywords

__all__ = ["Download"]

#: Bytes that are read from the network at a time.
_CHUNK: Final = 1 << 20

#: Statuses of redirects, and how many are followed.
_REDIRECTED: Final = frozenset({301, 302, 303, 307, 308})
_REDIRECTS: Final = 10

_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)


class Download:
    """
    The download of one file from its URL to its final path, whose folder must exist.

    ``advance`` is called with the number of received bytes, and the size of the file if known.
    """

    def __init__(
        self, place: Place, context: Context, keywords: RecordKeywords, advance: Callable[[int, int | None], None]
    ) -> None:
        self.place = place
        self.context = context
        self.keywords = keywords
        self._advance = advance
        self._target: AtomicFile | None = None
        self._old = False  # whether a file of an earlier version, with keywords, is on disk
        # The version that is being received, if the transfer can be resumed.
        self._validator: str | None = None
        self._length: int | None = None

    async def run(self, session: aiohttp.ClientSession) -> str:
        """Download the file, unless it exists by now, and return its final path."""
        place = self.place
        if os.path.exists(place.path) and not os.path.isfile(place.path):
            raise OccupiedError("its path exists and is not a file")
        try:
            headers = await persist(place.url, self.context, partial(self._attempt, session), self._resumable)
            if headers is None or self._target is None:
                self.context.found.add(place.path)
                return place.path
            lack = await self._complete(session, headers, self._target)
            if lack is not None and self._old and headers.bare:
                why = f"its record was reprocessed, but the new file has no keywords because {lack.reason}"
                raise TransferError(
                    f"{why}; the old file is kept (overwrite=True, or fetch --overwrite yes, replaces it)"
                )
            path = self._target.publish(unique=self.context.settings.overwrite == "unique")
        finally:
            if self._target is not None:
                self._target.discard()
        if lack is not None:
            self.keywords.left_bare(path, lack, place.record, place.segment)
        return path

    async def _complete(self, session: aiohttp.ClientSession, headers: Headers, target: AtomicFile) -> Lack | None:
        """Add the keywords to a file without keywords, or return why they are unavailable."""
        if not self.keywords.wanted(headers):
            return None
        cards = await self.keywords.of(self.place.record, session)
        if isinstance(cards, Lack):
            return cards
        try:
            header = completed_header(headers, cards, self.place.segment)
        except TransferError as error:
            return Lack(f"it {error}", lasting=True)
        if header is not None:
            replace_header(target, headers, header)
        return None

    async def _attempt(self, session: aiohttp.ClientSession) -> Headers | None:
        """Request the file or the rest of it, and check the content; return None if the file exists by now."""
        look = self.context.look(self.place)
        if look.stays:
            return None
        if look.state == "other":
            raise OccupiedError(f"its path is occupied by a file of {look.origin}")
        # Created before the request, so that other processes see which file this one fetches.
        target = self._target = self._target or AtomicFile(self.place.path)
        begin = self._resumable()
        ranged = {"Range": f"bytes={begin}-", "If-Range": self._validator or ""} if begin else {}
        async with self._get(session, ranged) as reply:
            await self._begin(reply, target, begin)
            await self._receive(reply, target)
        try:
            headers = check_content(target.fileno(), datasums=self.context.verify_checksum)
        except TransferError as error:
            self._restart(target)
            raise AgainError(str(error), content=True) from None
        self._old = look.state == "old"
        if self._old:
            self.context.compare(self.place, headers)
        return headers

    async def _receive(self, reply: aiohttp.ClientResponse, target: AtomicFile) -> None:
        """Write the content; stop if it exceeds its FITS headers or is not FITS, which is checked afterwards."""
        size, most, largest = target.size, MESSAGE_BYTES, self.context.file_size
        async for chunk in reply.content.iter_any():
            target.write(chunk, at=size)
            self._advance(len(chunk), self._length)
            size += len(chunk)
            if size > most:
                try:
                    most = reach(target.fileno())
                except TransferError:
                    return
                if most > largest:
                    raise TransferError(
                        f"its headers announce {most:,} bytes, but conf.file_size allows {largest:,.0f}"
                    )

    @asynccontextmanager
    async def _get(
        self, session: aiohttp.ClientSession, ranged: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Request the file and follow redirects (aiohttp would send credentials to all services of a host)."""
        context, url = self.context, self.place.url
        for _ in range(_REDIRECTS):
            async with session.get(
                url,
                headers={**context.headers(url), **ranged},
                proxy=context.proxy(url),
                timeout=context.timeout,
                read_bufsize=_CHUNK,
                allow_redirects=False,
                **context.tls,
            ) as reply:
                location = reply.headers.get("Location")
                if reply.status not in _REDIRECTED or not location:
                    yield reply
                    return
                try:
                    url = urljoin(url, location)
                except ValueError as error:
                    raise TransferError(f"the service redirects to {location!r}, which is not a valid URL") from error
        raise TransferError("the service redirects too many times")

    def _resumable(self) -> int:
        """Return the number of bytes that need not be requested again."""
        return self._target.size if self._target is not None and self._validator is not None else 0

    async def _begin(self, reply: aiohttp.ClientResponse, target: AtomicFile, begin: int) -> None:
        """Accept a 200 with the whole file, or a 206 with exactly the requested rest."""
        if begin and reply.status in (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
            if reply.status == HTTPStatus.PARTIAL_CONTENT and self._continues(reply, begin):
                return
            self._restart(target)
            raise AgainError("the service did not resume the interrupted transfer", wait="0")
        await check_status(reply)
        self._restart(target)
        self._length = None if reply.headers.get("Content-Encoding") else reply.content_length
        self._validator = _validator(reply.headers) if self._length is not None else None

    def _continues(self, reply: aiohttp.ClientResponse, begin: int) -> bool:
        """Return whether a 206 continues the same version of the file."""
        content_range = _RANGE.fullmatch(reply.headers.get("Content-Range", ""))
        if content_range is None or _validator(reply.headers) != self._validator:
            return False
        first, last, length = map(int, content_range.groups())
        return first == begin and length == self._length and last == length - 1

    def _restart(self, target: AtomicFile) -> None:
        self._validator = None
        if target.size:
            target.restart()


def _validator(headers: Mapping[str, str]) -> str | None:
    """Return the validator of a file's version: a strong ETag, or Last-Modified."""
    tag = headers.get("ETag", "")
    found = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
    return found if found and found.isascii() and found.isprintable() else None
