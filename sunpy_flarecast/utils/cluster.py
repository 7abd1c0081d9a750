"""Run tasks in this process, in worker processes, or with any Dask client, and yield results as they finish."""

from __future__ import annotations

import logging
import multiprocessing
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from numbers import Integral
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from uuid import uuid4

from sunpy import log

from sunpy_flarecast.errors import ClusterError, QueryError

from .optional_deps import need
from .processes import interrupts_deferred

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

__all__ = ["WORKER_ENVIRONMENT", "Done", "in_cluster", "run", "scheduler_client"]

_T = TypeVar("_T")
_R = TypeVar("_R")

#: How many times a lost task is submitted again, for example after a restart of the scheduler.
_MAX_RESUBMITS: Final = 3

#: Environment of workers: as Dask sets it, but without MALLOC_TRIM_THRESHOLD_. That makes glibc return the memory of
#: each image to the system, and builds take over 40 % longer.
WORKER_ENVIRONMENT: Final = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), 1)

#: Code that each worker runs when it starts. Ctrl-C in a terminal reaches all processes; only the parent handles it,
#: and it ends the workers.
_IGNORE_INTERRUPTS: Final = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"

#: A level above that of all log messages.
_NOTHING: Final = logging.CRITICAL + 1

#: Seconds between two checks of the client and the number of its threads.
_CHECK_INTERVAL: Final = 2.0

#: After this many checks without a result, a missing worker is logged.
_CHECKS_WITHOUT_WORKER: Final = 15


@dataclass(frozen=True, slots=True)
class Done(Generic[_T, _R]):
    """A task with its result, or a sentence on why it was ``lost``."""

    task: _T
    value: _R | None = None
    lost: str = ""


@contextmanager
def in_cluster(client: Any = None, workers: int = 1) -> Iterator[Any]:
    """
    Yield the given Dask client, or a client of ``workers`` new processes that end with the block.

    Without a client and with one worker, yield None; no process is started. Raises a `QueryError` for invalid
    arguments, an `ImportError` if Dask is not installed, and a `ClusterError` if the processes cannot be started.
    """
    if not isinstance(workers, Integral) or isinstance(workers, bool) or workers < 1:
        raise QueryError(f"workers={workers!r} is invalid. It must be a positive integer.")
    if client is None and workers == 1:
        yield None
        return
    if client is not None and workers != 1:
        raise QueryError(
            f"client=... and workers={workers} cannot be combined. Leave out workers to use those of the client."
        )
    distributed = _distributed()
    if client is not None:
        if isinstance(client, str):
            raise QueryError(f"client={client!r} is an address. Pass dask.distributed.Client({client!r}).")
        if not isinstance(client, distributed.Client) or client.asynchronous:
            raise QueryError(
                f"client={type(client).__name__}(...) cannot be used. Pass a synchronous dask.distributed.Client."
            )
        if client.status != "running":
            raise QueryError("The Dask client is closed. Create a new one.")
        yield client
        return
    import dask

    # Processes forked from a server that has loaded only Dask start in a tenth of the time.
    forked = "forkserver" in multiprocessing.get_all_start_methods()
    settings = {
        "distributed.worker.multiprocessing-method": "forkserver" if forked else "spawn",
        # On a busy machine, replacing a dead process takes longer than the 15 s that Dask allows.
        "distributed.deploy.lost-worker-timeout": "1 hour",
        # Workers keep profiles of the last hour: 140,000 objects (70 MB) after 30,000 small files.
        "distributed.worker.profile.enabled": False,
        "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
    }
    silent = _silent("distributed", "distributed.client")
    with dask.config.set(settings), silent, ExitStack() as closing, ExitStack() as stack:
        try:
            with interrupts_deferred():  # Dask cannot close a cluster that has only partly started
                cluster = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=int(workers),
                        threads_per_worker=1,
                        dashboard_address=":0",
                        silence_logs=_NOTHING,
                        preload=[_IGNORE_INTERRUPTS],
                    )
                )
        except (RuntimeError, OSError, TimeoutError) as error:
            raise ClusterError(
                f"The {workers} processes could not be started ({error}). In a script, put the calls under "
                "`if __name__ == '__main__':`, because each process imports the script."
            ) from error
        client = stack.enter_context(distributed.Client(cluster))
        # If Ctrl-C stops Dask from closing a cluster, Python waits ten seconds for it at exit.
        stack.callback(lambda: closing.enter_context(interrupts_deferred()))
        yield client


