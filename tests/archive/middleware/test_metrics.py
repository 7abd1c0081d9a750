"""Metrics for Prometheus: their values, bounds, and who may read them."""

from __future__ import annotations

import hashlib

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from sunpy_flarecast.archive import DemoArchive, Settings, running

TOKEN = "token-for-the-metrics"
HASHES = frozenset({hashlib.sha256(TOKEN.encode()).hexdigest()})

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-11T01:00:00Z"}


def figures(url, **named):
    """Return all samples by name, handler and status."""
    reply = requests.get(f"{url}/metrics", timeout=20, **named)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *(sample.labels[label] for label in ("handler", "status") if label in sample.labels)): (
            sample.value
        )
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_requests_seconds_and_bytes():
    with running(DemoArchive()) as url:
        for _ in range(3):
            rows = requests.get(f"{url}/HMI/720", params=RANGE, timeout=20).json()["data"]
        size = len(requests.get(rows[0]["urls"][0], timeout=60).content)
        assert requests.get(f"{url}/HMI/no", params=RANGE, timeout=20).status_code == 404
        assert requests.get(f"{url}/no/such/route", timeout=20).status_code == 404
        found = figures(url)
    assert found["flarecast_http_requests_total", "/HMI/{series}", "200"] == 3
    assert found["flarecast_http_requests_total", "/HMI/{series}", "404"] == 1
    assert found["flarecast_http_requests_total", "none", "404"] == 1
    assert found["flarecast_http_response_size_bytes_sum", "/HMI/{series}/{recnum}/{segment}.fits"] == size
    assert found["flarecast_http_request_duration_seconds_count", "/HMI/{series}"] == 4
    assert found["flarecast_http_request_duration_seconds_sum", "/HMI/{series}"] > 0


def test_errors_of_the_service():
    class Broken(DemoArchive):
        def records(self, series, start, end):
            raise RuntimeError("the disk is gone")

    with running(Broken()) as url:
        assert requests.get(f"{url}/HMI/720", params=RANGE, timeout=20).status_code == 500
        assert figures(url)["flarecast_http_requests_total", "/HMI/{series}", "500"] == 1


def test_applications_count_separately_and_clients_cannot_add_labels():
    with running(DemoArchive()) as first, running(DemoArchive()) as second:
        before = figures(second).keys()
        for number in range(20):
            requests.request(f"METHOD{number}", f"{first}/ui", timeout=20)
            requests.get(f"{first}/unknown/{number}", timeout=20)
        assert len(figures(first)) < len(figures(second)) + 10
        assert figures(second).keys() >= before


class TestAccess:
    def test_allowed_addresses(self):
        with running(DemoArchive(), settings=Settings(metrics_from=("127.0.0.0/8",))) as url:
            figures(url)
        with running(DemoArchive(), settings=Settings(metrics_from=("198.51.100.0/24",))) as url:
            reply = requests.get(f"{url}/metrics", timeout=20)
        assert reply.status_code == 403
        assert "--metrics-from" in reply.json()["message"]

    def test_clients_with_a_token(self):
        with running(DemoArchive(), settings=Settings(metrics_from=(), token_hashes=HASHES)) as url:
            assert requests.get(f"{url}/metrics", timeout=20).status_code == 403
            figures(url, headers={"Authorization": f"Bearer {TOKEN}"})

    def test_this_machine_without_a_token(self):
        with running(DemoArchive(), settings=Settings(token_hashes=HASHES)) as url:
            figures(url)

    def test_invalid_networks(self):
        with pytest.raises(ValueError, match=r"'10.0.0.300' is neither an address nor a network. Write, for example"):
            Settings(metrics_from=("10.0.0.300",))
