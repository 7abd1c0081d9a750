"""
Share connections to services, and the pauses that services request, among the workers of a cluster.

A task holds a lease of a `distributed.Semaphore` for each open connection, so that a cluster never opens more
connections than one process would. Leases of a dead worker become free when they time out.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from collections import deque
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from sunpy_flarecast.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    import aiohttp

__all__ = ["Connections", "Leases", "StoppedError", "shared_connections"]

#: Seconds after which a task waiting for a lease checks whether it still needs one.
_TIMEOUT: Final = 5.0

#: Key in the pauses that ends the tasks of an interrupted fetch.
_STOPPED: Final = "stopped"
_INTERRUPTED: Final = "the fetch was interrupted"


class StoppedError(TransferError):
    """Nobody is waiting for the task: the process that submitted it was interrupted, or is ending this worker."""


#: Errors if the scheduler is lost, or (AttributeError) the worker is closing.
_LOST: Final = (OSError, TimeoutError, AttributeError)


@dataclass(frozen=True, slots=True)
class Connections:
    """
    A number of connections shared by the tasks of one `distributed.Client`; picklable.

    ``name`` is the name of the semaphore and of the variable on the scheduler.
    """

    name: str
    most: int

    def leases(self) -> Leases:
        """Return the leases; call it in the thread of a task."""
        from distributed import Semaphore, Variable, get_client

        return Leases(Semaphore(self.most, self.name), Variable(self.name, client=get_client()))


@contextmanager
def shared_connections(client: Any, most: int) -> Iterator[Connections]:
    """Let the tasks of a `distributed.Client` share ``most`` connections within the block."""
    from distributed import Semaphore, Variable

    connections = Connections(f"sunpy_flarecast-{uuid4().hex}", most)
    semaphore = Semaphore(most, connections.name, scheduler_rpc=client.scheduler, loop=client.loop)
    semaphore.register()
    pauses = Variable(connections.name, client=client)
    pauses.set({})
    try:
        yield connections
    except BaseException:
        if client.status == "running":
            pauses.set({_STOPPED: (0.0, 0.0)})  # not deleted: abandoned tasks read it later
        raise
    else:
        if client.status == "running":
            pauses.delete()
    finally:
        if client.status == "running":
            with warnings.catch_warnings():
                # A scheduler in this process would warn of the leases of dead workers.
                warnings.filterwarnings("ignore", "Closing semaphore", RuntimeWarning)
                semaphore.close()


class Leases:
    """The leases of one task; each has its own session, because sessions keep connections open."""

    def __init__(self, semaphore: Any, pauses: Any) -> None:
        self._semaphore = semaphore
        self._pauses = pauses
        self._known: dict[str, tuple[float, float]] = {}
        self._free: list[aiohttp.ClientSession] = []
        self._waiting: deque[asyncio.Future[aiohttp.ClientSession]] = deque()
        self._taking: asyncio.Task[None] | None = None

    def exchange(self, host: str, seconds: float) -> float:
        """
        Share this process's pause for a host, and return that of the other processes, in seconds; it blocks.

        Raises a `StoppedError` if the process that submitted the task was interrupted, or is ending this worker.
        """
        try:
            pauses = dict(self._pauses.get(timeout=_TIMEOUT))
            now = time.time()
            until, asked = pauses.get(host, (0.0, 0.0))
            if now + seconds > until + 1.0 and seconds > 0:
                pauses[host] = self._known[host] = (now + seconds, seconds)
                self._pauses.set(pauses)
        except _LOST as error:  # whoever waits for the task reports it
            if self._is_ending():
                raise StoppedError(_INTERRUPTED) from error
            return 0.0
        if _STOPPED in pauses:
            raise StoppedError(_INTERRUPTED)
        if self._known.get(host) == (until, asked):
            return 0.0  # already waited; with a slow clock it would wait repeatedly
        self._known[host] = pauses.get(host, (0.0, 0.0))
        return max(0.0, float(min(until - now, asked)))

    def _stopped(self) -> bool:
        """Return whether nobody is waiting for the task: an interrupt has closed the semaphore, or ends this worker."""
        with suppress(*_LOST):
            return _STOPPED in self._pauses.get(timeout=_TIMEOUT)
        return self._is_ending()

    def _is_ending(self) -> bool:
        """Return whether this worker is ending; it has closed its client, and cannot report results any more."""
        return self._pauses.client.status in ("closing", "closed")

    @asynccontextmanager
    async def connection(
        self, make: Callable[[], aiohttp.ClientSession], more: Callable[[], bool]
    ) -> AsyncIterator[aiohttp.ClientSession]:
        """
        Wait for a lease, yield its session, and release both at the end, unless ``more`` reports further transfers.

        ``make`` creates a session.
        """
        session = await self._take(make)
        try:
            yield session
        finally:
            await self._release(session, keep=more())

    @contextmanager
    def several(self, most: int) -> Iterator[int]:
        """Wait for a lease, take all free leases up to ``most``, and return them at the end; it blocks."""
        while not self._semaphore.acquire(timeout=_TIMEOUT):
            pass
        number = 1
        try:
            while number < most and self._semaphore.acquire(timeout=0):
                number += 1
            yield number
        finally:
            for _ in range(number):
                self._semaphore.release()

    async def _take(self, make: Callable[[], aiohttp.ClientSession]) -> aiohttp.ClientSession:
        if self._free:
            return self._free.pop()
        mine: asyncio.Future[aiohttp.ClientSession] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        if self._taking is None or self._taking.done():
            self._taking = asyncio.create_task(self._take_more(make))
        return await mine

    async def _take_more(self, make: Callable[[], aiohttp.ClientSession]) -> None:
        """Take leases while transfers are waiting for them."""
        try:
            while self._wanted():
                if not await self._lease():
                    continue
                if self._wanted():
                    self._waiting.popleft().set_result(make())
                else:
                    await asyncio.to_thread(self._semaphore.release)
        except Exception as error:  # noqa: BLE001 (a lost scheduler raises any type; waiting transfers get it)
            stopped = await asyncio.to_thread(self._stopped)
            while self._wanted():
                text = f"the Dask scheduler, which limits the connections, cannot be reached ({error})"
                self._waiting.popleft().set_exception(StoppedError(_INTERRUPTED) if stopped else TransferError(text))

    async def _lease(self) -> bool:
        """Wait for a lease; a lease that arrives after a cancellation is returned, or it would be lost."""
        came: Future[bool] = Future()

        def acquire() -> None:
            try:
                taken = self._semaphore.acquire(timeout=_TIMEOUT)
            except Exception as error:  # noqa: BLE001 (raised where it is awaited)
                if came.set_running_or_notify_cancel():
                    came.set_exception(error)
                return
            if came.set_running_or_notify_cancel():
                came.set_result(taken)
            elif taken:
                self._semaphore.release()

        asyncio.get_running_loop().run_in_executor(None, acquire)
        try:
            return await asyncio.wrap_future(came)
        except asyncio.CancelledError:
            if not came.cancel() and came.exception() is None and came.result():
                self._semaphore.release()
            raise

    def _wanted(self) -> bool:
        while self._waiting and self._waiting[0].done():  # cancelled
            self._waiting.popleft()
        return bool(self._waiting)

    async def _release(self, session: aiohttp.ClientSession, *, keep: bool) -> None:
        if self._wanted():
            self._waiting.popleft().set_result(session)
            return
        self._free.append(session)
        if not keep and self._taking is not None:
            taking, self._taking = self._taking, None
            taking.cancel()
            await asyncio.wait([taking])
        while self._free and not keep:
            await self._free.pop().close()
            with suppress(OSError, RuntimeError):  # the scheduler is lost, or closed the semaphore after an interrupt
                await asyncio.to_thread(self._semaphore.release)
        if not keep and self._taking is not None and not self._taking.done():
            # An unneeded lease may arrive just now, and would be lost with the event loop.
            await asyncio.shield(self._taking)
