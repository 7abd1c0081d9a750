"""Pictures: HARPs on the disk, coverage of a search, contact sheets of records, keyword curves, magnetograms."""

from __future__ import annotations

from sunpy_flarecast.utils.optional_deps import need_plot

need_plot("Pictures")

from .coverage import plot_coverage  # noqa: E402 (what it imports may not be there)
from .disk import plot_disk  # noqa: E402
from .flares import read_flares  # noqa: E402
from .keywords import plot_keywords, plot_results  # noqa: E402
from .magnetograms import plot_disk_maps, plot_magnetograms  # noqa: E402
from .record import plot_record  # noqa: E402
from .saving import check_picture, save  # noqa: E402

__all__ = [
    "check_picture",
    "plot_coverage",
    "plot_disk",
    "plot_disk_maps",
    "plot_keywords",
    "plot_magnetograms",
    "plot_record",
    "plot_results",
    "read_flares",
    "save",
]
