"""Replies with files or keywords are limited in memory and on disk."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from chaos import Chaos, serving
from chaosfiles import files_only, fits_bytes, get, name_of, names, path_of
from faults import Layer, answer
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, MissingDataWarning, Segment, Series, conf
from sunpy_flarecast.archive import DemoArchive, create_app, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

resource = pytest.importorskip("resource")

GOOD = fits_bytes(1)


@pytest.fixture
def chaos() -> Iterator[Chaos]:
    with serving(Chaos({path_of(0): GOOD})) as server, files_only(server.url):
        yield server


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def compressed(chaos: Chaos, body: bytes) -> None:
    """Send a compressed file, although the request does not accept it."""

    async def send(writer: Any, path: str, body: bytes, asked: Any, fault: str | None) -> bool:
        return await chaos._send(writer, 200, body, {"Content-Encoding": "gzip"})

    chaos.files[path_of(0)] = gzip.compress(body)
    chaos._answer = send  # type: ignore[method-assign]


def test_a_compressed_reply_gives_the_same_file(chaos: Chaos, tmp_path: Path) -> None:
    compressed(chaos, GOOD)
    assert get(chaos, tmp_path).errors == []
    assert (tmp_path / name_of(0)).read_bytes() == GOOD


def test_a_decompression_bomb_uses_little_memory_and_disk(chaos: Chaos, tmp_path: Path) -> None:
    compressed(chaos, GOOD + bytes(200_000_000))
    assert len(chaos.files[path_of(0)]) < 250_000
    tracemalloc.start()
    try:
        with file_size_limit(10_000_000):
            [error] = get(chaos, tmp_path).errors
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "the reply has no FITS header at byte" in str(error.exception)
    assert peak < 20_000_000
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"<html><title>Please log in</title>" + b" " * 30_000_000, 'but a web page titled "Please log in"'),
        (GOOD[:2880] + b" " * 30_000_000, "no FITS header at byte"),
        (b"SIMPLE  =".ljust(30_000_000), "has a header without an END card"),
        (GOOD + bytes(30_000_000), "has no FITS header at byte"),
    ],
    ids=["page", "extension", "header", "end"],
)
def test_transfers_longer_than_their_headers_say_are_aborted(
    chaos: Chaos, tmp_path: Path, content: bytes, part: str
) -> None:
    chaos.files[path_of(0)] = content
    with file_size_limit(10_000_000):
        [error] = get(chaos, tmp_path).errors
    assert part in str(error.exception)
    assert chaos.sent[path_of(0)] < len(content)  # in two attempts
    assert names(tmp_path) == []


def test_a_size_that_no_segment_has_is_refused_at_once(chaos: Chaos, tmp_path: Path) -> None:
    huge = GOOD.replace(b"NAXIS1  =                   40", b"NAXIS1  =             40000000")
    chaos.files[path_of(0)] = huge.ljust(1_000_000, b"\0")
    [error] = get(chaos, tmp_path).errors
    assert "its headers announce 6,400,008,000 bytes, but conf.file_size allows 500,000,000" in str(error.exception)
    assert chaos.count() == 1
    with conf.set_temp("file_size", 7000.0):
        [error] = get(chaos, tmp_path).errors
    assert "ends at byte 1,000,000 of 6,400,008,000" in str(error.exception)


@pytest.mark.parametrize("header", [("ETag", '"a\x7fb"'), ("Content-Range", f"bytes 0-9/{'9' * 5000}")])
def test_invalid_http_headers_are_harmless(chaos: Chaos, tmp_path: Path, header: tuple[str, str]) -> None:
    name, value = header
    chaos.files[path_of(0)] = large = fits_bytes(1, side=500)

    async def send(writer: Any, path: str, body: bytes, asked: dict[str, str], fault: str | None) -> bool:
        head = {"ETag": '"a"', name: value, "Content-Length": str(len(large))}
        if chaos.count() == 1:
            writer.write(_head(200, head) + large[:500_000])
            await writer.drain()
            return False
        return await chaos._send(writer, 206 if asked.get("range") else 200, large, {"ETag": '"a"', name: value})

    chaos._answer = send  # type: ignore[method-assign]
    with conf.set_temp("max_retries", 2):
        results = get(chaos, tmp_path)
    assert results.errors == []
    assert (tmp_path / name_of(0)).read_bytes() == large


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", *(f"{key}: {value}" for key, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


# --- Keywords ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _bare_service() -> Iterator[tuple[str, Layer]]:
    layer = Layer(create_app(DemoArchive(headers="bare", cached=16)))
    with running(layer) as url:
        yield url, layer


@pytest.fixture
def bare(_bare_service: tuple[str, Layer]) -> Iterator[Layer]:
    url, layer = _bare_service
    layer.clear()
    with conf.set_temp("url", url), conf.set_temp("max_retries", 0):
        yield layer


async def trickle(scope: dict[str, Any], send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(100):
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(0.01)
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(
    ("fault", "part"),
    [
        (answer(gzip.compress(bytes(20_000_000)), headers={"content-encoding": "gzip"}), "is larger than 1 MB"),
        (trickle, "was not complete after 0.1 s"),
    ],
    ids=["bomb", "trickle"],
)
def test_replies_with_keywords_have_the_limits_of_a_search(bare: Layer, tmp_path: Path, fault: Any, part: str) -> None:
    time = a.Time("2015-12-11T23:30", "2015-12-11T23:40")
    table = FLARECASTClient().search(time, Series("hmi.sharp_cea_720s"), Segment("Br"))[:1]
    bare.faults["/meta/"] = fault
    with (
        conf.set_temp("reply_size", 1.0),
        conf.set_temp("reply_timeout", 0.1),
        pytest.warns(MissingDataWarning, match=f"1 file lacks the keywords .*{part}"),
    ):
        files = Fido.fetch(table, path=tmp_path, progress=False)
    assert len(files) == 1
