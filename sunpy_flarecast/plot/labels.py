"""Labels that do not lie on one another: where to put them beside what they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patheffects import withStroke

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["draw_labels", "place_labels"]

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
    >>> from sunpy_flarecast.plot.labels import place_labels
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


def draw_labels(
    axes: Axes, boxes: Any, texts: Sequence[str], *, circle: tuple[float, float, float] | None = None, **style: Any
) -> list[Any]:
    """
    Write labels beside boxes, with a thin line to the box where a label stands apart.

    Parameters
    ----------
    axes : `matplotlib.axes.Axes`
        Their size and limits must be final.
    boxes : array_like, (n, 4)
        Left, bottom, right, top, in data coordinates.
    texts : sequence of str
        What to write.
    circle : tuple of float, optional
        A line that they should not be written across: x and y of the centre, and radius, in data coordinates.
    **style
        Of the texts, as `matplotlib.axes.Axes.text` takes it.

    Returns
    -------
    list of `matplotlib.text.Text`
    """
    if not len(texts):
        return []
    axes.figure.figure.draw_without_rendering()  # which settles where the axes are, also in a subfigure
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 9, "zorder": 5} | style
    labels = [axes.text(0, 0, text, clip_on=False, **look) for text in texts]
    halo = "white" if sum(to_rgb(look.get("color", "black"))) < 1.5 else "black"
    for label in labels:
        label.set_path_effects([withStroke(linewidth=2, foreground=halo, alpha=0.7)])
    extents = [label.get_window_extent() for label in labels]
    sizes = [(extent.width, extent.height) for extent in extents]
    corners = np.sort(axes.transData.transform(np.reshape(boxes, (-1, 2))).reshape(-1, 2, 2), axis=1)
    rectangles = corners.reshape(-1, 4)
    drawn = None
    if circle is not None:
        middle, edge = axes.transData.transform([circle[:2], (circle[0] + circle[2], circle[1])])
        drawn = (*middle, np.hypot(*(edge - middle)))
    centres = place_labels(rectangles, sizes, drawn)
    back = axes.transData.inverted()
    for label, centre, size, rectangle in zip(labels, centres, sizes, rectangles, strict=True):
        label.set_position(tuple(back.transform(centre)))
        nearest = np.clip(centre, rectangle[:2], rectangle[2:])
        if np.hypot(*(centre - nearest)) > 1.6 * np.hypot(*size) / 2 + size[1]:
            line = back.transform([centre, nearest])
            axes.plot(
                *line.T, color=look.get("color", "black"), lw=0.5, alpha=0.7, zorder=4, scalex=False, scaley=False
            )
    return labels
