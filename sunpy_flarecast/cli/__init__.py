"""The command line: options, tables and messages of ``sunpy-flarecast``."""

from . import dataset, fetch, index, mirror, openapi, plot, search, serve
from .main import cli

__all__ = ["cli", "dataset", "fetch", "index", "mirror", "openapi", "plot", "search", "serve"]
