"""Parallel requests; those that are too large are halved, and all end when `Patience` stops them."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from sunpy_flarecast.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import Self

    from .session import Patience

__all__ = ["Piece", "answers"]

T = TypeVar("T")


class _Divisible(Protocol):
    """The subject of one request, such as a time window or some records."""

    @property
    def length(self) -> float: ...

    def halves(self) -> tuple[Self, Self] | None: ...


W = TypeVar("W", bound=_Divisible)

#: After this many windows of a length have succeeded only in halves, others of that length are halved at once.
_ENOUGH: Final = 2


@dataclass(frozen=True, slots=True)
class Piece(Generic[W, T]):
    """A window or a part of one, with its answer or its error."""

    window: W
    value: T | None = None
    error: ServiceError | None = None


def answers(
    windows: Sequence[W], ask: Callable[[int, W], T], patience: Patience
) -> Generator[tuple[int, list[Piece[W, T]]], None, None]:
    """
    Request windows (or other objects with a length and halves) in parallel, and yield the answers as they arrive.

    ``ask`` is called in threads, with the index of a window in ``windows`` and the window or a part of it, and returns
    the answer. Any exception other than ``ServiceError`` ends all requests. Yields the index of a window, and its parts
    in order; nothing after an interrupt.
    """
    if patience.interrupted:
        return
    todo = iter(enumerate(windows))
    lock = threading.Lock()
    done: SimpleQueue[tuple[int, list[Piece[W, T]]] | BaseException] = SimpleQueue()
    too_long: Counter[int] = Counter()

    def in_parts(number: int, halves: tuple[W, W]) -> list[Piece[W, T]]:
        return [piece for half in halves for piece in pieces(number, half)]

    def pieces(number: int, window: W) -> list[Piece[W, T]]:
        if too_long and too_long[round(window.length)] >= _ENOUGH and (halves := window.halves()):
            return in_parts(number, halves)
        failures = 0
        while not patience.stopped:
            try:
                return [Piece(window, ask(number, window))]
            except ServiceError as error:
                failures += 1
                if error.less_may_help and not patience.hurried:
                    if halves := window.halves():
                        parts = in_parts(number, halves)
                        if all(part.error is None for part in parts):
                            too_long[round(window.length)] += 1
                        return parts
                    if failures <= patience.policy.retries:
                        patience.wait(failures)
                        continue
                patience.failed(error)
                return [Piece(window, error=error)]
        return []  # nobody waits for the result

    def work() -> None:
        while not patience.stopped:
            with lock:
                number, window = next(todo, (-1, None))
            if window is None:
                return
            try:
                done.put((number, pieces(number, window)))
            except BaseException as error:  # noqa: BLE001 (raised in the waiting thread)
                done.put(error)
                return

    # Daemons, since Python waits at exit for the threads of a ThreadPoolExecutor, however long their requests take.
    threads = [
        threading.Thread(target=work, name=f"sunpy_flarecast-{number}", daemon=True)
        for number in range(min(patience.parallel, len(windows)))
    ]
    try:
        for thread in threads:
            thread.start()
        for _ in windows:
            answer = _next(done)
            if isinstance(answer, BaseException):
                raise answer
            yield answer
    except BaseException:
        patience.stop()
        raise
    for thread in threads:
        thread.join()


def _next(done: SimpleQueue[T]) -> T:
    while True:
        try:
            # On Windows, Ctrl-C does not end a wait without timeout.
            return done.get(timeout=0.5)
        except Empty:
            continue
