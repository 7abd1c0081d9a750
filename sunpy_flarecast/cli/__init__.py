"""The terminal: options, tables and messages of ``sunpy-flarecast``, nothing else."""

from . import pictures, records, serving
from .main import cli

__all__ = ["cli", "pictures", "records", "serving"]
