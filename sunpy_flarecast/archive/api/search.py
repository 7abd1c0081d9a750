"""Search an archive for records, page by page, with permanent links."""

from __future__ import annotations

import operator
import re
import time
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec
from fastapi import HTTPException

from sunpy_flarecast.archive.base import NotHeldError, Record
from sunpy_flarecast.sharp.catalog import find_keyword
from sunpy_flarecast.sharp.values import clean

from .parameters import QUOTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sunpy_flarecast.archive.base import Archive

__all__ = [
    "ALL_BITS",
    "LIMIT",
    "MOST",
    "Comparison",
    "Found",
    "Search",
    "find",
    "matching_records",
    "query_of",
]

#: The mask of all quality bits.
ALL_BITS: Final = 0xFFFF_FFFF

#: Default and maximum number of records on a page.
LIMIT: Final = 50
MOST: Final = 1000

#: A page ends after ``_PATIENCE`` seconds, or after ``_QUICK`` seconds once ``_MANY`` records have been examined, even
#: if few have matched: a condition may match one record in a million.
_PATIENCE: Final = 2.0
_QUICK: Final = 0.05
_MANY: Final = 1000

#: Maximum number of records whose keywords are read at a time.
_CHUNK: Final = 256

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_AFTER: Final = re.compile(r"(\d{1,12})\.(\d{1,12})", re.ASCII)
_ALL_TIMES: Final = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Comparison(msgspec.Struct, frozen=True):
    """A condition that compares a keyword (DRMS name), or its absolute value, with a value."""

    keyword: str
    sign: str
    value: float | str
    absolute: bool = False

    def matches(self, value: Any) -> bool:
        """Return whether a value satisfies the condition; missing values and those of another type never do."""
        known = find_keyword(self.keyword)
        plain = clean(value, known)
        if plain is None or isinstance(plain, str) != isinstance(self.value, str):
            return False
        if self.absolute and not isinstance(plain, str):
            plain = abs(plain)
        return _COMPARISONS[self.sign](plain, self.value)

    def __str__(self) -> str:
        name = self.keyword.upper()
        return f"{f'abs({name})' if self.absolute else name} {self.sign} {self.value}"


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """
    The parameters of a search; None means no restriction.

    ``quality`` is the mask of bits that must not be set, ``cadence`` the interval of T_REC in slots of 720 s. ``query``
    has the parameters as they were given.
    """

    series: str
    start: datetime | None = None
    end: datetime | None = None
    harp: int | None = None
    noaa: int | None = None
    quality: int | None = None
    condition: Comparison | None = None
    cadence: int = 1
    query: dict[str, str] = {}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """
    A page of records; ``values`` are those of the condition's keyword, by record number.

    ``after`` is where the next page begins, None on the last page. A page may be short or empty although more follow.
    """

    records: tuple[Record, ...]
    values: dict[int, Any]
    after: str | None


def query_of(search: Search, **more: object) -> str:
    """Write a search as the query of a URL, with more parameters such as ``after``."""
    return urlencode(search.query | {name: str(value) for name, value in more.items()})


def find(archive: Archive, search: Search, *, after: str | None = None, limit: int = LIMIT) -> Found:
    """
    Find the records of a page, sorted by T_REC and HARP number.

    Parameters
    ----------
    archive : Archive
        The archive to search.
    search : Search
        The parameters.
    after : str, optional
        Start of the page: ``after`` of the previous page (default: the first page).
    limit : int, optional
        Maximum number of records on the page (default: 50).

    Raises
    ------
    HTTPException
        If ``after`` is invalid.
    """
    place = None if after is None else _AFTER.fullmatch(after)
    if after is not None and place is None:
        raise HTTPException(400, f"Parameter 'after' is invalid: {after[:QUOTED]!r}. Take it from the previous page.")
    begin, examined = time.monotonic(), 0
    found: dict[Record, Any] = {}
    last: Record | None = None
    for chunk in _chunks(_records(archive, search, None if place is None else (int(place[1]), int(place[2])))):
        for record, value in _matching(archive, search, chunk):
            if len(found) == limit:
                return _page(found, next(reversed(found)))
            found[record] = value
        last = chunk[-1]
        examined += len(chunk)
        if time.monotonic() - begin > (_QUICK if examined > _MANY else _PATIENCE):
            return _page(found, last)
    return _page(found, None)


def _page(found: dict[Record, Any], last: Record | None) -> Found:
    return Found(
        records=tuple(found),
        values={record.recnum: value for record, value in found.items()},
        after=None if last is None else f"{last.t_rec_index}.{last.harpnum}",
    )


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    """Split records into chunks of growing size, since an archive may read the keywords of records slowly."""
    size = 1
    while chunk := list(islice(records, size)):
        yield chunk
        size = min(2 * size, _CHUNK)


def _records(archive: Archive, search: Search, after: tuple[int, int] | None) -> Iterator[Record]:
    harpnums = None if search.harp is None else {search.harp}
    if search.noaa is not None:
        of_region = {passage.harpnum for passage in archive.harps(search.series, noaa=search.noaa)}
        harpnums = of_region if harpnums is None else of_region & harpnums
    return iter(
        archive.records(
            search.series,
            search.start or _ALL_TIMES[0],
            search.end or _ALL_TIMES[1],
            harpnums=harpnums,
            every=search.cadence,
            after=after,
        )
    )


def matching_records(archive: Archive, search: Search) -> Iterator[Record | None]:
    """Yield all records of a search in order, and None for each examined record that does not match."""
    for chunk in _chunks(_records(archive, search, None)):
        found = {record for record, _ in _matching(archive, search, chunk)}
        yield from (record if record in found else None for record in chunk)


def _matching(archive: Archive, search: Search, records: Sequence[Record]) -> Iterator[tuple[Record, Any]]:
    """Yield the records whose quality and keyword match, each with the value of that keyword."""
    good = [
        record
        for record in records
        if search.quality is None or (record.quality is not None and not record.quality & search.quality)
    ]
    if search.condition is None:
        yield from ((record, None) for record in good)
        return
    name = search.condition.keyword
    try:
        keywords = archive.keywords_of(search.series, [record.recnum for record in good], [name]) if good else {}
    except NotHeldError as error:  # a record has been removed since it was listed
        raise HTTPException(503, "The archive changed during the search. Try again.", {"Retry-After": "2"}) from error
    for record in good:
        value = keywords[record.recnum].get(name)
        if search.condition.matches(value):
            yield record, value
