"""Selection of the records of a query, compared with a simple implementation, and of their files."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from astropy.time import Time, TimeDelta
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.query.query import Query
from sunpy_flarecast.rest.list_reply import read_records
from sunpy_flarecast.rest.records import Records, merge
from sunpy_flarecast.search.selection import choose_files, select
from sunpy_flarecast.sharp.t_rec import CADENCE, slot_time

SERIES = "hmi.sharp_cea_720s"
FOLDER = f"http://cluster-r730-1:8001/HMI/{SERIES}"

#: 2015-12-11T00:00:00 TAI, 36 s before midnight UTC.
BASE = 1005480


class Entry(NamedTuple):
    """A record of a test, in slots since `BASE`; DATE-OBS is 110 s before T_REC."""

    recnum: int
    slot: int | None = None
    harpnum: int | None = None
    dated: int | None = None


def records_of(entries: list[Entry]) -> Records:
    listed = [
        {
            "recnum": entry.recnum,
            "harpnum": entry.harpnum,
            "t_rec_index": None if entry.slot is None else BASE + entry.slot,
            "date__obs": None
            if entry.dated is None
            else (slot_time(BASE + entry.dated) - TimeDelta(110, format="sec")).utc.isot + "Z",
            "urls": [f"{FOLDER}/{entry.recnum}/bitmap.fits"],
        }
        for entry in entries
    ]
    records, broken = read_records(json.dumps(listed).encode(), SERIES)
    assert broken == 0
    return records


def time_after(seconds: float) -> Time:
    """Return the time a number of seconds after `BASE`."""
    return (slot_time(BASE) + TimeDelta(seconds, format="sec")).utc


def query(start: float, end: float, near: float | None = None, **options: Any) -> Query:
    return Query(
        series=SERIES,
        start=time_after(start),
        end=time_after(end),
        near=None if near is None else time_after(near),
        **options,
    )


def selected(entries: list[Entry], *arguments: Any, **options: Any) -> list[int]:
    return select(records_of(entries), query(*arguments, **options)).recnum.tolist()


# --- Single rules -----------------------------------------------------------------------------------------------------


def test_a_record_belongs_to_the_range_by_date_obs_or_by_t_rec() -> None:
    entries = [Entry(number, slot=number, dated=number) for number in range(6)]
    # T_REC 2 is in the range and its DATE-OBS is not; for record 5 it is the other way round.
    assert selected(entries, 1440 - 60, 3600 - 60) == [2, 3, 4, 5]


def test_the_ends_belong_to_the_range() -> None:
    assert selected([Entry(1, slot=1), Entry(2, slot=2), Entry(3, slot=3)], 720, 1440) == [1, 2]
    assert selected([Entry(1, dated=1), Entry(2, dated=2), Entry(3, dated=3)], 610, 1330) == [1, 2]
    assert selected([Entry(1, dated=1)], 610.001, 719.999) == []
    assert selected([Entry(1, dated=1)], 0, 609.999) == []
    assert selected([Entry(1, dated=1)], 610, 610) == [1]


def test_where_t_rec_is_missing_it_is_the_slot_nearest_to_date_obs() -> None:
    assert selected([Entry(1, dated=1), Entry(2, dated=2)], 720, 720) == [1]
    assert selected([Entry(1, dated=1)], 720.001, 1330) == []


@pytest.mark.parametrize("precision", [0, 3, 9])
def test_the_format_of_a_time_does_not_matter(precision: int) -> None:
    reply = b'[{"recnum": 7, "date__obs": "2015-12-11T23:34:08.799999Z", "urls": ["http://h/HMI/s/7/a.fits"]}]'
    records, _ = read_records(reply, SERIES)
    time = Time("2015-12-11T23:34:08.799999", precision=precision, out_subfmt="date")
    assert len(select(records, Query(series=SERIES, start=time, end=time))) == 1
    # Tables show 08.800, and services write 08.799999 and 08.800000.
    for seconds, count in (("08.800", 1), ("08.8005", 0), ("08.7990", 0)):
        other = Time(f"2015-12-11T23:34:{seconds}", precision=precision)
        assert len(select(records, Query(series=SERIES, start=other, end=other))) == count


def test_records_without_a_time_stay() -> None:
    assert selected([Entry(1), Entry(2, harpnum=5), Entry(3, slot=99)], 0, 720) == [1, 2]
    # It cannot be sampled.
    assert selected([Entry(1), Entry(2, slot=0)], 0, 720, sample=720.0) == [2]
    assert selected([Entry(1), Entry(2, slot=0)], 0, 720, near=0.0) == [2]
    assert selected([Entry(1)], 0, 720, near=0.0) == []


def test_harp_numbers_and_records_without_one() -> None:
    entries = [Entry(number, slot=0, harpnum=number) for number in range(1, 6)] + [Entry(6, slot=0)]
    assert selected(entries, 0, 720) == [1, 2, 3, 4, 5, 6]
    assert selected(entries, 0, 720, harps=(2, 4)) == [2, 3, 4]
    assert selected(entries, 0, 720, harps=(5, 5)) == [5]
    assert selected(entries, 0, 720, harps=(-(10**30), 2)) == [1, 2]
    assert selected(entries, 0, 720, harps=(10**30, 10**31)) == []
    assert selected([Entry(6, slot=0)], 0, 720, harps=(0, 0)) == []


def test_sample_takes_each_harp_by_itself() -> None:
    entries = [Entry(10 * harp + slot, slot, harp) for harp, slots in ((1, range(8)), (2, (1, 5, 6))) for slot in slots]
    # Points at 0, 5 and 10 slots; HARP 2 rises after the first one.
    assert selected(entries, 0, 10 * CADENCE, sample=5.0 * CADENCE) == [10, 15, 21, 25]


def test_without_harp_numbers_all_records_of_a_slot_stay() -> None:
    entries = [Entry(1, 0), Entry(2, 0), Entry(3, 1), Entry(4, 5), Entry(5, 5, harpnum=7)]
    assert selected(entries, 0, 7200, sample=3600.0) == [1, 2, 4, 5]


@pytest.mark.parametrize("offset", [0, 1, 17, 1000, 99_999])
def test_the_earlier_of_two_equally_near_records_is_selected(offset: int) -> None:
    start = offset * CADENCE + CADENCE / 2
    entries = [Entry(slot, slot) for slot in range(offset + 1, offset + 20)]
    assert selected(entries, start, start + 7200, sample=3600.0) == [offset + 1, offset + 5, offset + 10]
    assert selected(entries, start, start + 7200, near=start + 3600.0) == [offset + 5]


def test_a_step_finer_than_the_cadence_takes_all_and_a_huge_one_the_first() -> None:
    entries = [Entry(slot, slot) for slot in range(4)]
    for step in (1e-310, 1e-12, 1.0, 359.0, 720.0):
        assert selected(entries, 0, 3 * CADENCE, sample=step) == [0, 1, 2, 3]
    assert selected(entries, 0, 3 * CADENCE, sample=1e300) == [0]


def test_records_off_the_grid_are_left_out() -> None:
    # T_REC and DATE-OBS contradict each other.
    entries = [Entry(1, slot=-1, dated=3), Entry(2, slot=12, dated=3), Entry(3, slot=10)]
    assert selected(entries, 0, 7200) == [1, 2, 3]
    assert selected(entries, 0, 7200, sample=720.0) == [3]


def test_near_takes_one_time_step_of_all_harps() -> None:
    entries = [Entry(1, 0, 5), Entry(2, 1, 5), Entry(3, 1, 6), Entry(4, 2, 6), Entry(5, dated=1)]
    assert selected(entries, 0, 7200, near=1000.0) == [2, 3, 5]
    assert selected(entries, 0, 7200, near=-(10.0**6)) == [1]
    assert selected(entries, 0, 7200, near=10.0**6) == [4]
    assert selected([], 0, 7200, near=0.0) == []
    # A single time step is not sampled.
    assert selected(entries, 0, 7200, near=1000.0, sample=7200.0) == [2, 3, 5]


def test_records_beyond_the_tolerance_are_left_out() -> None:
    # The HARP ends at 11 slots, 4 slots from the last point of the grid.
    entries = [Entry(slot, slot, 5) for slot in (0, 1, 4, 6, 11)]
    assert selected(entries, 0, 15 * CADENCE, sample=5.0 * CADENCE) == [0, 4, 11]
    assert selected(entries, 0, 15 * CADENCE, sample=5.0 * CADENCE, tolerance=720.0) == [0, 4, 11]
    assert selected(entries, 0, 15 * CADENCE, sample=5.0 * CADENCE, tolerance=719.0) == [0]
    assert selected([Entry(1, 13, 5)], 0, 15 * CADENCE, sample=5.0 * CADENCE, tolerance=720.0) == []
    assert selected(entries, 0, 15 * CADENCE, near=13 * 720.0) == [11]
    assert selected(entries, 0, 15 * CADENCE, near=13 * 720.0, tolerance=1440.0) == [11]
    assert selected(entries, 0, 15 * CADENCE, near=13 * 720.0, tolerance=1439.9) == []


def test_an_empty_list_stays_empty() -> None:
    assert selected([], 0, 7200, sample=3600.0, harps=(1, 2)) == []


# --- Comparison with a simple implementation --------------------------------------------------------------------------


def expected(entries: list[Entry], start: Fraction, end: Fraction, options: dict[str, Any]) -> list[int]:
    """Select by a slow and exact implementation."""

    # The slot nearest to a point at the end of the range may lie beyond it.
    margin = Fraction(CADENCE, 2) if "sample" in options else 0

    def in_range(entry: Entry) -> bool:
        by_slot = slot(entry) is not None and start - margin <= slot(entry) * CADENCE <= end + margin
        by_date = entry.dated is not None and start - margin <= entry.dated * CADENCE - 110 <= end + margin
        return by_slot or by_date or (entry.slot is None and entry.dated is None)

    def slot(entry: Entry) -> int | None:
        return entry.dated if entry.slot is None else entry.slot

    kept = [entry for entry in entries if in_range(entry)]
    if harps := options.get("harps"):
        kept = [entry for entry in kept if entry.harpnum is not None and harps[0] <= entry.harpnum <= harps[1]]
    if (near := options.get("near")) is not None:
        slots = sorted({slot(entry) for entry in kept} - {None})
        nearest = min(slots, key=lambda found: abs(found * CADENCE - near), default=None)
        if nearest is not None and abs(nearest * CADENCE - near) > options.get("tolerance", 1e9):
            nearest = -1
        kept = [entry for entry in kept if slot(entry) is not None and slot(entry) == nearest]
    elif step := options.get("sample"):
        taken = set()
        for harpnum in {entry.harpnum for entry in kept}:
            slots = sorted({slot(entry) for entry in kept if entry.harpnum == harpnum} - {None})
            for number in range(int((end - start) / step) + 1):
                point = start + number * step
                within = min(Fraction(step) / 2, Fraction(options.get("tolerance", 10**9)))
                close = [found for found in slots if abs(found * CADENCE - point) < within]
                if close:
                    taken.add((harpnum, min(close, key=lambda found: abs(found * CADENCE - point))))
        kept = [entry for entry in kept if (entry.harpnum, slot(entry)) in taken]
    return [entry.recnum for entry in kept]


SLOTS = st.none() | st.integers(0, 40)
ENTRIES = st.lists(st.tuples(SLOTS, st.none() | st.integers(1, 3), SLOTS), max_size=25).map(
    lambda found: [
        # DATE-OBS and T_REC agree where both are given.
        Entry(recnum, slot, harpnum, slot if slot is not None and dated is not None else dated)
        for recnum, (slot, harpnum, dated) in enumerate(found, 1)
    ]
)
#: In units of 0.001 s, odd, so that nothing is midway between two points or slots.
STARTS = st.integers(-3_000, 10_000).map(lambda seconds: Fraction(1000 * seconds + 123, 1000))
LENGTHS = st.integers(0, 40_000).map(lambda seconds: Fraction(1000 * seconds + 457, 1000))
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "harps": st.sampled_from([(1, 1), (1, 2), (2, 9), (7, 8)]),
        "sample": st.sampled_from([600, 720, 1000, 1440, 3600, 7200, 86400]),
        "tolerance": st.sampled_from([0, 300, 720, 4000]),
        "near": st.integers(-1000, 40_000).map(lambda seconds: seconds + Fraction(123, 1000)),
    },
)


def query_of(start: Fraction, length: Fraction, options: dict[str, Any]) -> Query:
    plain = {name: value if name == "harps" else float(value) for name, value in options.items()}
    return query(float(start), float(start + length), **plain)


@given(ENTRIES, STARTS, LENGTHS, OPTIONS)
def test_select_equals_a_simple_implementation(
    entries: list[Entry], start: Fraction, length: Fraction, options: dict[str, Any]
) -> None:
    found = select(records_of(entries), query_of(start, length, options))
    assert found.recnum.tolist() == expected(entries, start, start + length, options)


@given(ENTRIES, STARTS, LENGTHS, OPTIONS, st.data())
def test_selecting_from_parts_first_gives_the_same_records(
    entries: list[Entry], start: Fraction, length: Fraction, options: dict[str, Any], data: st.DataObject
) -> None:
    wanted = query_of(start, length, options)
    whole = select(merge([records_of(entries)]), wanted).recnum.tolist()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(entries)), max_size=3)))
    parts = [entries[max(0, begin - 1) : end] for begin, end in zip([0, *cuts], [*cuts, len(entries)], strict=True)]
    joined = merge([select(records_of(part), wanted) for part in parts])
    assert select(joined, wanted).recnum.tolist() == whole


# --- Files ------------------------------------------------------------------------------------------------------------


def with_files(*names: tuple[str, ...], series: str = SERIES) -> Records:
    listed = [
        {"recnum": recnum, "urls": [f"{FOLDER}/{recnum}/{name}.fits" for name in found]}
        for recnum, found in enumerate(names, 1)
    ]
    return read_records(json.dumps(listed).encode(), series)[0]


def chosen(records: Records, *segments: str) -> tuple[list[tuple[str, ...]], Counter[str]]:
    found, lacking = choose_files(records, segments)
    assert found.recnum.tolist() == records.recnum.tolist()
    assert len({id(names) for names in found.names}) <= len({id(names) for names in records.names})
    return [tuple(name.removesuffix(".fits") for name in names) for names in found.names], lacking


def test_files_come_in_the_order_of_the_series_and_unknown_ones_last() -> None:
    records = with_files(("new", "Br", "magnetogram", "older", "bitmap"))
    assert chosen(records) == ([("magnetogram", "bitmap", "Br", "new", "older")], Counter())
    # Files of an unknown series keep the order of the reply.
    other = with_files(("new", "Br", "magnetogram"), series="hmi.other")
    assert chosen(other) == ([("new", "Br", "magnetogram")], Counter())


def test_files_of_segments_and_patterns() -> None:
    records = with_files(("Br", "Bt", "bitmap"), ("Br", "Bt", "bitmap"))
    assert chosen(records, "bitmap", "br") == ([("bitmap", "Br")] * 2, Counter())
    assert chosen(records, "B?") == ([("Bt", "Br")] * 2, Counter())


def test_missing_segments_are_counted() -> None:
    records = with_files(("Br", "Bt"), ("Br",), (), ("Br", "Bt"))
    assert chosen(records, "Bt", "Br") == (
        [("Bt", "Br"), ("Br",), (), ("Bt", "Br")],
        Counter({"Bt": 2, "Br": 1}),
    )
    assert chosen(records, "*_err") == ([()] * 4, Counter({"*_err": 4}))
    assert chosen(records) == ([("Bt", "Br"), ("Br",), (), ("Bt", "Br")], Counter())


def test_without_records_no_segments_are_missing() -> None:
    assert chosen(with_files(), "Br") == ([], Counter())


def test_layout_a_has_one_file_without_segment() -> None:
    records, _ = read_records(b'[{"url": "http://h/HMI/sharp_720s/sharp_720s_20151211_182208"}]', "hmi.sharp_720s")
    found, lacking = choose_files(records, ())
    assert (found.names.tolist(), lacking) == ([("",)], Counter())
    found, lacking = choose_files(records, ("magnetogram",))
    assert (found.names.tolist(), lacking) == ([()], Counter({"magnetogram": 1}))


def test_the_first_url_of_each_segment_is_used() -> None:
    listed = [f"http://{host}/HMI/s/7/{name}.fits" for host, name in (("a", "Br"), ("b", "bitmap"), ("b", "Br"))]
    records, _ = read_records(json.dumps([{"urls": listed}]).encode(), SERIES)
    assert choose_files(records, ())[0].names.tolist() == [(listed[1], listed[0])]
    assert choose_files(records, ("br",))[0].names.tolist() == [(listed[0],)]
