"""The outcome of a build: `BuildReport` counts the content of the data set, and missing data by reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from sunpy_flarecast.utils.files import write_report
from sunpy_flarecast.utils.reports import as_line, as_page, counted

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["OF_KEYWORDS", "BuildReport", "lost_of", "marked", "unlisted_notes"]

#: Maximum number of listed reasons, ranges and HARPs.
_LISTED: Final = 20

#: Beginning of the reasons why the keywords of records are missing; other reasons are of files.
OF_KEYWORDS: Final = "keywords: "


@dataclass(slots=True)
class BuildReport:
    """
    The outcome of a build.

    Parameters
    ----------
    out : str
        The folder or URL of the data set.
    records, images : int
        Numbers of records and of their images, one for each segment. After Ctrl-C, ``images`` may leave out those
        that worker processes were about to finish.
    kept : int
        Number of these images that earlier calls made.
    origin : str
        ``"SYNTHETIC"`` if the service or the files say that the records are synthetic.
    missing : list of str
        Time ranges for which the search failed, with reasons.
    failures : dict of str to int
        Numbers of files that could not be fetched or read, and of records whose keywords could not be fetched, by
        reason.
    unlisted : dict of str to int
        Number of records for which the service lists no image, by segment. A retry does not find them.
    notes : list of str
        Other problems of the records and labels, as sentences.
    padded : list of int
        HARPs whose images differ in shape; they are padded, with a mask.
    labels : dict
        For each window and threshold, such as ``"label_24h_M1.0"``, the numbers of ``positive``, ``negative`` and
        ``unknown`` records.
    sets : dict of str to int
        Number of records in each set.
    interrupted : bool
        Whether the build was interrupted with Ctrl-C.
    seconds : float
        Duration of this call.

    Examples
    --------
    >>> from sunpy_flarecast.dataset.report import BuildReport
    >>> report = BuildReport("sharps-2014", records=744, images=2231, failures={"404 Not Found": 1})
    >>> report.complete
    False
    >>> print(report)
    sharps-2014: 744 records, 2,231 images; 1 is missing.
    1 x 404 Not Found
    The same call requests data that could not be fetched.
    >>> report.write("report.json")  # doctest: +SKIP
    """

    out: str
    records: int = 0
    images: int = 0
    kept: int = 0
    origin: str = ""
    missing: list[str] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    unlisted: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    padded: list[int] = field(default_factory=list)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    sets: dict[str, int] = field(default_factory=dict)
    interrupted: bool = False
    seconds: float = 0.0

    __repr__ = as_line
    _repr_html_ = as_page

    @property
    def complete(self) -> bool:
        """Whether the build ended without failures; images that the service does not list do not count."""
        return not (self.missing or self.failures or self.interrupted)

    def fail(self, reason: str, count: int = 1) -> None:
        """Count failures for a reason."""
        reason = reason.removesuffix(".")
        self.failures[reason] = self.failures.get(reason, 0) + count

    def __str__(self) -> str:
        lost = sum(self.failures.values())
        ends = [f"{lost:,} {'is' if lost == 1 else 'are'} missing"] if lost else []
        ends += [f"{counted(len(self.missing), 'time range')} not searched"] if self.missing else []
        took = f" in {_duration(self.seconds)}" if self.seconds >= 1 else ""
        number = "all" if self.kept == self.images else f"{self.kept:,}"
        kept = f" ({number} made by earlier calls)" if self.kept else ""
        images = f"{'at least ' * self.interrupted}{counted(self.images, 'image')}"
        counts = f"{marked(self.origin)}{counted(self.records, 'record')}, {images}{kept}{took}"
        if self.interrupted and not self.records:
            counts = f"interrupted before the records were known{took}"
        lines = [f"{self.out}: {counts}{''.join(f'; {end}' for end in ends)}."]
        lines += [f"Not searched: {gap}" for gap in self.missing[:_LISTED]]
        lines += [f"{count:,} x {reason}" for reason, count in list(self.failures.items())[:_LISTED]]
        if more := sum(max(0, len(group) - _LISTED) for group in (self.failures, self.missing)):
            them = "it" if more == 1 else "them"
            lines.append(f"... and {counted(more, 'more reason')}; the report's write() lists {them}.")
        lines += [*unlisted_notes(self.unlisted), *self.notes]
        if self.padded:
            some = f"{', '.join(map(str, self.padded[:_LISTED]))}{', ...' * (len(self.padded) > _LISTED)}"
            lines.append(f"Images padded to a common shape, with a mask: HARP {some}.")
        for name, of in self.labels.items():
            lines.append(f"Labels, {name}: {', '.join(f'{number:,} {kind}' for kind, number in of.items())}.")
        if self.sets:
            lines.append(f"Sets: {', '.join(f'{name} {number:,}' for name, number in self.sets.items())}.")
        if self.interrupted:
            lines.append("The build was interrupted; the same call resumes it.")
        elif not self.complete:
            lines.append("The same call requests data that could not be fetched.")
        return "\n".join(lines)

    def write(self, path: str | os.PathLike[str]) -> None:
        """
        Write the report as JSON.

        Parameters
        ----------
        path : path-like
            The file; its folder must exist.
        """
        write_report(path, {"complete": self.complete, **msgspec.to_builtins(self)})


class Lost(NamedTuple):
    """Numbers of time ranges that were not searched, of missing files, and of records without keywords."""

    ranges: int
    files: int
    keywords: int


def lost_of(report: BuildReport) -> Lost:
    """
    Count missing data; a keyword that the service sends without a value, such as NOAA_ARS, is not missing.

    The description and the plot of a data set count with this function.
    """
    keywords = sum(count for reason, count in report.failures.items() if reason.startswith(OF_KEYWORDS))
    return Lost(len(report.missing), sum(report.failures.values()) - keywords, keywords)


def marked(origin: str) -> str:
    """Return a prefix for counts that marks synthetic data; empty for other data."""
    return f"{origin} data, " if origin else ""


def unlisted_notes(unlisted: Mapping[str, int]) -> list[str]:
    """Return a sentence for each segment that the service does not list for all records."""
    return [f"The service lists no {name} image for {counted(count, 'record')}." for name, count in unlisted.items()]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"
