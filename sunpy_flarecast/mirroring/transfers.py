"""Files of a mirror through the package's own transfers, which resume, check and publish each in one step."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import parfive

from sunpy_flarecast.download.plan import Place, Plan
from sunpy_flarecast.download.queue import enqueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["Brought", "bring"]


class Brought(NamedTuple):
    """
    What became of files.

    Parameters
    ----------
    fetched, there : set of Path
        Files that came, and files that were there and whole.
    failed : dict
        Those that are not there: why.
    halted : bool
        Whether nothing more can be brought, since the disk is full.
    interrupted : bool
        Whether the user, or the system, ended it.
    """

    fetched: set[Path]
    there: set[Path]
    failed: dict[Path, str]
    halted: bool
    interrupted: bool


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep parfive from telling of failures, which are all in the report, in its own words and numbers."""
    before = parfive.log.level
    parfive.log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        parfive.log.setLevel(before)


def bring(
    urls: Mapping[Path, str], *, overwrite: bool, connections: int, done: Callable[[bool], None] | None = None
) -> Brought:
    """
    Bring files, but for those that are there and whole.

    Parameters
    ----------
    urls : mapping
        Where each file comes from.
    overwrite : bool
        Bring those that are there, too.
    connections : int
        Transfers at a time.
    done : callable, optional
        Told of each file that was brought (True) or could not be.
    """
    config = parfive.SessionConfig(done_callbacks=[lambda path, url, error: done(error is None)] if done else [])
    downloader = parfive.Downloader(max_conn=connections, progress=False, overwrite=overwrite, config=config)
    places = [Place(url, str(path)) for path, url in urls.items()]
    # Files stay as the source has them, byte for byte.
    queued = enqueue(downloader, Plan(places, []), headers=False)
    with _quiet():
        results = downloader.download() if queued.waiting else parfive.Results()
    by_url = {error.url: str(error.exception) for error in [*results.errors, *queued.errors]}
    failed = {path: by_url[url] for path, url in urls.items() if url in by_url}
    came = {str(path) for path in results}
    there = {str(path) for path in queued.data}
    terms = queued.terms
    return Brought(
        {path for path in urls if str(path) in came},
        {path for path in urls if str(path) in there},
        failed,
        terms is not None and terms.halted is not None,
        terms is not None and terms.interrupted,
    )
