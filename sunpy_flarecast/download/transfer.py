"""The transfer of one file as parfive runs it: progress bar, result or error, and parfive's retry."""

from __future__ import annotations

import asyncio
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import parfive
from parfive.utils import FailedDownload
from sunpy import log

from sunpy_flarecast.errors import MissingDataWarning, TransferError
from sunpy_flarecast.rest.service_url import if_moved, without_password
from sunpy_flarecast.utils.atomic_file import DISK_FULL
from sunpy_flarecast.utils.progress import LateBar

from .connections import StoppedError
from .context import OccupiedError
from .http_file import Download
from .record_keywords import RecordKeywords
from .report import described_bare

if TYPE_CHECKING:
    import aiohttp

    from .context import Context
    from .plan import Place
    from .record_keywords import Mode
    from .report import Bare

__all__ = ["WITH_URLS", "Queued", "Transfer", "not_fetched"]

#: Since parfive 2.2, a result is a path and a URL; before, only a path.
WITH_URLS: Final = hasattr(parfive.Results, "urls")

#: What to do about most failures.
_RETRY: Final = "Fetch it again to retry."


class Queued(parfive.Results):  # type: ignore[misc]
    """
    The results of a fetch that parfive does not report: files already on disk, and transfers that have not started.

    parfive forgets transfers that had not started when it was interrupted. These results list them as errors until they
    start. Joined with parfive's results after the download, they account for every file.
    """

    def __init__(self, context: Context, mode: Mode) -> None:
        super().__init__()
        self.context = context
        self.keywords = RecordKeywords(mode, context)
        self.waiting: dict[Transfer, None] = {}
        self.running = 0
        #: Damaged files on disk, which are fetched again.
        self.damaged: list[str] = []
        #: Files on disk of earlier versions of their records, which are fetched again.
        self.reprocessed: list[str] = []
        #: Whether the caller reports files without keywords itself.
        self.silent = False
        #: Paths of fetched files by planned path.
        self.arrived: dict[str, str] = {}
        self._raised: MissingDataWarning | None = None

    @property
    def errors(self) -> list[Any]:
        """Refused URLs, and transfers that an interrupted fetch did not start."""
        # parfive reads this after the download, so a warning that the user turned into an error is raised here: raised
        # within a transfer, it would appear as an error of parfive, or be lost.
        if self._raised is not None:
            error, self._raised = self._raised, None
            raise error
        if not self.context.interrupted:
            return list(self._errors)
        probe = parfive.Results()
        for transfer in self.waiting:
            probe.add_error(transfer.filepath, transfer.url, transfer.explained(asyncio.CancelledError()))
        return [*self._errors, *probe.errors]

    def failures(self, results: parfive.Results) -> dict[str, TransferError]:
        """Return the errors of failed files by path, given the results of the download."""
        failed = [
            (getattr(error.filepath_partial, "__self__", None), error) for error in [*results.errors, *self.errors]
        ]
        return {
            transfer.path: error.exception
            if isinstance(error.exception, TransferError)
            else TransferError(str(error.exception))
            for transfer, error in failed
            if isinstance(transfer, Transfer)
        }

    @property
    def bare(self) -> list[Bare]:
        """The fetched files that lack keywords, with reasons."""
        return self.keywords.bare

    def warn_of_bare(self) -> None:
        """
        Warn once of all files that lack keywords, after the last transfer.

        If the user turned warnings into errors, the error is kept for `errors`.
        """
        over = not self.running and (not self.waiting or self.context.interrupted)
        if over and self.bare and not self.silent:
            try:
                warnings.warn(described_bare(self.bare), MissingDataWarning, stacklevel=2)
            except MissingDataWarning as error:
                self._raised = error


