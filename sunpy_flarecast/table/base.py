"""`RecordTable`, the records of a search as a table: its columns, rows, path fields and files."""

from __future__ import annotations

import operator
import re
import shutil
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import astropy.units as u
import numpy as np
from astropy.table import TableAttribute
from astropy.time import Time
from sunpy.net.base_client import QueryResponseRow, QueryResponseTable

from sunpy_flarecast.rest.records import segment_of
from sunpy_flarecast.rest.service_url import base_url, without_password
from sunpy_flarecast.sharp.catalog import find_keyword
from sunpy_flarecast.sharp.filenames import file_name
from sunpy_flarecast.sharp.t_rec import slot_of
from sunpy_flarecast.utils.masked import mask_of, optional

from .columns import FILE_COLUMNS, MEANINGS, NAMES, PREFIX, columns_of, heading, records_of, require

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Self

    from sunpy_flarecast.query.query import Query
    from sunpy_flarecast.rest.records import Records
    from sunpy_flarecast.search.missing import Missing

__all__ = ["FLARECASTRow", "RecordTable", "SegmentFile"]

#: Maximum number of lines of a printed table.
_MOST_LINES: Final = 100

#: Columns that are left out, in this order, of a printed table that is wider than the terminal.
_SPARED: Final = ("Provider", "Source", "Instrument", "Wavelength", "Start Time")


class SegmentFile(NamedTuple):
    """
    A file of a record.

    Parameters
    ----------
    row : int
        Row of the record in its table.
    url, segment, name : str
        The URL as the service gave it, the segment (empty if unknown), and the file's name, in JSOC's form.
    """

    row: int
    url: str
    segment: str
    name: str


