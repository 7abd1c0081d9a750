"""Figures for Prometheus: that they are right, and who gets them."""

from __future__ import annotations

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from sunpy_flarecast.archive import DemoArchive, Settings, create_app, running

TOKEN = "token-for-the-metrics"

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-11T01:00:00Z"}


def figures(url, **named):
    reply = requests.get(f"{url}/metrics", timeout=20, **named)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *(sample.labels.get(label) for label in ("route", "status", "kind") if label in sample.labels)): (
            sample.value
        )
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_requests_bytes_seconds_and_errors():
    with running(DemoArchive()) as url:
        listed = [requests.get(f"{url}/HMI/720", params=RANGE, timeout=20, stream=True) for _ in range(3)]
        size = sum(len(reply.raw.read(decode_content=False)) for reply in listed)
        for _ in range(2):
            assert requests.get(f"{url}/HMI/no", params=RANGE, timeout=20).status_code == 404
        assert requests.get(f"{url}/no/such/route", timeout=20).status_code == 404
        found = figures(url)
    route = "/HMI/{series}"
    assert found["flarecast_requests_total", route, "200"] == 3
    assert found["flarecast_requests_total", route, "404"] == 2
    assert found["flarecast_requests_total", "none", "404"] == 1
    assert found["flarecast_response_bytes_total", route] > size
    assert found["flarecast_request_seconds_count", route] == 5
    assert found["flarecast_request_seconds_sum", route] > 0
    assert not any(name == "flarecast_errors_total" for name, *_ in found)


def test_what_the_service_is_to_blame_for():
    class Broken(DemoArchive):
        def records(self, series, start, end):
            raise RuntimeError("the disk is gone")

        def keywords_of(self, series, recnums, names=None):
            raise RuntimeError("the disk is gone")

    with running(Broken()) as url:
        assert requests.get(f"{url}/HMI/720", params=RANGE, timeout=20).status_code == 500
        assert figures(url)["flarecast_errors_total", "/HMI/{series}", "failed"] == 1


def test_each_application_counts_its_own():
    with running(DemoArchive()) as first, running(DemoArchive()) as second:
        requests.get(f"{first}/ui", timeout=20)
        assert figures(first)["flarecast_requests_total", "/ui", "200"] == 1
        assert ("flarecast_requests_total", "/ui", "200") not in figures(second)


class TestWhoGetsThem:
    def test_not_those_from_elsewhere(self):
        elsewhere = {"X-Forwarded-For": "198.51.100.4"}
        with running(DemoArchive()) as url:
            reply = requests.get(f"{url}/metrics", headers=elsewhere, timeout=20)
        assert reply.status_code == 403
        assert "--metrics-from" in reply.json()["message"]

    def test_those_that_are_named(self):
        with running(DemoArchive(), settings=Settings(metrics_from=("198.51.100.0/24",))) as url:
            figures(url, headers={"X-Forwarded-For": "198.51.100.4"})
            assert requests.get(f"{url}/metrics", timeout=20).status_code == 403

    def test_those_with_a_token(self):
        settings = Settings(metrics_from=(), tokens=frozenset({TOKEN}))
        with running(DemoArchive(), settings=settings) as url:
            assert requests.get(f"{url}/metrics", timeout=20).status_code == 403
            figures(url, headers={"Authorization": f"Bearer {TOKEN}"})

    def test_this_machine_without_one(self):
        with running(DemoArchive(), settings=Settings(tokens=frozenset({TOKEN}))) as url:
            figures(url)

    def test_what_is_no_network(self):
        with pytest.raises(ValueError, match=r"'10.0.0.300' is no address and no network. Write, for example"):
            create_app(DemoArchive(), Settings(metrics_from=("10.0.0.300",)))
