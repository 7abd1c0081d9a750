"""URLs of records, split into a prefix and names that many records share, to save memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from .records import FILE_URL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

__all__ = ["split_urls"]

#: Longest prefix in bytes; the column of prefixes has the width of the longest.
_LONGEST: Final = 500

#: Prefix of the URLs of layout B.
_OLD: Final = re.compile(rb".*/\d+_\d{14}_", re.DOTALL)


def split_urls(
    lists: Sequence[msgspec.Raw], singles: Sequence[str | None]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any], npt.NDArray[Any]]:
    """
    Split the URLs of records: the list of each, as JSON, or the single URL of a record without a list (layout A).

    Returns which records have readable URLs; and, for those, the prefixes of their URLs in UTF-8, and the names that
    follow: tuples of str, one object for all records with the same names.
    """
    bad, prefixes, names = _split(lists, singles)
    joined = b"\n".join(prefixes)
    if not joined.isascii() or b'"' in joined or b"\\" in joined or joined.count(b"\n") >= max(len(prefixes), 1):
        bad, prefixes, names = _split(lists, singles, alone=True)
    good = np.ones(len(lists), dtype=bool)
    good[bad] = False
    return good, np.array(prefixes, dtype="S"), np.fromiter(names, dtype=object, count=len(names))


def _split(
    lists: Sequence[msgspec.Raw], singles: Sequence[str | None], *, alone: bool = False
) -> tuple[list[int], list[bytes], list[tuple[str, ...]]]:
    """
    Split the URLs of records, each ``alone`` or, three times faster, by comparison with others.

    The caller must check that prefixes found by comparison are plain text without quotes.
    """
    splitter = _Splitter()
    pieces, alike = splitter.pieces, splitter.alike
    bad: list[int] = []
    prefixes: list[bytes] = []
    names: list[tuple[str, ...]] = []
    for place, (raw, single) in enumerate(zip(lists, singles, strict=True)):
        text = bytes(raw)
        # Nearly all records of a series differ only in the prefix of their URLs: the pieces of another record, joined
        # by the prefix of this one, give this one.
        begin = len(pieces[0])
        prefix = text[begin : text.find(pieces[1], begin)]
        short = len(prefix) <= _LONGEST and not alone
        if short and prefix.join(pieces) == text and (_OLD.fullmatch(prefix) if splitter.old else prefix[-1:] == b"/"):
            names.append(alike)
        else:
            try:
                prefix, own = splitter.split(text, single)
            except (msgspec.MsgspecError, ValueError, RecursionError):  # errors of UTF-8 are ValueErrors
                bad.append(place)
                continue
            names.append(own)
            pieces, alike = splitter.pieces, splitter.alike
        prefixes.append(prefix)
    return bad, prefixes, names


class _Splitter:
    """Splits lists of URLs, and shares equal sets of names."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(list[str])
        self._shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._known: dict[bytes, tuple[tuple[str, ...], int]] = {}
        # A list, cut at its prefixes, its names, and whether it has layout B; at first, one that matches no list.
        self.pieces = [b"\0", b"\0"]
        self.alike: tuple[str, ...] = ()
        self.old = False

    def split(self, raw: bytes, single: str | None) -> tuple[bytes, tuple[str, ...]]:
        """Split the URLs of one record; raise an error if it has none, or they cannot be read."""
        if raw != b"null":
            return self._split_json(raw)
        if single:
            # Layout A: one file of an unknown segment.
            prefix = single.encode()
            return (prefix, self._share([""])) if len(prefix) <= _LONGEST else (b"", self._share([single]))
        raise ValueError("a record without URLs")

    def _split_json(self, raw: bytes) -> tuple[bytes, tuple[str, ...]]:
        # The bytes without the prefix are often known, and are then parsed only once.
        begin = raw.find(b'"') + 1
        end = raw.find(b'"', begin)
        if begin and b"\\" not in raw and (match := FILE_URL.fullmatch(raw[begin:end].decode())):
            prefix = match[1].encode()
            rest = raw.replace(b'"' + prefix, b'"')
            if rest not in self._known:
                names = self._decoder.decode(rest)
                self._known[rest] = self._share(names), len(names)
            shared, count = self._known[rest]
            if len(raw) - len(rest) == count * len(prefix) and len(prefix) <= _LONGEST:  # all URLs begin alike
                first, *others = raw.split(b'"' + prefix)
                self.pieces = [first + b'"', *(piece + b'"' for piece in others[:-1]), others[-1]]
                self.alike, self.old = shared, not prefix.endswith(b"/")
                return prefix, shared
        return self._split_list(self._decoder.decode(raw))

    def _split_list(self, urls: list[str]) -> tuple[bytes, tuple[str, ...]]:
        if not urls:
            return b"", self._share(())
        match = FILE_URL.fullmatch(urls[0])
        prefix = match[1] if match and all(url.startswith(match[1]) for url in urls) else ""
        if len(prefix.encode()) > _LONGEST:
            prefix = ""
        return prefix.encode(), self._share([url.removeprefix(prefix) for url in urls])

    def _share(self, names: Iterable[str]) -> tuple[str, ...]:
        different = tuple(dict.fromkeys(names))
        return self._shared.setdefault(different, different)
