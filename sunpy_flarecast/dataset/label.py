"""Labels: which flares occur within the windows after each record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import numpy as np

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.flares import flux_of_class, threshold_name
from sunpy_flarecast.utils.reports import counted

from .harp_numbers import HarpNumbers, NumberPairs, harp_numbers_digest
from .model import FlareSettings
from .position import pairs_by_position

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from sunpy_flarecast.flares import FlareList

__all__ = ["NEGATIVE", "POSITIVE", "UNKNOWN", "Labels", "counts_of", "extent_notes", "flare_settings", "label", "rules"]

POSITIVE: Final = 1
NEGATIVE: Final = 0
UNKNOWN: Final = -1

#: Longest window in hours.
_LONGEST: Final = 10_000

_MINUTE: Final = np.timedelta64(60_000_000, "us")


@dataclass(frozen=True, eq=False)
class Labels:
    """
    Labels of records; arrays have the shape (records, windows, thresholds), or (records, windows).

    Parameters
    ----------
    value : `numpy.ndarray`
        1 (at least one flare at or above the threshold), 0 (none) or -1 (unknown: the list of flares does not cover
        the window, or the keywords of the record are missing).
    number : `numpy.ndarray`
        Number of known flares at or above the threshold.
    to_start, to_peak : `numpy.ndarray`
        Minutes from T_REC to the start and peak of the first of these flares; NaN if there is none.
    largest : `numpy.ndarray`
        Index of the largest flare of each window in the list of flares, whatever its class; -1 if there is none.
    harps : list of tuple
        The HARPs that each flare was assigned to.
    counts : dict
        Numbers for the data sheet: all flares, duplicates, and flares without class, without time, without region, and
        of regions without records.
    uncovered : int
        Number of records with an unknown label, because the list of flares does not cover a window.
    """

    value: npt.NDArray[np.int8]
    number: npt.NDArray[np.int32]
    to_start: npt.NDArray[np.float32]
    to_peak: npt.NDArray[np.float32]
    largest: npt.NDArray[np.int32]
    harps: list[tuple[int, ...]]
    counts: dict[str, int]
    uncovered: int = 0

    def largest_class(self, flares: FlareList) -> npt.NDArray[np.str_]:
        """Return the class of the largest flare of each window, empty if there is none."""
        return np.append(flares.goes_class, "")[self.largest]


def flare_settings(
    flares: FlareList,
    windows: u.Quantity | Iterable[u.Quantity] = 24 * u.hour,
    threshold: str | Iterable[str] = "M1.0",
    flare_time: str = "peak",
    by_position: bool = False,
    noaa_numbers: HarpNumbers | None = None,
) -> FlareSettings:
    """
    Check the settings of labels.

    Raises
    ------
    QueryError
        If a window is not a positive time, a threshold is not a GOES class, ``flare_time`` is neither "peak" nor
        "start", or the list of flares has neither NOAA numbers nor the positions that are to be used.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astropy.table import Table
    >>> from sunpy_flarecast.dataset.label import flare_settings
    >>> from sunpy_flarecast.flares import read_flares
    >>> flares = read_flares(Table({"peak": ["2014-10-24T21:41"], "class": ["X3.1"], "noaa": [12192]}))
    >>> flare_settings(flares, [12, 24] * u.hour, ["M1", "X1"]).thresholds
    ('M1.0', 'X1.0')
    """
    if flare_time not in ("peak", "start"):
        raise QueryError(f"flare_time={flare_time!r} is invalid. Use 'peak' or 'start'.")
    if np.isnat(flares.peak if flare_time == "peak" else flares.start).all() and len(flares):
        other = "start" if flare_time == "peak" else "peak"
        raise QueryError(
            f"The list of flares has no {flare_time} times. Use flare_time={other!r} (--flare-time {other}), or "
            "another list."
        )
    if not by_position and not flares.numbered:
        raise QueryError(
            "The list of flares has no NOAA numbers, which assign flares to HARPs. Name the column that has them, or "
            "use by_position=True (--by-position) if the list has positions."
        )
    if by_position and len(flares) and not (np.isfinite(flares.lon).any() or flares.numbered):
        raise QueryError(
            "by_position=True (--by-position) requires positions, but the list of flares has none. Use another list."
        )
    names = (threshold,) if isinstance(threshold, str) or not np.iterable(threshold) else tuple(threshold)
    hours = _hours(windows)
    if not names or not hours:
        raise QueryError("Labels require at least one window and one threshold, such as 24 * u.hour and 'M1.0'.")
    thresholds = sorted({threshold_name(name) for name in names}, key=flux_of_class)
    return FlareSettings(
        digest=flares.digest,
        windows=hours,
        thresholds=tuple(thresholds),
        time="peak" if flare_time == "peak" else "start",
        by_position=by_position,
        numbers=harp_numbers_digest(noaa_numbers) if noaa_numbers else "",
    )


def _hours(windows: Any) -> tuple[float, ...]:
    try:
        hours = np.atleast_1d(u.Quantity(windows).to_value(u.hour)).ravel().tolist()
    except (u.UnitConversionError, TypeError, ValueError) as error:
        raise QueryError(f"windows={windows!r} is not a time with a unit. Write 24 * u.hour.") from error
    if wrong := [f"{length:,g} h" for length in hours if not 0 < length <= _LONGEST]:
        raise QueryError(
            f"Windows must be positive and at most {_LONGEST:,} h, not {wrong[0]}. "
            "Write windows=24 * u.hour (--window '24 h')."
        )
    return tuple(sorted(set(hours)))


def label(
    times: npt.NDArray[np.datetime64],
    harps: npt.NDArray[np.int64],
    numbers: NumberPairs,
    flares: FlareList,
    settings: FlareSettings,
    box: npt.NDArray[np.float64] | None = None,
) -> Labels:
    """
    Label records by the flares that follow them.

    A flare is within a window if its peak (or start) is after T_REC, and not after T_REC + window. ``times`` are T_REC
    in UTC, ``harps`` are HARP numbers, and ``numbers`` are the NOAA numbers of records
    (`~sunpy_flarecast.dataset.harp_numbers.number_pairs`). ``box`` has the columns LATDTMIN, LATDTMAX, LONDTMIN,
    LONDTMAX, one row per record; it is required with ``settings.by_position``.
    """
    times = times.astype("datetime64[us]")
    moments = flares.times(settings.time)
    windows = np.array([round(hours * 3_600_000_000) for hours in settings.windows]).astype("timedelta64[us]")
    rows, found = _pairs_by_number(times, numbers, flares.noaa, moments, windows.max())
    placed = np.zeros(0, dtype=np.int64)
    if settings.by_position:
        if box is None:
            raise QueryError(
                "by_position=True (--by-position) requires the keywords LATDTMIN, LATDTMAX, LONDTMIN and LONDTMAX, "
                "which the service lacks. Leave by_position out."
            )
        near, placed = pairs_by_position(times, box, flares, moments, windows.max())
        rows, found = np.concatenate([rows, near]), np.concatenate([found, placed])
    shape = (len(times), len(windows), len(settings.thresholds))
    number = np.zeros(shape, dtype=np.int32)
    to_start, to_peak = np.full((2, *shape), np.nan, dtype=np.float32)
    largest = np.full(shape[:2], -1, dtype=np.int32)
    by_time = np.lexsort((found, moments[found], rows))
    rows, found = rows[by_time], found[by_time]
    by_size = np.lexsort((-np.nan_to_num(flares.size[found]), rows))
    waits = moments[found] - times[rows]
    for place, window in enumerate(windows):
        within = waits <= window
        greatest = by_size[within[by_size]]
        some, first = np.unique(rows[greatest], return_index=True)
        largest[some, place] = found[greatest[first]]
        for threshold, name in enumerate(settings.thresholds):
            chosen = np.flatnonzero(within & (flares.size[found] >= flux_of_class(name)))
            some, first, count = np.unique(rows[chosen], return_index=True, return_counts=True)
            number[some, place, threshold] = count
            flare = found[chosen[first]]
            to_start[some, place, threshold] = (flares.start[flare] - times[some]) / _MINUTE  # NaN for NaT
            to_peak[some, place, threshold] = (flares.peak[flare] - times[some]) / _MINUTE
    ends = times[:, None] + windows
    covered = (times >= flares.begin)[:, None] & (ends <= flares.last)
    value = np.where(number > 0, POSITIVE, np.where(covered[:, :, None], NEGATIVE, UNKNOWN)).astype(np.int8)
    given = _harps_of(harps, numbers, flares.noaa, rows, found)
    uncovered = int((value == UNKNOWN).any(axis=(1, 2)).sum())
    return Labels(value, number, to_start, to_peak, largest, given, _counts(flares, moments, given), uncovered)


def _pairs_by_number(
    times: npt.NDArray[np.datetime64],
    numbers: NumberPairs,
    noaa: npt.NDArray[np.int64],
    moments: npt.NDArray[np.datetime64],
    longest: np.timedelta64,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pair records with the flares of their regions within the longest window: rows, and indices in the list."""
    usable = np.flatnonzero((noaa > 0) & ~np.isnat(moments))
    usable = usable[np.lexsort((moments[usable], noaa[usable]))]
    order = np.argsort(numbers.numbers, kind="stable")
    regions, begins, counts = np.unique(numbers.numbers[order], return_index=True, return_counts=True)
    ends = begins + counts
    lows, highs = (np.searchsorted(noaa[usable], regions, side) for side in ("left", "right"))
    rows, found = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for begin, end, low, high in zip(*(part.tolist() for part in (begins, ends, lows, highs)), strict=True):
        if low == high:
            continue
        these, known = numbers.rows[order[begin:end]], moments[usable[low:high]]
        first = np.searchsorted(known, times[these], "right")
        count = np.searchsorted(known, times[these] + longest, "right") - first
        count[np.isnat(times[these])] = 0
        rows.append(np.repeat(these, count))
        offsets = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        found.append(usable[low + np.repeat(first, count) + offsets])
    return np.concatenate(rows), np.concatenate(found)


