"""Plan a fetch: file URLs rewritten to begin with the base URL of the service, and paths from a template."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from sunpy import config

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import QueryError, TransferError
from sunpy_flarecast.rest.list_reply import read_records
from sunpy_flarecast.rest.records import keyword_column
from sunpy_flarecast.rest.service_url import base_url, without_password
from sunpy_flarecast.sharp.t_rec import slot_of
from sunpy_flarecast.table.base import RecordTable
from sunpy_flarecast.utils.masked import optional

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sunpy_flarecast.query.query import Query

__all__ = [
    "Place",
    "Plan",
    "Record",
    "check_path",
    "check_writable",
    "distinct",
    "file_base",
    "moved_url",
    "paths",
    "plan",
    "template_of",
]

#: Characters allowed in a name: no separators, drives, or characters that are special in any file system.
_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9_+=-][A-Za-z0-9_.+=-]*")

#: The usual URLs of services, which need no further checks; the group is the part that rewriting keeps.
_PLAIN_URL: Final = re.compile(r"https?://[\w.-]+(?::\d+)?(/HMI/(?:\w[\w.-]*/)*\w[\w.-]*)", re.ASCII)

#: Two times without a common part.
_SAMPLES: Final = (datetime(2011, 2, 15, 7, 48, 12), datetime(2023, 11, 30, 22, 36, 24))  # noqa: DTZ001

#: A name that looks like a file rather than a folder.
_FITS_NAME: Final = re.compile(r"\.(fits|fit|fts)$", re.IGNORECASE)

#: A record to test paths with.
_SAMPLE: Final = (
    b'[{"recnum": 1, "harpnum": 1, "t_rec_index": 1, "date__obs": "1993-01-01", "urls": ["http://h/HMI/s/b.fits"]}]'
)

_TIMES: Final = "Times take formats such as {t_rec:%Y%m%d}."


class Record(NamedTuple):
    """A record of the service at ``base``; ``slot`` is T_REC as a number of 720 s slots."""

    base: str
    series: str
    recnum: int
    harpnum: int | None = None
    slot: int | None = None


class Place(NamedTuple):
    """The URL and path of one file; the segment is empty and the record None if unknown."""

    url: str
    path: str
    segment: str = ""
    record: Record | None = None


class Plan(NamedTuple):
    """The files to fetch, and refused URLs with reasons."""

    places: list[Place]
    refused: list[tuple[str, TransferError]]


def moved_url(url: str, base: str, *, move: bool = True) -> str:
    """
    Rewrite a file's URL, which has the service's internal host name, to begin with the base URL of the service.

    Raises a `TransferError` if it is not an http or https URL, its path contains ``..`` segments, or it cannot be
    rewritten because it lacks ``/HMI/``. With ``move=False`` the URL is only checked.

    Examples
    --------
    >>> from sunpy_flarecast.download.plan import moved_url
    >>> moved_url("http://cluster-r730-1:8001/HMI/hmi.sharp_720s/7/bitmap.fits", "http://localhost:8001")
    'http://localhost:8001/HMI/hmi.sharp_720s/7/bitmap.fits'
    """
    if plain := _PLAIN_URL.fullmatch(url):
        return base + plain[1] if move else url

    def skipped(reason: str) -> TransferError:
        return TransferError(f"The service listed a file at {url!r}, {reason}; the file was skipped.")

    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise skipped("which is not a valid URL") from None
    if not url.isprintable():
        raise skipped("which is not a valid URL")
    if parts.scheme not in ("http", "https") or not host:
        raise skipped("which is not an http or https URL")
    path = unquote(parts.path)
    if "\\" in path or not path.isprintable() or any(step in ("..", ".") for step in path.split("/")):
        raise skipped("whose path is unsafe")
    if not move:
        return url
    _, mark, rest = parts.path.partition("/HMI/")
    if not mark:
        raise skipped(
            f"which cannot be rewritten to begin with {base} because it lacks /HMI/ (set "
            "sunpy_flarecast.conf.rebase_urls = False to use file URLs unchanged)"
        )
    return f"{base}/HMI/{quote(rest, safe='/%:@!$&()*+,;=~')}{f'?{parts.query}' if parts.query else ''}"


def template_of(path: str | os.PathLike[str] | None) -> str:
    """Convert a path to a template, as Fido does; None stands for sunpy's download folder."""
    try:
        template = Path(config.get("downloads", "download_dir") if path is None else path).expanduser()
    except (TypeError, RuntimeError) as error:
        raise QueryError(
            f"path={_given(path)!r} is not a path ({error}); write a folder, or a template with {{file}}."
        ) from None
    if "\0" in str(template):
        raise QueryError(f"The path {_given(path)!r} contains a NUL character, which is invalid in paths.")
    if "{file}" not in str(template):
        template /= "{file}"
    for folder in template.parents:
        if _FITS_NAME.search(folder.name) and not folder.is_dir():
            raise QueryError(
                f"The path {_given(path)!r} would create a folder {folder.name!r}. Write {{file}} for the file name."
            )
    return str(template)


