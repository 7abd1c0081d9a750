"""Elements shared by plots: dates as ticks, labels that do not overlap, bars of many HARPs in few rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib.dates as mdates
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patheffects import withStroke
from matplotlib.ticker import Formatter

from .geometry import place_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["DateTicks", "date_axis", "draw_labels", "mark_synthetic", "north_up", "pack", "titled"]

#: Minimum and maximum number of ticks of an axis; their second lines are wide.
_TICKS: Final = (3, 9)

#: For ticks at least this many days apart: the format of each label, and of the line below it.
_LINES: Final = ((300, "%Y", ""), (25, "%b", "%Y"), (0.9, "%d %b", "%Y"), (1 / 1500, "%H:%M", "%d %b %Y"))
_FINEST: Final = ("%H:%M:%S", "%d %b %Y")


class DateTicks(Formatter):
    r"""
    Two-line labels: the part that differs from tick to tick, and below it the rest, where it is new.

    Examples
    --------
    >>> import matplotlib.dates as mdates
    >>> from sunpy_flarecast.plot.axes import DateTicks
    >>> DateTicks().format_ticks(mdates.datestr2num(["2015-12-18", "2015-12-25", "2016-01-01"]))
    ['18 Dec\n2015', '25 Dec', '01 Jan\n2016']
    """

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Write the labels of all ticks."""
        if not len(values):
            return []
        step = float(np.min(np.diff(values))) if len(values) > 1 else 0.0
        upper, lower = next(((above, below) for days, above, below in _LINES if step >= days), _FINEST)
        found, before = [], None
        for date in mdates.num2date(values):
            rest = date.strftime(lower)
            found.append(date.strftime(upper) + (f"\n{rest}" if rest and rest != before else ""))
            before = rest
        return found

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Write a time in full, for the position of the pointer."""
        return str(mdates.num2date(x).strftime("%Y-%m-%d %H:%M"))


def date_axis(axes: Axes) -> None:
    """Label the x axis with dates."""
    axes.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=_TICKS[0], maxticks=_TICKS[1]))
    formatter: Any = DateTicks()
    axes.xaxis.set_major_formatter(formatter)


def draw_labels(
    axes: Axes,
    boxes: Any,
    texts: Sequence[str],
    *,
    circle: tuple[float, float, float] | None = None,
    **style: Any,
) -> None:
    """
    Write labels beside boxes (left, bottom, right, top), with a thin line to the box where a label stands apart.

    Size and limits of the axes must be final. Boxes outside the axes have no label. Labels stay inside, and avoid the
    line of a ``circle`` (x and y of the centre, radius).
    """
    if not len(texts):
        return
    axes.figure.figure.draw_without_rendering()  # which settles where the axes are, also in a subfigure
    left, bottom, right, top = frame = axes.bbox.extents
    rectangles = np.sort(axes.transData.transform(np.reshape(boxes, (-1, 2))).reshape(-1, 2, 2), axis=1).reshape(-1, 4)
    rectangles = np.clip(rectangles, (left, bottom, left, bottom), (right, top, right, top))
    inside = (rectangles[:, :2] < rectangles[:, 2:]).all(axis=1)
    rectangles, texts = rectangles[inside], [text for text, shown in zip(texts, inside, strict=True) if shown]
    look: dict[str, Any] = {"color": "black", "ha": "center", "va": "center", "fontsize": 9, "zorder": 5} | style
    labels = [axes.text(0, 0, text, clip_on=False, **look) for text in texts]
    edge = withStroke(linewidth=2, foreground="white" if sum(to_rgb(look["color"])) < 1.5 else "black", alpha=0.7)
    for label in labels:
        label.set_path_effects([edge])
    sizes = [label.get_window_extent().size for label in labels]
    drawn = None
    if circle is not None:
        middle, rim = axes.transData.transform([circle[:2], (circle[0] + circle[2], circle[1])])
        drawn = (*middle, np.hypot(*(rim - middle)))
    back = axes.transData.inverted()
    centres = place_labels(rectangles, sizes, drawn, frame)
    for label, centre, size, rectangle in zip(labels, centres, sizes, rectangles, strict=True):
        label.set_position(tuple(back.transform(centre)))
        nearest = np.clip(centre, rectangle[:2], rectangle[2:])
        if np.hypot(*(centre - nearest)) > 1.6 * np.hypot(*size) / 2 + size[1]:
            line = back.transform([centre, nearest])
            axes.plot(*line.T, color=look["color"], lw=0.5, alpha=0.7, zorder=4, scalex=False, scaley=False)


def titled(title: str, origin: Any) -> str:
    """Begin a title with ``SYNTHETIC data`` if the drawn data are synthetic according to their origin."""
    return f"SYNTHETIC data: {title}" if "SYNTHETIC" in str(origin) else title


def mark_synthetic(axes: Axes, origin: Any) -> None:
    """Write ``SYNTHETIC`` in a corner of the user's axes if the data are synthetic according to their origin."""
    if "SYNTHETIC" in str(origin) and all(text.get_text() != "SYNTHETIC" for text in axes.texts):
        edge = withStroke(linewidth=2, foreground="black")
        axes.text(0.01, 0.01, "SYNTHETIC", transform=axes.transAxes, color="white", fontsize=8, path_effects=[edge])


def north_up(axes: Any, one: Any) -> None:
    """Turn the axes of a map by 180 degrees if the camera was upside down, as HMI's is (CROTA2)."""
    if one.rotation_matrix[0, 0] < 0:
        axes.invert_xaxis()
        axes.invert_yaxis()


def pack(intervals: Sequence[tuple[float, float]]) -> list[int]:
    """Put intervals (begin, end) into as few rows as possible, so that those of one row do not overlap."""
    rows = [0] * len(intervals)
    ends: list[float] = []
    for place in sorted(range(len(intervals)), key=lambda one: intervals[one]):
        begin, end = intervals[place]
        row = next((number for number, free in enumerate(ends) if free <= begin), len(ends))
        if row == len(ends):
            ends.append(end)
        rows[place], ends[row] = row, end
    return rows
