"""One file over HTTP: going on where a transfer broke off, checked, completed if it is bare, and published."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.complete import new_begin
from sunpy_flarecast.fits.structure import read_headers
from sunpy_flarecast.utils.partial_file import KEEP_FROM, BusyError, Origin, Part

from .context import DISK_FULL
from .record_keywords import Lack
from .retry import AgainError, check_status, persist
from .verify import check_content

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aiohttp

    from .context import Terms
    from .plan import Place

__all__ = ["Download"]

#: Seconds between two looks at a file that another process is bringing.
_LOOK_AGAIN: Final = 0.1

#: Bytes that are read from the network at a time.
_CHUNK: Final = 1 << 20

_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Download:
    """
    One file, from its URL to its final name.

    Parameters
    ----------
    place : Place
        Where the file comes from, and where it goes to; its folder exists.
    terms : Terms
        Of the fetch.
    advance : callable
        Called with the number of bytes that arrived and the number that the file has, if known.
    """

    def __init__(self, place: Place, terms: Terms, advance: Callable[[int, int | None], None]) -> None:
        self.url = place.url
        self.path = place.path
        self.record = place.record
        self.segment = place.segment
        self.terms = terms
        self._advance = advance
        # Why the file is published without its keywords.
        self._lack: Lack | None = None
        self._origin: Origin | None = None

    async def run(self, session: aiohttp.ClientSession) -> str:
        """
        Bring the file.

        Parameters
        ----------
        session : `aiohttp.ClientSession`
            Where to ask.

        Returns
        -------
        str
            The name that the file got.

        Raises
        ------
        TransferError
            If it cannot be brought.
        OSError
            If it cannot be written.
        """
        first = True
        while True:
            try:
                with Part(self.path) as part:
                    if not first and self._is_there():
                        part.drop()
                        return self.path
                    return await self._fill(session, part)
            except BusyError:
                # What the other process brings does for this one, too.
                first = False
                await asyncio.sleep(_LOOK_AGAIN)
                if self._is_there():
                    return self.path

    def _is_there(self) -> bool:
        return self.terms.has(self.path)

    async def _fill(self, session: aiohttp.ClientSession, part: Part) -> str:
        """Fill the part in as many attempts as it takes, and publish it."""
        try:
            begun = part.origin() if part.size else None
            self._origin = begun if begun is not None and begun.url == self.url else None
            body = await persist(self.url, self.terms, partial(self._attempt, session, part))
            await self._complete(session, part, body)
            path = part.publish(unique=self.terms.settings.overwrite == "unique")
        except BaseException as error:
            full = isinstance(error, OSError) and error.errno in DISK_FULL
            # What can be gone on with stays; what cannot, and what fills a full disk, goes.
            if full or self._origin is None or part.size < KEEP_FROM:
                part.drop()
            raise
        if self._lack is not None:
            self.terms.supplement.left_bare(path, self._lack, self.record, self.segment)
        return path

    async def _complete(self, session: aiohttp.ClientSession, part: Part, body: bytes | None) -> None:
        """
        Put the keywords into a file that came without, and write what is not in the part yet.

        What was received has been checked by now; from here on it is not to be gone on with.
        """
        source = part.path if body is None else body
        begin, length = b"", 0
        if self.terms.supplement.wanted:
            image = read_headers(source)
            if image.bare or self.terms.supplement.wanted_by_all:
                outcome = await self.terms.supplement.of(self.record, session, self.terms)
                if isinstance(outcome, Lack):
                    self._lack = outcome
                else:
                    begin, length = new_begin(source, image, outcome, self.segment), image.end
        if body is not None:
            # To copy it costs less than to write in two steps.
            part.write(b"".join((begin, memoryview(body)[length:])) if begin else body)
        elif begin:
            self._origin = None
            part.replace_begin(begin, length)

    async def _attempt(self, session: aiohttp.ClientSession, part: Part) -> bytes | None:
        """
        Ask once, for the whole file or for the rest of it, and check what has then come together.

        Returns
        -------
        bytes or None
            A small file as a whole, which is not written; None if it is in the part.
        """
        headers = self.terms.headers(self.url)
        begin = 0
        if self._origin is not None and 0 < part.size <= self._origin.length:
            begin = part.size
            headers = {**headers, "Range": f"bytes={begin}-", "If-Range": self._origin.validator}
        async with session.get(
            self.url, headers=headers, proxy=self.terms.proxy(self.url), timeout=self.terms.timeout, read_bufsize=_CHUNK
        ) as answer:
            await self._check_status(answer, begin, part)
            length = None if answer.headers.get("Content-Encoding") else answer.content_length
            if answer.status == HTTPStatus.OK:
                self._start(answer, length, part)
            if begin == 0 and length is not None and length < KEEP_FROM:
                return await self._receive_small(answer, length)
            await self._receive(answer, part)
            await self._check_large(part)
            return None

    async def _check_status(self, answer: aiohttp.ClientResponse, begin: int, part: Part) -> None:
        """Go on with 200, or with a 206 that is just what was asked for."""
        status = answer.status
        if begin and status in (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
            if status == HTTPStatus.PARTIAL_CONTENT and self._continues(answer, begin):
                part.go_on()
                return
            self._origin = None
            part.restart()
            raise AgainError("the service did not go on where the transfer broke off", wait="0")
        await check_status(answer)

    def _continues(self, answer: aiohttp.ClientResponse, begin: int) -> bool:
        """Tell whether a 206 is the rest of just the file that was begun."""
        origin = self._origin
        told = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if origin is None or told is None:
            return False
        first, last, length = map(int, told.groups())
        same = _validator(answer.headers) == origin.validator
        return same and first == begin and length == origin.length and last == length - 1

    def _start(self, answer: aiohttp.ClientResponse, length: int | None, part: Part) -> None:
        """Begin at zero, with what is needed to go on later."""
        validator = _validator(answer.headers)
        part.restart()
        self._origin = Origin(self.url, validator, length) if validator is not None and length is not None else None

    async def _receive_small(self, answer: aiohttp.ClientResponse, length: int) -> bytes:
        """Take a small file as a whole, which is checked before it is written."""
        body = await answer.read()
        self._advance(len(body), length)
        _check_body(body, self.terms)
        return body

    async def _receive(self, answer: aiohttp.ClientResponse, part: Part) -> None:
        """Write what arrives."""
        total = self._origin.length if self._origin else answer.content_length
        noted = part.size >= KEEP_FROM and self._origin is not None
        received = part.size
        async for chunk in answer.content.iter_any():
            part.write(chunk)
            received += len(chunk)
            self._advance(len(chunk), total)
            if not noted and received >= KEEP_FROM and self._origin is not None:
                part.note(self._origin)
                noted = True

    async def _check_large(self, part: Part) -> None:
        length = self._origin.length if self._origin else None
        if length is not None and part.size != length:
            raise AgainError(f"the answer broke off at byte {part.size:,} of {length:,}")
        try:
            _check_body(part.path, self.terms)
        except TransferError:
            # Whatever is wrong with it, it is not to be gone on with.
            self._origin = None
            part.restart()
            raise


def _validator(headers: Mapping[str, str]) -> str | None:
    """Find what identifies a version of a file: a strong ETag, else Last-Modified."""
    tag = headers.get("ETag")
    if tag and not tag.startswith("W/"):
        return tag
    return headers.get("Last-Modified")


def _check_body(source: str | bytes, terms: Terms) -> None:
    """Check a file that has come together."""
    try:
        check_content(source, datasums=terms.verify_checksum)
    except TransferError as error:
        raise AgainError(str(error), content=True) from None
