"""FITS files on disk: whether they are complete, and the record that their headers name. Results are cached."""

from __future__ import annotations

import errno
import os
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from sunpy_flarecast.errors import TransferError

from .structure import card, read_headers

if TYPE_CHECKING:
    from pathlib import Path

    from .structure import Headers

__all__ = ["TOO_MANY_OPEN", "Origin", "is_whole", "origin_at", "origin_of"]

#: Errors of the process, and not of the file that it opens.
TOO_MANY_OPEN: Final = frozenset({errno.EMFILE, errno.ENFILE})

#: Longer than the resolution of file times (2 s on FAT), in nanoseconds.
_GRAIN: Final = 3_000_000_000

#: Keywords that name the record of a file, and the beginnings of their cards.
_IDENTITY: Final = {name: f"{name:8}=".encode() for name in ("RECNUM", "HARPNUM", "TARPNUM", "T_REC", "DRMS_ID")}


class Origin(NamedTuple):
    """The record of a file by its header: the record number, if any, and all keywords that name it."""

    recnum: int | None
    keywords: tuple[tuple[str, str], ...]


def origin_of(headers: Headers) -> Origin:
    """Return the record of a file."""
    if headers.bare:
        return Origin(None, ())
    header = headers.keywords
    cards = ((name, card(header, key)) for name, key in _IDENTITY.items())
    found = {name: text[10:].partition(b" /")[0].decode("latin-1").strip(" '") for name, text in cards if text}
    number = found.get("RECNUM") or found.get("DRMS_ID", "").partition(":")[2].partition(":")[0]
    recnum = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None
    return Origin(recnum, tuple(found.items()))


def origin_at(path: str | Path) -> Origin | None:
    """
    Return the record of a file; None if there is no such file, or it is not a structurally complete FITS file.

    A complete file is read again only if its size or times have changed.
    """
    try:
        status = os.stat(path)
        times = status.st_mtime_ns, status.st_ctime_ns
        if time.time_ns() - max(times) < _GRAIN:
            return origin_of(read_headers(path))  # it may change again within the resolution of these times
        return _read_once(path, status.st_ino, status.st_size, *times)
    except TransferError:
        return None
    except OSError as error:
        if error.errno in TOO_MANY_OPEN:
            raise
        return None


@lru_cache(maxsize=1 << 15)
def _read_once(path: str | Path, *_version: int) -> Origin:
    return origin_of(read_headers(path))


def is_whole(path: str | Path) -> bool:
    """Return whether a file exists and is a structurally complete FITS file."""
    return origin_at(path) is not None
