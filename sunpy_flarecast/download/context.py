"""The state shared by all transfers of a fetch: settings, read once, and findings such as an unreachable host."""

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
from sunpy_flarecast.rest.certificates import own_certificates
from sunpy_flarecast.rest.retry import RetryPolicy
from sunpy_flarecast.rest.service_url import base_url, is_within, without_password
from sunpy_flarecast.sharp.catalog import FIRST_MADE

from .connections import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from sunpy_flarecast.fits.on_disk import Origin
    from sunpy_flarecast.fits.structure import Headers

    from .connections import Leases
    from .plan import Place, Record

__all__ = ["Context", "OccupiedError", "Pace", "compared"]

#: A host is considered lost after this many consecutive files for which it cannot be reached, or four times the number
#: of connections if that is larger. With the default settings this takes half a minute to five minutes.
_MAX_FAILURES: Final = 20

#: Longest time in seconds until a transfer notices a pause of another process.
_EXCHANGE_INTERVAL: Final = 1.0

#: Transfers that had to wait for a host do not resume all at once, but within this many seconds.
_SPREAD: Final = 0.25


class OccupiedError(TransferError):
    """The path of a file to be fetched is occupied by another file."""


class Look(NamedTuple):
    """
    The state of the file on disk at the path of a transfer.

    ``there``: the wanted file; ``unknown``: perhaps the wanted file, but of an unknown version of the record;
    ``absent``: no file; ``damaged``; ``old``: of an earlier version of the record; ``other``: of another ``origin``.
    """

    state: Literal["absent", "damaged", "old", "other", "there", "unknown"]
    origin: str = ""

    @property
    def stays(self) -> bool:
        """Whether the file needs no transfer."""
        return self.state in ("there", "unknown")


_UNKNOWN: Final = Look("unknown")


class Pace:
    """
    A gate for all transfers of a fetch from one host: all of them pause when the host is busy.

    After ``enough`` consecutive files for which the host could not be reached, despite all retries, the remaining files
    are skipped. ``exchange`` takes the seconds for which this process pauses, and returns those of all processes that
    share the fetch; it may block.
    """

    def __init__(self, enough: int = _MAX_FAILURES, exchange: Callable[[float], float] | None = None) -> None:
        self._enough = enough
        self._exchange = exchange
        self._open_at = 0.0
        self._exchange_at = 0.0
        self._failures = 0
        #: Why nothing more is requested from the host; empty while it can be reached.
        self.away = ""

    def pause(self, seconds: float) -> None:
        """Close the gate for at least this many seconds from now."""
        self._open_at = max(self._open_at, time.monotonic() + seconds)
        self._exchange_at = 0.0  # share it with the other processes at once

    async def passed(self) -> None:
        """Wait until the gate is open."""
        while True:
            now = time.monotonic()
            if self._exchange is not None and now >= self._exchange_at:
                self._exchange_at = now + _EXCHANGE_INTERVAL
                others = await asyncio.to_thread(self._exchange, max(0.0, self._open_at - now))
                self._open_at = max(self._open_at, time.monotonic() + others)
            if (wait := self._open_at - time.monotonic()) <= 0:
                return
            await asyncio.sleep(wait + random.uniform(0, min(_SPREAD, wait)))  # noqa: S311 (no secret)

    def replied(self) -> None:
        """Record that the host can be reached."""
        self._failures = 0

    def unreachable(self, reason: str) -> None:
        """Count a file that could not be fetched because the host cannot be reached."""
        self._failures += 1
        if self._failures >= self._enough and not self.away:
            self.away = f"skipped because the service can no longer be reached ({reason})"
            log.warning(f"After {self._failures} consecutive failures the remaining files are {self.away}.")


