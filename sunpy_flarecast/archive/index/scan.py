"""The paths of an archive's folder and index, and the files in its folders; no file is opened."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from sunpy_flarecast.sharp.filenames import FITS_ENDING
from sunpy_flarecast.utils.reports import counted

from .database import BESIDE, ArchiveIndexError
from .model import is_table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "CACHE_SUFFIX",
    "MISSING",
    "Folder",
    "can_write",
    "count_files",
    "folder_at",
    "index_path",
    "is_empty_folder",
    "is_in",
    "is_there",
    "list_folder",
    "walk",
]

#: The fault of an archive whose folder is missing, or empty although the index has records.
MISSING: Final = "The folder of the archive is missing or empty. Is its disk mounted?"

#: Suffix of a folder beside the index for files that can be regenerated; the folder is not indexed.
CACHE_SUFFIX: Final = "-cache"

#: Suffixes of compressed FITS files that are not served.
_OTHER_FITS: Final = re.compile(r"\.(?:fits|fit|fts)\.(?:bz2|xz|z|zip|zst)$", re.IGNORECASE)


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder as it is on disk."""

    path: str  # relative to the root, with slashes; empty for the root
    names: list[str] = []  # of its FITS files and keyword tables, sorted
    folders: list[str] = []  # names of the folders in it, sorted
    faults: dict[str, str] = {}  # why entries are left out, by their names
    fault: str | None = None  # why it cannot be read
    failing: bool = False  # temporarily, as when a network disk fails: its files stay in the index


def folder_at(root: str | os.PathLike[str]) -> Path:
    """Resolve the folder of an archive; raise a NotADirectoryError if it is not a folder."""
    folder = Path(root).expanduser().resolve()
    if not folder.is_dir():
        name = os.fspath(root)
        why = f"{name!r} is not a folder" if folder.exists() else f"The folder {name!r} does not exist"
        raise NotADirectoryError(f"{why}. Choose a folder of SHARP files.")
    return folder


def index_path(root: Path, index: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of a folder's index: the user's choice, or a hidden file in the folder."""
    if index is None:
        return root / BESIDE
    path = Path(index).expanduser().resolve()
    try:
        if path.is_dir():
            raise ArchiveIndexError(f"The index {path} is a folder. Name a file in it, such as {path / 'index.sqlite'}")
        if not path.parent.is_dir():
            raise ArchiveIndexError(
                f"Cannot create the index {path}: the folder {path.parent} does not exist. Create it first."
            )
    except PermissionError as error:
        raise ArchiveIndexError(f"Cannot create the index {path} ({error.strerror}). Choose another place.") from error
    return path


def can_write(folder: Path) -> bool:
    """Return whether files may be created in a folder; False even for root if nobody has write permission."""
    return bool(folder.stat().st_mode & 0o222) and os.access(folder, os.W_OK)


def list_folder(root: str, path: str) -> Folder:
    """List one folder; links to folders are not followed, since folders inside the root are found without them."""
    names: list[str] = []
    folders: list[str] = []
    faults: dict[str, str] = {}
    others: Counter[str] = Counter()
    try:
        with os.scandir(os.path.join(root, *path.split("/"))) as entries:
            for entry in entries:
                try:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    links_to_folder = entry.is_symlink() and entry.is_dir()
                except OSError as error:  # such as a link to itself
                    faults[_shown(entry.name)] = f"It cannot be read: {error.strerror or error}"
                    continue
                wanted = FITS_ENDING.search(entry.name) is not None or is_table(entry.name)
                if (wanted or is_folder) and _shown(entry.name) != entry.name:
                    faults[_shown(entry.name)] = "Its name is not valid UTF-8. Rename it"
                elif is_folder:
                    if entry.name != f"{BESIDE}{CACHE_SUFFIX}":
                        folders.append(entry.name)
                elif links_to_folder:
                    if _is_outside(entry.path, root):
                        faults[_shown(entry.name)] = "It is a link to a folder outside of the archive"
                elif wanted:
                    names.append(entry.name)
                elif other := _OTHER_FITS.search(entry.name):
                    others[other[0]] += 1
    except (FileNotFoundError, NotADirectoryError):  # removed since it was found
        return Folder(path=path)
    except OSError as error:
        fault = f"The folder cannot be read: {error.strerror or error}"
        return Folder(path=path, fault=fault, failing=not isinstance(error, PermissionError))
    for suffix, count in others.items():
        faults[f"*{suffix}"] = f"{counted(count, 'compressed file')}; only .gz and .fz can be served"
    return Folder(path=path, names=sorted(names), folders=sorted(folders), faults=faults)


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def walk(root: str) -> Iterator[Folder]:
    """Yield the folders of an archive by name, each before its subfolders."""
    left = [""]
    while left:
        folder = list_folder(root, left.pop())
        prefix = f"{folder.path}/" if folder.path else ""
        left += [f"{prefix}{name}" for name in reversed(folder.folders)]
        yield folder


def is_in(folder: str, parent: str) -> bool:
    """Return whether a folder is ``parent`` or lies in it; both are relative to the root."""
    return not parent or folder == parent or folder.startswith(f"{parent}/")


def count_files(root: str) -> int:
    """Count all files, for a progress bar."""
    return sum(len(folder.names) for folder in walk(root))


def is_empty_folder(root: str) -> bool:
    """Return whether a folder is empty, like the mount point of a disk that is not mounted."""
    with os.scandir(root) as entries:
        return next(entries, None) is None


def is_there(root: str) -> bool:
    """Return whether a folder exists and is not empty; if its disk is not mounted it is missing or empty."""
    try:
        return not is_empty_folder(root)
    except OSError:
        return False


def _is_outside(path: str, root: str) -> bool:
    real = os.path.realpath(path)
    return real != root and not real.startswith(root.rstrip(os.sep) + os.sep)
