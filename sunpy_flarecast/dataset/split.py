"""Split records into sets by region, time or month; no region is in two sets."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.utils.reports import counted

from .label import counts_of
from .regions import regions as regions_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from .model import SplitSettings

__all__ = ["check_split", "rule", "split", "split_summary"]


def split(
    settings: SplitSettings,
    times: npt.NDArray[np.datetime64],
    regions: npt.NDArray[np.int64],
    values: npt.NDArray[np.integer[Any]] | None = None,
) -> npt.NDArray[np.str_]:
    """
    Return the set of each record, empty for records in no set.

    ``times`` are T_REC in UTC, ``regions`` are from `~sunpy_flarecast.dataset.regions.regions`, and ``values`` are
    labels by record, window and threshold, required with ``settings.stratify``. The class of a record is the highest
    threshold that a flare in its longest window reaches. The records of each class are divided among the sets by their
    fractions, as far as whole regions allow, starting with the highest class. Raises a `QueryError` if there are fewer
    regions than sets, or a set has no records.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_flarecast.dataset.model import SplitSettings
    >>> from sunpy_flarecast.dataset.split import split
    >>> settings = SplitSettings(sets={"train": 0.5, "test": 0.5}, seed=2)
    >>> split(settings, np.zeros(4, dtype="datetime64[s]"), np.array([377, 377, 378, 378])).tolist()
    ['test', 'test', 'train', 'train']
    """
    if settings.by == "region":
        classes = (values[:, -1] == 1).sum(axis=1) if settings.stratify and values is not None else None
        codes = _by_region(settings, regions, classes)
    else:
        codes = _by_time(settings, times, regions)
    names = list(settings.sets)
    if empty := [name for code, name in enumerate(names) if not (codes == code).any()]:
        raise QueryError(
            f"The set {empty[0]!r} has no records ({rule(settings)}). Change the split, or search for a longer time "
            "range."
        )
    return np.array([*names, ""])[codes]


# --- by region ----------------------------------------------------------------------------------------------------


def _by_region(
    settings: SplitSettings, regions: npt.NDArray[np.int64], classes: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.int64]:
    names, place = np.unique(regions, return_inverse=True)
    if len(names) < len(settings.sets):
        raise QueryError(
            f"{counted(len(names), 'region')} cannot be split into {len(settings.sets)} sets "
            f"({', '.join(settings.sets)}). Search for a longer time range, or name fewer sets."
        )
    if classes is None:
        weights = np.ones((len(names), 1))
    else:
        weights = np.zeros((len(names), int(np.max(classes)) + 1))
        np.add.at(weights, (place, classes), 1)
    order = sorted(range(len(names)), key=lambda index: _draw(settings.seed, int(names[index])))
    fractions = np.array([float(share) for share in settings.sets.values()])  # type: ignore[arg-type]
    sets: npt.NDArray[np.int64] = _assigned(weights, order, fractions)[place]
    return sets


def _draw(seed: int, region: int) -> bytes:
    """Return a random number that is the same on all machines and in all versions of numpy."""
    return hashlib.sha256(f"{seed}:{region}".encode()).digest()


def _assigned(weights: npt.NDArray[np.float64], order: list[int], fractions: npt.NDArray[np.float64]) -> Any:
    """
    Assign regions to sets, highest class first, each region to the set that lacks the most records of its class.

    ``weights`` are the numbers of records by region and class. Every set gets at least one region, and one of each
    class that has enough regions.
    """
    highest = [int(np.flatnonzero(row)[-1]) for row in weights]
    lacking = fractions[:, None] * weights.sum(axis=0)
    sets = np.full(len(weights), -1)
    empty, left = np.ones(len(fractions), dtype=bool), len(weights)
    for level in reversed(range(weights.shape[1])):
        members = [region for region in order if highest[region] == level]
        without = np.ones(len(fractions), dtype=bool)
        for number, region in enumerate(members):
            if left <= empty.sum():
                allowed = empty
            elif len(members) - number <= without.sum() and len(members) >= len(fractions):
                allowed = without
            else:
                allowed = np.ones(len(fractions), dtype=bool)
            chosen = int(np.argmax(np.where(allowed, lacking[:, level], -np.inf)))
            sets[region] = chosen
            lacking[chosen] -= weights[region]
            empty[chosen] = without[chosen] = False
            left -= 1
    return sets


# --- by time ------------------------------------------------------------------------------------------------------


def _by_time(
    settings: SplitSettings, times: npt.NDArray[np.datetime64], regions: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    codes = np.full(len(times), -1)
    gap = np.timedelta64(round(settings.gap * 3600), "s")
    before: np.datetime64[Any] = np.datetime64("0001-01-01", "s")
    last = -1
    for begin, end, code in _spans(settings, times):
        first = begin if code == last else max(begin, before + gap)
        codes[(times >= first) & (times < end)] = code
        before, last = end, code
    return _whole_regions(codes, regions)


def _spans(
    settings: SplitSettings, times: npt.NDArray[np.datetime64]
) -> list[tuple[np.datetime64, np.datetime64, int]]:
    """Return the start, end and set of each time range, in time order."""
    spans = []
    for code, value in enumerate(settings.sets.values()):
        if isinstance(value, str):
            begin, end = (np.datetime64(text, "us") for text in value.split("/"))
            spans.append((begin, end, code))
        elif isinstance(value, list) and len(times):
            first, last = (int(time.astype("M8[M]").astype(int)) for time in (np.min(times), np.max(times)))
            # Start a month early: the gap after that month applies even if it has no records.
            for month in range(first - 1, last + 1):
                if month % 12 + 1 in value:
                    begin, end = (np.datetime64(number, "M").astype("M8[us]") for number in (month, month + 1))
                    spans.append((begin, end, code))
    return sorted(spans)


def _whole_regions(codes: npt.NDArray[np.int64], regions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Keep the records of a region only in the set that has most of them; among equals, in the first."""
    names, place = np.unique(regions, return_inverse=True)
    counts = np.zeros((len(names), int(np.max(codes, initial=-1)) + 2), dtype=np.int64)
    np.add.at(counts, (place, codes), 1)
    counts[:, -1] = 0  # records in no set
    own = counts.argmax(axis=1)
    return np.where(codes == own[place], codes, -1)


