"""The index of a folder that a mirror has filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sunpy_flarecast.utils.progress import progress_bar

if TYPE_CHECKING:
    from pathlib import Path

    from .report import MirrorReport

__all__ = ["index_folder"]

#: Seconds to wait for another process that writes the index.
_WAIT: Final = 30.0


def index_folder(root: Path, report: MirrorReport, *, jobs: int, progress: bool) -> None:
    """
    Bring the index up to date, and say in the report what it holds, or why not.

    Parameters
    ----------
    root : `pathlib.Path`
        The folder.
    report : MirrorReport
        Of the mirror.
    jobs : int
        Processes that read files.
    progress : bool
        Show a bar.
    """
    from sunpy_flarecast.archive.index import ArchiveIndexError, BusyIndexError, build_index

    with progress_bar(shown=progress, desc="Index", unit="file") as bar:

        def tell(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        try:
            report.index = f"Index: {build_index(root, jobs=jobs, wait=_WAIT, progress=tell)}"
        except BusyIndexError as error:
            report.index = f"{error} The next run adds what that one has passed already."
        except ArchiveIndexError as error:
            report.lack("index", str(error), str(root))
        except KeyboardInterrupt:
            report.interrupted = True
            report.index = "The index is not finished; sunpy-flarecast index goes on with it."
