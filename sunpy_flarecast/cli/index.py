"""The command ``index``, which builds and updates the index of an archive."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

from sunpy_flarecast.utils.progress import counting_bar

from .console import out, plain_errors, show_index
from .main import cli
from .options import FOLDER, examples, index_option, progress_option

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["index"]

#: Seconds to wait for another process that writes the index, such as a service.
_WAIT: Final = 30.0


@cli.command(epilog=examples("index sharps", "index sharps --index index.sqlite --jobs 4"))
@click.argument("directory", type=FOLDER)
@index_option
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="number of processors",
    help="Number of processes that read files.",
)
@click.option(
    "--max-keywords",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="unchanged, initially 1000",
    help="Maximum number of keywords of a record; files with more are not served.",
)
@progress_option
def index(directory: Path, database: Path | None, jobs: int | None, max_keywords: int | None, progress: bool) -> None:
    """Build the index of an archive, or bring it up to date.

    A service finds the SHARP files below DIRECTORY through this index. Unchanged files are not read again, and an
    interrupted run is resumed by the next one. The exit status is 0 only if all files can be served.
    """
    with plain_errors():
        from sunpy_flarecast.archive.index import build_index

        try:
            with counting_bar(shown=progress, desc="Index", unit="file") as count:
                report = build_index(
                    directory,
                    index=database,
                    jobs=jobs or os.cpu_count() or 1,
                    wait=_WAIT,
                    max_keywords=max_keywords,
                    progress=count,
                )
        except KeyboardInterrupt:
            out.print("The indexing was interrupted; the same command resumes it.")
            raise SystemExit(130) from None
    show_index(directory, report, report.faults)
    raise SystemExit(1 if report.faulty else 0)
