"""Check the file of a segment on disk before it is served."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sunpy_flarecast.archive.base import Stored, is_temporary
from sunpy_flarecast.errors import TransferError

from .model import Version
from .packed import is_packed, unpacked
from .read import Found, read_files

if TYPE_CHECKING:
    from .edition import Edition
    from .file_names import Place

__all__ = ["Filed", "GoneError", "present_file"]


class GoneError(Exception):
    """The reason why an indexed file can no longer be served, as a sentence without a full stop."""


class Filed(msgspec.Struct, frozen=True):
    """The file of a segment, as stored in the index; its path is relative to the root, with slashes."""

    path: str
    version: Version
    edition: Edition
    harpnum: int
    slot: int


def present_file(root: Path, filed: Filed, segment: Place) -> Stored | bytes:
    """Check that an indexed file is still that of its segment; return it, or its content if it is compressed."""
    # Raises a GoneError if it is not, and an OSError if it cannot be read at the moment.
    try:
        # The file, and any folder above it, may have become a link since it was indexed.
        path = os.path.realpath(os.path.join(root, filed.path), strict=True)
        if not path.startswith(os.path.join(root, "")):
            raise GoneError("It is a link to a file outside of the archive")
        stat = os.stat(path)
        if filed.version != Version(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns):
            folder, _, name = filed.path.rpartition("/")
            (facts,) = read_files(str(root), [Found(folder, name)])
            if facts.fault:
                raise GoneError(facts.fault)
            if facts.place != segment or facts.edition.compare(filed.edition) != 0:
                raise GoneError("The file in its place belongs to another record, version or segment")
        if is_packed(filed.path):
            return unpacked(Path(path))
    except TransferError as error:
        raise GoneError(f"It {error}") from error
    except OSError as error:
        if is_temporary(error):
            raise
        dangling = isinstance(error, FileNotFoundError) and (root / filed.path).is_symlink()
        raise GoneError(
            "It is a link to a missing file" if dangling else f"It cannot be read: {error.strerror}"
        ) from error
    return Stored(path=Path(path), size=stat.st_size, mtime_ns=stat.st_mtime_ns, root=root)
