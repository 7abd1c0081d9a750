"""A contact sheet: all segments of one record beside one another, each with colours and range that suit it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
from sunpy.map import GenericMap

from sunpy_flarecast.catalog import find_series
from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.load import load
from sunpy_flarecast.mending import identify
from sunpy_flarecast.styles import BEYOND, style_of
from sunpy_flarecast.trec import slot_time, text_slot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_record"]

#: Most columns of a sheet, and the width that it has, in inches.
_COLUMNS: Final = 5
_WIDTH: Final = 17.0

#: Room beside and above each image, in inches.
_BESIDE: Final = 0.95
_ABOVE: Final = 0.34

#: What the codes of segments without a unit in words are counted in, beside those that the catalog tells.
_WORDS: Final = {"dop_width": "mÅ", "damping": "Doppler widths", "conf_disambig": "", "chisq": ""}


def plot_record(files: Any, *, ax: Axes | None = None) -> list[Axes]:
    """
    Draw the segments of one record beside one another, with a colour bar each, north up.

    Parameters
    ----------
    files : path-like, iterable of path-like, `parfive.Results`, Report, Maps or list of `sunpy.map.GenericMap`
        The files of one record, as `sunpy_flarecast.load` takes them, or maps that it gave.
    ax : `matplotlib.axes.Axes`, optional
        Axes of a subplot, whose place the sheet takes; by default there is a new figure.

    Returns
    -------
    list of `astropy.visualization.wcsaxes.WCSAxes`
        One for each segment, in the catalog's order.

    Raises
    ------
    QueryError
        If the files are of several records.
    FileError
        If there are no files, or one cannot be read.

    Examples
    --------
    >>> import sunpy_flarecast
    >>> from sunpy_flarecast.plot import plot_record
    >>> files = sunpy_flarecast.load("data/6178/20151211")  # doctest: +SKIP
    >>> axes = plot_record(files)  # doctest: +SKIP
    """
    maps = sorted(_maps(files), key=_place)
    records = sorted({_record(one) for one in maps})
    if len(records) > 1:
        raise QueryError(
            f"plot_record() draws one record, and these files are of {len(records)}: {records[0]}, {records[1]}"
            f"{', ...' if len(records) > 2 else ''}. Choose those of one HARP, T_REC and series."
        )
    columns = min(_COLUMNS, len(maps)) if len(maps) > 4 else min(len(maps), 2)
    rows = -(-len(maps) // columns)
    figure = _figure(maps[0], rows, columns) if ax is None else _instead_of(ax)
    axes = []
    for number, one in enumerate(maps, start=1):
        panel = figure.add_subplot(rows, columns, number, projection=one)
        # All show the same place, so that the coordinates of the outer ones are those of all.
        _draw(one, panel, left=number % columns == 1 or columns == 1, bottom=number + columns > len(maps))
        axes.append(panel)
    figure.suptitle(records[0], fontsize=13)
    return axes


def _maps(files: Any) -> list[Any]:
    if isinstance(files, GenericMap):
        return [files]
    if isinstance(files, (list, tuple)) and files and all(isinstance(one, GenericMap) for one in files):
        return list(files)
    loaded = load(files)
    return [loaded] if isinstance(loaded, GenericMap) else list(loaded)


def _segment(one: Any) -> str:
    return str(one.meta.get("segment", ""))


def _series(one: Any) -> Any:
    keywords = {name.upper(): value for name, value in one.meta.items()}
    return find_series(identify(keywords, "").series)


def _place(one: Any) -> tuple[int, str]:
    series = _series(one)
    names = [segment.name for segment in series.segments] if series else []
    segment = _segment(one)
    return names.index(segment) if segment in names else len(names), segment


def _record(one: Any) -> str:
    """Name the record of a map."""
    series = _series(one)
    name = f"{series.name}, " if series and "DRMS_ID" in one.meta else ""
    projection = "" if name else f", {series.projection}" if series else ""
    slot = text_slot(str(one.meta.get("t_rec", "")))
    time = "T_REC unknown" if slot is None else f"{slot_time(slot).isot[:19].replace('T', ' ')} TAI"
    return f"{name}HARP {one.meta.get('harpnum', 'unknown')}, {time}{projection}"


def _figure(one: Any, rows: int, columns: int) -> Any:
    """Make a figure of the shape that so many images of one shape need."""
    height, width = one.data.shape
    panel = _WIDTH / max(columns, 3) - _BESIDE
    return plt.figure(
        figsize=(
            columns * (panel + _BESIDE) + 0.8,
            rows * (min(panel * height / width, 2.5 * panel) + _ABOVE) + 1.2,
        ),
        layout="constrained",
    )


def _instead_of(ax: Axes) -> Any:
    place = ax.get_subplotspec()
    if place is None:
        raise QueryError("plot_record(ax=...) needs axes made by plt.subplots(), or none.")
    figure = ax.figure
    ax.remove()
    return figure.add_subfigure(place)


def _draw(one: Any, axes: Any, *, left: bool, bottom: bool) -> None:
    segment = _segment(one)
    style = style_of(segment, one.data)
    image = one.plot(axes=axes, annotate=False)
    axes.set_facecolor(BEYOND)
    axes.set_title(segment or one.measurement, fontsize=10, pad=3)
    if one.rotation_matrix[0, 0] < 0:  # the camera stood on its head
        axes.invert_xaxis()
        axes.invert_yaxis()
    # Beside the image and as high as it is, whatever its shape.
    bar = axes.figure.colorbar(image, cax=axes.inset_axes((1.02, 0, 0.035, 1)), extend=style.extend)
    bar.ax.tick_params(labelsize=7)
    if style.codes:
        _name_codes(bar, style.codes)
    elif unit := _unit(one, segment):
        bar.set_label(unit, fontsize=8)
    axes.coords.grid(draw_grid=False)
    for coordinate, name, shown in zip(axes.coords, "xy", (bottom, left), strict=True):
        coordinate.set_ticks_position("b" if name == "x" else "l")
        coordinate.set_ticklabel(fontsize=7)
        coordinate.set_ticks(number=4)
        coordinate.set_ticklabel_visible(shown)
        coordinate.set_axislabel(_axis_label(one, name) if shown else " ", fontsize=8)
        coordinate.set_auto_axislabel(False)


def _name_codes(bar: Any, codes: dict[int, str]) -> None:
    """Write the meanings of codes beside the middle of their colours."""
    edges = np.asarray(bar.norm.boundaries)
    bar.ax.yaxis.set_ticks((edges[1:] + edges[:-1]) / 2, list(codes.values()))
    bar.ax.minorticks_off()
    bar.ax.tick_params(length=0, labelsize=6)


def _unit(one: Any, segment: str) -> str:
    if one.unit is None:
        return _WORDS.get(segment, "")
    return str(one.unit.to_string("unicode"))


def _axis_label(one: Any, name: str) -> str:
    if one.coordinate_system[0].startswith("CRLN"):
        return "Carrington longitude" if name == "x" else "latitude"
    return f"{name} ({u.arcsec:unicode})"