class Transfer:
    """The transfer of one file, with the interface of parfive's queue."""

    __slots__ = ("place", "queued")

    def __init__(self, place: Place, queued: Queued) -> None:
        self.place = place
        self.queued = queued

    @property
    def url(self) -> str:
        """The URL of the file."""
        return self.place.url

    @property
    def path(self) -> str:
        """The path of the file."""
        return self.place.path

    async def __call__(self, session: aiohttp.ClientSession, *, token: Any, file_pb: Any) -> tuple[str, str] | str:
        """Download the file; ``file_pb`` is the class of progress bars, and ``token.n`` the position of the bar."""
        queued = self.queued
        queued.waiting.pop(self, None)
        queued.running += 1
        try:
            path = await self._connected(session, LateBar(file_pb, token, os.path.basename(self.path)))
        except (Exception, asyncio.CancelledError) as error:  # parfive does not catch other types
            explained = self.explained(error)
            self._call_back(self.path, explained)
            raise FailedDownload(self.filepath, self.url, explained) from error
        finally:
            queued.running -= 1
            queued.warn_of_bare()
        queued.arrived[self.path] = path
        self._call_back(path, None)
        return (self.url, path) if WITH_URLS else path

    def filepath(self, response: object, url: str) -> Path:
        """
        Download the file when parfive's own transfer requests a path, as in ``Fido.fetch(files)``.

        parfive then finds the file and does not change it. In such a retry, files are downloaded one after the other,
        because parfive waits for the path, and an interrupt takes effect after the current file.
        """
        self.queued.waiting.pop(self, None)
        if _about_to_overwrite():
            raise TransferError(
                f"{self.path} cannot be retried with overwrite: parfive would replace the verified file with "
                "an unverified one. Leave overwrite out of Fido.fetch(files, ...)."
            )
        if self.queued.context.look(self.place).stays:
            return Path(self.path)
        # The findings of the failed fetch do not apply to this one.
        self.queued = Queued(self.queued.context.fresh(), self.queued.keywords.mode)

        async def alone() -> str:
            async with self.queued.context.settings.aiohttp_client_session() as session:
                return await self._download(session, LateBar(False, None, ""))

        # The caller is a coroutine, and a loop cannot run within a running one.
        with ThreadPoolExecutor(1) as thread:
            try:
                path = thread.submit(asyncio.run, alone()).result()
            except BaseException as error:
                raise self.explained(error) from error
        self.queued.warn_of_bare()
        return Path(path)

    def _call_back(self, path: str, error: Exception | None) -> None:
        for callback in self.queued.context.settings.done_callbacks:
            callback(path, self.url, error)

    async def _connected(self, session: aiohttp.ClientSession, bar: LateBar) -> str:
        """Download the file over a connection of parfive, or over a shared connection."""
        context, pace = self.queued.context, self.queued.context.pace(self.url)

        def over() -> bool:
            return bool(pace.away or context.halted)

        if context.leases is None or over():
            return await self._download(session, bar)
        # Later transfers fail without a connection, so a connection kept for them would never be returned.
        more = self.queued.waiting
        make = context.settings.aiohttp_client_session
        async with context.leases.connection(make, lambda: bool(more) and not over()) as session:
            return await self._download(session, bar)

    async def _download(self, session: aiohttp.ClientSession, bar: LateBar) -> str:
        context = self.queued.context
        if context.halted is not None:
            raise context.halted
        context.make_folder(self.path)
        with bar:
            return await Download(self.place, context, self.queued.keywords, bar.update).run(session)

    def explained(self, error: BaseException) -> TransferError:
        """Convert any exception to one with the file, the reason and advice."""
        context = self.queued.context
        if error is context.halted:
            return context.halted
        record = self.place.record
        todo = f"{_RETRY} {if_moved(record.base, context.service) if record else ''}".rstrip()
        match error:
            case asyncio.CancelledError():
                context.interrupted = True
                reason = "the fetch was interrupted"
            case OSError() if error.errno in DISK_FULL:
                context.halted = TransferError(
                    f"The disk that holds {os.path.abspath(os.path.dirname(self.path))} is full ({error.strerror}); "
                    "nothing more was fetched. Free some space and fetch again; complete files are kept."
                )
                log.error(str(context.halted))
                return context.halted
            case StoppedError():
                context.halted = error
                return error
            case OccupiedError():
                reason = str(error)
                # A folder, for example, is never replaced.
                replaces = ", or replace the file (overwrite=True, or fetch --overwrite yes)"
                todo = f"Choose another path{replaces if os.path.isfile(self.path) else ''}."
            case TransferError():
                reason = str(error)
            case OSError():
                reason = f"it cannot be written ({error.strerror or error})"
                todo = "Choose another path, or repair the folder."
            case _:
                reason = f"{type(error).__name__}: {error}"
        return not_fetched(self.path, self.url, reason, todo)


def not_fetched(path: str, url: str, reason: str, todo: str = _RETRY) -> TransferError:
    """Make the error for a file that was not fetched."""
    reason = reason.removesuffix(".")
    return TransferError(f"{path} was not fetched from {without_password(url)}: {reason}. {todo}", reason=reason)


def _about_to_overwrite() -> bool:
    """
    Return whether parfive's own transfer, which is requesting a path, would overwrite an existing file.

    parfive does not pass this on; it is read from its running coroutine.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    frame = getattr(task.get_coro(), "cr_frame", None) if task else None
    return bool(frame and frame.f_locals.get("overwrite"))
