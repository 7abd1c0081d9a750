"""Selection of the records of a query (range, HARP, sampling, nearest time step, keywords), and of their files."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sunpy_flarecast.query.conditions import LISTED
from sunpy_flarecast.rest.records import different, segment_of
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.keyword_names import matching_names
from sunpy_flarecast.sharp.t_rec import CADENCE, slot_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from astropy.time import Time

    from sunpy_flarecast.query.query import Query
    from sunpy_flarecast.rest.records import Records

__all__ = ["choose_files", "in_range", "satisfying", "select"]

#: Resolution of comparisons of times, in seconds.
_MICROSECOND: Final = 1e-6

#: Tolerance at the ends of a range in seconds: tables show milliseconds, and services write an instant as 08.799999 or
#: 08.800000.
_MISSED: Final = 0.5e-3


def select(records: Records, query: Query) -> Records:
    """
    Select the records of a query, without regard to segments and to conditions on keywords that must be requested.

    Selection from parts, and then from the merged parts, gives the same records as selection from the whole.
    """
    records = _selected(records, in_range(records, query))
    if query.harps is not None:
        first, last = query.harps
        records = _selected(records, np.ma.filled((records.harpnum >= first) & (records.harpnum <= last), False))
    columns = {name: getattr(records, column) for name, column in LISTED.items()}
    for condition in query.conditions:
        if condition.listed:
            records = _selected(records, condition.satisfied(columns))
            columns = {name: getattr(records, column) for name, column in LISTED.items()}
    if query.near is not None:
        # A single time step is not sampled.
        records = _selected(records, _nearest(records, query.near, query.tolerance))
    elif query.sample is not None:
        records = _selected(records, _sampled(records, query.start, query.end, query.sample, query.tolerance))
    return records


def satisfying(records: Records, query: Query) -> Records:
    """Select the records that satisfy a query's conditions on requested keywords, given the keywords."""
    which = np.ones(len(records), dtype=bool)
    columns = {name: getattr(records, column) for name, column in LISTED.items()} | records.keywords
    for condition in query.conditions:
        if not condition.listed:
            which &= condition.satisfied(columns)
    return _selected(records, which)


def _selected(records: Records, which: npt.NDArray[np.bool_]) -> Records:
    # Without a copy if all are selected.
    return records if which.all() else records[which]


def in_range(records: Records, query: Query) -> npt.NDArray[np.bool_]:
    """
    Return which records have their DATE-OBS or T_REC in the range, ends included.

    Either suffices, since a service may select by DATE-OBS or T_REC. A missing T_REC is replaced by the slot nearest to
    DATE-OBS. A record without any time is included, since the service sent it.
    """
    (start, end), (from_start, to_end) = query.bounds
    missed = np.timedelta64(int(_MISSED * 1e6), "us")
    by_date = (records.date_obs >= start - missed) & (records.date_obs <= end + missed)  # false for NaT
    slot = records.nearest_slot()
    seconds = slot.data * float(CADENCE)
    by_slot = (seconds >= from_start - _MISSED) & (seconds <= to_end + _MISSED)
    return np.asarray(by_date | by_slot | np.ma.getmaskarray(slot))


def _sampled(records: Records, start: Time, end: Time, step: float, tolerance: float | None) -> npt.NDArray[np.bool_]:
    """Return which records of each HARP are nearest to a point of ``start + n * step``, within a tolerance."""
    slot = records.nearest_slot()
    step = max(step, 1.0)  # slots are 720 s apart, so a finer grid selects no others
    seconds = slot.filled(0) * float(CADENCE) - slot_seconds(start)
    point = np.rint(seconds / step).astype(np.int64)
    last = int(np.floor((slot_seconds(end) - slot_seconds(start)) / step + 1e-9))
    wanted = ~np.ma.getmaskarray(slot) & (point >= 0) & (point <= last)
    distance = np.abs(seconds - point * step)
    if tolerance is not None:
        wanted &= distance <= tolerance + _MICROSECOND
    harp = records.harpnum.filled(-1)
    # Sorted, the first of each (HARP, point) is the nearest slot, and the earlier of two at the same distance.
    order = np.lexsort([slot.filled(0), distance, point, harp])
    order = order[wanted[order]]
    keys = np.stack([harp[order], point[order]], axis=1)
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    # All records of the chosen slot are kept: without HARP numbers they may be different HARPs.
    chosen_slot = slot.filled(0)[order][begins][np.cumsum(begins) - 1] if len(order) else np.array([], dtype=np.int64)
    taken = np.zeros(len(records), dtype=bool)
    taken[order] = slot.filled(0)[order] == chosen_slot
    return taken


def _nearest(records: Records, near: Time, tolerance: float | None) -> npt.NDArray[Any]:
    """Return which records are of the time step nearest to a time (the earlier of two), within a tolerance."""
    slot = records.nearest_slot()
    known = ~np.ma.getmaskarray(slot)
    if not known.any():
        return known
    slots = np.unique(slot.data[known])
    distance = np.abs(slots * float(CADENCE) - slot_seconds(near))
    nearest = np.argmin(distance)
    close = tolerance is None or distance[nearest] <= tolerance + _MICROSECOND
    return np.asarray(known & (slot.data == slots[nearest]) & close)


def choose_files(records: Records, segments: Sequence[str]) -> tuple[Records, Counter[str]]:
    """
    Select the files of segments (names or patterns; all if empty) of each record, in the series' order.

    Also count the records that lack each of the segments or patterns.
    """
    (series, which), (sets, kind) = different(records.series), different(records.names)
    _, first, pair, count = np.unique(
        which * len(sets) + kind, return_index=True, return_inverse=True, return_counts=True
    )
    chosen = np.empty(len(first), dtype=object)
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    lacking: Counter[str] = Counter()
    for place in np.argsort(first).tolist():  # in the order of the records, for that of the counts
        names, absent = _choose(series[which[first[place]]], sets[kind[first[place]]], segments)
        chosen[place] = shared.setdefault(names, names)
        lacking.update(dict.fromkeys(absent, int(count[place])))
    return replace(records, names=chosen[pair]), lacking


def _choose(
    series_name: str, names: tuple[str, ...], segments: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose among the files of one set; also return the requested segments that it lacks."""
    series = find_series(series_name)
    place = {segment.name: number for number, segment in enumerate(series.segments)} if series else {}
    files: dict[str, str] = {}
    for name in names:
        files.setdefault(segment_of(name), name)
    there = sorted(
        files, key=lambda segment: place.get(segment, len(place))
    )  # stable, so unknown ones keep their order
    wanted = matching_names(segments, there) if segments else tuple(there)
    absent = tuple(segment for segment in segments if not matching_names([segment], there))
    return tuple(files[segment] for segment in wanted), absent
