"""A cache of pictures on disk, from which the least recently used are removed."""

from __future__ import annotations

import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.utils.atomic_file import AtomicFile

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Store"]

#: Fraction of the space that is written before the files are counted again, and that is freed if they exceed the space.
_PART: Final = 0.1


class Store:
    """
    Pictures by key, in a folder that several processes may share (default: a temporary folder).

    Write failures are ignored. Files left by killed processes become the oldest and are removed.
    """

    def __init__(self, folder: Path | None, space: int) -> None:
        self._folder = folder
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._space = space
        self._uncounted = space  # files of earlier processes are counted first
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Read a picture; None if it is not cached."""
        if self._folder is None:
            return None
        path = self._folder / key[:2] / key
        try:
            content = path.read_bytes()
        except OSError:
            return None
        with suppress(OSError):
            os.utime(path)
        return content

    def put(self, key: str, content: bytes) -> None:
        """Cache a picture."""
        with suppress(OSError):
            path = self._existing_folder() / key[:2] / key
            path.parent.mkdir(parents=True, exist_ok=True)
            with AtomicFile(path) as file:
                file.write(content)
                file.publish()
        with self._lock:
            self._uncounted += len(content)
            if self._uncounted > _PART * self._space:
                self._uncounted = 0
                self._trim()

    def _existing_folder(self) -> Path:
        with self._lock:
            if self._folder is None:
                self._temporary = tempfile.TemporaryDirectory(prefix="sunpy-flarecast-quicklooks-")
                self._folder = Path(self._temporary.name)
            return self._folder

    def _trim(self) -> None:
        files = sorted(self._files(), reverse=True)
        total = sum(size for _, size, _ in files)
        bound = self._space if total <= self._space else (1 - _PART) * self._space
        while files and total > bound:
            _, size, path = files.pop()
            total -= size
            with suppress(OSError):
                path.unlink()

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        for path in self._folder.glob("??/*") if self._folder else ():
            with suppress(OSError):
                status = path.stat()
                yield status.st_mtime, status.st_size, path

    def close(self) -> None:
        """Remove the folder if it is a temporary one."""
        if self._temporary is not None:
            self._temporary.cleanup()
            self._folder = self._temporary = None
