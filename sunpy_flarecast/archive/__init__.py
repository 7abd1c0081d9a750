"""A FLARECAST HMI service for your own SHARP files, or for synthetic ones."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sunpy_flarecast.utils.optional_deps import missing_package

if TYPE_CHECKING:
    from sunpy_flarecast.archive.demo.archive import DemoArchive
    from sunpy_flarecast.archive.server.run import running, serve

    from .app import create_app
    from .base import Archive, DayCount, Holding, NotHeldError, Passage, Record, SegmentFile, Steps, Stored
    from .directory import DirectoryArchive
    from .settings import Settings

__all__ = [
    "Archive",
    "DayCount",
    "DemoArchive",
    "DirectoryArchive",
    "Holding",
    "NotHeldError",
    "Passage",
    "Record",
    "SegmentFile",
    "Settings",
    "Steps",
    "Stored",
    "create_app",
    "running",
    "serve",
]

#: The module of each public name, imported on first use: importing this package costs nothing, and an archive can be
#: read without the web server that the ``archive`` extra installs.
_MODULES: Final = {
    "Archive": "base",
    "DayCount": "base",
    "DemoArchive": "demo.archive",
    "DirectoryArchive": "directory",
    "Holding": "base",
    "NotHeldError": "base",
    "Passage": "base",
    "Record": "base",
    "SegmentFile": "base",
    "Settings": "settings",
    "Steps": "base",
    "Stored": "base",
    "create_app": "app",
    "running": "server.run",
    "serve": "server.run",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    path = _MODULES.get(name)
    if path is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f".{path}", __name__)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "sunpy_flarecast"):
            raise
        raise missing_package(f"{name} needs", "archive", missing) from error
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return __all__
