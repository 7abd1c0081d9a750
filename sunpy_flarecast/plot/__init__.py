"""
Plots: HARPs on the disk, coverage of a search, contact sheets of records, keyword curves, magnetograms.

Modules are imported on first use: the pages of the service need only `.geometry`, which does not import matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sunpy_flarecast.utils.optional_deps import PLOT, need

if TYPE_CHECKING:
    from .coverage import plot_coverage
    from .disk import plot_disk
    from .keywords import plot_keywords
    from .magnetograms import plot_disk_maps, plot_magnetograms
    from .record import plot_record
    from .saving import check_picture, save

__all__ = [
    "check_picture",
    "plot_coverage",
    "plot_disk",
    "plot_disk_maps",
    "plot_keywords",
    "plot_magnetograms",
    "plot_record",
    "save",
]

#: The modules of functions that are not named after them.
_MODULES: Final = {
    "check_picture": "saving",
    "plot_disk_maps": "magnetograms",
    "save": "saving",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    need("Plots need", "plot", PLOT)
    return getattr(import_module(f".{_MODULES.get(name, name.removeprefix('plot_'))}", __name__), name)


def __dir__() -> list[str]:
    return __all__