def _harps_of(
    harps: npt.NDArray[np.int64],
    numbers: NumberPairs,
    noaa: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    found: npt.NDArray[np.int64],
) -> list[tuple[int, ...]]:
    """List the HARPs of each flare: those with its NOAA number, or whose patch contains its position."""
    owners: dict[int, set[int]] = {}
    pairs = np.unique(np.stack([numbers.numbers, harps[numbers.rows]], axis=1), axis=0)
    for number, harp in pairs.tolist():
        owners.setdefault(number, set()).add(harp)
    placed: dict[int, set[int]] = {}
    for flare, harp in np.unique(np.stack([found, harps[rows]], axis=1), axis=0).tolist():
        placed.setdefault(flare, set()).add(harp)
    return [tuple(sorted(owners.get(number, placed.get(row, ())))) for row, number in enumerate(noaa.tolist())]


def _counts(flares: FlareList, moments: npt.NDArray[np.datetime64], given: list[tuple[int, ...]]) -> dict[str, int]:
    homeless = np.array([not harps for harps in given], dtype=bool)
    return {
        "flares": len(flares),
        "repeated": flares.repeated,
        "without_class": int(np.isnan(flares.size).sum()),
        "without_time": int(np.isnat(moments).sum()),
        "without_region": int((homeless & (flares.noaa == 0)).sum()),
        "of_other_regions": int((homeless & (flares.noaa > 0)).sum()),
    }


