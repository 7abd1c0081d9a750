"""Several processes that serve at one socket: started, replaced when they crash, and stopped together."""

from __future__ import annotations

import logging
import multiprocessing
import pickle
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, Final, Self

from sunpy_flarecast.archive.middleware.metrics import shared_metrics

from .process import Server

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from types import FrameType

    from sunpy_flarecast.archive.base import Archive
    from sunpy_flarecast.archive.settings import Settings

    from .process import Operation

__all__ = ["supervise"]

#: Seconds beyond the grace after which a worker that has not ended is killed.
_PATIENCE: Final = 10.0

#: Longest wait in seconds before a worker that did not come up is replaced; it begins with one and doubles.
_LONGEST_WAIT: Final = 60.0

#: Seconds between two looks at workers, where no signal wakes the one who looks (Windows).
_TICK: Final = 1.0

_log: Final = logging.getLogger(__name__)

_SPAWN: Final = multiprocessing.get_context("spawn")

#: What the process that leads says to a worker, and what it hears.
_STOP: Final = "stop"
_READY: Final = "ready"


class _Worker:
    """A process that serves, as the one that leads sees it."""

    def __init__(self, number: int, begin: Callable[[Connection], Any]) -> None:
        self.number = number
        self.ready = False
        #: Why it did not come up, in its own words.
        self.reason = ""
        self.pipe, theirs = _SPAWN.Pipe()
        self.process = begin(theirs)
        # A child inherits that a signal is ignored. Ctrl-C goes to all processes of a terminal, also to one that is
        # not yet far enough to take it without a traceback.
        with _ignored(signal.SIGINT):
            self.process.start()
        theirs.close()

    def listen(self) -> None:
        """Take what it has said."""
        with suppress(EOFError, OSError):
            while self.pipe.poll():
                said = self.pipe.recv()
                self.ready = self.ready or said == _READY
                self.reason = self.reason if said == _READY else said

    def stop(self) -> None:
        """Ask it to end."""
        with suppress(OSError):
            self.pipe.send(_STOP)

    def bury(self) -> None:
        """Wait for its end, and close what belongs to it."""
        self.process.join()
        self.pipe.close()


class _Signals:
    """SIGINT and SIGTERM: how many have come, and a connection that can be waited for."""

    def __init__(self) -> None:
        self.count = 0
        self.woken, self._wake = _SPAWN.Pipe(duplex=False)

    def __enter__(self) -> Self:
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._previous = [(number, signal.signal(number, self._note)) for number in (signal.SIGINT, signal.SIGTERM)]
        return self

    def __exit__(self, *_: object) -> None:
        if self._main:
            for number, handler in self._previous:
                signal.signal(number, handler)
        self.woken.close()
        self._wake.close()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self._wake.send_bytes(b"")

    def clear(self) -> None:
        """Do not wake anybody again for what has come."""
        while self.woken.poll():
            self.woken.recv_bytes()


def supervise(
    archive: Archive,
    settings: Settings,
    operation: Operation,
    listener: socket.socket,
    *,
    workers: int,
    ready: Callable[[], None],
) -> None:
    """
    Serve an archive by several processes until this one is interrupted or terminated.

    A worker that ends by itself is replaced. When this process is told to stop, the workers take no new connections
    and finish what is under way, for as long as their grace lasts; told once more, it ends them at once. If this
    process is killed, they stop as well.

    Parameters
    ----------
    archive : Archive
        What to serve; each process gets a copy.
    settings : Settings
        How the service behaves.
    operation : Operation
        How it is run.
    listener : `socket.socket`
        Where all of them listen.
    workers : int
        How many.
    ready : callable
        Called once all of them listen.

    Raises
    ------
    RuntimeError
        If they do not come up.
    TypeError
        If the archive cannot be handed to another process.
    """
    try:
        ForkingPickler.dumps(archive)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise TypeError(
            f"{type(archive).__name__} cannot be served by several processes, since it cannot be pickled ({error}). "
            "Serve it by one, or define what is in it at the top of a module."
        ) from error

    def begin(pipe: Connection) -> Any:
        return _SPAWN.Process(target=_work, args=(archive, settings, operation, listener, pipe), daemon=False)

    with shared_metrics(), _Signals() as signals:
        crew = _Crew(workers, begin)
        try:
            crew.watch(signals, ready)
        finally:
            # Those who connect from now on shall be refused, not kept waiting.
            listener.close()
            crew.end(signals, operation.grace + _PATIENCE)


