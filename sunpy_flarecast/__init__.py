"""
SunPy Fido client for SDO/HMI SHARP data from FLARECAST services, and such a service.

Importing this package registers `FLARECASTClient` with `sunpy.net.Fido` and its attrs as ``a.flarecast``.
"""

__version__ = "0.1.0"

from typing import TYPE_CHECKING, Any

from .attrs import HARPNUM, NOAA, Keyword, Quality, Segment, Series
from .cache import clear_cache
from .client import FLARECASTClient
from .complete import complete_header
from .config import conf
from .errors import (
    FileError,
    FLARECASTError,
    MissingDataWarning,
    QueryError,
    ReplyError,
    ServiceError,
    TransferError,
    UnreachableError,
)
from .load import Maps, load
from .response import FLARECASTResponse, FLARECASTRow
from .unattended import Failure, Report, fetch

if TYPE_CHECKING:
    from .mirroring import MirrorReport, mirror

__all__ = [
    "HARPNUM",
    "NOAA",
    "FLARECASTClient",
    "FLARECASTError",
    "FLARECASTResponse",
    "FLARECASTRow",
    "Failure",
    "FileError",
    "Keyword",
    "Maps",
    "MirrorReport",
    "MissingDataWarning",
    "Quality",
    "QueryError",
    "ReplyError",
    "Report",
    "Segment",
    "Series",
    "ServiceError",
    "TransferError",
    "UnreachableError",
    "__version__",
    "clear_cache",
    "complete_header",
    "conf",
    "fetch",
    "load",
    "mirror",
]


def __getattr__(name: str) -> Any:
    """Import what only those who run an archive use when it is asked for."""
    if name in ("MirrorReport", "mirror"):
        from . import mirroring

        return getattr(mirroring, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
