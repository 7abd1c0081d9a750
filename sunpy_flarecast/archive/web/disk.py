"""HARPs on the solar disk in SVG: outlines, labels and the heliographic grid."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from sunpy_flarecast.plot.geometry import box_outline, orthographic, place_labels

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Outline", "disk_grid", "outlines_of"]

#: Solar radius, height of letters on narrow screens and their mean width, in units of the picture.
_RADIUS: Final = 100.0
_LETTER: Final = 8.0
_WIDTH: Final = 0.58 * _LETTER

#: The picture: left, top, right and bottom.
_FRAME: Final = (-142.0, -106.0, 142.0, 106.0)

#: Labels farther from their box than this have a line to it.
_NEAR: Final = 4.0

#: Degrees between the lines of the grid.
_GRID: Final = 30


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """A HARP on the disk: its path, its label with position, and a line between them if they are far apart."""

    path: str
    x: float
    y: float
    label: str
    leader: str
    item: Any


def outlines_of(items: Iterable[tuple[tuple[float, ...] | None, str, Any]], b0: float | None) -> list[Outline]:
    """
    Project boxes (see `~sunpy_flarecast.plot.geometry.box_outline`), each given with its label and an item.

    Solar north is up and west on the right. Items without a box or behind the limb are left out.
    """
    kept = []
    for box, label, item in items:
        if box is None:
            continue
        east, south, west, north = box
        turns = 360 * round((east + west) / 720)
        bounds = east - turns, max(south, -90.0), west - turns, min(north, 90.0)
        longitude, latitude = box_outline(bounds, b0 or 0.0)
        if longitude.size:
            kept.append((_projected(longitude, latitude, b0 or 0.0)[0], label, item))
    boxes = np.array([(*corners.min(axis=0), *corners.max(axis=0)) for corners, _, _ in kept]).reshape(-1, 4)
    sizes = np.array([(_WIDTH * len(label), _LETTER) for _, label, _ in kept]).reshape(-1, 2)
    centres = place_labels(boxes, sizes, (0.0, 0.0, _RADIUS), _FRAME)
    return [
        Outline(
            path=_path(corners) + "Z",
            x=round(float(centre[0]), 1),
            y=round(float(centre[1]), 1),
            label=label,
            leader=_leader(corners, centre, size, np.delete(boxes, place, axis=0)),
            item=item,
        )
        for place, ((corners, label, item), centre, size) in enumerate(zip(kept, centres, sizes, strict=True))
    ]


@lru_cache(64)
def disk_grid(b0: float) -> str:
    """Draw meridians and parallels as one path."""
    along = np.arange(-180.0, 181.0, 4.0)
    lines = [(np.full(along.size, float(lon)), along / 2) for lon in range(-180, 180, _GRID)]
    lines += [(along, np.full(along.size, float(lat))) for lat in range(-90 + _GRID, 90, _GRID)]
    parts = []
    for longitude, latitude in lines:
        points, near = _projected(longitude, latitude, b0)
        pieces = np.split(np.arange(near.size), np.flatnonzero(np.diff(near)) + 1)
        parts += [_path(points[piece]) for piece in pieces if near[piece[0]] and piece.size > 1]
    return "".join(parts)


def _leader(corners: Any, centre: Any, size: Any, others: Any) -> str:
    """Draw a line from a label to its outline if that is far, or if another box is nearer."""
    half = size / 2
    begins = np.clip(corners, centre - half, centre + half)
    lengths = np.hypot(*(corners - begins).T)
    nearest = lengths.argmin()
    gaps = np.hypot(*np.maximum(np.maximum(others[:, :2] - centre, centre - others[:, 2:]) - half, 0).T)
    if lengths[nearest] <= _NEAR and lengths[nearest] <= gaps.min(initial=np.inf):
        return ""
    return _path([begins[nearest], corners[nearest]])


def _projected(longitude: Any, latitude: Any, b0: float) -> tuple[Any, Any]:
    """Return positions in the picture (y is down), and whether they are on the near side."""
    x, y, z = orthographic(longitude, latitude, b0)
    return np.column_stack([x, -y]) * _RADIUS, z > 0


def _path(points: Any) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
