"""The processes that draw: a few, started when they are first needed, with a bounded queue before them."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Final

from anyio import to_thread

from sunpy_flarecast.archive.api.errors import unavailable

from .draw import Job, draw, prepare

if TYPE_CHECKING:
    from concurrent.futures import Future

    from sunpy_flarecast.archive.base import Archive

__all__ = ["Painters"]

#: Most pictures that are drawn or wait for it: some pages full of them.
_MOST: Final = 100


class Painters:
    """
    Draws pictures in processes of its own; what is asked for twice at a time is drawn once.

    An ``archive`` of synthetic files is copied into the processes, which make the files themselves.
    """

    def __init__(self, archive: Archive, jobs: int, most: int = _MOST) -> None:
        self._archive = archive if archive.synthetic else None
        self._jobs = jobs
        self._most = most
        self._pool: ProcessPoolExecutor | None = None
        self._begun = False
        self._guard = threading.Lock()
        self._drawing: dict[str, Future[bytes]] = {}

    async def draw(self, key: str, job: Job) -> bytes:
        """Draw a picture; an HTTPException (503) says that too many others wait, or that a process was killed."""
        pool = self._pool
        if pool is None:
            pool = await to_thread.run_sync(self._started)
        future = self._drawing.get(key)
        try:
            if future is None:
                if len(self._drawing) >= self._most:
                    raise unavailable("Too many pictures are being drawn.")
                future = self._drawing[key] = pool.submit(draw, job)
                future.add_done_callback(lambda _: self._drawing.pop(key, None))
            return await asyncio.shield(asyncio.wrap_future(future))
        except BrokenProcessPool as error:
            self.close()
            raise unavailable("A process that draws pictures was killed, perhaps for want of memory.") from error

    def warm(self) -> None:
        """Start the processes, which takes some seconds, before there is anything to draw."""
        if not self._begun:
            self._begun = True
            threading.Thread(target=self._started, daemon=True).start()

    def _started(self) -> ProcessPoolExecutor:
        with self._guard:
            if self._pool is None:
                # Linux forks them from one process that has imported all that drawing needs.
                linux = sys.platform == "linux"
                context = multiprocessing.get_context("forkserver" if linux else "spawn")
                if linux:
                    context.set_forkserver_preload([draw.__module__])
                self._pool = ProcessPoolExecutor(self._jobs, context, prepare, (self._archive,))
                for _ in range(self._jobs):
                    self._pool.submit(int)
            return self._pool

    def close(self) -> None:
        """End the processes; they start again if another picture is asked for."""
        with self._guard:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
