"""A search over years in which an archive has few days: windows without records need no request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from astropy.config import set_temp_cache
from astropy.time import TimeDelta
from faults import Layer, answer, pointed_at
from indexed import CEA, FIRST, header_of, name_of, tiny
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, Series, conf
from sunpy_flarecast.archive import DirectoryArchive, create_app, running
from sunpy_flarecast.sharp.t_rec import slot_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Steps with a record: the first, on a day's last and first step, and a single one after half a year.
STEPS = (0, 40 * 120 - 1, 40 * 120, 180 * 120 + 60)
DAYS = 200


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Layer]]:
    folder = tmp_path_factory.mktemp("few")
    for step in STEPS:
        tiny(folder / name_of(377, step, "Br"), **header_of(377, step))
    layer = Layer(create_app(DirectoryArchive(folder)))
    with running(layer) as url:
        yield url, layer


@pytest.fixture
def layer(_running: tuple[str, Layer]) -> Iterator[Layer]:
    with pointed_at(_running):
        yield _running[1]


def found() -> int:
    start = slot_time(FIRST)
    query = a.Time(start, start + TimeDelta(DAYS, format="jd")), Series(CEA)
    return len(FLARECASTClient().search(*query, progress=False))


def test_days_without_records_are_not_requested(layer: Layer) -> None:
    with conf.set_temp("parallel_requests", 1):
        assert found() == len(STEPS)
    assert layer.count("/days") == {"GET": 1}
    # Four empty windows, and two more around each day with records.
    assert len(layer.requests) < 1 + 4 + 4 * len(STEPS)


@pytest.mark.parametrize(
    "reply",
    [
        answer(b'{"detail": "Not Found"}', status=404),
        answer(b"[]"),
        answer(b'{"data": []}'),
        answer(b'[{"day": "2010-05-01"}]'),
        answer(b'[{"day": 3, "records": 1, "harps": 1}]'),
        answer(b"<html>"),
    ],
    ids=("404", "nothing", "no data", "no counts", "no dates", "HTML"),
)
def test_without_a_days_route_every_window_is_requested(layer: Layer, reply: Any) -> None:
    layer.faults["/days"] = reply
    assert found() == len(STEPS)
    assert layer.count("/days") == {"GET": 1}
    assert layer.count("start=")["GET"] >= DAYS


def test_a_failing_days_route_is_requested_once(layer: Layer) -> None:
    layer.faults["/days"] = answer(b"{}", status=503)
    assert found() == len(STEPS)
    assert layer.count("/days") == {"GET": 1}


def test_with_a_cache_every_window_is_requested(layer: Layer, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    with set_temp_cache(tmp_path / "cache"), conf.set_temp("cache", True):
        assert found() == len(STEPS)
        assert layer.count("/days") == {}


def test_a_short_search_does_not_request_days(layer: Layer) -> None:
    start = slot_time(FIRST)
    query = a.Time(start, start + TimeDelta(3, format="jd")), Series(CEA)
    assert len(FLARECASTClient().search(*query, progress=False)) == 1
    assert layer.count("/days") == {}
