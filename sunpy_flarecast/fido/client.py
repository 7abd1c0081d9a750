"""`FLARECASTClient`: `search` turns attrs into a table, and `fetch` a table into files."""

from __future__ import annotations

import sys
import warnings
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import parfive
from sunpy import log
from sunpy.net import attr
from sunpy.net import attrs as a
from sunpy.net.base_client import BaseClient, QueryResponseTable, convert_row_to_table
from sunpy.util.exceptions import warn_user

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import FLARECASTError, MissingDataWarning, QueryError
from sunpy_flarecast.query.attrs import Quality, Segment, Series
from sunpy_flarecast.query.keyword_attr import Keyword
from sunpy_flarecast.rest.service_url import without_password
from sunpy_flarecast.sharp.catalog import all_keywords, all_series

from .response import FLARECASTResponse, warnings_of

# Modules that only searches and fetches need are imported there, so that importing the package stays fast.

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from sunpy_flarecast.download.record_keywords import Mode

__all__ = ["FLARECASTClient"]


class FLARECASTClient(BaseClient):  # type: ignore[misc]
    """
    SDO/HMI SHARP active-region patches from a FLARECAST HMI service.

    The service is that of ``sunpy_flarecast.conf.url`` or the environment variable ``FLARECAST_URL``. The client is
    usually used through `sunpy.net.Fido`.

    Examples
    --------
    >>> from sunpy.net import Fido, attrs as a
    >>> import sunpy_flarecast
    >>> results = Fido.search(a.Time("2015-12-11", "2015-12-12"), a.flarecast.Series.hmi_sharp_720s,
    ...                       a.flarecast.Segment.magnetogram)  # doctest: +SKIP
    >>> files = Fido.fetch(results, path="data/{harpnum}/{file}")  # doctest: +SKIP
    """

    @property
    def info_url(self) -> str:
        """The URL of the service."""
        return without_password(str(conf.url))

    @classmethod
    def _attrs_module(cls) -> tuple[str, str]:
        return "flarecast", "sunpy_flarecast.attrs"

    @classmethod
    def register_values(cls) -> dict[type[attr.Attr], list[tuple[str, str]]]:
        """List the values for tab completion, without a request."""
        grids: dict[str, tuple[str, set[str]]] = {}
        for series in all_series():
            for segment in series.segments:
                grids.setdefault(segment.name, (segment.meaning, set()))[1].add(series.projection)
        return {
            a.Provider: [
                ("FLARECAST", "EU H2020 project on flare forecasting; its service provides SDO/HMI SHARP data")
            ],
            a.Instrument: [
                ("HMI", "Helioseismic and Magnetic Imager on the Solar Dynamics Observatory"),
                ("MDI", "Michelson Doppler Imager on the Solar and Heliospheric Observatory"),
            ],
            Series: [(series.name, series.meaning) for series in all_series()],
            Segment: [
                (name, meaning if len(found) > 1 else f"{meaning} ({found.pop()} only)")
                for name, (meaning, found) in grids.items()
            ],
            Keyword: [(one.name, f"[{one.unit}] {one.meaning}" if one.unit else one.meaning) for one in all_keywords()],
            Quality: [("good", "quality 0: no bit is set")],
        }

    @classmethod
    def _can_handle_query(cls, *query: attr.Attr) -> bool:
        from sunpy_flarecast.query.attr_walker import FIXED, supported_attrs

        if not cls.check_attr_types_in_query(query, {a.Time, Series}, supported_attrs()):
            return False
        return all(str(leaf.value).upper() in FIXED[type(leaf)] for leaf in query if type(leaf) in FIXED)

    def search(self, *query: attr.Attr, strict: bool = False, progress: bool = True) -> FLARECASTResponse:
        """
        Search for records.

        Parameters
        ----------
        *query : `sunpy.net.attr.Attr`
            ``a.Time`` and ``a.flarecast.Series``, and optionally ``a.flarecast.Segment``, ``a.flarecast.HARPNUM``,
            ``a.flarecast.NOAA``, ``a.flarecast.Quality``, comparisons of ``a.flarecast.Keyword``, ``a.Sample``,
            ``a.flarecast.Tolerance``, ``a.Provider`` and ``a.Instrument``. The branches of an OR are joined
            into one table.
        strict : bool
            Raise an error if the service does not answer for parts of the range. By default there is a warning, and
            ``missing`` of the table lists these parts.
        progress : bool
            Show a progress bar in a terminal or notebook, if there is more than one request (default: True).

        Returns
        -------
        FLARECASTResponse
            The records, sorted by T_REC and then HARP number; no rows if nothing was found.

        Raises
        ------
        QueryError
            If the query is invalid, for example because the series lacks a requested segment.
        ServiceError
            If the service cannot be reached, or answers with an error or an invalid reply.
        Interrupted
            After Ctrl-C; ``partial`` is the table so far, and its ``retry_missing()`` searches for the rest.

        Examples
        --------
        >>> import sunpy_flarecast
        >>> from sunpy.net import attrs as a
        >>> client = sunpy_flarecast.FLARECASTClient()
        >>> table = client.search(a.Time("2015-12-11", "2015-12-12"), a.flarecast.Series.hmi_sharp_720s,
        ...                       a.flarecast.HARPNUM(6178), strict=True)  # doctest: +SKIP
        """
        from sunpy_flarecast.query.attr_walker import queries
        from sunpy_flarecast.rest.service import Service
        from sunpy_flarecast.search.search import find

        try:
            if wrong := [one for one in query if not isinstance(one, attr.Attr)]:
                times = ", ".join(repr(str(one)) for one in wrong[:2]) if len(wrong) > 1 else "start, end"
                raise QueryError(
                    f"search() takes attrs, not {wrong[0]!r}; write a.Time({times}) and a.flarecast.Series(name)."
                )
            branches = queries(*query)
            with Service() as service, FLARECASTResponse._interrupted(self, service.url, branches):
                found = find(branches, service, strict=strict, progress=progress)
        except FLARECASTError as error:
            caller = sys._getframe(1).f_globals.get("__name__")
            if caller == "sunpy.net.fido_factory" and hasattr(QueryResponseTable, "errors"):
                log.error(str(error))  # Fido of sunpy 7.1 and newer keeps it in the result, where it is overlooked
            raise
        for text in warnings_of(found):
            # With Fido, the user's line is an unknown number of frames above.
            warnings.warn(text, MissingDataWarning, stacklevel=2)
        if empty := found.why_empty(branches):
            warn_user(empty, stacklevel=2)
        return FLARECASTResponse.from_records(
            found.records,
            client=self,
            service=service.url,
            origin=found.origin,
            queries=branches,
            missing=found.missing,
        )

    @convert_row_to_table  # type: ignore[untyped-decorator]
    def fetch(
        self,
        query_results: FLARECASTResponse,
        *,
        path: str | os.PathLike[str] | None = None,
        downloader: parfive.Downloader | None = None,
        overwrite: bool | str | None = None,
        progress: bool = True,
        max_conn: int = 5,
        wait: bool = True,
        complete_headers: Mode | None = None,
        **kwargs: Any,
    ) -> parfive.Results:
        """
        Fetch the files of records; incomplete files never appear, and complete ones are not downloaded again.

        Parameters
        ----------
        query_results : FLARECASTResponse
            The records: the table of a search, or some of its rows.
        path : path-like, optional
            A folder, or a template with ``{file}``, ``{segment}`` and the table's columns, for example
            ``data/{harpnum}/{t_rec:%Y%m%d}/{segment}/{file}``. By default sunpy's download folder.
        downloader : `parfive.Downloader`, optional
            Where to queue the transfers. If given, its ``overwrite``, ``progress`` and ``max_conn`` are used.
        overwrite, progress, max_conn, complete_headers : optional
            As for `sunpy_flarecast.fetch`.
        wait : bool
            If False and a ``downloader`` is given, only queue the transfers.
        **kwargs
            Options of other clients in the same ``Fido.fetch``; they are ignored unless they look like misspelt options
            of this client. Without a ``downloader``, unknown options are refused.

        Returns
        -------
        `parfive.Results`
            The paths of the files, and ``errors`` for those that could not be fetched, also after Ctrl-C or a failed
            search. With ``wait=False``, only files that need no transfer.

        Raises
        ------
        QueryError
            If the path cannot be filled in, two files would get the same path, or an option is unknown. In these cases
            nothing is fetched.

        Warns
        -----
        MissingDataWarning
            If keywords could not be fetched; the files are then saved without them.

        Examples
        --------
        >>> files = client.fetch(table[:4], path="data/{harpnum}/{file}")  # doctest: +SKIP
        """
        from sunpy_flarecast.download.plan import check_writable, file_base, plan, template_of
        from sunpy_flarecast.download.queue import enqueue, failed_search
        from sunpy_flarecast.download.record_keywords import mode_of

        _check_options(kwargs, alone=downloader is None)
        if not isinstance(query_results, FLARECASTResponse):
            # After a failed search, sunpy 7.1 and newer give a table of their own, with the error.
            if failed := getattr(query_results, "errors", None):
                return failed_search(failed)
            raise QueryError(f"fetch() takes the result of a FLARECAST search, not {type(query_results).__name__}.")
        if downloader is None:
            wait = True
            downloader = parfive.Downloader(max_conn=max_conn, progress=progress, overwrite=overwrite or False)
        template = template_of(path)
        planned = plan(query_results, template, file_base(query_results), move=conf.rebase_urls)
        mode = None if complete_headers is None else mode_of(complete_headers)
        queued = enqueue(downloader, planned, complete_headers=mode)
        if queued.waiting:
            check_writable(template)
        if not wait:
            return queued
        results = downloader.download()
        results.data += queued.data
        results._errors += queued.errors
        return results


#: Options of a fetch, and the option that `sunpy.net.Fido.fetch` passes to all clients.
_OPTIONS: Final = ("path", "downloader", "overwrite", "progress", "max_conn", "wait", "complete_headers")
_OF_FIDO: Final = "max_splits"


def _check_options(options: Iterable[str], *, alone: bool) -> None:
    """Refuse misspelt options, and unknown ones unless they may be for another client."""
    for option in options:
        if option == "passes":
            raise QueryError(f"fetch() has no option {option!r}. Use sunpy_flarecast.fetch(results, {option}=...).")
        similar = get_close_matches(option, _OPTIONS, n=1, cutoff=0.75)
        if option != _OF_FIDO and (similar or alone):
            meant = f"Did you mean {similar[0]}?" if similar else f"Options: {', '.join(_OPTIONS)}."
            raise QueryError(f"fetch() has no option {option!r}. {meant}")


FLARECASTResponse._client_class = FLARECASTClient
