"""
Put files into parfive's queue, to use its progress bars, connection slots and results.

This is the only module that uses `parfive.Downloader.http_queue`. parfive runs the transfers in it; parfive's own
transfer (several requests per file, written in small pieces under the final name) is not used.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from contextlib import contextmanager
from numbers import Integral
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

import parfive
from sunpy import log

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import QueryError, TransferError
from sunpy_flarecast.rest.service_url import base_url, without_password
from sunpy_flarecast.utils.atomic_file import remove_abandoned
from sunpy_flarecast.utils.progress import ProgressLines, is_shown

from .context import Context
from .plan import distinct
from .report import described_damaged, described_renumbered
from .transfer import WITH_URLS, Queued, Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .connections import Connections
    from .plan import Plan
    from .record_keywords import Mode

__all__ = ["check_max_conn", "enqueue", "failed_search", "parfive_silent"]


def enqueue(
    downloader: parfive.Downloader,
    plan: Plan,
    *,
    complete_headers: Mode | None = None,
    service: str | None = None,
    connections: Connections | None = None,
) -> Queued:
    """
    Queue the transfers of files that are not complete on disk.

    Join the return value with the results of the download after it has ended. The downloader's settings for
    overwriting, proxies and progress bars apply; credentials are sent to ``service``, by default ``conf.url``. With
    ``connections``, transfers wait for a connection shared with other processes.
    """
    overwrite = downloader.config.overwrite
    if overwrite not in (False, True, "unique"):
        raise QueryError(f"overwrite={overwrite!r} is invalid. Use False, True or 'unique'.")
    check_max_conn(downloader.config.max_conn)
    _close_loops(downloader)
    if downloader.config.progress and not is_shown(downloader.tqdm):
        downloader.tqdm, downloader.config.file_progress = ProgressLines, False
    queue = getattr(downloader, "http_queue", None)
    # Other tables of the same Fido.fetch may have queued files before.
    places = distinct(plan.places, [transfer.place for transfer in queue or () if isinstance(transfer, Transfer)])
    leases = None if connections is None else connections.leases()
    context = Context(downloader.config, conf.url if service is None else service, leases)
    queued = Queued(context, conf.complete_headers if complete_headers is None else complete_headers)
    if remove_abandoned(place.path for place in places):
        places.reverse()  # another process is fetching the same files; start at the other end
    for place in places:
        look = context.look(place)
        if look.stays:
            if WITH_URLS:
                queued.append(path=place.path, url=place.url)
            else:
                queued.append(place.path)
            continue
        if look.state == "damaged":
            queued.damaged.append(place.path)
        elif look.state == "old":
            queued.reprocessed.append(place.path)
        transfer = Transfer(place, queued)
        queued.waiting[transfer] = None
        if queue is not None:
            queue.append(transfer)
        else:
            # A parfive without this queue: its own transfer calls `Transfer.filepath`, which downloads the file.
            downloader.enqueue_file(place.url, filename=transfer.filepath)
    if queued.damaged:
        log.warning(described_damaged(queued.damaged))
    if queued.reprocessed:
        log.info(described_renumbered(queued.reprocessed))
    for url, error in plan.refused:
        _add_refused(queued, url, error)
    if queued.waiting:
        # glibc returns the memory of each 256 KiB piece to the system, which takes a quarter of the time of large
        # files, unless a larger block was freed before. This block costs nothing: it is never written to.
        bytes(8 << 20)
    return queued


def check_max_conn(value: object) -> None:
    """Raise a `QueryError` for an invalid number of simultaneous transfers."""
    if not isinstance(value, Integral) or value < 1:
        raise QueryError(f"max_conn={value!r} is invalid. It must be a positive integer.")


def _close_loops(downloader: parfive.Downloader) -> None:
    """
    Make a downloader close the event loop of each download and restore signal handlers.

    parfive leaves the loop to the garbage collector; until then the loop swallows SIGINT and SIGTERM, also in forked
    processes.
    """
    if "_run_in_loop" in vars(downloader) or not hasattr(downloader, "_run_in_loop"):
        return  # already patched for another table, or a parfive that works differently
    run, add = downloader._run_in_loop, downloader._add_shutdown_signals

    def run_in_loop(coroutine: Any) -> Any:
        loops: list[asyncio.AbstractEventLoop] = []
        in_main = threading.current_thread() is threading.main_thread()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM) if in_main}

        def add_signals(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
            loops.append(loop)
            if in_main:  # in other threads parfive warns
                add(loop, task)

        downloader._add_shutdown_signals = add_signals
        try:
            return run(coroutine)
        except asyncio.CancelledError:  # by a second Ctrl-C
            raise KeyboardInterrupt from None
        finally:
            for loop in loops:
                loop.close()
            for number, handler in handlers.items():
                if handler is not None:  # None: not installed from Python
                    signal.signal(number, handler)

    downloader._run_in_loop = run_in_loop


def failed_search(error: object) -> parfive.Results:
    """Return the results of a fetch from the table of a failed search."""
    results = parfive.Results()
    text = f"There is nothing to fetch, since the search failed: {error}"
    _add_refused(results, without_password(base_url(conf.url)), TransferError(text))
    return results


def _add_refused(results: parfive.Results, url: str, error: TransferError) -> None:
    def filepath(response: object, url: str) -> NoReturn:
        raise error

    # parfive's retry raises an exception for URLs of unknown schemes.
    known = url.startswith(("http://", "https://"))
    stand_in = f"{without_password(base_url(conf.url))}/refused/{quote(url, safe='')}"
    results.add_error(filepath, url if known else stand_in, error)


@contextmanager
def parfive_silent(downloader: parfive.Downloader) -> Iterator[None]:
    """Keep parfive from logging every failed file in every pass; the report lists each once."""
    if downloader.config.progress:  # its bars print failures, too
        downloader.tqdm = type("Bar", (downloader.tqdm,), {"write": staticmethod(lambda *_, **__: None)})
    level = parfive.log.level
    if level != logging.DEBUG:
        parfive.log.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        parfive.log.setLevel(level)