class _Crew:
    """All workers of a service."""

    def __init__(self, number: int, begin: Callable[[Connection], Any]) -> None:
        self._begin = begin
        self._up = False
        self._failures = 0
        self._due: dict[int, float] = {}
        self._workers: dict[int, _Worker] = {}
        for one in range(number):
            self._start(one)

    def _start(self, number: int) -> None:
        self._workers[number] = _Worker(number, self._begin)

    def watch(self, signals: _Signals, ready: Callable[[], None]) -> None:
        """Replace those that end, until a signal comes."""
        while not signals.count:
            workers = self._workers.values()
            talking = [worker.pipe for worker in workers if not worker.ready]
            wait([signals.woken, *talking, *(worker.process.sentinel for worker in workers)], self._wait())
            for worker in list(self._workers.values()):
                served = worker.ready
                worker.listen()
                if worker.ready and not served:  # the others that serve say nothing of why one does not come up
                    self._failures = 0
                if worker.process.exitcode is not None and not signals.count:
                    self._lose(worker)
            for number in [number for number, when in self._due.items() if when <= time.monotonic()]:
                del self._due[number]
                self._start(number)
            if not self._up and self._workers and all(worker.ready for worker in self._workers.values()):
                self._up = True
                ready()

    def _wait(self) -> float:
        now = time.monotonic()
        return max(0.0, min([_TICK, *(when - now for when in self._due.values())]))

    def _lose(self, worker: _Worker) -> None:
        """Take note that a worker has ended, and when another shall take its place."""
        del self._workers[worker.number]
        worker.bury()
        code = worker.process.exitcode
        if not self._up and not worker.ready:
            hint = "" if worker.reason else ". In a script, call serve below: if __name__ == '__main__'"
            raise RuntimeError(f"a worker ended before it served ({worker.reason or f'exit status {code}'}){hint}")
        wait = 0.0
        if not worker.ready:
            wait = min(2.0**self._failures, _LONGEST_WAIT)
            self._failures += 1
        why = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
        _log.warning("Worker %d %s; another takes its place", worker.process.pid, why)
        self._due[worker.number] = time.monotonic() + wait

    def end(self, signals: _Signals, seconds: float) -> None:
        """Stop all; those that have not ended in time, or when a second signal comes, are killed."""
        for worker in self._workers.values():
            worker.stop()
        asked = max(signals.count, 1)
        signals.clear()
        last = time.monotonic() + seconds
        while left := [worker for worker in self._workers.values() if worker.process.exitcode is None]:
            if signals.count > asked or time.monotonic() >= last:
                for worker in left:
                    worker.process.kill()
                break
            wait([signals.woken, *(worker.process.sentinel for worker in left)], _TICK)
        for worker in self._workers.values():
            worker.bury()


def _work(
    archive: Archive, settings: Settings, operation: Operation, listener: socket.socket, pipe: Connection
) -> None:
    """Serve, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        server = Server(archive, settings, operation, lambda: pipe.send(_READY), led=True)
        threading.Thread(target=_obey, args=(server, pipe), daemon=True).start()
        server.run(sockets=[listener])
    except Exception as error:  # noqa: BLE001 (told by the process that leads)
        with suppress(OSError):
            pipe.send(f"{type(error).__name__}: {error}")
        sys.exit(1)


def _obey(server: Server, pipe: Connection) -> None:
    """Stop when told to, or when nobody is there any more who could tell."""
    with suppress(EOFError, OSError):
        pipe.recv()
    server.stop()


@contextmanager
def _ignored(number: int) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, previous)
