"""The HARPs of a time step on the solar disk: outlines and places of labels in the units of an SVG; pure geometry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from sunpy_flarecast.utils.outlines import box_outline
from sunpy_flarecast.utils.picture_geometry import place_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .overview import Harp

__all__ = ["FONT_SIZE", "RADIUS", "Disk", "Shape", "draw_disk"]

#: Radius of the Sun, and the height of letters, in units of the picture.
RADIUS: Final = 100.0
FONT_SIZE: Final = 7.5

#: Width of a letter over its height, a little more than fonts have it.
_LETTER: Final = 0.68

#: Degrees between the lines of the grid, and between the points of a line.
_GRID: Final = 30
_POINTS: Final = 3.0


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """
    One HARP on the picture.

    Parameters
    ----------
    harp : Harp
        What it is.
    path : str
        Its outline, in the syntax of SVG.
    x, y : float
        Where its label has its centre.
    line : str
        A line from the label to the outline, if they are apart, else empty.
    """

    harp: Harp
    path: str
    x: float
    y: float
    line: str = ""


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """
    The picture; the centre of the Sun is its origin, solar north is up, and west on the right.

    Parameters
    ----------
    grid : str
        Lines of equal latitude and longitude, in the syntax of SVG.
    shapes : tuple of Shape
        The HARPs that can be seen.
    hidden : tuple of Harp
        Those without a known place, or beyond the limb.
    view : tuple of int
        Least x and y, width and height of what holds the disk and all labels.
    """

    grid: str
    shapes: tuple[Shape, ...]
    hidden: tuple[Harp, ...]
    view: tuple[int, int, int, int]


def draw_disk(harps: Sequence[Harp], b0: float | None = None) -> Disk:
    """
    Draw HARPs on the disk, as seen from far away.

    Parameters
    ----------
    harps : sequence of Harp
        What to draw.
    b0 : float, optional
        Latitude of the observer in degree, 0 if it is not known.

    Returns
    -------
    Disk

    Examples
    --------
    >>> from sunpy_flarecast.archive.web.disk import draw_disk
    >>> from sunpy_flarecast.archive.web.overview import Harp
    >>> disk = draw_disk([Harp(recnum=1, harpnum=6178, box=(-5, 10, 5, 20)), Harp(recnum=2, harpnum=6179)])
    >>> [shape.harp.harpnum for shape in disk.shapes], [harp.harpnum for harp in disk.hidden]
    ([6178], [6179])
    """
    tilt = 0.0 if b0 is None else b0
    outlines = [
        np.empty((0, 2))
        if harp.box is None
        else np.column_stack(_project(*box_outline(*_folded(harp.box), tilt, 0.0), tilt))
        for harp in harps
    ]
    seen = [(harp, outline) for harp, outline in zip(harps, outlines, strict=True) if len(outline)]
    boxes = [(*outline.min(axis=0), *outline.max(axis=0)) for _, outline in seen]
    sizes = [(len(harp.name) * FONT_SIZE * _LETTER, FONT_SIZE) for harp, _ in seen]
    centres = place_labels(boxes, sizes)
    shapes = tuple(
        Shape(harp=harp, path=f"{_path(outline)}z", x=_rounded(x), y=_rounded(y), line=_line((x, y), size, box))
        for (harp, outline), (x, y), size, box in zip(seen, centres.tolist(), sizes, boxes, strict=True)
    )
    hidden = tuple(harp for harp, outline in zip(harps, outlines, strict=True) if not len(outline))
    return Disk(grid=_grid(tilt), shapes=shapes, hidden=hidden, view=_view(centres, sizes))


def _view(centres: Any, sizes: Sequence[tuple[float, float]]) -> tuple[int, int, int, int]:
    half = np.reshape(sizes, (-1, 2)) / 2
    corners = np.concatenate([centres - half, centres + half, [[-RADIUS, -RADIUS], [RADIUS, RADIUS]]])
    (left, top), (right, bottom) = np.floor(corners.min(axis=0)) - 2, np.ceil(corners.max(axis=0)) + 2
    # The Sun stays in the middle.
    across = max(-left, right)
    return int(-across), int(top), int(2 * across), int(bottom - top)


def _folded(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Bring a box to longitudes around the observer's meridian, and to latitudes that there are."""
    west, south, east, north = box
    turns = 360 * round((west + east) / 2 / 360)
    return west - turns, max(south, -90.0), east - turns, min(north, 90.0)


def _project(longitude: Any, latitude: Any, tilt: float) -> tuple[Any, Any]:
    """Give x to the west, and y to the south, as pictures have it."""
    along, up, axis = np.radians(longitude), np.radians(latitude), np.radians(tilt)
    x = np.cos(up) * np.sin(along)
    y = np.sin(up) * np.cos(axis) - np.cos(up) * np.cos(along) * np.sin(axis)
    return RADIUS * x, -RADIUS * y


def _grid(tilt: float) -> str:
    """Draw the near half of each line of the grid."""
    axis = np.radians(tilt)
    fine = np.arange(-90, 90 + _POINTS / 2, _POINTS)
    whole = np.arange(-180, 180 + _POINTS / 2, _POINTS)
    lines = [(np.full(fine.size, float(place)), fine) for place in range(-180, 180, _GRID)]
    lines += [(whole, np.full(whole.size, float(place))) for place in range(-90 + _GRID, 90, _GRID)]
    paths = []
    for longitude, latitude in lines:
        up, along = np.radians(latitude), np.radians(longitude)
        near = np.sin(up) * np.sin(axis) + np.cos(up) * np.cos(along) * np.cos(axis) > 0
        points = np.column_stack(_project(longitude, latitude, tilt))
        edges = np.flatnonzero(np.diff(near)) + 1
        paths += [
            _path(part)
            for part, seen in zip(np.split(points, edges), np.split(near, edges), strict=True)
            if seen[0] and len(part) > 1
        ]
    return "".join(paths)


def _path(points: Any) -> str:
    """Join points by lines, those that fall together left out."""
    rounded = np.round(points, 1) + 0.0
    kept = np.concatenate([[True], (np.diff(rounded, axis=0) != 0).any(axis=1)])
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in rounded[kept].tolist())


def _line(centre: tuple[float, float], size: tuple[float, float], box: tuple[float, ...]) -> str:
    """Lead from a label that stands apart to its box."""
    x, y = (float(np.clip(place, box[axis], box[axis + 2])) for axis, place in enumerate(centre))
    across, down = x - centre[0], y - centre[1]
    # From the edge of the label, not through its letters.
    reach = max(abs(across) / (size[0] / 2), abs(down) / (size[1] / 2))
    if reach <= 1 or np.hypot(across, down) * (1 - 1 / reach) < FONT_SIZE:
        return ""
    return _path(np.array([(centre[0] + across / reach, centre[1] + down / reach), (x, y)]))


def _rounded(value: float) -> float:
    return round(value, 1) + 0.0
