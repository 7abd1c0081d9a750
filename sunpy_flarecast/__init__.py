"""
SunPy Fido client for SDO/HMI SHARP data from FLARECAST services, and a service to run yourself.

Importing this package registers `FLARECASTClient` with `sunpy.net.Fido` and its attrs as ``a.flarecast``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sunpy_flarecast.fido.client import FLARECASTClient
from sunpy_flarecast.fido.response import FLARECASTResponse
from sunpy_flarecast.query.attrs import HARPNUM, NOAA, Quality, Segment, Series, Tolerance
from sunpy_flarecast.query.keyword_attr import Keyword
from sunpy_flarecast.table.base import FLARECASTRow

from ._version import __version__
from .config import conf
from .errors import (
    ClusterError,
    FileError,
    FLARECASTError,
    Interrupted,
    MissingDataWarning,
    QueryError,
    ReplyError,
    ServiceError,
    TransferError,
    UnreachableError,
)

if TYPE_CHECKING:
    from sunpy_flarecast.download.fetch import fetch
    from sunpy_flarecast.download.report import FetchFailure, FetchReport
    from sunpy_flarecast.fits.complete import complete_header
    from sunpy_flarecast.keywords.files import read_keywords, write_keywords
    from sunpy_flarecast.keywords.timeseries import timeseries_of
    from sunpy_flarecast.maps.load import Maps, load
    from sunpy_flarecast.mirroring import MirrorReport, mirror
    from sunpy_flarecast.rest.cache import clear_cache
    from sunpy_flarecast.tour import demo_service

__all__ = [
    "HARPNUM",
    "NOAA",
    "ClusterError",
    "FLARECASTClient",
    "FLARECASTError",
    "FLARECASTResponse",
    "FLARECASTRow",
    "FetchFailure",
    "FetchReport",
    "FileError",
    "Interrupted",
    "Keyword",
    "Maps",
    "MirrorReport",
    "MissingDataWarning",
    "Quality",
    "QueryError",
    "ReplyError",
    "Segment",
    "Series",
    "ServiceError",
    "Tolerance",
    "TransferError",
    "UnreachableError",
    "__version__",
    "clear_cache",
    "complete_header",
    "conf",
    "demo_service",
    "fetch",
    "load",
    "mirror",
    "read_keywords",
    "timeseries_of",
    "write_keywords",
]

#: Modules of the public names that are imported on first use, since a search does not need them.
_LAZY: Final = {
    "fetch": "download.fetch",
    **dict.fromkeys(("FetchFailure", "FetchReport"), "download.report"),
    **dict.fromkeys(("MirrorReport", "mirror"), "mirroring"),
    **dict.fromkeys(("Maps", "load"), "maps.load"),
    **dict.fromkeys(("read_keywords", "write_keywords"), "keywords.files"),
    "clear_cache": "rest.cache",
    "complete_header": "fits.complete",
    "demo_service": "tour",
    "timeseries_of": "keywords.timeseries",
}

#: Public modules.
_MODULES: Final = ("archive", "attrs", "catalog", "dataset", "flares", "plot")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_LAZY[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, *_MODULES]
