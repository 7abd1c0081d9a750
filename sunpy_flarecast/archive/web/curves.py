"""A keyword over time in SVG: a line with gaps, and the ticks of its axes."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median_low
from typing import TYPE_CHECKING, Final

import msgspec

from sunpy_flarecast.sharp.t_rec import t_rec_text

from .steps import SLOTS_A_DAY
from .text import scientific

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Curve", "curve_of", "gaps_in"]

#: Size of the plot area.
_WIDTH: Final = 640.0
_HEIGHT: Final = 200.0

#: Possible distances between the ticks of the time axis, in slots of 720 s, and the maximum number of ticks.
_STEPS: Final = (1, 5, 10, 30, 60, 120, 240, 600, 1200, 3600, 12000, 43800)
_MOST_TICKS: Final = 10

#: Limits beyond the values and ranges of all keywords; ticks cannot be computed outside of them.
_BEYOND: Final = 1e100
_FINEST: Final = 1e-100


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """
    A curve: its line, isolated points, ticks of both axes with labels, and the smallest and largest value.

    Every other time is minor: its label is left out where there is little space; the labels of midnights are kept.
    ``zeros`` are the places of values of 0 on the time axis, if these are not part of the line.
    """

    path: str
    points: tuple[tuple[float, float], ...]
    times: tuple[tuple[float, str, bool], ...]
    values: tuple[tuple[float, str], ...]
    zeros: tuple[float, ...]
    least: float
    most: float


def curve_of(
    slots: Sequence[int], values: Sequence[float], breaks: Sequence[int], *, zero_is_none: bool = False
) -> Curve | None:
    """
    Draw values (NaN where missing) at their slots, in ascending order; None if all values are missing.

    The line is interrupted at missing values, and before each of the slots ``breaks``. If ``zero_is_none``, values of 0
    are marked on the time axis instead; None if there are no others.
    """
    values = [value if abs(value) < _BEYOND else math.nan for value in values]
    zeros = [slot for slot, value in zip(slots, values, strict=True) if value == 0] if zero_is_none else []
    if zeros:
        values = [value or math.nan for value in values]
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return None
    bottom, top, ticks = _scale(min(known), max(known))
    first, last = slots[0], max(slots[-1], slots[0] + 1)

    def across(slot: int) -> float:
        return round((slot - first) / (last - first) * _WIDTH, 1)

    def up(value: float) -> float:
        return round(_HEIGHT - (value - bottom) / (top - bottom) * _HEIGHT, 1)

    marks = _times(first, last)
    kept = next((place % 2 for place, slot in enumerate(marks) if slot % SLOTS_A_DAY == 0), 0)
    runs: list[list[tuple[float, float]]] = [[]]
    stops = set(breaks)
    for slot, value in zip(slots, values, strict=True):
        if slot in stops or not math.isfinite(value):
            runs.append([])
        if math.isfinite(value):
            runs[-1].append((across(slot), up(value)))
    return Curve(
        path="".join("M" + "L".join(f"{x:g} {y:g}" for x, y in run) for run in runs if len(run) > 1),
        points=tuple(run[0] for run in runs if len(run) == 1),
        times=tuple((across(slot), _label(slot), place % 2 != kept) for place, slot in enumerate(marks)),
        zeros=tuple(across(slot) for slot in zeros),
        values=tuple((up(value), scientific(value)) for value in ticks),
        least=min(known),
        most=max(known),
    )


def gaps_in(slots: Sequence[int]) -> list[int]:
    """List the slots after gaps of more than three usual steps; an archive may not hold every time step."""
    usual = median_low([after - before for before, after in pairwise(slots)] or [1])
    return [after for before, after in pairwise(slots) if after - before > 3 * usual]


def _scale(least: float, most: float) -> tuple[float, float, list[float]]:
    """Choose the limits of an axis for all values, and ticks at round values."""
    extent = max(most - least or abs(most) or 1.0, _FINEST)
    power = 10.0 ** math.floor(math.log10(extent / 4))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * 4 >= extent)
    low, high = math.floor(least / step), math.ceil(most / step)
    high = max(high, low + 1)
    return low * step, high * step, [number * step for number in range(low, high + 1)]


def _times(first: int, last: int) -> range:
    """Choose ticks at round times, which are midnights for curves of five days or more."""
    step = next((step for step in _STEPS if (last - first) / step < _MOST_TICKS), _STEPS[-1])
    return range(-(-first // step) * step, last + 1, step)


def _label(slot: int) -> str:
    text = t_rec_text(slot)
    return text[5:10].replace(".", "-") if slot % SLOTS_A_DAY == 0 else text[11:16]
