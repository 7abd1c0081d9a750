"""The checksums of a data set, in a file that ``sha256sum -c`` reads."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sunpy_flarecast.utils.store import Store

__all__ = ["CHECKSUMS", "file_digest", "is_content", "read_checksums", "write_checksums"]

CHECKSUMS: Final = "checksums.txt"

#: What a build keeps for itself.
_OWN: Final = ".build/"


def is_content(path: str) -> bool:
    """Return whether a file has a checksum: all have, but the checksums, and what a build keeps for itself."""
    return path != CHECKSUMS and not path.startswith(_OWN)


def write_checksums(store: Store, known: Mapping[str, tuple[int, str]]) -> None:
    """Write the checksums of a data set; of the files in ``known`` size and SHA-256 are known, others are read."""
    digests = {path: known[path][1] if path in known else "" for path in store.names() if is_content(path)}
    lines = [f"{digest or file_digest(store, path)}  {path}\n" for path, digest in digests.items()]
    store.write(CHECKSUMS, "".join(lines).encode())


def read_checksums(store: Store) -> dict[str, str] | None:
    """Read the SHA-256 of each file; None if there is no file of them, and a FileError if it is damaged."""
    data = store.read(CHECKSUMS)
    if data is None:
        return None
    pairs = [line.split("  ", 1) for line in data.decode("utf-8", "replace").splitlines()]
    if any(len(pair) != 2 or len(pair[0]) != 64 or ".." in pair[1].split("/") for pair in pairs):
        raise FileError(f"{CHECKSUMS} in {store} is damaged. Run the same build again.")
    return {path: digest for digest, path in pairs}


def file_digest(store: Store, path: str) -> str:
    """Return the SHA-256 of a file, read in parts; raises FileNotFoundError."""
    with store.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
