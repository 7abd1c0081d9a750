"""A contact sheet: all segments of one record side by side, each with colours and range that suit it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import CenteredNorm
from sunpy.map import GenericMap

from sunpy_flarecast.errors import FileError, QueryError
from sunpy_flarecast.maps.header_fixes import identify
from sunpy_flarecast.maps.load import load, tell_skipped
from sunpy_flarecast.maps.styles import BEYOND, style_of
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.t_rec import slot_time, text_slot

__all__ = ["plot_record"]

#: Possible numbers of columns for more than four segments, and the width of a sheet in inches.
_COLUMNS: Final = (4, 5, 3)
_WIDTH: Final = 17.0

#: Room beside and above each image, in inches.
_BESIDE: Final = 1.25
_ABOVE: Final = 0.36

#: Panels (images with what is beside them) narrower than the first have smaller letters and fewer ticks; those narrower
#: than the second are refused. In inches.
_ROOMY: Final = 2.6
_LEAST: Final = 1.1

#: Units of segments that astropy cannot express.
_WORDS: Final = {"dop_width": "mÅ", "damping": "Doppler widths", "chisq": ""}


class _Look(NamedTuple):
    """Scale of letters, and ticks of an axis."""

    scale: float
    ticks: int


def plot_record(files: Any, *, skip_broken: bool = False, ax: Axes | None = None) -> list[Axes]:
    """
    Draw the segments of one record side by side, with a colour bar each, north up.

    Parameters
    ----------
    files : path-like, iterable of path-like, `parfive.Results`, Report, Maps or list of `sunpy.map.GenericMap`
        The files of one record, as `sunpy_flarecast.load` takes them, or maps that it returned.
    skip_broken : bool, optional
        Leave out files that cannot be read, with a `~sunpy_flarecast.MissingDataWarning` that names them (default:
        False).
    ax : `matplotlib.axes.Axes`, optional
        Axes of a subplot that the sheet replaces, with letters as large as its panels allow; by default a new figure.

    Returns
    -------
    list of `astropy.visualization.wcsaxes.WCSAxes`
        One for each segment, in the catalog's order.

    Raises
    ------
    QueryError
        If the files are of several records, or ``ax`` has no room for them.
    FileError
        If there are no files, or one cannot be read.

    Examples
    --------
    >>> import sunpy_flarecast
    >>> from sunpy_flarecast.plot import plot_record
    >>> files = sunpy_flarecast.load("data/6178/20151211")  # doctest: +SKIP
    >>> axes = plot_record(files)  # doctest: +SKIP
    """
    maps = sorted(_maps(files, skip_broken), key=_place)
    records = {_record(one): one for one in maps}
    known = {name for one in maps if (name := _series_name(one))}
    if len(records) > 1 or len(known) > 1:
        names = sorted(f"HARP {record[0]}, {record[1]}" for record in records) if len(records) > 1 else sorted(known)
        raise QueryError(
            f"plot_record() draws one record, and these files are of {len(names)}: {names[0]}, {names[1]}"
            f"{', ...' if len(names) > 2 else ''}. Choose those of one HARP, T_REC and series."
        )
    [(harp, time, projection)] = records
    number = len(maps)
    if ax is None:
        columns = _columns(number)
        rows = -(-number // columns)
        figure, look = _figure(maps[0], rows, columns), _Look(1.0, 4)
    else:
        figure, columns, look = _instead_of(ax, maps[0], number)
        rows = -(-number // columns)
    axes = []
    for place, one in enumerate(maps, start=1):
        panel = figure.add_subplot(rows, columns, place, projection=one)
        # All show the same place: the coordinates of the outer ones are those of all.
        _draw(one, panel, look, left=place % columns == 1 or columns == 1, bottom=place + columns > number)
        axes.append(panel)
    title = f"HARP {harp}, {time}, {next(iter(known), projection)}".removesuffix(", ")
    room = axes[0].figure.bbox.width / figure.figure.dpi
    size = 13 * look.scale
    if len(title) * size * 0.6 / 72 > room:
        title = title.replace(", ", "\n")
    figure.suptitle(title, fontsize=size)
    return axes


def _maps(files: Any, skip_broken: bool) -> list[Any]:
    if isinstance(files, GenericMap):
        return [files]
    if isinstance(files, (list, tuple)) and files and all(isinstance(one, GenericMap) for one in files):
        return list(files)
    loaded = load(files)
    if isinstance(loaded, GenericMap):
        return [loaded]
    if not skip_broken:
        return list(loaded)
    maps, reasons = [], []
    for place in range(len(loaded)):
        try:
            maps.append(loaded[place])
        except FileError as error:
            reasons.append(str(error))
    if not maps:
        raise FileError(f"None of the {len(reasons):,} files can be drawn. The first: {reasons[0]}")
    if reasons:
        tell_skipped(reasons)
    return maps


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


def _record(one: Any) -> tuple[str, str, str]:
    """Return HARP, T_REC and projection of a map."""
    series = _series(one)
    slot = text_slot(str(one.meta.get("t_rec", "")))
    time = "T_REC unknown" if slot is None else f"{slot_time(slot).isot[:19].replace('T', ' ')} TAI"
    return str(one.meta.get("harpnum", "unknown")), time, series.projection if series else ""


def _series_name(one: Any) -> str:
    """Return the series of a map, if its keywords tell; the projection alone does not."""
    series = _series(one)
    return series.name if series and "DRMS_ID" in one.meta else ""


def _columns(number: int) -> int:
    """Choose the number of columns that leaves the fewest places empty."""
    if number <= 4:
        return min(number, 2)
    return min(_COLUMNS, key=lambda columns: -number % columns)


def _figure(one: Any, rows: int, columns: int) -> Any:
    """Make a figure with room for the images."""
    height, width = one.data.shape
    panel = _WIDTH / max(columns, 3) - _BESIDE
    return plt.figure(
        figsize=(
            columns * (panel + _BESIDE) + 0.8,
            rows * (min(panel * height / width, 2.5 * panel) + _ABOVE) + 1.2,
        ),
        layout="constrained",
    )


def _instead_of(ax: Axes, one: Any, number: int) -> tuple[Any, int, _Look]:
    """Replace axes by a figure, with as many columns as make the images largest."""
    place = ax.get_subplotspec() if isinstance(ax, Axes) else None
    if place is None:
        raise QueryError("plot_record(ax=...) needs axes made by plt.subplots(), or none.")
    ax.figure.figure.draw_without_rendering()  # which settles their size
    box = ax.get_window_extent()
    wide, high = box.width / ax.figure.figure.dpi, box.height / ax.figure.figure.dpi
    shape = one.data.shape[1] / one.data.shape[0]

    def width(columns: int) -> float:
        return float(min(wide / columns, shape * high / -(-number // columns)))

    columns = max(range(1, number + 1), key=width)
    if (panel := width(columns)) < _LEAST:
        needed = _LEAST / panel
        raise QueryError(
            f"plot_record(ax=...): {number} segments have no room in axes of {wide:.1f} x {high:.1f} inches. Give it "
            f"axes of about {wide * needed:.0f} x {high * needed:.0f} inches, fewer segments, or no ax."
        )
    figure = ax.figure
    ax.remove()
    scale = min(1.0, max(0.5, panel / _ROOMY))
    return figure.add_subfigure(place), columns, _Look(scale, 4 if scale > 0.8 else 2)


def _draw(one: Any, axes: Any, look: _Look, *, left: bool, bottom: bool) -> None:
    segment = _segment(one)
    style = style_of(segment, one.data)
    image = one.plot(axes=axes, annotate=False)
    axes.set_facecolor(BEYOND)
    axes.set_title(segment or one.measurement, fontsize=10 * look.scale, pad=5)
    if one.rotation_matrix[0, 0] < 0:  # the camera was upside down
        axes.invert_xaxis()
        axes.invert_yaxis()
    # Beside the image and of its height, whatever its shape.
    bar = axes.figure.colorbar(image, cax=axes.inset_axes((1.02, 0, 0.035, 1)), extend=style.extend)
    bar.ax.tick_params(labelsize=7 * look.scale, length=3 * look.scale)
    bar.ax.yaxis.get_offset_text().set_fontsize(7 * look.scale)
    if style.codes:
        _name_codes(bar, style.codes, look)
    else:
        bar.set_label(_unit(one, segment, style.norm), fontsize=8 * look.scale)
    axes.coords.grid(draw_grid=False)
    for coordinate, name, shown in zip(axes.coords, "xy", (bottom, left), strict=True):
        coordinate.set_ticks_position("b" if name == "x" else "l")
        coordinate.set_ticklabel(fontsize=7 * look.scale)
        coordinate.set_ticks(number=look.ticks)
        coordinate.set_ticklabel_visible(shown)
        coordinate.set_axislabel(_axis_label(one, name) if shown else " ", fontsize=8 * look.scale)
        coordinate.set_auto_axislabel(False)


def _name_codes(bar: Any, codes: dict[int, str], look: _Look) -> None:
    edges = np.asarray(bar.norm.boundaries)
    bar.ax.yaxis.set_ticks((edges[1:] + edges[:-1]) / 2, list(codes.values()))
    bar.ax.minorticks_off()
    bar.ax.tick_params(length=0, labelsize=6 * look.scale)


def _unit(one: Any, segment: str, norm: Any) -> str:
    """Write the unit, and the centre of the colours, if it is not zero."""
    unit = _WORDS.get(segment, "" if one.unit is None else str(one.unit.to_string("unicode")))
    return f"{unit}\nwhite: median {norm.vcenter:.4g}" if isinstance(norm, CenteredNorm) else unit


def _axis_label(one: Any, name: str) -> str:
    if one.coordinate_system[0].startswith("CRLN"):
        return "Carrington longitude" if name == "x" else "latitude"
    return f"{name} ({u.arcsec:unicode})"
