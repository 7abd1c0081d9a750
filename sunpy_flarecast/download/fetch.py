"""`fetch`: unattended downloads in passes until nothing is missing or nothing improves, with a report."""

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
    Fetch the files of records in passes until all are complete or a pass brings no improvement.

    Works like ``Fido.fetch``, but requests missing files and missing keywords again. The report lists each file that
    could not be fetched, with the reason, and each file that lacks keywords. Keywords that the service refuses are
    requested again only if there is another pass for other files.

    Parameters
    ----------
    results : FLARECASTResponse or `sunpy.net.fido_factory.UnifiedResponse`
        The records: the result of a search, or a row of it.
    path : path-like, optional
        A folder, or a template with ``{file}``, ``{segment}`` and the table's columns (default: sunpy's download
        folder).
    passes : int
        Maximum number of passes over the missing files (default: 5).
    overwrite : bool or "unique"
        What to do with complete files that already exist: keep them (False, default), replace them (True), or keep both
        (``"unique"``).
    max_conn : int
        Number of simultaneous transfers (default: 5).
    progress : bool
        Whether to show progress bars (default: True).
    complete_headers : "auto", True or False, optional
        Which files get their missing keywords from the service: files without keywords, all files, or no files
        (default: ``conf.complete_headers``).
    client : distributed.Client, optional
        Client of a Dask cluster whose workers fetch the files, with ``max_conn`` connections in total. The workers must
        share the disk of the path. With ``client`` or several ``workers``, paths in the report are absolute.
    workers : int
        Number of local processes to fetch with (default: 1); it cannot be combined with ``client``.

    Returns
    -------
    FetchReport

    Raises
    ------
    QueryError
        If ``results`` is not the result of a FLARECAST search, the path or another argument is invalid, or two files
        would have the same path.
    ClusterError
        If the Dask scheduler is lost. Complete files are kept; the same call fetches the rest.
    Interrupted
        After Ctrl-C or SIGTERM; ``partial`` is the report.

    Warns
    -----
    MissingDataWarning
        If keywords of some files could not be fetched; ``FetchReport.bare`` lists these files.

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
        raise QueryError(f"passes={passes!r} is invalid. It must be a positive integer.")
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
    """Return the tables in the result of a search, and the errors of failed searches."""
    if isinstance(results, QueryResponseRow):
        results = results.as_table()
    tables = list(results) if isinstance(results, UnifiedResponse) else [results]
    # sunpy 7.1 and newer return a table of their own with the error.
    failed = [table.errors for table in tables if isinstance(getattr(table, "errors", None), FLARECASTError)]
    tables = [table for table in tables if not isinstance(getattr(table, "errors", None), FLARECASTError)]
    if other := [table for table in tables if not isinstance(table, RecordTable)]:
        raise QueryError(
            f"fetch() takes the result of a FLARECAST search, not {type(other[0]).__name__}. Pass "
            "results['flarecast'], and use Fido.fetch for other clients."
        )
    return tables, failed
