"""Packages of the extra ``plot``: one sentence instead of a traceback where they are not installed."""

from __future__ import annotations

from importlib import import_module
from typing import Final

__all__ = ["need_plot"]

#: What the extra ``plot`` brings, and this package uses.
_PLOT: Final = ("matplotlib", "sunpy.map", "sunpy.visualization")


def need_plot(purpose: str, *, extra: str = "plot") -> None:
    """
    Raise an ImportError with the command that installs the packages, if one is missing.

    ``purpose`` is the begin of its sentence, ``extra`` the extra to install.
    """
    for name in _PLOT:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise ImportError(
                f'{purpose} need the package {error.name!r}: python -m pip install "sunpy-flarecast[{extra}]"',
                name=error.name,
            ) from error
