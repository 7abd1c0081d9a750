"""Missing parts of searches: joined, described, and converted to JSON values and back."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
from dataclasses import replace
from typing import Any

import pytest
from astropy.time import Time, TimeDelta
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast import ReplyError, ServiceError, UnreachableError
from sunpy_flarecast.query.conditions import compared, good, noaa, without
from sunpy_flarecast.query.query import Query
from sunpy_flarecast.search.missing import Missing, as_plain, described, from_plain, joined

START = Time("2016-12-30")
QUERY = Query(series="hmi.sharp_720s", start=START, end=Time("2017-01-20"))
BUSY = ServiceError("The service is busy.", reason="busy")


def missing(first: float, last: float, *, error: ServiceError = BUSY, query: Query = QUERY) -> Missing:
    start, end = (START + TimeDelta(day, format="jd") for day in (first, last))
    return Missing(start=start, end=end, error=error, query=query)


def times(found: list[Missing]) -> list[tuple[float, float]]:
    return [tuple(round((time - START).to_value("day"), 3) for time in (one.start, one.end)) for one in found]


def test_adjoining_and_overlapping_intervals_are_joined() -> None:
    parts = [missing(0, 1.00001), missing(1, 2.00001), missing(3, 4), missing(4, 5)]
    assert times(joined(parts)) == [(0, 2), (3, 5)]
    assert joined([]) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), min_size=1, max_size=8))
def test_joining_does_not_change_the_missing_time(spans: list[tuple[int, int]]) -> None:
    whole = joined([missing(first, first + length) for first, length in spans])
    days = {day for first, length in spans for day in range(first, first + length)}
    assert {day for first, last in times(whole) for day in range(round(first), round(last))} == days
    assert all(one.end < other.start for one, other in itertools.pairwise(whole))


def test_intervals_of_other_reasons_or_queries_stay_apart() -> None:
    other = Query(series="hmi.sharp_720s", start=START, end=Time("2017-01-20"), harps=(1, 2))
    away = UnreachableError("Away.")
    assert len(joined([missing(0, 1), missing(1, 2, error=away), missing(2, 3, error=away, query=other)])) == 3
    # The same reason in other words, for another window.
    alike = ServiceError("The service was busy for the next window, too.", reason="busy")
    assert times(joined([missing(0, 1), missing(1, 2, error=alike)])) == [(0, 2)]


def test_a_text_lists_a_few_and_counts_the_others() -> None:
    text = described([missing(day, day + 1, error=ServiceError(f"reason {day}.")) for day in range(0, 12, 2)])
    assert text.startswith("Records of hmi.sharp_720s from 2016-12-30T00:00:00Z to 2016-12-31T00:00:00Z, ")
    assert "2017-01-03T" in text
    assert "2017-01-05T" not in text
    assert text.endswith(" and 3 more intervals are missing. Reason: reason 0 (and 5 others).")
    assert described([missing(day, day + 1) for day in range(0, 8, 2)]).endswith(
        " and 1 more interval are missing. Reason: busy."
    )


def test_a_gap_of_two_queries_is_named_once() -> None:
    other = Query(series="hmi.sharp_720s", start=START, end=QUERY.end, segments=("bitmap",))
    text = described([missing(0, 1), missing(1, 1.5), missing(0, 1, query=other), missing(1, 1.5, query=other)])
    assert text.count("from") == 1
    assert "from 2016-12-30T00:00:00Z to 2016-12-31T12:00:00Z" in text


def test_missing_ranges_are_readable_in_a_list() -> None:
    text = "hmi.sharp_720s from 2016-12-30T00:00:00Z to 2016-12-31T00:00:00Z: busy"
    assert str(missing(0, 1)) == text
    assert repr([missing(0, 1)]) == f"[<Missing: {text}>]"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_missing_parts_survive_copies(copied: Any) -> None:
    error = ReplyError("No list.", reason="no list", less_may_help=True)
    again = copied(missing(0, 1, error=error))
    assert str(again) == str(missing(0, 1, error=error))
    assert (type(again.error), str(again.error), again.error.less_may_help) == (ReplyError, "No list.", True)
    assert again.query == QUERY


_seconds = st.integers(0, 86400 * 3 * 10**6).map(lambda micros: START + TimeDelta(micros * 1e-6, format="sec"))
_queries = st.builds(
    Query,
    series=st.text(min_size=1),
    start=_seconds,
    end=_seconds,
    segments=st.lists(st.text()).map(tuple),
    harps=st.none() | st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1)),
    sample=st.none() | st.floats(1e-3, 1e9),
    near=st.none() | _seconds,
)


@given(st.lists(_queries, min_size=1, max_size=3), st.data())
def test_values_round_trip_through_json(queries: list[Query], data: st.DataObject) -> None:
    errors = st.builds(
        lambda kind, text, reason: kind(text, reason=reason),
        st.sampled_from([ServiceError, UnreachableError, ReplyError]),
        st.text(),
        st.text(min_size=1),
    )
    gaps = data.draw(
        st.lists(
            st.builds(Missing, start=_seconds, end=_seconds, error=errors, query=st.sampled_from(queries)), max_size=4
        )
    )
    # Times are rounded to nanoseconds once, and then stay the same.
    gaps, queries = from_plain(as_plain(gaps, queries))
    again, asked = from_plain(json.loads(json.dumps(as_plain(gaps, queries))))
    assert asked == queries
    assert [(one.start, one.end, one.query) for one in again] == [(one.start, one.end, one.query) for one in gaps]
    for one, other in zip(again, gaps, strict=True):
        assert type(one.error) is type(other.error)
        assert (str(one.error), one.error.reason) == (str(other.error), other.error.reason)


def test_the_leap_second_survives() -> None:
    query = Query(
        series="x", start=Time("2016-12-31T23:59:60.5", scale="utc"), end=Time("2017-01-01T00:00:37", scale="tai").utc
    )
    _, [again] = from_plain(as_plain([], [query]))
    assert again == query
    assert again.start.isot.startswith("2016-12-31T23:59:60.5")


def test_conditions_are_kept() -> None:
    conditions = (good(), without(5), noaa(12443), compared("usflux", ">", 1e22), compared("noaa_ars", "!=", "é'&\\"))
    query = replace(QUERY, conditions=conditions)
    _, [again] = from_plain(json.loads(json.dumps(as_plain([missing(0, 1, query=query)], [query]))))
    assert again.conditions == conditions
    plain = as_plain([], [QUERY])
    del plain["queries"][0]["conditions"]
    assert from_plain(plain)[1][0].conditions == ()


GOOD = as_plain([missing(0, 1)], [QUERY])


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"queries": GOOD["queries"]},
        {"queries": [], "missing": GOOD["missing"]},
        {"queries": [{**GOOD["queries"][0], "start": "yesterday"}], "missing": []},
        {"queries": [{**GOOD["queries"][0], "harps": [1]}], "missing": []},
        {"queries": [{**GOOD["queries"][0], "conditions": 5}], "missing": []},
        *(
            {"queries": [{**GOOD["queries"][0], "conditions": [condition]}], "missing": []}
            for condition in (
                {"keywords": ["usflux"], "operator": ">"},
                {"keywords": [5], "operator": ">", "value": 1},
                {"keywords": ["usflux"], "operator": ["lists"], "value": 1},
                {"keywords": ["usflux"], "operator": "import os", "value": 1},
            )
        ),
        {"queries": GOOD["queries"], "missing": [{**GOOD["missing"][0], "kind": "SystemExit"}]},
    ],
)
def test_other_values_raise_a_value_error(value: Any) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        from_plain(value)
