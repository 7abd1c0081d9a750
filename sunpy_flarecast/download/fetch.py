"""Fetching without somebody watching: passes until nothing is missing or nothing progresses, and a report."""

from __future__ import annotations

import time
import warnings
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final, Literal

import parfive
from sunpy import log
from sunpy.net.base_client import QueryResponseRow
from sunpy.net.fido_factory import UnifiedResponse

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import FLARECASTError, Interrupted, MissingDataWarning, QueryError
from sunpy_flarecast.table.base import RecordTable
from sunpy_flarecast.utils.reports import counted

from .complete_folder import complete_again
from .plan import Plan, check_writable, distinct, file_base, plan, template_of
from .queue import enqueue, parfive_silent
from .record_keywords import mode_of
from .report import FetchFailure, FetchReport, described_bare

if TYPE_CHECKING:
    import os

    from .record_keywords import Mode
    from .report import Bare

__all__ = ["fetch"]

#: Longest pause between two passes, in seconds.
_LONGEST_PAUSE: Final = 300.0


def fetch(
    results: Any,
    *,
    path: str | os.PathLike[str] | None = None,
    passes: int = 5,
    overwrite: bool | Literal["unique"] = False,
    max_conn: int = 5,
    progress: bool = True,
    complete_headers: Mode | None = None,
) -> FetchReport:
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
    complete_headers : "auto", True or False, optional
        Which files get the keywords that they lack: those that have none, all, or no file. By default
        ``conf.complete_headers``.

    Returns
    -------
    FetchReport

    Raises
    ------
    QueryError
        If there is nothing of this package to fetch, the path cannot be filled in, or two files would get the same one.
    Interrupted
        After Ctrl-C or SIGTERM, with the report of what was fetched until then as ``partial``.

    Warns
    -----
    MissingDataWarning
        At the end, if keywords could not be had; the files are then there without, and in ``FetchReport.bare``.

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
    mode = None if complete_headers is None else mode_of(complete_headers)
    template = template_of(path)
    tables, unsearched = _tables(results)
    plans = [plan(table, template, file_base(table), move=conf.rebase_urls) for table in tables]
    left = distinct(place for one in plans for place in one.places)
    planned = [place.path for place in left]
    arrived: dict[str, str] = {}
    refused = [FetchFailure("", url, str(error)) for one in plans for url, error in one.refused]
    refused += [FetchFailure("", "", f"The search failed: {one}") for one in unsearched]
    fetched: list[str] = []
    there: list[str] = []
    damaged: list[str] = []
    reprocessed: list[str] = []
    unidentified: list[str] = []
    bare: list[Bare] = []
    errors: dict[str, str] = {}
    interrupted = False
    unsettled = len(left)
    for number in range(1, passes + 1):
        try:
            downloader = parfive.Downloader(max_conn=max_conn, progress=progress, overwrite=overwrite)
            queued = enqueue(downloader, Plan(left, []), complete_headers=mode)
            queued.silent = True
            if queued.waiting:
                check_writable(template)
            if number == 1:
                damaged, reprocessed = queued.damaged, queued.reprocessed
            with parfive_silent(downloader):
                results = downloader.download() if queued.waiting else parfive.Results()
            context = queued.context
            reprocessed = [path for path in reprocessed if path not in context.found]
            there += [*queued.data, *sorted(context.found)]
            unidentified += context.unidentified
            fetched += [file for file in map(str, results) if file not in context.found]
            arrived |= {one: one for one in queued.data} | queued.arrived
            errors = queued.reasons(results)
            missing_before, left = len(left), [place for place in left if place.path in errors]
            interrupted = context.interrupted
            older, bare = bare, [*bare, *queued.bare]
            if older and not interrupted and not context.halted:
                bare = [*complete_again(older, progress=progress), *queued.bare]
            again = [one for one in bare if not one.lasting]
            before, unsettled = unsettled, len(left) + len(again)
            if not unsettled or interrupted or context.halted or (number > 1 and unsettled >= before):
                break
            if number < passes:
                wait = min(conf.retry_wait * 2.0 ** (conf.max_retries + number), _LONGEST_PAUSE)
                log.info(
                    f"Pass {number} of at most {passes}: {len(left):,} of {missing_before:,} files are missing"
                    f"{f', keywords of {len(again):,}' if again else ''}; retrying in {wait:.0f} s."
                )
                time.sleep(wait)
        except KeyboardInterrupt:
            interrupted = True
            break
    unknown = "the fetch was interrupted"
    failed = [*refused, *(FetchFailure(one.path, one.url, errors.get(one.path, unknown)) for one in left)]
    missing = [one for table in tables for one in table.missing]
    files = [arrived[one] for one in planned if one in arrived]
    place = {one: number for number, one in enumerate(files)}
    fetched, there = (sorted(some, key=lambda one: place.get(one, len(place))) for some in (fetched, there))
    report = FetchReport(fetched, there, failed, interrupted, missing, damaged, bare, files, reprocessed, unidentified)
    if interrupted:
        raise Interrupted(
            f"The fetch was interrupted: {counted(len(fetched), 'file')} fetched, {len(failed):,} missing. The same "
            "call fetches the rest; `partial` of this exception is the report.",
            report,
        )
    if bare:
        warnings.warn(described_bare(bare), MissingDataWarning, stacklevel=2)
    return report


def _tables(results: Any) -> tuple[list[RecordTable], list[Exception]]:
    """Find the tables to fetch in whatever a search gave, and the errors of searches that failed."""
    if isinstance(results, QueryResponseRow):
        results = results.as_table()
    tables = list(results) if isinstance(results, UnifiedResponse) else [results]
    # sunpy 7.1 and newer leave a table of their own with the error.
    failed = [table.errors for table in tables if isinstance(getattr(table, "errors", None), FLARECASTError)]
    tables = [table for table in tables if not isinstance(getattr(table, "errors", None), FLARECASTError)]
    if other := [table for table in tables if not isinstance(table, RecordTable)]:
        raise QueryError(
            f"fetch() takes what a search of a FLARECAST service found, not {type(other[0]).__name__}; use "
            "Fido.fetch for other clients, and results['flarecast'] for this one."
        )
    return tables, failed
