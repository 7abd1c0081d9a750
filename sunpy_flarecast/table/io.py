"""Searches in files: written as ECSV, Parquet, CSV or JSON, and read from ECSV and Parquet."""

from __future__ import annotations

import json
import warnings
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import astropy.units as u
import numpy as np
from astropy.table import Table
from astropy.time import Time
from astropy.utils.exceptions import AstropyUserWarning

from sunpy_flarecast.errors import QueryError, TransferError
from sunpy_flarecast.rest.records import different
from sunpy_flarecast.rest.service_url import base_url, without_password
from sunpy_flarecast.search.missing import as_plain, from_plain
from sunpy_flarecast.sharp.times import utc_dates
from sunpy_flarecast.utils.atomic_file import atomic_write
from sunpy_flarecast.utils.files import check_output
from sunpy_flarecast.utils.optional_deps import missing_package
from sunpy_flarecast.utils.reports import first_line

from .columns import FILE_COLUMNS, NAMES, PREFIX, require
from .encoding import KEY, Plain, column_of, from_arrow, from_text, plain_columns, to_arrow, to_text, write_json

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from astropy.table import QTable

    from .base import RecordTable

__all__ = [
    "UTC",
    "check_path",
    "need_pyarrow",
    "read_raw",
    "read_table",
    "write_plain",
    "write_table",
    "writing",
]

#: Formats, which are also the file extensions, and those that can be read.
_FORMATS: Final = ("ecsv", "parquet", "csv", "json")
_READABLE: Final = _FORMATS[:2]

_POSSIBLE: Final = ".ecsv (text) or .parquet, which can be read again, or .csv or .json for other programs"

_WHAT: Final = "sunpy_flarecast search"

#: Number of the format, for older versions of this module, which would misread newer files.
_VERSION: Final = 3

#: T_REC in UTC for programs that do not know TAI; dropped when a table is read.
UTC: Final = "T_REC UTC"

#: Types (kinds, for text and times) of the columns of a search; a file with other types is refused.
_TYPES: Final = {
    **dict.fromkeys(("T_REC", "Series", "Instrument", "Source", "Provider", PREFIX), "U"),
    **dict.fromkeys(("HARPNUM", "Quality", "Segments", "Record"), "int64"),
    "Start Time": "M",
    "Wavelength": "float64",
}

_Table = TypeVar("_Table", bound="RecordTable")


def check_path(
    path: str | os.PathLike[str], what: str, *, kind: str | None = None, overwrite: bool = False
) -> tuple[Path, str]:
    """
    Check that a table can be written to a file, and return the path and its format; ``what`` begins the error message.

    Raises `QueryError` for an unknown format or a missing folder, and OSError for an existing file without
    ``overwrite``.
    """
    place, kind = check_output(path, what), _format(path, kind)
    if place.exists() and not overwrite:
        raise FileExistsError(
            f"{place} already exists. Choose another name, or replace it: overwrite=True, or --overwrite."
        )
    return place, kind


def _format(path: str | os.PathLike[str], kind: str | None) -> str:
    found = (kind or Path(path).suffix.lower()[1:]).removeprefix("ascii.")
    if found not in _FORMATS:
        raise QueryError(f"{kind or str(path)!r} is not a known format. Write {_POSSIBLE}.")
    if found == "parquet":
        need_pyarrow()
    return found


def need_pyarrow() -> None:
    """Raise `QueryError` if Parquet files can neither be read nor written."""
    if find_spec("pyarrow") is None:
        raise QueryError(str(missing_package("Parquet files need", "parquet", "pyarrow")))


@contextmanager
def writing(place: Path, kind: str, what: str) -> Iterator[IO[Any]]:
    """Open a file for writing that appears only when complete; convert exceptions to errors of this package."""
    try:
        with warnings.catch_warnings(), atomic_write(place, "w" if kind in ("ecsv", "csv") else "wb") as file:
            # astropy warns if it cannot write part of the table.
            warnings.simplefilter("error", AstropyUserWarning)
            yield file
    except OSError as error:
        reason = error.strerror or error
        raise TransferError(
            f"{what} could not be written to {place} ({reason}). Free space on the disk, or use another."
        ) from error
    except (TypeError, ValueError, LookupError, AstropyUserWarning) as error:
        raise QueryError(
            f"{what} cannot be written as {kind}: {error}. Remove the columns that you have added to the table."
        ) from error


def write_plain(table: QTable, names: Iterable[str], file: IO[Any], kind: str, about: dict[str, Any]) -> None:
    """Write columns of a table, with an additional one of T_REC in UTC, as Parquet, CSV or JSON."""
    columns: dict[str, Plain] = {}
    for name, plain in plain_columns(table, names).items():
        columns[name] = plain
        if name == "T_REC" and isinstance(time := table[name], Time):
            columns[UTC] = Plain(utc_dates(time), plain.mask, {"description": "T_REC as a time in UTC"})
    if kind == "csv":
        to_text(columns)[0].write(file, format="ascii.csv")
    elif kind == "json":
        write_json(columns, file)
    else:
        import pyarrow
        from pyarrow import parquet

        arrow = to_arrow(columns, about)
        if NAMES in table.colnames:
            _check_types(columns)
            sets, codes = different(np.asarray(table[NAMES]))
            texts = pyarrow.array(map(json.dumps, sets), type=pyarrow.string())
            place = table.colnames.index(NAMES) + (UTC in columns)
            arrow = arrow.add_column(place, NAMES, pyarrow.DictionaryArray.from_arrays(codes.astype(np.int32), texts))
        parquet.write_table(arrow, file)


