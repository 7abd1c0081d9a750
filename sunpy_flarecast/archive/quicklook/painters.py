"""Processes that draw pictures, started when first needed, with a bounded queue."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from anyio import to_thread

from sunpy_flarecast.archive.api.errors import unavailable

from .draw import Job, draw, prepare

if TYPE_CHECKING:
    from concurrent.futures import Future

    from sunpy_flarecast.archive.base import Archive

__all__ = ["Painters"]

#: Maximum number of pictures drawn or waiting, enough for several pages; seconds in which at least one must finish.
_MOST: Final = 100
_PATIENCE: Final = 60.0


class Painters:
    """
    Draws pictures in separate processes; simultaneous requests for a picture draw it once.

    An ``archive`` of synthetic files is copied into the processes, which make the files themselves.
    """

    def __init__(self, archive: Archive, jobs: int, most: int = _MOST, patience: float = _PATIENCE) -> None:
        self._archive = archive if archive.synthetic else None
        self._jobs = jobs
        self._most = most
        self._patience = patience
        self._finished = 0
        self._pool: ProcessPoolExecutor | None = None
        self._warmed = False
        self._guard = threading.Lock()
        self._drawing: dict[str, Future[bytes]] = {}

    async def draw(self, key: str, job: Job) -> bytes:
        """Draw a picture; raise an HTTPException (503) if too many others wait, or a process dies or hangs."""
        pool = self._pool
        if pool is None:
            pool = await to_thread.run_sync(self._started)
        future, finished = self._drawing.get(key), self._finished
        try:
            if future is None:
                if len(self._drawing) >= self._most:
                    raise unavailable("Too many pictures are being drawn.")
                future = self._drawing[key] = pool.submit(draw, job)
                future.add_done_callback(lambda _: self._drawn(key))
            async with asyncio.timeout(self._patience):
                return await asyncio.shield(asyncio.wrap_future(future))
        except TimeoutError as error:
            if self._finished == finished:
                self._end(pool)
            raise unavailable("Drawing the picture takes too long.") from error
        except BrokenProcessPool as error:
            self._end(pool)
            raise unavailable("A process that draws pictures was killed, perhaps because memory ran out.") from error

    def _drawn(self, key: str) -> None:
        self._finished += 1
        self._drawing.pop(key, None)

    def warm(self) -> None:
        """Start the processes, which takes a few seconds, before a picture is requested."""
        if not self._warmed:
            self._warmed = True
            threading.Thread(target=self._warm, daemon=True).start()

    def _warm(self) -> None:
        with suppress(RuntimeError):  # the program ends
            self._started()

    def _started(self) -> ProcessPoolExecutor:
        with self._guard:
            if self._pool is None:
                # On Linux they are forked from one process that has done the slow imports.
                linux = sys.platform == "linux"
                context = multiprocessing.get_context("forkserver" if linux else "spawn")
                if linux:
                    context.set_forkserver_preload([draw.__module__])
                self._pool = ProcessPoolExecutor(self._jobs, context, prepare, (self._archive,))
                for _ in range(self._jobs):
                    self._pool.submit(int)
            return self._pool

    def close(self) -> None:
        """End the processes; they start again when another picture is requested."""
        if (pool := self._pool) is not None:
            self._end(pool)

    def _end(self, pool: ProcessPoolExecutor) -> None:
        """Kill the processes of a pool unless it was replaced; waiting requests fail with 503."""
        with self._guard:
            if self._pool is not pool:
                return
            self._pool = None
        processes = list((pool._processes or {}).values())  # kill_workers() of Python 3.14
        pool.shutdown(wait=False)
        for process in processes:
            process.kill()  # a hanging process would keep the service from ending
