"""Bounds on days and bodies of requests, and clients that split their searches."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import requests
from sunpy.net import Fido
from sunpy.net import attrs as a
from wire import connect, get, raw, received

import sunpy_flarecast
from sunpy_flarecast.archive import DemoArchive, Record, Settings, running

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-12T00:00:00Z"}


@pytest.fixture(scope="module")
def short(memory):
    with running(memory([Record(recnum=5, segments=("bitmap",))]), settings=Settings(max_days=10)) as url:
        yield url


class TestDays:
    @pytest.mark.parametrize(
        ("end", "status"),
        [
            ("2015-12-11", 200),
            ("2015-12-21T00:00:00Z", 200),
            ("2015-12-21T01:36:01Z", 200),  # parts may overlap, and clients add a margin
            ("2015-12-21T02:01:00Z", 413),
            ("2016-12-11", 413),
            ("9999-12-31T23:59:59Z", 413),
        ],
    )
    def test_longest_range(self, short, end, status):
        reply = get(f"{short}/HMI/720", params={**RANGE, "end": end})
        assert reply.status_code == status
        if status == 413:
            assert "request 2015-12-11T00:00:00Z to 2015-12-21T00:00:00Z first" in reply.json()["message"]

    @pytest.mark.parametrize("days", [0, -1, float("inf"), float("nan"), 1e12])
    def test_invalid_numbers_of_days(self, days):
        with pytest.raises(ValueError, match=r"max_days=.*: write a number of days, for example 40"):
            Settings(max_days=days)

    def test_the_largest_limit(self, memory):
        with running(memory([]), settings=Settings(max_days=999_999_999)) as url:
            assert get(f"{url}/HMI/720?start=0001-01-01&end=9999-12-31").json() == {"data": []}

    def test_no_limit_by_default(self, memory):
        with running(memory([])) as url:
            assert get(f"{url}/HMI/720?start=0001-01-01&end=9999-12-31").json() == {"data": []}

    def test_the_client_splits_its_search(self):
        """A search longer than the limit finds the same records as without a limit."""
        query = a.Time("2015-12-11", "2015-12-21"), a.flarecast.Series.hmi_sharp_720s, a.flarecast.HARPNUM(1, 10**6)
        with running(DemoArchive(), settings=Settings(max_days=2.5)) as url, sunpy_flarecast.conf.set_temp("url", url):
            found = Fido.search(*query)["flarecast"]
        whole = DemoArchive().records(
            "hmi.sharp_720s", datetime(2015, 12, 11, tzinfo=UTC), datetime(2015, 12, 21, tzinfo=UTC)
        )
        assert {record.recnum for record in whole} <= set(found["Record"].tolist())
        assert found.missing == []


class TestBodies:
    @pytest.mark.parametrize("header", [b"Content-Length: 70000", b"Transfer-Encoding: chunked"])
    def test_long_bodies_are_rejected(self, short, header):
        status, body = raw(short, b"GET /HMI HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
        assert (status, list(json.loads(body))) == (413, ["message"])

    def test_short_bodies_are_ignored(self, short):
        reply = requests.request("GET", f"{short}/HMI", data=b"a" * 1000, timeout=20)
        assert reply.status_code == 200


def test_several_requests_on_a_connection_one_after_the_other(short):
    """Pipelined requests are answered in order."""
    requests_sent = (
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 9 + b"GET /HMI HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    with connect(short) as connection:
        connection.sendall(requests_sent)
        answer = received(connection)
    assert (answer.count(b"HTTP/1.1 200 OK"), answer.count(b'"status":"ok"')) == (10, 9)
