"""Quicklooks, small pictures of segments: drawn in a few processes, cached on disk, and served with validators."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sunpy_flarecast.archive.base import Archive
    from sunpy_flarecast.archive.settings import Settings

    from .routes import Quicklooks

__all__ = ["quicklooks_of"]


def quicklooks_of(archive: Archive, settings: Settings) -> Quicklooks | None:
    """Make the quicklooks of an archive; None if matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        return None
    from .routes import Quicklooks

    return Quicklooks(archive, settings)
