"""Write files atomically: under a temporary name in the same folder, renamed when complete."""

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

#: Errors of a full disk or an exceeded quota.
DISK_FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})

_TEMPORARY: Final = re.compile(r"\.(.+)\.[0-9a-f]{12}\.part", re.DOTALL)

#: Where files cannot be locked, a temporary file that has not changed for this many seconds is considered abandoned.
_ABANDONED: Final = 86400.0

_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class AtomicFile:
    """
    A file with a temporary name until it is published; a context manager that removes unpublished files.

    The file is locked while its process lives, so that `remove_abandoned` recognizes files of dead processes. The
    folder of the final name must exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._final = os.fspath(path)
        folder, name = os.path.split(self._final)
        while True:
            self.path = os.path.join(folder, f".{name}.{secrets.token_hex(6)}.part")
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o666)
            if _lock(self._fd) is not False and os.path.exists(self.path):
                return
            os.close(self._fd)  # another process removed it as abandoned before it was locked

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def discard(self) -> None:
        """Close the file, and remove it unless it was published."""
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
        """Return the file descriptor, open for reading and writing."""
        return self._fd

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return os.fstat(self._fd).st_size

    def read(self, at: int, size: int) -> bytes:
        """Read ``size`` bytes from a position."""
        os.lseek(self._fd, at, os.SEEK_SET)
        return os.read(self._fd, size)

    def write(self, data: bytes, at: int | None = None) -> None:
        """Write all of ``data`` at a position, by default after the last write."""
        if at is not None:
            os.lseek(self._fd, at, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def restart(self) -> None:
        """Discard the written data."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)

    def publish(self, *, unique: bool = False) -> str:
        """Rename the file atomically to its final name; if ``unique``, to the first free of ``..._1.fits`` etc."""
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
    Open a file for writing that appears under its name only if the ``with`` block succeeds.

    Temporary files that dead processes left are removed. The mode is ``"wb"``, or ``"w"`` for text in UTF-8.
    """
    remove_abandoned([os.fspath(path)])
    text: dict[str, str] = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    with AtomicFile(path) as target:
        with open(target.fileno(), mode, closefd=False, **text) as file:  # type: ignore[call-overload]
            yield file
        target.publish()


def is_temporary(name: str) -> bool:
    """Return whether a name is that of a temporary file."""
    return _TEMPORARY.fullmatch(name) is not None


def remove_abandoned(paths: Iterable[str]) -> bool:
    """Remove temporary files of dead processes; return whether living processes are writing any of the files."""
    busy = False
    # Listing folders is much faster than searching for the temporary files of each path.
    folders: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        folders.setdefault(folder, set()).add(name)
    for folder, names in folders.items():
        with contextlib.suppress(OSError):  # missing or not readable
            for entry in os.listdir(folder or "."):
                found = _TEMPORARY.fullmatch(entry)
                if found and found[1] in names and not _remove_if_abandoned(os.path.join(folder, entry)):
                    busy = True
    return busy


def _remove_if_abandoned(path: str) -> bool:
    """Remove a temporary file and return True, unless a living process is writing it."""
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return True  # not a temporary file of this package
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
    """Lock a file; return False if another process holds the lock, None where files cannot be locked."""
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
    """Rename a file to a free name; safe if another process does the same."""
    stem, ending = os.path.splitext(path)
    for number in itertools.count():
        name = f"{stem}_{number}{ending}" if number else path
        try:
            os.link(temporary, name)
            os.unlink(temporary)
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links
            with contextlib.suppress(FileExistsError), open(name, "xb"):
                os.replace(temporary, name)
                break
            continue
        break
    return name
