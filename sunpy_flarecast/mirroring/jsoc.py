"""
JSOC as the source of a mirror, accessed with the package drms: records, URLs of their segments, and keywords.

Segments that are online have paths on JSOC's web server. Their files lack keywords, so the keywords are
requested separately.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

import numpy as np

from sunpy_flarecast.errors import QueryError, ServiceError
from sunpy_flarecast.rest.records import Records, keyword_column
from sunpy_flarecast.search.selection import satisfying, select
from sunpy_flarecast.sharp.catalog import Keyword, find_keyword, find_series
from sunpy_flarecast.sharp.keyword_names import matching_names
from sunpy_flarecast.sharp.t_rec import CADENCE, t_rec_text, text_slot
from sunpy_flarecast.sharp.times import read_times
from sunpy_flarecast.sharp.values import clean
from sunpy_flarecast.utils.reports import counted

from .jsoc_client import call_drms, connect
from .jsoc_export import BATCH, NO_FILE, NOT_ONLINE, Staging
from .source import Answer, Offer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sunpy_flarecast.query.query import Query

    from .source import Keywords, Window

__all__ = ["JSOC_URL", "JSOCSource"]

#: Base URL of JSOC.
JSOC_URL: Final = "http://jsoc.stanford.edu"

#: Keywords of every record; pseudo keywords of jsoc_info are enclosed in asterisks.
_KEYS: Final = ("*recnum*", "*online*", "HARPNUM", "T_REC", "DATE__OBS")

#: Paths of files that are online.
_PATH: Final = re.compile(r"(/[\w-]+(?:\.[\w-]+)*)+", re.ASCII)


class JSOCSource:
    """JSOC, or a site that runs its software; a registered address is needed for records that are offline."""

    connections = 2
    service: str | None = None

    def __init__(self, url: str = JSOC_URL, *, email: str | None = None, wait: float = 3600.0) -> None:
        base = url.rstrip("/")
        if re.match(r"https?://[^/]", base) is None:
            raise QueryError(f"{url!r} is not an http:// or https:// URL. Give the URL of a site, such as {JSOC_URL}.")
        self.name = "JSOC" if base == JSOC_URL else base
        self._base = f"{base}/"
        self._client = connect(base)
        if email is not None and not call_drms(f"the address {email}", lambda: self._client.check_email(email)):
            raise QueryError(
                f"The address {email!r} is not registered for exports at {self.name}. Register it at "
                f"{JSOC_URL}/ajax/register_email.html, or leave it out to copy only files that are online."
            )
        self.stage = Staging(self._client, email, wait).stage

    def answer(self, queries: Sequence[Query], window: Window) -> Answer:
        """List the records of a window that match one of the queries; raise a `ServiceError` for an unknown series."""
        answer = Answer(offers=[])
        known: set[str] = set()
        for query in queries:
            offers, notes = self._answer(query, window)
            answer.offers += [offer for offer in offers if offer.key not in known]
            answer.notes += notes
            known.update(offer.key for offer in offers)
        answer.offers.sort(key=lambda offer: (offer.slot, offer.harpnum or 0))
        return answer

    def _answer(self, query: Query, window: Window) -> tuple[list[Offer], list[str]]:
        if (known := find_series(query.series)) and known.instrument == "MDI":
            raise QueryError(f"{known.name} cannot be mirrored from JSOC. Export its records at {JSOC_URL} instead.")
        segments = self._segments(query)
        record_set = _record_set(query, window)
        keys = [
            *dict.fromkeys((*_KEYS, *(_key(name) for condition in query.conditions for name in condition.keywords)))
        ]
        table, paths = call_drms(
            f"the records {record_set}",
            lambda: self._client.query(record_set, key=keys, seg=list(segments), convert_numeric=False),
        )
        count = len(table)
        columns = {name: [str(value) for value in table[name]] for name in table}
        if count and not {"HARPNUM", "T_REC"} <= set(columns):
            raise ServiceError(f"JSOC returned {record_set} without HARPNUM or T_REC.", reason="no HARPNUM or T_REC")
        slots = [text_slot(text) for text in columns.get("T_REC", ())]
        harps = [_number(text) for text in columns.get("HARPNUM", ())]
        recnums = [_number(text) for text in columns.get("*recnum*", [""] * count)]
        online = columns.get("*online*", [""] * count)
        chosen = _matches(query, slots, harps, columns)
        offers: list[Offer] = []
        notes: list[str] = []
        for row in range(count):
            slot = slots[row]
            if slot is None or harps[row] is None:
                given = f"HARPNUM {columns['HARPNUM'][row]!r} and T_REC {columns['T_REC'][row]!r}"
                notes.append(f"A record of {record_set} was skipped: {given} do not identify it.")
            elif chosen[row] and window.first <= slot <= window.last:
                files, lacking = self._files({name: str(paths[name].iloc[row]) for name in paths}, online[row])
                numbers: dict[str, Any] = {"slot": slot, "harpnum": harps[row], "recnum": recnums[row]}
                offers.append(Offer(series=query.series, files=files, lacking=lacking, **numbers))
        return offers, notes

    def _files(self, paths: Mapping[str, str], online: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return the URLs of segments that are online, and why other segments are unavailable."""
        files: dict[str, str] = {}
        lacking: dict[str, str] = {}
        for segment, path in paths.items():
            if path in ("", "InvalidSegName"):
                continue
            if online != "N" and _PATH.fullmatch(path):
                files[segment] = urljoin(self._base, path)
            else:
                lacking[segment] = NO_FILE if online == "Y" else NOT_ONLINE
        return files, lacking

    def _info(self, series: str) -> Any:
        """Return the description of a series; drms caches it."""
        try:
            return call_drms(f"the series {series}", lambda: self._client.info(series))
        except ServiceError as error:
            if type(error.__cause__).__name__ == "DrmsQueryError":
                raise ServiceError(f"{self.name} has no series {series!r} ({error.reason}).") from error
            raise

    def _segments(self, query: Query) -> tuple[str, ...]:
        """Return the requested segments in the spelling of the series."""
        there = [str(name) for name in self._info(query.series).segments.index]
        known = find_series(query.series)
        found = matching_names(
            query.segments or ([segment.name for segment in known.segments] if known else ["*"]), there
        )
        if not found:
            raise ServiceError(f"{query.series} has none of the segments {', '.join(query.segments)} at {self.name}.")
        return found

    def keywords(self, offers: Sequence[Offer]) -> Iterator[Keywords]:
        """Yield all keywords of records, in batches."""
        reason = f"{self.name} did not return the number of the record"
        yield {}, {offer.key: reason for offer in offers if offer.recnum is None}
        numbered = [offer for offer in offers if offer.recnum is not None]
        for series in dict.fromkeys(offer.series for offer in numbered):
            of_series = [offer for offer in numbered if offer.series == series]
            for begin in range(0, len(of_series), BATCH):
                yield self._request_keywords(
                    series, {offer.recnum: offer.key for offer in of_series[begin : begin + BATCH]}
                )

    def _request_keywords(self, series: str, keys: Mapping[int | None, str]) -> Keywords:
        record_set = f"{series}[:{','.join(f'#{recnum}' for recnum in keys)}]"
        try:
            types = self._info(series).keywords
            table = call_drms(
                f"the keywords of {counted(len(keys), 'record')} of {series}",
                lambda: self._client.query(record_set, key=["*recnum*", "**ALL**"], convert_numeric=False),
            )
        except ServiceError as error:
            return {}, dict.fromkeys(keys.values(), error.reason)
        found: dict[str, dict[str, Any]] = {}
        kinds = {
            str(name): "int" if types.is_integer[name] else "float" if types.is_real[name] else "text"
            for name in types.index
        }
        names = [name for name in table if not name.startswith("*")]
        known = {name: find_keyword(name) or _unknown(name, kinds.get(name, "text")) for name in names}
        numbers = [_number(str(value)) for value in table["*recnum*"]] if "*recnum*" in table else []
        for recnum, *values in zip(numbers, *(table[name] for name in names), strict=True) if numbers else ():
            if recnum in keys:
                plain = zip(known.values(), values, strict=True)
                found[keys[recnum]] = {keyword.name: clean(str(value), keyword) for keyword, value in plain}
        return found, {
            key: f"the reply of {self.name} does not contain the record" for key in keys.values() if key not in found
        }


