"""The terminal: options, tables and messages of ``sunpy-flarecast``, nothing else."""

from . import index, mirror, openapi, plot, search, serve
from .main import cli

__all__ = ["cli", "index", "mirror", "openapi", "plot", "search", "serve"]
