"""Reports of indexing runs in the terminal: each fault is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.markup import escape

from .console import err, out

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sunpy_flarecast.archive.index import IndexReport

__all__ = ["Teller"]


class Teller:
    """
    Prints reports of one archive, one after the other.

    Parameters
    ----------
    directory : `pathlib.Path`
        The archive, as the user wrote it.
    most : int, optional
        How many faults of a report are told; all without it.
    """

    def __init__(self, directory: Path, most: int | None = None) -> None:
        self._directory = directory
        self._most = most
        self._told: set[str] = set()

    def __call__(self, report: IndexReport) -> None:
        """Print a report with those of its faults that have not been told."""
        text = str(msgspec.structs.replace(report, faulty=0, faults=()))
        faults = self._faults(report.faults)
        (err if faults else out).print(escape(f"{text}; {faults}" if faults else text), soft_wrap=True)

    def tell_faults(self, faults: Sequence[str]) -> None:
        """Print those faults that have not been told, of an index that another process keeps."""
        if text := self._faults(faults):
            err.print(escape(text), soft_wrap=True)

    def _faults(self, faults: Sequence[str]) -> str:
        fresh = [fault for fault in faults if fault not in self._told]
        self._told = set(faults)
        if not fresh:
            return ""
        shown = fresh[: self._most]
        text = "".join([f"{len(fresh):,} cannot be served:", *(f"\n  {fault}" for fault in shown)])
        if len(fresh) > len(shown):
            text += f"\n  ... and {len(fresh) - len(shown):,} more: sunpy-flarecast index {self._directory} lists them"
        return text
