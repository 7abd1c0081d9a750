"""Fixtures of the tests of `DemoArchive`: an archive, and the records of an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sunpy_flarecast.archive import DemoArchive

DAY = datetime(2014, 2, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def archive():
    return DemoArchive(cached=20)


@pytest.fixture(scope="session")
def an_hour(archive):
    """Return a function that lists the records of an hour."""

    def inner(series, start=DAY):
        return list(archive.records(series, start, start + timedelta(hours=1)))

    return inner
