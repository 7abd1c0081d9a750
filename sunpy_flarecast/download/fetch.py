"""Fetching without somebody watching: passes until nothing is missing or nothing progresses, and a report."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

from sunpy.net.base_client import QueryResponseRow
from sunpy.net.fido_factory import UnifiedResponse

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import FLARECASTError, MissingDataWarning, QueryError
from sunpy_flarecast.table.base import RecordTable

from .places import fetch_places, interruption
from .plan import distinct, file_base, plan, template_of
from .queue import check_max_conn
from .record_keywords import mode_of
from .report import FetchFailure, FetchReport, described_bare

if TYPE_CHECKING:
    from distributed import Client

    from sunpy_flarecast.table.base import FLARECASTRow

    from .record_keywords import Mode

__all__ = ["fetch"]


def fetch(
    results: RecordTable | FLARECASTRow | UnifiedResponse,
    *,
    path: str | os.PathLike[str] | None = None,
    passes: int = 5,
    overwrite: bool | Literal["unique"] = False,
    max_conn: int = 5,
    progress: bool = True,
    complete_headers: Mode | None = None,
    client: Client | None = None,
    workers: int = 1,
) -> FetchReport:
    """
    Fetch the files of records until all are there, or until a pass brings no more.

    It does what ``Fido.fetch`` does, again and again for what is missing, files and the keywords of files that came
    without. Each file that could not be fetched is in the report, with the reason, and so is each that lacks keywords.
    Keywords that the service refuses are requested again only if there is another pass for other files.

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
    client : distributed.Client, optional
        The client of a Dask cluster whose workers share the disk that the path is on: they fetch the files, over
        ``max_conn`` connections together. Paths in the report are then absolute. By default this process fetches them.
    workers : int
        Number of processes of this machine to fetch with, if there is no client (default: 1).

    Returns
    -------
    FetchReport

    Raises
    ------
    QueryError
        If there is nothing of this package to fetch, the path cannot be filled in, or two files would get the same one.
    ClusterError
        If the Dask cluster is gone. Files that are there stay; the same call fetches the rest.
    Interrupted
        After Ctrl-C or SIGTERM, with the report of what was fetched until then as ``partial``.

    Warns
    -----
    MissingDataWarning
        At the end, if keywords could not be fetched; their files are listed in ``FetchReport.bare``.

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
    check_max_conn(max_conn)
    mode = None if complete_headers is None else mode_of(complete_headers)
    template = template_of(path)
    spread = client is not None or workers != 1
    if spread:
        template = os.path.abspath(template)
    tables, unsearched = _tables(results)
    plans = [plan(table, template, file_base(table), move=conf.rebase_urls) for table in tables]
    places = distinct(place for part in plans for place in part.places)
    options: dict[str, Any] = {"overwrite": overwrite, "max_conn": max_conn, "complete_headers": mode}
    options |= {"passes": passes, "progress": progress, "template": template}
    if spread:
        from .cluster_fetch import fetch_in_cluster

        report = fetch_in_cluster(places, client=client, workers=workers, **options)
    else:
        report = fetch_places(places, **options)
    refused = [FetchFailure("", url, str(error)) for part in plans for url, error in part.refused]
    refused += [FetchFailure("", "", f"The search failed: {error}") for error in unsearched]
    missing = [gap for table in tables for gap in table.missing]
    report = replace(report, failed=[*refused, *report.failed], missing=missing)
    if report.interrupted:
        raise interruption(report)
    if report.bare:
        warnings.warn(described_bare(report.bare), MissingDataWarning, stacklevel=2)
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
