"""The records of a range: the same for every service, time scale and window, checked with exact arithmetic."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time, TimeDelta
from faults import Layer, answer, pointed_at
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sunpy.net import attrs as a
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast import FLARECASTClient, FLARECASTResponse, MissingDataWarning, Series, ServiceError, conf
from sunpy_flarecast.archive import running
from sunpy_flarecast.sharp.t_rec import slot_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHARP, SMARP = "hmi.sharp_720s", "mdi.smarp_96m"

#: The slots of the records, around the leap second at the end of 2016: 2016-12-31T00:00:00 TAI is the first.
FIRST, COUNT = 1051800, 240
SLOTS = {SHARP: range(FIRST, FIRST + COUNT), SMARP: range(FIRST, FIRST + COUNT, 8)}

#: Milliseconds from T_REC to DATE-OBS, one for each record in turn.
DELAYS = {SHARP: (-74_000, -110_000, -41_300, -1), SMARP: (60_000, -2_879_000, 2_879_000, 0)}


class StoredRecord(NamedTuple):
    """A record of the test; times are in milliseconds since slot `FIRST`, in TAI."""

    recnum: int
    slot: int
    t_rec: int
    date: int


def stored_records(series: str) -> list[StoredRecord]:
    delays = DELAYS[series]
    return [
        StoredRecord(number, slot, (slot - FIRST) * 720_000, (slot - FIRST) * 720_000 + delays[number % len(delays)])
        for number, slot in enumerate(SLOTS[series], 1)
    ]


def times(milliseconds: Any, scale: str = "utc") -> Time:
    return getattr(slot_time(FIRST) + TimeDelta(np.asarray(milliseconds) / 1000, format="sec"), scale)


#: Rules by which services may select the records of a range, given the times as written in UTC, and the range.
RULES: dict[str, Callable[[str, str, str, str], bool]] = {
    "DATE-OBS": lambda date, t_rec, start, end: start <= date <= end,
    "DATE-OBS, without the end": lambda date, t_rec, start, end: start <= date < end,
    "DATE-OBS, without both": lambda date, t_rec, start, end: start < date < end,
    "T_REC": lambda date, t_rec, start, end: start <= t_rec <= end,
    "T_REC, without the end": lambda date, t_rec, start, end: start <= t_rec < end,
    "everything": lambda date, t_rec, start, end: True,
}


class Service:
    """A service that selects records by a rule, and sends the fields that a test needs."""

    def __init__(self) -> None:
        self.rule = "DATE-OBS"
        self.fields: tuple[str, ...] = ("t_rec_index", "date__obs")
        self.records: dict[str, list[dict[str, Any]]] = {}
        for series in (SHARP, SMARP):
            some = stored_records(series)
            dates, t_recs = (times([getattr(one, what) for one in some]).isot for what in ("date", "t_rec"))
            self.records[series] = [
                {
                    "recnum": one.recnum,
                    "t_rec_index": one.slot // (8 if series == SMARP else 1),
                    "date__obs": f"{date}Z",
                    "urls": [f"http://h/HMI/{series}/{one.recnum}/bitmap.fits"],
                    "utc": (date, t_rec),
                }
                for one, date, t_rec in zip(some, dates.tolist(), t_recs.tolist(), strict=True)
            ]

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        asked = parse_qs(scope["query_string"].decode())
        start, end = (asked[name][0].removesuffix("Z") for name in ("start", "end"))
        listed = [
            {name: one[name] for name in ("recnum", "urls", *self.fields)}
            for one in self.records[scope["path"].rpartition("/")[2]]
            if RULES[self.rule](*one["utc"], start, end)
        ]
        await answer(json.dumps(listed).encode())(scope, send)


@pytest.fixture(scope="module")
def _running() -> Iterator[tuple[str, Layer]]:
    layer = Layer(Service())
    with running(layer) as url:
        yield url, layer


@pytest.fixture
def layer(_running: tuple[str, Layer]) -> Iterator[Layer]:
    with pointed_at(_running):
        _running[1].app.rule, _running[1].app.fields = "DATE-OBS", ("t_rec_index", "date__obs")
        yield _running[1]


def numbers(*query: Any, series: str = SHARP) -> list[int]:
    return FLARECASTClient().search(*query, Series(series))["Record"].tolist()


#: Times in milliseconds since slot `FIRST`: anywhere, or at those of records.
INSTANTS = st.integers(0, (COUNT - 1) * 720_000) | st.builds(
    lambda step, off: step * 720_000 + off, st.integers(0, COUNT - 1), st.sampled_from([0, -74_000, -110_000, 60_000])
)


@given(
    ends=st.tuples(INSTANTS, INSTANTS).map(sorted),
    same=st.sampled_from([False, False, True]),
    scales=st.tuples(*[st.sampled_from(["utc", "tai", "tt", "tdb"])] * 2),
    series=st.sampled_from([SHARP, SMARP]),
    rule=st.sampled_from(sorted(RULES)),
    window=st.sampled_from([1.0, 0.3, 0.02]),
)
@example([0, 119 * 720_000], False, ("tai", "tai"), SHARP, "DATE-OBS", 1.0)
@example([720_000, 720_000], True, ("tai", "tai"), SHARP, "DATE-OBS, without both", 1.0)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore:Nothing was found")
def test_a_range_has_the_same_records_from_every_service(
    layer: Layer, ends: list[int], same: bool, scales: tuple[str, str], series: str, rule: str, window: float
) -> None:
    start, end = (ends[0], ends[0]) if same else ends
    first = times(start, scales[0])
    last = first if start == end else times(end, scales[1])
    layer.app.rule = rule
    with conf.set_temp("window", window):
        found = numbers(a.Time(first, last), series=series)
    assert found == [
        one.recnum for one in stored_records(series) if start <= one.t_rec <= end or start <= one.date <= end
    ]


@given(
    ends=st.tuples(INSTANTS, INSTANTS, INSTANTS).map(sorted),
    rule=st.sampled_from(sorted(RULES)),
    fields=st.sampled_from([("t_rec_index", "date__obs"), ("t_rec_index",), ("date__obs",)]),
    more=st.sampled_from([(), (a.Sample(50 * u.min),), (a.Sample(6 * u.min),)]),
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore:Nothing was found")
def test_neighbouring_ranges_have_the_records_of_the_whole(
    layer: Layer, ends: list[int], rule: str, fields: tuple[str, ...], more: tuple[Any, ...]
) -> None:
    first, middle, last = map(times, ends)
    layer.app.fields = fields
    whole = numbers(a.Time(first, last), *more)
    layer.app.rule = rule
    assert numbers(a.Time(first, last), *more) == whole
    if not more and ends[0] < ends[1] < ends[2]:
        early, late = numbers(a.Time(first, middle)), numbers(a.Time(middle, last))
        assert sorted({*early, *late}) == whole
        # A record at the common end, or one with T_REC on one side of it and DATE-OBS on the other.
        assert len({*early} & {*late}) <= 1


def test_t_rec_texts_as_ends_of_a_range(layer: Layer) -> None:
    day = numbers(a.Time("2016.12.31_00:00:00_TAI", "2016.12.31_23:48:00_TAI"))
    assert day == list(range(1, 121))
    assert numbers(a.Time("2017.01.01_00:00:00_TAI", "2017.01.01_00:00:00.000_TAI")) == [121]


def test_a_start_time_copied_from_a_table_finds_the_record(layer: Layer) -> None:
    record = {"recnum": 7, "urls": ["http://h/HMI/s/7/bitmap.fits"], "date__obs": "2016-12-31T05:00:08.799999Z"}
    layer.faults["start="] = answer(json.dumps([record]).encode())
    assert numbers(a.Time("2016-12-31T05:00:08.8", "2016-12-31T05:00:08.8")) == [7]


def test_missing_parts_are_reported_and_retried_without_the_margin(layer: Layer) -> None:
    time = a.Time("2016-12-31T00:00:00", "2017-01-02T00:00:00")
    layer.app.rule = "T_REC"
    whole = numbers(time)
    layer.clear()
    layer.faults["start=2016-12-30"] = answer(b"", status=410)
    with pytest.warns(MissingDataWarning, match="from 2016-12-31T00:00:00Z to 2017-01-01T00:00:00Z are missing"):
        table = FLARECASTClient().search(time, Series(SHARP))
    layer.clear()
    again: FLARECASTResponse = table.retry_missing(progress=False)
    assert again["Record"].tolist() == whole
    assert again.missing == []
    new, gone, reprocessed = again.difference(table)
    assert (len(new), len(gone), len(reprocessed)) == (len(again) - len(table), 0, 0)


def test_errors_and_missing_parts_of_samples_name_the_range_of_the_query(layer: Layer) -> None:
    day = "2016-12-31T00:00:00Z", "2017-01-01T00:00:00Z"
    query = a.Time("2016-12-31", "2017-01-01"), Series(SHARP), a.Sample(6 * u.hour)
    layer.faults["start="] = answer(b"", status=410)
    with pytest.raises(ServiceError, match=f"for records of {SHARP} from {day[0]} to {day[1]} failed"):
        FLARECASTClient().search(*query[:2])
    with pytest.raises(ServiceError, match=f"for records of {SHARP} from {day[0]} to "):
        FLARECASTClient().search(*query)
    layer.clear()
    layer.faults["start=2016-12-30"] = answer(b"", status=410)  # the second window is beyond the margin of samples
    with pytest.warns(MissingDataWarning, match=f"Records of {SHARP} from {day[0]} to .* are missing"):
        table = FLARECASTClient().search(*query)
    assert [one.start.isot for one in table.missing] == ["2016-12-31T00:00:00.000"]


def test_the_reason_of_an_empty_range_is_reported_once(layer: Layer) -> None:
    day, later = 1 * u.day, Time.now() + 30 * u.day
    for ends, text in (
        ((later, later + day), "lies in the future"),
        (("2005-01-01", "2005-01-02"), "before the first SHARPs .2010-05-01."),
        (("2016-12-31T01:00:00", "2016-12-31T01:00:00"), "UTC. To give a T_REC"),
        (("2016-12-31T01:00:00", "2016-12-31T01:00:01"), "has no records of hmi.sharp_720s from 2016-12-31T01:00:00"),
    ):
        with pytest.warns(SunpyUserWarning, match=f"Nothing was found. .*{text}") as caught:
            assert numbers(a.Time(*ends)) == []
        assert len(caught) == 1
