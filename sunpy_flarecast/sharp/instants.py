"""Instants of requests and headers: ISO 8601 text to UTC, leap seconds included."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["read_instant"]

_LEAP_SECOND: Final = re.compile(r"(?<=:\d\d):60(?!\d)", re.ASCII)

#: A ``+`` that was not percent-encoded in a URL arrives as a space.
_BARE_PLUS: Final = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)", re.ASCII)


def read_instant(text: str) -> datetime:
    """
    Read an instant in ISO 8601.

    Parameters
    ----------
    text : str
        With ``Z``, with an offset, or with neither, which is UTC too. A leap second is the second that follows it.

    Returns
    -------
    `datetime.datetime`
        In UTC.

    Raises
    ------
    ValueError
        If the text is no instant in ISO 8601, or none that a calendar of four-digit years has.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.instants import read_instant
    >>> read_instant("2016-12-31T23:59:60Z").isoformat()
    '2017-01-01T00:00:00+00:00'
    >>> read_instant("2015-12-11T01:00:00.5+01:00").isoformat()
    '2015-12-11T00:00:00.500000+00:00'
    """
    text = text.strip()
    if "T" in text:
        text = _BARE_PLUS.sub("+", text)
    text, leaps = _LEAP_SECOND.subn(":59", text)
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC) + timedelta(seconds=min(leaps, 1))
    except OverflowError as error:
        raise ValueError(f"{text!r} is outside the calendar") from error
