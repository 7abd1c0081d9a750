"""The meta route of the service, for keywords of records: its URL and its replies."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from sunpy_flarecast.errors import ReplyError
from sunpy_flarecast.sharp.catalog import find_keyword

from .error_text import error_message

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["meta_url", "read_meta"]


def meta_url(base: str, series: str, recnums: Iterable[int], fields: Iterable[str] = ()) -> str:
    """Return the URL of a request for keywords of records; for all keywords if there are no ``fields``."""
    url = f"{base}/HMI/{quote(series, safe='')}/meta/{','.join(map(str, recnums))}"
    names = ",".join(quote(field, safe="") for field in fields)
    return f"{url}?fields={names}" if names else url


def read_meta(reply: bytes) -> dict[int, dict[str, Any]]:
    """
    Parse a reply of the meta route: an object of records by their numbers, or a list, bare or under ``data``.

    Returns the keywords of each record number, by the catalog's names (others in lower case), with unchanged values.
    Records without keywords are left out. Errors are those of `read_records`.
    """
    value = _decoded(reply)
    if isinstance(value, dict):
        if message := error_message(value):
            raise ReplyError(message)
        if isinstance(value.get("data"), (dict, list)):
            value = value["data"]
    if isinstance(value, list):
        numbered = [(_own_number(row), row) for row in value]
    elif isinstance(value, dict):
        # Keys may be other than record numbers, such as positions in a list.
        numbered = [
            (_record_number(key) if (own := _own_number(row)) is None else own, row) for key, row in value.items()
        ]
    else:
        raise ReplyError("JSON that is not an object of records")
    found = {}
    for number, row in numbered:
        if number is not None and isinstance(row, dict) and isinstance(row.get("meta"), dict):
            meta, names = row["meta"], tuple(row["meta"])
            known = _catalog_names(names)
            found[number] = meta if known == names else dict(zip(known, meta.values(), strict=True))
    if numbered and all(number is None for number, _ in numbered):
        raise ReplyError("JSON without record numbers")
    return found


def _decoded(reply: bytes) -> Any:
    try:
        try:
            return msgspec.json.decode(reply)
        except msgspec.DecodeError:
            # Services in Python write NaN, which is not JSON.
            if b"NaN" not in reply and b"Infinity" not in reply:
                raise
            return json.loads(reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ReplyError(f"not JSON ({error})") from error


def _own_number(row: object) -> int | None:
    return _record_number(row.get("recnum")) if isinstance(row, dict) else None


def _record_number(key: object) -> int | None:
    text = str(key).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 and not isinstance(key, bool) else None


@lru_cache(64)
def _catalog_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the catalog's names; services send the same ones for every record."""
    known = [(find_keyword(name), name) for name in names]
    return tuple(keyword.name if keyword else name.strip().lower() for keyword, name in known)
