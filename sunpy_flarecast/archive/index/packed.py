"""Files compressed with gzip, whose decompressed content is indexed and served."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.errors import TransferError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["is_packed", "unpacked"]

#: Largest decompressed content in bytes; SHARP files have some 0.1 to 60 million.
_MOST: Final = 1 << 28


def is_packed(name: str) -> bool:
    """Return whether a file is compressed with gzip, judging by its name."""
    return name.casefold().endswith(".gz")


def unpacked(source: Path | int) -> bytes:
    """Return the decompressed content of a file; the text of a TransferError continues a sentence."""
    try:
        with open(source, "rb", closefd=not isinstance(source, int)) as file, gzip.GzipFile(fileobj=file) as packed:
            content = packed.read(_MOST + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise TransferError(f"cannot be decompressed: {error}") from error
    if len(content) > _MOST:
        raise TransferError(f"is larger than {_MOST >> 20} MB when decompressed")
    return content
