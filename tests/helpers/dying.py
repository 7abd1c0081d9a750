"""Builds in separate processes that are killed at a given moment."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from sunpy_flarecast import conf, dataset
from sunpy_flarecast.dataset import building
from sunpy_flarecast.utils.optional_deps import DATASET, need
from sunpy_flarecast.utils.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

# Modules that builds import at their start are imported before processes are forked.
need("Builds need", "dataset", (*DATASET, "pyarrow.parquet", "numcodecs", "google_crc32c"))

#: The first function of each stage in the module `building`.
STAGES = ("search", "keyword_pieces", "make_labels", "make_sets", "make_images", "finish_harps", "write_records")


def child(function: Callable[..., Any], *arguments: Any) -> int:
    """Call a function in a process that starts with this module imported, and return its exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=function, args=arguments)
    # Before Python 3.14 the fork server does not get sys.path, so each process would import everything again.
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):
        process.start()
    process.join(600)
    assert process.exitcode is not None
    return process.exitcode


def build(url: str, out: str, query: tuple[Any, ...], arguments: dict[str, Any]) -> None:
    with conf.set_temp("url", url), conf.set_temp("retry_wait", 0.01):
        dataset.build(out, *query, **arguments)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_at_write(number: int, *arguments: Any) -> None:
    """Build and die at the write with this number: before it if the number is even, otherwise after it."""
    count = 0

    def wrapped(function: Any) -> Any:
        def write(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == number and number % 2 == 0:
                die()
            result = function(*args, **kwargs)
            if count == number:
                die()
            return result

        return write

    Store.write = wrapped(Store.write)  # type: ignore[method-assign]
    Store.remove = wrapped(Store.remove)  # type: ignore[method-assign]
    build(*arguments)


def dying_in(stage: str, within: float, seed: int, *arguments: Any) -> None:
    """Build and die at a random moment after a stage has begun."""
    function = getattr(building, stage)

    def begun(*args: Any, **kwargs: Any) -> Any:
        def wait() -> None:
            time.sleep(random.Random(seed).uniform(0, within))
            die()

        threading.Thread(target=wait, daemon=True).start()
        return function(*args, **kwargs)

    setattr(building, stage, begun)
    build(*arguments)
