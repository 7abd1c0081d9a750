"""The HARPs of one time step as boxes on the solar disk, coloured by a keyword."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.visualization.wcsaxes import WCSAxes
from astropy.wcs import WCS
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Circle, Polygon
from matplotlib.patheffects import withStroke
from sunpy.coordinates import HeliographicCarrington, HeliographicStonyhurst, Helioprojective, get_earth
from sunpy.map import make_fitswcs_header
from sunpy.time import parse_time
from sunpy.visualization import drawing, wcsaxes_compat

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.catalog import find_keyword
from sunpy_flarecast.sharp.t_rec import slot_of
from sunpy_flarecast.utils.reports import counted

from .axes import draw_labels, mark_synthetic, titled
from .colours import COLOURS, GREY
from .data import axis_label, masked_floats, shared_word, steps_of
from .geometry import box_outline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from astropy.time import Time
    from matplotlib.axes import Axes

    from sunpy_flarecast.table.base import RecordTable

__all__ = ["draw_regions", "empty_disk", "plot_disk"]

#: The box that contains a HARP during its whole passage, rotated to T_REC, in latitude and in longitude from the
#: observer's central meridian (plus CRLN_OBS, its middle is the centre of a CEA image); and the extent of the HARP's
#: pixels, used if the box is missing.
_BOX: Final = ("londtmin", "latdtmin", "londtmax", "latdtmax")
_EXTENT: Final = ("lon_min", "lat_min", "lon_max", "lat_max")

#: Where the observer was.
_OBSERVER: Final = ("crln_obs", "crlt_obs", "dsun_obs")

#: Radius of the Sun of all HMI data products (keyword ``RSUN_REF``).
_RSUN: Final = 696e6 * u.m

#: Largest distance of the nearest step from the requested time.
_FARTHEST: Final = 1 * u.day

#: Side of the axes in pixels, and its ratio to the diameter of the Sun.
_PIXELS: Final = 1024
_MARGIN: Final = 1.06

#: Colour of HARPs.
_MARKED: Final = COLOURS[1]


def plot_disk(
    results: RecordTable,
    time: Time | datetime | str | None = None,
    color: str | None = None,
    *,
    progress: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw the HARPs of one time step as boxes on the solar disk.

    The keywords that give their positions are requested from the service.

    Parameters
    ----------
    results : FLARECASTResponse
        The results of a search.
    time : time-like, optional
        A time, UTC unless it has a time scale; the nearest time step is drawn. Optional if there is only one time step.
    color : str, optional
        A keyword whose values give the boxes their colours, for example ``"usflux"``.
    progress : bool, optional
        Show a progress bar while the keywords are requested (default: True).
    ax : `astropy.visualization.wcsaxes.WCSAxes`, optional
        Axes in helioprojective coordinates, for example those of a map of the whole disk. The boxes are then drawn as
        outlines, without fill. By default a new figure with limb and heliographic grid.

    Returns
    -------
    `astropy.visualization.wcsaxes.WCSAxes`

    Raises
    ------
    QueryError
        If no records are within a day of ``time``, ``time`` is not given although there are several time steps, or
        the keyword is unknown or text.
    ServiceError
        If the service does not return the keywords.

    Examples
    --------
    >>> ax = results["flarecast"].plot_disk("2014-10-23T12:00", color="usflux")  # doctest: +SKIP
    """
    if ax is not None and not isinstance(ax, WCSAxes):
        raise QueryError(
            "plot_disk(ax=...) needs axes with helioprojective coordinates. For a new figure leave ax out."
        )
    if color is not None and (not isinstance(color, str) or not color or set("*?[") & set(color)):
        raise QueryError(f"color={color!r} is not the name of one keyword. Write, for example, color='usflux'.")
    step = _step(results, time)
    if color is not None and (known := find_keyword(color)) is not None:
        if known.kind == "text":
            raise QueryError(f"The keyword {color!r} is text, which cannot colour the boxes. Choose a numeric keyword.")
        color = known.name
    names = [*_BOX, *_EXTENT, *_OBSERVER, *([color] if color else [])]
    keywords = step.keywords(*dict.fromkeys(names), progress=progress)
    when = step["T_REC"][0]
    observer = _observer(keywords, when)
    axes: Any = ax
    limb = None
    own = ax is None
    if own:
        figure = plt.figure(figsize=(8.4 if color is None else 9.6, 8), layout="constrained")
        lines = mpl.rcParams["axes.edgecolor"]
        axes, limb = empty_disk(figure, observer, lines=lines, alpha=0.3, sun=(lines, 0.06))
    colours, norm = _colours(keywords, color)
    outlines, names, faces = [], [], []
    boxes = _columns(keywords, _BOX)
    boxes = np.where(np.isfinite(boxes).all(axis=1)[:, np.newaxis], boxes, _columns(keywords, _EXTENT))
    for row, box in enumerate(boxes):
        longitude, latitude = box_outline(box, float(observer.lat.deg), float(_RSUN / observer.radius))
        if longitude.size:
            frame = HeliographicStonyhurst(obstime=observer.obstime)
            points = SkyCoord(longitude * u.deg + observer.lon, latitude * u.deg, _RSUN, frame=frame)
            outlines.append(np.column_stack(axes.wcs.world_to_pixel(points)))
            harp = keywords["HARPNUM"][row]
            names.append("?" if np.ma.is_masked(harp) else str(harp))
            faces.append(colours[row])
    if norm is not None and color is not None:
        label = axis_label(color, getattr(keywords[color], "unit", None))
        axes.figure.colorbar(mpl.cm.ScalarMappable(norm, "viridis"), ax=axes, label=label, shrink=0.75, pad=0.03)
    if own:
        left_out = len(step) - len(names)
        hidden = f"; {left_out} without a visible position" if left_out else ""
        count = counted(len(names), shared_word(step["Series"]))
        title = f"{count}, T_REC {when.isot[:19].replace('T', ' ')} TAI{hidden}"
        axes.set_title(titled(title, results.origin), fontsize=12)
        edges = [_MARKED if color is None else mpl.rcParams["text.color"]] * len(names)
        draw_regions(axes, outlines, names, faces, edges, circle=limb, fontsize=10, color=mpl.rcParams["text.color"])
    else:  # keep the drawing below visible
        mark_synthetic(axes, results.origin)
        edges = [_MARKED if color is None else GREY if face[3] == 0 else face for face in faces]
        draw_regions(axes, outlines, names, ["none"] * len(names), edges, "white", fontsize=10)
    return axes  # type: ignore[no-any-return]