@dataclass
class Context:
    """The settings of one fetch, and the findings of its transfers."""

    #: The downloader's configuration: ``overwrite`` and proxies.
    settings: Any
    #: Base URL of the service to which user and password, or the token, are sent.
    service: str = field(default_factory=lambda: conf.url)
    #: Connections and pauses shared with other processes.
    leases: Leases | None = None
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    read_timeout: float = field(default_factory=lambda: conf.read_timeout)
    connect_timeout: float = field(default_factory=lambda: conf.connect_timeout)
    verify_checksum: bool = field(default_factory=lambda: conf.verify_checksum)
    file_size: float = field(default_factory=lambda: conf.file_size * 1e6)
    reply_size: float = field(default_factory=lambda: conf.reply_size * 1e6)
    reply_timeout: float = field(default_factory=lambda: conf.reply_timeout)
    #: Why the whole fetch has stopped; None while it runs.
    halted: TransferError | None = None
    interrupted: bool = False
    #: Files that another process has finished since this fetch started.
    found: set[str] = field(default_factory=set)
    #: Kept files that do not identify the version of their record.
    unidentified: dict[str, None] = field(default_factory=dict)
    #: Services and series whose files have different record numbers in their headers and in the lists.
    renumbered: set[tuple[str, str]] = field(default_factory=set)
    _paces: dict[str, Pace] = field(default_factory=dict)
    _proxies: dict[str, str | None] = field(default_factory=dict)
    _folders: set[str] = field(default_factory=set)
    _authorized: tuple[str, dict[str, str]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.connect_timeout, sock_read=self.read_timeout)
        own = own_certificates()
        #: More options of each request.
        self.tls: dict[str, Any] = {} if own is None else {"ssl": own}
        # The length of a compressed reply would differ from the file's, and SHARP files are already compressed.
        self._headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        # Not part of the URLs of files, which appear in messages and reports.
        if header := authorization(self.service):
            base = f"{without_password(base_url(self.service))}/"
            self._authorized = base, {**self._headers, "Authorization": header}

    def fresh(self) -> Self:
        """Return a context with the same settings for another fetch, without the findings of this one."""
        return type(self)(self.settings, self.service)

    def pace(self, url: str) -> Pace:
        """Return the gate of a URL's host."""
        if (pace := self._paces.get(origin := _origin(url))) is None:
            enough = max(_MAX_FAILURES, 4 * self.settings.max_conn)
            exchange = None if self.leases is None else partial(self._exchange, self.leases, origin)
            pace = self._paces[origin] = Pace(enough, exchange)
        return pace

    def _exchange(self, leases: Leases, origin: str, seconds: float) -> float:
        """Share the pauses for a host with other processes; stop the fetch if nobody is waiting for it."""
        try:
            return leases.exchange(origin, seconds)
        except StoppedError as error:
            self.halted = error
            raise

    @property
    def away(self) -> str:
        """Why files were skipped, if a service could not be reached."""
        return next((pace.away for pace in self._paces.values() if pace.away), "")

    @contextmanager
    def several_connections(self) -> Iterator[int | None]:
        """Take all free shared connections for other requests, and yield their number; None means no limit."""
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
                # Not set by the user: choose it as for the search, which respects no_proxy and lower-case names.
                proxy = select_proxy(url, get_environ_proxies(url))
            self._proxies[origin] = f"http://{proxy}" if proxy and "://" not in proxy else proxy
        return self._proxies[origin]

    def headers(self, url: str) -> dict[str, str]:
        """Return the headers of a request; credentials are sent to the service only."""
        if self._authorized is not None and is_within(url, self._authorized[0]):
            return self._authorized[1]
        return self._headers

    def look(self, place: Place) -> Look:
        """Inspect the path of a file on disk; check its DATASUM if checksums are verified."""
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
        """Stop comparing record numbers if the header of a new file has a number other than the listed one."""
        if place.record is not None and origin_of(headers).recnum not in (None, place.record.recnum):
            self.renumbered.add((place.record.base, place.record.series))

    def make_folder(self, path: str) -> None:
        """Create the folder of a file, once for all files in it."""
        folder = os.path.dirname(path)
        if folder and folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)


@lru_cache(1 << 15)
def compared(origin: Origin, record: Record, segment: str) -> Look:
    """Compare the header of a file with the record and segment to be fetched."""
    keywords = dict(origin.keywords)
    if differing := of_another_record(keywords, record.series, record.harpnum, record.slot, record.recnum):
        return Look("other", differing[1])
    own = keywords.get("DRMS_ID", "").split(":")[2:]
    if own and segment and own[0].casefold() != segment.casefold():
        return Look("other", f"segment {own[0]}")
    if origin.recnum == record.recnum:
        return Look("there")
    # Numbers increase: a file with a larger number is of a newer version, which an outdated service does not have.
    # Numbers that an archive made up for bare files are not ordered.
    if origin.recnum is None or record.recnum >= FIRST_MADE:
        return _UNKNOWN
    return Look("old") if origin.recnum < record.recnum else _UNKNOWN


def _origin(url: str) -> str:
    """Return scheme and host of an HTTP URL; much faster than `urlsplit`."""
    return url[: url.find("/", 8)]
