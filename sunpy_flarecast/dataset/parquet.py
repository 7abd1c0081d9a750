"""The tables of a data set as Parquet: records, labels and flares, with units in the metadata of their columns."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from astropy.table import QTable
from astropy.time import Time

from sunpy_flarecast.errors import FileError, FLARECASTError, QueryError
from sunpy_flarecast.sharp.times import utc_dates
from sunpy_flarecast.table.encoding import Plain, column_of, from_arrow, plain_columns, to_arrow
from sunpy_flarecast.utils.reports import first_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    import numpy.typing as npt
    import pyarrow as pa

    from sunpy_flarecast.flares import FlareList
    from sunpy_flarecast.utils.store import Store

    from .label import Labels
    from .model import FlareSettings

__all__ = [
    "FLARES",
    "LABELS",
    "RECORDS",
    "ROW",
    "TIME",
    "RecordsWriter",
    "read_flare_table",
    "read_labels",
    "read_records",
    "record_files",
    "write_flare_table",
    "write_labels",
]

RECORDS: Final = "records.parquet"
LABELS: Final = "labels.parquet"
FLARES: Final = "flares.parquet"

#: Columns of the files that are not in the tables: the number of the row, from 0, and T_REC in UTC.
ROW: Final = "row"
TIME: Final = "time"

#: Rows in one row group.
_GROUP: Final = 50_000

#: Data sets with more records than this have one file per year.
_ONE_FILE: Final = 1_000_000

_FOLDER: Final = "records"

#: Texts longer than this are stored as bytes in memory.
_LONG_TEXT: Final = 32


class _Writer:
    """A Parquet file that grows by row groups; pieces are collected until they fill a row group."""

    def __init__(self, store: Store, path: str, stack: contextlib.ExitStack) -> None:
        self._place = (store, path, stack)
        self._file: Any = None
        self._pieces: list[pa.Table] = []
        self.rows = 0  # collected and not yet written

    def add(self, piece: pa.Table) -> None:
        self._pieces.append(piece)
        self.rows += len(piece)
        while self.rows >= _GROUP:
            self.flush(_GROUP)

    def flush(self, count: int) -> None:
        """Write the first ``count`` collected rows."""
        from pyarrow import concat_tables, parquet

        if not self._pieces:
            return
        table = concat_tables(self._pieces)
        if self._file is None:
            store, path, stack = self._place
            file = stack.enter_context(store.open(path, "wb"))
            self._file = stack.enter_context(parquet.ParquetWriter(file, table.schema, compression="zstd"))
        self._file.write_table(table.slice(0, count), row_group_size=_GROUP)
        rest = table.slice(count)
        self._pieces, self.rows = [rest] if len(rest) else [], len(rest)


class RecordsWriter:
    """
    Write the records of a data set piece by piece; a context manager that publishes the files at its end.

    If ``total`` exceeds 1,000,000 records, there is one file for each year of T_REC (UTC).

    Examples
    --------
    >>> with RecordsWriter(store, len(rows)) as writer:  # doctest: +SKIP
    ...     for table in pieces:
    ...         writer.write(table)
    """

    def __init__(self, store: Store, total: int) -> None:
        self._store, self._by_year = store, total > _ONE_FILE
        self._written = 0
        self._schema: Any = None
        self._writers: dict[str, _Writer] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._stack.__exit__(kind, error, trace)  # nothing is published
            return
        with self._stack:
            for writer in self._writers.values():
                writer.flush(writer.rows)
        for path in ([RECORDS] if self._store.exists(RECORDS) else []) + self._store.names(_FOLDER):
            if path not in self._writers:
                self._store.remove(path)  # of an earlier build

    def write(self, table: QTable) -> None:
        """Write the next records, in row order; raise a `QueryError` if their columns differ from earlier ones."""
        columns: dict[str, Plain] = {
            ROW: _valid_column(np.arange(self._written, self._written + len(table)), "number of the record, from 0")
        }
        for name, plain in plain_columns(table, table.colnames).items():
            columns[name] = plain
            if name == "T_REC" and isinstance(table[name], Time):
                columns[TIME] = Plain(utc_dates(table[name]), plain.mask, {"description": "T_REC as UTC"})
        arrow = self._converted(to_arrow(columns, {}))
        self._written += len(table)
        years = columns[TIME].values.astype("datetime64[Y]") if self._by_year else np.zeros(len(table))
        for year in np.unique(years):
            path = f"{_FOLDER}/year={year}/part.parquet" if self._by_year else RECORDS
            writer = self._writers.setdefault(path, _Writer(self._store, path, self._stack))
            writer.add(arrow.filter(years == year) if self._by_year else arrow)
        while sum(writer.rows for writer in self._writers.values()) > 2 * _GROUP:
            fullest = max(self._writers.values(), key=lambda writer: writer.rows)
            fullest.flush(fullest.rows)

    def _converted(self, arrow: pa.Table) -> pa.Table:
        """Convert a piece to the types of the first piece."""
        import pyarrow as pa

        self._schema = schema = self._schema or arrow.schema
        try:
            for field in schema:
                if (arrow.field(field.name).metadata or {}).get(b"unit") != (field.metadata or {}).get(b"unit"):
                    raise ValueError(f"{field.name} has different units")
            if added := [name for name in arrow.column_names if name not in schema.names]:
                raise ValueError(f"{added[0]} is only in some of them")
            return arrow.select(schema.names).cast(schema)
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise QueryError(
                f"The records do not all have the same columns ({first_line(error)}). Leave out the keyword concerned."
            ) from error


def record_files(store: Store) -> list[str]:
    """Return the paths of the files with the records."""
    return [RECORDS] if store.exists(RECORDS) else store.names(_FOLDER)


def read_records(store: Store, columns: Sequence[str] | None = None, *, optional: Sequence[str] = ()) -> QTable:
    """
    Read columns of the records of a data set, in row order, and the columns of ``optional`` that exist.

    By default all columns are read except ``row`` (the number of the row) and ``time`` (T_REC in UTC). Raises a
    `QueryError` if there is no data set or no such column, and a `FileError` if a file is damaged.
    """
    paths = record_files(store)
    if not paths:
        raise QueryError(f"{store} is not a data set: it has no {RECORDS}. Give the folder of a data set.")
    return _read(store, paths, columns, ignored=(ROW, TIME), optional=optional)


def _read(
    store: Store,
    paths: Sequence[str],
    columns: Sequence[str] | None = None,
    *,
    ignored: Sequence[str] = (),
    optional: Sequence[str] = (),
) -> QTable:
    """Read columns one after the other, so that little more than the result is in memory."""
    import pyarrow as pa
    from pyarrow import parquet

    with contextlib.ExitStack() as stack:
        try:
            sources = [
                stack.enter_context(parquet.ParquetFile(stack.enter_context(store.open(path)))) for path in paths
            ]
            known = sources[0].schema_arrow.names
            chosen = [name for name in known if name not in ignored] if columns is None else list(columns)
            chosen += [name for name in optional if name in known and name not in chosen]
            if unknown := [name for name in chosen if name not in known]:
                raise QueryError(f"{store} has no column {unknown[0]!r}. It has: {', '.join(known)}.")
            order = None
            if len(sources) > 1:
                order = np.argsort(pa.concat_tables([source.read([ROW]) for source in sources])[ROW].to_numpy())
            return QTable({name: column_of(name, _column(sources, name, order)) for name in chosen})
        except FLARECASTError:
            raise
        except FileNotFoundError:
            raise QueryError(f"{store} has no {paths[0]}. Give the folder of a data set.") from None
        except Exception as error:  # files of other programs and file systems raise any type
            raise FileError(
                f"{paths[0]} in {store} is damaged or cannot be read ({first_line(error)}). Build the data set again, "
                "or get a complete copy."
            ) from error


def _column(sources: Sequence[Any], name: str, order: npt.NDArray[np.int64] | None) -> Plain:
    """Read a column by row groups, because text needs four times its memory until it is narrowed."""
    groups = (source.read_row_group(number, [name]) for source in sources for number in range(source.num_row_groups))
    parts = [plain._replace(values=_narrow(plain.values)) for plain in (from_arrow(group)[name] for group in groups)]
    values, mask = (np.concatenate(some) for some in zip(*(part[:2] for part in parts), strict=True))
    rows = slice(None) if order is None else order
    return Plain(_narrow(values)[rows], mask[rows], parts[0].about)


def _narrow(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert long text, such as URLs, to bytes, which need a quarter of the memory."""
    if values.dtype.kind == "U" and values.dtype.itemsize > 4 * _LONG_TEXT:
        with contextlib.suppress(UnicodeEncodeError):
            return values.astype(np.bytes_)
    return values


