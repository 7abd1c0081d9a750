"""The answer of a search as a table: `FLARECASTResponse`, its rows, and the files that they stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import astropy.units as u
import numpy as np
from astropy.table import TableAttribute
from astropy.time import Time
from astropy.utils.masked import Masked
from sunpy.net.base_client import QueryResponseRow, QueryResponseTable

from .errors import QueryError
from .naming import file_name
from .records import Records, segment_of
from .times import utc_dates, utc_time
from .trec import slot_of, slot_time

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from .missing import Missing
    from .query import Query

__all__ = ["FLARECASTResponse", "FLARECASTRow", "SegmentFile"]

_PREFIX: Final = "URL Prefix"
_NAMES: Final = "URL Names"

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


class _Unknown(str):
    """A value that the service did not give, in a path; it takes any format, so that ``{t_rec:%Y}`` always works."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return str(self)


_UNKNOWN: Final = _Unknown("unknown")


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
    ``Provider``, ``Record`` (record number). Values that the service does not give are masked.
    """

    Row = FLARECASTRow
    hide_keys = (_PREFIX, _NAMES)

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
        count = len(records)
        return cls.from_columns(
            {
                "Start Time": utc_time(records.date_obs),
                "T_REC": _t_rec(records.slot),
                "Series": records.series.astype(str),
                "HARPNUM": _plain(records.harpnum),
                "Quality": _plain(records.quality),
                "Segments": np.fromiter(map(len, records.names), dtype=np.int64, count=count),
                "Wavelength": _quantity(records.wavelength, u.angstrom),
                "Instrument": np.full(count, "HMI"),
                "Source": np.full(count, "SDO"),
                "Provider": np.full(count, "FLARECAST"),
                "Record": _plain(records.recnum),
                _PREFIX: records.prefix,
                _NAMES: records.names,
            },
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
        needed = ("Start Time", "T_REC", "Series", "HARPNUM", "Quality", "Wavelength", "Record", _PREFIX, _NAMES)
        if lost := [name for name in needed if name not in self.colnames]:
            raise QueryError(
                f"The table has no column {lost[0]!r} any more, which is needed to tell its records. "
                "Use the table with all columns; table.show(...) gives a copy with a few for reading."
            )
        return Records(
            series=_shared(self["Series"].tolist()),
            recnum=_as_masked(self["Record"], self["Record"], np.int64),
            harpnum=_as_masked(self["HARPNUM"], self["HARPNUM"], np.int64),
            slot=_as_masked(slot_of(self["T_REC"]), self["T_REC"], np.int64),
            quality=_as_masked(self["Quality"], self["Quality"], np.int64),
            wavelength=_as_masked(self["Wavelength"].to(u.angstrom), self["Wavelength"], np.float64),
            date_obs=utc_dates(self["Start Time"]),
            prefix=np.char.encode(np.array(self[_PREFIX].tolist(), dtype=str), "utf-8"),
            names=_shared([tuple(names) for names in self[_NAMES]]),
        )

    def path_format_keys(self) -> set[str]:
        """List the names that a path may contain in braces, besides ``{segment}`` and ``{file}``."""
        return {_field(name) for name in self.colnames if name not in FLARECASTResponse.hide_keys}

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
        columns = {_field(name): name for name in self.colnames}
        return {field: _path_values(self[columns[field]]) for field in wanted}

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
        needed = ("T_REC", "Series", "HARPNUM", "Record", _PREFIX, _NAMES)
        if lost := [name for name in needed if name not in self.colnames]:
            raise QueryError(
                f"The table has no column {lost[0]!r} any more, which is needed to find its files. "
                "Fetch a table with all columns; table.show(...) gives a copy with a few for reading."
            )
        rows = zip(
            self["Series"].tolist(),
            _optional(self["HARPNUM"], self["HARPNUM"]),
            _optional(slot_of(self["T_REC"]), self["T_REC"]),
            _optional(self["Record"], self["Record"]),
            self[_PREFIX].tolist(),
            self[_NAMES],
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


def _field(column: str) -> str:
    return re.sub(r"\W", "_", column).lower()


def _mask(column: Any) -> Any:
    return getattr(column, "mask", np.False_)


def _optional(values: Any, column: Any) -> list[Any]:
    """Make a list with None where the column is masked."""
    mask = np.broadcast_to(_mask(column), len(column))
    plain = np.asarray(getattr(values, "unmasked", values)).tolist()
    return [None if masked else value for value, masked in zip(plain, mask.tolist(), strict=True)]


def _as_masked(values: Any, column: Any, dtype: type) -> np.ma.MaskedArray[Any, Any]:
    """Make a masked array of values, masked where the column is."""
    mask = np.array(np.broadcast_to(_mask(column), len(column)))
    plain: npt.NDArray[Any] = np.array(getattr(values, "unmasked", values), dtype=dtype)
    plain[mask] = 0
    return np.ma.MaskedArray(plain, mask=mask)


def _shared(values: list[Any]) -> npt.NDArray[Any]:
    """Make an array of objects, with one object for all that are equal."""
    known: dict[Any, Any] = {}
    return np.fromiter((known.setdefault(value, value) for value in values), dtype=object, count=len(values))


def _path_values(column: Any) -> list[Any]:
    if isinstance(column, Time):
        mask = np.broadcast_to(_mask(column), len(column))
        epoch = Time("2000-01-01", scale=column.scale)
        filled = Time(
            np.where(mask, epoch.jd1, column.jd1),
            np.where(mask, epoch.jd2, column.jd2),
            format="jd",
            scale=column.scale,
        )
        values = filled.to_datetime(leap_second_strict="silent") if len(column) else np.array([])
    else:
        values = column.value if isinstance(column, u.Quantity) else column
    return [_UNKNOWN if value is None else value for value in _optional(values, column)]


def _plain(column: np.ma.MaskedArray[Any, Any]) -> Any:
    return column if np.ma.getmaskarray(column).any() else column.data


def _quantity(column: np.ma.MaskedArray[Any, Any], unit: u.UnitBase) -> Any:
    mask = np.ma.getmaskarray(column)
    quantity = u.Quantity(column.data, unit)
    return Masked(quantity, mask=mask) if mask.any() else quantity


def _t_rec(slots: np.ma.MaskedArray[Any, Any]) -> Time:
    times = slot_time(slots.filled(0)).replicate("iso")
    if (mask := np.ma.getmaskarray(slots)).any():
        times[mask] = np.ma.masked
    return times
