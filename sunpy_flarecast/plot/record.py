"""A contact sheet: all segments of one record side by side, each with colours and range that suit it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from sunpy.map import GenericMap

from sunpy_flarecast.errors import FileError, QueryError
from sunpy_flarecast.maps.header_fixes import identify
from sunpy_flarecast.maps.load import load, tell_skipped
from sunpy_flarecast.maps.styles import BEYOND, style_of
from sunpy_flarecast.sharp.catalog import find_series, region_number
from sunpy_flarecast.sharp.t_rec import slot_time, text_slot
from sunpy_flarecast.utils.reports import counted

from .axes import north_up, titled
from .colour_bar import draw_colour_bar, unit_of_segment

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    import parfive

    from sunpy_flarecast.download.report import FetchReport

__all__ = ["plot_record"]

#: Possible numbers of columns for more than four segments; and the width in inches of a sheet, or of a column if their
#: number is given.
_COLUMNS: Final = (4, 5, 3)
_WIDTH: Final = 17.0
_NARROW: Final = 4.2

#: Scale of the text of a sheet whose number of columns is given, since a page shows it smaller than a screen.
_LARGER: Final = 1.25

#: Room beside and above each image, in inches.
_BESIDE: Final = 1.25
_ABOVE: Final = 0.36
_MEANINGS: Final = 0.6

#: Margin on both sides of each panel, in inches.
_PAD: Final = 0.14

#: Widths of panels (images with their colour bars) in inches. Below the first, text is smaller and ticks are fewer;
#: panels narrower than the second are refused.
_ROOMY: Final = 2.6
_LEAST: Final = 1.1


class _Panel:
    """A map, its series (None if unknown), its segment, its place on the sheet, and HARP, T_REC and projection."""

    def __init__(self, one: Any) -> None:
        self.map = one
        self.series = find_series(identify({name.upper(): value for name, value in one.meta.items()}, "").series)
        self.segment = str(one.meta.get("segment", ""))
        names = [segment.name for segment in self.series.segments] if self.series else []
        self.order = names.index(self.segment) if self.segment in names else len(names), self.segment
        slot = text_slot(str(one.meta.get("t_rec", "")))
        time = "T_REC unknown" if slot is None else f"{slot_time(slot).isot[:19].replace('T', ' ')} TAI"
        number = "unknown" if region_number(one.meta) is None else region_number(one.meta)
        self.record = (
            f"{'TARP' if 'tarpnum' in one.meta else 'HARP'} {number}",
            time,
            self.series.projection if self.series else "",
        )


def plot_record(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str] | GenericMap] | parfive.Results | FetchReport,
    *,
    columns: int | None = None,
    skip_broken: bool = False,
    ax: Axes | None = None,
) -> list[Axes]:
    """
    Draw the segments of one record side by side, with a colour bar each, north up.

    Parameters
    ----------
    files : path-like, iterable of path-like, `parfive.Results`, FetchReport, Maps or list of `sunpy.map.GenericMap`
        The files of one record, as `sunpy_flarecast.load` takes them, or maps that it returned.
    columns : int, optional
        The number of columns, each 4.2 inches wide; two fit on a page. By default at most two, each 5.7 inches wide,
        for up to four segments, and otherwise the number from three to five that leaves the fewest places empty, on a
        sheet about 18 inches wide; with ``ax``, the number that makes the images largest.
    skip_broken : bool, optional
        Leave out files that cannot be read, with a `~sunpy_flarecast.MissingDataWarning` that names them (default:
        False).
    ax : `matplotlib.axes.Axes`, optional
        Axes of a subplot that the sheet replaces; text is scaled to the size of its panels. By default a new figure.

    Returns
    -------
    list of `astropy.visualization.wcsaxes.WCSAxes`
        One for each segment, in the catalog's order.

    Raises
    ------
    QueryError
        If the files belong to several records, they do not fit into ``ax``, or ``columns`` is not positive.
    FileError
        If there are no files, or one cannot be read.

    Examples
    --------
    >>> import sunpy_flarecast
    >>> from sunpy_flarecast.plot import plot_record
    >>> maps = sunpy_flarecast.load("data/6178/*.20151211_233600_TAI.*.fits")  # doctest: +SKIP
    >>> axes = plot_record(maps)  # doctest: +SKIP
    """
    if columns is not None and columns < 1:
        raise QueryError(f"plot_record(columns={columns}): the number of columns must be positive.")
    found = [_Panel(one) for one in _maps(files, skip_broken)]
    found.sort(key=lambda panel: panel.order)
    records = sorted({panel.record for panel in found})
    known = sorted({panel.series.name for panel in found if panel.series and "DRMS_ID" in panel.map.meta})
    if len(records) > 1 or len(known) > 1:
        names = [f"{harp}, {time}" for harp, time, _ in records] if len(records) > 1 else known
        raise QueryError(
            f"plot_record() draws one record, but these files belong to {len(names)} ({names[0]}; {names[1]}"
            f"{'; ...' if len(names) > 2 else ''}). Choose those of one HARP, T_REC and series."
        )
    [(harp, time, projection)] = records
    number = len(found)
    scale = 1.0 if columns is None else _LARGER
    if ax is None:
        width = _WIDTH / max(_columns(number), 3) if columns is None else _NARROW
        columns = min(columns or _columns(number), number)
        figure = _figure(found[0].map, -(-number // columns), columns, width)
    else:
        figure, columns, scale = _instead_of(ax, found[0].map, number, columns)
    axes = []
    for place, panel in enumerate(found, start=1):
        axes.append(figure.add_subplot(-(-number // columns), columns, place, projection=panel.map))
        # All panels show the same place, so only the outer ones have coordinates.
        _draw(panel, axes[-1], scale, left=place % columns == 1 or columns == 1, bottom=place + columns > number)
    title = titled(
        f"{harp}, {time}, {next(iter(known), projection)}".removesuffix(", "), found[0].map.meta.get("origin")
    )
    size = 13 * min(scale, 1.0)
    if len(title) * size * 0.6 / 72 > axes[0].figure.bbox.width / figure.figure.dpi:
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
        raise FileError(f"{counted(len(reasons), 'file')} found, but none can be drawn. The first: {reasons[0]}")
    if reasons:
        tell_skipped(reasons)
    return maps


def _columns(number: int) -> int:
    """Choose the number of columns that leaves the fewest places empty."""
    if number <= 4:
        return min(number, 2)
    return min(_COLUMNS, key=lambda columns: -number % columns)


def _figure(one: Any, rows: int, columns: int, width_of_column: float) -> Any:
    height, width = one.data.shape
    panel = width_of_column - _BESIDE
    size = columns * (panel + _BESIDE) + 0.8, rows * (min(panel * height / width, 2.5 * panel) + _ABOVE) + 1.2
    figure = plt.figure(figsize=size, layout="constrained")
    # The layout does not count the meanings of codes, which are beside the last column, too.
    figure.get_layout_engine().set(rect=(0, 0, 1 - _MEANINGS / size[0], 1), w_pad=_PAD)
    return figure


def _instead_of(ax: Axes, one: Any, number: int, chosen: int | None) -> tuple[Any, int, float]:
    """Replace axes by a figure; return it, the columns that make the images largest, and the scale of the text."""
    place = ax.get_subplotspec() if isinstance(ax, Axes) else None
    if place is None:
        raise QueryError("plot_record(ax=...) needs axes made by plt.subplots(). For a new figure leave ax out.")
    ax.figure.figure.draw_without_rendering()  # which settles their size
    box = ax.get_window_extent()
    wide, high = box.width / ax.figure.figure.dpi, box.height / ax.figure.figure.dpi
    shape = one.data.shape[1] / one.data.shape[0]

    def width(columns: int) -> float:
        return float(min(wide / columns, shape * high / -(-number // columns)))

    columns = min(chosen, number) if chosen else max(range(1, number + 1), key=width)
    if (panel := width(columns)) < _LEAST:
        needed = _LEAST / panel
        raise QueryError(
            f"plot_record(ax=...): {number} segments do not fit into axes of {wide:.1f} x {high:.1f} inches. Pass "
            f"axes of about {wide * needed:.0f} x {high * needed:.0f} inches, fewer segments, or no ax."
        )
    figure = ax.figure
    ax.remove()
    return figure.add_subfigure(place), columns, min(1.0, max(0.5, panel / _ROOMY))


def _draw(panel: _Panel, axes: Any, scale: float, *, left: bool, bottom: bool) -> None:
    one, segment = panel.map, panel.segment
    style = style_of(segment, one.data, smarp="tarpnum" in one.meta)
    image = one.plot(axes=axes, annotate=False)
    axes.set_facecolor(BEYOND)
    axes.set_title(segment or one.measurement, fontsize=10 * scale, pad=5)
    north_up(axes, one)
    draw_colour_bar(axes, image, style, unit_of_segment(one.unit, segment), scale)
    axes.coords.grid(draw_grid=False)
    for coordinate, name, shown in zip(axes.coords, "xy", (bottom, left), strict=True):
        coordinate.set_ticks_position("b" if name == "x" else "l")
        coordinate.set_ticklabel(fontsize=7 * scale)
        coordinate.set_ticks(number=4 if scale > 0.8 else 2)
        coordinate.set_ticklabel_visible(shown)
        coordinate.set_axislabel(_axis_label(one, name) if shown else " ", fontsize=8 * scale)
        coordinate.set_auto_axislabel(False)


def _axis_label(one: Any, name: str) -> str:
    if one.coordinate_system[0].startswith("CRLN"):
        return "Carrington longitude" if name == "x" else "latitude"
    return f"Solar {name.upper()} (arcsec)"
