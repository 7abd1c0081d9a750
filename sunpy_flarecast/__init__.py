"""
SunPy Fido client for SDO/HMI SHARP data from FLARECAST services, and such a service.

Importing this package registers `FLARECASTClient` with `sunpy.net.Fido` and its attrs as ``a.flarecast``.
"""

__version__ = "0.1.0"

from .attrs import HARPNUM, Segment, Series
from .cache import clear_cache
from .client import FLARECASTClient
from .config import conf
from .errors import (
    FLARECASTError,
    MissingDataWarning,
    QueryError,
    ReplyError,
    ServiceError,
    TransferError,
    UnreachableError,
)
from .response import FLARECASTResponse, FLARECASTRow
from .unattended import Failure, Report, fetch

__all__ = [
    "HARPNUM",
    "FLARECASTClient",
    "FLARECASTError",
    "FLARECASTResponse",
    "FLARECASTRow",
    "Failure",
    "MissingDataWarning",
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
    "conf",
    "fetch",
]
