"""Times on an axis: ticks whose labels always tell day and year, in two lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib.dates as mdates
import numpy as np
from matplotlib.ticker import Formatter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["DateTicks", "date_axis"]

#: Fewest and most ticks of an axis; their second lines are wide.
_TICKS: Final = (3, 9)

#: For ticks at least so many days apart: what each label tells, and what its second line tells where it is new.
_LINES: Final = ((300, "%Y", ""), (25, "%b", "%Y"), (0.9, "%d %b", "%Y"), (1 / 1500, "%H:%M", "%d %b %Y"))
_FINEST: Final = ("%H:%M:%S", "%d %b %Y")


class DateTicks(Formatter):
    r"""
    Labels of two lines: what differs from tick to tick, and below it, at the first tick and where it changes, the rest.

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
        found = []
        before = None
        for date in mdates.num2date(values):
            rest = date.strftime(lower)
            found.append(date.strftime(upper) + (f"\n{rest}" if rest and rest != before else ""))
            before = rest
        return found

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Write a time in full, as under the pointer."""
        return str(mdates.num2date(x).strftime("%Y-%m-%d %H:%M"))


def date_axis(axes: Axes) -> None:
    """Give axes dates as x."""
    axes.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=_TICKS[0], maxticks=_TICKS[1]))
    formatter: Any = DateTicks()
    axes.xaxis.set_major_formatter(formatter)
