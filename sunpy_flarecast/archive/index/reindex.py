"""The index of a folder brought up to date at intervals, while any number of processes serve it."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from .database import BusyIndexError
from .query import Reader
from .scan import AWAY, is_there, walk
from .update import compare
from .write import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from .model import Look

__all__ = ["Reindexing"]

#: The next look begins no sooner than after so many times the seconds that the last one took.
_REST: Final = 10.0

#: Seconds in which a look may end when it is stopped.
_LAST: Final = 5.0

#: Files that cannot be served of which a message gives the reasons.
_NAMED: Final = 10

_log: Final = logging.getLogger(__name__)


class _StoppedError(Exception):
    """Ends a look that is under way."""


class Reindexing:
    """Looks again at a folder at intervals, in a thread of this process, until it is stopped."""

    # Of several processes that do so with one index, one at a time looks, and the others see in the index when that
    # was. Whatever goes wrong with a look, the next one is tried. What it finds is logged. ``every`` is in seconds; it
    # is more if a look takes long.

    def __init__(self, folder: Path, index: Path, every: float) -> None:
        self.fault: str | None = None  # why this process's last look failed, as a sentence
        self._folder = folder
        self._index = index
        self.every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sunpy_flarecast index of {folder}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a look under way ends after the folder that it is in."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(_LAST)

    def _run(self) -> None:
        wait = self.every
        while not self._stop.wait(wait):
            try:
                wait = self._due()
                if wait <= 0 or self.fault:
                    self._look()
                    wait = self._due()
                self._note(None)
            except _StoppedError:
                return
            except BusyIndexError:
                wait = self.every
            except Exception as error:  # noqa: BLE001 (whatever it is, the next look may succeed)
                wait = self.every
                away = not is_there(str(self._folder))  # and so, perhaps, is the index
                self._note(AWAY if away else str(error) or type(error).__name__)

    def _due(self) -> float:
        """Give in how many seconds a look is due after the last one of any process."""
        with closing(Reader(self._index)) as reader:
            last = reader.look()
        return 0.0 if last is None else _pause(last, self.every)

    def _look(self) -> None:
        with Writer(self._folder, self._index) as writer:
            before = {path for path, _ in writer.faults()}
            report = compare(writer, walk(str(self._folder)), progress=self._go_on)
            fresh = [f"{path}: {reason}" for path, reason in writer.faults() if path not in before]
        if report.new or report.changed or report.removed:
            _log.info("%s: %d new, %d changed, %d removed", self._folder, report.new, report.changed, report.removed)
        if fresh:
            shown = "\n  ".join(fresh[:_NAMED]) + ("\n  ..." if len(fresh) > _NAMED else "")
            _log.warning("%d in %s cannot be served:\n  %s", len(fresh), self._folder, shown)

    def _go_on(self, *_: int) -> None:
        if self._stop.is_set():
            raise _StoppedError

    def _note(self, fault: str | None) -> None:
        if fault and fault != self.fault:
            _log.warning("New files in %s are not noticed: %s", self._folder, fault)
        elif self.fault and not fault:
            _log.warning("New files in %s are noticed again", self._folder)
        self.fault = fault


def _pause(last: Look, every: float) -> float:
    passed = (datetime.now(UTC) - last.time).total_seconds()
    return max(every, _REST * last.seconds) - passed if passed >= 0 else 0.0  # the clock was set back
