"""Where files come from and go to: URLs moved to the service that was asked, and paths filled in from a template."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import numpy as np
from sunpy import config

from sunpy_flarecast.errors import QueryError, TransferError
from sunpy_flarecast.utils.masked import mask_of

from .record_keywords import Record

if TYPE_CHECKING:
    from sunpy_flarecast.table.base import RecordTable

__all__ = ["Place", "Plan", "moved_url", "plan", "template_of"]

#: What a name may consist of; it excludes separators, drives, and all that some file system gives a meaning.
_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9_+=-][A-Za-z0-9_.+=-]*")

#: The URLs that all services give, of which nothing has to be checked further; the group is what stays if moved.
_PLAIN_URL: Final = re.compile(r"https?://[\w.-]+(?::\d+)?(/HMI/(?:\w[\w.-]*/)*\w[\w.-]*)", re.ASCII)


#: Two times that have nothing in common.
_SAMPLES: Final = (datetime(2011, 2, 15, 7, 48, 12), datetime(2023, 11, 30, 22, 36, 24))  # noqa: DTZ001

_TIMES: Final = "Times take formats such as {t_rec:%Y%m%d}."


class Place(NamedTuple):
    """
    Where one file comes from and where it goes to.

    Parameters
    ----------
    url, path : str
        From and to.
    segment : str
        The segment's name; empty if it is not known.
    record : Record or None
        The record, whose keywords the file may need; one object for all files of a record. None if its number is not
        known.
    """

    url: str
    path: str
    segment: str = ""
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What a fetch is going to do.

    Parameters
    ----------
    places : list of Place
        The files to be fetched, no two to the same path.
    refused : list of (str, TransferError)
        URLs that are not going to be fetched, with the reason.
    """

    places: list[Place]
    refused: list[tuple[str, TransferError]]