def write_table(
    table: RecordTable, path: str | os.PathLike[str], *, kind: str | None = None, overwrite: bool = False
) -> None:
    """Write a table; see `FLARECASTResponse.write`."""
    place, kind = check_path(path, "The search", kind=kind, overwrite=overwrite)
    with writing(place, kind, "The search") as file:
        if kind not in _READABLE:
            write_plain(table, [name for name in table.colnames if name not in (PREFIX, NAMES)], file, kind, {})
            return
        require(table, FILE_COLUMNS, "without which it cannot be fetched after it is read again")
        about = {
            "what": _WHAT,
            "version": _VERSION,
            "rows": len(table),
            "service": without_password(table.service),
            "asked": as_plain(table.missing, table.queries),
            **({"origin": table.origin} if table.origin else {}),
        }
        names = [name for name in table.colnames if name != NAMES]
        if kind == "parquet":
            write_plain(table, names, file, kind, about)
            return
        columns = plain_columns(table, names)
        _check_types(columns)
        sets, codes = different(np.asarray(table[NAMES]))
        columns[NAMES] = Plain(codes.astype(np.int32), np.zeros(len(codes), dtype=bool), {})
        plain, notes = to_text({name: columns[name] for name in table.colnames}, escape=True)
        plain.meta[KEY] = json.dumps({**about, "columns": notes, "names": sets}, separators=(",", ":"))
        plain.write(file, format="ascii.ecsv")


def read_table(path: str | os.PathLike[str], cls: type[_Table], client: Any, *, kind: str | None = None) -> _Table:
    """Read a table that `write_table` wrote; see `FLARECASTResponse.read`."""
    try:
        place = Path(path).expanduser()
    except TypeError:
        raise QueryError(f"A search is read from the path of a file, not from {type(path).__name__}.") from None
    kind = _format(place, kind)
    if kind not in _READABLE:
        raise QueryError(f"A search cannot be read from .{kind}, which lacks parts of it. Write {_POSSIBLE}.")
    if not place.is_file():
        raise QueryError(f"There is no file {place} to read a search from.")
    try:
        raw, about = read_raw(place, kind)
    except Exception as error:  # readers raise any type for other files
        raise _not_a_search(place, f"it cannot be read as {kind} ({first_line(error)})") from error
    if about.get("what") != _WHAT or not isinstance(about.get("version"), int):
        raise _not_a_search(place, "it is a table of another kind")
    if about["version"] > _VERSION:
        raise QueryError(
            f"{place} was written by a newer sunpy_flarecast (format {about['version']}; this version reads up to "
            f"{_VERSION}). Update sunpy_flarecast."
        )
    if len(raw) != about.get("rows"):
        raise _not_a_search(place, f"it has {len(raw):,} of {about.get('rows')} rows, so it was cut off or changed")
    try:
        missing, queries = from_plain(about["asked"])
        service = base_url(about["service"]) if about["service"] else ""
        columns = _columns(raw, about)
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise _not_a_search(place, f"the description of its columns is invalid ({first_line(error)})") from error
    origin = str(about.get("origin", ""))
    return cls.from_columns(columns, client=client, service=service, origin=origin, queries=queries, missing=missing)


def read_raw(place: Path, kind: str) -> tuple[Any, dict[str, Any]]:
    """Read a table of Arrow or astropy, and its metadata."""
    if kind == "parquet":
        from pyarrow import parquet

        arrow = parquet.ParquetFile(place).read()
        return arrow, dict(json.loads((arrow.schema.metadata or {}).get(KEY.encode(), b"{}")))
    with warnings.catch_warnings():
        # astropy warns if the file is damaged, or has another format.
        warnings.simplefilter("error", AstropyUserWarning)
        table = Table.read(place, format="ascii.ecsv")
    return table, dict(json.loads(table.meta.get(KEY, "{}")))


def _columns(raw: Any, about: dict[str, Any]) -> dict[str, Any]:
    """Make the columns of a search from a file, after a check of their types."""
    if isinstance(raw, Table):
        plain = from_text(raw, about["columns"])
        codes, sets = plain.pop(NAMES).values, about["names"]
    else:
        names = raw[NAMES].unify_dictionaries().combine_chunks()
        codes, sets = names.indices.to_numpy(), map(json.loads, names.dictionary.to_pylist())
        plain = from_arrow(raw.drop_columns([NAMES, UTC]))
    _check_types(plain)
    columns = {name: column_of(name, one) for name, one in plain.items()}
    prefix = plain[PREFIX].values
    columns[PREFIX] = prefix.astype(bytes) if "".join(prefix.tolist()).isascii() else np.char.encode(prefix, "utf-8")
    if "Wavelength" in columns:
        columns["Wavelength"].to(u.angstrom)
    known = [tuple(map(str, one)) for one in sets]
    shared = np.empty(len(known), dtype=object)
    shared[:] = known
    if len(codes) and codes.min() < 0:
        raise ValueError("negative codes of file names")
    columns[NAMES] = shared[codes]
    order = raw.colnames if isinstance(raw, Table) else raw.column_names
    return {name: columns[name] for name in order if name in columns}


def _check_types(columns: dict[str, Plain]) -> None:
    """Check that the columns of a search have the expected types."""
    for name in FILE_COLUMNS:
        if name not in columns and name != NAMES:
            raise ValueError(f"column {name!r} is missing")
    for name, kind in _TYPES.items():
        if name in columns and kind not in ((dtype := columns[name].values.dtype).kind, dtype.name):
            raise ValueError(f"column {name!r} has values of the type {dtype}")
    if columns["Series"].mask.any() or columns[PREFIX].mask.any():
        raise ValueError("the series or the URLs of some records are missing")


def _not_a_search(place: Path, why: str) -> QueryError:
    return QueryError(
        f"{place} is not a search written by FLARECASTResponse.write: {why}. Search again, and write the table with "
        'results["flarecast"].write("search.ecsv").'
    )
