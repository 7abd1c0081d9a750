"""What a mirror copies from: a `Source`, the windows that it is asked for, and the records that it offers."""

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

#: Keywords of records by the records' keys, and the reasons where there are none.
Keywords = tuple[dict[str, dict[str, Any]], dict[str, str]]


class Window(NamedTuple):
    """Slots that are requested at once: at most a day of T_REC (TAI), which is one folder, or a sampling step."""

    first: int
    last: int
    around: float = 0.0  # seconds that are needed, too, to choose the records nearest to a sampling grid

    @property
    def start(self) -> Time:
        """Start of the range to request."""
        return (slot_time(self.first) - TimeDelta(self.around, format="sec")).utc

    @property
    def end(self) -> Time:
        """End of the range to request."""
        return (slot_time(self.last) + TimeDelta(self.around, format="sec")).utc


def windows(query: Query) -> Iterator[Window]:
    """Split the range of a query into windows, not shorter than a sampling step, for each record that may match it."""
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
    files: dict[str, str] = {}  # URLs by segments
    lacking: dict[str, str] = {}  # why files are not available as they are, by segments

    @property
    def key(self) -> str:
        """HARP number and T_REC as text, by which a folder's record is known whatever its number."""
        return f"{self.harpnum if self.harpnum is not None else f'#{self.recnum}'}.{slot_text(self.slot)}"

    def folder(self, root: Path) -> Path:
        """Give the folder of the record's files: by series, and by the day of T_REC."""
        text = slot_text(self.slot)
        return root / self.series / text[:4] / text[4:6] / text[6:8]

    def name(self, segment: str) -> str:
        """Name the file of a segment as JSOC does."""
        return file_name(self.series, segment, harpnum=self.harpnum, slot=self.slot, recnum=self.recnum)

    def fault(self) -> str:
        """Say why the record's files can have no names; empty if they can."""
        if _WORDS.fullmatch(self.series) is None:
            return f"{self.series!r} is not a valid name of a series"
        if wrong := next((name for name in (*self.files, *self.lacking) if _WORD.fullmatch(name) is None), None):
            return f"{wrong!r} is not a valid name of a segment"
        return "" if self.harpnum is not None or self.recnum is not None else "it has neither HARPNUM nor a number"


class Answer(msgspec.Struct, kw_only=True):
    """The records of a window, by T_REC and HARP number, and what else the user should know, as sentences."""

    offers: list[Offer]
    notes: list[str] = []


class Wanted(msgspec.Struct, frozen=True):
    """A file that a source does not have available."""

    offer: Offer
    segment: str


class Source(Protocol):
    """What a mirror copies from."""

    name: str  # for messages
    connections: int  # transfers at a time, unless the user chooses
    service: str | None  # base URL of the FLARECAST service to which user and password, or the token, are sent

    def answer(self, queries: Sequence[Query], window: Window) -> Answer:
        """List the records of a window that match one of the queries; a ServiceError if there is no answer."""
        ...

    def stage(
        self, wanted: Mapping[str, Wanted], notes: dict[str, list[str]], keep: Callable[[], None]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """
        Have files made available, wait for them, and give their URLs, or the reasons why not, by their names.

        ``notes`` are the requests under way, with the names of their files; ``keep`` writes them to disk.
        """
        ...

    def keywords(self, offers: Sequence[Offer]) -> Iterator[Keywords]:
        """Get all keywords of records, some at a time, by their DRMS names in lower case."""
        ...
