"""Write plots to files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import FigureBase

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.utils.atomic_file import atomic_write
from sunpy_flarecast.utils.files import check_output

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["check_picture", "save"]


def check_picture(path: str | os.PathLike[str]) -> Path:
    """
    Check that a plot can be written to a file, before the data for the plot are requested.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    `pathlib.Path`
        The file.

    Raises
    ------
    QueryError
        If the format is unknown, or the folder does not exist or is not writable.

    Examples
    --------
    >>> from sunpy_flarecast.plot import check_picture
    >>> check_picture("disk.png").suffix
    '.png'
    """
    place = check_output(path, "The plot")
    kinds = FigureCanvasBase.get_supported_filetypes()
    if _kind(place) not in kinds:
        raise QueryError(
            f"Cannot write the plot {place}: unknown format. The file name must end with .png, .pdf, .svg or another "
            f"of {', '.join(sorted(f'.{kind}' for kind in kinds))}."
        )
    return place


def _kind(place: Path) -> str:
    return place.suffix.removeprefix(".").lower()


def save(axes: Axes | Iterable[Axes] | FigureBase, path: str | os.PathLike[str], *, dpi: float = 120) -> None:
    """
    Write the figure of axes to a file, and close it.

    Parameters
    ----------
    axes : `matplotlib.axes.Axes`, sequence of them, or `matplotlib.figure.Figure`
        The axes or figure that a function of this package returned. The whole figure is written, even if these are only
        some of its axes.
    path : path-like
        The file, in an existing folder; its ending determines the format: ``.png``, ``.pdf``, ``.svg``, or another that
        matplotlib writes. An existing file is replaced atomically.
    dpi : float, optional
        Dots per inch (default: 120).

    Raises
    ------
    QueryError
        If ``axes`` are neither axes nor a figure, the format is unknown, or the folder does not exist or is not
        writable.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sunpy_flarecast.plot import save
    >>> figure, axes = plt.subplots()
    >>> save(axes, "empty.png")  # doctest: +SKIP
    """
    drawn = np.ravel(np.asarray(axes, dtype=object))
    if not drawn.size or not all(isinstance(one, (Axes, FigureBase)) for one in drawn):
        given = type(axes).__name__ if drawn.size else "an empty list"
        raise QueryError(
            f"save() writes axes or a figure, such as those that sunpy_flarecast.plot returns, not {given}."
        )
    figure = drawn[0].figure.figure
    try:
        place = check_picture(path)
        with atomic_write(place) as file:
            figure.savefig(file, format=_kind(place), dpi=dpi)
    finally:
        plt.close(figure)
