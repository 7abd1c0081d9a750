"""The command ``sunpy-flarecast`` itself."""

from __future__ import annotations

import click

from sunpy_flarecast._version import __version__

from .options import examples, url_option

__all__ = ["cli"]


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("demo", "search 2014-10-23 2014-10-24 --harp 3944", "search --help"),
)
@url_option
@click.version_option(__version__, prog_name="sunpy-flarecast")
def cli() -> None:
    """SDO/HMI SHARP data from a FLARECAST service: search, fetch, and run such a service."""
