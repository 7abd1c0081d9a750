"""`FLARECASTResponse`, the result of a search: a `RecordTable` that can be completed, saved and plotted."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import contextmanager
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import Interrupted, MissingDataWarning, QueryError
from sunpy_flarecast.table.base import RecordTable
from sunpy_flarecast.utils.reports import counted

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from typing import Self

    import astropy.units as u
    import pandas as pd
    from astropy.table import QTable, Table
    from astropy.time import Time
    from matplotlib.axes import Axes
    from sunpy.net.fido_factory import UnifiedResponse
    from sunpy.timeseries import GenericTimeSeries

    from sunpy_flarecast.flares import FlareList
    from sunpy_flarecast.query.query import Query
    from sunpy_flarecast.search.search import Found
    from sunpy_flarecast.table.difference import Difference

__all__ = ["FLARECASTResponse", "warnings_of"]


def warnings_of(found: Found) -> list[str]:
    """Return the warnings of a search."""
    if not found.missing:
        return found.notes
    from sunpy_flarecast.search.missing import described

    chosen = any(one.query.sample is not None or one.query.near is not None for one in found.missing)
    text = " Missing records may be nearer to the requested times." if chosen else ""
    what = "The table has the rest; its retry_missing(), or the same command again, requests the missing parts."
    return [*found.notes, f"{described(found.missing)} {what}{text}"]


class FLARECASTResponse(RecordTable):
    """
    The records that a search found; a row is one HARP at one T_REC, and stands for the files of its segments.

    Columns: ``Start Time`` (UTC, from DATE-OBS), ``T_REC`` (TAI), ``Series``, ``HARPNUM``, ``Quality`` (bit word, 0 is
    good), ``Segments`` (the number of files that a fetch of the row downloads), ``Wavelength``, ``Instrument``,
    ``Source``, ``Provider``, ``Record`` (record number), and the keywords that the query had conditions on, such as
    ``usflux``. Missing values are masked.
    """

    #: The client of a table read from a file, set by `sunpy_flarecast.fido.client`, which imports this module.
    _client_class: ClassVar[type[Any]]

    @classmethod
    def read(cls, path: str | os.PathLike[str], format: str | None = None) -> Self:  # noqa: A002
        """
        Read a search from a file that `write` wrote.

        Parameters
        ----------
        path : path-like
            The file: ``.ecsv`` or ``.parquet``.
        format : str, optional
            ``"ascii.ecsv"`` or ``"parquet"`` (default: from the file extension).

        Returns
        -------
        FLARECASTResponse
            The table as it was written; it can be fetched, and completed with `retry_missing`.

        Raises
        ------
        QueryError
            If there is no such file, or it is not a search.

        Examples
        --------
        >>> from sunpy.net import Fido
        >>> from sunpy_flarecast import FLARECASTResponse
        >>> results = FLARECASTResponse.read("search.ecsv")  # doctest: +SKIP
        >>> files = Fido.fetch(results[:4])  # doctest: +SKIP
        """
        from sunpy_flarecast.table.io import read_table

        return read_table(path, cls, cls._client_class(), kind=format)

    def write(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,  # noqa: A002
        *,
        overwrite: bool = False,
        **kwargs: Any,
    ) -> None:
        """
        Write the search to a file.

        ``.ecsv`` and ``.parquet`` files can be read again with `read`. They hold the table's rows and columns, the
        service without user and password, the queries, and the missing parts, but not the table's ``meta``. Other
        programs can read ``.csv``, ``.json`` and ``.parquet``: times are timestamps in UTC, T_REC is given as its usual
        text and as a timestamp, and missing values are null. In Parquet files, units and meanings are metadata of the
        fields.

        Parameters
        ----------
        path : path-like
            The file: ``.ecsv`` (text), ``.parquet`` (small and fast; needs pyarrow), ``.csv`` or ``.json``. It
            appears only when it is complete.
        format : str, optional
            ``"ascii.ecsv"``, ``"parquet"``, ``"ascii.csv"`` or ``"json"`` (default: from the file extension).
        overwrite : bool
            Whether to replace an existing file (default: False).
        **kwargs
            Reserved for astropy.

        Raises
        ------
        QueryError
            If the format is unknown, or a column is missing or cannot be written.
        OSError
            If the file exists and ``overwrite`` is False.
        TransferError
            If the file cannot be written, for example because the disk is full.

        Examples
        --------
        >>> results["flarecast"].write("search.ecsv", overwrite=True)  # doctest: +SKIP
        """
        from sunpy_flarecast.table.io import write_table

        if format in ("html", "jsviewer") and hasattr(path, "write"):
            super().write(path, format=format, **kwargs)  # a page for show_in_browser()
            return
        if kwargs:
            raise QueryError(f"write() takes path, format and overwrite, not {', '.join(kwargs)}.")
        write_table(self, path, kind=format, overwrite=overwrite)

    def difference(self, old: FLARECASTResponse) -> Difference[FLARECASTResponse]:
        """
        Compare this search with an older one of the same kind, for example one that `read` returns.

        Parameters
        ----------
        old : FLARECASTResponse
            The older search.

        Returns
        -------
        Difference
            Three tables: ``new``, ``gone`` and ``reprocessed`` records. If a search is incomplete (``missing``),
            records may wrongly appear as new or gone; complete it with `retry_missing` first.

        Raises
        ------
        QueryError
            If required columns have been removed from a table.

        Examples
        --------
        >>> new, gone, reprocessed = results.difference(FLARECASTResponse.read("old.ecsv"))  # doctest: +SKIP
        """
        from sunpy_flarecast.table.difference import difference

        return difference(self, old)

    def paths(self, path: str | os.PathLike[str] | None = None) -> list[str]:
        """
        Return the path to which a fetch would save each file; nothing is requested.

        Parameters
        ----------
        path : path-like, optional
            A folder or a template, as for `sunpy_flarecast.fetch`.

        Returns
        -------
        list of str
            The paths of the first row's files, then those of the second row's, and so on; an empty string for a file
            whose URL is refused. ``np.repeat(np.arange(len(results)), results["Segments"])`` gives their rows.

        Raises
        ------
        QueryError
            If the path cannot be filled in, or two files would get the same path.

        Examples
        --------
        >>> results["Path"] = results.paths("data/{harpnum}/{file}")  # one segment  # doctest: +SKIP
        """
        from sunpy_flarecast.download.plan import file_base, paths, template_of

        return paths(self, template_of(path), file_base(self), move=conf.rebase_urls)

    def retry_missing(self, *, progress: bool = True) -> Self:
        """
        Request the missing parts of the search again.

        Searches with ``a.Sample`` or ``a.Time(..., near=...)`` are repeated as a whole, since missing records may
        change the selection.

        Parameters
        ----------
        progress : bool
            Show a progress bar, if there is more than one request (default: True).

        Returns
        -------
        FLARECASTResponse
            A new table with the records of this one and of the repeated search; its ``missing`` lists what is still
            missing.

        Raises
        ------
        QueryError
            If required columns have been removed from the table.
        Interrupted
            After Ctrl-C, as in `FLARECASTClient.search`.

        Examples
        --------
        >>> if table.missing:  # doctest: +SKIP
        ...     table = table.retry_missing()
        """
        from sunpy_flarecast.rest.service import Service
        from sunpy_flarecast.search.search import complete

        held = self.records()
        client, service = self.client or self._client_class(), Service.of_table(self.service)
        with service, self._interrupted(client, service.url, self.queries):
            found = complete(held, self.queries, self.missing, service, progress=progress)
        for text in warnings_of(found):
            warnings.warn(text, MissingDataWarning, stacklevel=2)
        return self.from_records(
            found.records,
            client=client,
            service=service.url,
            origin=found.origin or self.origin,
            queries=self.queries,
            missing=found.missing,
        )

    @classmethod
    @contextmanager
    def _interrupted(cls, client: Any, service: str, queries: Sequence[Query]) -> Iterator[None]:
        """Put the table of the records found so far into the exception of an interrupted search."""
        try:
            yield
        except Interrupted as error:
            found = error.partial
            raise Interrupted(
                "The search was interrupted; `partial` of this exception has the "
                f"{counted(len(found.records), 'record')} found so far, and partial.retry_missing() searches for the "
                "rest.",
                cls.from_records(
                    found.records,
                    client=client,
                    service=service,
                    origin=found.origin,
                    queries=queries,
                    missing=found.missing,
                ),
            ) from None

    def keywords(
        self, *names: str | Iterable[str], known: QTable | None = None, strict: bool = False, progress: bool = True
    ) -> QTable:
        """
        Request keywords of the records, as a table with units.

        Parameters
        ----------
        *names : str or iterable of str
            DRMS or FITS names in any letter case, or patterns of DRMS names (``"mean*"``, ``"err??"``, ``"*"``), which
            match the keywords that the service has. By default the 18 space-weather parameters; for SMARPs, their four.
        known : `astropy.table.QTable`, optional
            An earlier table of the same keywords, from this method or a file, for any records. Only records that it
            lacks are requested.
        strict : bool
            Raise an error if the service does not answer for some of the records. By default there is a warning, their
            rows are masked, and ``meta["missing"]`` of the table lists them.
        progress : bool
            Show a progress bar in a terminal or notebook, if there is more than one request (default: True).

        Returns
        -------
        `astropy.table.QTable`
            One row for each record, in the order of this table: ``T_REC`` (TAI), ``Start Time`` (UTC), ``Series``,
            ``HARPNUM``, ``Record``, and a column for each keyword under its DRMS name in lower case, with the unit
            that `~sunpy_flarecast.catalog.find_keyword` gives. Missing values are masked.

        Raises
        ------
        QueryError
            If a keyword is unknown, or required columns have been removed from the table.
        ServiceError
            If the service cannot be reached, or answers for none of the records.
        Interrupted
            After Ctrl-C; ``keywords(*names, known=error.partial)`` requests only the rest.

        See Also
        --------
        sunpy_flarecast.write_keywords

        Examples
        --------
        >>> table = results["flarecast"].keywords("usflux", "r_value", "err*")  # doctest: +SKIP
        >>> table["usflux"].max()  # doctest: +SKIP
        """
        from sunpy_flarecast.keywords.table import keyword_table

        return keyword_table(self, _listed(names), known=known, strict=strict, progress=progress)

    def timeseries(
        self,
        *names: str | Iterable[str],
        harpnum: int | Iterable[int] | None = None,
        errors: bool = False,
        strict: bool = False,
        progress: bool = True,
    ) -> GenericTimeSeries | dict[int, GenericTimeSeries]:
        """
        Request keywords of the records, as time series.

        The index is T_REC in UTC, sorted and without duplicates. Missing values are NaN.

        Parameters
        ----------
        *names : str or iterable of str
            Names or patterns, as for `keywords`, with the same default.
        harpnum : int or iterable of int, optional
            HARP numbers (default: all in the table).
        errors : bool
            Whether to add the errors of the keywords (``errvf`` for ``usflux``, ...), where there are any.
        strict, progress
            As for `keywords`.

        Returns
        -------
        `sunpy.timeseries.GenericTimeSeries` or dict
            One time series if ``harpnum`` is a single number, else a dict of time series by HARP number.

        Raises
        ------
        QueryError
            If a HARP has no record, a keyword is unknown or text, or the table has several series.
        ServiceError
            If the service cannot be reached, or answers for none of the records.
        ImportError
            If the packages that `sunpy.timeseries` needs are not installed.

        See Also
        --------
        sunpy_flarecast.timeseries_of

        Examples
        --------
        >>> flux = results["flarecast"].timeseries("usflux", harpnum=6178, errors=True)  # doctest: +SKIP
        >>> flux.plot(columns=["usflux"])  # doctest: +SKIP
        """
        from sunpy_flarecast.keywords.timeseries import keyword_curves  # which needs pandas

        made = keyword_curves(self, _listed(names), harpnum, errors=errors, strict=strict, progress=progress)
        return made[int(harpnum)] if isinstance(harpnum, Integral) else made

    def plot_disk(
        self,
        time: Time | datetime | str | None = None,
        color: str | None = None,
        *,
        progress: bool = True,
        ax: Axes | None = None,
    ) -> Axes:
        """
        Draw the HARPs of one time step as boxes on the solar disk.

        Parameters
        ----------
        time, color, progress, ax
            As for `sunpy_flarecast.plot.plot_disk`.

        Returns
        -------
        `astropy.visualization.wcsaxes.WCSAxes`

        Examples
        --------
        >>> axes = results["flarecast"].plot_disk("2014-10-23T12:00", color="usflux")  # doctest: +SKIP
        """
        from sunpy_flarecast.plot import plot_disk  # which needs matplotlib

        return plot_disk(self, time, color, progress=progress, ax=ax)

    def plot_coverage(self, *, step: u.Quantity | None = None, ax: Axes | None = None) -> Axes:
        """
        Draw the records over time: a row for each HARP, with its gaps.

        Parameters
        ----------
        step, ax
            As for `sunpy_flarecast.plot.plot_coverage`.

        Returns
        -------
        `matplotlib.axes.Axes`

        Examples
        --------
        >>> axes = results["flarecast"].plot_coverage()  # doctest: +SKIP
        """
        from sunpy_flarecast.plot import plot_coverage  # which needs matplotlib

        return plot_coverage(self, step=step, ax=ax)

    def plot_keywords(
        self,
        *names: str | Iterable[str],
        harpnum: int | Iterable[int] | None = None,
        errors: bool = False,
        flares: str | os.PathLike[str] | Table | pd.DataFrame | UnifiedResponse | FlareList | None = None,
        strict: bool = False,
        progress: bool = True,
        ax: Axes | Iterable[Axes] | None = None,
    ) -> list[Axes]:
        """
        Request keywords of the records, and draw them over time: a panel for each, a curve for each HARP.

        Parameters
        ----------
        *names, harpnum, strict, progress
            As for `timeseries`.
        errors : bool
            Whether to request the errors of the keywords as well, which become error bars (default: False).
        flares, ax
            As for `sunpy_flarecast.plot.plot_keywords`.

        Returns
        -------
        list of `matplotlib.axes.Axes`
            One for each keyword.

        Examples
        --------
        >>> upper, lower = results["flarecast"].plot_keywords("usflux", "r_value", harpnum=6178)  # doctest: +SKIP
        """
        from sunpy_flarecast.flares.read import flares_to_mark
        from sunpy_flarecast.keywords.timeseries import curve_table
        from sunpy_flarecast.plot import plot_keywords  # which needs matplotlib

        marks = None if flares is None else flares_to_mark(flares)  # before anything is requested
        table = curve_table(self, _listed(names), harpnum, errors=errors, strict=strict, progress=progress)
        return plot_keywords(table, flares=marks, ax=ax)


def _listed(names: Iterable[Any]) -> list[Any]:
    """Flatten lists of names."""
    found: list[Any] = []
    for one in names:
        found += one if isinstance(one, Iterable) and not isinstance(one, str) else [one]
    return found
