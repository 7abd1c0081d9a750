"""Fetching without somebody watching: passes until nothing is missing or nothing progresses, and a report."""

from __future__ import annotations

import logging
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final, Literal

import parfive
from sunpy import log
from sunpy.net.base_client import QueryResponseRow
from sunpy.net.fido_factory import UnifiedResponse

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import MissingDataWarning, QueryError
from sunpy_flarecast.query.query import service_time
from sunpy_flarecast.rest.service_url import base_url, without_password
from sunpy_flarecast.search.missing import described
from sunpy_flarecast.table.base import RecordTable
from sunpy_flarecast.utils.files import write_report

from .complete_folder import complete_again
from .plan import Plan, plan, template_of
from .queue import enqueue
from .record_keywords import described_bare, mode_of
from .verify import described_damaged

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from sunpy_flarecast.search.missing import Missing

    from .record_keywords import Bare, Mode

__all__ = ["Failure", "Report", "fetch"]

#: Longest pause between two passes, in seconds.
_LONGEST_PAUSE: Final = 300.0

#: How many files without keywords a report names when it is printed.
_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """
    A file that could not be fetched.

    Parameters
    ----------
    path : str
        Where it was to go; empty if its URL was refused.
    url : str
        Where it was to come from.
    reason : str
        What went wrong the last time, as a sentence.
    """

    path: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """
    What became of every file that was asked for; each is in just one of the three lists.

    Parameters
    ----------
    fetched : list of str
        Paths of the files that were fetched.
    already_there : list of str
        Paths of the files that were there, and whole, before.
    failed : list of Failure
        The files that are not there.
    interrupted : bool
        Whether the fetch was interrupted before it had tried all it could.
    missing : list of Missing
        What the search could not get, so that nobody knows which files there are.
    damaged : list of str
        Paths of the files that were there and damaged before, so that they were to be fetched again.
    bare : list of Bare
        Those of the fetched files that lack the keywords which `sunpy.map.Map` needs, since they could not be had.
    """

    fetched: list[str]
    already_there: list[str]
    failed: list[Failure]
    interrupted: bool = False
    missing: list[Missing] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    bare: list[Bare] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """Paths of all files that are there, sorted."""
        return sorted([*self.already_there, *self.fetched])

    @property
    def complete(self) -> bool:
        """Whether all files are there, of all records that were searched for."""
        return not self.failed and not self.missing

    def __str__(self) -> str:
        lines = [
            f"{len(self.fetched):,} files fetched, {len(self.already_there):,} already there, "
            f"{len(self.failed):,} failed{', interrupted' if self.interrupted else ''}."
        ]
        reasons: dict[str, list[Failure]] = {}
        for failure in self.failed:
            reasons.setdefault(_alike(failure), []).append(failure)
        for same in reasons.values():
            more = f" (and {len(same) - 1:,} more alike)" if len(same) > 1 else ""
            lines.append(f"Failed: {same[0].reason}{more}")
        if self.damaged:
            lines.append(described_damaged(self.damaged))
        if self.missing:
            lines.append(f"{described(self.missing)} Their files were not asked for; search for them again.")
        if self.bare:
            lines.append(described_bare(self.bare))
            lines += [f"Without keywords: {one.path}" for one in self.bare[:_LISTED]]
            if len(self.bare) > _LISTED:
                lines.append(f"Without keywords: {len(self.bare) - _LISTED:,} more, which Report.bare lists")
        return "\n".join(lines)

    def write(self, path: str | os.PathLike[str]) -> None:
        """
        Write the report as JSON.

        Parameters
        ----------
        path : path-like
            The file; its folder exists.
        """
        content = {
            "complete": self.complete,
            "interrupted": self.interrupted,
            "fetched": self.fetched,
            "already_there": self.already_there,
            "failed": [{"path": one.path, "url": one.url, "reason": one.reason} for one in self.failed],
            "missing": [
                {
                    "series": one.query.series,
                    "start": service_time(one.start),
                    "end": service_time(one.end, up=True),
                    "reason": one.error.reason,
                }
                for one in self.missing
            ],
            "damaged": self.damaged,
            "bare": [{"path": one.path, "reason": one.reason} for one in self.bare],
        }
        write_report(path, content)


def _alike(failure: Failure) -> str:
    """Give the reason without what differs from file to file."""
    reason = failure.reason.replace(failure.url, "")
    return reason.replace(failure.path, "") if failure.path else reason


