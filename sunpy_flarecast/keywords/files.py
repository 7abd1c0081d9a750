"""Tables of keywords in files, for other programs, too: whole under their names, or not there."""

from __future__ import annotations

import secrets
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from astropy.time import Time

from sunpy_flarecast.errors import QueryError, TransferError
from sunpy_flarecast.utils.files import check_output

if TYPE_CHECKING:
    import os

    from astropy.table import QTable

__all__ = ["check_path", "write_keywords"]

#: astropy's names of the formats, by the ends of file names.
_FORMATS: Final = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".parquet": "parquet"}


def check_path(path: str | os.PathLike[str], *, overwrite: bool = False) -> str:
    """
    Check that a table of keywords can be written to a file, before it is asked for.

    Parameters
    ----------
    path : path-like
        The file.
    overwrite : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    str
        astropy's name of the format.

    Raises
    ------
    QueryError
        If the name does not end with a known format, what the format needs is not installed, or the folder is not
        there or may not be written to.
    OSError
        If the file is there, and is not to be replaced.

    Examples
    --------
    >>> from sunpy_flarecast.keywords.files import check_path
    >>> check_path("keywords.ecsv")
    'ascii.ecsv'
    """
    path = check_output(path, "The table of keywords")
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise QueryError(
            f"{str(path)!r} names no format. Write .ecsv (text, with units), .csv (for other programs, without units) "
            "or .parquet (small and quick)."
        )
    if kind == "parquet" and find_spec("pyarrow") is None:
        raise QueryError('.parquet needs the package pyarrow: python -m pip install "sunpy-flarecast[parquet]"')
    if path.exists() and not overwrite:
        raise OSError(f"{path} is there already. Choose another name, or replace it: overwrite=True, or --overwrite.")
    return kind


def write_keywords(table: QTable, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """
    Write a table of keywords.

    Parameters
    ----------
    table : `astropy.table.QTable`
        As `FLARECASTResponse.keywords` gives it.
    path : path-like
        The file: ``.ecsv`` or ``.parquet``, which `astropy.table.QTable.read` reads with units, or ``.csv``. Times are
        text, T_REC in TAI and Start Time in UTC.
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
    """
    kind = check_path(path, overwrite=overwrite)
    path = Path(path).expanduser()
    plain = table.copy()
    for name in plain.colnames:
        if isinstance(plain[name], Time):
            plain[name] = _text_time(plain[name])
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        plain.write(beside, format=kind)
        beside.replace(path)
    except OSError as error:
        raise TransferError(
            f"The keywords could not be written to {path} ({error.strerror or error}). Choose another folder or free "
            "the disk."
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink()


def _text_time(time: Time) -> Any:
    """Have a time written as text, whatever the format of the file."""
    written = time.replicate("isot", copy=True)
    written.precision = 6 if time.scale == "utc" else 0
    written.info.serialize_method["parquet"] = "formatted_value"
    return written
