"""Digests of the files that the index knows: read once, after everything else, since that takes reading all bytes."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from .model import Version
    from .report import Progress
    from .write import Writer

__all__ = ["add_digests"]

#: Files whose digests are written in one transaction: at 100 MB/s, those of some seconds.
_AT_ONCE: Final = 512

#: And where something else may be due.
_BETWEEN: Final = 32


def add_digests(
    writer: Writer, *, jobs: int = 1, progress: Progress | None = None, enough: Callable[[], bool] | None = None
) -> int:
    """
    Compute the digests (SHA-256) that the index lacks.

    Those of some hundred files are written together (of fewer while something else may be due), so that an interrupted
    run goes on where it was.

    Parameters
    ----------
    writer : Writer
        Writes to the index.
    jobs : int, optional
        Threads that compute.
    progress : callable, optional
        Is told how far it is.
    enough : callable, optional
        Is asked now and then whether the rest shall be left for later.

    Returns
    -------
    int
        How many were computed.
    """
    root = str(writer.root)
    total = writer.count_without_digest() if progress is not None else 0
    seen = done = 0
    after = (0, "")
    with ThreadPoolExecutor(jobs) as threads:
        while files := writer.without_digest(after, _AT_ONCE if enough is None else _BETWEEN):
            after = files[-1][0], files[-1][3]
            paths = [os.path.join(root, *folder.split("/"), name) for _, folder, _, name, _ in files]
            digests = threads.map(digest_of, paths, [version for *_, version in files])
            found = [
                (number, version, digest)
                for (_, _, number, _, version), digest in zip(files, digests, strict=True)
                if digest is not None
            ]
            writer.add_digests(found)
            done += len(found)
            seen += len(files)
            if progress is not None:
                progress("digests", seen, max(total, seen))
            if enough is not None and enough():
                break
    return done


def digest_of(path: str, version: Version) -> bytes | None:
    """
    Compute the digest of a version of a file.

    Parameters
    ----------
    path : str
        The file.
    version : Version
        What the index knows.

    Returns
    -------
    bytes or None
        None if the file is another version, or becomes one meanwhile; it will be read again as a changed one.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            if not _is(version, os.fstat(file.fileno())):
                return None
            digest = hashlib.file_digest(file, "sha256").digest()
            return digest if _is(version, os.fstat(file.fileno())) else None
    except OSError:
        return None


def _is(version: Version, stat: os.stat_result) -> bool:
    return version == (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
