"""The commands that run a service: ``serve, demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from .main import cli
from .terminal import out, plain_errors, show

__all__ = ["demo", "serve"]


@cli.command()
@click.argument("directory", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--demo", is_flag=True, help="Serve synthetic SHARPs instead of a directory.")
@click.option(
    "--headers",
    type=click.Choice(["full", "bare"]),
    default="full",
    show_default=True,
    help="With --demo: whether files carry their keywords, or are as bare as stored ones.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8001, show_default=True, type=click.IntRange(0, 65535), help="0 for a free one.")
def serve(directory: Path | None, demo: bool, headers: Literal["full", "bare"], host: str, port: int) -> None:
    """Serve SHARP files as a FLARECAST service.

    The files are those below DIRECTORY, or synthetic ones; Ctrl-C stops it.
    """
    if demo == (directory is not None):
        raise click.UsageError("Name a DIRECTORY of SHARP files, or write --demo for synthetic ones.")
    with plain_errors():
        from sunpy_flarecast.archive import DemoArchive, DirectoryArchive
        from sunpy_flarecast.archive import serve as run

        archive = DemoArchive(headers=headers) if directory is None else DirectoryArchive(directory)
        run(archive, host, port, ready=_say_where)
    out.print("Stopped.")


def _say_where(url: str) -> None:
    out.print(f"Serving at {url} (Swagger UI at {url}/ui); Ctrl-C stops.", soft_wrap=True)
    out.print(f"In Python: sunpy_flarecast.conf.url = '{url}'", soft_wrap=True)


@cli.command()
@click.option(
    "--output",
    default="flarecast-demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for files and picture.",
)
@click.option("--progress/--no-progress", default=True, show_default=True, help="Show a progress bar.")
def demo(output: Path, progress: bool) -> None:
    """Try it out.

    Run a service of synthetic SHARPs, search a day, fetch a few segments, load them as maps and draw them. No network
    is needed.
    """
    with plain_errors():
        from sunpy_flarecast.demo import run_demo

        picture = run_demo(output, say=lambda text: out.print(text, soft_wrap=True), show=show, progress=progress)
    out.print(f"The picture is {picture}.", soft_wrap=True)