def _step(results: RecordTable, time: Any) -> RecordTable:
    slots = steps_of(results, "plot_disk()")
    steps = np.unique(slots.compressed())
    if time is None:
        if steps.size > 1:
            raise QueryError(
                f"plot_disk() draws one time step, and the table has {steps.size:,}; choose one: "
                f"plot_disk({results['T_REC'][int(np.argmax(slots == steps[0]))].utc.isot[:16]!r})."
            )
        chosen = steps[0]
    else:
        try:
            wanted = parse_time(time)
        except (ValueError, TypeError) as error:
            raise QueryError(f"plot_disk({time!r}): cannot parse the time; write '2014-10-23T12:00' (UTC).") from error
        chosen = steps[np.argmin(abs(steps - slot_of(wanted)))]
        found = results["T_REC"][int(np.argmax((slots == chosen).filled(False)))]
        if abs((found.tai - wanted.tai).to(u.day)) > _FARTHEST:
            raise QueryError(
                f"No records are within a day of {wanted.utc.isot[:16]} UTC; the nearest are at {found.utc.isot[:16]}. "
                "Search for records at the requested time, or choose a time in the table."
            )
    step: RecordTable = results[(slots == chosen).filled(False)]
    return step


def _observer(keywords: Any, when: Time) -> SkyCoord:
    """Return the position of SDO, or of the Earth if the keywords do not give it."""
    place = _columns(keywords, _OBSERVER)
    known = place[np.isfinite(place).all(axis=1)]
    if not len(known):
        return SkyCoord(get_earth(when))
    longitude, latitude, distance = known[0]
    frame = HeliographicCarrington(obstime=when, observer="self")
    return SkyCoord(longitude * u.deg, latitude * u.deg, distance * u.m, frame=frame).transform_to(
        HeliographicStonyhurst(obstime=when)
    )


