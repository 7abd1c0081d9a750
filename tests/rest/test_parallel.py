"""Parallel requests: one answer for each window, halved windows, and the end of requests to a failing service."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
from astropy.time import Time, TimeDelta
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_flarecast import ServiceError, UnreachableError, conf
from sunpy_flarecast.query.query import Query
from sunpy_flarecast.rest.parallel import answers
from sunpy_flarecast.rest.session import Patience
from sunpy_flarecast.search.windows import Window

SERIES = "hmi.sharp_720s"
START = Time("2015-12-11")


def windows(count: int, days: float = 1.0) -> list[Window]:
    query = Query(series=SERIES, start=START, end=START + TimeDelta(count * days, format="jd"))
    return [Window(SERIES, *ends) for ends in query.windows(days)]


class FakeService:
    """
    A replacement for `Service` that returns the times of a window, or raises the error returned by ``fails``.

    `Service` consults ``patience`` before a request, and informs it of replies.
    """

    def __init__(self, fails: Any = lambda window: None) -> None:
        self.windows: list[Window] = []
        self.fails = fails
        self.patience = Patience(1)
        self._lock = threading.Lock()

    def parallel(self, number: int) -> Patience:
        self.patience = Patience(number)
        return self.patience

    def __call__(self, number: int, window: Window) -> tuple[str, str]:
        self.patience.check()
        with self._lock:
            self.windows.append(window)
            error = self.fails(window)
        if error is not None:
            raise error
        self.patience.succeeded()
        return window.times


def too_much(hours: float) -> Any:
    return lambda window: ServiceError("413", less_may_help=True) if window.length > hours * 3600 + 5 else None


@pytest.mark.parametrize("parallel", [1, 3, 20])
def test_every_window_has_one_answer(parallel: int) -> None:
    service, wanted = FakeService(), windows(10)
    found = dict(answers(wanted, service, service.parallel(parallel)))
    assert sorted(found) == list(range(10))
    for number, window in enumerate(wanted):
        [piece] = found[number]
        assert (piece.window, piece.value, piece.error) == (window, window.times, None)
    assert len(service.windows) == 10


def test_no_windows_give_no_answers() -> None:
    assert list(answers([], FakeService(), Patience(2))) == []


def test_the_number_of_parallel_requests() -> None:
    together = threading.Barrier(4)
    found = list(answers(windows(8), lambda number, window: together.wait(timeout=60), Patience(4)))
    assert len(found) == 8  # otherwise the barrier breaks


def test_too_large_windows_are_halved_and_others_of_that_length_at_once() -> None:
    service = FakeService(too_much(6))
    found = dict(answers(windows(8), service, service.parallel(1)))
    for number, window in enumerate(windows(8)):
        pieces = found[number]
        assert len(pieces) == 4
        assert all(piece.error is None for piece in pieces)
        assert (pieces[0].window.times[0], pieces[-1].window.times[1]) == window.times
        for one, other in itertools.pairwise(pieces):
            assert one.window.end > other.window.start  # they overlap, since ends may be excluded
    whole = sum(window.length > 20 * 3600 for window in service.windows)
    assert whole == 3  # twice; and the last of all, which is a second shorter
    assert len(service.windows) < 8 * 4 + 10


@settings(max_examples=20)
@given(st.floats(0.01, 100.0), st.floats(0.9, 30.0))
def test_halves_cover_the_window_and_are_no_shorter_than_an_hour(hours: float, limit: float) -> None:
    window = Window(SERIES, START, START + TimeDelta(hours * 3600, format="sec"))
    [(_, pieces)] = answers([window], FakeService(too_much(limit)), Patience(1))
    assert (pieces[0].window.start, pieces[-1].window.end) == (window.start, window.end)
    for one, other in itertools.pairwise(pieces):
        assert one.window.end > other.window.start
    if len(pieces) > 1:
        assert min(piece.window.length for piece in pieces) > 3590


def test_an_hour_that_fails_is_missing_and_the_rest_of_the_window_is_there() -> None:
    bad = Time("2015-12-11T13:40:00")

    def fails(window: Window) -> ServiceError | None:
        return ServiceError("504", less_may_help=True) if window.start <= bad <= window.end else None

    service = FakeService(fails)
    [(_, pieces)] = answers(windows(1), service, patience := service.parallel(1))
    [missing] = [piece for piece in pieces if piece.error is not None]
    assert missing.window.start <= bad <= missing.window.end
    assert 3600 <= missing.window.length < 7200
    assert sum(window == missing.window for window in service.windows) == 1 + patience.policy.retries


def test_windows_are_not_halved_if_size_is_not_the_cause() -> None:
    service = FakeService(lambda window: ServiceError("busy"))
    [(_, [piece])] = answers(windows(1), service, service.parallel(1))
    assert str(piece.error) == "busy"
    assert len(service.windows) == 1


def test_while_all_windows_fail_each_is_tried_once() -> None:
    good = START + TimeDelta(30, format="jd")
    service = FakeService(lambda window: ServiceError("504", less_may_help=True) if window.start < good else None)
    with conf.set_temp("max_retries", 2):
        found = dict(answers(windows(40), service, service.parallel(1)))
    assert sum(piece.error is None for pieces in found.values() for piece in pieces) == 10
    # The hours of the first window, and each of the others once.
    assert all(len(found[number]) == 1 for number in range(2, 30))
    assert len(service.windows) < 40 + 20


def test_an_unreachable_service_gets_no_more_requests() -> None:
    gone = UnreachableError("There is no service.", reason="refused", lasting=True, away=True)
    service = FakeService(lambda window: gone)
    found = dict(answers(windows(100), service, service.parallel(2)))
    assert len(service.windows) <= 3
    message = str(found[99][0].error)
    assert message.startswith("Not requested, since the service could no longer be reached. There is no service.")
    assert isinstance(found[99][0].error, UnreachableError)


def test_requests_continue_after_a_closed_connection() -> None:
    service = FakeService(
        lambda window: UnreachableError("Closed.", reason="closed", lasting=True) if window.start == START else None
    )
    found = dict(answers(windows(20), service, service.parallel(2)))
    assert [number for number, [piece] in found.items() if piece.error is not None] == [0]


def test_requests_end_when_stopped() -> None:
    patience = Patience(1)

    def too_much_then_stop(window: Window) -> ServiceError | None:
        if window.length > 20 * 3600:
            return ServiceError("413", less_may_help=True)
        patience.stop()
        return None

    service = FakeService(too_much_then_stop)
    [number, pieces] = next(answers(windows(9), service, patience))
    assert (number, len(pieces), len(service.windows)) == (0, 1, 2)


def test_a_service_that_goes_away_gets_no_more_requests() -> None:
    away = START + TimeDelta(5, format="jd")
    gone = UnreachableError("Gone.", reason="refused", lasting=True)
    service = FakeService(lambda window: None if window.start < away else gone)
    found = dict(answers(windows(100), service, service.parallel(1)))
    assert len(service.windows) == 5 + 2
    assert sorted(number for number, [piece] in found.items() if piece.error is None) == list(range(5))


def test_lasting_refusals_end_the_requests_and_temporary_ones_do_not() -> None:
    service = FakeService(lambda window: ServiceError("404", lasting=True))
    found = dict(answers(windows(100), service, service.parallel(1)))
    assert len(service.windows) == 2
    assert "refused all requests" in str(found[50][0].error)
    busy = FakeService(lambda window: ServiceError("503"))
    list(answers(windows(20), busy, busy.parallel(1)))
    assert len(busy.windows) == 20


def test_a_refusal_after_an_answer_affects_one_window() -> None:
    good = windows(20)[0].start
    service = FakeService(lambda window: None if window.start == good else ServiceError("404", lasting=True))
    list(answers(windows(20), service, service.parallel(1)))
    assert len(service.windows) == 20


def test_other_exceptions_are_raised_and_end_the_requests() -> None:
    patience = Patience(1)
    service = FakeService(lambda window: ZeroDivisionError("a fault of ours"))
    with pytest.raises(ZeroDivisionError, match="of ours"):
        list(answers(windows(50), service, patience))
    assert patience.stopped
    assert len(service.windows) == 1


def test_closing_the_iterator_ends_the_requests() -> None:
    patience = Patience(1)
    coming = answers(windows(2), FakeService(), patience)
    next(coming)
    coming.close()
    assert patience.stopped
    patience.wait(50, asked="1000000000")  # returns at once
