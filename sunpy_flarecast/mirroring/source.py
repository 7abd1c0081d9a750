"""The source of a mirror: `Source`, the windows that are requested, and the records that it offers."""

from __future__ import annotations

import re
from math import ceil, floor
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec
from astropy.time import TimeDelta

from sunpy_flarecast.sharp.catalog import margin_of
from sunpy_flarecast.sharp.filenames import file_name
from sunpy_flarecast.sharp.t_rec import CADENCE, slot_seconds, slot_text, slot_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from astropy.time import Time

    from sunpy_flarecast.query.query import Query

__all__ = ["Answer", "Keywords", "Offer", "Source", "Wanted", "Window", "windows"]

_WORD: Final = re.compile(r"\w+", re.ASCII)
_WORDS: Final = re.compile(r"\w+(?:\.\w+)*", re.ASCII)

_SLOTS_A_DAY: Final = 86400 // CADENCE

#: Keywords of records by the records' keys, and the reasons for missing keywords.
Keywords = tuple[dict[str, dict[str, Any]], dict[str, str]]


class Window(NamedTuple):
    """The slots of one request: at most a day of T_REC (TAI), which is one folder, or a sampling step."""

    first: int
    last: int
    around: float = 0.0  # margin in seconds to choose the records nearest to a sampling grid

    @property
    def start(self) -> Time:
        """Start of the range to request."""
        return (slot_time(self.first) - TimeDelta(self.around, format="sec")).utc

    @property
    def end(self) -> Time:
        """End of the range to request."""
        return (slot_time(self.last) + TimeDelta(self.around, format="sec")).utc


def windows(query: Query) -> Iterator[Window]:
    """Split the range of a query into windows, not shorter than a sampling step, that cover all matching records."""
    start, end = query.span
    first = ceil((slot_seconds(start) - margin_of(query.series)) / CADENCE)
    last = floor((slot_seconds(end) + margin_of(query.series)) / CADENCE)
    days = max(1, ceil((query.sample or 0.0) / 86400))
    while first <= last:
        following = (first // _SLOTS_A_DAY + days) * _SLOTS_A_DAY
        yield Window(first, min(following - 1, last), query.sample or 0.0)
        first = following


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a source."""

    series: str
    slot: int
    harpnum: int | None
    recnum: int | None
    files: dict[str, str] = {}  # URLs by segment
    lacking: dict[str, str] = {}  # why files are unavailable, by segment

    @property
    def key(self) -> str:
        """HARP number and T_REC as text; identifies a record of a folder independently of its record number."""
        return f"{self.harpnum if self.harpnum is not None else f'#{self.recnum}'}.{slot_text(self.slot)}"

    def folder(self, root: Path) -> Path:
        """Return the folder of the record's files, by series and day of T_REC."""
        text = slot_text(self.slot)
        return root / self.series / text[:4] / text[4:6] / text[6:8]

    def name(self, segment: str) -> str:
        """Return JSOC's name of the file of a segment."""
        return file_name(self.series, segment, harpnum=self.harpnum, slot=self.slot, recnum=self.recnum)

    def fault(self) -> str:
        """Return why the record's files cannot be named; empty if they can."""
        if _WORDS.fullmatch(self.series) is None:
            return f"{self.series!r} is not a valid name of a series"
        if wrong := next((name for name in (*self.files, *self.lacking) if _WORD.fullmatch(name) is None), None):
            return f"{wrong!r} is not a valid name of a segment"
        return "" if self.harpnum is not None or self.recnum is not None else "HARPNUM and record number are missing"


class Answer(msgspec.Struct, kw_only=True):
    """The records of a window, sorted by T_REC and HARP number, and notes for the user as sentences."""

    offers: list[Offer]
    notes: list[str] = []


class Wanted(msgspec.Struct, frozen=True):
    """A file that is not available at the source."""

    offer: Offer
    segment: str


class Source(Protocol):
    """The source of a mirror."""

    name: str  # for messages
    connections: int  # default number of simultaneous transfers
    service: str | None  # base URL of the FLARECAST service to which credentials are sent

    def answer(self, queries: Sequence[Query], window: Window) -> Answer:
        """List the records of a window that match one of the queries; raise a `ServiceError` on failure."""
        ...

    def stage(
        self, wanted: Mapping[str, Wanted], notes: dict[str, list[str]], keep: Callable[[], None]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """
        Request that files be made available, wait for them, and return URLs and failure reasons by file name.

        ``notes`` are the pending requests with the names of their files; ``keep`` writes them to disk.
        """
        ...

    def keywords(self, offers: Sequence[Offer]) -> Iterator[Keywords]:
        """Yield all keywords of records in batches, by DRMS names in lower case."""
        ...
