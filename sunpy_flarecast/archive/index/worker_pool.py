"""Read files for the index in several processes, or in this one while they are few."""

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

#: Files read at once, and written in one transaction; more, until the record ends.
_CHUNK: Final = 512

#: Chunks of each process that wait for being written.
_WAITING: Final = 3


class Readers:
    """Reads files, and calls ``take`` with their facts, chunk by chunk in order."""

    # Up to ``few`` files are read without other processes, whose start takes some seconds.

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
        self._begun = 0
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: deque[Future[list[FileFacts]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def read(self, file: Found) -> None:
        """Read a file, now or later."""
        # Of files of one record only one has to be read with all of its header, if they come together.
        if len(self._chunk) >= _CHUNK and _record(file) != _record(self._chunk[-1]):
            self._begin()
        self._chunk.append(file)

    def finish(self) -> None:
        """Read all files that are left."""
        if self._chunk:
            self._begin()
        while self._waiting:
            self._hand_on()

    def _begin(self) -> None:
        chunk, self._chunk = self._chunk, []
        self._begun += len(chunk)
        if self._pool is None and self._jobs > 1 and self._begun > self._few:
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
            self._hand_on()

    def _hand_on(self) -> None:
        try:
            facts = self._waiting.popleft().result()
        except BrokenProcessPool as error:
            raise _broken() from error
        self._take(facts)


def _record(file: Found) -> tuple[str, str]:
    """Give what the files of a record have in common under JSOC's names."""
    own = read_name(file.name) is None
    return file.folder, file.name if own else FITS_ENDING.sub("", file.name).rpartition(".")[0]


def _broken() -> ArchiveIndexError:
    return ArchiveIndexError(
        "A process that was reading files was killed, perhaps for want of memory. Run it again, with fewer --jobs; "
        'what was read is kept. (A Python script that asks for several jobs needs `if __name__ == "__main__":`.)'
    )
