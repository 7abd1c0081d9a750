"""`ReplyCache`: lists of records cached on disk; it needs the extra ``cache`` (hishel)."""

from __future__ import annotations

import hashlib
import logging
import time
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from astropy.config import get_cache_dir
from sunpy import log

from sunpy_flarecast._version import __version__
from sunpy_flarecast.config import conf
from sunpy_flarecast.utils.optional_deps import missing_package

from .auth import authorization

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Kept", "ReplyCache", "clear_cache"]

_FILE: Final = "replies.db"

#: Header added to an entry: Unix time in seconds at which the service last sent or confirmed it.
_CONFIRMED: Final = "x-confirmed"

#: Validators of a reply, and the headers of requests that use them.
_VALIDATORS: Final = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}


@dataclass(frozen=True)
class Kept:
    """A reply from the cache: its body, and the entry's number and headers."""

    body: bytes
    number: Any
    headers: Any
    #: Unix time in seconds at which the service last sent or confirmed it.
    confirmed: float

    @property
    def validators(self) -> dict[str, str]:
        """Headers of a conditional request for it."""
        return {question: self.headers[name] for name, question in _VALIDATORS.items() if name in self.headers}

    @property
    def fresh(self) -> bool:
        """Whether it may be used without a request: it has no validators and is younger than ``conf.cache_hours``."""
        return not self.validators and 0 <= time.time() - self.confirmed < conf.cache_hours * 3600


class ReplyCache:
    """
    Replies cached on disk, for several threads and processes. If the disk fails, a warning is logged once.

    Replies are separate for each service (``address`` is its base URL), token and user; credentials are not stored.
    """

    def __init__(self, address: str) -> None:
        try:
            import hishel
        except ModuleNotFoundError as error:
            purpose = "conf.cache = True needs"
            raise missing_package(purpose, "cache", error.name or "hishel") from error
        self._hishel: Any = hishel
        # Another version of this package may find a reply invalid.
        self._owner = f"{__version__}\n{authorization(address)}"
        self._warned = False
        try:
            _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
            _folder().chmod(0o700)  # replies to a request with a token are private
        except OSError as error:
            self._warn(error)
        self._storage = self._hishel.SqliteStorage(
            database_path=_folder() / _FILE, max_size=int(conf.cache_size * 1e6), soft_delete_ttl=10
        )
        logging.getLogger(type(self._storage).__module__).addFilter(self._failed)

    def close(self) -> None:
        """Close the database."""
        self._storage.close()
        logging.getLogger(type(self._storage).__module__).removeFilter(self._failed)

    def lookup(self, url: str) -> Kept | None:
        """Return the cached reply for a URL; None if there is none, or it cannot be read."""
        kept = []
        with self._harmless():
            for entry in self._storage.get_entries(self._key(url)):
                try:
                    body, headers = zlib.decompress(b"".join(entry.response.stream)), entry.response.headers
                    kept.append(Kept(body, entry.id, headers, float(headers[_CONFIRMED])))
                except (zlib.error, LookupError, ValueError):
                    self._storage.remove_entry(entry.id)
        return max(kept, key=lambda one: one.confirmed, default=None)

    def store(self, url: str, body: bytes, headers: Mapping[str, str], replaced: Kept | None) -> None:
        """Store a reply, unless the service forbids it, and remove the one that it replaces."""
        hishel = self._hishel
        with self._harmless():
            if "no-store" not in headers.get("Cache-Control", "").lower():
                kept = {name: headers[name] for name in _VALIDATORS if name in headers and headers[name].isprintable()}
                # Lists are so uniform that even the fastest level makes them 20 to 40 times smaller.
                packed = iter([zlib.compress(body, 1)])
                entry = self._storage.create_entry(
                    hishel.Request("GET", url),
                    hishel.Response(200, hishel.Headers({**kept, _CONFIRMED: repr(time.time())}), packed),
                    self._key(url),
                )
                for _ in entry.response.stream:
                    pass  # reading it writes it to disk
            if replaced is not None:
                self._storage.remove_entry(replaced.number)

    def confirm(self, kept: Kept) -> None:
        """Record that the service has just confirmed a reply."""
        headers = {name: kept.headers[name] for name in kept.headers} | {_CONFIRMED: repr(time.time())}
        with self._harmless():
            self._storage.update_headers(kept.number, self._hishel.Headers(headers))

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        """Log failures of the cache instead of raising them."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 (the storage does not check what it reads)
            self._warn(error)

    def _key(self, url: str) -> str:
        return hashlib.sha256(f"{self._owner}\n{url}".encode()).hexdigest()

    def _failed(self, record: logging.LogRecord) -> bool:
        """Log one line instead of the storage's traceback."""
        self._warn(record.exc_info[1] if record.exc_info else record.getMessage())
        return False

    def _warn(self, reason: object) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                f"The cache of replies in {_folder()} cannot be used ({reason}); the search continues without it. Free "
                "some disk space, call sunpy_flarecast.clear_cache(), or set sunpy_flarecast.conf.cache = False."
            )


def clear_cache() -> int:
    """
    Remove all cached replies from disk (see ``conf.cache``).

    Returns
    -------
    int
        Number of bytes freed.

    Raises
    ------
    OSError
        If the cache cannot be removed.

    Examples
    --------
    >>> import sunpy_flarecast
    >>> freed = sunpy_flarecast.clear_cache()  # doctest: +SKIP
    """
    freed = 0
    for path in _folder().glob(f"{_FILE}*"):
        with suppress(FileNotFoundError):  # another process cleared it, too
            size = path.stat().st_size
            path.unlink()
            freed += size
    return freed


def _folder() -> Path:
    return Path(get_cache_dir()) / "sunpy_flarecast"
