"""HARPs as labelled boxes on the solar disk: drawing of plain numbers, which needs matplotlib alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon

from .axes import draw_labels
from .geometry import box_outline, orthographic

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

__all__ = ["MARKED", "SUN", "disk_of_regions", "draw_regions"]

#: Colours of the disk, and of regions that are marked and others.
SUN: Final = "#fdf6e3"
MARKED: Final = "#b2182b"
_PLAIN: Final = "#55606b"

#: Half width and half height of the picture in solar radii, with room for labels, and inches of a solar radius.
_WIDTH: Final = 1.4
_HEIGHT: Final = 1.08
_INCHES: Final = 2.9

#: Degrees between the lines of the grid.
_GRID: Final = 30


def draw_regions(
    axes: Axes,
    outlines: Sequence[Any],
    names: Sequence[str],
    faces: Sequence[Any],
    edges: Sequence[Any],
    **style: Any,
) -> None:
    """Draw regions as polygons with their names beside them; ``style`` is that of `draw_labels`."""
    # Regions may overlap: areas are translucent, and outlines are above all areas.
    for corners, name, face, edge in zip(outlines, names, faces, edges, strict=True):
        area = Polygon(corners, facecolor=face, edgecolor="none", zorder=3, label=f"_{name}")  # not in a legend
        axes.add_patch(area)
        axes.add_patch(Polygon(corners, fill=False, edgecolor=edge, lw=1.2, zorder=4))
    boxes = [(*np.min(corners, axis=0), *np.max(corners, axis=0)) for corners in outlines]
    draw_labels(axes, boxes, names, **style)


def disk_of_regions(regions: Iterable[tuple[Sequence[float], str, bool]], *, b0: float = 0.0) -> Figure:
    """
    Draw the solar disk with regions as seen from far away, solar north up and west on the right.

    A region is a box as for `~sunpy_flarecast.plot.geometry.box_outline`, a name, and whether it is marked by another
    colour; those beyond the limb are left out. The figure is not one of pyplot's, so that any thread can make it.
    """
    figure = Figure(figsize=(2 * _WIDTH * _INCHES, 2 * _HEIGHT * _INCHES))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-_WIDTH, _WIDTH), ylim=(-_HEIGHT, _HEIGHT))
    axes.set_axis_off()
    axes.add_patch(Circle((0, 0), 1, facecolor=SUN, edgecolor="black", lw=1, zorder=1))
    along = np.arange(-180.0, 181.0, 3.0)
    meridians = [(np.full(along.size, lon), along / 2) for lon in range(-180, 180, _GRID)]
    parallels = [(along, np.full(along.size, lat)) for lat in range(-90 + _GRID, 90, _GRID)]
    for longitude, latitude in meridians + parallels:
        x, y, z = orthographic(longitude, latitude, b0)
        axes.plot(np.where(z > 0, x, np.nan), y, color="black", lw=0.6, alpha=0.3, zorder=2)
    kept = []
    for (west, south, east, north), name, mark in regions:
        turns = 360 * round((west + east) / 720)
        longitude, latitude = box_outline((west - turns, max(south, -90.0), east - turns, min(north, 90.0)), b0)
        if longitude.size:
            x, y, _ = orthographic(longitude, latitude, b0)
            kept.append((np.column_stack([x, y]), name, MARKED if mark else _PLAIN))
    outlines, shown, colours = zip(*kept, strict=True) if kept else ((), (), ())
    faces = [(colour, 0.15) for colour in colours]
    draw_regions(axes, outlines, shown, faces, colours, circle=(0, 0, 1), halo=False)
    return figure
