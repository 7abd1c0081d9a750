"""The days route, which only the service of this package has: the days on which a series has records."""

from __future__ import annotations

from datetime import date  # noqa: TC003 (msgspec reads the annotations)
from urllib.parse import quote

import msgspec

from sunpy_flarecast.errors import ReplyError

__all__ = ["days_url", "read_days"]


class _Day(msgspec.Struct):
    day: date
    records: int
    harps: int


class _Envelope(msgspec.Struct):
    data: list[_Day]


def days_url(base: str, series: str) -> str:
    """Return the URL of the days of a series."""
    return f"{base}/HMI/{quote(series, safe='')}/days"


def read_days(reply: bytes) -> frozenset[date]:
    """
    Read a reply of the days route.

    Raises `ReplyError` for any other reply, such as the empty list that other services may send for any path.
    """
    try:
        found = msgspec.json.decode(reply, type=list[_Day] | _Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReplyError(f"no daily counts ({error})") from error
    days = frozenset(one.day for one in (found.data if isinstance(found, _Envelope) else found) if one.records > 0)
    if not days:
        raise ReplyError("no days")
    return days
