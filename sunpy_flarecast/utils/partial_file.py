"""
A file that is still arriving: ``.{file}.part`` beside its final name, its validator, and its publication.

Only one process at a time writes a part; the others wait for it, and then find the finished file. That is done by a
lock on the open file, which ends with the process, however it ends. Where there are no such locks (Windows) every
process has parts of its own, and a broken transfer starts from zero in the next process.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Self

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

__all__ = ["BusyError", "Origin", "Part", "discard", "part_path"]

#: A part shorter than this is not kept for the next process: to bring it again takes no longer than to note its origin.
KEEP_FROM: Final = 1 << 20

#: How much of a part is moved at a time, in bytes.
_MOVED: Final = 1 << 20


class BusyError(Exception):
    """Another process, or thread, is bringing the same file."""


@dataclass(frozen=True, slots=True)
class Origin:
    """
    What the bytes of a part are from; kept beside it, for the next process to go on.

    Parameters
    ----------
    url : str
        Where the file was begun to be fetched from.
    validator : str
        Its strong ETag or Last-Modified.
    length : int
        Length of the whole file.
    """

    url: str
    validator: str
    length: int


def part_path(path: str) -> str:
    """
    Name the part of a file.

    Examples
    --------
    >>> from sunpy_flarecast.utils.partial_file import part_path
    >>> part_path("Br.fits")
    '.Br.fits.part'
    """
    name = os.path.basename(path)
    own = "" if fcntl is not None else f".{os.getpid()}"
    return f"{path.removesuffix(name)}.{name}{own}.part"


def discard(paths: Iterable[str]) -> None:
    """Remove the parts of files that are there and whole, unless somebody is writing them."""
    # To list folders is much faster than to look for each part, of which there are hardly any.
    folders: dict[str, list[str]] = {}
    for path in paths:
        folders.setdefault(os.path.dirname(path), []).append(path)
    for folder, there in folders.items():
        try:
            left = {name for name in os.listdir(folder or ".") if name.endswith(".part")}
        except OSError:  # a folder that may be entered but not listed
            continue
        for path in there if left else ():
            if os.path.basename(part_path(path)) in left:
                with contextlib.suppress(BusyError, OSError), Part(path) as part:
                    part.drop()


class Part:
    """
    An open part; a context manager that closes it.

    Parameters
    ----------
    path : str
        The final name of the file.

    Raises
    ------
    BusyError
        If another process holds it.
    OSError
        If it cannot be opened or made.
    """

    def __init__(self, path: str) -> None:
        self._final = path
        self.path = part_path(path)
        self._note = f"{self.path}.json"
        self._fd = self._open()
        # An empty part is a new one, beside which there is no note.
        self._noted = self.size > 0

    def _open(self) -> int:
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            if fcntl is None:
                return fd
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                raise BusyError(self.path) from None
            except OSError:
                return fd  # a file system without locks
            # Who held the lock before may have given the file its final name, or have removed it.
            try:
                if os.path.samestat(os.fstat(fd), os.stat(self.path)):
                    return fd
            except FileNotFoundError:
                pass
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, which gives the lock back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return os.fstat(self._fd).st_size

    def origin(self) -> Origin | None:
        """Tell what a part that an earlier process left is from, if that is known."""
        try:
            with open(self._note, encoding="utf-8") as file:
                note = json.load(file)
            origin = Origin(str(note["url"]), str(note["validator"]), int(note["length"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return origin

    def note(self, origin: Origin) -> None:
        """Keep the origin, so that another process can go on; one that finds half a note starts at zero."""
        self._noted = True
        with open(self._note, "wb", buffering=0) as file:
            file.write(json.dumps(asdict(origin)).encode())

    def restart(self) -> None:
        """Begin at zero."""
        if self.size:
            # Not otherwise: ext4 writes a file that was cut to zero to the disk as soon as it is closed.
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
        self._forget()

    def go_on(self) -> int:
        """Continue at the end; gives its position."""
        return os.lseek(self._fd, 0, os.SEEK_END)

    def replace_begin(self, begin: bytes, length: int) -> None:
        """
        Put other bytes, no fewer, in the place of those that the part begins with.

        What interrupts this leaves a part that no process goes on with.

        Parameters
        ----------
        begin : bytes
            What the part is to begin with.
        length : int
            How many bytes that replaces.
        """
        self._forget()
        shift = len(begin) - length
        end = self.size
        while shift and end > length:
            at = max(length, end - _MOVED)
            os.lseek(self._fd, at, os.SEEK_SET)
            piece = b""
            while len(piece) < end - at:
                piece += os.read(self._fd, end - at - len(piece))
            os.lseek(self._fd, at + shift, os.SEEK_SET)
            self.write(piece)
            end = at
        os.lseek(self._fd, 0, os.SEEK_SET)
        self.write(begin)

    def write(self, data: bytes | memoryview) -> None:
        """Write all of ``data``."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def drop(self) -> None:
        """Remove the part and what is noted of it."""
        self._forget()
        if fcntl is None:
            self.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)

    def _forget(self) -> None:
        if self._noted:
            with contextlib.suppress(OSError):
                os.unlink(self._note)
            self._noted = False

    def publish(self, *, unique: bool = False) -> str:
        """
        Give the file its final name, in one step.

        Parameters
        ----------
        unique : bool
            Keep a file of that name, and take the first of ``..._1.fits``, ``..._2.fits`` and so on that is free.

        Returns
        -------
        str
            The name that the file got.
        """
        if fcntl is None:
            self.close()  # an open file cannot be renamed there
        if unique:
            name = _to_free_name(self.path, self._final)
        else:
            name = self._final
            os.replace(self.path, name)
        self._forget()
        return name


def _to_free_name(part: str, path: str) -> str:
    """Move a file to a name that no other has, also if another process is looking for one."""
    stem, ending = os.path.splitext(path)
    number = 0
    while True:
        name = f"{stem}_{number}{ending}" if number else path
        try:
            os.link(part, name)
        except FileExistsError:
            number += 1
            continue
        except OSError:  # a file system without links
            with contextlib.suppress(FileExistsError), open(name, "xb"):
                os.replace(part, name)
                return name
            number += 1
            continue
        os.unlink(part)
        return name