@contextmanager
def scheduler_client(address: str) -> Iterator[Any]:
    """Connect to a Dask scheduler for the duration of a block; raise a `ClusterError` if it cannot be reached."""
    distributed = _distributed()
    try:
        client = distributed.Client(address)
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(
            f"The Dask scheduler at {address!r} cannot be reached ({error}). Use the address that `dask scheduler` "
            "prints, such as tcp://host:8786."
        ) from None
    with client:
        yield client


def _distributed() -> Any:
    """Import Dask, or raise an ImportError with the command that installs it."""
    need("Several worker processes need", "dataset", ("dask", "distributed"))
    import distributed

    return distributed


@contextmanager
def _silent(*names: str) -> Iterator[None]:
    """Silence Dask's log messages on the start and end of processes; problems are raised or reported."""
    loggers = [(logger, logger.level) for logger in map(logging.getLogger, names)]
    for logger, _ in loggers:
        logger.setLevel(_NOTHING)
    try:
        yield
    finally:
        for logger, level in loggers:
            logger.setLevel(level)


def run(
    function: Callable[[_T], _R],
    tasks: Iterable[_T],
    *,
    client: Any = None,
    workers: int = 1,
    name: str = "task",
    in_flight: int | None = None,
) -> Generator[Done[_T, _R], None, None]:
    """
    Call a function for every task, and yield the results as they finish.

    The number of tasks is not limited: only a few are submitted at a time (``in_flight``, by default two more than
    twice the number of threads), and results are released at once. A task whose worker dies runs again on another
    worker. If its workers die repeatedly, it is retried once alone, in case another task is to blame; after that it is
    yielded as lost. An exception in a task is raised here and ends the run. Closing the generator, Ctrl-C or an error
    cancels all tasks that have not started. Raises a `ClusterError` if the scheduler is lost.

    With a client the function must be picklable; without a client, tasks run in this process one after the other.
    ``name`` is the name of the tasks in Dask's dashboard.

    Examples
    --------
    >>> from sunpy_flarecast.utils.cluster import run
    >>> [done.value for done in run(len, ["a", "bc"])]
    [1, 2]
    """
    with in_cluster(client, workers) as used:
        if used is None:
            for task in tasks:
                yield Done(task, function(task))
            return
        submitted = _Submitted(used, function, name)
        try:
            yield from submitted.results(iter(tasks), in_flight)
        finally:
            submitted.cancel()


