"""
SunPy Fido client for SDO/HMI SHARP data from FLARECAST services, and such a service.

Importing this package registers `FLARECASTClient` with `sunpy.net.Fido` and its attrs as ``a.flarecast``.
"""

from typing import TYPE_CHECKING, Any

from sunpy_flarecast.download.fetch import Failure, Report, fetch
from sunpy_flarecast.fido.client import FLARECASTClient
from sunpy_flarecast.fido.response import FLARECASTResponse
from sunpy_flarecast.fits.complete import complete_header
from sunpy_flarecast.maps.load import Maps, load
from sunpy_flarecast.query.attrs import HARPNUM, NOAA, Keyword, Quality, Segment, Series
from sunpy_flarecast.rest.cache import clear_cache
from sunpy_flarecast.table.base import FLARECASTRow

from ._version import __version__
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
        from sunpy_flarecast import mirroring

        return getattr(mirroring, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
