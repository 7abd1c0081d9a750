"""The command that keeps the index of an archive: ``index``."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sunpy_flarecast.utils.progress import progress_bar

from .console import out, plain_errors, show_index
from .main import cli
from .options import examples, progress_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sunpy_flarecast.archive.index import Progress

__all__ = ["index", "index_bar"]

#: Seconds to wait for another process that writes the index, such as a service that looks for new files.
_WAIT: Final = 30.0


@cli.command(epilog=examples("index sharps", "index sharps --index index.sqlite --jobs 4"))
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--index",
    "database",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    show_default="a hidden file in DIRECTORY",
    help="Where the index is kept; not on a network disk.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="as many as there are processors",
    help="Processes that read files.",
)
@click.option(
    "--max-keywords",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="as before; 1000 at first",
    help="Keywords that a record may have; files with more are not served.",
)
@progress_option
def index(directory: Path, database: Path | None, jobs: int | None, max_keywords: int | None, progress: bool) -> None:
    """Make the index of an archive, or bring it up to date.

    The SHARP files below DIRECTORY are served from this index. Files that it knows are not read again, and the next run
    resumes an interrupted one. Status 0 only if all files can be served.
    """
    with plain_errors():
        from sunpy_flarecast.archive.index import build_index

        try:
            with index_bar(progress) as count:
                report = build_index(
                    directory,
                    index=database,
                    jobs=jobs or os.cpu_count() or 1,
                    wait=_WAIT,
                    max_keywords=max_keywords,
                    progress=count,
                )
        except KeyboardInterrupt:
            out.print("Stopped. What was read is kept.")
            raise SystemExit(130) from None
    show_index(directory, report, report.faults)
    raise SystemExit(1 if report.faulty else 0)


@contextmanager
def index_bar(shown: bool) -> Iterator[Progress | None]:
    """Show in a terminal how far an indexing run is; None if that is not wanted."""
    if not shown:
        yield None
        return
    with progress_bar(shown=True, desc="Index", unit="file") as bar:

        def count(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield count
