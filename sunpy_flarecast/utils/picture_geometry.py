"""Where to put labels beside what they name, so that they do not lie on one another."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

__all__ = ["place_labels"]

#: Where a label may be put, in the order of preference: above, below, right, left, and the corners.
_SIDES: Final = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))

#: How far away it may be put at most, in heights of the label.
_RINGS: Final = 9


def place_labels(boxes: Any, sizes: Any, circle: tuple[float, float, float] | None = None) -> Any:
    """
    Choose places for labels beside boxes: as near as can be where they cover no other label, and if possible no box.

    Parameters
    ----------
    boxes : array_like, (n, 4)
        What is to be named: left, bottom, right, top.
    sizes : array_like, (n, 2)
        Widths and heights of the labels.
    circle : tuple of float, optional
        A line that they should not be written across: x and y of the centre, and radius.

    Returns
    -------
    ndarray, (n, 2)
        The centres of the labels.

    Examples
    --------
    >>> from sunpy_flarecast.utils.picture_geometry import place_labels
    >>> place_labels([[0, 0, 10, 10]], [[8, 4]]).tolist()
    [[5.0, 13.0]]
    """
    boxes = np.asarray(boxes, dtype=float).reshape(-1, 4)
    sizes = np.asarray(sizes, dtype=float).reshape(-1, 2)
    placed = np.empty((0, 4))
    centres = np.empty((len(boxes), 2))
    for number, (box, size) in enumerate(zip(boxes, sizes, strict=True)):
        best = np.inf
        for candidate, distance in _candidates(box, size):
            half = size / 2
            rectangle = np.concatenate([candidate - half, candidate + half])
            cost = 1000 * _covered(rectangle, placed) + 10 * _covered(rectangle, boxes) + distance
            cost += 3 * _across(rectangle, circle)
            if cost < best:
                best, centres[number] = cost, candidate
        half = sizes[number] / 2
        placed = np.vstack([placed, np.concatenate([centres[number] - half, centres[number] + half])])
    return centres


def _candidates(box: Any, size: Any) -> list[tuple[Any, float]]:
    """List places for the centre of a label, each with its distance from the nearest in heights of the label."""
    middle, reach = (box[:2] + box[2:]) / 2, (box[2:] - box[:2] + size) / 2
    gap = size[1] / 4
    return [
        (middle + np.array(side) * (reach + gap + ring * size[1] * 0.6), ring + place / 100)
        for ring in range(_RINGS)
        for place, side in enumerate(_SIDES)
    ]


def _covered(rectangle: Any, others: Any) -> float:
    """Tell how much of a rectangle others cover; parts that several cover count several times."""
    width = np.minimum(rectangle[2], others[:, 2]) - np.maximum(rectangle[0], others[:, 0])
    height = np.minimum(rectangle[3], others[:, 3]) - np.maximum(rectangle[1], others[:, 1])
    area = (rectangle[2] - rectangle[0]) * (rectangle[3] - rectangle[1])
    return float((np.maximum(width, 0) * np.maximum(height, 0)).sum() / area)


def _across(rectangle: Any, circle: tuple[float, float, float] | None) -> bool:
    """Tell whether a circle goes through a rectangle."""
    if circle is None:
        return False
    middle = np.array(circle[:2])
    nearest = np.clip(middle, rectangle[:2], rectangle[2:])
    farthest = np.where(abs(rectangle[:2] - middle) > abs(rectangle[2:] - middle), rectangle[:2], rectangle[2:])
    return bool(np.hypot(*(nearest - middle)) < circle[2] < np.hypot(*(farthest - middle)))
