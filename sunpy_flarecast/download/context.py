"""What all transfers of one fetch share: settings, read once, and what transfers learn from each other."""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from requests.utils import get_environ_proxies, select_proxy
from sunpy import log

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.datasum import check_datasums
from sunpy_flarecast.fits.on_disk import origin_at, origin_of
from sunpy_flarecast.fits.user_keywords import of_another_record
from sunpy_flarecast.rest.auth import USER_AGENT, authorization
from sunpy_flarecast.rest.retry import RetryPolicy
from sunpy_flarecast.rest.service_url import base_url, is_within, without_password
from sunpy_flarecast.sharp.catalog import FIRST_MADE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from sunpy_flarecast.fits.on_disk import Origin
    from sunpy_flarecast.fits.structure import Headers

    from .connections import Leases
    from .plan import Place, Record

__all__ = ["Context", "OccupiedError", "Pace", "compared"]

#: So many files in a row that fail since a host cannot be reached, or four times the connections if those are more,
#: mean that it is gone. With the default settings that takes half a minute to five.
_IN_A_ROW: Final = 20

#: Longest time, in seconds, after which a transfer learns that another process pauses.
_LOOK_EVERY: Final = 1.0

#: Transfers that waited for one host start again within this time, in seconds, and not all at once.
_SPREAD: Final = 0.25


class OccupiedError(TransferError):
    """Another file has the name of one that is to be fetched."""


class Look(NamedTuple):
    """
    What is on disk where a file goes to.

    The file wanted is ``there``, or ``unknown`` if it does not tell the version of the record. Otherwise there is none
    (``absent``), or a damaged one, that of an earlier version (``old``), or of ``what`` else (``other``).
    """

    state: Literal["absent", "damaged", "old", "other", "there", "unknown"]
    what: str = ""

    @property
    def stays(self) -> bool:
        """Whether the file needs no transfer."""
        return self.state in ("there", "unknown")


_UNKNOWN: Final = Look("unknown")


class Pace:
    """
    A gate for all transfers of one fetch from one host: when a host is busy, all of them leave it alone.

    When so many files in a row could not be fetched, in spite of all retries, since the host cannot be reached, the
    rest is not tried. ``exchange`` takes the seconds for which this process pauses, and returns those of all processes
    that share the fetch; it may block.
    """

    def __init__(self, enough: int = _IN_A_ROW, exchange: Callable[[float], float] | None = None) -> None:
        self._enough = enough
        self._exchange = exchange
        self._open_at = 0.0
        self._look_at = 0.0
        self._in_a_row = 0
        #: Why nothing more is requested from the host, once that is so.
        self.away = ""

    def pause(self, seconds: float) -> None:
        """Close the gate for this many seconds from now, unless it is closed for longer already."""
        self._open_at = max(self._open_at, time.monotonic() + seconds)
        self._look_at = 0.0  # the other processes learn of it at once

    async def passed(self) -> None:
        """Wait until the gate is open."""
        while True:
            now = time.monotonic()
            if self._exchange is not None and now >= self._look_at:
                self._look_at = now + _LOOK_EVERY
                others = await asyncio.to_thread(self._exchange, max(0.0, self._open_at - now))
                self._open_at = max(self._open_at, time.monotonic() + others)
            if (wait := self._open_at - time.monotonic()) <= 0:
                return
            await asyncio.sleep(wait + random.uniform(0, min(_SPREAD, wait)))  # noqa: S311 (no secret)

    def replied(self) -> None:
        """Note that the host can be reached."""
        self._in_a_row = 0

    def unreachable(self, reason: str) -> None:
        """Count a file that could not be fetched, since the host cannot be reached."""
        self._in_a_row += 1
        if self._in_a_row >= self._enough and not self.away:
            self.away = f"not requested, since the service could not be reached any more ({reason})"
            log.warning(f"After {self._in_a_row} files in a row the rest is {self.away}.")