class _Submitted(Generic[_T, _R]):
    """The tasks of one run that are submitted to a client."""

    def __init__(self, client: Any, function: Callable[[_T], _R], name: str) -> None:
        self._client = client
        self._address = client.scheduler.address
        self._function = function
        self._prefix = f"{name}-{uuid4().hex}"
        self._number = 0
        self._tasks: dict[str, tuple[Any, _T]] = {}
        self._again: dict[str, int] = {}
        self._done: SimpleQueue[Any] = SimpleQueue()
        self._suspects: list[_T] = []

    def results(self, todo: Iterator[_T], in_flight: int | None) -> Iterator[Done[_T, _R]]:
        look_at, limit, left = 0.0, in_flight or 1, True
        while True:
            if in_flight is None and time.monotonic() >= look_at:
                limit, look_at = 2 * self._threads() + 2, time.monotonic() + _CHECK_INTERVAL
            while left and len(self._tasks) < limit:
                try:
                    self._submit(next(todo))
                except StopIteration:
                    left = False
            if not self._tasks:
                break
            yield from self._finished(self._next(), self._suspects.append)
        for task in self._suspects:
            self._submit(task)
            lost: list[_T] = []
            while self._tasks:
                yield from self._finished(self._next(), lost.append)
            for lost_task in lost:
                yield Done(
                    lost_task,
                    lost="The worker processes died repeatedly, probably for lack of memory. Give each worker more "
                    "memory, or make the task smaller.",
                )

    def cancel(self) -> None:
        """Cancel all submitted tasks."""
        futures = [future for future, _ in self._tasks.values()]
        self._tasks.clear()
        if futures and self._client.status == "running":
            with suppress(OSError, TimeoutError):
                self._client.cancel(futures)

    def _submit(self, task: _T) -> None:
        self._number += 1
        try:
            future = self._client.submit(self._function, task, key=f"{self._prefix}-{self._number}", pure=False)
        except Exception as error:
            if self._client.status == "running":
                raise
            raise self._lost_scheduler() from error
        self._tasks[future.key] = (future, task)
        future.add_done_callback(self._done.put)

    def _next(self) -> list[Any]:
        """Wait until a task has ended, and return the futures of all ended tasks."""
        waited = 0
        while True:
            try:
                ended = [self._done.get(timeout=_CHECK_INTERVAL)]
                break
            except Empty:
                self._check()
                waited += 1
                if waited == _CHECKS_WITHOUT_WORKER and not self._client.nthreads():
                    log.warning(f"The Dask cluster at {self._address} has no worker; waiting for one.")
        with suppress(Empty):
            while True:
                ended.append(self._done.get_nowait())
        return ended

    def _finished(self, ended: list[Any], suspect: Callable[[_T], None]) -> Iterator[Done[_T, _R]]:
        """Yield the results of successful tasks, and handle the others."""
        values = self._values([future for future in ended if future.status == "finished"])
        for future in ended:
            _, task = self._tasks.pop(future.key)
            error = future.exception() if future.status == "error" else None
            traceback = future.traceback() if error is not None else None
            future.release()
            if future.key in values:
                yield Done(task, values.pop(future.key))
            elif type(error).__name__ == "KilledWorker":
                suspect(task)
            elif error is not None:
                raise _explained(error).with_traceback(traceback)
            else:
                self._submit_again(future.key, task)

    def _values(self, futures: list[Any]) -> dict[str, _R]:
        """Fetch results, together if possible; results of workers that have died are missing."""
        try:
            return dict(zip((future.key for future in futures), self._client.gather(futures), strict=True))
        except Exception:  # noqa: BLE001 (raised for any of the results)
            values = {}
            for future in futures:
                with suppress(Exception):
                    values[future.key] = future.result()
            return values

    def _submit_again(self, key: str, task: _T) -> None:
        """Submit a task that the cluster has lost, unless it was lost too many times."""
        self._check()
        times = self._again.pop(key, 0) + 1
        if times > _MAX_RESUBMITS:
            raise ClusterError(
                f"A task was cancelled {times} times in the Dask cluster at {self._address}. Finished work is kept; "
                "the same call resumes the rest."
            )
        self._submit(task)
        self._again[f"{self._prefix}-{self._number}"] = times

    def _threads(self) -> int:
        """Count the threads of all workers; it changes when a cluster grows or shrinks."""
        self._check()
        try:
            return max(1, int(sum(self._client.nthreads().values())))
        except (OSError, TimeoutError):
            return 1

    def _check(self) -> None:
        """Wait while the client reconnects to the scheduler, and raise an error if that fails."""
        while self._client.status == "connecting":
            time.sleep(0.1)
        if self._client.status != "running":
            raise self._lost_scheduler()

    def _lost_scheduler(self) -> ClusterError:
        return ClusterError(
            f"The connection to the Dask scheduler at {self._address} was lost. Finished work is kept; the same call "
            "with a new client resumes the rest."
        )


def _explained(error: BaseException) -> BaseException:
    """Return the error of a task, or one with advice if the workers cannot load the task."""
    if isinstance(error, ModuleNotFoundError) or "deserializ" in str(error):
        return ClusterError(
            f"The workers cannot load the task ({error}). Install the same versions of sunpy-flarecast and of its "
            "dependencies everywhere."
        )
    return error
