"""Storage of a data set: a local folder or any URL supported by fsspec; files appear only when complete."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from typing import IO, TYPE_CHECKING, Any, Final, Literal

from filelock import FileLock, Timeout

from sunpy_flarecast.errors import FLARECASTError, QueryError, TransferError

from .atomic_file import DISK_FULL, atomic_write, is_temporary
from .reports import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Store"]

#: Errors that another folder or other permissions solve.
_FORBIDDEN: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
)

_LOCK: Final = ".build/lock"


class Store:
    """
    Files in a local folder or at a URL, by relative paths with ``/`` as separator.

    Files appear under their names only when complete. Stores can be pickled.

    Parameters
    ----------
    out : str or path-like
        A folder, which is created with the first file, or a URL supported by fsspec, such as
        ``"s3://bucket/sharps-2014"``.

    Raises
    ------
    QueryError
        If ``out`` is not a path or URL, its protocol is unknown, or the package for the protocol is not installed.

    Examples
    --------
    >>> from sunpy_flarecast.utils.store import Store
    >>> store = Store("memory://sharps-2014")
    >>> store.write("split.json", b"{}")
    >>> store.read("split.json"), store.read("labels.parquet"), store.names()
    (b'{}', None, ['split.json'])
    """

    def __init__(self, out: str | os.PathLike[str]) -> None:
        if not isinstance(out, (str, os.PathLike)) or not os.fspath(out):
            raise QueryError(f"A data set requires a folder or a URL, not {out!r}.")
        text = str(os.fspath(out))
        self._fs: Any = None
        if "://" in text or "::" in text:
            self._fs, self._root = _file_system(text)
        else:
            self._root = os.path.abspath(os.path.expanduser(text))
        self._name = text if self._fs else self._root

    def __str__(self) -> str:
        return self._name

    def _place(self, path: str) -> str:
        """Return the local path of a file, or its path in the file system of the URL."""
        return f"{self._root.rstrip('/')}/{path}" if path else self._root

    def read(self, path: str) -> bytes | None:
        """Read a file; return None if it does not exist."""
        with self._reading(path):
            try:
                if self._fs:
                    return bytes(self._fs.cat_file(self._place(path)))
                with open(self._place(path), "rb") as file:
                    return file.read()
            except FileNotFoundError:
                return None

    def write(self, path: str, data: bytes) -> None:
        """
        Write a file, replacing an earlier one.

        Raises a `QueryError` if the place is not writable, and a `TransferError` if the disk is full or writing fails
        for another reason.
        """
        if self._fs:
            with self._writing(path, Exception):
                self._fs.pipe_file(self._place(path), bytes(data))
        else:
            with self.open(path, "wb") as file:
                file.write(data)

    @contextlib.contextmanager
    def open(self, path: str, mode: Literal["rb", "wb"] = "rb") -> Iterator[IO[bytes]]:
        """
        Open a file for reading or writing in parts; a written file appears when the ``with`` block ends.

        For a URL, the parts are collected in a local temporary file. Raises the errors of `write`, and
        `FileNotFoundError`.
        """
        place = self._place(path)
        if mode == "rb":
            with self._reading(path):
                file = self._fs.open(place, "rb") if self._fs else open(place, "rb")  # noqa: SIM115 (closed below)
            with file:
                yield file
        elif self._fs:
            with tempfile.TemporaryDirectory(prefix="sunpy_flarecast-") as folder:
                spool = os.path.join(folder, "spool")
                with self._writing(path, disk=folder), open(spool, "wb") as file:
                    yield file
                with self._writing(path, Exception):
                    self._fs.put_file(spool, place)
        else:
            with self._writing(path):
                os.makedirs(os.path.dirname(place), exist_ok=True)
                with atomic_write(place) as file:
                    yield file

    def exists(self, path: str) -> bool:
        """Return whether a path is a file, or a folder with files."""
        if not self._fs:
            return os.path.exists(self._place(path))
        with self._reading(path):
            self._fs.invalidate_cache()  # other processes write there, too
            return bool(self._fs.exists(self._place(path)))

    def names(self, folder: str = "") -> list[str]:
        """Return the sorted paths of all files in a folder and its subfolders, without temporary files."""
        root, place = self._place(""), self._place(folder)
        found: list[str]
        with self._reading(folder):
            if self._fs:
                self._fs.invalidate_cache()
                found = self._fs.find(place)
            else:
                walk = os.walk(place, onerror=_raise_unless_missing)
                found = [os.path.join(where, name) for where, _, names in walk for name in names]
        paths = (path[len(root.rstrip("/")) + 1 :].replace(os.sep, "/") for path in found)
        return sorted(path for path in paths if path != _LOCK and not is_temporary(path.rpartition("/")[2]))

    def check_links(self) -> None:
        """Raise a `QueryError` for links to folders, or to files outside the data set, which would be overwritten."""
        if self._fs:
            return
        root = os.path.realpath(self._root)
        with self._reading(""):
            for where, folders, files in os.walk(self._root, onerror=_raise_unless_missing):
                for path in (os.path.join(where, name) for name in (*folders, *files)):
                    if os.path.islink(path) and (os.path.isdir(path) or not _is_below(os.path.realpath(path), root)):
                        raise QueryError(
                            f"{path} is a link to {os.path.realpath(path)}, but a data set must be in one folder. "
                            "Replace the link with a copy of its target. To keep the data set elsewhere, move its "
                            "whole folder there and link to that folder."
                        )

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with its content, if it exists."""
        if not path:
            raise ValueError("the path is outside the store")
        place = self._place(path)
        with self._writing(path, Exception), contextlib.suppress(FileNotFoundError):
            if self._fs:
                self._fs.rm(place, recursive=True)
            elif os.path.isdir(place) and not os.path.islink(place):
                shutil.rmtree(place)
            else:
                os.unlink(place)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Lock a local folder for writing (URLs are not locked); raise a `QueryError` if it is locked already."""
        if self._fs:
            yield
            return
        place = self._place(_LOCK)
        lock = FileLock(place, timeout=0)
        with self._writing(""):
            os.makedirs(os.path.dirname(place), exist_ok=True)
            try:
                lock.acquire()
            except Timeout:
                raise QueryError(
                    f"Another process is writing to {self}. Wait until it has finished, or choose another folder."
                ) from None
        try:
            yield
        finally:
            lock.release()

    def zarr(self, path: str, *, read_only: bool = True) -> Any:
        """Return a zarr store of a folder."""
        from zarr.storage import FsspecStore, LocalStore

        if not self._fs:
            return LocalStore(self._place(path), read_only=read_only)
        return FsspecStore.from_url(f"{self._name.rstrip('/')}/{path}", read_only=read_only)

    @contextlib.contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, FLARECASTError):
            raise
        except Exception as error:  # file systems of URLs raise any type
            raise TransferError(
                f"{self._shown(path)} cannot be read ({_reason(error)}). Check the path and the permissions."
            ) from error

    @contextlib.contextmanager
    def _writing(self, path: str, kinds: type[Exception] = OSError, disk: str = "") -> Iterator[None]:
        """Convert exceptions of disks and file systems to errors of this package."""
        try:
            yield
        except FLARECASTError:
            raise
        except kinds as error:
            number, reason = getattr(error, "errno", None), _reason(error)
            if number in DISK_FULL:
                raise TransferError(
                    f"The disk that holds {disk or self} is full ({reason}). Free some space and run the same call "
                    "again; complete files are kept."
                ) from error
            if number in _FORBIDDEN or isinstance(error, (PermissionError, FileNotFoundError)):
                raise QueryError(
                    f"{self._shown(path)} cannot be written ({reason}). Choose another folder, or change the "
                    "permissions."
                ) from error
            raise TransferError(
                f"{self._shown(path)} could not be written ({reason}). Run the same call again; complete files are "
                "kept."
            ) from error

    def _shown(self, path: str) -> str:
        return f"{str(self).rstrip('/')}/{path}" if path else str(self)


def _file_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, None for local folders, and the path in it."""
    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    try:
        system, root = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise QueryError(
            f"{url} requires a package that is not installed. {_reason(error)}, with pip or conda."
        ) from error
    except ValueError as error:
        raise QueryError(
            f"{url!r} cannot be used ({_reason(error)}). Use a folder, or a URL supported by fsspec, such as "
            "s3://bucket/name."
        ) from error
    except Exception as error:
        raise TransferError(f"{url} cannot be opened ({_reason(error)}). Check the URL and the credentials.") from error
    return (None, root) if isinstance(system, LocalFileSystem) else (system, root.rstrip("/"))


def _is_below(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder


def _raise_unless_missing(error: OSError) -> None:
    """Raise an error from listing a folder unless the folder is gone, so that its files are not silently left out."""
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return first_line(error)
