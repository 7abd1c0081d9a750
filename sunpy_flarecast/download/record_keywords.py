"""Keywords for the bare files of a fetch, requested once per record and shared by its segments."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from sunpy_flarecast.errors import QueryError, ReplyError, TransferError
from sunpy_flarecast.fits.record_header import IncompleteError, RecordCards
from sunpy_flarecast.fits.user_keywords import of_another_record
from sunpy_flarecast.rest.meta_reply import meta_url, read_meta
from sunpy_flarecast.rest.service_url import without_password
from sunpy_flarecast.sharp.catalog import all_keywords, find_series
from sunpy_flarecast.sharp.keyword_names import is_in

from .report import Bare
from .retry import AgainError, RefusedError, check_status, persist, read_all

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

    from sunpy_flarecast.fits.structure import Headers

    from .context import Context
    from .plan import Record

__all__ = ["Lack", "Mode", "RecordKeywords", "field_sets", "mode_of"]

#: Which files are completed with missing keywords: bare files, all files, or none.
Mode = Literal["auto", True, False]

#: Number of records whose cards are kept; the files of a record are consecutive.
_RECORDS_KEPT: Final = 64

#: After this many consecutive failures no more keywords are requested from the service in the same fetch.
_MAX_FAILURES: Final = 5

#: Keywords that a Map requires, and others that every SHARP has.
_ESSENTIAL: Final = (
    *("t_rec", "t_obs", "date__obs", "quality", "telescop", "instrume", "wavelnth", "content", "noaa_ars"),
    *("ctype1", "ctype2", "cunit1", "cunit2", "crpix1", "crpix2", "crval1", "crval2", "cdelt1", "cdelt2", "crota2"),
    *("crln_obs", "crlt_obs", "car_rot", "dsun_obs", "rsun_obs", "rsun_ref", "obs_vr", "obs_vw", "obs_vn"),
)


@cache
def field_sets(series: str) -> tuple[tuple[str, ...], ...]:
    """Return the field lists to try in requests: none (all keywords), those of the catalog, and a few."""
    # A service may not support the first, or refuse an unknown name in the second.
    known = find_series(series)
    few = (known.region_keyword if known else "harpnum", *_ESSENTIAL)
    return (), tuple(keyword.name for keyword in all_keywords() if is_in(keyword, series)), few


class Lack(NamedTuple):
    """Why the keywords of a record are unavailable, and whether a retry would give the same answer."""

    reason: str
    lasting: bool


def mode_of(value: object) -> Mode:
    """Parse the value of ``complete_headers``."""
    text = str(value).strip().casefold()
    if text == "auto":
        return "auto"
    if text in ("true", "false"):
        return text == "true"
    raise QueryError(
        f"complete_headers={value!r} is invalid. Use 'auto' (complete files without keywords), True (complete all "
        "files) or False."
    )


@dataclass(slots=True)
class _Host:
    """The field list that works with a service (None if not known yet), and its consecutive failures."""

    fields: tuple[str, ...] | None = None
    failures: int = 0
    lack: Lack | None = None


class RecordKeywords:
    """The keywords of a fetch, for the files selected by the mode."""

    def __init__(self, mode: Mode, context: Context) -> None:
        self.mode = mode
        self.context = context
        self.bare: list[Bare] = []
        self._records: OrderedDict[Record, asyncio.Task[RecordCards | Lack]] = OrderedDict()
        self._hosts: dict[tuple[str, str], _Host] = {}

    def wanted(self, headers: Headers) -> bool:
        """Return whether a file with these headers gets keywords."""
        return self.mode is True or (self.mode == "auto" and headers.bare)

    def left_bare(self, path: str, lack: Lack, record: Record | None, segment: str) -> None:
        """Record a file that was published without keywords."""
        self.bare.append(Bare(path, lack.reason, record, segment, lack.lasting))

    async def of(self, record: Record | None, session: aiohttp.ClientSession) -> RecordCards | Lack:
        """Return the cards of a record, or why they are unavailable; simultaneous calls share one request."""
        if record is None:
            return Lack("the service did not return the number of the record", lasting=True)
        if (known := self._records.get(record)) is None:
            known = self._records[record] = asyncio.create_task(self._request(record, session))
            if len(self._records) > _RECORDS_KEPT:
                self._records.popitem(last=False)
        return await known

    async def _request(self, record: Record, session: aiohttp.ClientSession) -> RecordCards | Lack:
        host = self._hosts.setdefault((record.base, record.series), _Host())
        if host.failures >= _MAX_FAILURES and host.lack is not None:
            return host.lack
        reason = ""  # of the first request, which is the clearest
        lasting = True
        answered = None
        for fields in field_sets(record.series) if host.fields is None else (host.fields,):
            url = meta_url(record.base, record.series, (record.recnum,), fields)
            try:
                keywords = await persist(url, self.context, partial(self._attempt, url, record.recnum, session))
            except TransferError as error:
                if error is self.context.halted:
                    raise
                reason = reason or f"the request {without_password(url)} failed: {error}"
                if isinstance(error, RefusedError):
                    continue
                lasting = False
                break
            answered = fields if answered is None else answered
            if differing := of_another_record(keywords, record.series, record.harpnum, record.slot, record.recnum):
                reason = reason or f"the service returned keywords of {differing[1]} instead of {differing[0]}"
                continue
            try:
                cards = RecordCards.of(keywords, record.series, record.recnum, without_password(url))
            except IncompleteError as error:
                more = f" and {len(error.names) - 1} more" if len(error.names) > 1 else ""
                reason = reason or f"the service's keywords lack {error.names[0]}{more}"
                continue
            host.fields, host.failures = fields, 0
            return cards
        if answered is not None:
            # The request works with this service; only this record lacks keywords.
            host.fields, host.failures = answered, 0
        else:
            host.failures += 1
            host.lack = Lack(reason, lasting)
        return Lack(reason, lasting)

    async def _attempt(self, url: str, recnum: int, session: aiohttp.ClientSession) -> Mapping[str, Any]:
        context = self.context
        headers = {**context.headers(url), "Accept": "application/json"}
        options: dict[str, Any] = {"proxy": context.proxy(url), "timeout": context.timeout, **context.tls}
        async with session.get(url, headers=headers, **options) as reply:
            await check_status(reply)
            body = await read_all(reply, context)
        try:
            found = read_meta(body)
        except ReplyError as error:
            raise AgainError(f"the service's reply is not valid: {error}", content=True) from None
        if recnum not in found:
            raise RefusedError("the reply does not contain the record")
        return found[recnum]
