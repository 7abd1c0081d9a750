"""What all transfers of one fetch share: settings, read once, and what transfers learn from each other."""

from __future__ import annotations

import asyncio
import os
import random
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from requests.utils import get_environ_proxies, select_proxy

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
    from typing import Self

    from sunpy_flarecast.fits.on_disk import Origin
    from sunpy_flarecast.fits.structure import Headers

    from .plan import Place, Record

__all__ = ["Context", "OccupiedError", "Pace"]

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
    """A gate for all transfers of one fetch from one host: when a host is busy, all of them leave it alone."""

    def __init__(self) -> None:
        self._open_at = 0.0

    def pause(self, seconds: float) -> None:
        """Close the gate for this many seconds from now, unless it is closed for longer already."""
        self._open_at = max(self._open_at, time.monotonic() + seconds)

    async def passed(self) -> None:
        """Wait until the gate is open."""
        while (wait := self._open_at - time.monotonic()) > 0:
            await asyncio.sleep(wait + random.uniform(0, min(_SPREAD, wait)))  # noqa: S311 (no secret)


@dataclass
class Context:
    """Settings of one fetch, and what its transfers have learnt."""

    #: The downloader's configuration: ``overwrite`` and proxies.
    settings: Any
    #: Base URL of the service to which user and password, or the token, are sent.
    service: str = field(default_factory=lambda: conf.url)
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
        return self._paces.setdefault(_origin(url), Pace())

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
        look = _compared(origin, record, place.segment) if origin.keywords else _UNKNOWN
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
def _compared(origin: Origin, record: Record, segment: str) -> Look:
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
    # Those that an archive made for its bare files tell nothing.
    if origin.recnum is None or record.recnum >= FIRST_MADE:
        return _UNKNOWN
    return Look("old") if origin.recnum < record.recnum else _UNKNOWN


def _origin(url: str) -> str:
    """Return scheme and host of an http URL; much faster than `urlsplit`."""
    return url[: url.find("/", 8)]