def _columns(keywords: Any, names: tuple[str, ...]) -> Any:
    return np.column_stack([masked_floats(keywords[name]).filled(np.nan) for name in names])


def _colours(keywords: Any, color: str | None) -> tuple[list[Any], Normalize | None]:
    if color is None:
        return [(*mpl.colors.to_rgb(_MARKED), 0.15)] * len(keywords), None
    values = masked_floats(keywords[color])
    known = values.compressed()
    if not known.size:
        return [(0.0, 0.0, 0.0, 0.0)] * len(keywords), None
    low, high = float(known.min()), float(known.max())
    # Fluxes differ by orders of magnitude.
    norm = LogNorm(low, high) if low > 0 and high > 30 * low else Normalize(low, high if high > low else low + 1)
    colours = mpl.colormaps["viridis"](norm(values.filled(low)))
    colours[np.ma.getmaskarray(values)] = 0  # transparent
    return list(colours), norm


def empty_disk(figure: Any, observer: SkyCoord, *, lines: str, alpha: float, sun: Any) -> tuple[Any, Any]:
    """Make axes with limb and heliographic grid as an observer sees them; return them and the limb (x, y, radius)."""
    frame = Helioprojective(observer=observer, obstime=observer.obstime, rsun=_RSUN)
    edge = float(np.arcsin(_RSUN / observer.radius).to_value(u.arcsec)) * _MARGIN
    centre = SkyCoord(0 * u.arcsec, 0 * u.arcsec, frame=frame)
    scale = [2 * edge / _PIXELS] * 2 * u.arcsec / u.pixel
    axes: Any = figure.add_subplot(projection=WCS(make_fitswcs_header((_PIXELS, _PIXELS), centre, scale=scale)))
    axes.set_aspect("equal")
    axes.set(xlim=(-0.5, _PIXELS - 0.5), ylim=(-0.5, _PIXELS - 0.5))
    middle, radius = (_PIXELS - 1) / 2, _PIXELS / 2 / _MARGIN
    axes.add_patch(Circle((middle, middle), radius, facecolor=sun, zorder=-1))
    drawing.limb(axes, observer, rsun=_RSUN, color=lines, linewidth=1, zorder=2)
    wcsaxes_compat.wcsaxes_heliographic_overlay(
        axes, grid_spacing=15 * u.deg, annotate=False, observer=observer, rsun=_RSUN,
        color=lines, alpha=alpha, linewidth=0.6,
    )  # fmt: skip
    axes.coords[0].set_axislabel("Solar X (arcsec)")
    axes.coords[1].set_axislabel("Solar Y (arcsec)")
    for coordinate in axes.coords:
        coordinate.set_major_formatter("s")
        coordinate.set_format_unit(u.arcsec, show_decimal_unit=False)
    return axes, (middle, middle, radius)


def draw_regions(
    axes: Axes,
    outlines: Sequence[Any],
    names: Sequence[str],
    faces: Sequence[Any],
    edges: Sequence[Any],
    casing: str | None = None,
    **style: Any,
) -> None:
    """Draw regions as polygons, their edges in a ``casing``, with their names; ``style`` is that of `draw_labels`."""
    boxes = [(*np.min(corners, axis=0), *np.max(corners, axis=0)) for corners in outlines]
    # Regions may overlap: small ones are above large ones, and outlines above all areas.
    order = sorted(range(len(boxes)), key=lambda one: -np.prod(np.subtract(boxes[one][2:], boxes[one][:2])))
    effects = [withStroke(linewidth=2.6, foreground=casing)] if casing else None
    for one in order:
        area = Polygon(outlines[one], facecolor=faces[one], edgecolor="none", zorder=3, label=f"_{names[one]}")
        axes.add_patch(area)  # its label is in no legend
        line = Polygon(outlines[one], fill=False, edgecolor=edges[one], lw=1.2, zorder=4, path_effects=effects)
        axes.add_patch(line)
    draw_labels(axes, boxes, names, **style)