def fetch(
    results: Any,
    *,
    path: str | os.PathLike[str] | None = None,
    passes: int = 5,
    overwrite: bool | Literal["unique"] = False,
    max_conn: int = 5,
    progress: bool = True,
    headers: Mode | None = None,
) -> Report:
    """
    Fetch the files of records until all are there, or until a pass brings no more.

    It does what ``Fido.fetch`` does, again and again for what is missing, files and the keywords of files that came
    without. Each file that could not be fetched is in the report, with the reason, and so is each that lacks keywords.
    Keywords that the service refuses are asked for again only where there is another pass for something else.

    Parameters
    ----------
    results : FLARECASTResponse or `sunpy.net.fido_factory.UnifiedResponse`
        The records; also one row.
    path : path-like, optional
        A folder, or a template with ``{file}``, ``{segment}`` and the table's columns. By default sunpy's download
        folder.
    passes : int
        How often to go over what is missing at most.
    overwrite : bool or "unique"
        Whether to fetch files that are already there: False for no, True to replace them, ``"unique"`` to keep both.
    max_conn : int
        Number of transfers at a time.
    progress : bool
        Show progress bars.
    headers : "auto", True or False, optional
        Which files get the keywords that they lack: those that have none, all, or no file. By default
        ``conf.complete_headers``.

    Returns
    -------
    Report

    Raises
    ------
    QueryError
        If there is nothing of this package to fetch, the path cannot be filled in, or two files would get the same one.

    Warns
    -----
    MissingDataWarning
        At the end, if keywords could not be had; the files are then there without, and in ``Report.bare``.

    Examples
    --------
    >>> from sunpy.net import Fido, attrs as a
    >>> import sunpy_flarecast
    >>> found = Fido.search(a.Time("2015-12-11", "2015-12-12"), a.flarecast.Series.hmi_sharp_720s,
    ...                     a.flarecast.Segment.magnetogram)  # doctest: +SKIP
    >>> report = sunpy_flarecast.fetch(found, path="data/{harpnum}/{file}", passes=10)  # doctest: +SKIP
    >>> report.complete  # doctest: +SKIP
    True
    """
    if not isinstance(passes, Integral) or passes < 1:
        raise QueryError(f"fetch(passes={passes!r}): write a whole number; at least one pass is needed.")
    mode = None if headers is None else mode_of(headers)
    template = template_of(path)
    tables = _tables(results)
    plans = [
        plan(table, template, without_password(base_url(table.service or conf.url)), move=conf.rebase_urls)
        for table in tables
    ]
    todo = _joined(plans)
    failed = {url: Failure("", url, str(error)) for url, error in todo.refused}
    fetched: list[str] = []
    there: list[str] = []
    damaged: list[str] = []
    bare: list[Bare] = []
    interrupted = False
    left = todo.places
    unsettled = len(left)
    for number in range(1, passes + 1):
        downloader = parfive.Downloader(max_conn=max_conn, progress=progress, overwrite=overwrite)
        queued = enqueue(downloader, Plan(left, []), headers=mode)
        queued.silent = True
        damaged = queued.damaged if number == 1 else damaged
        there += queued.data
        with _parfive_silent():
            brought = downloader.download() if queued.waiting else parfive.Results()
        fetched += map(str, brought)
        errors = {error.url: str(error.exception) for error in [*brought.errors, *queued.errors]}
        missing_before, left = len(left), [place for place in left if place.url in errors]
        interrupted = queued.terms is not None and queued.terms.interrupted
        halted = queued.terms is not None and queued.terms.halted is not None
        older, bare = bare, [*bare, *queued.bare]
        try:
            if older and not interrupted and not halted:
                bare = [*complete_again(older, progress=progress), *queued.bare]
            again = [one for one in bare if not one.lasting]
            before, unsettled = unsettled, len(left) + len(again)
            if not unsettled or interrupted or halted or (number > 1 and unsettled >= before):
                break
            if number < passes:
                wait = min(conf.retry_wait * 2.0 ** (conf.max_retries + number), _LONGEST_PAUSE)
                log.info(
                    f"Pass {number} of at most {passes}: {len(left):,} of {missing_before:,} files are missing"
                    f"{f', keywords of {len(again):,}' if again else ''}; trying again in {wait:.0f} s."
                )
                time.sleep(wait)
        except KeyboardInterrupt:
            interrupted = True
            break
    failed |= {place.url: Failure(place.path, place.url, errors[place.url]) for place in left}
    missing = [one for table in tables for one in table.missing]
    if bare:
        warnings.warn(described_bare(bare), MissingDataWarning, stacklevel=2)
    return Report(fetched, there, list(failed.values()), interrupted, missing, damaged, bare)


@contextmanager
def _parfive_silent() -> Iterator[None]:
    """Keep parfive from telling of every file that fails, in every pass: the report does, once."""
    level = parfive.log.level
    if level != logging.DEBUG:
        parfive.log.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        parfive.log.setLevel(level)


def _tables(results: Any) -> list[RecordTable]:
    """Find the tables to fetch in whatever a search gave."""
    if isinstance(results, QueryResponseRow):
        results = results.as_table()
    tables = list(results) if isinstance(results, UnifiedResponse) else [results]
    if other := [table for table in tables if not isinstance(table, RecordTable)]:
        raise QueryError(
            f"fetch() takes what a search of a FLARECAST service found, not {type(other[0]).__name__}; use "
            "Fido.fetch for other clients, and results['flarecast'] for this one."
        )
    return tables


def _joined(plans: Iterable[Plan]) -> Plan:
    """Join plans, whose files must differ as those of one plan do."""
    joined = Plan([], [])
    taken: dict[str, str] = {}
    for one in plans:
        for place in one.places:
            other = taken.setdefault(place.path, place.url)
            if other != place.url:
                raise QueryError(f"Two files would both be written to {place.path}: {other} and {place.url}.")
            joined.places.append(place)
        joined.refused.extend(one.refused)
    return joined
