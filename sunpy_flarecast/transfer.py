"""
One file from the service onto disk, whole or not at all, as a transfer in parfive's queue.

This is the one place that uses `parfive.Downloader.http_queue`. parfive runs what stands in it, with its progress bars,
connection slots and results; its own transfer (several requests a file, written in small pieces under the final name)
is not used.
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote

import aiohttp
import parfive
from parfive.utils import FailedDownload

from .config import conf
from .errors import TransferError
from .fits import check_whole, is_whole
from .service import USER_AGENT, base_url, body_message

if TYPE_CHECKING:
    from .paths import Place

__all__ = ["Transfer", "add_refused", "add_there", "enqueue"]

#: From parfive 2.2 on, a result is a path and a URL; before, a path alone.
_WITH_URLS: Final = hasattr(parfive.Results, "urls")

#: How much of an answer that is no FITS file is read in search of a message, in bytes.
_MESSAGE_BYTES: Final = 65536

#: A file that takes longer than this gets a progress bar of its own, in seconds; bars for small files take a quarter
#: of the time that the files themselves do.
_BAR_AFTER: Final = 1.0


def enqueue(downloader: parfive.Downloader, place: Place) -> None:
    """
    Queue the transfer of one file.

    Parameters
    ----------
    downloader : `parfive.Downloader`
        Its settings for overwriting, proxies and progress bars hold.
    place : Place
        Where the file comes from and goes to.
    """
    transfer = Transfer(place.url, place.path, downloader.config)
    queue = getattr(downloader, "http_queue", None)
    if queue is not None:
        queue.append(transfer)
    else:
        # A parfive without this queue: its own transfer asks for a path, and gets the finished file.
        downloader.enqueue_file(place.url, filename=transfer.filepath)


def add_there(results: parfive.Results, place: Place) -> None:
    """
    Put a file that needs no transfer into parfive's results.

    Parameters
    ----------
    results : `parfive.Results`
        Changed in place.
    place : Place
        The file.
    """
    if _WITH_URLS:
        results.append(path=place.path, url=place.url)
    else:
        results.append(place.path)


def add_refused(results: parfive.Results, url: str, error: TransferError) -> None:
    """
    Put a URL that is not going to be fetched into the errors of parfive's results.

    Parameters
    ----------
    results : `parfive.Results`
        Changed in place.
    url : str
        As the service gave it.
    error : TransferError
        Why it is refused; a retry by parfive ends with it again.
    """

    def filepath(response: object, url: str) -> NoReturn:
        raise error

    # parfive's retry raises at the user for URLs of other kinds than it knows.
    known = url.startswith(("http://", "https://"))
    results.add_error(filepath, url if known else f"{base_url(conf.url)}/refused/{quote(url, safe='')}", error)


class Transfer:
    """
    The transfer of one file: one GET, written to ``.{file}.part``, checked, and published by an atomic rename.

    Parameters
    ----------
    url : str
        Where the file comes from.
    path : str
        Where it goes to.
    settings : `parfive.config.DownloaderConfig`
        Of the downloader in whose queue this transfer stands: ``overwrite``, proxies.
    """

    __slots__ = ("path", "settings", "url")

    def __init__(self, url: str, path: str, settings: Any) -> None:
        self.url = url
        self.path = path
        self.settings = settings

    async def __call__(self, session: aiohttp.ClientSession, *, token: Any, file_pb: Any) -> tuple[str, str] | str:
        """
        Bring the file; parfive calls this.

        Parameters
        ----------
        session : `aiohttp.ClientSession`
            parfive's session.
        token : `parfive.utils.Token`
            The connection slot; its number is the position of the progress bar.
        file_pb : type or False
            The class of progress bars, if wanted.

        Returns
        -------
        url, path : str
            What parfive puts into its results (the path alone before parfive 2.2).

        Raises
        ------
        `parfive.utils.FailedDownload`
            For whatever went wrong, as parfive expects it.
        """
        try:
            path = await self._bring(session, _Bar(file_pb, token, os.path.basename(self.path)))
        except (Exception, asyncio.CancelledError) as error:  # parfive raises all others at the user
            raise FailedDownload(self.filepath, self.url, self._explained(error)) from error
        return (self.url, path) if _WITH_URLS else path

    def filepath(self, response: object, url: str) -> Path:
        """
        Bring the file when parfive's own transfer asks for a path, which is what ``Fido.fetch(files)`` ends in.

        parfive finds the file there and leaves it as it is. The files of such a retry come one after the other, since
        parfive waits for the path.

        Parameters
        ----------
        response, url : object
            What parfive passes; not needed.

        Returns
        -------
        `pathlib.Path`

        Raises
        ------
        TransferError
            If the file cannot be brought.
        """
        if self.settings.overwrite is False and is_whole(self.path):
            return Path(self.path)
        outcome: list[str | BaseException] = []

        async def alone() -> str:
            async with aiohttp.ClientSession() as session:
                return await self._bring(session, _Bar(False, None, ""))

        def run() -> None:
            try:
                outcome.append(asyncio.run(alone()))
            except BaseException as error:  # noqa: BLE001 (raised again in the thread that asked)
                outcome.append(error)

        # The caller is a coroutine, and a loop cannot run within a running one.
        thread = threading.Thread(target=run, name="sunpy_flarecast retry")
        thread.start()
        thread.join()
        [result] = outcome
        if isinstance(result, BaseException):
            raise self._explained(result) from result
        return Path(result)

    async def _bring(self, session: aiohttp.ClientSession, bar: _Bar) -> str:
        part = os.path.join(os.path.dirname(self.path), f".{os.path.basename(self.path)}.part")
        os.makedirs(os.path.dirname(part) or ".", exist_ok=True)
        try:
            with bar:
                await self._receive(session, part, bar)
            self._check(part)
            return publish(part, self.path, unique=self.settings.overwrite == "unique")
        except BaseException:
            with suppress(OSError):
                os.unlink(part)
            raise

    async def _receive(self, session: aiohttp.ClientSession, part: str, bar: _Bar) -> None:
        """Write the answer's body to ``part``."""
        proxy = self.settings.https_proxy if self.url.startswith("https:") else self.settings.http_proxy
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=conf.connect_timeout, sock_read=conf.read_timeout)
        # A compressed answer would have another length than the file, and SHARP files are compressed already.
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        async with session.get(self.url, headers=headers, proxy=proxy, timeout=timeout) as answer:
            if answer.status != HTTPStatus.OK:
                message = body_message(await answer.content.read(_MESSAGE_BYTES))
                raise TransferError(
                    f"the service answered {answer.status} {answer.reason}{f': {message}' if message else ''}"
                )
            expected = None if answer.headers.get("Content-Encoding") else answer.content_length
            received = 0
            with open(part, "wb", buffering=0) as file:
                async for chunk in answer.content.iter_any():
                    file.write(chunk)
                    received += len(chunk)
                    bar.update(len(chunk), expected)
            if expected is not None and received != expected:
                raise TransferError(f"the answer broke off at byte {received:,} of {expected:,}")

    @staticmethod
    def _check(part: str) -> None:
        try:
            check_whole(part)
        except TransferError as error:
            with open(part, "rb") as file:
                begin = file.read(_MESSAGE_BYTES)
            said = "" if begin.startswith(b"SIMPLE") else body_message(begin)
            raise TransferError(f"what the service sent {error}{f' but {said}' if said else ''}") from None

    def _explained(self, error: BaseException) -> TransferError:
        """Make of any exception one that says what was asked and what is wrong."""
        match error:
            case TransferError():
                reason = str(error)
            case asyncio.CancelledError():
                reason = "the fetch was interrupted"
            case TimeoutError():  # aiohttp's are subclasses
                reason = f"the service did not go on sending within {conf.read_timeout:g} s (conf.read_timeout)"
            case aiohttp.ClientPayloadError():
                reason = "the answer broke off before its end"
            case aiohttp.ClientConnectionError():
                reason = f"the connection failed ({error})"
            case OSError():
                reason = f"it cannot be written ({error.strerror or error})"
            case _:
                reason = f"{type(error).__name__}: {error}"
        return TransferError(f"{self.path} was not fetched from {self.url}: {reason}. Fetch it again to try once more.")


