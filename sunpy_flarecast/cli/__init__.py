"""The terminal: options, tables and messages of ``sunpy-flarecast``, nothing else."""

from . import fetch, index, mirror, openapi, plot, search, serve
from .main import cli

__all__ = ["cli", "fetch", "index", "mirror", "openapi", "plot", "search", "serve"]
