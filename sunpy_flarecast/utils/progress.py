"""Progress bars in the style of parfive, or lines of text if there is no terminal."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

__all__ = ["LateBar", "ProgressLines", "counting_bar", "is_shown", "progress_bar"]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

#: Seconds between two progress lines.
_LINE_INTERVAL: Final = 30.0

#: A file that takes longer than this many seconds gets its own progress bar; bars for small files would add a quarter
#: to the time of their transfers.
_BAR_DELAY: Final = 1.0


def progress_bar(*, shown: bool, **options: Any) -> Any:
    """Return a tqdm bar for a ``with`` statement; without a notebook or terminal, `ProgressLines`."""
    from tqdm.auto import tqdm  # slow to import

    return tqdm(disable=not shown, **options) if is_shown(tqdm) or not shown else ProgressLines(**options)


@contextmanager
def counting_bar(*, shown: bool, **options: Any) -> Iterator[Callable[[int, int], None]]:
    """Yield a callback for a progress bar that takes the finished and the total number."""
    with progress_bar(shown=shown, **options) as bar:

        def count(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield count


def is_shown(kind: Any) -> bool:
    """Return whether bars of a class can be shown: always in notebooks, otherwise in a terminal."""
    return sys.stderr.isatty() or any("notebook" in base.__module__ for base in kind.__mro__)


class ProgressLines:
    """Progress as occasional lines on stderr, for logs; has the methods of tqdm that parfive and this package use."""

    disable = True  # no bar is drawn

    def __init__(self, *, total: float | None = None, desc: str = "", unit: str = "it", **_: Any) -> None:
        self.n: float = 0
        self.initial: float = 0
        self.total, self._desc, self._unit, self._postfix = total, desc, unit, ""
        self._begun = self._last = time.monotonic()
        self._written: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        # The last items usually arrive shortly after a line; a log should show that all are done.
        if kind is None and self._written not in (None, self.n):
            self._write(time.monotonic(), last=True)
        self.close()

    def __bool__(self) -> bool:
        return True

    def update(self, n: float = 1) -> None:
        """Count, and write a line if the last one was written long ago."""
        self.n += n
        if (now := time.monotonic()) - self._last >= _LINE_INTERVAL:
            self._write(now)

    def _write(self, now: float, *, last: bool = False) -> None:
        self._last, self._written = now, self.n
        of = f" of {self.total:,} {self._unit}s" if self.total else f" {self._unit}s"
        elapsed = timedelta(seconds=int(now - self._begun))
        what = f"{self._desc or 'Progress'}: {self.n:,}{of}{self._postfix}"
        left = "" if last else self._remaining(now)  # the work may have ended early, for example after Ctrl-C
        sys.stderr.write(f"{what}, {elapsed} elapsed{left}\n")
        sys.stderr.flush()

    def _remaining(self, now: float) -> str:
        if not self.total or not self.initial < self.n < self.total:
            return ""
        seconds = (now - self._begun) / (self.n - self.initial) * (self.total - self.n)
        if seconds < 60:
            return ", less than a minute left"
        return f", about {timedelta(minutes=round(seconds / 60))} left"

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """Set the text after the count."""
        del refresh
        self._postfix = f", {text}"

    def write(self, text: str) -> None:
        """Log parfive's summary of failures."""
        from parfive import log  # already imported by parfive

        log.info(text)

    def close(self) -> None:
        """Do nothing; tqdm bars have this method."""


class LateBar:
    """
    A progress bar for one file, which appears only if the transfer takes a long time; for a ``with`` statement.

    ``kind`` is the class of bars or False, and ``token`` is the connection slot, both from parfive.
    """

    __slots__ = ("_bar", "_kind", "_name", "_received", "_token", "_when")

    def __init__(self, kind: Any, token: Any, name: str) -> None:
        self._kind = kind
        self._token = token
        self._name = name
        self._received = 0
        self._bar: Any = None
        self._when = 0.0

    def __enter__(self) -> None:
        if self._kind:
            self._when = asyncio.get_running_loop().time() + _BAR_DELAY

    def update(self, received: int, total: int | None) -> None:
        """Count bytes."""
        if not self._kind:
            return
        self._received += received
        if self._bar is not None:
            self._bar.update(received)
        elif asyncio.get_running_loop().time() > self._when:
            self._bar = self._kind(
                position=self._token.n,
                unit="B",
                unit_scale=True,
                desc=self._name,
                leave=False,
                total=total,
                initial=self._received,
            )

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
