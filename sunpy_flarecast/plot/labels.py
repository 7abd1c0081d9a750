"""Labels that do not lie on one another: where to put them beside what they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patheffects import withStroke

from sunpy_flarecast.utils.picture_geometry import place_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["draw_labels"]


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
