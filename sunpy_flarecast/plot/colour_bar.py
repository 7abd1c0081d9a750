"""The colour bar beside an image of a segment: its range and unit, or the meanings of its codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.colors import CenteredNorm

from sunpy_flarecast.sharp.units import unit_text

if TYPE_CHECKING:
    from astropy.units import UnitBase

    from sunpy_flarecast.maps.styles import Style

__all__ = ["draw_colour_bar", "unit_of_segment"]

#: Units of segments that astropy cannot express.
_WORDS: Final = {"dop_width": "mÅ", "damping": "Doppler widths", "chisq": ""}


def draw_colour_bar(axes: Any, image: Any, style: Style, unit: str, scale: float = 1.0) -> None:
    """Draw the colour bar beside the image, as high as the image; ``scale`` is that of the text."""
    bar = axes.figure.colorbar(image, cax=axes.inset_axes((1.02, 0, 0.035, 1)), extend=style.extend)
    bar.ax.tick_params(labelsize=7 * scale, length=3 * scale)
    bar.ax.yaxis.get_offset_text().set_fontsize(7 * scale)
    if style.codes:
        edges = np.asarray(bar.norm.boundaries)
        bar.ax.yaxis.set_ticks((edges[1:] + edges[:-1]) / 2, list(style.codes.values()))
        bar.ax.minorticks_off()
        bar.ax.tick_params(length=0, labelsize=6 * scale)
    else:
        middle = f" (median {bar.norm.vcenter:.4g})" if isinstance(bar.norm, CenteredNorm) else ""
        bar.set_label(f"{unit}{middle}", fontsize=8 * scale)


def unit_of_segment(unit: UnitBase | None, segment: str) -> str:
    """Write the unit of a segment, in words where astropy cannot express it."""
    return _WORDS.get(segment, "" if unit is None else unit_text(unit))