def _given(path: Any) -> Any:
    """Return a path as text for a message, without the ``{file}`` that Fido appends."""
    return os.fsdecode(path).removesuffix(f"{os.sep}{{file}}") if isinstance(path, os.PathLike) else path


def check_path(path: str | os.PathLike[str] | None, queries: Sequence[Query]) -> None:
    """Check before a search that the path is valid for its files and writable; raise a `QueryError` otherwise."""
    records, _ = read_records(_SAMPLE, queries[0].series)
    keywords = {name: keyword_column(name, [None]) for query in queries for name in query.looked_up}
    template = template_of(path)
    paths(RecordTable.from_records(replace(records, keywords=keywords)), template, "http://h")
    check_writable(template)


def check_writable(template: str) -> None:
    """Check that the folder of a template, up to its first field, is writable or can be created."""
    folder = named = Path(template.partition("{")[0] + "_").absolute().parent
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise QueryError(f"The path {template!r} cannot be written to: {folder} is not a folder.")
    # A folder that a field names may exist already and be writable.
    open_ended = folder == named and "{" in os.path.dirname(template) and _has_folders(folder)
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".sunpy_flarecast-", dir=folder))  # os.access() is not reliable on all systems
    except OSError as error:
        if not open_ended:
            denied = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            why = f"{folder} is not writable" if denied else f"nothing can be created in {folder}"
            raise QueryError(
                f"The path {template!r} cannot be written to: {why} ({error.strerror or error}). Choose another path."
            ) from None


