"""Replies of the service kept on disk: windows of a search that ended long ago and will not change any more."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from astropy.config import get_cache_dir
from astropy.time import Time
from sunpy import log

from sunpy_flarecast.config import conf

from .service_url import without_password

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["clear_cache", "keep", "lookup", "usable"]

#: The first line of an entry; a new layout of entries gets a new one.
_MARK: Final = b"sunpy_flarecast cache 1"

_SUFFIX: Final = ".reply"

#: Names of entries, and of entries that are being written.
_OURS: Final = re.compile(r"[0-9a-f]{64}\.reply(\.[0-9a-f]{16}\.tmp)?")

#: zlib's number for gzip, whose checksum is stronger than zlib's own.
_GZIP: Final = 31

#: Part of the allowed size that is freed at a time, and that a process may add before it looks at the folder again.
_STEP: Final = 0.1

#: After this many seconds an entry that is still being written is the remains of a process that was killed.
_ABANDONED: Final = 3600.0


class _File(NamedTuple):
    used: float
    size: int
    path: str


class _Room:
    """
    How many bytes this process may still add before it has to look at the folder again.

    Looking takes milliseconds for a thousand entries, and other processes add theirs, so it is done in steps.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.bytes = 0.0
        self.coming = 0  # bytes that threads of this process are about to write
        self.of: tuple[Path, float] | None = None


_room = _Room()
_told: set[str] = set()


def usable(series: str, end: Time) -> bool:
    """
    Tell whether the reply for a window may come from the cache and go there.

    Parameters
    ----------
    series : str
        Name of the series; records of near-real-time series are replaced for ever.
    end : `astropy.time.Time`
        End of the window.

    Returns
    -------
    bool
        Whether ``conf.cache`` is set and the window ended more than ``conf.cache_settled`` days ago.
    """
    if not conf.cache or series.casefold().endswith("_nrt"):
        return False
    # Counted in UTC, since astropy warns of other scales for times far in the future.
    now, end = Time.now(), end.utc
    return bool((now.jd1 - end.jd1) + (now.jd2 - end.jd2) > conf.cache_settled)


def lookup(url: str) -> bytes | None:
    """
    Give the reply that was kept for a request.

    Parameters
    ----------
    url : str
        The whole URL of the request; user and password make no difference.

    Returns
    -------
    bytes or None
        The reply's body; None if there is none, or if what there is is damaged, which is then removed.
    """
    url = without_password(url)
    try:
        path = _path(url)
        entry = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _tell("read", error)
        return None
    body = _unpacked(entry, url)
    with suppress(OSError):
        if body is None:
            log.debug(f"The cached reply in {path} is damaged; the service is asked again.")
            path.unlink()
        else:
            os.utime(path)  # the least recently used go first
    return body


def keep(url: str, body: bytes) -> None:
    """
    Keep the reply to a request; where the disk does not allow it, that is logged once and nothing is kept.

    Parameters
    ----------
    url : str
        The whole URL of the request; user and password make no difference.
    body : bytes
        The reply's body.
    """
    url = without_password(url)
    entry = _packed(body, url)
    limit = conf.cache_size * 1e6
    if len(entry) > limit:
        return
    try:
        path = _path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_room(path.parent, len(entry), limit)
        try:
            _write(path, entry)
        finally:
            with _room.lock:
                _room.coming -= len(entry)
    except OSError as error:
        _tell("written", error)


def clear_cache() -> int:
    """
    Remove all replies of services that were kept on disk (``conf.cache``).

    Returns
    -------
    int
        How many bytes that has freed.

    Raises
    ------
    OSError
        If the cache cannot be removed.

    Examples
    --------
    >>> import sunpy_flarecast
    >>> freed = sunpy_flarecast.clear_cache()  # doctest: +SKIP
    """
    folder = _folder()
    freed = 0
    with _room.lock:
        _room.of = None
        for file in _files(folder):
            with suppress(FileNotFoundError):  # another process cleared it, too
                Path(file.path).unlink()
                freed += file.size
    with suppress(OSError):  # there is something else in it, or there never was a folder
        folder.rmdir()
    return freed


def _folder() -> Path:
    return Path(get_cache_dir()) / "sunpy_flarecast"


def _path(url: str) -> Path:
    return _folder() / f"{hashlib.sha256(url.encode()).hexdigest()}{_SUFFIX}"


def _head(url: str) -> bytes:
    return b"%b\n%b\n" % (_MARK, url.encode())


def _packed(body: bytes, url: str) -> bytes:
    """Make an entry: what it is, its URL, the length of the body, the body."""
    # The quickest level: lists of records are so uniform that it makes them 20 to 40 times smaller.
    packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    return b"".join((_head(url), b"%d\n" % len(body), packer.compress(body), packer.flush()))


def _unpacked(entry: bytes, url: str) -> bytes | None:
    head = _head(url)
    end = entry.find(b"\n", len(head))
    if not entry.startswith(head) or not (length := entry[len(head) : end]).isdigit():
        return None
    unpacker = zlib.decompressobj(_GZIP)
    try:
        # One byte more than there should be, so that the checksum at the end is reached and nothing is too long.
        body = unpacker.decompress(memoryview(entry)[end + 1 :], int(length) + 1)
    except (zlib.error, ValueError, OverflowError):
        return None
    return body if unpacker.eof and len(body) == int(length) else None


def _write(path: Path, entry: bytes) -> None:
    """Write an entry so that it is there as a whole or not at all, also for other processes."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        beside.write_bytes(entry)
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def _make_room(folder: Path, size: int, limit: float) -> None:
    """Remove what was not used for longest, if an entry more could be too much."""
    with _room.lock:
        if _room.of != (folder, limit) or _room.bytes < size:
            files = sorted(_files(folder))
            total = sum(file.size for file in files) + _room.coming
            abandoned = time.time() - _ABANDONED
            # If it is nearly full, a whole step is freed, so that not every entry from now on has to make room.
            step = limit * _STEP
            target = limit - step - size if limit - total - size < step / 2 else limit
            for file in files:
                unfinished = file.path.endswith(".tmp")
                if (unfinished and file.used < abandoned) or (total > target and not unfinished):
                    with suppress(OSError):
                        Path(file.path).unlink()
                        total -= file.size
            _room.of = (folder, limit)
            _room.bytes = max(size, min(limit - total, step))
        _room.bytes -= size
        _room.coming += size


def _files(folder: Path) -> Iterator[_File]:
    """List the files of the cache, and nothing else that may be in its folder."""
    try:
        with os.scandir(folder) as found:
            for file in found:
                with suppress(FileNotFoundError):  # removed by another process
                    if _OURS.fullmatch(file.name) and file.is_file(follow_symlinks=False):
                        facts = file.stat(follow_symlinks=False)
                        yield _File(facts.st_mtime, facts.st_size, file.path)
    except FileNotFoundError:
        return


def _tell(done: str, error: OSError) -> None:
    """Log that the cache does not work, once for each kind of failure."""
    reason = error.strerror or type(error).__name__
    if (kind := f"{done}: {reason}") not in _told:
        _told.add(kind)
        log.warning(
            f"The cache of finished windows in {error.filename or 'the cache folder'} cannot be {done} ({reason}); "
            "searches go on without it. Free the disk, or set sunpy_flarecast.conf.cache = False."
        )