def extent_notes(labels: Labels, flares: FlareList) -> list[str]:
    """Return a sentence on labels that are unknown because the list of flares does not cover their windows, if any."""
    if not labels.uncovered:
        return []
    begin, last = (f"{time.astype('datetime64[s]')}" for time in (flares.begin, flares.last))
    return [
        f"{labels.uncovered:,} of {counted(len(labels.value), 'record')} {'has' if labels.uncovered == 1 else 'have'} "
        f"unknown labels, because the list of flares covers only the time from {begin} to {last}. If it is complete "
        "for a longer time, pass read_flares(..., extent=(start, end)), or --flares-extent START END."
    ]


def rules(settings: FlareSettings) -> str:
    """
    Describe how records were labelled, for a data sheet.

    Examples
    --------
    >>> from sunpy_flarecast.dataset.label import rules
    >>> from sunpy_flarecast.dataset.model import FlareSettings
    >>> print(rules(FlareSettings(digest="", windows=(24.0,), thresholds=("M1.0",))))  # doctest: +ELLIPSIS
    A record is positive if at least one flare at or above the threshold (M1.0) has its peak within the window ...
    """
    other = "start" if settings.time == "peak" else "peak"
    *others, longest = (f"{hours:g} h" for hours in settings.windows)
    windows = f"windows are {', '.join(others)} and {longest}" if others else f"window is {longest}"
    sentences = [
        f"A record is positive if at least one flare at or above the threshold ({', '.join(settings.thresholds)}) has "
        f"its {settings.time} within the window (T_REC, T_REC + window], in UTC; the {windows} long. "
        f"Flares without a {settings.time} time count by their {other} time.",
        "A flare belongs to a record if its NOAA number is among the numbers in the record's NOAA_ARS; a HARP may have "
        "several. For flares since June 2002, NOAA numbers with four digits are completed to five.",
    ]
    if settings.numbers:
        sentences.append(
            "The numbers of records without NOAA_ARS are taken from the given list of HARP and NOAA numbers."
        )
    if settings.by_position:
        sentences.append(
            "A flare without a NOAA number belongs to the records whose patch (LATDTMIN to LATDTMAX, LONDTMIN to "
            "LONDTMAX) contains its position, rotated to T_REC by the differential rotation of Howard et al. (1990)."
        )
    else:
        sentences.append("Flares without a NOAA number belong to no record.")
    sentences.append(
        "Flares that belong to no record are kept in flares.parquet, without a HARP. Flares of unknown class reach no "
        "threshold. "
        + (
            "Records without a NOAA number are negative unless a flare is assigned to them by position."
            if settings.by_position
            else "Records without a NOAA number are negative."
        )
    )
    sentences.append(
        "A record that is not positive is unknown (null) rather than negative if its window is not fully within the "
        "time that the list of flares covers. Records whose keywords could not be fetched are unknown, too."
    )
    return "\n\n".join(sentences)


def counts_of(values: npt.NDArray[np.integer[Any]]) -> dict[str, int]:
    """Count the labels of each kind."""
    kinds = {"positive": POSITIVE, "negative": NEGATIVE, "unknown": UNKNOWN}
    return {kind: int((values == value).sum()) for kind, value in kinds.items()}
