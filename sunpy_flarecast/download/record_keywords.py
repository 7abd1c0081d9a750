"""The keywords that bare files of a fetch get: asked for once a record, shared by its segments, and what had none."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from sunpy_flarecast.errors import QueryError, ReplyError, TransferError
from sunpy_flarecast.fits.record_header import IncompleteError, RecordCards
from sunpy_flarecast.rest.meta_reply import meta_url, read_meta
from sunpy_flarecast.rest.service_url import without_password
from sunpy_flarecast.sharp.catalog import all_keywords

from .retry import AgainError, RefusedError, check_status, persist

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

    from .context import Terms

__all__ = ["WAYS", "Bare", "Lack", "Mode", "Record", "Supplement", "described_bare", "fields_of", "mode_of"]

#: Whether files get the keywords that they lack: those that have none, all, or no file.
Mode = Literal["auto", True, False]

#: Records whose cards are kept; files of one record come one after the other.
_RECORDS_KEPT: Final = 64

#: After so many records in a row for which the service failed it is not asked for more in the same fetch.
_HOPELESS: Final = 5

#: The ways to ask: for all keywords by naming none, for those that the catalog knows, and for what a Map needs and
#: some more that every SHARP has. A service may not understand the first, or refuse a name that it does not know.
WAYS: Final = (0, 1, 2)

_FEW: Final = (
    *("harpnum", "t_rec", "t_obs", "date__obs", "quality", "telescop", "instrume", "wavelnth", "content", "noaa_ars"),
    *("ctype1", "ctype2", "cunit1", "cunit2", "crpix1", "crpix2", "crval1", "crval2", "cdelt1", "cdelt2", "crota2"),
    *("crln_obs", "crlt_obs", "car_rot", "dsun_obs", "rsun_obs", "rsun_ref", "obs_vr", "obs_vw", "obs_vn"),
)


class Record(NamedTuple):
    """
    A record, as the service knows it.

    Parameters
    ----------
    base : str
        Base URL of the service.
    series : str
        Name of the series.
    recnum : int
        Record number.
    """

    base: str
    series: str
    recnum: int


class Bare(NamedTuple):
    """
    A file that was published without the keywords that it lacks.

    Parameters
    ----------
    path : str
        The file.
    reason : str
        Why the keywords could not be had.
    record : Record or None
        Whose keywords they are; None if its number is not known.
    segment : str
        The segment's name, empty if it is not known.
    lasting : bool
        Whether the service would answer the same again, so that to ask it once more is hardly of use.
    """

    path: str
    reason: str
    record: Record | None = None
    segment: str = ""
    lasting: bool = False


class Lack(NamedTuple):
    """
    Why there are no keywords of a record.

    Parameters
    ----------
    reason : str
        For a message.
    lasting : bool
        Whether the service would answer the same again.
    """

    reason: str
    lasting: bool


def mode_of(value: object) -> Mode:
    """
    Read what a user wrote for ``headers`` or ``conf.complete_headers``.

    Raises
    ------
    QueryError
        If it is none of ``"auto"``, True, False.

    Examples
    --------
    >>> from sunpy_flarecast.download.record_keywords import mode_of
    >>> mode_of("Auto"), mode_of("false")
    ('auto', False)
    """
    text = str(value).strip().casefold()
    if text == "auto":
        return "auto"
    if text in ("true", "false"):
        return text == "true"
    raise QueryError(
        f"headers={value!r} is not known; write 'auto' (files without keywords get them), True (all files get those "
        "that they lack) or False."
    )


def described_bare(bare: list[Bare]) -> str:
    """
    Say which files have no keywords, and what to do.

    Examples
    --------
    >>> from sunpy_flarecast.download.record_keywords import Bare, described_bare
    >>> described_bare([Bare("a.fits", "the service answered 404 Not Found")])[:76]
    '1 file lacks the keywords that sunpy.map.Map needs, since they could not be '
    """
    count = f"{len(bare):,} files lack" if len(bare) > 1 else "1 file lacks"
    reasons = list(dict.fromkeys(one.reason for one in bare))
    more = f" (and {len(reasons) - 1:,} other reasons)" if len(reasons) > 1 else ""
    which = bare[0].path if len(bare) == 1 else f"{bare[0].path}, ..."
    return (
        f"{count} the keywords that sunpy.map.Map needs, since they could not be had: {reasons[0]}{more}. The files "
        f"are as the service has them: {which} `sunpy-flarecast complete FOLDER` asks for the keywords again."
    )


@dataclass(slots=True)
class _Known:
    """What is known of one record; who holds the lock is asking."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    outcome: RecordCards | Lack | None = None


