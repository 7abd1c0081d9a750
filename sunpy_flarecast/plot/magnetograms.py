"""Magnetograms of one time step: all on the solar disk, and up to six also separately, with coordinates."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from matplotlib.colors import Normalize
from sunpy import log
from sunpy.coordinates import Helioprojective
from sunpy.map import GenericMap

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.maps.styles import BEYOND, FIELD_LIMIT
from sunpy_flarecast.sharp.catalog import region_number
from sunpy_flarecast.sharp.units import unit_text
from sunpy_flarecast.utils.reports import counted

from .axes import north_up, titled
from .disk import draw_regions, empty_disk

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["plot_disk_maps", "plot_magnetograms"]

#: Colour of the sky, darker than that of the Sun where there is no map (`BEYOND`).
_SKY: Final = "#101010"

#: Maximum number of maps that are also drawn separately, and the number of columns for them.
_SINGLE: Final = 6
_COLUMNS: Final = 2

#: Size of the figure, and the room for title and labels left of, above and below each map, in inches.
_SIZE: Final = (15.0, 7.5)
_LEFT, _ABOVE, _BELOW = 0.75, 0.3, 0.45


def plot_magnetograms(maps: Iterable[GenericMap], *, limit: float = FIELD_LIMIT) -> Figure:
    """
    Draw magnetograms of one time step: all of them on the disk, and up to six separately at the same scale, north up.

    Parameters
    ----------
    maps : sequence of `sunpy.map.GenericMap`
        Magnetograms on the CCD grid, of one T_REC. If there are more than six, only those with the most pixels of
        strong field are also drawn separately.
    limit : float, optional
        The grey scale ranges from -limit to limit, in Mx/cm² (default: 1500).

    Returns
    -------
    `matplotlib.figure.Figure`

    Raises
    ------
    QueryError
        If there are no maps, none has pixels with a value, they have different times, or one is not on the CCD grid.

    Examples
    --------
    >>> import sunpy_flarecast
    >>> from sunpy_flarecast.plot import plot_magnetograms
    >>> maps = sunpy_flarecast.load("data/*/*.20141023_120000_TAI.magnetogram.fits")  # doctest: +SKIP
    >>> figure = plot_magnetograms(maps)  # doctest: +SKIP
    """
    seen = [one for one in _checked(maps, "plot_magnetograms()") if np.isfinite(one.data).any()]
    if not seen:
        raise QueryError("plot_magnetograms(): all pixels of all maps are NaN; there is nothing to draw.")
    large = sorted(seen, key=lambda one: np.count_nonzero(abs(one.data) > limit / 2), reverse=True)[:_SINGLE]
    large.sort(key=_harpnum)
    figure: Figure = plt.figure(figsize=_SIZE, layout="constrained")
    halves = figure.add_gridspec(1, 2, width_ratios=(1.4, 1))
    whole, single = figure.add_subfigure(halves[0]), figure.add_subfigure(halves[1])
    plot_disk_maps(seen, figure=whole, limit=limit)
    places = _places([one.data.shape for one in large], (_SIZE[0] / 2.4, _SIZE[1]))
    kind = "TARP" if "tarpnum" in seen[0].meta else "HARP"
    for one, place in zip(large, places, strict=True):
        axes: Any = single.add_axes(place, projection=one)
        _plot(one, axes, limit)
        axes.set_facecolor(_SKY)  # beyond the limb
        north_up(axes, one)
        axes.set_title(f"{kind} {_harpnum(one)}", fontsize=11)
        axes.coords[0].set_axislabel("Solar X (arcsec)", fontsize=9)
        axes.coords[1].set_axislabel("Solar Y (arcsec)", fontsize=9)
        for coordinate in axes.coords:
            coordinate.set_ticklabel(fontsize=8, exclude_overlapping=True)
            coordinate.set_ticks(number=4)
    if len(large) > 1:
        some = f"{kind}s"
        if len(seen) > len(large):
            some = f"{len(large)} of {len(seen)} {kind}s, those with the most pixels of strong field,"
        single.suptitle(f"{some} at the same scale", fontsize=11)
    return figure


def plot_disk_maps(maps: Iterable[GenericMap], *, figure: Figure | SubFigure, limit: float = FIELD_LIMIT) -> WCSAxes:
    """
    Draw maps of one time step at their places on the solar disk, with limb, heliographic grid and colour bar.

    Parameters
    ----------
    maps : sequence of `sunpy.map.GenericMap`
        Maps on the CCD grid, of one T_REC.
    figure : `matplotlib.figure.Figure` or `matplotlib.figure.SubFigure`
        Where to draw.
    limit : float, optional
        The grey scale ranges from -limit to limit, in Mx/cm² (default: 1500).

    Returns
    -------
    `astropy.visualization.wcsaxes.WCSAxes`

    Raises
    ------
    QueryError
        If there are no maps, they have different times, or one is not on the CCD grid.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sunpy_flarecast.plot import plot_disk_maps
    >>> axes = plot_disk_maps(maps, figure=plt.figure())  # doctest: +SKIP
    """
    drawn = _checked(maps, "plot_disk_maps()")
    axes, limb = empty_disk(figure, drawn[0].observer_coordinate, lines="white", alpha=0.35, sun=BEYOND)
    axes.set_facecolor(_SKY)
    limits = axes.get_xlim(), axes.get_ylim()
    level = log.level
    log.setLevel(max(level, logging.WARNING))  # sunpy logs how each map is drawn
    try:
        for one in drawn:
            image = _plot(one, axes, limit, autoalign=True)
    finally:
        log.setLevel(level)
    axes.set(xlim=limits[0], ylim=limits[1])
    label = f"line-of-sight field ({unit_text(drawn[0].unit)})"
    figure.colorbar(image, ax=axes, label=label, shrink=0.75, pad=0.03, extend="both")
    title = f"{counted(len(drawn), 'magnetogram')}, {drawn[0].date.isot[:19].replace('T', ' ')} UTC"
    axes.set_title(titled(title, drawn[0].meta.get("origin", "")), fontsize=11)
    names, gold = [str(_harpnum(one)) for one in drawn], ["gold"] * len(drawn)
    outlines = [_outline(one, axes) for one in drawn]  # nothing else is visible of quiet patches
    draw_regions(axes, outlines, names, ["none"] * len(drawn), gold, "black", circle=limb, color="gold")
    return axes


def _places(shapes: list[tuple[int, int]], size: tuple[float, float]) -> list[tuple[float, float, float, float]]:
    """Place images (rows, columns) side by side in a figure of a size in inches, all at the largest common scale."""
    number = -(-len(shapes) // _COLUMNS)
    wide = [max(width for _, width in shapes[column::_COLUMNS]) for column in range(min(_COLUMNS, len(shapes)))]
    high = [max(height for height, _ in shapes[_COLUMNS * row :][:_COLUMNS]) for row in range(number)]
    # Inches per pixel; the title is above all.
    scale = min(
        (size[0] - len(wide) * _LEFT - 0.2) / sum(wide), (size[1] - number * (_ABOVE + _BELOW) - 0.5) / sum(high)
    )
    found = []
    for place, (height, width) in enumerate(shapes):
        row, column = divmod(place, _COLUMNS)
        left = (column + 1) * _LEFT + scale * sum(wide[:column])
        top = size[1] - 0.5 - (row + 1) * _ABOVE - row * _BELOW - scale * sum(high[:row])
        box = (left, top - scale * height, scale * width, scale * height)
        found.append((box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1]))
    return found


def _checked(maps: Any, caller: str) -> list[Any]:
    """Return maps as a list, after checking that they are on the CCD grid and of one time."""
    several = isinstance(maps, Iterable) and not isinstance(maps, GenericMap)
    given = [] if maps is None else list(maps) if several else [maps]
    if not given:
        raise QueryError(f"{caller} was given no maps; fetch some magnetograms first.")
    for one in given:
        if not isinstance(one, GenericMap):
            raise QueryError(
                f"{caller} takes maps, such as those of sunpy_flarecast.load(files), not {type(one).__name__}."
            )
        if not isinstance(one.coordinate_frame, Helioprojective):
            raise QueryError(
                f"{caller} takes maps on the CCD grid, but one is on the CEA grid. Fetch hmi.sharp_720s, "
                "or mdi.smarp_96m for SMARPs."
            )
    times = sorted({str(one.meta.get("t_rec") or one.date.isot[:19]) for one in given})
    if len(times) > 1:
        raise QueryError(
            f"{caller} draws maps of a single time, but these have {len(times)} different times ({times[0]}, {times[1]}"
            f"{', ...' if len(times) > 2 else ''}). Choose those of one T_REC."
        )
    return given


def _outline(one: Any, axes: Any) -> Any:
    """Return the corners of a map in pixels of the axes."""
    (left, right), (bottom, top) = axes.wcs.world_to_pixel(SkyCoord([one.bottom_left_coord, one.top_right_coord]))
    return np.array([(left, bottom), (right, bottom), (right, top), (left, top)])


def _harpnum(one: Any) -> int:
    return int(region_number(one.meta) or 0)


def _plot(one: Any, axes: Axes, limit: float, **settings: Any) -> Any:
    return one.plot(axes=axes, annotate=False, cmap="gray", norm=Normalize(-limit, limit), **settings)
