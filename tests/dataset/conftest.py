"""A small service with a few files of the demo, and arguments to build data sets from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import pytest
from astropy.table import Table
from counting import QUERY, Counting
from faults import Layer, pointed_at

from sunpy_flarecast import FLARECASTClient, conf, fetch
from sunpy_flarecast.archive import DirectoryArchive, create_app, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def _small_service(_demo_service: tuple[str, Layer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("small")
    with conf.set_temp("url", _demo_service[0]):
        found = FLARECASTClient().search(*QUERY, progress=False)
        assert fetch(found, path=folder, progress=False).files
    layer = Counting(create_app(DirectoryArchive(folder)))
    with running(layer) as url:
        yield url, layer, folder


@pytest.fixture
def small(_small_service: Any) -> Iterator[Counting]:
    """Serve the files of `QUERY`; otherwise like `demo`."""
    with pointed_at(_small_service[:2]):
        yield _small_service[1]


@pytest.fixture
def small_files(_small_service: Any) -> Any:
    """Return the folder of these files."""
    return _small_service[2]


@pytest.fixture(scope="session")
def small_flares() -> Table:
    """Return a list of flares of the regions of `QUERY`."""
    return Table({
        "peak_time": ["2015-12-10T12:00", "2015-12-11T15:00", "2015-12-12T20:00", "2015-12-13T12:00"],
        "class": ["C1.0", "M2.0", "C5.0", "C2.0"],
        "noaa": [12463, 12463, 12465, 0],
    })  # fmt: skip


@pytest.fixture
def arguments(small_flares: Table) -> dict[str, Any]:
    """Return the arguments of `dataset.build` except the query."""
    return {
        "flares": small_flares,
        "windows": [12, 24] * u.hour,
        "split": {"train": 0.7, "test": 0.3},
        "shard_records": 2,
        "progress": False,
    }
