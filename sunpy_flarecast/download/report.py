"""Reports of fetches: complete files, failures with reasons, and files that lack keywords."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from sunpy_flarecast.query.query import service_time
from sunpy_flarecast.search.missing import described
from sunpy_flarecast.utils.files import write_report
from sunpy_flarecast.utils.reports import as_line, as_page, counted

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from sunpy_flarecast.search.missing import Missing

    from .plan import Record

__all__ = [
    "Bare",
    "Completion",
    "FetchFailure",
    "FetchReport",
    "described_bare",
    "described_damaged",
    "described_renumbered",
]

#: Largest numbers of files without keywords and of damaged files that a printed report names.
_LISTED: Final = 20
_NAMED: Final = 5

#: What replaces existing files.
_REPLACES: Final = "overwrite=True, or fetch --overwrite yes, replaces"


class Bare(NamedTuple):
    """A file without keywords, and why; ``lasting`` if a retry would give the same answer."""

    path: str
    reason: str
    record: Record | None = None
    segment: str = ""
    lasting: bool = False


def described_bare(bare: list[Bare]) -> str:
    """Return a sentence on files without keywords, and what to do."""
    count = f"{counted(len(bare), 'file')} {'lack' if len(bare) > 1 else 'lacks'}"
    reasons = list(dict.fromkeys(file.reason for file in bare))
    more = f" (and {counted(len(reasons) - 1, 'other reason')})" if len(reasons) > 1 else ""
    which = bare[0].path if len(bare) == 1 else f"{bare[0].path} and {len(bare) - 1:,} more"
    return (
        f"{count} the keywords that sunpy.map.Map requires: {reasons[0]}{more}. Saved without them: {which}. "
        "`sunpy-flarecast complete FOLDER` requests the keywords again."
    )


def described_damaged(paths: Sequence[str]) -> str:
    """Return a sentence on damaged files on disk, which are fetched again."""
    return _on_disk(paths, "is damaged and will be fetched again", "are damaged and will be fetched again")


def described_renumbered(paths: Sequence[str]) -> str:
    """Return a sentence on files whose record numbers are smaller than the listed ones, but which may be current."""
    singular = "has a record number other than the one found by the search, and is checked again"
    return _on_disk(paths, singular, "have record numbers other than those found by the search, and are checked again")


def _on_disk(paths: Sequence[str], singular: str, plural: str) -> str:
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    text = singular if len(paths) == 1 else plural
    return f"{counted(len(paths), 'file')} on disk {text}: {', '.join(paths[:_NAMED])}{more}."


@dataclass(frozen=True, slots=True)
class FetchFailure:
    """
    A file that could not be fetched.

    Parameters
    ----------
    path : str
        The planned path; empty if the URL was refused.
    url : str
        The URL.
    reason : str
        Why the last attempt failed, as a sentence.
    cause : str, optional
        The same without path, URL and advice.

    Examples
    --------
    >>> from sunpy_flarecast import FetchFailure
    >>> FetchFailure("2.fits", "http://host/2.fits", "404 Not Found.").reason
    '404 Not Found.'
    """

    path: str
    url: str
    reason: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class FetchReport:
    """
    The outcome of a fetch; each file is in exactly one of the first three lists.

    Parameters
    ----------
    fetched : list of str
        Paths of fetched files.
    already_there : list of str
        Paths of files that were complete on disk, or that another process completed during the fetch.
    failed : list of FetchFailure
        Files that could not be fetched.
    interrupted : bool
        Whether the fetch was interrupted.
    missing : list of Missing
        Parts of the search that failed; their files are unknown.
    damaged : list of str
        Paths of damaged files on disk, which had to be fetched again.
    reprocessed : list of str
        Paths of files on disk that held earlier versions of their records (with smaller record numbers) and had to be
        fetched again.
    unidentified : list of str
        Paths in ``already_there`` of files whose headers do not identify the current version of their record; these
        files were kept.
    bare : list of Bare
        Fetched files that lack the keywords that `sunpy.map.Map` requires.
    files : list of str
        Paths of all complete files, in the order of ``results.paths(path)``.
    unreachable : str
        Why the last pass ended early, if the service could no longer be reached; otherwise empty.

    Examples
    --------
    >>> from sunpy_flarecast import FetchFailure, FetchReport
    >>> report = FetchReport(["1.fits"], [], [FetchFailure("2.fits", "http://host/2.fits", "404 Not Found.")])
    >>> report.complete
    False
    >>> print(report)
    1 file fetched, 0 already there, 1 failed.
    Failed: 404 Not Found.
    >>> report.write("report.json")  # doctest: +SKIP
    """

    fetched: list[str]
    already_there: list[str]
    failed: list[FetchFailure]
    interrupted: bool = False
    missing: list[Missing] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    bare: list[Bare] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    reprocessed: list[str] = field(default_factory=list)
    unidentified: list[str] = field(default_factory=list)
    unreachable: str = ""

    __repr__ = as_line
    _repr_html_ = as_page

    def __post_init__(self) -> None:
        if not self.files:
            object.__setattr__(self, "files", [*self.already_there, *self.fetched])

    @property
    def complete(self) -> bool:
        """Whether all files are complete and the whole search succeeded."""
        return not self.failed and not self.missing

    def __str__(self) -> str:
        lines = [
            f"{counted(len(self.fetched), 'file')} fetched, {len(self.already_there):,} already there, "
            f"{len(self.failed):,} failed{', interrupted' if self.interrupted else ''}.",
            *_grouped(
                "Failed",
                ((failure.cause or failure.reason, failure.reason) for failure in self.failed),
            ),
        ]
        if self.damaged:
            singular, plural = "was damaged and had to be fetched again", "were damaged and had to be fetched again"
            lines.append(_on_disk(self.damaged, singular, plural))
        if self.reprocessed:
            ending = "and had to be fetched again"
            singular, plural = f"belonged to a reprocessed record {ending}", f"belonged to reprocessed records {ending}"
            lines.append(_on_disk(self.reprocessed, singular, plural))
        if self.unidentified:
            singular = f"its header does not identify the current version of its record ({_REPLACES} it)"
            plural = f"their headers do not identify the current versions of their records ({_REPLACES} them)"
            lines.append(
                _on_disk(self.unidentified, f"was kept although {singular}", f"were kept although {plural}"),
            )
        if self.missing:
            lines.append(f"{described(self.missing)} Their files were not requested; search for them again.")
        if self.bare:
            lines.append(described_bare(self.bare))
            lines += [f"Without keywords: {file.path}" for file in self.bare[:_LISTED]]
            if len(self.bare) > _LISTED:
                lines.append(f"Without keywords: {len(self.bare) - _LISTED:,} more, which FetchReport.bare lists")
        return "\n".join(lines)

    def write(self, path: str | os.PathLike[str]) -> None:
        """
        Write the report as JSON.

        Parameters
        ----------
        path : path-like
            The file; its folder must exist.
        """
        missing = [
            {
                "series": gap.query.series,
                "start": service_time(gap.start),
                "end": service_time(gap.end, up=True),
                "reason": gap.error.reason,
            }
            for gap in self.missing
        ]
        content = {
            "complete": self.complete,
            "interrupted": self.interrupted,
            "fetched": self.fetched,
            "already_there": self.already_there,
            "failed": [asdict(failure) for failure in self.failed],
            "missing": missing,
            "damaged": self.damaged,
            "reprocessed": self.reprocessed,
            "unidentified": self.unidentified,
            "bare": [{"path": file.path, "reason": file.reason} for file in self.bare],
            "unreachable": self.unreachable,
        }
        write_report(path, content)


@dataclass(slots=True)
class Completion:
    """The completed files of a folder, the number that had keywords, and files that are bare, broken or not FITS."""

    completed: list[str] = field(default_factory=list)
    fine: int = 0
    bare: list[Bare] = field(default_factory=list)

    def __str__(self) -> str:
        count = counted(len(self.completed), "file")
        counts = f"{count} completed, {self.fine:,} already had keywords, {len(self.bare):,} not completed."
        alike = ((file.reason.replace(file.path, "").strip(), f"{file.path}: {file.reason}") for file in self.bare)
        return "\n".join([counts, *_grouped("Not completed", alike)])


def _grouped(heading: str, reasons: Iterable[tuple[str, str]]) -> list[str]:
    """Return one line for each reason: the first entry, and the number of others."""
    groups: dict[str, list[str]] = {}
    for alike, text in reasons:
        groups.setdefault(alike, []).append(text)
    return [
        f"{heading}: {same[0]}{f' (and {len(same) - 1:,} more like this)' if len(same) > 1 else ''}"
        for same in groups.values()
    ]