# --- description ----------------------------------------------------------------------------------------------------


def rule(settings: SplitSettings) -> str:
    """
    Return the rule of a split in words.

    Examples
    --------
    >>> from sunpy_flarecast.dataset.model import SplitSettings
    >>> from sunpy_flarecast.dataset.split import rule
    >>> rule(SplitSettings(sets={"train": 0.8, "test": 0.2}, seed=1))
    'by region: train 0.8, test 0.2, seed 1'
    """
    words = {
        "region": "by region",
        "time": "by time (UTC, end of each range excluded)",
        "month": "by month (UTC)",
    }[settings.by]
    shares = ", ".join(
        f"{name} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in settings.sets.items()
    )
    if settings.by == "region":
        return f"{words}{', stratified by class' * settings.stratify}: {shares}, seed {settings.seed}"
    return f"{words}: {shares}, with a gap of {settings.gap:g} h"


def split_summary(
    settings: SplitSettings,
    sets: npt.NDArray[np.str_],
    regions: npt.NDArray[np.int64],
    labels: Mapping[str, npt.NDArray[np.integer[Any]]],
) -> dict[str, Any]:
    """
    Return the content of ``split.json``: the rule, and the counts of each set.

    ``labels`` has 1 (positive), 0 (negative) or -1 (unknown) for each record, by a name such as ``"24 h, M1.0"``.
    Records in no set are counted in ``left_out``.
    """

    def counts(chosen: npt.NDArray[np.bool_]) -> dict[str, Any]:
        return {
            "records": int(chosen.sum()),
            "labels": {name: counts_of(values[chosen]) for name, values in labels.items()},
            "regions": np.unique(regions[chosen]).tolist(),
        }

    return {
        "rule": rule(settings),
        "by": settings.by,
        "seed": settings.seed,
        "sets": {name: counts(sets == name) for name in settings.sets},
        "left_out": counts(sets == ""),
    }


def check_split(
    sets: npt.NDArray[np.str_], harps: npt.ArrayLike, pairs: tuple[npt.ArrayLike, npt.ArrayLike]
) -> list[str]:
    """Return a sentence for each region in two sets; regions are derived again from HARP and NOAA numbers."""
    found: dict[int, set[str]] = {}
    for region, name in {*zip(regions_of(harps, pairs).tolist(), sets.tolist(), strict=True)}:
        found.setdefault(region, set()).update(filter(None, [name]))
    return [
        f"The region of HARP {region} is in the sets {' and '.join(sorted(names))}."
        for region, names in sorted(found.items())
        if len(names) > 1
    ]
