"""Searches kept in files: a `FLARECASTResponse` written through astropy's table formats, and read again."""

from __future__ import annotations

import json
import secrets
import warnings
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning

from sunpy_flarecast.errors import QueryError, TransferError
from sunpy_flarecast.rest.service_url import base_url, without_password
from sunpy_flarecast.search.missing import as_plain, from_plain

from .encoding import decoded, encoded

if TYPE_CHECKING:
    import os

    from .base import RecordTable

__all__ = ["read_table", "write_table"]

#: astropy's names of the formats, which are also accepted, and the ends of file names.
_FORMATS: Final = {
    "ascii.ecsv": (".ecsv",),
    "parquet": (".parquet", ".parq"),
    "fits": (".fits", ".fit"),
}

#: Where everything beside the columns stands in a table's ``meta``: a keyword that FITS takes, too.
_KEY: Final = "SEARCH"

_WHAT: Final = "sunpy_flarecast search"

#: Counts up when files get a form that older versions of this module would misread.
_VERSION: Final = 2

_POSSIBLE: Final = "A search can be kept as .ecsv (text), .parquet (small and quick) or .fits"

#: What FITS cards change or cut where it stands: quotes, continuation marks, and spaces at the end of a card.
_ESCAPED: Final = str.maketrans({character: f"\\u{ord(character):04x}" for character in "'& "})


_Table = TypeVar("_Table", bound="RecordTable")


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    format: str


def write_table(
    table: RecordTable, path: str | os.PathLike[str], *, kind: str | None = None, overwrite: bool = False
) -> None:
    """
    Write a table so that `read_table` gives it again.

    Parameters
    ----------
    table : FLARECASTResponse
        The outcome of a search, or some of its rows.
    path : path-like
        The file; nothing is there under this name until it is whole.
    kind : str, optional
        ``"ascii.ecsv"``, ``"parquet"`` or ``"fits"``; by default what the file's name ends with.
    overwrite : bool
        Whether to replace a file that is there.

    Raises
    ------
    QueryError
        If the format is another one, or if the table has lost columns that a fetch needs or has columns that cannot be
        written.
    OSError
        If the file is there, and is not to be replaced.
    TransferError
        If the disk does not allow it.
    """
    place = _place(path, kind)
    plain, columns = encoded(table)
    about = {
        "what": _WHAT,
        "version": _VERSION,
        "rows": len(table),
        "service": without_password(table.service),
        "asked": as_plain(table.missing, table.queries),
        "columns": columns,
    }
    plain.meta[_KEY] = json.dumps(about, separators=(",", ":")).translate(_ESCAPED)
    if not overwrite and place.path.exists():
        raise OSError(f"{place.path} is there already. Choose another name, or replace it: overwrite=True.")
    if place.format == "fits":
        # FITS has bytes; astropy makes them of text, too, but takes several times as long for it.
        for name in plain.colnames:
            if plain[name].dtype.kind == "U":
                plain[name] = plain[name].astype(bytes)
    beside = place.path.with_name(f".{place.path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with warnings.catch_warnings():
            # What astropy warns of here is that something of the table will not be in the file.
            warnings.simplefilter("error", AstropyUserWarning)
            plain.write(beside, format=place.format)
        beside.replace(place.path)
    except OSError as error:
        raise TransferError(
            f"The search could not be written to {place.path} ({error.strerror or error}). Choose another folder or "
            "free the disk."
        ) from error
    except (TypeError, ValueError, LookupError, AstropyUserWarning) as error:
        raise QueryError(
            f"The table cannot be written as {place.format}: {error}. Remove the columns that you have added to it."
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def read_table(path: str | os.PathLike[str], cls: type[_Table], client: Any, *, kind: str | None = None) -> _Table:
    """
    Read a table that `write_table` wrote.

    Parameters
    ----------
    path : path-like
        The file.
    kind : str, optional
        As for `write_table`.

    Returns
    -------
    FLARECASTResponse
        With a client, so that it can be fetched.

    Raises
    ------
    QueryError
        If there is no such file, or it is something else.
    """
    place = _place(path, kind)
    if not place.path.is_file():
        raise QueryError(f"There is no file {place.path} to read a search from.")
    options = {"fits": {"hdu": 1, "memmap": False, "mask_invalid": False}}.get(place.format, {})
    try:
        with warnings.catch_warnings():
            # What astropy warns of here is that the file is damaged, or not what it is read as.
            warnings.simplefilter("error", AstropyUserWarning)
            plain = Table.read(place.path, format=place.format, **options)
    except Exception as error:  # readers raise all kinds for files that are something else
        raise _none(place, f"it cannot be read as {place.format} ({_first_line(error)})") from error
    about = _about(plain, place)
    if len(plain) != about.get("rows"):
        raise _none(place, f"it has {len(plain):,} of {about.get('rows')} rows, so it was cut off or changed")
    try:
        missing, queries = from_plain(about["asked"])
        columns = decoded(plain, about["columns"])
        service = base_url(about["service"]) if about["service"] else ""
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        raise _none(place, f"what it tells of its columns does not fit ({_first_line(error)})") from error
    return cls.from_columns(columns, client=client, service=service, queries=queries, missing=missing)


def _place(path: str | os.PathLike[str], kind: str | None) -> _Place:
    """Tell which format is meant, and whether there is what it needs."""
    try:
        place = Path(path).expanduser()
    except TypeError:
        raise QueryError(f"A search is kept in a file with a name, not in {type(path).__name__}.") from None
    if kind is None:
        known = next((name for name, ends in _FORMATS.items() if place.name.lower().endswith(ends)), None)
        if known is None:
            raise QueryError(f"{str(path)!r} does not tell a format that a search can be kept in. {_POSSIBLE}.")
    else:
        # "ecsv" is what astropy calls its newer reader.
        known = {"ecsv": "ascii.ecsv"}.get(kind, kind)
        if known not in _FORMATS:
            raise QueryError(f"The format {kind!r} would lose parts of a search. {_POSSIBLE}.")
    if known == "parquet" and (lacking := [name for name in ("pyarrow", "pandas") if find_spec(name) is None]):
        raise QueryError(
            f'Parquet files need {" and ".join(lacking)}: python -m pip install "sunpy-flarecast[parquet]"'
        )
    return _Place(place, known)


def _about(plain: Table, place: _Place) -> dict[str, Any]:
    """Find what stands beside the columns, and check whether this version can read it."""
    try:
        about = json.loads(plain.meta[_KEY])
        version = about["version"] if about["what"] == _WHAT else None
    except (LookupError, TypeError, ValueError):
        version = None
    if not isinstance(version, int):
        raise _none(place, "it is another table")
    if version > _VERSION:
        raise QueryError(
            f"{place.path} was written by a newer sunpy_flarecast (format {version}; this one reads {_VERSION}). "
            "Update: python -m pip install --upgrade sunpy-flarecast."
        )
    return dict(about)


def _none(place: _Place, why: str) -> QueryError:
    return QueryError(
        f"{place.path} is not a search as FLARECASTResponse.write writes it: {why}. Search again, and write it with "
        'results["flarecast"].write("search.ecsv").'
    )


def _first_line(error: Exception) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "") or type(error).__name__
    return text.rstrip(".:") if len(text) <= 200 else f"{text[:199]}…"
