"""The file of a segment, looked at again before it is served: there, in the folder, and still of that segment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sunpy_flarecast.archive.base import Stored, may_pass

from .model import Version
from .read import Found, read_files

if TYPE_CHECKING:
    from .file_names import Place
    from .query import Filed

__all__ = ["GoneError", "present_file"]


class GoneError(Exception):
    """Why a file that the index knows cannot be served, as a sentence without its full stop."""


def present_file(root: Path, filed: Filed, place: Place) -> Stored:
    """
    Give a file that the index knows, as it is on disk now.

    Parameters
    ----------
    root : `pathlib.Path`
        The folder of the archive, resolved.
    filed : Filed
        What the index knows of it.
    place : Place
        What it has to be.

    Returns
    -------
    Stored
        With the digest, if the index has it, and the file has not changed since.

    Raises
    ------
    GoneError
        If it is not there any more, or is something else.
    OSError
        If it cannot be looked at, and perhaps can in a moment.
    """
    try:
        # Not only the file may have become a link since, but any folder on its way.
        path = Path(os.path.realpath(root / filed.path, strict=True))
        if not path.is_relative_to(root):
            raise GoneError("It is a link to a file outside of the archive")
        stat = path.stat()
        same = filed.version == Version(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        if not same:
            folder, _, name = filed.path.rpartition("/")
            (facts,) = read_files(str(root), [Found(folder, name)])
            if facts.fault:
                raise GoneError(facts.fault)
            if facts.place != place:
                raise GoneError("What is in its place now is of another record or segment")
    except OSError as error:
        if may_pass(error):
            raise
        dangling = isinstance(error, FileNotFoundError) and (root / filed.path).is_symlink()
        raise GoneError(
            "It is a link to a file that is not there" if dangling else f"It cannot be read: {error.strerror}"
        ) from error
    sha256 = filed.sha256 if same else None
    return Stored(path=path, size=stat.st_size, mtime_ns=stat.st_mtime_ns, sha256=sha256, root=root)
