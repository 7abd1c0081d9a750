"""A PNG picture of one segment, from an array: the image alone, or with title and colour bar."""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image, ImageDraw, ImageFont

from sunpy_flarecast.maps.styles import BEYOND, style_of

from .colour_bar import draw_colour_bar, unit_of_segment

if TYPE_CHECKING:
    from astropy.units import UnitBase
    from PIL.Image import Image as Picture

__all__ = ["FIGURE_FROM", "figure_of_segment", "image_of_segment", "notice"]

#: Minimum width, in pixels, at which text is legible.
FIGURE_FROM: Final = 400

_DPI: Final = 100

#: Maximum height of a picture as a fraction of its width.
_TALLEST: Final = 1.25

#: Height of small text as a fraction of the width of a picture, and its minimum in pixels.
_LETTERS: Final = 1 / 16
_SMALLEST: Final = 11


def image_of_segment(
    data: Any, segment: str, width: int, *, upside_down: bool = False, smarp: bool = False, mark: str = ""
) -> bytes:
    """
    Draw an image alone, as a PNG.

    Parameters
    ----------
    data : array of float
        The pixels, NaN where missing, the first row at the bottom.
    segment : str
        Name of the segment, which determines colours and range.
    width : int
        Maximum width of the picture in pixels. Its height is at most 1.25 times this value, so pictures of tall images
        are narrower.
    upside_down : bool, optional
        Whether to turn the image by 180 degrees, for cameras that are upside down, such as HMI's (default: False).
    smarp : bool, optional
        Whether the image is of a SMARP (default: False).
    mark : str, optional
        A word to write over the image (default: none).

    Returns
    -------
    bytes
    """
    style = style_of(segment, data, smarp=smarp)
    rows, columns = data.shape
    factor = min(width / columns, _TALLEST * width / rows)
    size = max(round(columns * factor), 1), max(round(rows * factor), 1)
    # Means of the values, so that a small picture has the field of a large one; codes have no mean.
    how = Image.Resampling.NEAREST if style.codes or factor >= 1 else Image.Resampling.BOX
    small = np.asarray(Image.fromarray(_as_seen(data, upside_down).astype(np.float32)).resize(size, how))
    coloured = style.cmap(style.norm(np.ma.masked_invalid(small)), bytes=True)[..., :3]
    picture = Image.fromarray(np.ascontiguousarray(coloured))
    return _png(picture, mark, width)


def figure_of_segment(
    data: Any,
    segment: str,
    width: int,
    *,
    title: str = "",
    unit: UnitBase | None = None,
    upside_down: bool = False,
    smarp: bool = False,
    mark: str = "",
) -> bytes:
    """
    Draw an image with its title and colour bar, as a PNG; parameters are those of `image_of_segment`.

    ``unit`` is that of the values. The figure is not one of pyplot's, so that it can be made in any thread.
    """
    style = style_of(segment, data, smarp=smarp)
    rows, columns = data.shape
    height = min(max(rows / columns * 0.78, 0.25) + 0.1, _TALLEST)
    scale = width / 640
    figure = Figure(figsize=(width / _DPI, width * height / _DPI), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    shown = _as_seen(data, upside_down)
    image = axes.imshow(shown, cmap=style.cmap, norm=style.norm, interpolation="nearest" if style.codes else "auto")
    axes.set_facecolor(BEYOND)
    axes.set_axis_off()
    axes.set_title(title, fontsize=9 * scale)
    draw_colour_bar(axes, image, style, unit_of_segment(unit, segment), 1.2 * scale)
    if mark:
        halo = [withStroke(linewidth=2, foreground="black")]
        axes.text(0.01, 0.015, mark, transform=axes.transAxes, color="white", fontsize=11 * scale, path_effects=halo)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def notice(width: int, text: str, *, mark: str = "") -> bytes:
    """Draw text in place of an image, as a PNG."""
    picture = Image.new("RGB", (width, width * 3 // 4), BEYOND)
    font = _font(width)
    line = max(int(0.9 * width / font.getlength("n")), 8)
    lines = "\n".join(textwrap.wrap(text, line)[:8])
    place = width / 2, width * 3 / 8
    ImageDraw.Draw(picture).multiline_text(place, lines, "white", font, anchor="mm", align="center")
    return _png(picture, mark, width)


def _as_seen(data: Any, upside_down: bool) -> Any:
    """Return the rows from the top down, as pictures have them, solar north up."""
    return data[:, ::-1] if upside_down else data[::-1]


def _font(width: int) -> Any:
    return ImageFont.load_default(max(width * _LETTERS, _SMALLEST))


def _png(picture: Picture, mark: str, width: int) -> bytes:
    if mark:
        place = 4, picture.height - 3
        ImageDraw.Draw(picture).text(
            place, mark, "white", _font(width), anchor="ls", stroke_width=1, stroke_fill="black"
        )
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