class _Unknown(str):
    """A missing value in a path. It accepts any format, so that ``{t_rec:%Y}`` always works."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return str(self)


_UNKNOWN: Final = _Unknown("unknown")


class _PathTime(datetime):
    """A time in a path, by default without colons, which Windows does not allow in names."""

    def __format__(self, spec: str) -> str:
        return super().__format__(spec or "%Y%m%d_%H%M%S")

    def __str__(self) -> str:
        return format(self)


class FLARECASTRow(QueryResponseRow):  # type: ignore[misc]
    """One record of a `FLARECASTResponse`."""

    def __reduce__(self) -> tuple[Any, ...]:
        # As a table of this row alone; Row would pickle the whole table.
        return operator.getitem, (self.as_table(), 0)

    def __str__(self) -> str:
        return str(self.as_table())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} index={self.index}>\n{self}"

    def _repr_html_(self) -> str:
        # As a table, without the hidden columns.
        html: str = self.as_table()._repr_html_()
        return html

    @property
    def response_block_map(self) -> dict[str, Any]:
        """
        The columns of this row as path fields (``{harpnum}``, ``{t_rec:%Y%m%d}``, ``{start_time}`` and so on).

        See Also
        --------
        FLARECASTResponse.path_values
        """
        table = self.as_table()
        return {field: values[0] for field, values in table.path_values(table.path_format_keys()).items()}


class _ServiceURL(TableAttribute):  # type: ignore[misc]
    """A base URL, checked when it is set, and kept without user and password, since tables are shared."""

    def __set__(self, instance: Any, value: str) -> None:
        super().__set__(instance, without_password(base_url(value)) if value else "")


class RecordTable(QueryResponseTable):  # type: ignore[misc]
    """A table of records; its subclass `~sunpy_flarecast.FLARECASTResponse` adds methods that need a client."""

    Row = FLARECASTRow
    hide_keys = (PREFIX, NAMES)

    #: Base URL of the service of the search, used for files, keywords and missing records. Set it to the new URL if the
    #: service moves; user, password and token are those of ``conf`` if ``conf.url`` is the same.
    service = _ServiceURL(default="")

    #: ``"SYNTHETIC"`` if the service says that its records are synthetic.
    origin = TableAttribute(default="")

    #: The queries, a list of `~sunpy_flarecast.query.query.Query`.
    queries = TableAttribute(default=[])

    #: Missing parts of the search, a list of `~sunpy_flarecast.search.missing.Missing`.
    missing = TableAttribute(default=[])

    @classmethod
    def from_records(
        cls,
        records: Records,
        *,
        client: Any = None,
        service: str = "",
        origin: str = "",
        queries: Sequence[Query] = (),
        missing: Sequence[Missing] = (),
    ) -> Self:
        """Make a table with a row for each record."""
        about = {"service": service, "origin": origin, "queries": queries}
        return cls.from_columns(columns_of(records), client=client, missing=missing, **about)

    @classmethod
    def from_columns(cls, columns: dict[str, Any], *, missing: Sequence[Missing] = (), **attributes: Any) -> Self:
        """Make a table of finished columns; the other parameters are those of `from_records`."""
        # sunpy 7.1 and newer show the errors of a table.
        errors = {"errors": [one.error for one in missing]} if hasattr(cls, "errors") and missing else {}
        queries = list(attributes.pop("queries", ()))
        table = cls(columns, queries=queries, missing=list(missing), **attributes, **errors)
        for name in table.colnames:
            keyword = find_keyword(name)
            if meaning := MEANINGS.get(name) or (keyword and keyword.meaning):
                table[name].info.description = meaning
        return table

    def __str__(self) -> str:
        """Return the table as text: the first and last rows of a long one, and the columns that fit the terminal."""
        # Newer versions of astropy print all rows, which takes a minute for hundreds of thousands.
        plain = {"max_lines": _MOST_LINES if len(self) > _MOST_LINES else -1, "max_width": -1, "show_dtype": False}
        shown = self._display_table
        lines: list[str] = shown.pformat(**plain)
        rule = next((line for line in lines if line.strip("- ") == ""), "")
        widths = dict(zip(shown.colnames, map(len, rule.split()), strict=True))
        left_out = []
        for name in _SPARED if self.hide_keys else ():  # show() gives the columns that a user chose
            if sum(widths.values()) + len(widths) - 1 <= shutil.get_terminal_size().columns:
                break
            if widths.pop(name, 0):
                left_out.append(name)
        if left_out:
            lines = shown[list(widths)].pformat(**plain)
            lines.append(f"Not shown: {', '.join(left_out)}; see show()")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} length={len(self)}>\n{self}"

    def records(self) -> Records:
        """
        Return the records of the table, without columns that a user has added; the inverse of `from_records`.

        Returns
        -------
        Records
            In the order of the rows.

        Raises
        ------
        QueryError
            If required columns have been removed from the table.
        """
        return records_of(self, self._looked_up)

    @property
    def keyword_columns(self) -> list[str]:
        """The columns of the keywords that the query had conditions on."""
        return [heading(name) for name in self._looked_up if heading(name) in self.colnames]

    @property
    def _looked_up(self) -> dict[str, None]:
        return dict.fromkeys(name for query in self.queries for name in query.looked_up)

    def path_format_keys(self) -> set[str]:
        """List the fields that a path may contain in braces, besides ``{segment}`` and ``{file}``."""
        return {_path_field(name) for name in self.colnames if name not in RecordTable.hide_keys}

    def path_values(self, wanted: Iterable[str]) -> dict[str, list[Any]]:
        """
        Return columns as path fields, a list for each.

        Times are `datetime.datetime` on the column's own scale (T_REC in TAI, Start Time in UTC), since a plain
        `~astropy.time.Time` takes no strftime format; the default format gives ``20151211_233600``. Quantities are
        numbers in the column's unit. Missing values are ``unknown`` in every format.

        Parameters
        ----------
        wanted : iterable of str
            Some of the fields that `path_format_keys` lists.

        Returns
        -------
        dict
            Lists of the table's length.
        """
        columns = {_path_field(name): name for name in self.colnames}
        return {field: _path_values(self[columns[field]]) for field in wanted}

    def files(self) -> Iterator[SegmentFile]:
        """
        List the files that a fetch of this table would download; nothing is requested.

        Yields
        ------
        SegmentFile
            Row by row.

        Raises
        ------
        QueryError
            If required columns have been removed from the table.

        Examples
        --------
        >>> from sunpy_flarecast import FLARECASTResponse
        >>> from sunpy_flarecast.rest.list_reply import read_records
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
                    # Layout A: the last part of the URL is the only name.
                    stem = (prefix + name).removesuffix(".fits").rpartition("/")[2]
                    yield SegmentFile(row, prefix + name, segment, f"{stem}.fits")
                else:
                    known = file_name(series, segment, harpnum=harpnum, slot=slot, recnum=recnum)
                    yield SegmentFile(row, prefix + name, segment, known)


def _path_field(column: str) -> str:
    return re.sub(r"\W", "_", column).lower()


def _path_values(column: Any) -> list[Any]:
    values = column.value if isinstance(column, u.Quantity) else column
    if isinstance(column, Time):
        mask = mask_of(column)
        epoch = Time("2000-01-01", scale=column.scale)
        parts = (np.where(mask, getattr(epoch, part), getattr(column, part)) for part in ("jd1", "jd2"))
        filled = Time(*parts, format="jd", scale=column.scale)
        times = filled.to_datetime(leap_second_strict="silent") if len(column) else ()
        values = np.array([_PathTime.combine(time.date(), time.time()) for time in times], dtype=object)
    return [_UNKNOWN if value is None else value for value in optional(values, column)]
