"""Fixtures of several test modules: real data, and services of synthetic SHARPs."""

from __future__ import annotations

import signal
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.io import fits
from faults import Layer, pointed_at
from hypothesis import settings
from indexed import header_of, name_of, tiny
from jsoc import JSOC, JSOCRecord, jsoc_record
from keyworded import fill

from sunpy_flarecast import conf
from sunpy_flarecast.archive import DemoArchive, DirectoryArchive, create_app, running
from sunpy_flarecast.config import TOKEN_VARIABLE, URL_VARIABLE
from sunpy_flarecast.sharp.filenames import file_name
from sunpy_flarecast.utils.cluster import in_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Client

# Tests in the background of a shell ignore Ctrl-C, and so do their child processes; some tests need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("sunpy_flarecast", deadline=None, max_examples=50)
settings.load_profile("sunpy_flarecast")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run a few tests in this process: workers take longer to start."""
    return 0 if config.args != config.getini("testpaths") else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real data beside the project."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the folder ../shared with real data is missing")
    return folder


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate tests from the developer's service and terminal."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LINES", "50")


@pytest.fixture(autouse=True)
def _retry_at_once() -> Iterator[None]:
    """Retry at once; the waiting times have tests of their own."""
    with conf.set_temp("retry_wait", 0.01):
        yield


@pytest.fixture(scope="session")
def cluster() -> Iterator[Client]:
    """Provide the client of a Dask cluster of two processes that quickly releases the leases of dead workers."""
    import dask

    with dask.config.set({"distributed.scheduler.locks.lease-timeout": "2s"}), in_cluster(workers=2) as client:
        yield client


@pytest.fixture(scope="session")
def _demo_service() -> Iterator[tuple[str, Layer]]:
    layer = Layer(create_app(DemoArchive()))
    with running(layer) as url:
        yield url, layer


@pytest.fixture
def demo(_demo_service: tuple[str, Layer]) -> Iterator[tuple[str, Layer]]:
    """Serve synthetic SHARPs; yields the URL, also set as ``conf.url``, and the layer that counts and makes faults."""
    with pointed_at(_demo_service):
        yield _demo_service


@pytest.fixture(scope="session")
def _many_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Layer]]:
    folder = tmp_path_factory.mktemp("many")
    for number in range(500):
        # The pixels of all files differ, so that a file under a wrong name is noticed.
        name = file_name("hmi.sharp_cea_720s", "Br", harpnum=6178, slot=1005481 + number)
        fits.PrimaryHDU(np.full((20, 20), number, dtype=np.int32)).writeto(folder / name)
    layer = Layer(create_app(DirectoryArchive(folder)))
    with running(layer) as url:
        yield url, layer


@pytest.fixture
def many(_many_service: tuple[str, Layer]) -> Iterator[tuple[str, Layer]]:
    """Serve 500 small files of one HARP, one per record, from 2015-12-11; otherwise like `demo`.

    The service has no keywords for them, and none are requested.
    """
    with pointed_at(_many_service), conf.set_temp("complete_headers", False):
        yield _many_service


@pytest.fixture(scope="module")
def _keyworded_service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Layer]]:
    folder = tmp_path_factory.mktemp("keyworded")
    fill(folder, request.module.STEPS)
    layer = Layer(create_app(DirectoryArchive(folder)))
    with running(layer) as url:
        yield url, layer


@pytest.fixture
def keyworded(_keyworded_service: tuple[str, Layer]) -> Iterator[Layer]:
    """Serve the small files of `keyworded.fill`; the test module's ``STEPS`` is the number of time steps."""
    with pointed_at(_keyworded_service):
        yield _keyworded_service[1]


JSOC_SERIES = "hmi.sharp_cea_720s"

#: T_REC 2015-12-11T00:00:00 TAI, the first slot of its day.
JSOC_FIRST = 1005480


def sky() -> list[JSOCRecord]:
    """Return two HARPs, three segments each, every two hours from 22:00 to 04:00 TAI over midnight."""
    return [
        jsoc_record(JSOC_SERIES, harp, JSOC_FIRST + 110 + 10 * step, 5_600_000 + 100 * harp + step, "Bp", "Bt", "Br")
        for step in range(4)
        for harp in (6178, 6180)
    ]


@pytest.fixture
def jsoc() -> Iterator[tuple[str, Layer, JSOC]]:
    """Serve a small JSOC; yields its URL, the layer that counts and makes faults, and its content."""
    server = JSOC(sky())
    layer = Layer(server)
    with running(layer) as url:
        yield url, layer, server


@pytest.fixture
def tree() -> Callable[[Path], dict[str, bytes]]:
    """Return a function that reads all files of a folder except the index."""

    def tree(folder: Path) -> dict[str, bytes]:
        return {
            str(file.relative_to(folder)): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file() and "index" not in file.name
        }

    return tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder of two records with two files each."""
    folder = tmp_path / "root"
    for step in range(2):
        tiny(folder / "a" / name_of(377, step, "Bp"), **header_of(377, step, RECNUM=100 + step, QUALITY=0))
        tiny(folder / "a" / name_of(377, step, "Br"), pixel=step)
    return folder


@pytest.fixture(scope="session")
def shared_data(shared: Path) -> Path:
    return shared / "data"


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[str]:
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    pytest.importorskip("s3fs")
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(_s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Serve object storage with the S3 interface; yields the URL of a new bucket."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": _s3_server,
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"tests-{uuid.uuid4().hex}"
    s3fs.S3FileSystem().mkdir(bucket)
    return f"s3://{bucket}"
