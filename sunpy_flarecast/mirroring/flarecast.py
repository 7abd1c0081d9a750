"""A FLARECAST service as the source of a mirror; it is searched in the same way as by the client."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sunpy_flarecast.config import conf
from sunpy_flarecast.download.plan import moved_url
from sunpy_flarecast.download.record_keywords import field_sets
from sunpy_flarecast.errors import ServiceError, TransferError
from sunpy_flarecast.query.query import service_time
from sunpy_flarecast.rest.keyword_requests import keywords_of
from sunpy_flarecast.rest.records import merge
from sunpy_flarecast.rest.service import Service
from sunpy_flarecast.rest.service_url import base_url, without_password
from sunpy_flarecast.search.keyword_filter import look_up
from sunpy_flarecast.search.search import find
from sunpy_flarecast.search.selection import select
from sunpy_flarecast.sharp.t_rec import slot_of
from sunpy_flarecast.table.base import RecordTable
from sunpy_flarecast.utils.masked import optional
from sunpy_flarecast.utils.reports import counted

from .source import Answer, Offer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sunpy_flarecast.query.query import Query
    from sunpy_flarecast.rest.records import Records

    from .source import Keywords, Wanted, Window

__all__ = ["FLARECASTSource"]


class FLARECASTSource:
    """A FLARECAST service, by default that of ``conf.url``."""

    connections = 5

    def __init__(self, url: str | None = None) -> None:
        self.service: str | None = base_url(str(conf.url) if url is None else url)
        self.name = without_password(self.service)

    def answer(self, queries: Sequence[Query], window: Window) -> Answer:
        """List the records of a window that match one of the queries."""
        # The sampling grid starts with the mirror, not the window; keywords are requested for sampled records only.
        listed = [tuple(condition for condition in query.conditions if condition.listed) for query in queries]
        asked = [
            replace(query, start=window.start, end=window.end, sample=None, conditions=conditions)
            for query, conditions in zip(queries, listed, strict=True)
        ]
        with Service(self.service, cached=False) as service:
            try:
                found = find(asked, service, strict=True)
                looked = look_up([(query, select(found.records, query)) for query in queries], service)
                if failed := [gap.error for part in looked for gap in part.missing]:
                    raise failed[0]
            except ServiceError as error:
                raise self._search_error(error, queries) from error
        records = merge([part.records for part in looked])
        undated = int(np.count_nonzero(np.ma.getmaskarray(records.slot)))
        notes = [*found.notes, *(text for part in looked for text in part.notes)]
        if undated:
            skipped = f"{counted(undated, 'record')} of {queries[0].series} {'was' if undated == 1 else 'were'} skipped"
            notes.append(f"{skipped}, since T_REC, which determines the folder, is missing.")
        return Answer(offers=self._offers(records, window), notes=notes)

    def _search_error(self, error: ServiceError, queries: Sequence[Query]) -> ServiceError:
        """Return the error for the range that the user requested."""
        start, end = service_time(queries[0].start), service_time(queries[0].end, up=True)
        reason = error.reason.removesuffix(".")
        return type(error)(
            f"The search of {self.name} for records of {queries[0].series} from {start} to {end} failed: "
            f"{reason}. {error.advice or 'Try again later.'} Complete files are kept.",
            reason=reason,
            advice=error.advice,
        )

    def _offers(self, records: Records, window: Window) -> list[Offer]:
        table = RecordTable.from_records(records)
        files: list[dict[str, str]] = [{} for _ in range(len(table))]
        lacking: list[dict[str, str]] = [{} for _ in range(len(table))]
        for file in table.files():
            try:
                files[file.row][file.segment] = moved_url(file.url, self.name, move=conf.rebase_urls)
            except TransferError as error:
                lacking[file.row][file.segment] = str(error)
        rows = zip(
            table["Series"].tolist(),
            optional(slot_of(table["T_REC"]), table["T_REC"]),
            optional(table["HARPNUM"], table["HARPNUM"]),
            optional(table["Record"], table["Record"]),
            files,
            lacking,
            strict=True,
        )
        return [
            Offer(series=series, slot=slot, harpnum=harpnum, recnum=recnum, files=urls, lacking=why)
            for series, slot, harpnum, recnum, urls, why in rows
            if slot is not None and window.first <= slot <= window.last
        ]

    def stage(
        self, wanted: Mapping[str, Wanted], notes: dict[str, list[str]], keep: Callable[[], None]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the known reasons: a service cannot make more files available."""
        return {}, {name: file.offer.lacking[file.segment] for name, file in wanted.items()}

    def keywords(self, offers: Sequence[Offer]) -> Iterator[Keywords]:
        """Yield all keywords of records, in batches."""
        reason = "the service did not return the number of the record"
        yield {}, {offer.key: reason for offer in offers if offer.recnum is None}
        with Service(self.service) as service:
            for series in dict.fromkeys(offer.series for offer in offers):
                keys = {
                    offer.recnum: offer.key for offer in offers if offer.series == series and offer.recnum is not None
                }
                yield from _request_keywords(service, series, keys)


def _request_keywords(service: Service, series: str, keys: dict[int, str]) -> Iterator[Keywords]:
    """Request keywords with each field list in turn, until no record is left."""
    left = dict(keys)
    reasons: dict[int, str] = {}
    for fields in field_sets(series):
        try:
            for values, failures in keywords_of(service, series, list(left), fields):
                some = {left.pop(recnum): dict(of) for recnum, of in values.items() if of and recnum in left}
                yield some, {}
                for recnums, error in failures:
                    reasons |= {recnum: error.reason for recnum in recnums if recnum not in reasons}
        except ServiceError as error:
            reasons |= {recnum: error.reason for recnum in left if recnum not in reasons}
        if not left:
            return
    yield {}, {key: reasons.get(recnum, "the service did not answer") for recnum, key in left.items()}
