"""Where the folder of an archive and its index are, and whether they can be there."""

from __future__ import annotations

import os
from pathlib import Path

from .database import BESIDE, ArchiveIndexError

__all__ = ["can_write", "folder_at", "index_path"]


def folder_at(root: str | os.PathLike[str]) -> Path:
    """
    Find the folder of an archive.

    Parameters
    ----------
    root : path-like
        As the user wrote it.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    """
    folder = Path(root).expanduser().resolve()
    if not folder.is_dir():
        raise NotADirectoryError(f"There is no folder {os.fspath(root)!r} to serve SHARP files from")
    return folder


def index_path(root: Path, index: str | os.PathLike[str] | None = None) -> Path:
    """
    Find the index of a folder.

    Parameters
    ----------
    root : `pathlib.Path`
        The folder.
    index : path-like, optional
        Where the user wants it to be.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sunpy_flarecast.archive.index import index_path
    >>> index_path(Path("sharps")).name
    '.flarecast-index.sqlite'
    """
    if index is None:
        return root / BESIDE
    path = Path(index).expanduser().resolve()
    if path.is_dir():
        raise ArchiveIndexError(f"The index {path} is a folder. Name a file in it, such as {path / 'index.sqlite'}")
    if not path.parent.is_dir():
        raise ArchiveIndexError(f"The index cannot be {path}, since there is no folder {path.parent}. Make it first.")
    return path


def can_write(folder: Path) -> bool:
    """Whether files may be made in a folder; where nobody may, not even the administrator should."""
    return bool(folder.stat().st_mode & 0o222) and os.access(folder, os.W_OK)