def publish(part: str, path: str, *, unique: bool = False) -> str:
    """
    Give a finished file its final name, in one step.

    Parameters
    ----------
    part : str
        The finished file, in the same folder.
    path : str
        The final name. A file of that name is replaced, or kept if ``unique``.
    unique : bool
        Take the first of ``path``, ``..._1.fits``, ``..._2.fits`` and so on that is free.

    Returns
    -------
    str
        The name that the file got.
    """
    if not unique:
        os.replace(part, path)
        return path
    stem, ending = os.path.splitext(path)
    number = 0
    while True:
        name = f"{stem}_{number}{ending}" if number else path
        try:
            # Creating the name first keeps two processes from taking the same one.
            with open(name, "xb"):
                pass
        except FileExistsError:
            number += 1
            continue
        os.replace(part, name)
        return name


class _Bar:
    """A progress bar that appears only when a transfer takes long."""

    __slots__ = ("_bar", "_kind", "_name", "_received", "_token", "_when")

    def __init__(self, kind: Any, token: Any, name: str) -> None:
        self._kind = kind
        self._token = token
        self._name = name
        self._received = 0
        self._bar: Any = None
        self._when = 0.0

    def __enter__(self) -> None:
        if self._kind:
            self._when = asyncio.get_running_loop().time() + _BAR_AFTER

    def update(self, received: int, total: int | None) -> None:
        """Count bytes."""
        if not self._kind:
            return
        self._received += received
        if self._bar is not None:
            self._bar.update(received)
        elif asyncio.get_running_loop().time() > self._when:
            self._bar = self._kind(
                position=self._token.n,
                unit="B",
                unit_scale=True,
                desc=self._name,
                leave=False,
                total=total,
                initial=self._received,
            )

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
