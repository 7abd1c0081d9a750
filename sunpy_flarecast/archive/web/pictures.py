"""The pictures of the first page as SVG, drawn by `sunpy_flarecast.plot` from plain numbers."""

from __future__ import annotations

import io
import re
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from .overview import Step

__all__ = ["can_draw", "draw_days", "draw_disk"]

#: matplotlib can draw one picture at a time.
_LOCK: Final = threading.Lock()

#: Text as text, and the same ids in every process.
_SETTINGS: Final = {"svg.fonttype": "none", "svg.hashsalt": "sunpy_flarecast"}

#: Digits of coordinates beyond a hundredth of a point, which are half of a picture.
_DIGITS: Final = re.compile(rb"(\d\.\d\d)\d+")


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def draw_disk(step: Step) -> bytes:
    """Draw the HARPs of a time step on the solar disk, those with a NOAA number marked."""
    with _LOCK:
        from sunpy_flarecast.plot.regions import disk_of_regions

        harps = [(harp.box, harp.name, bool(harp.noaa)) for harp in step.harps if harp.box]
        return _svg(disk_of_regions(harps, b0=step.b0 or 0.0))


def draw_days(counts: Mapping[date, int]) -> bytes:
    """Draw the numbers of records by day."""
    with _LOCK:
        from sunpy_flarecast.plot.days import calendar_of_days

        return _svg(calendar_of_days(counts))


def _svg(figure: Any) -> bytes:
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context(_SETTINGS):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _DIGITS.sub(rb"\1", buffer.getvalue())