@dataclass(slots=True)
class _Host:
    """What was learnt of a service: the way to ask it, once one has worked, and how often it failed in a row."""

    way: int | None = None
    failures: int = 0
    lack: Lack | None = None


class Supplement:
    """
    The keywords of a fetch.

    Parameters
    ----------
    mode : "auto", True or False
        Which files get the keywords that they lack.
    """

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.bare: list[Bare] = []
        self._records: OrderedDict[Record, _Known] = OrderedDict()
        self._hosts: dict[tuple[str, str], _Host] = {}

    @property
    def wanted(self) -> bool:
        """Whether any file gets keywords."""
        return self.mode is not False

    @property
    def wanted_by_all(self) -> bool:
        """Whether files that have keywords get those that they lack."""
        return self.mode is True

    def left_bare(self, path: str, lack: Lack, record: Record | None, segment: str) -> None:
        """Note a file that was published without."""
        self.bare.append(Bare(path, lack.reason, record, segment, lack.lasting))

    async def of(self, record: Record | None, session: aiohttp.ClientSession, terms: Terms) -> RecordCards | Lack:
        """
        Give the cards of a record, for which the service is asked by the first who wants them; the others wait.

        Parameters
        ----------
        record : Record or None
            None if the service did not tell its number.
        session : `aiohttp.ClientSession`
            Where to ask.
        terms : Terms
            Of the fetch.

        Returns
        -------
        RecordCards or Lack
            The cards, or why there are none.
        """
        if record is None:
            return Lack("the service did not tell the number of the record", lasting=True)
        known = self._records.get(record)
        if known is None:
            known = self._records[record] = _Known()
            if len(self._records) > _RECORDS_KEPT:
                self._records.popitem(last=False)
        if known.outcome is not None:
            return known.outcome
        async with known.lock:
            if known.outcome is None:
                known.outcome = await self._ask(record, session, terms)
        return known.outcome

    async def _ask(self, record: Record, session: aiohttp.ClientSession, terms: Terms) -> RecordCards | Lack:
        host = self._hosts.setdefault((record.base, record.series), _Host())
        if host.failures >= _HOPELESS and host.lack is not None:
            return host.lack
        ways = WAYS if host.way is None else (host.way,)
        reason = ""
        lasting = True
        answered = None
        for way in ways:
            url = meta_url(record.base, record.series, (record.recnum,), fields_of(way))
            try:
                keywords = await persist(url, terms, partial(_attempt, url, record.recnum, session, terms))
            except TransferError as error:
                if error is terms.halted:
                    raise
                # The first way is the plainest, and what it fails for is told.
                reason = reason or f"{without_password(url)} was asked, and {error}"
                if isinstance(error, (_LackingError, RefusedError)):
                    continue
                lasting = False
                break
            try:
                cards = RecordCards.of(keywords, record.series, record.recnum, without_password(url))
            except IncompleteError as error:
                reason = reason or f"the service's keywords lack {_some(error.names)}"
                answered = way if answered is None else answered
                continue
            host.way, host.failures = way, 0
            return cards
        if answered is not None:
            # The service can be asked so; it is this record that lacks them.
            host.way, host.failures = answered, 0
        else:
            host.failures += 1
            host.lack = Lack(reason, lasting)
        return Lack(reason, lasting)


def _some(names: list[str]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]


def fields_of(way: int) -> tuple[str, ...]:
    """Name the keywords that one of the `WAYS` asks for."""
    if way == 1:
        return tuple(keyword.name for keyword in all_keywords())
    return _FEW if way else ()


class _LackingError(TransferError):
    """The service answered without the record that was asked for."""


async def _attempt(url: str, recnum: int, session: aiohttp.ClientSession, terms: Terms) -> Mapping[str, Any]:
    headers = {**terms.headers(url), "Accept": "application/json"}
    async with session.get(url, headers=headers, proxy=terms.proxy(url), timeout=terms.timeout) as answer:
        await check_status(answer)
        body = await answer.read()
    try:
        found = read_meta(body)
    except ReplyError as error:
        raise AgainError(f"the service answered with what is no reply: {error}", content=True) from None
    if recnum not in found:
        raise _LackingError("the service answered without that record")
    return found[recnum]
