"""What an indexing run has done: `IndexReport`, and `Progress`, which is told on the way."""

from __future__ import annotations

from typing import Protocol

import msgspec

__all__ = ["IndexReport", "Progress"]


class Progress(Protocol):
    """Is told how far an indexing run has come."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """
        Take note.

        Parameters
        ----------
        step : str
            ``"files"`` while files are looked at, ``"digests"`` while their digests are computed.
        done : int
            Files done with.
        total : int
            Files that there were when the step began.
        """
        ...


class IndexReport(msgspec.Struct, kw_only=True):
    """
    What an indexing run has done.

    Parameters
    ----------
    files : int
        Files looked at: FITS files and keyword tables.
    unchanged, new, changed, removed : int
        How many of them were as the index knew them, new, changed, or gone (which were not looked at).
    faulty : int
        Files and folders that cannot be served, of this run and of earlier ones.
    faults : tuple of str
        What is wrong with them.
    records : int
        Records in the index now.
    bare : int
        How many of them have no keywords but those in their names.
    part : bool
        Whether only some folders were looked at, so that ``files`` are not those of the records.
    digests : int
        Files whose digests were computed.
    seconds : float
        How long it took.

    Examples
    --------
    >>> from sunpy_flarecast.archive.index import IndexReport
    >>> print(IndexReport(files=31, new=31, records=1, seconds=0.25))
    1 record in 31 files (31 new) after 0.2 s
    """

    files: int = 0
    unchanged: int = 0
    new: int = 0
    changed: int = 0
    removed: int = 0
    faulty: int = 0
    faults: tuple[str, ...] = ()
    records: int = 0
    bare: int = 0
    part: bool = False
    digests: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        counts = {"new": self.new, "changed": self.changed, "removed": self.removed, "unchanged": self.unchanged}
        told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing new"
        records, files, after = (
            _count(self.records, "record"),
            _count(self.files, "file"),
            f"after {self.seconds:.1f} s",
        )
        text = f"{records} in {files} ({told}) {after}"
        if self.part:
            text = f"{files} looked at ({told}) {after}; {records} in the whole archive"
        if self.digests:
            text += f"; {_count(self.digests, 'digest')} computed"
        if self.bare:
            text += (
                f"; {_count(self.bare, 'record')} {'has' if self.bare == 1 else 'have'} no keywords, which a table "
                "keywords.ecsv beside the files could tell (docs/howto/archive.md)"
            )
        if self.faulty:
            text += f"; {self.faulty:,} cannot be served:"
            text += "".join(f"\n  {fault}" for fault in self.faults)
            if self.faulty > len(self.faults):
                text += f"\n  and {self.faulty - len(self.faults):,} more"
        return text


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
