"""Pictures onto disk: whole, or not at all."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from sunpy_flarecast.errors import QueryError

if TYPE_CHECKING:
    import os

__all__ = ["save"]


def save(axes: Any, path: str | os.PathLike[str], *, dpi: float = 120) -> None:
    """
    Write the figure of axes to a file, and close it.

    Parameters
    ----------
    axes : `matplotlib.axes.Axes` or several
        What a function of this package gave.
    path : path-like
        The file, whose name tells its kind: ``.png``, ``.pdf``, ``.svg``. Its folder is made if it is not there; the
        file is there under its name only when it is whole.
    dpi : float
        Points per inch.

    Raises
    ------
    QueryError
        If there is no such kind of picture.
    OSError
        If the disk does not allow it.
    """
    figure = np.ravel(np.asarray(axes, dtype=object))[0].figure.figure
    place = Path(path)
    kind = place.suffix.removeprefix(".").lower()
    kinds = figure.canvas.get_supported_filetypes()
    if kind not in kinds:
        raise QueryError(
            f"The picture {place} has no kind that can be written; its name must end with .png, .pdf or .svg."
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
    try:
        figure.savefig(beside, format=kind, dpi=dpi)
        beside.replace(place)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        plt.close(figure)