def _has_folders(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(entry.is_dir() for entry in entries)
    except OSError:  # not readable
        return False


def file_base(table: RecordTable) -> str:
    """Return the base URL of the service that was searched; ``conf.url`` may have changed since."""
    return without_password(base_url(table.service or conf.url))


def plan(table: RecordTable, template: str, base: str, *, move: bool = True) -> Plan:
    """
    Plan the URL and path of each file of a table.

    The template may have the fields ``{file}``, ``{segment}`` and the table's columns in lower case with ``_`` for
    spaces; times take strftime formats: ``data/{harpnum}/{t_rec:%Y%m%d}/{segment}/{file}``. Raises a `QueryError` for
    an unknown field or an invalid format, or if two files would get the same path.
    """
    places: list[Place] = []
    refused: list[tuple[str, TransferError]] = []
    for entry in _placed(table, template, base, move=move):
        if isinstance(entry, Place):
            places.append(entry)
        else:
            refused.append(entry)
    return Plan(distinct(places), refused)


def paths(table: RecordTable, template: str, base: str, *, move: bool = True) -> list[str]:
    """Return the path of each file of a table, in order; empty if its URL is refused."""
    placed = list(_placed(table, template, base, move=move))
    distinct(entry for entry in placed if isinstance(entry, Place))
    return [entry.path if isinstance(entry, Place) else "" for entry in placed]


def _placed(table: RecordTable, template: str, base: str, *, move: bool) -> Iterator[Place | tuple[str, TransferError]]:
    """Yield the place of each file, or its URL and why it is refused."""
    fields = _fields(template, table)
    values = table.path_values(fields - {"file", "segment"})
    records = _records(table, base)
    for file in table.files():
        filling = {name: column[file.row] for name, column in values.items()}
        filling["file"] = file.name
        filling["segment"] = file.segment or "unknown"
        try:
            url = moved_url(file.url, base, move=move)
            for value in filling.values():
                if not isinstance(value, (int, float, datetime)) and not _SAFE_NAME.fullmatch(str(value)):
                    raise TransferError(
                        f"The path of {file.url!r} would contain {value!r}, which is unsafe in a path; the file was "
                        "skipped."
                    )
        except TransferError as error:
            yield file.url, error
        else:
            yield Place(url, _filled(template, filling), file.segment, records[file.row])


def distinct(places: Iterable[Place], taken: Iterable[Place] = ()) -> list[Place]:
    """Return each file once, without files in ``taken``; raise a `QueryError` if two files have the same path."""
    others = {os.path.normcase(place.path): place for place in taken}
    found = []
    for place in places:
        other = others.setdefault(os.path.normcase(place.path), place)
        if other is place:
            found.append(place)
        elif other.url != place.url:
            raise QueryError(
                f"Two files would both be written to {place.path}: {other.url} and {place.url}. Nothing was fetched. "
                "Add fields to the path that tell them apart, for example {record}/{file}, or fetch them to different "
                "folders."
            )
    return found


def _records(table: RecordTable, base: str) -> list[Record | None]:
    """Return the record of each row; None if the table lacks columns, which `RecordTable.files` reports."""
    if not {"Record", "Series", "HARPNUM", "T_REC"} <= set(table.colnames):
        return []
    rows = zip(
        table["Series"].tolist(),
        optional(table["Record"], table["Record"]),
        optional(table["HARPNUM"], table["HARPNUM"]),
        optional(slot_of(table["T_REC"]), table["T_REC"]),
        strict=True,
    )
    return [None if recnum is None else Record(base, series, recnum, *rest) for series, recnum, *rest in rows]


def _fields(template: str, table: RecordTable) -> set[str]:
    """Return the fields of a template; raise a `QueryError` if one is invalid."""
    try:
        parts = [(name, spec) for _, name, spec, _ in Formatter().parse(template) if name is not None]
        nested = [name for _, spec in parts for _, name, _, _ in Formatter().parse(spec or "") if name is not None]
    except ValueError as error:
        raise QueryError(
            f"The path {template!r} is not a valid template: {error}. Write {{{{ and }}}} for braces."
        ) from None
    names = [*(name for name, _ in parts), *nested]
    valid = table.path_format_keys() | {"file", "segment"}
    if wrong := [name for name in names if name not in valid]:
        listed = ", ".join(f"{{{name}}}" for name in sorted(valid))
        near = "".join(f"Did you mean {{{name}}}? " for name in get_close_matches(wrong[0].lower(), valid, n=1))
        raise QueryError(f"The path {template!r} has an unknown field {{{wrong[0]}}}. {near}Valid: {listed}.")
    for name, spec in parts:
        timed = spec and name in ("t_rec", "start_time") and "{" not in spec
        # strftime and format copy unknown directives, which gives the same text for all times.
        if timed and len({format(time, str(spec)) for time in _SAMPLES}) == 1:
            raise QueryError(f"The path {template!r} has {{{name}:{spec}}}, which is the same for all times. {_TIMES}")
    return set(names)


def _filled(template: str, values: dict[str, Any]) -> str:
    try:
        return template.format(**values)
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise QueryError(
            f"The path {template!r} cannot be filled in: {error}. Times take formats such as {{t_rec:%Y%m%d}}, and "
            "whole numbers take formats such as {harpnum:05d}."
        ) from None
