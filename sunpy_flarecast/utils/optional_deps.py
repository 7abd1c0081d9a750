"""Packages that only maps and pictures need: a sentence in place of a traceback where they are not installed."""

from __future__ import annotations

from importlib import import_module
from typing import Final

__all__ = ["need_plot"]

#: What the extra ``plot`` brings, and this package uses.
_PLOT: Final = ("matplotlib", "sunpy.map", "sunpy.visualization")


def need_plot(purpose: str, *, extra: str = "plot") -> None:
    """
    Check that the packages of the extra ``plot`` are there.

    Parameters
    ----------
    purpose : str
        What they are needed for, as the begin of a sentence.
    extra : str, optional
        The extra to be named, if it is a larger one.

    Raises
    ------
    ImportError
        With the command that installs them.

    Examples
    --------
    >>> from sunpy_flarecast.utils.optional_deps import need_plot
    >>> need_plot("Pictures")
    """
    for name in _PLOT:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise ImportError(
                f'{purpose} need the package {error.name!r}: python -m pip install "sunpy-flarecast[{extra}]"',
                name=error.name,
            ) from error
