"""`Missing`: a part of a search that could not be requested, its texts, and its form in files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
from astropy.time import Time, TimeDelta

from sunpy_flarecast.errors import ReplyError, ServiceError, UnreachableError
from sunpy_flarecast.query.query import Query, service_time
from sunpy_flarecast.utils.reports import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Missing", "as_plain", "described", "from_plain", "joined"]

#: Number of intervals that a message lists.
_LISTED: Final = 3

_KINDS: Final = {kind.__name__: kind for kind in (ServiceError, UnreachableError, ReplyError)}


@dataclass(frozen=True, kw_only=True)
class Missing:
    """
    A part of the range of a search for which the service did not send the records or their keywords.

    Parameters
    ----------
    start, end : `astropy.time.Time`
        The interval, in UTC.
    error : ServiceError
        Why the records are missing.
    query : Query
        The query.
    """

    start: Time
    end: Time
    error: ServiceError
    query: Query

    def __repr__(self) -> str:
        return f"<Missing: {self}>"

    def __str__(self) -> str:
        """The interval and the reason in one line."""
        return f"{self.query.series} {_interval(self.start, self.end)}: {self.error.reason}"

    @property
    def chosen(self) -> bool:
        """Whether it may hold records that are nearer to the requested times than the selected ones."""
        return self.query.sample is not None or self.query.near is not None


def joined(missing: Iterable[Missing]) -> list[Missing]:
    """Join adjoining intervals of one query that are missing for the same reason, and sort them by time."""
    whole: list[Missing] = []
    for one in sorted(missing, key=lambda one: (one.start.jd1, one.start.jd2)):
        last = whole[-1] if whole else None
        alike = last is not None and (last.error.reason, last.query) == (one.error.reason, one.query)
        if last is not None and alike and _adjoin(last.end, one.start):
            whole[-1] = replace(last, end=max(last.end, one.end))
        else:
            whole.append(one)
    return whole


def described(missing: Sequence[Missing]) -> str:
    """Say which intervals (at least one) are missing and why, in two sentences."""
    intervals: dict[str, list[tuple[Time, Time]]] = {}
    for one in sorted(missing, key=lambda one: (one.query.series, one.start.jd1, one.start.jd2)):
        of_series = intervals.setdefault(one.query.series, [])
        if of_series and _adjoin(of_series[-1][1], one.start):
            of_series[-1] = of_series[-1][0], max(of_series[-1][1], one.end)
        else:
            of_series.append((one.start, one.end))
    texts = [
        f"{'' if place else f'{series} '}{_interval(*ends)}"
        for series, several in intervals.items()
        for place, ends in enumerate(several)
    ]
    listed = ", ".join(texts[:_LISTED])
    if (more := len(texts) - _LISTED) > 0:
        listed += f" and {counted(more, 'more interval')}"
    reasons = list(dict.fromkeys(one.error.reason.removesuffix(".") for one in missing))
    others = f" (and {len(reasons) - 1:,} other{'s' * (len(reasons) > 2)})" if len(reasons) > 1 else ""
    return f"Records of {listed} are missing. Reason: {reasons[0]}{others}."


def as_plain(missing: Sequence[Missing], queries: Sequence[Query]) -> dict[str, Any]:
    """Convert queries and their missing parts to JSON values, for `from_plain`."""
    known = list(queries)
    for one in missing:
        if one.query not in known:
            known.append(one.query)
    listed = [
        {
            "start": _text(one.start),
            "end": _text(one.end),
            "query": known.index(one.query),
            "kind": next((name for name, kind in _KINDS.items() if type(one.error) is kind), "ServiceError"),
            "message": str(one.error),
            "reason": one.error.reason,
        }
        for one in missing
    ]
    return {"queries": msgspec.to_builtins(known, enc_hook=_text), "missing": listed}


def from_plain(value: Any) -> tuple[list[Missing], list[Query]]:
    """Convert the values of `as_plain` back; raise ValueError if they have another form."""
    try:
        queries = msgspec.convert(value["queries"], list[Query], dec_hook=lambda _, text: _time(text))
        missing = [
            Missing(
                start=_time(one["start"]),
                end=_time(one["end"]),
                error=_KINDS[one["kind"]](str(one["message"]), reason=str(one["reason"])),
                query=queries[int(one["query"])],
            )
            for one in value["missing"]
        ]
    except (msgspec.ValidationError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"The queries cannot be read ({type(error).__name__}: {error}).") from error
    return missing, queries


def _adjoin(end: Time, start: Time) -> bool:
    return bool(start <= end + TimeDelta(1e-3, format="sec"))


def _interval(start: Time, end: Time) -> str:
    return f"from {service_time(start)} to {service_time(end, up=True)}"


def _text(time: Time) -> str:
    return str(Time(time.utc, format="isot", precision=9).isot)


def _time(text: Any) -> Time:
    return Time(str(text), format="isot", scale="utc")
