"""The one way to write a file: under a temporary name in its folder, renamed when it is complete."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import secrets
import stat
import time
from typing import IO, TYPE_CHECKING, Any, Final, Self

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["DISK_FULL", "AtomicFile", "atomic_write", "is_temporary", "remove_abandoned"]

#: Errors of a disk without space, or without space for this user.
DISK_FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})

_TEMPORARY: Final = re.compile(r"\.(.+)\.[0-9a-f]{12}\.part", re.DOTALL)

#: Where files cannot be locked, a temporary file that has not changed for so long was left by a dead process.
_ABANDONED: Final = 86400.0

_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class AtomicFile:
    """
    A file under a temporary name of its own, until it is published; a context manager that removes it otherwise.

    It is locked for as long as its process lives, so that `remove_abandoned` knows what a dead process left. The folder
    of the final name exists.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._final = os.fspath(path)
        folder, name = os.path.split(self._final)
        while True:
            self.path = os.path.join(folder, f".{name}.{secrets.token_hex(6)}.part")
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o666)
            if _lock(self._fd) is not False and os.path.exists(self.path):
                return
            os.close(self._fd)  # another process took it for abandoned before it was locked

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def discard(self) -> None:
        """Close the file, and remove it if it has not been published."""
        self.close()
        if self.path:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            self.path = ""

    def close(self) -> None:
        """Close the file, which releases the lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def fileno(self) -> int:
        """Return the descriptor, open for reading and writing."""
        return self._fd

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return os.fstat(self._fd).st_size

    def read(self, at: int, size: int) -> bytes:
        """Read so many bytes from a position on."""
        os.lseek(self._fd, at, os.SEEK_SET)
        return os.read(self._fd, size)

    def write(self, data: bytes, at: int | None = None) -> None:
        """Write all of ``data``, at a position or after what was written last."""
        if at is not None:
            os.lseek(self._fd, at, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def restart(self) -> None:
        """Discard what was written."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)

    def publish(self, *, unique: bool = False) -> str:
        """Give the file its final name in one step, or if unique the first free of ``..._1.fits`` and so on."""
        if fcntl is None:
            self.close()  # Windows does not rename open files
        name = self._final
        if unique:
            name = _to_free_name(self.path, name)
        else:
            os.replace(self.path, name)
        self.path = ""
        return name


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO[Any]]:
    """
    Open a file for writing that appears under its name at the end of the ``with`` block, unless that fails.

    What dead processes left of the same file is removed. The mode is ``"wb"``, or ``"w"`` for text in UTF-8.
    """
    remove_abandoned([os.fspath(path)])
    text: dict[str, str] = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    with AtomicFile(path) as target:
        with open(target.fileno(), mode, closefd=False, **text) as file:  # type: ignore[call-overload]
            yield file
        target.publish()


def is_temporary(name: str) -> bool:
    """Return whether a file has the name of one that is not finished."""
    return _TEMPORARY.fullmatch(name) is not None


def remove_abandoned(paths: Iterable[str]) -> bool:
    """Remove the temporary files that dead processes left of some files; return whether others are being written."""
    busy = False
    # Listing folders is much faster than looking for the temporary files of each path.
    folders: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        folders.setdefault(folder, set()).add(name)
    for folder, names in folders.items():
        with contextlib.suppress(OSError):  # not there, or not to be listed
            for entry in os.listdir(folder or "."):
                found = _TEMPORARY.fullmatch(entry)
                if found and found[1] in names and not _remove_if_abandoned(os.path.join(folder, entry)):
                    busy = True
    return busy


def _remove_if_abandoned(path: str) -> bool:
    """Remove a temporary file, and return True, unless a living process writes it."""
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return True  # not ours
        abandoned = time.time() - status.st_mtime > _ABANDONED
        if fcntl is not None:
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | _NO_LINK)
            stack.callback(os.close, descriptor)
            if (locked := _lock(descriptor)) is not None:
                abandoned = locked
        if abandoned:
            os.unlink(path)
        return abandoned
    return True


def _lock(descriptor: int) -> bool | None:
    """Lock a file; False if another process holds it, None where files cannot be locked."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _to_free_name(temporary: str, path: str) -> str:
    """Rename a file to a free name, also while another process does the same."""
    stem, ending = os.path.splitext(path)
    for number in itertools.count():
        name = f"{stem}_{number}{ending}" if number else path
        try:
            os.link(temporary, name)
            os.unlink(temporary)
        except FileExistsError:
            continue
        except OSError:  # a file system without links
            with contextlib.suppress(FileExistsError), open(name, "xb"):
                os.replace(temporary, name)
                break
            continue
        break
    return name
