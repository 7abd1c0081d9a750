"""The command that keeps the index of an archive: ``index``."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sunpy_flarecast.utils.progress import progress_bar

from .console import out, plain_errors
from .main import cli
from .options import examples, progress_option
from .telling import Teller

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sunpy_flarecast.archive.index import Progress

__all__ = ["index", "progress_bars"]

#: What the steps of an indexing run are called beside their bars.
_STEPS: Final = {"files": "Files looked at", "digests": "Digests"}


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
    "--digests/--no-digests",
    default=True,
    show_default=True,
    help="Compute the SHA-256 of new files, with which they are served; it takes reading all of them.",
)
@click.option(
    "--watch", is_flag=True, help="Go on, and keep the index up to date while files come and go; Ctrl-C stops it."
)
@progress_option
def index(directory: Path, database: Path | None, jobs: int | None, digests: bool, watch: bool, progress: bool) -> None:
    """Make the index of an archive, or bring it up to date.

    The SHARP files below DIRECTORY are served from this index. Files that it knows are not read again, and a run that
    is interrupted is gone on with by the next. Status 0 only if all files can be served.
    """
    with plain_errors():
        from sunpy_flarecast.archive.index import build_index, watch_index

        options: dict[str, Any] = {"index": database, "jobs": jobs or os.cpu_count() or 1, "digests": digests}
        tell = Teller(directory)
        try:
            with progress_bars(progress) as told:
                if watch:
                    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of each change by itself
                    watch_index(directory, **options, progress=told, told=tell)
                    return
                report = build_index(directory, **options, progress=told)
        except KeyboardInterrupt:
            out.print("Stopped. What was read is kept.")
            raise SystemExit(0 if watch else 130) from None
    tell(report)
    raise SystemExit(1 if report.faulty else 0)


@contextmanager
def progress_bars(shown: bool) -> Iterator[Progress | None]:
    """Give what shows in a terminal how far an indexing run is, a bar for each step; None if that is not wanted."""
    if not shown:
        yield None
        return
    bars: dict[str, Any] = {}

    def tell(step: str, done: int, total: int) -> None:
        bar = bars.get(step)
        if bar is None:
            bar = bars[step] = progress_bar(shown=True, desc=_STEPS.get(step, step), unit="file", total=total)
        bar.total = total
        bar.update(done - bar.n)

    try:
        yield tell
    finally:
        for bar in bars.values():
            bar.close()
