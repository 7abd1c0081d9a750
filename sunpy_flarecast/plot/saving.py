"""Pictures onto disk: whole, or not at all."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import FigureBase

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.utils.files import check_output

if TYPE_CHECKING:
    import os
    from pathlib import Path

__all__ = ["check_picture", "save"]


def check_picture(path: str | os.PathLike[str]) -> Path:
    """
    Check that a picture can be written to a file, before anything is asked for it.

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
        If there is no such kind of picture, or the folder is not there or may not be written to.

    Examples
    --------
    >>> from sunpy_flarecast.plot import check_picture
    >>> check_picture("disk.png").suffix
    '.png'
    """
    place = check_output(path, "The picture")
    kinds = FigureCanvasBase.get_supported_filetypes()
    if _kind(place) not in kinds:
        raise QueryError(
            f"The picture {place} has no kind that can be written; its name must end with .png, .pdf, .svg or another "
            f"of {', '.join(sorted(f'.{kind}' for kind in kinds))}."
        )
    return place


def _kind(place: Path) -> str:
    return place.suffix.removeprefix(".").lower()


def save(axes: Any, path: str | os.PathLike[str], *, dpi: float = 120) -> None:
    """
    Write the figure of axes to a file, and close it.

    Parameters
    ----------
    axes : `matplotlib.axes.Axes`, sequence of them, or `matplotlib.figure.Figure`
        What a function of this package gave. The whole figure is written, also if these are some of its axes.
    path : path-like
        The file, whose name tells its kind: ``.png``, ``.pdf``, ``.svg``, or another that matplotlib
        writes. Its folder must be there; the file is there under its name only when it is whole.
    dpi : float
        Points per inch.

    Raises
    ------
    QueryError
        If these are no axes, or there is no such kind of picture, or the folder is not there or may not be written to.
    OSError
        If the disk does not allow it.

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
            f"save() writes axes or a figure, which the functions of sunpy_flarecast.plot give, not {given}."
        )
    figure = drawn[0].figure.figure
    try:
        place = check_picture(path)
        beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
        try:
            figure.savefig(beside, format=_kind(place), dpi=dpi)
            beside.replace(place)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
    finally:
        plt.close(figure)
