"""Check the arguments for the split, and convert them to the `SplitSettings` of a data set."""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import numpy as np
from sunpy.time import parse_time

from sunpy_flarecast.errors import QueryError

from .model import SplitSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["split_settings"]

_BY: Final = ("region", "time", "month")

#: A valid split, in Python and on the command line.
_EXAMPLE: Final = "split={'train': 0.8, 'test': 0.2} (--split train=0.8 --split test=0.2)"


def split_settings(
    split: Mapping[str, Any] | None, by: str, gap: Any, stratify: bool, seed: int
) -> SplitSettings | None:
    """Check the settings of the split."""
    if not isinstance(seed, Integral) or seed < 0:
        raise QueryError(f"seed={seed!r} is invalid. It must be a non-negative integer.")
    if split is None:
        if stratify:
            raise QueryError(f"stratify=True (--stratify) requires sets. Add {_EXAMPLE}, or leave stratify out.")
        return None
    if by not in _BY:
        raise QueryError(f"split_by={by!r} is invalid. Use one of {', '.join(map(repr, _BY))}.")
    try:
        sets = dict(split)
    except (TypeError, ValueError):
        raise QueryError("split must be a dict of sets by name, for example {'train': 0.8, 'test': 0.2}.") from None
    if bad := [name for name in sets if not (isinstance(name, str) and name.strip() and name.isprintable())]:
        raise QueryError(f"split: {bad[0]!r} is not a valid name of a set. Use a name such as 'train'.")
    if len(sets) < 2:
        raise QueryError(f"The split {split!r} must have at least two sets. Write, for example, {_EXAMPLE}.")
    try:
        between = float(u.Quantity(gap).to_value(u.hour))
    except (TypeError, ValueError) as error:
        raise QueryError(f"gap={gap!r} is not a time with a unit. Write gap=24 * u.hour.") from error
    if not between >= 0:
        raise QueryError(f"gap={gap!r} must not be negative.")
    if by == "region" and between:
        raise QueryError(
            "gap (--gap) applies only to splits by time or month: sets of regions have no order in time. Leave gap out."
        )
    if by != "region" and stratify:
        raise QueryError(
            f"stratify=True (--stratify) applies only to splits by region, not by {by}. Leave stratify out."
        )
    checked = {"region": _fractions, "time": _ranges, "month": _months}[by](sets)
    return SplitSettings(sets=checked, by=by, gap=between, stratify=bool(stratify), seed=int(seed))


def _fractions(sets: Mapping[str, Any]) -> dict[str, float]:
    for name, part in sets.items():
        if not isinstance(part, Real) or not 0 < float(part) < 1:
            raise QueryError(f"split: {name} is {part!r}; a share must be a number between 0 and 1.")
    if abs((total := float(sum(sets.values()))) - 1) > 1e-6:
        raise QueryError(f"split: the shares of {', '.join(sets)} sum to {total:g}; they must sum to 1.")
    return {name: float(part) for name, part in sets.items()}


def _ranges(sets: Mapping[str, Any]) -> dict[str, str]:
    spans = []
    for name, value in sets.items():
        try:
            start, end = (
                value.split("/") if isinstance(value, str) else (value if np.iterable(value) else _limits(value))
            )
            spans.append((*(parse_time(limit).utc.isot for limit in (start, end)), name))
        except (TypeError, ValueError, AttributeError) as error:
            raise QueryError(
                f"split: {name} is {value!r}; write its start and end, such as '2014-01-01/2014-07-01'."
            ) from error
        if not spans[-1][0] < spans[-1][1]:
            raise QueryError(f"split: {name} ends at {spans[-1][1]}, which is not after its start.")
    spans.sort()
    for (_, end, name), (start, _, other) in pairwise(spans):
        if start < end:
            raise QueryError(f"split: {name} and {other} overlap from {start}; sets must not overlap.")
    of = {name: f"{start}/{end}" for start, end, name in spans}
    return {name: of[name] for name in sets}


def _limits(value: Any) -> tuple[Any, Any]:
    return value.start, value.end  # an a.Time


def _months(sets: Mapping[str, Any]) -> dict[str, list[int]]:
    taken: dict[int, str] = {}
    for name, months in sets.items():
        if not np.iterable(months) or isinstance(months, str) or not len(list(months)):
            raise QueryError(f"split: {name} is {months!r}; write a list of months, such as [1, 2, 3].")
        for month in months:
            if not isinstance(month, Integral) or int(month) not in range(1, 13):
                raise QueryError(f"split: {month!r} of {name} is not a month; use numbers from 1 to 12.")
            if (other := taken.setdefault(int(month), name)) != name:
                raise QueryError(f"split: month {month} is in both {other} and {name}; sets must not overlap.")
    return {name: sorted({int(month) for month in months}) for name, months in sets.items()}
