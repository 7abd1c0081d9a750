"""The command ``sunpy-flarecast`` itself."""

from __future__ import annotations

import click

from sunpy_flarecast import __version__

from .options import url_option

__all__ = ["cli"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sunpy-flarecast")
@url_option
def cli() -> None:
    """SDO/HMI SHARP data from a FLARECAST service: search, fetch, and run such a service."""
