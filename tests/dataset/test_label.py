"""Labels: comparison with brute force, the flares of 2014, and assignment by number, list and position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st
from sunpy.coordinates import HeliographicStonyhurst, RotatedSunFrame

from sunpy_flarecast.dataset.harp_numbers import number_pairs, read_harp_numbers
from sunpy_flarecast.dataset.label import NEGATIVE, POSITIVE, UNKNOWN, Labels, flare_settings, label, rules
from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.flares import FlareList, flux_of_class, read_flares
from sunpy_flarecast.sharp.t_rec import slot_time, text_slot
from sunpy_flarecast.sharp.times import utc_dates

if TYPE_CHECKING:
    from pathlib import Path

EPOCH = np.datetime64("2014-02-01T00:00:00", "us")
MINUTE = np.timedelta64(1, "m")

minutes = st.integers(0, 600)
flare = st.tuples(minutes, st.integers(0, 3), st.sampled_from(["C1.0", "C9.9", "M1.0", "X2.0", ""]), st.integers(-9, 9))
record = st.tuples(minutes, st.integers(1, 3), st.sets(st.integers(1, 3)))


def times_of(offsets: list[int]) -> Any:
    return EPOCH + np.array(offsets, dtype=np.int64) * MINUTE


def list_of(rows: list[tuple[int, int, str, int]], **options: Any) -> FlareList:
    """Make a list of flares: peak, region, class, and time from start to peak (no start if negative)."""
    starts = [str(EPOCH + (peak - rise) * MINUTE) if rise >= 0 else "" for peak, _, _, rise in rows]
    return read_flares(
        Table({
            "peak": [str(EPOCH + peak * MINUTE) for peak, _, _, _ in rows],
            "start": starts,
            "class": [name for _, _, name, _ in rows],
            "noaa": [str(11960 + region) if region else "" for _, region, _, _ in rows],
        }),
        **options,
    )  # fmt: skip


def ars_of(regions: list[set[int]]) -> list[str]:
    return [",".join(str(11960 + region) for region in sorted(numbers)) or "MISSING" for numbers in regions]


def labels_of(
    records: list[tuple[int, int, set[int]]], flares: FlareList, windows: Any, threshold: Any, **options: Any
) -> Labels:
    times, harps = times_of([row[0] for row in records]), np.array([row[1] for row in records], dtype=np.int64)
    numbers = number_pairs(harps, ars_of([row[2] for row in records]), times)
    return label(times, harps, numbers, flares, flare_settings(flares, windows, threshold, **options))


@given(
    st.lists(record, min_size=1, max_size=12),
    st.lists(flare, min_size=1, max_size=15),
    st.sampled_from(["peak", "start"]),
    st.lists(st.integers(1, 300), min_size=1, max_size=3, unique=True),
)
def test_labels_equal_those_of_brute_force(
    records: list[tuple[int, int, set[int]]], rows: list[tuple[int, int, str, int]], which: str, windows: list[int]
) -> None:
    rows = [*rows, (100, 1, "C1.0", 3)]  # at least one with a start and a region
    flares = list_of(rows)
    names = ("C1.0", "M1.0")
    labels = labels_of(records, flares, sorted(windows) * u.min, names, flare_time=which)
    moments = flares.times(which)  # type: ignore[arg-type]
    for row, (offset, _, regions) in enumerate(records):
        begin = EPOCH + offset * MINUTE
        for place, window in enumerate(sorted(windows)):
            end = begin + window * MINUTE
            near = [
                flare
                for flare in range(len(flares))
                if flares.noaa[flare] - 11960 in regions and begin < moments[flare] <= end
            ]
            largest = max((np.nan_to_num(flares.size[flare]) for flare in near), default=-1)
            found = labels.largest[row, place]
            assert (np.nan_to_num(flares.size[found]) if found >= 0 else -1) == largest
            assert found in near or not near
            for threshold, name in enumerate(names):
                large = [flare for flare in near if flares.size[flare] >= flux_of_class(name)]
                covered = flares.begin <= begin and end <= flares.last
                expected = POSITIVE if large else NEGATIVE if covered else UNKNOWN
                assert labels.value[row, place, threshold] == expected
                assert labels.number[row, place, threshold] == len(large)
                first = min(large, key=lambda flare: (moments[flare], flare), default=None)
                for waits, times in ((labels.to_start, flares.start), (labels.to_peak, flares.peak)):
                    wait = np.nan if first is None else (times[first] - begin) / MINUTE
                    assert waits[row, place, threshold] == pytest.approx(wait, nan_ok=True)
    for flare, harps in enumerate(labels.harps):
        number = flares.noaa[flare] - 11960
        assert harps == tuple(sorted({harp for _, harp, regions in records if number in regions}))


def test_the_window_excludes_t_rec_and_includes_its_end() -> None:
    flares = list_of([(0, 1, "M1.0", 5), (300, 2, "X1.0", 5)])
    records = [(-61, 1, {1}), (-60, 1, {1}), (-1, 1, {1}), (0, 1, {1}), (0, 2, {3}), (240, 1, {1}), (241, 1, {1})]
    labels = labels_of(records, flares, 1 * u.hour, "M1")
    assert labels.value[:, 0, 0].tolist() == [UNKNOWN, POSITIVE, POSITIVE, NEGATIVE, NEGATIVE, NEGATIVE, UNKNOWN]
    assert labels.largest_class(flares)[:, 0].tolist() == ["", "M1.0", "M1.0", "", "", "", ""]
    assert labels.to_peak[1:3, 0, 0].tolist() == [60, 1]
    assert labels.to_start[1:3, 0, 0].tolist() == [55, -4]
    assert labels.counts == {
        "flares": 2, "repeated": 0, "without_class": 0, "without_time": 0, "without_region": 0, "of_other_regions": 1,
    }  # fmt: skip
    assert labels.harps == [(1,), ()]


def test_a_record_without_time_is_unknown_and_nothing_is_labelled_without_records() -> None:
    flares = list_of([(0, 1, "M1.0", 5), (300, 2, "X1.0", 5)])
    times = np.array(["NaT"], dtype="datetime64[us]")
    settings = flare_settings(flares)
    labels = label(times, np.array([1]), number_pairs(np.array([1]), ["11961"], times), flares, settings)
    assert labels.value.tolist() == [[[UNKNOWN]]]
    none = label(times[:0], np.zeros(0, int), number_pairs(np.zeros(0, int), [], times[:0]), flares, settings)
    assert none.value.shape == (0, 1, 1)
    assert none.harps == [(), ()]


def test_labels_of_2014_equal_an_independent_computation(shared_data: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = shared_data / "flares" / "swpc_2014.csv"
    # With pandas, from the text of the list.
    frame = pandas.read_csv(path, dtype=str)
    day = pandas.Timedelta(days=1)
    start = pandas.to_datetime(frame["date"] + frame["start_time"], format="%Y%m%d%H%M")
    peak = pandas.to_datetime(frame["date"] + frame["max_time"], format="%Y%m%d%H%M", errors="coerce")
    peak = peak.where(~(peak < start), peak + day).fillna(start)
    end = pandas.to_datetime(frame["date"] + frame["end_time"], format="%Y%m%d%H%M")
    end = end.where(~(end < start), end + day)
    region = frame["noaa_ar"].str.strip()
    strength = frame["goes_class"].str[0].map({"C": 1.0, "M": 10.0, "X": 100.0}) * frame["goes_class"].str[1:].astype(
        float
    )
    # One HARP for every two regions, every 2 hours from four days before their first flare to a day after their last.
    names = sorted(set(region) - {""})
    slots, harps, ars = [], [], []
    for harp, first in enumerate(range(0, len(names), 2), 1):
        pair = names[first : first + 2]
        known = peak[region.isin(pair)]
        begin, last = (
            text_slot(f"{time:%Y.%m.%d_%H}:00:00_TAI") for time in (known.min() - 4 * day, known.max() + day)
        )
        some = np.arange(begin, last, 10)
        slots.append(some)
        harps.append(np.full(len(some), harp))
        ars += [",".join(pair)] * len(some)
    t_rec, harp = slot_time(np.concatenate(slots)), np.concatenate(harps)
    flares = read_flares(path)
    settings = flare_settings(flares, [12, 24, 48] * u.hour, ["C1.0", "M1.0", "M5.0"])
    times = utc_dates(t_rec)
    labels = label(times, harp, number_pairs(harp, ars, times), flares, settings)

    utc = pandas.to_datetime(t_rec.isot) - pandas.Timedelta(seconds=35)
    numbers = np.array(region.replace("", "0"), dtype=int)
    begins, (begin, last) = utc.to_numpy(), (start.min().to_numpy(), end.max().to_numpy())
    peaks, strengths = peak.to_numpy(), strength.to_numpy()
    checked = {(window, limit): [0, 0, 0] for window in (12, 24, 48) for limit in (1, 10, 50)}
    of = {pair: np.isin(numbers, [int(text) for text in pair.split(",")]) for pair in set(ars)}
    for row in range(len(begins)):
        mine = of[ars[row]]
        for place, window in enumerate((12, 24, 48)):
            stop = begins[row] + np.timedelta64(window, "h")
            within = strengths[mine & (peaks > begins[row]) & (peaks <= stop)]
            for threshold, limit in enumerate((1, 10, 50)):
                count = int((within >= limit).sum())
                known = begin <= begins[row] and stop <= last
                expected = 1 if count else 0 if known else -1
                assert labels.value[row, place, threshold] == expected
                assert labels.number[row, place, threshold] == count
                checked[window, limit][expected] += 1
            assert bool(within.size) == (labels.largest[row, place] >= 0)
    assert len(begins) > 10_000
    assert all(min(counts) > 0 for counts in checked.values()), checked
    assert labels.counts["without_region"] == int((region == "").sum()) == 159
    assert labels.counts["of_other_regions"] == 0


def test_noaa_numbers_come_from_the_keyword_or_from_jsocs_list(tmp_path: Path) -> None:
    path = tmp_path / "all_harps_with_noaa_ars.txt"
    path.write_text("HARPNUM NOAA_ARS\n1 11067\n54 11096,11097\n3721 1967\n")
    listed = read_harp_numbers(path)
    assert listed == {1: (11067,), 54: (11096, 11097), 3721: (1967,)}
    harps = np.array([1, 54, 54, 3721, 9])
    times = np.full(5, EPOCH)
    ars = MaskedColumn(["11070", "", "MISSING", "x", ""], mask=[False, False, False, True, False])
    rows, numbers = number_pairs(harps, ars, times, listed)
    assert sorted(zip(rows.tolist(), numbers.tolist(), strict=True)) == [
        (0, 11070), (1, 11096), (1, 11097), (2, 11096), (2, 11097), (3, 11967),
    ]  # fmt: skip
    rows, numbers = number_pairs(harps, np.array([1967, 0, 0, 0, 0]), times)
    assert (rows.tolist(), numbers.tolist()) == ([0], [11967])
    assert read_harp_numbers({5: [1]}) == {5: (1,)}
    with pytest.raises(QueryError, match="more than five digits"):
        number_pairs(harps[:1], ["119670"], times[:1])
    path.write_text("1 11067\n2 119670\n")
    with pytest.raises(QueryError, match=r"Cannot parse line 2 of .*, '2 119670'"):
        read_harp_numbers(path)
    path.write_text("HARPNUM NOAA_ARS\n1 110677\n2 11068\n")
    with pytest.raises(QueryError, match=r"Cannot parse line 2 of"):
        read_harp_numbers(path)
    for wrong in (5, ["a"], {54: 11096}, {"a": [11096]}):
        with pytest.raises(QueryError, match="Give a file, or NOAA numbers by HARP number"):
            read_harp_numbers(wrong)  # type: ignore[arg-type]
    path.write_text("what\n")
    with pytest.raises(QueryError, match="has no lines of HARP and NOAA numbers"):
        read_harp_numbers(path)
    with pytest.raises(QueryError, match="No such file"):
        read_harp_numbers(tmp_path / "none.txt")


def test_flares_are_assigned_by_their_position() -> None:
    flares = read_flares(
        Table({
            "peak": ["2014-02-02T00:00", "2014-02-02T00:00", "2014-02-02T00:00", "2014-02-05T00:00"],
            "class": ["M1.0", "M2.0", "M3.0", "M4.0"],
            "noaa": ["", "11968", "", ""],
            "position": ["S12W47", "S12W47", "", "N30E10"],
        }),
        extent=("2014-01-01", "2014-03-01"),
    )  # fmt: skip
    times = times_of([0, 0, 24 * 60 - 1, 24 * 60, 0])
    harps = np.array([1, 2, 3, 3, 4])
    # A day earlier, the flare's position was 13 degrees further east.
    box = np.array([[-15, -10, 30, 36], [-15, -10, 45, 50], [-15, -10, 45, 50], [-15, -10, 45, 50], [5, 10, 30, 36.0]])
    numbers = number_pairs(harps, ["", "", "", "", "11968"], times)
    settings = flare_settings(flares, 24 * u.hour, "M1.0", by_position=True)
    labels = label(times, harps, numbers, flares, settings, box)
    assert labels.value[:, 0, 0].tolist() == [POSITIVE, NEGATIVE, POSITIVE, NEGATIVE, POSITIVE]
    assert labels.harps == [(1, 3), (4,), (), ()]
    assert labels.counts["without_region"] == 2
    with pytest.raises(QueryError, match="requires the keywords LATDTMIN"):
        label(times, harps, numbers, flares, settings)
    without = label(times, harps, numbers, flares, flare_settings(flares))
    assert without.value[:, 0, 0].tolist() == [NEGATIVE] * 4 + [POSITIVE]
    assert without.counts["without_region"] == 3


@pytest.mark.parametrize(("position", "hours"), [("N12W30", 24.0), ("S25E40", 48.0), ("N00W05", 12.0)])
def test_positions_rotate_as_sunpy_rotates_them(position: str, hours: float) -> None:
    flares = read_flares(
        Table({"peak": ["2014-06-10T00:00"], "class": ["M1.0"], "noaa": [""], "position": [position]}),
        extent=("2014-01-01", "2015-01-01"),
    )
    before = np.datetime64("2014-06-10T00:00", "us") - np.timedelta64(int(hours * 60), "m")
    here = SkyCoord(flares.lon[0] * u.deg, flares.lat[0] * u.deg, frame="heliographic_stonyhurst", obstime="2014-06-10")
    rotated = SkyCoord(RotatedSunFrame(base=here.frame, rotated_time=str(before)))
    there = rotated.transform_to(HeliographicStonyhurst(obstime=str(before)))
    # The rotation is relative to the Earth's mean motion; the actual one differs by less than 0.1 degrees per day.
    half = 0.1 * hours / 24 + 0.02
    for offset, expected in ((0, POSITIVE), (2 * half, NEGATIVE)):
        middle = there.lon.to_value(u.deg) + offset
        box = np.array([[flares.lat[0] - 1, flares.lat[0] + 1, middle - half, middle + half]])
        settings = flare_settings(flares, hours * u.hour, by_position=True)
        times = np.array([before])
        labels = label(times, np.array([1]), number_pairs(np.array([1]), [""], times), flares, settings, box)
        assert labels.value.tolist() == [[[expected]]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": "Z9"}, "'Z9' is not a GOES class"),
        ({"threshold": []}, "at least one window and one threshold"),
        ({"windows": 24}, "windows=24 is not a time with a unit. Write 24"),
        ({"windows": 3 * u.m}, "is not a time with a unit"),
        ({"windows": [24 * u.hour, -1 * u.hour]}, "must be positive"),
        ({"windows": 1e30 * u.hour}, "at most 10,000 h"),
        ({"windows": np.nan * u.hour}, "must be positive"),
        ({"threshold": 5}, "The threshold 5 is not a GOES class"),
        ({"flare_time": "end"}, "Use 'peak' or 'start'"),
        ({"flare_time": "start"}, r"has no start times. Use flare_time='peak' \(--flare-time peak\)"),
        ({"by_position": True, "noaa": False}, "requires positions"),
        ({"noaa": False}, "has no NOAA numbers, which assign flares to HARPs"),
    ],
)
def test_invalid_settings_give_a_one_line_error(options: dict[str, Any], message: str) -> None:
    table = Table({"peak": ["2014-02-02T00:00"], "class": ["M1.0"], "noaa": ["11968"]})
    if not options.pop("noaa", True):
        table.remove_column("noaa")
    with pytest.raises(QueryError, match=message):
        flare_settings(read_flares(table), **options)


def test_settings_and_rules_have_a_standard_form() -> None:
    flares = list_of([(0, 1, "M1.0", 5), (300, 2, "X1.0", 5)])
    settings = flare_settings(flares, [24 * u.hour, 720 * u.min], ["m5", "C1"])
    assert settings == flare_settings(flares, (0.5, 1) * u.day, ("C1.0", "M5.0"))
    assert settings.windows == (12.0, 24.0)
    text = rules(settings)
    assert "(C1.0, M5.0) has its peak within the window (T_REC, T_REC + window], in UTC" in text
    assert "the windows are 12 h and 24 h long" in text
    assert "belong to no record" in text
    other = rules(flare_settings(flares, flare_time="start", by_position=True, noaa_numbers={1: (11961,)}))
    assert "has its start within" in other
    assert "rotated to T_REC" in other
    assert "given list of HARP and NOAA numbers" in other
