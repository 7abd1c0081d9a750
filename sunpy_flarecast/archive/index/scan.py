"""The folders of an archive: which files lie in them that the index shall know; nothing is opened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from .model import is_table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Folder", "count_files", "is_bare_place", "is_in", "is_there", "is_wanted", "link_on", "look_into", "walk"]


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """
    A folder as it is on disk.

    Parameters
    ----------
    path : str
        Below the root, with slashes; empty for the root.
    names : list of str, optional
        Of its FITS files and keyword tables, sorted.
    folders : list of str, optional
        Names of the folders in it, sorted.
    faults : dict, optional
        Why folders in it are left out, by their names.
    fault : str, optional
        Why it cannot be read.
    failing : bool, optional
        Whether that is for now only, as when a network disk fails: what the index knows of it holds on.
    """

    path: str
    names: list[str] = []
    folders: list[str] = []
    faults: dict[str, str] = {}
    fault: str | None = None
    failing: bool = False


def is_wanted(name: str) -> bool:
    """
    Whether the index shall know a file of this name.

    Examples
    --------
    >>> from sunpy_flarecast.archive.index.scan import is_wanted
    >>> [is_wanted(name) for name in ("a.fits", "keywords.ecsv", "a.fits.part", "notes.txt")]
    [True, True, False, False]
    """
    return name.endswith(".fits") or is_table(name)


def look_into(root: str, path: str) -> Folder:
    """
    Look into one folder.

    Links to folders are not followed: what lies inside the root is found without them.

    Parameters
    ----------
    root : str
        The root, resolved.
    path : str
        The folder below it, with slashes.
    """
    names: list[str] = []
    folders: list[str] = []
    faults: dict[str, str] = {}
    try:
        with os.scandir(os.path.join(root, *path.split("/"))) as entries:
            for entry in entries:
                name = entry.name.encode("utf-8", "backslashreplace").decode()
                if entry.is_dir(follow_symlinks=False):
                    if name != entry.name:
                        faults[name] = "Its name is no text in UTF-8"
                    else:
                        folders.append(name)
                elif is_wanted(name) and not (entry.is_symlink() and entry.is_dir()):
                    names.append(name)
                elif entry.is_symlink() and entry.is_dir() and _is_outside(entry.path, root):
                    faults[name] = "It is a link to a folder outside of the archive"
    except (FileNotFoundError, NotADirectoryError):  # gone since it was found
        return Folder(path=path)
    except OSError as error:
        fault = f"The folder cannot be read: {error.strerror or error}"
        return Folder(path=path, fault=fault, failing=not isinstance(error, PermissionError))
    return Folder(path=path, names=sorted(names), folders=sorted(folders), faults=faults)


def walk(root: str, below: str = "") -> Iterator[Folder]:
    """
    Go through the folders of an archive, in the order of their names.

    Parameters
    ----------
    root : str
        The root, resolved.
    below : str, optional
        The folder to begin with.

    Yields
    ------
    Folder
        Each folder before those in it.
    """
    left = [below]
    while left:
        folder = look_into(root, left.pop())
        prefix = f"{folder.path}/" if folder.path else ""
        left += [f"{prefix}{name}" for name in reversed(folder.folders)]
        yield folder


def is_in(folder: str, parent: str) -> bool:
    """Whether a folder below the root is another one, or lies in it."""
    return not parent or folder == parent or folder.startswith(f"{parent}/")


def link_on(root: str, path: str) -> str | None:
    """
    Find the first link on the way to a folder, which may lead out of the root.

    Parameters
    ----------
    root : str
        The root, resolved.
    path : str
        The folder below it, with slashes.
    """
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        if os.path.islink(os.path.join(root, *parts[:end])):
            return "/".join(parts[:end])
    return None


def count_files(root: str) -> int:
    """Count the files that there are, for a progress bar."""
    return sum(len(folder.names) for folder in walk(root))


def is_bare_place(root: str) -> bool:
    """Whether a folder holds nothing at all, as if a disk were not mounted there."""
    with os.scandir(root) as entries:
        return next(entries, None) is None


def is_there(root: str) -> bool:
    """Whether a folder is there and holds something; of a disk that is away nothing is left, or an empty folder."""
    try:
        return not is_bare_place(root)
    except OSError:
        return False


def _is_outside(path: str, root: str) -> bool:
    real = os.path.realpath(path)
    return real != root and not real.startswith(root.rstrip(os.sep) + os.sep)