def moved_url(url: str, base: str, *, move: bool = True) -> str:
    """
    Move a file's URL to the service that the user asked.

    Parameters
    ----------
    url : str
        As the service gave it, with the host under which it knows itself.
    base : str
        Base URL of the service, without trailing slash.
    move : bool
        If False the URL is only checked.

    Returns
    -------
    str

    Raises
    ------
    TransferError
        If it is not an http or https URL, has a path that climbs out, or cannot be moved since it has no ``/HMI/``.

    Examples
    --------
    >>> from sunpy_flarecast.download.plan import moved_url
    >>> moved_url("http://cluster-r730-1:8001/HMI/hmi.sharp_720s/7/bitmap.fits", "http://localhost:8001")
    'http://localhost:8001/HMI/hmi.sharp_720s/7/bitmap.fits'
    """
    if plain := _PLAIN_URL.fullmatch(url):
        return base + plain[1] if move else url
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise TransferError(f"The service gave {url!r} for a file, which is no URL; it is not fetched.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise TransferError(f"The service gave {url!r} for a file, which is no http or https URL; it is not fetched.")
    path = unquote(parts.path)
    if "\\" in path or not path.isprintable() or any(step in ("..", ".") for step in path.split("/")):
        raise TransferError(f"The service gave {url!r} for a file, whose path climbs out; it is not fetched.")
    if not move:
        return url
    _, mark, rest = parts.path.partition("/HMI/")
    if not mark:
        raise TransferError(
            f"The service gave {url!r} for a file, which cannot be moved to {base} since it has no /HMI/; it is not "
            "fetched. Set sunpy_flarecast.conf.rebase_urls = False to take file URLs as the service gives them."
        )
    return f"{base}/HMI/{quote(rest, safe='/%:@!$&()*+,;=~')}{f'?{parts.query}' if parts.query else ''}"


def template_of(path: str | os.PathLike[str] | None) -> str:
    """
    Make a template of a path, as Fido does: of a folder, or of sunpy's download folder if there is none.

    Examples
    --------
    >>> from sunpy_flarecast.download.plan import template_of
    >>> template_of("{harpnum}-{file}")
    '{harpnum}-{file}'
    """
    try:
        template = Path(config.get("downloads", "download_dir") if path is None else path).expanduser()
    except (TypeError, RuntimeError) as error:
        raise QueryError(f"path={path!r} is no path ({error}); write a folder, or a template with {{file}}.") from None
    if "\0" in str(template):
        raise QueryError(f"path={path!r} has a NUL character, which no path may have.")
    return str(template if "{file}" in str(template) else template / "{file}")


def plan(table: RecordTable, template: str, base: str, *, move: bool = True) -> Plan:
    """
    Tell for each file of a table where it comes from and where it goes to.

    Parameters
    ----------
    table : FLARECASTResponse
        The records.
    template : str
        A path with ``{file}``, and any of ``{segment}`` and the table's columns in lower case with ``_`` for spaces;
        times take strftime formats: ``data/{harpnum}/{t_rec:%Y%m%d}/{segment}/{file}``.
    base : str
        Base URL of the service.
    move : bool
        Whether file URLs are moved to the base URL.

    Returns
    -------
    Plan

    Raises
    ------
    QueryError
        If the template has a field that there is not or a format that does not fit, or if two files would get the
        same path.
    """
    fields = _fields(template, table)
    values = table.path_values(fields - {"file", "segment"})
    records = _records(table, base)
    places: list[Place] = []
    refused: list[tuple[str, TransferError]] = []
    taken: dict[str, str] = {}
    for file in table.files():
        filling = {name: column[file.row] for name, column in values.items()}
        filling["file"] = file.name
        filling["segment"] = file.segment or "unknown"
        try:
            url = moved_url(file.url, base, move=move)
            for value in filling.values():
                if not isinstance(value, (int, float, datetime)) and not _SAFE_NAME.fullmatch(str(value)):
                    raise TransferError(
                        f"The service gave {file.url!r} a name that is unsafe in a path, {value!r}; it is not fetched."
                    )
        except TransferError as error:
            refused.append((file.url, error))
            continue
        path = _filled(template, filling)
        other = taken.setdefault(os.path.normcase(path), url)
        if other is not url:
            if other == url:
                continue  # the same record in two rows
            raise QueryError(
                f"Two files would both be written to {path}: {other} and {url}. Nothing was fetched. Add fields to the "
                f"path that tell them apart, for example {{record}}/{{file}}, or fetch the rows one after the other."
            )
        places.append(Place(url, path, file.segment, records[file.row]))
    return Plan(places, refused)


def _records(table: RecordTable, base: str) -> list[Record | None]:
    """Name the record of each row; none of a table whose columns have been removed, which its files complain of."""
    if not {"Record", "Series"} <= set(table.colnames):
        return []
    lost = mask_of(table["Record"]).tolist()
    rows = zip(table["Series"].tolist(), np.ma.getdata(table["Record"]).tolist(), lost, strict=True)
    return [None if unknown else Record(base, series, recnum) for series, recnum, unknown in rows]


def _fields(template: str, table: RecordTable) -> set[str]:
    """Find the fields of a template, and check them before anything is fetched."""
    try:
        parts = [(name, spec) for _, name, spec, _ in Formatter().parse(template) if name is not None]
        nested = [name for _, spec in parts for _, name, _, _ in Formatter().parse(spec or "") if name is not None]
    except ValueError as error:
        raise QueryError(f"The path {template!r} is no template: {error}. Write {{{{ and }}}} for braces.") from None
    names = [*(name for name, _ in parts), *nested]
    valid = table.path_format_keys() | {"file", "segment"}
    if wrong := [name for name in names if name not in valid]:
        listed = ", ".join(f"{{{name}}}" for name in sorted(valid))
        raise QueryError(f"The path {template!r} has a field {{{wrong[0]}}} that there is not. Valid: {listed}.")
    for name, spec in parts:
        timed = spec and name in ("t_rec", "start_time") and "{" not in spec
        # Of what they do not know, strftime and format make the same text for all times.
        if timed and len({format(time, str(spec)) for time in _SAMPLES}) == 1:
            raise QueryError(f"The path {template!r} has {{{name}:{spec}}}, which is the same for all times. {_TIMES}")
    return set(names)


def _filled(template: str, values: dict[str, Any]) -> str:
    try:
        return template.format(**values)
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise QueryError(
            f"The path {template!r} cannot be filled in: {error}. Times take formats such as {{t_rec:%Y%m%d}}, whole "
            "numbers such as {harpnum:05d}."
        ) from None
