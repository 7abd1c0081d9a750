"""The answer of a search as a table: `FLARECASTResponse`, its rows, and the files that they stand for."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from astropy.table import TableAttribute
from sunpy.net.base_client import QueryResponseRow, QueryResponseTable

from .errors import QueryError
from .fields import path_field, path_values
from .naming import file_name
from .records import segment_of
from .rows import FILE_COLUMNS, NAMES, PREFIX, columns_of, heading, optional, records_of, require
from .trec import slot_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    import astropy.units as u
    from astropy.table import QTable
    from matplotlib.axes import Axes
    from sunpy.timeseries import GenericTimeSeries

    from .missing import Missing
    from .query import Query
    from .records import Records

__all__ = ["FLARECASTResponse", "FLARECASTRow", "SegmentFile"]

#: The most lines that a table is printed in.
_MOST_LINES: Final = 100


class SegmentFile(NamedTuple):
    """
    One file of one record.

    Parameters
    ----------
    row : int
        Position of the record in its table.
    url : str
        As the service gave it.
    segment : str
        The segment's name; empty if the service did not tell it (layout A).
    name : str
        The file's name, as JSOC gives it.
    """

    row: int
    url: str
    segment: str
    name: str


class FLARECASTRow(QueryResponseRow):  # type: ignore[misc]
    """One record of a `FLARECASTResponse`."""

    @property
    def response_block_map(self) -> dict[str, Any]:
        """
        The columns of this row as path fields: ``{harpnum}``, ``{t_rec:%Y%m%d}``, ``{start_time}`` and so on.

        See Also
        --------
        FLARECASTResponse.path_values
        """
        table = self.as_table()
        return {field: values[0] for field, values in table.path_values(table.path_format_keys()).items()}


class FLARECASTResponse(QueryResponseTable):  # type: ignore[misc]
    """
    The records that a search found; one row is one HARP at one T_REC, and stands for the files of its segments.

    Columns: ``Start Time`` (UTC, from DATE-OBS), ``T_REC`` (TAI), ``Series``, ``HARPNUM``, ``Quality`` (bit word, 0 is
    good), ``Segments`` (how many files a fetch of the row brings), ``Wavelength``, ``Instrument``, ``Source``,
    ``Provider``, ``Record`` (record number), and the keywords that the query had conditions on, such as ``usflux``.
    Values that the service does not give are masked.
    """

    Row = FLARECASTRow
    hide_keys = (PREFIX, NAMES)

    #: Base URL of the service that was asked, which has the files.
    service = TableAttribute(default="")

    #: What was asked for, a list of `~sunpy_flarecast.query.Query`.
    queries = TableAttribute(default=[])

    #: What the service did not answer for, a list of `~sunpy_flarecast.missing.Missing`; empty if it is all there.
    missing = TableAttribute(default=[])

    @classmethod
    def from_records(
        cls,
        records: Records,
        *,
        client: Any = None,
        service: str = "",
        queries: Sequence[Query] = (),
        missing: Sequence[Missing] = (),
    ) -> FLARECASTResponse:
        """
        Make the table.

        Parameters
        ----------
        records : Records
            In the order of the rows to be, with the names of the files to be fetched.
        client : FLARECASTClient, optional
            The client that fetches the table's files.
        service : str, optional
            Base URL of the service that was asked.
        queries : sequence of Query, optional
            What was asked for.
        missing : sequence of Missing, optional
            What the service did not answer for.

        Returns
        -------
        FLARECASTResponse
        """
        return cls.from_columns(
            columns_of(records),
            client=client,
            service=service,
            queries=queries,
            missing=missing,
        )

    @classmethod
    def from_columns(
        cls,
        columns: dict[str, Any],
        *,
        client: Any = None,
        service: str = "",
        queries: Sequence[Query] = (),
        missing: Sequence[Missing] = (),
    ) -> FLARECASTResponse:
        """Make the table of finished columns; the other parameters are those of `from_records`."""
        # sunpy 7.1 and newer show the errors of a table with it.
        errors = {"errors": [one.error for one in missing]} if hasattr(cls, "errors") and missing else {}
        return cls(columns, client=client, service=service, queries=list(queries), missing=list(missing), **errors)

    @classmethod
    def read(cls, path: str | os.PathLike[str], format: str | None = None) -> FLARECASTResponse:  # noqa: A002
        """
        Read a search that `write` has kept in a file.

        Parameters
        ----------
        path : path-like
            The file: ``.ecsv``, ``.parquet`` or ``.fits``.
        format : str, optional
            ``"ascii.ecsv"``, ``"parquet"`` or ``"fits"``, if the file's name does not tell.

        Returns
        -------
        FLARECASTResponse
            The same table; it can be fetched, and completed with `retry_missing`.

        Raises
        ------
        QueryError
            If there is no such file, or it is something else.

        Examples
        --------
        >>> from sunpy.net import Fido
        >>> from sunpy_flarecast import FLARECASTResponse
        >>> results = FLARECASTResponse.read("search.ecsv")  # doctest: +SKIP
        >>> files = Fido.fetch(results[:4])  # doctest: +SKIP
        """
        from .stored import read_table  # which makes such tables

        return read_table(path, kind=format)

    def write(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,  # noqa: A002
        *,
        overwrite: bool = False,
        **kwargs: Any,
    ) -> None:
        """
        Keep the search in a file, from which `read` gives a table that fetches the same files.

        The file has the rows and columns of the table, the service without user and password, what was asked for, and
        what is missing, but not the table's ``meta``. It is there under its name only when it is whole. Any program
        that reads ECSV, Parquet or FITS tables can read the columns; values that are missing are told by columns such
        as ``HARPNUM.mask``.

        Parameters
        ----------
        path : path-like
            The file: ``.ecsv`` (text), ``.parquet`` (small and quick; needs pyarrow and pandas) or ``.fits``.
        format : str, optional
            ``"ascii.ecsv"``, ``"parquet"`` or ``"fits"``, if the file's name does not tell.
        overwrite : bool
            Whether to replace a file that is there.
        **kwargs
            For astropy's own use.

        Raises
        ------
        QueryError
            If the format is another one, or a column cannot be written or is lacking.
        OSError
            If the file is there, and is not to be replaced.
        TransferError
            If the disk does not allow it.

        Examples
        --------
        >>> results["flarecast"].write("search.ecsv", overwrite=True)  # doctest: +SKIP
        """
        from .stored import write_table  # which writes such tables

        if format in ("html", "jsviewer") and hasattr(path, "write"):
            super().write(path, format=format, **kwargs)  # a page for show_in_browser(), which nobody reads again
            return
        if kwargs:
            raise QueryError(f"write() takes path, format and overwrite, not {', '.join(kwargs)}.")
        write_table(self, path, kind=format, overwrite=overwrite)

    def retry_missing(self, *, progress: bool = True) -> FLARECASTResponse:
        """
        Ask the service again for what is missing, and for nothing else.

        Parameters
        ----------
        progress : bool
            Show a bar, if there is more than one request.

        Returns
        -------
        FLARECASTResponse
            A new table with what is there and what has come; its ``missing`` lists what is still missing.

        Raises
        ------
        QueryError
            If columns that are needed have been removed from the table.
        """
        from .client import FLARECASTClient

        client = self.client if isinstance(self.client, FLARECASTClient) else FLARECASTClient()
        return client.retry_missing(self, progress=progress)

    def keywords(self, *names: str, known: QTable | None = None, strict: bool = False, progress: bool = True) -> QTable:
        """
        Ask for keywords of the records, and give them as a table with units.

        Parameters
        ----------
        *names : str
            Names of keywords, DRMS's or those in FITS files, in any letter case, or patterns of DRMS names
            (``"mean*"``, ``"err??"``), of which those are taken that the service has; by default the 18
            space-weather parameters.
        known : `astropy.table.QTable`, optional
            A table that this method gave before, for the same keywords and any records, or that was read from the file
            it was written to. What it has is taken from there; only the other records, and those that it lacks for a
            failure, are asked for.
        strict : bool
            Whether it is an error if the service does not answer for some of the records. By default there is a
            warning, their rows are masked, and ``meta["missing"]`` of the table lists them.
        progress : bool
            Show a bar, if there is more than one request, in a terminal or notebook.

        Returns
        -------
        `astropy.table.QTable`
            One row a record, in the order of this table: ``T_REC`` (TAI), ``Start Time`` (UTC), ``Series``,
            ``HARPNUM``, ``Record``, and a column for each keyword under its DRMS name in lower case, with the unit
            that `~sunpy_flarecast.catalog.find_keyword` tells; values that there are not are masked.

        Raises
        ------
        QueryError
            If a keyword is not known, or columns that are needed have been removed from the table.
        ServiceError
            If the service cannot be asked, or answers for none of the records.

        Examples
        --------
        >>> table = results["flarecast"].keywords("usflux", "r_value", "err*")  # doctest: +SKIP
        >>> table["usflux"].max()  # doctest: +SKIP
        >>> table.write("keywords.ecsv")  # doctest: +SKIP
        """
        from .keywords import keyword_table  # which fills such tables

        return keyword_table(self, names, known=known, strict=strict, progress=progress)

    def timeseries(
        self,
        *names: str,
        harpnum: int | Iterable[int] | None = None,
        errors: bool = False,
        strict: bool = False,
        progress: bool = True,
    ) -> GenericTimeSeries | dict[int, GenericTimeSeries]:
        """
        Ask for keywords of the records, and give them as time series.

        Times are T_REC in UTC, each once, sorted. Values that there are not are NaN.
        `~sunpy_flarecast.curves.timeseries_of` makes the same of a table of keywords, without asking again.

        Parameters
        ----------
        *names : str
            Names or patterns of keywords, as for `keywords`; by default the 18 space-weather parameters.
        harpnum : int or iterable of int, optional
            HARP numbers; by default all in the table.
        errors : bool
            Whether to ask for the errors (``errvf`` for ``usflux``, ...) of those keywords that have any, too.
        strict, progress
            As for `keywords`.

        Returns
        -------
        `sunpy.timeseries.GenericTimeSeries` or dict
            One time series if ``harpnum`` is one number, else a dict of them by HARP number.

        Raises
        ------
        QueryError
            If there is no record of a HARP, a keyword is not known or is text, or the table has several series.
        ServiceError
            If the service cannot be asked, or answers for none of the records.
        ImportError
            If what `sunpy.timeseries` needs is not installed.

        Examples
        --------
        >>> flux = results["flarecast"].timeseries("usflux", harpnum=6178, errors=True)  # doctest: +SKIP
        >>> flux.plot(columns=["usflux"])  # doctest: +SKIP
        """
        from .curves import keyword_curves  # which needs pandas

        made = keyword_curves(self, names, harpnum, errors=errors, strict=strict, progress=progress)
        return made[int(harpnum)] if isinstance(harpnum, Integral) else made

    def plot_disk(self, time: Any = None, color: str | None = None, *, ax: Axes | None = None) -> Axes:
        """
        Draw the HARPs of one time step as boxes on the solar disk.

        Parameters
        ----------
        time : time-like, optional
            The step nearest to it is drawn (UTC, if it has no time scale). Not needed if there is just one step.
        color : str, optional
            A keyword whose values the boxes have as their colours, for example ``"usflux"``.
        ax : `astropy.visualization.wcsaxes.WCSAxes`, optional
            Axes in helioprojective coordinates; by default a new figure with limb and heliographic grid.

        Returns
        -------
        `astropy.visualization.wcsaxes.WCSAxes`

        See Also
        --------
        sunpy_flarecast.plot.plot_disk
        """
        from .plot import plot_disk  # which needs matplotlib

        return plot_disk(self, time, color, ax=ax)

    def plot_coverage(self, *, step: u.Quantity | None = None, ax: Axes | None = None) -> Axes:
        """
        Draw which records there are: a row for each HARP over time, with its gaps.

        Parameters
        ----------
        step : `~astropy.units.Quantity`, optional
            Records further apart than 1.5 times this have a gap between them; by default the usual distance.
        ax : `matplotlib.axes.Axes`, optional
            Where to draw; by default a new figure.

        Returns
        -------
        `matplotlib.axes.Axes`

        See Also
        --------
        sunpy_flarecast.plot.plot_coverage
        """
        from .plot import plot_coverage  # which needs matplotlib

        return plot_coverage(self, step=step, ax=ax)

    def __str__(self) -> str:
        """Give the table as text; of a long one, its beginning and its end."""
        # Newer versions of astropy write out all rows, which takes a minute where there are hundreds of thousands.
        if len(self) <= _MOST_LINES:
            return str(super().__str__())
        return "\n".join(self._display_table.pformat(max_lines=_MOST_LINES, show_dtype=False))

    def records(self) -> Records:
        """
        Give the table's records as they were before they became a table; the inverse of `from_records`.

        Columns that a user has added are left out.

        Returns
        -------
        Records
            In the order of the rows.

        Raises
        ------
        QueryError
            If columns that are needed have been removed from the table.
        """
        return records_of(self, dict.fromkeys(name for query in self.queries for name in query.looked_up))

    @property
    def keyword_columns(self) -> list[str]:
        """The columns of the keywords that the query had conditions on."""
        looked_up = dict.fromkeys(name for query in self.queries for name in query.looked_up)
        return [heading(name) for name in looked_up if heading(name) in self.colnames]

    def path_format_keys(self) -> set[str]:
        """List the names that a path may contain in braces, besides ``{segment}`` and ``{file}``."""
        return {path_field(name) for name in self.colnames if name not in FLARECASTResponse.hide_keys}

    def path_values(self, wanted: Iterable[str]) -> dict[str, list[Any]]:
        """
        Give columns as path fields, one list a field.

        Times are `datetime.datetime` on the column's own scale (T_REC in TAI, Start Time in UTC), since a plain
        `~astropy.time.Time` takes no strftime format. Quantities are numbers in the column's unit. Missing values are
        ``unknown`` whatever the format.

        Parameters
        ----------
        wanted : iterable of str
            Fields, of those that `path_format_keys` lists.

        Returns
        -------
        dict
            Lists of the table's length.
        """
        columns = {path_field(name): name for name in self.colnames}
        return {field: path_values(self[columns[field]]) for field in wanted}

    def files(self) -> Iterator[SegmentFile]:
        """
        List the files that a fetch of this table brings, without asking the service.

        Yields
        ------
        SegmentFile
            Row by row.

        Raises
        ------
        QueryError
            If columns that say where the files are have been removed from the table.

        Examples
        --------
        >>> from sunpy_flarecast import FLARECASTResponse
        >>> from sunpy_flarecast.replies import read_records
        >>> reply = b'''[{"recnum": 5605571, "harpnum": 6178, "t_rec_index": 1005598, "urls":
        ...               ["http://host/HMI/hmi.sharp_720s/5605571/magnetogram.fits"]}]'''
        >>> records, _ = read_records(reply, "hmi.sharp_720s")
        >>> [file.name for file in FLARECASTResponse.from_records(records).files()]
        ['hmi.sharp_720s.6178.20151211_233600_TAI.magnetogram.fits']
        """
        require(self, FILE_COLUMNS, "which is needed to find its files")
        rows = zip(
            self["Series"].tolist(),
            optional(self["HARPNUM"], self["HARPNUM"]),
            optional(slot_of(self["T_REC"]), self["T_REC"]),
            optional(self["Record"], self["Record"]),
            self[PREFIX].tolist(),
            self[NAMES],
            strict=True,
        )
        for row, (series, harpnum, slot, recnum, prefix, names) in enumerate(rows):
            for name in names:
                segment = segment_of(name)
                if harpnum is None and slot is None and recnum is None:
                    # Layout A: the last part of the URL is the only name there is.
                    stem = (prefix + name).removesuffix(".fits").rpartition("/")[2]
                    yield SegmentFile(row, prefix + name, segment, f"{stem}.fits")
                else:
                    known = file_name(series, segment, harpnum=harpnum, slot=slot, recnum=recnum)
                    yield SegmentFile(row, prefix + name, segment, known)
