"""Keywords of many records: the number of records in each request, and missing records."""

from __future__ import annotations

import json
import threading
import time

import pytest
from faults import Layer, answer
from keyworded import HARPS, SERIES, one_at_a_time, recnum_of

from sunpy_flarecast import conf
from sunpy_flarecast.rest.keyword_requests import ask_all, keywords_of
from sunpy_flarecast.rest.service import Service

STEPS = 160
NUMBERS = [recnum_of(harp, step) for harp in HARPS for step in range(STEPS)]


def request_sizes(keyworded: Layer) -> list[int]:
    """Return the number of records in each request."""
    return [path.partition("?")[0].count(",") + 1 for _, path in keyworded.requests]


def test_many_records_share_a_request(keyworded: Layer) -> None:
    with Service() as service:
        values, failures = ask_all(service, SERIES, [*NUMBERS, NUMBERS[0]], ["meangam"])
        assert service.many
    assert failures == []
    assert sorted(values) == sorted(NUMBERS)
    assert values[recnum_of(6180, 7)] == {"meangam": 37.5}
    assert sorted(request_sizes(keyworded)) == [2, 18, 100, 100, 100]
    assert all(len(path) < 2000 for _, path in keyworded.requests)


def test_urls_have_a_bounded_length(keyworded: Layer) -> None:
    names = ["meangam", "errgam", "r_value", "npix", "usflux", "errvf", "noaa_ar", "noaa_ars"] * 20
    with Service() as service:
        values, failures = ask_all(service, SERIES, NUMBERS, names)
    assert failures == []
    assert len(values) == len(NUMBERS)
    assert max(len(conf.url + path) for _, path in keyworded.requests) <= 2000


@pytest.mark.parametrize("status", [400, 404, 422, 500])
def test_a_service_that_refuses_several_records_gets_single_requests(keyworded: Layer, status: int) -> None:
    keyworded.faults[","] = answer(b'{"message": "not a number"}', status=status)
    wanted = NUMBERS[:12]
    with conf.set_temp("max_retries", 1), Service() as service:
        values, failures = ask_all(service, SERIES, wanted, ["meangam"])
        assert service.many is False
        again, _ = ask_all(service, SERIES, wanted, ["meangam"])
    assert failures == []
    assert sorted(values) == sorted(again) == wanted
    several = [number for number in request_sizes(keyworded) if number > 1]
    assert several == [2] * (2 if status == 500 else 1)


def test_a_service_that_sends_only_the_first_record_gets_single_requests(keyworded: Layer) -> None:
    keyworded.faults[","] = one_at_a_time(keyworded)
    with Service() as service:
        values, failures = ask_all(service, SERIES, NUMBERS[:12], ["meangam"])
    assert failures == []
    assert sorted(values) == NUMBERS[:12]
    assert request_sizes(keyworded).count(2) == 1
    assert max(request_sizes(keyworded)) == 2


def test_unknown_records_do_not_affect_others(keyworded: Layer) -> None:
    lost = {NUMBERS[0] - 1, NUMBERS[-1] + 1}
    with Service() as service:
        values, failures = ask_all(service, SERIES, [NUMBERS[0] - 1, *NUMBERS, NUMBERS[-1] + 1], ["meangam"])
    assert sorted(values) == NUMBERS
    assert {number for numbers, _ in failures for number in numbers} == lost
    assert all("has no record" in error.reason for _, error in failures)
    assert len(keyworded.requests) < 30


def test_records_missing_from_a_reply_are_requested_again(keyworded: Layer) -> None:
    # It sends only a few records at a time, without an error.
    body = {number: json.dumps({"meta": {"meangam": number}}) for number in NUMBERS[2:100]}

    async def fault(scope: dict, send: object) -> None:
        wanted = [int(number) for number in scope["path"].rpartition("/")[2].split(",")][:40]
        text = ",".join(f'"{number}": {body[number]}' for number in wanted)
        await answer(f"{{{text}}}".encode())(scope, send)

    with Service() as service:
        ask_all(service, SERIES, NUMBERS[:2], ["meangam"])
        keyworded.clear()
        keyworded.faults["/meta/"] = fault
        values, failures = ask_all(service, SERIES, NUMBERS[2:100], ["meangam"])
    assert failures == []
    assert values == {number: {"meangam": number} for number in NUMBERS[2:100]}
    assert request_sizes(keyworded) == [98, 58, 18]


def test_missing_records_are_failures(keyworded: Layer) -> None:
    with Service() as service:
        ask_all(service, SERIES, NUMBERS[:2], ["meangam"])
        keyworded.faults["/meta/"] = answer(b"{}")
        values, failures = ask_all(service, SERIES, NUMBERS[2:6], ["meangam"])
    assert values == {}
    assert {number for numbers, _ in failures for number in numbers} == set(NUMBERS[2:6])
    assert "a reply without them" in str(failures[0][1])


def test_a_refused_field_does_not_cost_a_request_per_record(keyworded: Layer) -> None:
    with Service() as service:
        values, failures = ask_all(service, SERIES, NUMBERS, ["usfluxl"])
    assert values == {}
    assert sum(len(numbers) for numbers, _ in failures) == len(NUMBERS)
    assert "Unknown keyword 'usfluxl'" in str(failures[-1][1])
    assert len(keyworded.requests) == 9  # two records together, each alone, and six trials


def test_an_error_ends_pending_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        time.sleep(0.1)
        raise MemoryError

    before = set(threading.enumerate())
    with conf.set_temp("parallel_requests", 12), Service("http://127.0.0.1:9") as service:
        service.many = False
        monkeypatch.setattr(service, "meta", fails)
        with pytest.raises(MemoryError):
            ask_all(service, SERIES, range(40), ["usflux"])
    left = [one for one in threading.enumerate() if one not in before and one.name.startswith("sunpy_flarecast-")]
    for thread in left:
        thread.join(10)
    assert not any(thread.is_alive() for thread in left)


def test_an_unreachable_service_gets_no_request_for_each_record() -> None:
    with conf.set_temp("max_retries", 0), Service("http://127.0.0.1:9") as service:
        values, failures = ask_all(service, SERIES, range(10_000), ["usflux"])
    assert values == {}
    assert sum(len(numbers) for numbers, _ in failures) == 10_000
    assert "cannot be reached" in failures[0][1].reason


def test_a_fault_affects_only_its_own_records(keyworded: Layer) -> None:
    keyworded.faults[f"/meta/{NUMBERS[102]},"] = answer(b"busy", status=503)
    with conf.set_temp("max_retries", 1), Service() as service:
        values, failures = ask_all(service, SERIES, NUMBERS, ["meangam"])
    lost = {number for numbers, _ in failures for number in numbers}
    assert sorted(values) == [number for number in NUMBERS if number not in lost]
    assert len(lost) <= 100


def test_no_records_need_no_request(keyworded: Layer) -> None:
    with Service() as service:
        assert ask_all(service, SERIES, [], ["usflux"]) == ({}, [])
    assert keyworded.requests == []


def test_keywords_are_returned_in_parts(keyworded: Layer) -> None:
    with Service() as service:
        parts = [len(values) for values, _ in keywords_of(service, SERIES, NUMBERS, ["meangam"])]
    assert max(parts) <= 100
    assert sum(parts) == len(NUMBERS)
