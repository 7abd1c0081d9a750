"""The walker that turns attrs into `Query` objects, with all checks that need no service."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from astropy.time import ScaleValueError
from sunpy.net import attr
from sunpy.net import attrs as a
from sunpy.util.exceptions import warn_user

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.catalog import all_series, find_series
from sunpy_flarecast.sharp.keyword_names import is_in, matching_names, not_in

from .attrs import HARPNUM, NOAA, Quality, Segment, Series, Tolerance
from .conditions import compared, example_of, good, harps, known_keyword, noaa, without
from .keyword_attr import Keyword, KeywordCondition
from .query import Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .conditions import Condition

__all__ = ["FIXED", "queries", "supported_attrs"]


def _series(name: str) -> str:
    known = find_series(name)
    if known is not None:
        return known.name
    if not name.strip() or any(sign in name for sign in "/?#\\") or not name.isprintable() or name.strip(".") == "":
        raise QueryError(
            f"Series({name!r}) is not a valid name of a series. Known: {_listed(s.name for s in all_series())}."
        )
    names = [series.name for series in all_series()]
    close = get_close_matches(name.casefold(), names, n=2, cutoff=0.5)
    hint = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"Known: {_listed(names)}."
    warn_user(f"The series {name!r} is unknown. {hint} The name {name!r} is sent to the service as written.")
    return name


def _listed(names: Any) -> str:
    return ", ".join(names)


def _segments(series_name: str, asked: Sequence[str]) -> tuple[str, ...]:
    """Replace names and patterns by the segments of the series."""
    series = find_series(series_name)
    if series is None:
        return tuple(dict.fromkeys(asked))
    names = [segment.name for segment in series.segments]
    for pattern in asked:
        if not matching_names([pattern], names):
            raise QueryError(_no_such_segment(pattern, series.name, names))
    return matching_names(asked, names)


def _no_such_segment(pattern: str, series_name: str, names: Sequence[str]) -> str:
    """Say that a series has no such segment, and suggest similar ones of this or another series."""
    others = [other for other in all_series() if other.name != series_name]
    hint = ""
    for other in others:
        if found := matching_names([pattern], [segment.name for segment in other.segments]):
            hint = f" {_listed(map(repr, found))} {'is' if len(found) == 1 else 'are'} in {other.name}."
            break
    else:
        everywhere = {name.casefold(): (name, series_name) for name in names}
        for other in others:
            for segment in other.segments:
                everywhere.setdefault(segment.name.casefold(), (segment.name, other.name))
        close = get_close_matches(pattern.casefold(), everywhere, n=3, cutoff=0.5)
        if close:
            named = [
                f"{name!r}{'' if home == series_name else f' ({home})'}"
                for name, home in (everywhere[key] for key in close)
            ]
            hint = f" Did you mean {' or '.join(named)}?"
    return f"Segment {pattern!r} is not in {series_name}.{hint} Valid: {_listed(names)}."


_TWICE: Final = "{} is given twice. Combine alternatives with | instead."

walker = attr.AttrWalker()


@walker.add_creator(attr.AttrOr)
def _create_or(wlk: attr.AttrWalker, tree: attr.AttrOr) -> list[Query]:
    return [query for branch in tree.attrs for query in wlk.create(branch)]


@walker.add_creator(attr.AttrAnd, attr.Attr)
def _create_and(wlk: attr.AttrWalker, tree: attr.Attr) -> list[Query]:
    parts: dict[str, Any] = {}
    leaves = tree.attrs if isinstance(tree, attr.AttrAnd) else [tree]
    for leaf in leaves:
        if type(leaf) not in supported_attrs():
            raise QueryError(
                f"{type(leaf).__name__} is not supported by the FLARECAST client. It supports "
                f"{_listed(sorted(kind.__name__ for kind in supported_attrs() - {KeywordCondition}))}."
            )
        # In `x & (y & z)`, sunpy checks at most whether y and z collide with each other, not with x.
        if any(leaf.collides(other) for other in leaves if other is not leaf):
            raise QueryError(_TWICE.format(type(leaf).__name__))
        wlk.apply(leaf, parts)
    for name, example in (("series", "a.flarecast.Series('hmi.sharp_720s')"), ("start", "a.Time(start, end)")):
        if name not in parts:
            raise QueryError(f"A search of a FLARECAST service needs {example}; add it to the query.")
    if "tolerance" in parts and not {"sample", "near"} & set(parts):
        raise QueryError(
            "Tolerance requires a.Sample(1 * u.hour) or a.Time(start, end, near=time); add one to the query (--sample "
            "or --near)."
        )
    known = find_series(parts["series"])
    instrument = parts.pop("instrument", None)
    if known and instrument not in (None, known.instrument):
        raise QueryError(
            f"{known.name} is a series of {known.instrument}, not of {instrument}; leave a.Instrument out."
        )
    parts["segments"] = _segments(parts["series"], parts.pop("segments", ()))
    for condition in parts.get("conditions", ()):
        keywords = [known_keyword(name) for name in condition.keywords]
        if not any(is_in(keyword, parts["series"]) for keyword in keywords):
            raise QueryError(
                f"{not_in(keywords[0], [parts['series']])} No record of {parts['series']} can satisfy {condition}."
            )
    return [Query(**parts)]


@walker.add_applier(a.Time)
def _apply_time(_: attr.AttrWalker, leaf: a.Time, parts: dict[str, Any]) -> None:
    # The bounds have whatever scale the user gave them.
    try:
        parts |= {name: time.utc for name in ("start", "end", "near") if (time := getattr(leaf, name)) is not None}
    except (ScaleValueError, IndexError) as error:  # of a local time, or of UT1 in years for which it is unknown
        raise QueryError(f"{leaf} cannot be converted to UTC ({error}). Write times in UTC or TAI.") from error


@walker.add_applier(Series)
def _apply_series(_: attr.AttrWalker, leaf: Series, parts: dict[str, Any]) -> None:
    parts["series"] = _series(leaf.value)


@walker.add_applier(Segment)
def _apply_segment(_: attr.AttrWalker, leaf: Segment, parts: dict[str, Any]) -> None:
    parts["segments"] = (*parts.get("segments", ()), *leaf.names)


@walker.add_applier(HARPNUM)
def _apply_harpnum(_: attr.AttrWalker, leaf: HARPNUM, parts: dict[str, Any]) -> None:
    if leaf.numbers:
        _require(parts, harps(*leaf.numbers))
    else:
        parts["harps"] = (leaf.min, leaf.max)


@walker.add_applier(Keyword)
def _apply_keyword(_: attr.AttrWalker, leaf: Keyword, parts: dict[str, Any]) -> None:
    example = example_of(known_keyword(leaf.value))
    raise QueryError(f"Keyword({leaf.value!r}) has to be compared with a value, for example {example}.")


@walker.add_applier(KeywordCondition)
def _apply_condition(_: attr.AttrWalker, leaf: KeywordCondition, parts: dict[str, Any]) -> None:
    _require(parts, compared(leaf.name, leaf.operator, leaf.value, absolute=leaf.absolute))


@walker.add_applier(NOAA)
def _apply_noaa(_: attr.AttrWalker, leaf: NOAA, parts: dict[str, Any]) -> None:
    _require(parts, noaa(*leaf.numbers))


@walker.add_applier(Quality)
def _apply_quality(_: attr.AttrWalker, leaf: Quality, parts: dict[str, Any]) -> None:
    _require(parts, good() if leaf.mask is None else without(leaf.mask))


def _require(parts: dict[str, Any], condition: Condition) -> None:
    parts["conditions"] = tuple(dict.fromkeys((*parts.get("conditions", ()), condition)))


@walker.add_applier(a.Sample)
def _apply_sample(_: attr.AttrWalker, leaf: a.Sample, parts: dict[str, Any]) -> None:
    if not (np.ndim(leaf.value) == 0 and np.isfinite(leaf.value) and leaf.value > 0):
        raise QueryError(
            f"Sample({leaf.value} s): the step between samples must be positive, for example a.Sample(1 * u.hour)."
        )
    parts["sample"] = float(leaf.value)


@walker.add_applier(Tolerance)
def _apply_tolerance(_: attr.AttrWalker, leaf: Tolerance, parts: dict[str, Any]) -> None:
    parts["tolerance"] = leaf.value


@walker.add_applier(a.Provider, a.Instrument)
def _apply_fixed(_: attr.AttrWalker, leaf: attr.SimpleAttr, parts: dict[str, Any]) -> None:
    expected = FIXED[type(leaf)]
    if str(leaf.value).upper() not in expected:
        raise QueryError(
            f"{type(leaf).__name__}({leaf.value!r}): a FLARECAST service has only {' and '.join(map(repr, expected))}; "
            "leave this attr out."
        )
    if type(leaf) is a.Instrument:
        parts["instrument"] = str(leaf.value).upper()


#: Attrs that accept only a few values, which the series implies anyway.
FIXED: Final[dict[type, tuple[str, ...]]] = {a.Provider: ("FLARECAST",), a.Instrument: ("HMI", "MDI")}


def supported_attrs() -> set[type]:
    """List the attrs that the walker has a rule for; the client's list of supported attrs is taken from it."""
    return {kind for kind in walker.applymm.registry if issubclass(kind, attr.DataAttr) and kind is not attr.DataAttr}


def queries(*query: attr.Attr) -> list[Query]:
    """Turn attrs, with ORs anywhere, into one query for each branch; raise `QueryError` if they are invalid."""
    if not query:
        raise QueryError("The query is empty; a search needs a.Time(start, end) and a.flarecast.Series(name).")
    try:
        tree = attr.and_(*query)
    except TypeError as error:
        raise QueryError(_TWICE.format("An attr")) from error
    found: list[Query] = walker.create(tree)
    if not found:
        raise QueryError("The query is an OR without branches.")
    return found
