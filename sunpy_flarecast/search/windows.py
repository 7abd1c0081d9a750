"""The windows of a search: asked for in parallel, in halves where they are too much, until they or patience end."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from astropy.time import Time, TimeDelta

from sunpy_flarecast.errors import ServiceError, UnreachableError
from sunpy_flarecast.query.query import OVERLAP, service_time

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import Self

    from sunpy_flarecast.rest.session import Patience

__all__ = ["Piece", "Window", "answers"]

T = TypeVar("T")


class _Divisible(Protocol):
    """What one request asks for, and can be asked for in two; a window, or some records."""

    @property
    def length(self) -> float: ...

    def halves(self) -> tuple[Self, Self] | None: ...


W = TypeVar("W", bound=_Divisible)

#: Windows are not halved to less than this, in seconds.
_SHORTEST: Final = 3600.0

#: How often halves must have brought what a window of some length did not, before others of it are halved at once.
_ENOUGH: Final = 2


@dataclass(frozen=True, slots=True)
class Window:
    """
    What one request asks for.

    Parameters
    ----------
    series : str
        Name of the series.
    start, end : `astropy.time.Time`
        The range, UTC.
    """

    series: str
    start: Time
    end: Time

    @property
    def times(self) -> tuple[str, str]:
        """Start and end as the service takes them."""
        return service_time(self.start), service_time(self.end, up=True)

    @property
    def length(self) -> float:
        """Length in seconds, without what windows overlap by."""
        return max(0.0, float((self.end - self.start).to_value("s")) - OVERLAP)

    def halves(self) -> tuple[Window, Window] | None:
        """
        Cut the window into two that overlap by one second.

        Returns
        -------
        tuple of Window or None
            In order; None if they would be shorter than an hour.

        Examples
        --------
        >>> from astropy.time import Time
        >>> from sunpy_flarecast.search.windows import Window
        >>> window = Window("hmi.sharp_720s", Time("2015-12-11T00:00:00"), Time("2015-12-11T02:00:01"))
        >>> [half.times for half in window.halves()]
        [('2015-12-11T00:00:00Z', '2015-12-11T01:00:01Z'), ('2015-12-11T01:00:00Z', '2015-12-11T02:00:01Z')]
        >>> window.halves()[0].halves() is None
        True
        """
        half = self.length / 2
        if half + OVERLAP < _SHORTEST:
            return None
        middle, after = (self.start + TimeDelta(seconds, format="sec") for seconds in (half, half + OVERLAP))
        return Window(self.series, self.start, after), Window(self.series, middle, self.end)


@dataclass(frozen=True, slots=True)
class Piece(Generic[W, T]):
    """
    A window (or what else is asked for in parts) or a part of one, and what became of it.

    Parameters
    ----------
    window : Window
        What was asked for.
    value : object
        The answer; None if there is none.
    error : ServiceError or None
        Why there is no answer.
    """

    window: W
    value: T | None = None
    error: ServiceError | None = None


class _Asker(Generic[W, T]):
    """Asks for windows, in parts where needed; several threads use one."""

    def __init__(self, ask: Callable[[int, W], T], patience: Patience) -> None:
        self._ask = ask
        self._patience = patience
        self._too_long: Counter[int] = Counter()

    def pieces(self, number: int, window: W) -> list[Piece[W, T]]:
        """Ask for a window; gives its parts in order, or itself."""
        if self._too_long and self._too_long[round(window.length)] >= _ENOUGH and (halves := window.halves()):
            return self._parts(number, halves)
        failures = 0
        while not self._patience.stopped:
            if over := self._patience.over:
                return [Piece(window, error=_not_asked(over))]
            try:
                value = self._ask(number, window)
            except ServiceError as error:
                failures += 1
                if error.less_may_help and not self._patience.hurried:
                    if halves := window.halves():
                        parts = self._parts(number, halves)
                        if all(part.error is None for part in parts):
                            self._too_long[round(window.length)] += 1
                        return parts
                    if failures <= self._patience.policy.retries:
                        self._patience.wait(failures)
                        continue
                self._patience.failed(error)
                return [Piece(window, error=error)]
            self._patience.succeeded()
            return [Piece(window, value)]
        return []  # nobody waits for it

    def _parts(self, number: int, halves: tuple[W, W]) -> list[Piece[W, T]]:
        return [piece for half in halves for piece in self.pieces(number, half)]


def _not_asked(error: ServiceError) -> ServiceError:
    what = "could not be reached any more" if isinstance(error, UnreachableError) else "refused all that was asked"
    reason = f"not asked, since the service {what} ({error.reason.removesuffix('.')})"
    return type(error)(f"N{reason[1:]}. {error}", reason=reason, lasting=True)


def answers(
    windows: Sequence[W], ask: Callable[[int, W], T], patience: Patience
) -> Generator[tuple[int, list[Piece[W, T]]], None, None]:
    """
    Ask for windows in parallel, as they come.

    A window whose failure its size can explain is asked for in halves, down to one hour. When the service fails all the
    time, the windows that are left are not asked for.

    Parameters
    ----------
    windows : sequence of Window
        What to ask for.
    ask : callable
        Gives the answer for a window with a number in ``windows``, or a part of it; called in threads.
    patience : Patience
        What the requests know together; it says how many run at a time.

    Yields
    ------
    number : int
        Which window it was.
    pieces : list of Piece
        The window, or its parts in order.

    Raises
    ------
    Exception
        What ``ask`` raises besides ``ServiceError``.
    """
    asker = _Asker(ask, patience)
    todo = iter(enumerate(windows))
    lock = threading.Lock()
    done: SimpleQueue[tuple[int, list[Piece[W, T]]] | BaseException] = SimpleQueue()

    def work() -> None:
        while not patience.stopped:
            with lock:
                number, window = next(todo, (-1, None))
            if window is None:
                return
            try:
                done.put((number, asker.pieces(number, window)))
            except BaseException as error:  # noqa: BLE001 (told to the thread that waits for it)
                done.put(error)
                return

    # Daemons, since at its end Python waits for the threads of a ThreadPoolExecutor, however long their requests take.
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
            # On Windows, Ctrl-C does not end a wait; it has to end by itself.
            return done.get(timeout=0.5)
        except Empty:
            continue