def _record_set(query: Query, window: Window) -> str:
    """Return a query as a DRMS record set: HARP numbers, then T_REC in TAI, both ends included."""
    slots = round(window.around / CADENCE) + (window.around > 0)
    times = f"{t_rec_text(window.first - slots)}-{t_rec_text(window.last + slots)}"
    first, last = query.harps or (0, 0)
    harps = "" if query.harps is None else f"{first}-{last}" if last != first else f"{first}"
    return f"{query.series}[{harps}][{times}]"


def _key(name: str) -> str:
    return "*recnum*" if name == "recnum" else name.upper()


def _matches(
    query: Query, slots: Sequence[int | None], harps: Sequence[int | None], columns: Mapping[str, Sequence[str]]
) -> Sequence[bool]:
    """Return which records match a query, by the same rules as for a FLARECAST service."""
    count = len(slots)
    if not count:
        return []
    texts = {
        name: columns.get(_key(name), [""] * count) for condition in query.conditions for name in condition.keywords
    }
    keywords = {
        name: keyword_column(name, [clean(text, find_keyword(name)) for text in some]) for name, some in texts.items()
    }
    dates = columns.get("DATE__OBS", [""] * count)
    unknown = np.ma.MaskedArray(np.zeros(count), mask=True)
    records = Records(
        series=np.full(count, query.series, dtype=object),
        recnum=keywords.get("recnum", unknown),
        harpnum=_masked(harps),
        slot=_masked(slots),
        quality=keywords.get("quality", unknown),
        wavelength=keywords.get("wavelnth", unknown),
        date_obs=read_times([None if date in ("", "MISSING") else date for date in dates]),
        prefix=np.full(count, b"", dtype=object),
        names=np.arange(count).astype(object),  # the rows
        keywords=keywords,
    )
    taken = set(satisfying(select(records, query), query).names.tolist())
    return [row in taken for row in range(count)]


def _masked(values: Sequence[int | None]) -> np.ma.MaskedArray[Any, Any]:
    return np.ma.MaskedArray([value or 0 for value in values], mask=[value is None for value in values], dtype=np.int64)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.strip().isdigit() else None


def _unknown(name: str, kind: str) -> Keyword:
    """Return a description of a keyword that is not in the catalog."""
    return Keyword(name=name.lower(), fits=name.upper(), unit="", kind=kind, meaning="")