@dataclass
class Context:
    """Settings of one fetch, and what its transfers have learnt."""

    #: The downloader's configuration: ``overwrite`` and proxies.
    settings: Any
    #: Base URL of the service to which user and password, or the token, are sent.
    service: str = field(default_factory=lambda: conf.url)
    #: What is shared with other processes: how many connections there are, and pauses.
    leases: Leases | None = None
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    read_timeout: float = field(default_factory=lambda: conf.read_timeout)
    connect_timeout: float = field(default_factory=lambda: conf.connect_timeout)
    verify_checksum: bool = field(default_factory=lambda: conf.verify_checksum)
    file_size: float = field(default_factory=lambda: conf.file_size * 1e6)
    reply_size: float = field(default_factory=lambda: conf.reply_size * 1e6)
    reply_timeout: float = field(default_factory=lambda: conf.reply_timeout)
    #: Why nothing more is fetched, once that is so.
    halted: TransferError | None = None
    interrupted: bool = False
    #: Files that another process has finished since this fetch began.
    found: set[str] = field(default_factory=set)
    #: Files that stay, and do not say of which version of their records they are.
    unidentified: dict[str, None] = field(default_factory=dict)
    #: Series of services whose files have other record numbers in their headers than in the lists.
    renumbered: set[tuple[str, str]] = field(default_factory=set)
    _paces: dict[str, Pace] = field(default_factory=dict)
    _proxies: dict[str, str | None] = field(default_factory=dict)
    _folders: set[str] = field(default_factory=set)
    _authorized: tuple[str, dict[str, str]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.connect_timeout, sock_read=self.read_timeout)
        # A compressed reply would have another length than the file, and SHARP files are compressed already.
        self._headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        # Kept apart from the URLs of files, which are shown and written in many places.
        if header := authorization(self.service):
            base = f"{without_password(base_url(self.service))}/"
            self._authorized = base, {**self._headers, "Authorization": header}

    def anew(self) -> Self:
        """Return the same context for another fetch, without what was learnt in this one."""
        return type(self)(self.settings, self.service)

    def pace(self, url: str) -> Pace:
        """Return the gate of a URL's host."""
        if (pace := self._paces.get(origin := _origin(url))) is None:
            enough = max(_IN_A_ROW, 4 * self.settings.max_conn)
            exchange = None if self.leases is None else partial(self.leases.exchange, origin)
            pace = self._paces[origin] = Pace(enough, exchange)
        return pace

    @property
    def away(self) -> str:
        """Why files were not tried, if a service could not be reached."""
        return next((pace.away for pace in self._paces.values() if pace.away), "")

    @contextmanager
    def several_connections(self) -> Iterator[int | None]:
        """Take as many shared connections as there are, for requests that are made in another way; None for any."""
        if self.leases is None:
            yield None
        else:
            with self.leases.several(min(self.settings.max_conn, conf.parallel_requests)) as number:
                yield number

    def proxy(self, url: str) -> str | None:
        """Return the proxy for a URL."""
        origin = _origin(url)
        if origin not in self._proxies:
            scheme = urlsplit(url).scheme
            proxy: str | None = self.settings.https_proxy if scheme == "https" else self.settings.http_proxy
            if proxy in (None, os.environ.get(f"{scheme.upper()}_PROXY")):
                # Not of the downloader's own choice: as for the search, with no_proxy and lower case.
                proxy = select_proxy(url, get_environ_proxies(url))
            self._proxies[origin] = f"http://{proxy}" if proxy and "://" not in proxy else proxy
        return self._proxies[origin]

    def headers(self, url: str) -> dict[str, str]:
        """Return the headers of a request; token or password are those of the service, and for it only."""
        if self._authorized is not None and is_within(url, self._authorized[0]):
            return self._authorized[1]
        return self._headers

    def look(self, place: Place) -> Look:
        """Look at what is on disk where a file goes to, with its DATASUM if that is verified."""
        if self.settings.overwrite is not False:
            return Look("absent")
        if (origin := origin_at(place.path)) is None:
            return Look("damaged" if os.path.isfile(place.path) else "absent")
        if self.verify_checksum:
            try:
                check_datasums(place.path)
            except (TransferError, OSError):
                return Look("damaged")
        record = place.record
        if record is None:
            return Look("there")
        look = compared(origin, record, place.segment) if origin.keywords else _UNKNOWN
        if look.state == "old" and (record.base, record.series) in self.renumbered:
            look = _UNKNOWN
        if look is _UNKNOWN:
            self.unidentified[place.path] = None
        return look

    def compare(self, place: Place, headers: Headers) -> None:
        """Do not go by record numbers any more if those in headers, as a new file shows, are not those of the lists."""
        if place.record is not None and origin_of(headers).recnum not in (None, place.record.recnum):
            self.renumbered.add((place.record.base, place.record.series))

    def make_folder(self, path: str) -> None:
        """Make the folder of a file, once for all files in it."""
        folder = os.path.dirname(path)
        if folder and folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)


@lru_cache(1 << 15)
def compared(origin: Origin, record: Record, segment: str) -> Look:
    """Compare what the header of a file says with the record and segment that are to be fetched."""
    keywords = dict(origin.keywords)
    if differing := of_another_record(keywords, record.series, record.harpnum, record.slot, record.recnum):
        return Look("other", differing[1])
    own = keywords.get("DRMS_ID", "").split(":")[2:]
    if own and segment and own[0].casefold() != segment.casefold():
        return Look("other", f"segment {own[0]}")
    if origin.recnum == record.recnum:
        return Look("there")
    # Numbers increase: a file with a greater one is of a later version, which a service that lags behind does not have.
    # Those that an archive made for its bare files have no order.
    if origin.recnum is None or record.recnum >= FIRST_MADE:
        return _UNKNOWN
    return Look("old") if origin.recnum < record.recnum else _UNKNOWN


def _origin(url: str) -> str:
    """Return scheme and host of an http URL; much faster than `urlsplit`."""
    return url[: url.find("/", 8)]
