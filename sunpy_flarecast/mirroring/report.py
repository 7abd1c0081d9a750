"""The outcome of a mirror: `MirrorReport` counts fetched files, and groups missing data by reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.utils.files import write_report
from sunpy_flarecast.utils.reports import as_line, as_page, counted

if TYPE_CHECKING:
    import os

__all__ = ["MirrorReport", "Shortfall"]

#: Maximum number of names that a report keeps for one reason.
_EXAMPLES: Final = 100

#: Maximum number of listed reasons.
_LISTED: Final = 20


@dataclass(slots=True)
class Shortfall:
    """
    Data that are missing for one reason.

    Parameters
    ----------
    kind : str
        ``"range"`` (its records are unknown), ``"record"`` (cannot be stored), ``"file"``, ``"keywords"``,
        ``"index"``, or ``"note"`` (a message of the source, about any number of records).
    reason : str
        The reason, in the words of the source.
    count : int
        Number of missing items.
    examples : list of str
        The first hundred items.
    """

    kind: str
    reason: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class MirrorReport:
    """
    The outcome of a mirror.

    Parameters
    ----------
    directory : str
        The folder that was filled.
    source : str
        What it was filled from.
    records : int
        Number of records found.
    fetched, already_there : int
        Numbers of fetched files, and of files that were complete on disk.
    shortfalls : list of Shortfall
        The missing data; empty if the mirror is complete.
    interrupted : bool
        Whether the mirror was interrupted.
    index : str
        The report of the index; empty if no index was made.

    Examples
    --------
    >>> from sunpy_flarecast.mirroring import MirrorReport
    >>> report = MirrorReport("sharps", "JSOC", records=2, fetched=61)
    >>> report.lack("file", "not online at JSOC", "hmi.sharp_720s.377.20110215_020000_TAI.bitmap.fits")
    >>> print(report)
    2 records from JSOC: 61 files fetched into sharps, 0 already there; 1 file is missing.
    1 file: not online at JSOC (hmi.sharp_720s.377.20110215_020000_TAI.bitmap.fits)
    The same command requests only the missing data.
    >>> report
    <MirrorReport: 2 records from JSOC: 61 files fetched into sharps, 0 already there; 1 file is missing.>
    >>> report.write("report.json")  # doctest: +SKIP
    """

    directory: str
    source: str
    records: int = 0
    fetched: int = 0
    already_there: int = 0
    shortfalls: list[Shortfall] = field(default_factory=list)
    interrupted: bool = False
    index: str = ""

    __repr__ = as_line
    _repr_html_ = as_page

    @property
    def complete(self) -> bool:
        """Whether all requested files and keywords are complete."""
        return not self.shortfalls and not self.interrupted

    def lack(self, kind: str, reason: str, name: str) -> None:
        """Add a missing item by name; kind and reason as in ``Shortfall``."""
        same = next(
            (shortfall for shortfall in self.shortfalls if (shortfall.kind, shortfall.reason) == (kind, reason)), None
        )
        if same is None:
            same = Shortfall(kind, reason)
            self.shortfalls.append(same)
        same.count += 1
        if len(same.examples) < _EXAMPLES:
            same.examples.append(name)

    def __str__(self) -> str:
        missing = [_counted(kind, self._count(kind)) for kind in _WORDS if self._count(kind)]
        plural = self._count("keywords") or sum(map(self._count, _WORDS)) > 1
        ends = f"; {' and '.join(missing)} {'are' if plural else 'is'} missing" if missing else ""
        here = f"fetched into {self.directory}, {self.already_there:,} already there"
        lines = [f"{counted(self.records, 'record')} from {self.source}: {counted(self.fetched, 'file')} {here}{ends}."]
        lines += [_line(shortfall) for shortfall in self.shortfalls[:_LISTED]]
        if len(self.shortfalls) > _LISTED:
            lines.append(f"... and {counted(len(self.shortfalls) - _LISTED, 'other reason')}.")
        if self.interrupted:
            lines.append("The mirror was interrupted; the same command resumes it.")
        elif self.shortfalls:
            lines.append("The same command requests only the missing data.")
        return "\n".join([*lines, *([self.index] if self.index else [])])

    def _count(self, kind: str) -> int:
        return sum(shortfall.count for shortfall in self.shortfalls if shortfall.kind == kind)

    def write(self, path: str | os.PathLike[str]) -> None:
        """
        Write the report as JSON.

        Parameters
        ----------
        path : path-like
            The file; its folder must exist.
        """
        content = {
            "complete": self.complete,
            "interrupted": self.interrupted,
            "directory": self.directory,
            "source": self.source,
            "records": self.records,
            "fetched": self.fetched,
            "already_there": self.already_there,
            "missing": [
                {
                    "kind": shortfall.kind,
                    "reason": shortfall.reason,
                    "count": shortfall.count,
                    "examples": shortfall.examples,
                }
                for shortfall in self.shortfalls
            ],
            "index": self.index,
        }
        write_report(path, content)


#: Names of the kinds of missing data: singular, plural.
_WORDS: Final = {
    "range": ("time range", "time ranges"),
    "record": ("record", "records"),
    "file": ("file", "files"),
    "keywords": ("record's keywords", "records' keywords"),
    "index": ("index", "indexes"),
}


def _counted(kind: str, count: int) -> str:
    return f"{count:,} {_WORDS[kind][count > 1]}"


def _line(shortfall: Shortfall) -> str:
    if shortfall.kind == "note":
        times = f" ({shortfall.count:,} times)" if shortfall.count > 1 else ""
        return f"{shortfall.reason.removesuffix('.')}{times}."
    examples = shortfall.examples[0] + (", ..." if shortfall.count > 1 else "")
    return f"{_counted(shortfall.kind, shortfall.count)}: {shortfall.reason.removesuffix('.')} ({examples})"
