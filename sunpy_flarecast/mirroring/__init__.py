"""Fill an archive's folder from another FLARECAST service or from JSOC: `mirror` and its report."""

from .report import MirrorReport, Shortfall
from .run import mirror

__all__ = ["MirrorReport", "Shortfall", "mirror"]
