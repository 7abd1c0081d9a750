"""What a mirror copies from: `Source`, the records that it offers, and where their files go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from sunpy_flarecast.sharp.filenames import file_name
from sunpy_flarecast.sharp.t_rec import slot_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sunpy_flarecast.query.query import Query

    from .windows import Window

__all__ = ["Answer", "Offer", "Source", "Wanted"]

_WORD: Final = re.compile(r"\w+", re.ASCII)
_WORDS: Final = re.compile(r"\w+(?:\.\w+)*", re.ASCII)


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """
    A record as a source has it.

    Parameters
    ----------
    series : str
        Full name of the series.
    slot : int
        T_REC as a number of 720 s slots since 1993-01-01T00:00:00 TAI.
    harpnum : int or None
        HARP number; None if the source does not tell it.
    recnum : int or None
        Record number; None if the source does not tell it.
    files : dict
        URLs of the files by segments.
    lacking : dict
        For segments whose files cannot be had as they are: why.
    """

    series: str
    slot: int
    harpnum: int | None
    recnum: int | None
    files: dict[str, str] = {}
    lacking: dict[str, str] = {}

    @property
    def key(self) -> str:
        """HARP number and T_REC in one text, by which a folder's record is known whatever its number."""
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
            return f"{self.series!r} is no name of a series"
        if wrong := next((name for name in (*self.files, *self.lacking) if _WORD.fullmatch(name) is None), None):
            return f"{wrong!r} is no name of a segment"
        return "" if self.harpnum is not None or self.recnum is not None else "it has neither HARPNUM nor a number"


class Answer(msgspec.Struct, kw_only=True):
    """
    What a source says of a window.

    Parameters
    ----------
    offers : list of Offer
        The records, by T_REC and HARP number.
    told : list of str
        What else the user should know, as sentences.
    """

    offers: list[Offer]
    told: list[str] = []


class Wanted(msgspec.Struct, frozen=True):
    """One file that a source does not have at hand."""

    offer: Offer
    segment: str


class Source(Protocol):
    """
    Where a mirror copies from.

    Parameters
    ----------
    name : str
        For messages.
    connections : int
        How many transfers it is to be asked for at a time, if the user does not say.
    """

    name: str
    connections: int

    def answer(self, queries: Sequence[Query], window: Window) -> Answer:
        """
        List the records of a window that answer one of the queries.

        Raises
        ------
        ServiceError
            If the source does not answer.
        """
        ...

    def stage(
        self, wanted: Mapping[str, Wanted], notes: dict[str, list[str]], keep: Callable[[], None]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """
        Have files brought to where they can be fetched from, and wait for them.

        Parameters
        ----------
        wanted : mapping
            What is wanted, by the names of the files.
        notes : dict
            Requests under way, and the files that they are for; ``keep`` is called when it has changed.
        keep : callable
            Makes the notes outlive the process.

        Returns
        -------
        urls, reasons : dict
            By the names of the files: where they are now, or why they are not.
        """
        ...

    def keywords(self, offers: Sequence[Offer]) -> Iterator[tuple[dict[str, dict[str, Any]], dict[str, str]]]:
        """
        Ask for all keywords of records.

        Yields
        ------
        values, reasons : dict
            By the keys of some of the records: keywords by their DRMS names in lower case, or why there are none.
        """
        ...
