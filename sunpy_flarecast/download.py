"""The bytes of one file over HTTP: attempts, what is tried again, and going on where a transfer broke off."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp

from .errors import TransferError
from .fits import is_whole
from .pacing import backoff, retry_after
from .part import KEEP_FROM, BusyError, Origin, Part
from .service import body_message
from .terms import DISK_FULL
from .verify import MESSAGE_BYTES, check_content, check_digest, check_sums

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .terms import Terms

__all__ = ["Download"]

#: Statuses after which it is worth to ask again (RFC 9110, and RFC 6585 for 429, RFC 8470 for 425).
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})

#: Statuses by which a host says that it is busy, which concerns all transfers from it.
_BUSY: Final = frozenset({429, 503})

#: How often what arrived whole but is no file is asked for again; a page that asks to log in will not go away.
_BAD_CONTENT_RETRIES: Final = 1

#: Seconds between two looks at a file that another process is bringing.
_LOOK_AGAIN: Final = 0.1

#: Bytes that are read from the network at a time.
_CHUNK: Final = 1 << 20

_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class _AgainError(TransferError):
    """An attempt failed in a way that the next may not."""

    def __init__(self, reason: str, *, wait: float | None = None, busy: bool = False, content: bool = False) -> None:
        super().__init__(reason)
        self.wait = wait
        self.busy = busy
        self.content = content


class Download:
    """
    One file, from its URL to its final name.

    Parameters
    ----------
    url : str
        Where the file comes from.
    path : str
        Where it goes to; its folder exists.
    terms : Terms
        Of the fetch.
    advance : callable
        Called with the number of bytes that arrived and the number that the file has, if known.
    """

    def __init__(self, url: str, path: str, terms: Terms, advance: Callable[[int, int | None], None]) -> None:
        self.url = url
        self.path = path
        self.terms = terms
        self._advance = advance
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
        return self.terms.settings.overwrite is False and is_whole(self.path)

    async def _fill(self, session: aiohttp.ClientSession, part: Part) -> str:
        """Fill the part in as many attempts as it takes, and publish it."""
        try:
            begun = part.origin() if part.size else None
            self._origin = begun if begun is not None and begun.url == self.url else None
            await self._attempts(session, part)
            return part.publish(unique=self.terms.settings.overwrite == "unique")
        except BaseException as error:
            full = isinstance(error, OSError) and error.errno in DISK_FULL
            # What can be gone on with stays; what cannot, and what fills a full disk, goes.
            if full or self._origin is None or part.size < KEEP_FROM:
                part.drop()
            raise

    async def _attempts(self, session: aiohttp.ClientSession, part: Part) -> None:
        failed = bad_contents = 0
        pace = self.terms.pace(self.url)
        while True:
            await pace.passed()
            if self.terms.halted is not None:
                raise self.terms.halted
            try:
                await self._attempt(session, part)
            except _AgainError as error:
                failure = error
            except TimeoutError:  # aiohttp's are subclasses
                failure = _AgainError(
                    f"the service did not go on sending within {self.terms.read_timeout:g} s (conf.read_timeout)"
                )
            except aiohttp.ClientPayloadError:
                failure = _AgainError("the answer broke off before its end")
            except aiohttp.InvalidURL as error:
                raise TransferError(f"it is no URL that can be asked ({error})") from error
            except aiohttp.TooManyRedirects as error:
                raise TransferError("the service redirects in a circle") from error
            except aiohttp.ClientError as error:
                failure = _AgainError(f"the connection failed ({error or type(error).__name__})")
            else:
                return
            failed += 1
            bad_contents += failure.content
            if failed > self.terms.max_retries or bad_contents > _BAD_CONTENT_RETRIES:
                times = f", {failed} times" if failed > 1 else ""
                raise TransferError(f"{failure}{times}") from failure
            wait = backoff(failed, self.terms.retry_wait)
            if failure.wait is not None:
                wait = min(failure.wait, self.terms.retry_after_max)
            if failure.busy:
                pace.pause(wait)
            else:
                await asyncio.sleep(wait)

    async def _attempt(self, session: aiohttp.ClientSession, part: Part) -> None:
        """Ask once, for the whole file or for the rest of it, and check what has then come together."""
        headers = self.terms.headers(self.url)
        begin = 0
        if self._origin is not None and 0 < part.size <= self._origin.length:
            begin = part.size
            headers = {**headers, "Range": f"bytes={begin}-", "If-Range": self._origin.validator}
        async with session.get(
            self.url,
            headers=headers,
            proxy=self.terms.proxy(self.url),
            timeout=self.terms.timeout,
            read_bufsize=_CHUNK,
        ) as answer:
            await self._check_status(answer, begin, part)
            length = None if answer.headers.get("Content-Encoding") else answer.content_length
            if answer.status == HTTPStatus.OK:
                self._start(answer, length, part)
            if begin == 0 and length is not None and length < KEEP_FROM:
                await self._receive_small(answer, length, part)
            else:
                await self._receive(answer, part)
                await self._check_large(answer, part)

    async def _check_status(self, answer: aiohttp.ClientResponse, begin: int, part: Part) -> None:
        """Go on with 200, or with a 206 that is just what was asked for."""
        status = answer.status
        if status == HTTPStatus.OK:
            return
        if begin and status in (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
            if status == HTTPStatus.PARTIAL_CONTENT and self._continues(answer, begin):
                part.go_on()
                return
            self._origin = None
            part.restart()
            raise _AgainError("the service did not go on where the transfer broke off", wait=0.0)
        message = body_message(await answer.content.read(MESSAGE_BYTES))
        text = f"the service answered {status} {answer.reason}{f': {message}' if message else ''}"
        if status in _AGAIN:
            wait = retry_after(answer.headers.get("Retry-After"))
            raise _AgainError(text, wait=wait, busy=status in _BUSY)
        raise TransferError(text)

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

    async def _receive_small(self, answer: aiohttp.ClientResponse, length: int, part: Part) -> None:
        """Take a small file as a whole, which is checked before it is written."""
        body = await answer.read()
        self._advance(len(body), length)
        _check_body(body, answer, self.terms)
        part.write(body)

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

    async def _check_large(self, answer: aiohttp.ClientResponse, part: Part) -> None:
        length = self._origin.length if self._origin else None
        if length is not None and part.size != length:
            raise _AgainError(f"the answer broke off at byte {part.size:,} of {length:,}")
        try:
            _check_body(part.path, answer, self.terms)
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


def _check_body(source: str | bytes, answer: aiohttp.ClientResponse, terms: Terms) -> None:
    """Check a file that has come together: digests, structure, and if wanted checksums."""
    try:
        names = ["Repr-Digest", "Content-Digest"] if answer.status == HTTPStatus.OK else ["Repr-Digest"]
        for name in names:
            if name in answer.headers:
                check_digest(name, answer.headers, source)
        check_content(source)
        if terms.verify_checksum:
            check_sums(source)
    except TransferError as error:
        raise _AgainError(str(error), content=True) from None
