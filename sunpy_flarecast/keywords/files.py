"""Tables of keywords in files: written as ECSV, Parquet, CSV or JSON, and read from ECSV and Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from astropy.table import QTable
from astropy.time import Time

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.table.encoding import column_of, from_arrow
from sunpy_flarecast.table.io import UTC, check_path, need_pyarrow, read_raw, write_plain, writing
from sunpy_flarecast.utils.reports import first_line

if TYPE_CHECKING:
    import os

__all__ = ["WHAT", "read_keywords", "write_keywords"]

#: Subject of the sentences about such a file.
WHAT = "The table of keywords"


def write_keywords(table: QTable, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """
    Write a table of keywords to a file.

    Parameters
    ----------
    table : `astropy.table.QTable`
        A table from `FLARECASTResponse.keywords`.
    path : path-like
        The file: ``.ecsv`` or ``.parquet``, which `read_keywords` reads, or ``.csv`` or ``.json`` for other programs.
        `astropy.table.QTable.read` also reads ``.ecsv``. In the other three formats, times are timestamps in UTC,
        ``T_REC`` is given as its usual text and as a timestamp, and missing values are null (empty in ``.csv``). In
        Parquet files, units and meanings are metadata of the fields.
    overwrite : bool
        Whether to replace an existing file (default: False).

    Raises
    ------
    QueryError
        If the format is unknown, or the folder does not exist or is not writable.
    OSError
        If the file exists and ``overwrite`` is False.
    TransferError
        If the file cannot be written, for example because the disk is full.

    See Also
    --------
    read_keywords

    Examples
    --------
    >>> sunpy_flarecast.write_keywords(table, "keywords.parquet")  # doctest: +SKIP
    """
    place, kind = check_path(path, WHAT, overwrite=overwrite)
    with writing(place, kind, WHAT) as file:
        if kind != "ecsv":
            about = {name: table.meta[name] for name in ("service", "origin", "missing") if name in table.meta}
            write_plain(table, table.colnames, file, kind, about)
            return
        plain = table.copy(copy_data=False)
        for name in plain.colnames:
            if isinstance(time := plain[name], Time):
                plain[name] = time.replicate("isot", copy=True)
                plain[name].precision = 6 if time.scale == "utc" else 0
        plain.write(file, format="ascii.ecsv")


def read_keywords(path: str | os.PathLike[str]) -> QTable:
    """
    Read a table of keywords from a file.

    Parameters
    ----------
    path : path-like
        A file that `write_keywords` wrote, ``.ecsv`` or ``.parquet``.

    Returns
    -------
    `astropy.table.QTable`
        The table with units, times and masks, as from `FLARECASTResponse.keywords`.

    Raises
    ------
    QueryError
        If the file does not exist or is not a table of keywords, or if PyArrow, which ``.parquet`` requires, is not
        installed.

    Examples
    --------
    >>> table = sunpy_flarecast.read_keywords("keywords.parquet")  # doctest: +SKIP
    """
    place = Path(path).expanduser()
    if parquet := place.suffix.lower() == ".parquet":
        need_pyarrow()
    if not place.is_file():
        raise QueryError(f"There is no file {place} to read keywords from. Correct the path.")
    try:
        if not parquet:
            return QTable.read(place, format="ascii.ecsv")
        raw, about = read_raw(place, "parquet")
        columns = {name: column_of(name, plain) for name, plain in from_arrow(raw).items() if name != UTC}
    except Exception as error:  # readers raise any type for files of other kinds
        if (kind := place.suffix.lower()) in (".csv", ".json"):
            raise QueryError(
                f"{place} cannot be read as a table of keywords: {kind} files have no units. Write .ecsv or .parquet."
            ) from error
        raise QueryError(f"{place} cannot be read as a table of keywords: {first_line(error)}.") from error
    return QTable(columns, meta=about)
