"""The public demo service is used only while it runs."""

from __future__ import annotations

import gc

import pytest
import requests

import sunpy_flarecast
from sunpy_flarecast import conf, tour


def test_the_demo_service_is_used_until_it_is_closed() -> None:
    with conf.set_temp("url", "http://localhost:1"):
        service = sunpy_flarecast.demo_service()
        assert conf.url == service.url
        assert requests.get(f"{service.url}/openapi.json", timeout=60).ok
        assert repr(service) == f"<DemoService at {service.url}: synthetic SHARPs>"
        service.close()
        assert repr(service) == f"<DemoService at {service.url}: closed>"
        service.close()
        assert conf.url == "http://localhost:1"
        with pytest.raises(requests.ConnectionError):
            requests.get(service.url, timeout=60)


def test_the_end_of_a_block_closes_the_service() -> None:
    before = conf.url
    with sunpy_flarecast.demo_service() as service:
        assert conf.url == service.url
    assert conf.url == before


def test_an_unassigned_service_keeps_running() -> None:
    with conf.set_temp("url", "http://localhost:1"):
        sunpy_flarecast.demo_service()
        gc.collect()
        assert requests.get(f"{conf.url}/openapi.json", timeout=60).ok
        for service in list(tour._running):
            service.close()
