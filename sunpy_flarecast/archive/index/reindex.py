"""Bring the index of a folder up to date at intervals, while any number of processes serve it."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from .database import BusyIndexError
from .query import Reader
from .scan import MISSING, is_there, walk
from .update import compare
from .write import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from .model import LastRun

__all__ = ["Reindexing"]

#: Shortest pause between two runs, as a multiple of the duration of the last one.
_PAUSE: Final = 10.0

#: Seconds to wait for a run to end when it is stopped.
_GRACE: Final = 5.0

#: Maximum number of files listed in a log message about files that cannot be served.
_LISTED: Final = 10

_log: Final = logging.getLogger(__name__)


class _StoppedError(Exception):
    """Ends a run that is under way."""


class Reindexing:
    """Updates the index of a folder at intervals, in a thread of this process, until it is stopped."""

    # If several processes update one index, only one runs at a time; the others read the end time of the last run from
    # the index. A process whose run failed tries again after ``every`` seconds. Changes are logged. ``every`` is the
    # interval, which is extended if runs take long.

    def __init__(self, folder: Path, index: Path, every: float) -> None:
        self.fault: str | None = None  # why the last run of this process failed, as a sentence
        self._folder = folder
        self._index = index
        self.every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sunpy_flarecast index of {folder}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a run under way ends after its current folder."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(_GRACE)

    def _run(self) -> None:
        wait = self.every
        while not self._stop.wait(wait):
            try:
                wait = self._due()
                if wait <= 0 or self.fault:
                    self._update()
                    wait = self._due()
                self._set_fault(None)
            except _StoppedError:
                return
            except BusyIndexError:
                wait = self.every
            except Exception as error:  # noqa: BLE001 (whatever it is, the next run may succeed)
                wait = self.every
                missing = not is_there(str(self._folder))  # and the index may be missing with it
                self._set_fault(MISSING if missing else str(error) or type(error).__name__)

    def _due(self) -> float:
        """Return the seconds until the next run is due, after the last one of any process."""
        with closing(Reader(self._index)) as reader:
            last = reader.last_run()
        return 0.0 if last is None else _remaining(last, self.every)

    def _update(self) -> None:
        with Writer(self._folder, self._index) as writer:
            before = {path for path, _ in writer.faults()}
            report = compare(writer, walk(str(self._folder)), progress=self._check_stopped)
            fresh = [f"{path}: {reason}" for path, reason in writer.faults() if path not in before]
        if report.new or report.changed or report.removed:
            _log.info("%s: %d new, %d changed, %d removed", self._folder, report.new, report.changed, report.removed)
        if fresh:
            shown = "\n  ".join(fresh[:_LISTED]) + ("\n  ..." if len(fresh) > _LISTED else "")
            _log.warning("%d of the files in %s cannot be served:\n  %s", len(fresh), self._folder, shown)

    def _check_stopped(self, *_: int) -> None:
        if self._stop.is_set():
            raise _StoppedError

    def _set_fault(self, fault: str | None) -> None:
        if fault and fault != self.fault:
            _log.warning("The index of %s cannot be updated: %s", self._folder, fault)
        elif self.fault and not fault:
            _log.warning("The index of %s can be updated again", self._folder)
        self.fault = fault


def _remaining(last: LastRun, every: float) -> float:
    passed = (datetime.now(UTC) - last.time).total_seconds()
    return max(every, _PAUSE * last.seconds) - passed if passed >= 0 else 0.0  # the clock was set back
