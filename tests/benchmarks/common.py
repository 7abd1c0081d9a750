"""Helpers of the benchmarks: a server in a separate process, alternating runs, and output of results."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import platform
import socket
import subprocess
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


def free_port() -> int:
    """Find an unused port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextlib.contextmanager
def process(command: Sequence[str], port: int) -> Iterator[str]:
    """Run a server in a separate process; yields its URL when it listens at the port."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 300
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if time.monotonic() > deadline or server.poll() is not None:
                        raise
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def alternating(candidates: dict[str, Callable[[], Any]], runs: int) -> dict[str, list[float]]:
    """Run all candidates in turn, and return the seconds of each run except the first."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for run in range(runs + 1):
        for name, candidate in candidates.items():
            gc.collect()
            begin = time.perf_counter()
            candidate()
            if run:
                seconds[name].append(time.perf_counter() - begin)
    return seconds


def machine(*packages: str) -> dict[str, Any]:
    """Print and return the machine and versions that the results apply to."""
    figures = {"python": platform.python_version(), "cores": os.cpu_count()}
    figures |= {name: version(name) for name in packages}
    say(", ".join(f"{key} {value}" for key, value in figures.items()))
    return figures


def keep(figures: dict[str, Any], path: Path | None) -> None:
    if path is not None:
        path.write_text(json.dumps(figures, indent=1) + "\n")


def judged(met: bool) -> str:
    return "met" if met else "MISSED"


def say(text: str) -> None:
    """Print a line without buffering."""
    print(text, flush=True)  # noqa: T201