# --- labels and flares --------------------------------------------------------------------------------------------


def write_labels(store: Store, labels: Labels, settings: FlareSettings, flares: FlareList) -> None:
    """Write one row for each record, window and threshold."""
    classes = labels.largest_class(flares)
    with contextlib.ExitStack() as stack:
        writer = _Writer(store, LABELS, stack)
        count = len(settings.windows) * len(settings.thresholds)
        step = max(1, _GROUP // count)
        for begin in range(0, max(1, len(labels.value)), step):
            some = slice(begin, begin + step)
            writer.add(to_arrow(_label_columns(labels, settings, classes, some), {}))
        writer.flush(writer.rows)


def _label_columns(
    labels: Labels, settings: FlareSettings, classes: npt.NDArray[np.str_], some: slice
) -> dict[str, Plain]:
    shape = labels.value[some].shape
    rows = np.arange(some.start, some.start + shape[0])

    def spread(values: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
        place = tuple(slice(None) if dimension == axis else None for dimension in range(3))
        return np.broadcast_to(values[place], shape).ravel()

    value = labels.value[some].ravel()
    largest = np.broadcast_to(classes[some][:, :, None], shape).ravel()
    return {
        ROW: _valid_column(spread(rows, 0), "number of the record, from 0"),
        "window": _valid_column(
            spread(np.array(settings.windows), 1), "length of the window that begins at T_REC", "h"
        ),
        "threshold": _valid_column(spread(np.array(settings.thresholds), 2), "GOES class"),
        "positive": Plain(
            value == 1, value < 0, {"description": "whether a flare at or above the threshold follows; null: unknown"}
        ),
        "largest_class": Plain(largest, largest == "", {"description": "largest GOES class in the window"}),
        "number": _valid_column(labels.number[some].ravel(), "known flares at or above the threshold"),
        "to_start": _masked_column(
            labels.to_start[some].ravel(), "time from T_REC to the start of the first of these", "min"
        ),
        "to_peak": _masked_column(
            labels.to_peak[some].ravel(), "time from T_REC to the peak of the first of these", "min"
        ),
    }


def _valid_column(values: npt.NDArray[Any], meaning: str, unit: str = "") -> Plain:
    return Plain(values, np.zeros(len(values), dtype=bool), _metadata(meaning, unit))


def _masked_column(values: npt.NDArray[Any], meaning: str, unit: str) -> Plain:
    return Plain(values, np.isnan(values), _metadata(meaning, unit))


def _metadata(meaning: str, unit: str) -> dict[str, str]:
    return {"description": meaning, **({"unit": unit} if unit else {})}


def read_labels(store: Store, columns: Sequence[str] | None = None) -> QTable:
    """Read the labels: one row per record (``row``), window and threshold; unknown labels are masked."""
    return _read(store, [LABELS], columns)


def write_flare_table(store: Store, flares: FlareList, labels: Labels) -> None:
    """Write the list of flares, with the HARPs that each flare was assigned to."""
    columns = plain_columns(table := flares.table(), table.colnames)
    for name in ("class", "noaa", "lon", "lat"):
        values = columns[name].values
        lost = np.isnan(values) if values.dtype.kind == "f" else values == np.zeros((), dtype=values.dtype)
        columns[name] = columns[name]._replace(mask=lost)
    harps = np.array([",".join(map(str, some)) for some in labels.harps], dtype=str)
    columns["harps"] = _valid_column(harps, "HARPs that the flare was assigned to; empty if none")
    columns["assigned"] = _valid_column(harps != "", "whether the flare was assigned to a HARP")
    with contextlib.ExitStack() as stack:
        writer = _Writer(store, FLARES, stack)
        writer.add(to_arrow(columns, {}))
        writer.flush(writer.rows)


def read_flare_table(store: Store) -> QTable:
    """Read the list of flares of a data set."""
    return _read(store, [FLARES])
