"""Tables of keywords in files: ECSV and Parquet, which can be read again, CSV and JSON."""

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
    Write a table of keywords.

    Parameters
    ----------
    table : `astropy.table.QTable`
        As `FLARECASTResponse.keywords` gives it.
    path : path-like
        The file: ``.ecsv``, which `astropy.table.QTable.read` reads, ``.parquet``, ``.csv`` or ``.json``. The latter
        three are plain: times are timestamps in UTC, ``T_REC`` its usual text and a timestamp, missing values nulls;
        Parquet has units and meanings as metadata of its fields.
    overwrite : bool
        Whether to replace a file that is there.

    Raises
    ------
    QueryError
        If the format is another one, or the folder is not there or may not be written to.
    OSError
        If the file is there, and is not to be replaced.
    TransferError
        If the disk does not allow it.

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
    Read a table of keywords.

    Parameters
    ----------
    path : path-like
        A file that `write_keywords` wrote, ``.ecsv`` or ``.parquet``.

    Returns
    -------
    `astropy.table.QTable`
        With units, times and masks as `FLARECASTResponse.keywords` gives them.

    Raises
    ------
    QueryError
        If there is no such file, or it is something else.

    Examples
    --------
    >>> table = sunpy_flarecast.read_keywords("keywords.parquet")  # doctest: +SKIP
    """
    place = Path(path).expanduser()
    if parquet := place.suffix.lower() == ".parquet":
        need_pyarrow()
    if not place.is_file():
        raise QueryError(f"There is no file {place} to read keywords from.")
    try:
        if not parquet:
            return QTable.read(place, format="ascii.ecsv")
        raw, about = read_raw(place, "parquet")
        columns = {name: column_of(name, plain) for name, plain in from_arrow(raw).items() if name != UTC}
    except Exception as error:  # readers raise all kinds for files that are something else
        raise QueryError(f"{place} cannot be read as a table of keywords: {first_line(error)}.") from error
    return QTable(columns, meta=about)
