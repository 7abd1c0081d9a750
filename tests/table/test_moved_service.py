"""A table whose service has moved: the message, and the use of a new URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from faults import Layer
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast import FLARECASTClient, FLARECASTResponse, QueryError, Segment, Series, UnreachableError, conf
from sunpy_flarecast.archive import DemoArchive, create_app, running

if TYPE_CHECKING:
    from pathlib import Path


def test_a_table_follows_its_service(tmp_path: Path) -> None:
    app = create_app(DemoArchive())
    with running(app) as old, conf.set_temp("url", old):
        time = a.Time("2015-12-11T23:30", "2015-12-11T23:40")
        kept = FLARECASTClient().search(time, Series("hmi.sharp_720s"), Segment("bitmap"))
        kept.write(tmp_path / "search.ecsv")
    table = FLARECASTResponse.read(tmp_path / "search.ecsv")
    layer = Layer(app)
    with running(layer) as new, conf.set_temp("url", new), conf.set_temp("max_retries", 0):
        advice = f"If this service has moved, set table.service to its URL, such as '{new}'."
        with pytest.raises(UnreachableError, match="cannot be reached") as caught:
            table.keywords("usflux", progress=False)
        assert str(caught.value).endswith(f"). {advice}")
        assert "conf.url" not in str(caught.value)
        report = sunpy_flarecast.fetch(table[:1], path=tmp_path / "{file}", passes=1, progress=False)
        assert report.failed[0].reason.endswith(f"Fetch it again to retry. {advice}")
        assert layer.requests == []
        table.service = conf.url
        assert len(table.keywords("usflux", progress=False)) == len(table)
        assert sunpy_flarecast.fetch(table[:1], path=tmp_path / "{file}", progress=False).complete
        assert len(table.retry_missing(progress=False)) == len(table)


def test_a_table_s_url_is_checked_and_has_no_password() -> None:
    table = FLARECASTResponse()
    table.service = "https://me:s3cret@sharps.example.org/flarecast/HMI/"
    assert table.service == table[:0].service == "https://sharps.example.org/flarecast"
    with pytest.raises(QueryError, match=r"'ftp://sharps\.example\.org' is not a valid http"):
        table.service = "ftp://sharps.example.org"
    table.service = ""
    assert table.service == ""
