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
from .records import segment_of
from .trec import slot_of, slot_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .records import Records

__all__ = ["FLARECASTResponse", "FLARECASTRow", "SegmentFile"]

_PREFIX: Final = "URL Prefix"
_NAMES: Final = "URL Names"


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

    @classmethod
    def from_records(cls, records: Records, *, client: Any = None, service: str = "") -> FLARECASTResponse:
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

        Returns
        -------
        FLARECASTResponse
        """
        count = len(records)
        return cls(
            {
                "Start Time": Time(records.date_obs, format="datetime64", scale="utc").replicate("iso"),
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
            self[_PREFIX],
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
