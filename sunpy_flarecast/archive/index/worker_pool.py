"""Read files for the index in several processes, or in this one if there are few."""

from __future__ import annotations

import multiprocessing
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Final, Self

from sunpy_flarecast.sharp.filenames import FITS_ENDING
from sunpy_flarecast.utils.processes import follow_parent

from .database import ArchiveIndexError
from .file_names import read_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from .model import FileFacts
    from .read import Found

__all__ = ["Readers"]

#: Files read in one call and written in one transaction; more if needed to complete a record.
_CHUNK: Final = 512

#: Chunks per process that may wait to be written.
_WAITING: Final = 3


class Readers:
    """Reads files, and calls ``take`` with their facts, chunk by chunk in order."""

    # Up to ``few`` files are read without other processes, which take a few seconds to start.

    def __init__(
        self,
        read: Callable[[list[Found]], list[FileFacts]],
        jobs: int,
        take: Callable[[list[FileFacts]], None],
        *,
        few: int = 2500,
    ) -> None:
        self._read = read
        self._jobs = jobs
        self._take = take
        self._few = few
        self._chunk: list[Found] = []
        self._submitted = 0
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: deque[Future[list[FileFacts]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def read(self, file: Found) -> None:
        """Read a file, now or later."""
        # The files of a record stay in one chunk, so that the whole header of only one of them is read.
        if len(self._chunk) >= _CHUNK and _record(file) != _record(self._chunk[-1]):
            self._submit()
        self._chunk.append(file)

    def finish(self) -> None:
        """Read all files that are left."""
        if self._chunk:
            self._submit()
        while self._waiting:
            self._take_next()

    def _submit(self) -> None:
        chunk, self._chunk = self._chunk, []
        self._submitted += len(chunk)
        if self._pool is None and self._jobs > 1 and self._submitted > self._few:
            self._pool = ProcessPoolExecutor(
                self._jobs, mp_context=multiprocessing.get_context("spawn"), initializer=follow_parent
            )
        if self._pool is None:
            self._take(self._read(chunk))
            return
        try:
            self._waiting.append(self._pool.submit(self._read, chunk))
        except BrokenProcessPool as error:
            raise _broken() from error
        while len(self._waiting) > _WAITING * self._jobs:
            self._take_next()

    def _take_next(self) -> None:
        try:
            facts = self._waiting.popleft().result()
        except BrokenProcessPool as error:
            raise _broken() from error
        self._take(facts)


def _record(file: Found) -> tuple[str, str]:
    """Return the part of JSOC's file names that the files of a record share; other names as they are."""
    other = read_name(file.name) is None
    return file.folder, file.name if other else FITS_ENDING.sub("", file.name).rpartition(".")[0]


def _broken() -> ArchiveIndexError:
    return ArchiveIndexError(
        "A process that read files was killed, perhaps because memory ran out. Try again with fewer --jobs; the files "
        'read so far are kept. (A Python script with several jobs needs `if __name__ == "__main__":`.)'
    )
