"""The checksums of a data set, in the format of ``sha256sum``."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sunpy_flarecast.utils.store import Store

__all__ = ["CHECKSUMS", "file_digest", "is_content", "read_checksums", "write_checksums"]

CHECKSUMS: Final = "checksums.txt"

#: Folder of the state of a build.
_STATE: Final = ".build/"


def is_content(path: str) -> bool:
    """Return whether a file has a checksum: all files do, except the checksums and the state of the build."""
    return path != CHECKSUMS and not path.startswith(_STATE)


def write_checksums(store: Store, known: Mapping[str, tuple[int, str]]) -> None:
    """Write the checksums; files in ``known`` (size and SHA-256 by path) are not read again."""
    digests = {path: known[path][1] if path in known else "" for path in store.names() if is_content(path)}
    lines = [f"{digest or file_digest(store, path)}  {path}\n" for path, digest in digests.items()]
    store.write(CHECKSUMS, "".join(lines).encode())


def read_checksums(store: Store) -> dict[str, str]:
    """Read the SHA-256 of each file; raise a `FileError` if the checksums are damaged."""
    data = store.read(CHECKSUMS) or b""
    pairs = [line.split("  ", 1) for line in data.decode("utf-8", "replace").splitlines()]
    if not pairs or any(len(pair) != 2 or len(pair[0]) != 64 or ".." in pair[1].split("/") for pair in pairs):
        raise FileError(f"{CHECKSUMS} in {store} is damaged. Run the same build again.")
    return {path: digest for digest, path in pairs}


def file_digest(store: Store, path: str) -> str:
    """Return the SHA-256 of a file; raise `FileNotFoundError` if it does not exist."""
    with store.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
