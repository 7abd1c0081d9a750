"""The command ``sunpy-flarecast`` itself."""

from __future__ import annotations

import warnings
from typing import Any

import click
from erfa import ErfaWarning

from sunpy_flarecast._version import __version__

from .console import err
from .options import examples, url_option

__all__ = ["cli"]


class _Commands(click.Group):
    """The commands; Ctrl-C ends each with status 130."""

    def invoke(self, context: click.Context) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ErfaWarning)  # raised for years whose leap seconds are unknown
                return super().invoke(context)
        except KeyboardInterrupt:
            err.print("Interrupted.")
            raise SystemExit(130) from None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("demo", "search 2014-10-23 2014-10-24 --harp 3944", "search --help"),
)
@url_option
@click.version_option(__version__, prog_name="sunpy-flarecast")
def cli() -> None:
    """Search and fetch SDO/HMI SHARP data from a FLARECAST service, or run such a service."""
