"""The transfer of one file, as parfive runs it: progress bar, result or error, and parfive's own way to retry it."""

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

__all__ = ["WITH_URLS", "Queued", "Transfer"]

#: From parfive 2.2 on, a result is a path and a URL; before, a path alone.
WITH_URLS: Final = hasattr(parfive.Results, "urls")


class Queued(parfive.Results):  # type: ignore[misc]
    """
    What is known of a fetch besides what parfive will report: files that are there, and files that are not begun.

    parfive forgets the files that it had not begun when it was interrupted. They are among the errors of these results
    for as long as they have not begun, so that joined after the download the two account for every file.
    """

    def __init__(self, context: Context, mode: Mode) -> None:
        super().__init__()
        self.context = context
        self.keywords = RecordKeywords(mode, context)
        self.waiting: dict[Transfer, None] = {}
        self.running = 0
        #: Files that are there and damaged, so that they are fetched again.
        self.damaged: list[str] = []
        #: Files that are there and of earlier versions of their records, so that they are fetched again.
        self.reprocessed: list[str] = []
        #: Whether the caller reports files without keywords itself.
        self.silent = False
        #: Under which paths files have arrived, by those that were planned.
        self.arrived: dict[str, str] = {}
        self._raised: MissingDataWarning | None = None

    @property
    def errors(self) -> list[Any]:
        """What will not come: refused URLs, and what an interrupted fetch did not begin."""
        # This is read when the download is over, which is the place for a warning that is an error to the user: raised
        # within a transfer, it would reach them as one of parfive's own, or not at all.
        if self._raised is not None:
            error, self._raised = self._raised, None
            raise error
        if not self.context.interrupted:
            return list(self._errors)
        probe = parfive.Results()
        for transfer in self.waiting:
            probe.add_error(transfer.filepath, transfer.url, transfer.explained(asyncio.CancelledError()))
        return [*self._errors, *probe.errors]

    def reasons(self, results: parfive.Results) -> dict[str, str]:
        """Return by their paths why files failed, given the results of the download."""
        failed = [
            (getattr(error.filepath_partial, "__self__", None), error) for error in [*results.errors, *self.errors]
        ]
        return {transfer.path: str(error.exception) for transfer, error in failed if isinstance(transfer, Transfer)}

    @property
    def bare(self) -> list[Bare]:
        """The files that were fetched and lack their keywords, each with the reason."""
        return self.keywords.bare

    def tell(self) -> None:
        """
        Warn once of all files that lack their keywords, when nothing more is under way.

        If that is an error to the user, it is kept for `errors`.
        """
        over = not self.running and (not self.waiting or self.context.interrupted)
        if over and self.bare and not self.silent:
            try:
                warnings.warn(described_bare(self.bare), MissingDataWarning, stacklevel=2)
            except MissingDataWarning as error:
                self._raised = error


class Transfer:
    """The transfer of one file, as parfive wants it."""

    __slots__ = ("place", "queued")

    def __init__(self, place: Place, queued: Queued) -> None:
        self.place = place
        self.queued = queued

    @property
    def url(self) -> str:
        """Where the file comes from."""
        return self.place.url

    @property
    def path(self) -> str:
        """Where it goes to."""
        return self.place.path

    async def __call__(self, session: aiohttp.ClientSession, *, token: Any, file_pb: Any) -> tuple[str, str] | str:
        """Download the file; ``file_pb`` is the class of progress bars, and ``token.n`` the position of the bar."""
        queued = self.queued
        queued.waiting.pop(self, None)
        queued.running += 1
        try:
            path = await self._connected(session, LateBar(file_pb, token, os.path.basename(self.path)))
        except (Exception, asyncio.CancelledError) as error:  # parfive raises all others at the user
            explained = self.explained(error)
            self._call_back(self.path, explained)
            raise FailedDownload(self.filepath, self.url, explained) from error
        finally:
            queued.running -= 1
            queued.tell()
        queued.arrived[self.path] = path
        self._call_back(path, None)
        return (self.url, path) if WITH_URLS else path

    def filepath(self, response: object, url: str) -> Path:
        """
        Download the file when parfive's own transfer asks for a path, which is what ``Fido.fetch(files)`` ends in.

        parfive finds the file there and leaves it as it is. The files of such a retry come one after the other, since
        parfive waits for the path, and an interrupt takes effect after the file under way.
        """
        self.queued.waiting.pop(self, None)
        if _about_to_overwrite():
            raise TransferError(
                f"{self.path} cannot be retried with overwrite: parfive would write over the checked file with a "
                "transfer of its own, which is not checked. Leave overwrite out of Fido.fetch(files, ...)."
            )
        if self.queued.context.look(self.place).stays:
            return Path(self.path)
        # What was learnt in the fetch that failed does not hold for this one.
        self.queued = Queued(self.queued.context.anew(), self.queued.keywords.mode)

        async def alone() -> str:
            async with self.queued.context.settings.aiohttp_client_session() as session:
                return await self._download(session, LateBar(False, None, ""))

        # The caller is a coroutine, and a loop cannot run within a running one.
        with ThreadPoolExecutor(1) as thread:
            try:
                path = thread.submit(asyncio.run, alone()).result()
            except BaseException as error:
                raise self.explained(error) from error
        self.queued.tell()
        return Path(path)

    def _call_back(self, path: str, error: Exception | None) -> None:
        for callback in self.queued.context.settings.done_callbacks:
            callback(path, self.url, error)

    async def _connected(self, session: aiohttp.ClientSession, bar: LateBar) -> str:
        """Download the file over a connection of parfive, or over one that processes share."""
        context, pace = self.queued.context, self.queued.context.pace(self.url)

        def over() -> bool:
            return bool(pace.away or context.halted)

        if context.leases is None or over():
            return await self._download(session, bar)
        # Those that come when it is over need no connection, so that nobody would give back what is kept for them.
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
        """Make of any exception one that says what was requested, what is wrong and what to do."""
        context = self.queued.context
        if error is context.halted:
            return context.halted
        record = self.place.record
        todo = f"Fetch it again to retry. {if_moved(record.base, context.service) if record else ''}".rstrip()
        match error:
            case asyncio.CancelledError():
                context.interrupted = True
                reason = "the fetch was interrupted"
            case OSError() if error.errno in DISK_FULL:
                context.halted = TransferError(
                    f"The disk that holds {os.path.abspath(os.path.dirname(self.path))} is full ({error.strerror}); "
                    "nothing more was fetched. Make room and fetch again; what is there is kept."
                )
                log.error(str(context.halted))
                return context.halted
            case OccupiedError():
                reason, todo = str(error), "Choose another path, or replace it (overwrite=True)."
            case TransferError():
                reason = str(error)
            case OSError():
                reason = f"it cannot be written ({error.strerror or error})"
                todo = "Choose another path, or repair the folder."
            case _:
                reason = f"{type(error).__name__}: {error}"
        return TransferError(f"{self.path} was not fetched from {without_password(self.url)}: {reason}. {todo}")


def _about_to_overwrite() -> bool:
    """
    Return whether parfive's own transfer, which is asking for a path, is going to write over a file that it finds.

    parfive does not tell, but its transfer is the coroutine that is running.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    frame = getattr(task.get_coro(), "cr_frame", None) if task else None
    return bool(frame and frame.f_locals.get("overwrite"))
