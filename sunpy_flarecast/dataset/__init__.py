"""Data sets for flare forecasting: images, keywords, labels and splits of the records of a query, in one folder."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from .keyword_sets import SWAN

if TYPE_CHECKING:
    from .building import build
    from .checking import CheckReport, check
    from .opened import Dataset, open  # noqa: A004 (as h5py and xarray do)
    from .report import BuildReport
    from .summary import Info, info

__all__ = ["SWAN", "BuildReport", "CheckReport", "Dataset", "Info", "build", "check", "info", "open"]

#: Modules of the public names that are imported on first use, which keeps the import of the package fast.
_LAZY: Final = {
    "build": "building",
    "BuildReport": "report",
    **dict.fromkeys(("CheckReport", "check"), "checking"),
    **dict.fromkeys(("Dataset", "open"), "opened"),
    **dict.fromkeys(("Info", "info"), "summary"),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LAZY[name]}", __name__), name)


def __dir__() -> list[str]:
    return list(__all__)
