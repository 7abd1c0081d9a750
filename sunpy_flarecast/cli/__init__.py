"""The terminal: options, tables and messages of ``sunpy-flarecast``, nothing else."""

from . import indexing, mirroring, openapi, pictures, records, serving
from .main import cli

__all__ = ["cli", "indexing", "mirroring", "openapi", "pictures", "records", "serving"]
