"""Files packed by gzip, whose content is indexed and served."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.errors import TransferError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["is_packed", "unpacked"]

#: Most bytes of the content, of which SHARPs have some 0.1 to 60 million.
_MOST: Final = 1 << 28


def is_packed(name: str) -> bool:
    """Return whether a file is packed, by its name."""
    return name.casefold().endswith(".gz")


def unpacked(source: Path | int) -> bytes:
    """Return the content of a file; a TransferError says why it cannot be unpacked, as the end of a sentence."""
    try:
        with open(source, "rb", closefd=not isinstance(source, int)) as file, gzip.GzipFile(fileobj=file) as packed:
            content = packed.read(_MOST + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise TransferError(f"cannot be unpacked: {error}") from error
    if len(content) > _MOST:
        raise TransferError(f"has more than {_MOST >> 20} MB when it is unpacked")
    return content
