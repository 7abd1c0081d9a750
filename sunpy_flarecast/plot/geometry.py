"""Geometry of plots: outlines of boxes on the Sun, and places for labels that do not overlap."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["box_outline", "orthographic", "place_labels"]

#: Points on each side of a box.
_POINTS: Final = 20

#: Where a label may be placed, in order of preference: above, below, right, left, and the corners.
_SIDES: Final = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))

#: How far away a better place is sought, in steps of 0.6 heights of the label.
_RINGS: Final = 9

#: Cost of a place on a box, in such steps.
_ON_BOX: Final = 3

#: Cost of a place that is not inside the frame; it is used only if there is no other.
_OUTSIDE: Final = 1e6


def box_outline(box: Any, b0: float, edge: float = 0.0) -> tuple[Any, Any]:
    """
    Return longitudes and latitudes around a box, following the limb where the box extends beyond it.

    The box is given by its smallest longitude from the observer's central meridian, its smallest latitude, and its
    largest longitude and latitude; ``b0`` is the latitude of the observer, ``edge`` the radius of the Sun over the
    observer's distance. All angles are in degrees. The result is empty if the box is not visible, or a bound is NaN.
    """
    if not np.all(np.isfinite(box)):
        return np.empty(0), np.empty(0)
    east, south, west, north = box
    latitude = np.linspace(south, north, _POINTS)
    sine, cosine = np.sin(np.radians(latitude)), np.cos(np.radians(latitude))
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = (edge - np.sin(np.radians(b0)) * sine) / (np.cos(np.radians(b0)) * cosine)
    limb = np.degrees(np.arccos(np.clip(limit, -1, 1)))
    least, most = np.maximum(east, -limb), np.minimum(west, limb)
    visible = least < most
    if not visible.any():
        return np.empty(0), np.empty(0)
    latitude, least, most = latitude[visible], least[visible], most[visible]
    along = np.linspace(0, 1, _POINTS)[1:-1]
    parts = (
        (least[0] + (most[0] - least[0]) * along, np.full(along.size, latitude[0])),
        (most, latitude),
        (most[-1] + (least[-1] - most[-1]) * along, np.full(along.size, latitude[-1])),
        (least[::-1], latitude[::-1]),
    )
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def orthographic(longitude: Any, latitude: Any, b0: float) -> tuple[Any, Any, Any]:
    """Project places on the Sun, in degrees: x to the west, y to the north, z to the observer, in solar radii."""
    lon, lat, tilt = np.radians(longitude), np.radians(latitude), np.radians(b0)
    near = np.cos(lat) * np.cos(lon)
    return (
        np.cos(lat) * np.sin(lon),
        np.sin(lat) * np.cos(tilt) - near * np.sin(tilt),
        np.sin(lat) * np.sin(tilt) + near * np.cos(tilt),
    )


def place_labels(
    boxes: Any,
    sizes: Any,
    circle: tuple[float, float, float] | None = None,
    frame: tuple[float, float, float, float] | None = None,
) -> Any:
    """
    Return the centres of labels beside boxes: never on other labels, and if possible near their box and on no box.

    Boxes are given by left, bottom, right and top, labels by width and height. Labels avoid the line of a ``circle``
    (x and y of the centre, radius), and stay inside a ``frame`` (left, bottom, right, top) if there is a place.
    """
    boxes = np.asarray(boxes, dtype=float).reshape(-1, 4)
    sizes = np.asarray(sizes, dtype=float).reshape(-1, 2)
    placed = np.empty((0, 4))
    centres = np.empty((len(boxes), 2))
    for number, (box, size) in enumerate(zip(boxes, sizes, strict=True)):
        best, half = np.inf, size / 2
        step = 0.6 * size[1]
        # The labels placed so far leave a free place in each direction within this many steps.
        most = _RINGS + len(placed) + int(((placed[:, 3] - placed[:, 1] + size[1]) / step).sum())
        # Places further from a box in the frame than the frame is large are outside.
        within = _RINGS if frame is None else max(_RINGS, (max(frame[2] - frame[0], frame[3] - frame[1])) / step)
        for candidate, distance in _candidates(box, size, step, most):
            if distance >= (_RINGS if best < _OUTSIDE else within) and best < np.inf:
                break
            rectangle = np.concatenate([candidate - half, candidate + half])
            if _covered(rectangle, placed) > 0:
                continue
            covered = _covered(rectangle, boxes)
            cost = distance + 10 * covered + _ON_BOX * (covered > 0)
            cost += 3 * _crosses(rectangle, circle)
            if frame is not None:
                outside = 1 - _covered(rectangle, np.array([frame]))
                cost += _OUTSIDE * (1 + outside) * (outside > 1e-6)
            if cost < best:
                best, centres[number] = cost, candidate
        placed = np.vstack([placed, np.concatenate([centres[number] - half, centres[number] + half])])
    _untangle(centres, boxes, sizes)
    return centres


def _untangle(centres: Any, boxes: Any, sizes: Any) -> None:
    """Exchange labels of the same size that are then nearer to their boxes."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    pairs = [(one, other) for one, other in combinations(range(len(boxes)), 2) if (sizes[one] == sizes[other]).all()]
    lengths = np.hypot(*(centres[:, None] - middles).T).T
    exchanged = True
    while exchanged:
        exchanged = False
        for one, other in pairs:
            now, then = lengths[one, one] + lengths[other, other], lengths[one, other] + lengths[other, one]
            if then < now - 1e-9 * now:
                centres[[one, other]] = centres[[other, one]]
                lengths[[one, other]] = lengths[[other, one]]
                exchanged = True


def _candidates(box: Any, size: Any, step: float, most: int) -> Iterator[tuple[Any, float]]:
    """Yield centres for a label, each with its cost, at increasing distance."""
    middle, reach = (box[:2] + box[2:]) / 2, (box[2:] - box[:2] + size) / 2
    gap = size[1] / 4
    for ring in range(most + 1):
        for place, side in enumerate(_SIDES):
            yield middle + np.array(side) * (reach + gap + ring * step), ring + place / 100


def _covered(rectangle: Any, others: Any) -> float:
    """Compute the fraction of a rectangle that others cover; areas that several cover count several times."""
    width = np.minimum(rectangle[2], others[:, 2]) - np.maximum(rectangle[0], others[:, 0])
    height = np.minimum(rectangle[3], others[:, 3]) - np.maximum(rectangle[1], others[:, 1])
    area = (rectangle[2] - rectangle[0]) * (rectangle[3] - rectangle[1])
    return float((np.maximum(width, 0) * np.maximum(height, 0)).sum() / area)


def _crosses(rectangle: Any, circle: tuple[float, float, float] | None) -> bool:
    if circle is None:
        return False
    middle = np.array(circle[:2])
    nearest = np.clip(middle, rectangle[:2], rectangle[2:])
    farthest = np.where(abs(rectangle[:2] - middle) > abs(rectangle[2:] - middle), rectangle[:2], rectangle[2:])
    return bool(np.hypot(*(nearest - middle)) < circle[2] < np.hypot(*(farthest - middle)))
