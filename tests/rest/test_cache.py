"""The cache of lists: revalidation, use while the service is away, and harmless failures."""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
import stat
import subprocess
import sys
import warnings
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sunpy
from astropy.config import set_temp_cache
from faults import Layer, answer
from replying import SERIES, encoded, row
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast import (
    FLARECASTClient,
    MissingDataWarning,
    ServiceError,
    UnreachableError,
    clear_cache,
    conf,
)
from sunpy_flarecast.archive import running
from sunpy_flarecast.rest.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults import Fault

DAY = ("2015-12-11T00:00:00Z", "2015-12-12T00:00:00Z")
DAYS = a.Time("2015-12-11", "2015-12-15")
CCD = sunpy_flarecast.Series(SERIES)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """Use a separate cache for each test, and return its folder, which is made on first use."""
    (tmp_path / "cache").mkdir()
    with set_temp_cache(tmp_path / "cache"), conf.set_temp("cache", True), conf.set_temp("max_retries", 1):
        yield tmp_path / "cache" / "astropy" / "sunpy_flarecast"


@pytest.fixture
def served(demo: tuple[str, Layer]) -> Layer:
    """Serve one record for every window, without validators."""
    demo[1].faults["start="] = answer(encoded(row(7)))
    return demo[1]


def validated(body: bytes, tag: str) -> Fault:
    """Answer with a body and an ETag, or with 304 to requests that have it."""

    async def fault(scope: dict[str, Any], send: Any) -> None:
        same = (b"if-none-match", tag.encode()) in scope["headers"]
        await answer(b"" if same else body, status=304 if same else 200, headers={"etag": tag})(scope, send)

    return fault


async def answer_all(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve one record for every window."""
    await answer(encoded(row(7)))(scope, send)


def numbers(series: str = SERIES, window: tuple[str, str] = DAY, **options: Any) -> list[int]:
    with Service(**options) as service:
        return service.records(series, *window)[0].recnum.tolist()


def search(**options: Any) -> list[int]:
    return FLARECASTClient().search(DAYS, CCD, progress=False, **options)["Record"].tolist()


# --- When a list is requested again -----------------------------------------------------------------------------------


def test_the_cache_is_off_by_default(served: Layer, folder: Path) -> None:
    assert type(conf).cache.defaultvalue is False
    with conf.set_temp("cache", False):
        assert numbers() == numbers() == [7]
    assert len(served.requests) == 2
    assert not folder.exists()


def test_without_validators_a_list_is_used_for_some_hours(served: Layer) -> None:
    assert numbers() == numbers() == [7]
    assert len(served.requests) == 1
    served.faults["start="] = answer(encoded(row(7), row(8)))
    with conf.set_temp("cache_hours", 0.0):
        assert numbers() == [7, 8]
    assert numbers() == [7, 8]
    assert len(served.requests) == 2


def test_a_list_with_validators_is_revalidated_and_new_records_arrive(demo: tuple[str, Layer]) -> None:
    layer = demo[1]
    layer.faults["start="] = validated(encoded(row(7)), '"one"')
    assert numbers() == numbers() == numbers() == [7]
    assert [headers.get("if-none-match") for headers in layer.headers] == [None, '"one"', '"one"']
    layer.faults["start="] = validated(encoded(row(7), row(8)), '"two"')
    assert numbers() == numbers() == [7, 8]
    assert [headers.get("if-none-match") for headers in layer.headers[3:]] == ['"one"', '"two"']


def test_recent_windows_and_near_real_time_series_are_requested_each_time(served: Layer) -> None:
    now = datetime.now(UTC)
    lately = (f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}", f"{now:%Y-%m-%dT%H:%M:%SZ}")
    for _ in range(2):
        assert numbers(window=lately) == numbers("hmi.sharp_cea_720s_nrt") == [7]
    assert len(served.requests) == 4


def test_no_store_is_respected(served: Layer) -> None:
    served.faults["start="] = answer(encoded(row(7)), headers={"cache-control": "private, No-Store"})
    assert numbers() == numbers() == [7]
    assert len(served.requests) == 2


def test_errors_are_not_cached(served: Layer) -> None:
    served.faults["start="] = answer(b'{"message": "the index is being made"}')
    for _ in range(2):
        with pytest.raises(ServiceError, match="index"):
            numbers()
    assert len(served.requests) == 2


# --- While the service is away ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["", '"one"'])
def test_a_repeated_search_works_offline_with_a_warning(demo: tuple[str, Layer], tag: str) -> None:
    url, layer = demo
    layer.faults["start="] = validated(encoded(row(7)), tag) if tag else answer(encoded(row(7)))
    with conf.set_temp("cache_hours", 0.0):
        search()
        layer.faults["start="] = answer(b"busy", status=503)
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        with pytest.warns(MissingDataWarning, match=rf"4 of 4 windows come from the cache .* {today}.*503.*busy"):
            assert search() == [7]
        layer.faults["start="] = answer(b"no such series", status=404)
        with pytest.raises(ServiceError, match="404"):
            search()
        assert url == conf.url


def test_offline_cached_windows_are_used_and_others_are_missing(demo: tuple[str, Layer]) -> None:
    layer = demo[1]
    with conf.set_temp("cache_hours", 0.0), conf.set_temp("parallel_requests", 1):
        for number, day in enumerate(("10", "14"), 7):
            layer.faults[f"start=2015-12-{day}"] = answer(encoded(row(number)))
        layer.faults["start="] = answer(b"lost", status=410)
        with pytest.warns(MissingDataWarning, match="410"):
            assert search() == [7, 8]
        layer.faults.clear()
        layer.faults["start="] = answer(b"", status=503)
        with pytest.warns(MissingDataWarning) as caught:
            assert search() == [7, 8]
        texts = [str(one.message) for one in caught]
        assert texts[0].startswith("2 of 4 windows come from the cache (confirmed ")
        assert "from 2015-12-12T00:00:00Z to 2015-12-14T00:00:01Z are missing" in texts[1]


def test_an_unreachable_service_is_tried_only_once() -> None:
    layer = Layer(answer_all)
    with running(layer) as url, conf.set_temp("url", url):
        search()
    with conf.set_temp("url", url), conf.set_temp("cache_hours", 0.0), conf.set_temp("max_retries", 5):
        with pytest.warns(MissingDataWarning, match=r"4 of 4 windows come from the cache .* cannot be reached"):
            assert search() == [7]
        with Service() as service:
            assert service.records(SERIES, "2015-12-10T23:55:00Z", "2015-12-12T00:00:01Z")[0].recnum.tolist() == [7]
            with pytest.raises(UnreachableError, match="Not requested, since the service could no longer"):
                service.records(SERIES, "2014-12-12T00:00:00Z", "2014-12-13T00:00:00Z")


def test_strict_searches_do_not_use_outdated_lists() -> None:
    layer = Layer(answer_all)
    with running(layer) as url, conf.set_temp("url", url), conf.set_temp("cache_hours", 0.0):
        search(strict=True)
        layer.faults["start="] = answer(b"busy", status=503)
        with pytest.raises(ServiceError, match="busy"):
            search(strict=True)


# --- Separate lists for services and tokens ---------------------------------------------------------------------------


def test_services_and_tokens_have_their_own_lists_and_no_token_is_written(served: Layer, folder: Path) -> None:
    def asked() -> int:
        numbers()
        return len(served.requests)

    assert (asked(), asked()) == (1, 1)
    with conf.set_temp("token", "first-s3cret"):
        assert (asked(), asked()) == (2, 2)
    with conf.set_temp("token", "second-s3cret"):
        assert (asked(), asked()) == (3, 3)
    with conf.set_temp("url", conf.url.replace("://", "://me:s3cret@")):
        assert (asked(), asked()) == (4, 4)
    served.faults["start="] = answer(encoded(row(8)))
    with conf.set_temp("url", f"{conf.url}/other"):
        assert numbers() == [8]
    assert b"s3cret" not in b"".join(file.read_bytes() for file in folder.iterdir())


def test_the_folder_is_private(served: Layer, folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    numbers()
    if os.name == "posix":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_lists_are_compressed_and_the_size_is_bounded(served: Layer, folder: Path) -> None:
    served.faults["start="] = answer(body := encoded(*(row(number) for number in range(20_000))))
    numbers()
    assert (folder / "replies.db").stat().st_size < len(body) / 3
    noise = encoded(*(row(number, comment=os.urandom(500).hex()) for number in range(100)))
    served.faults["start="] = answer(noise)
    with conf.set_temp("cache_size", 0.5), Service() as service:
        for day in range(10, 28):
            service.records(SERIES, f"2015-11-{day}T00:00:00Z", f"2015-11-{day + 1}T00:00:00Z")
    assert (folder / "replies.db").stat().st_size < 0.8e6


def test_clear_cache_removes_all(served: Layer, folder: Path) -> None:
    assert clear_cache() == 0
    numbers()
    assert clear_cache() > 1000
    assert not list(folder.glob("replies*"))
    numbers()
    assert len(served.requests) == 2


# --- Concurrent processes ---------------------------------------------------------------------------------------------

#: Searches 10 days repeatedly, and prints the results and the log.
SEARCHES = """
import json, sys
import sunpy
from astropy.config import set_temp_cache
from sunpy.net import attrs as a
from sunpy_flarecast import FLARECASTClient, Series, conf

conf.url, conf.cache, conf.cache_hours = sys.argv[1], True, float(sys.argv[3])
print("ready", flush=True)
input()
with set_temp_cache(sys.argv[2]), sunpy.log.log_to_list() as records:
    found = [
        FLARECASTClient().search(a.Time("2015-12-01", "2015-12-11"), Series("hmi.sharp_720s"))["Record"].tolist()
        for _ in range(2)
    ]
print(json.dumps([found, [record.getMessage() for record in records if record.levelno > 20]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("hours", "clearing"), [(0.0, False), (24.0, True)])
def test_processes_share_the_cache_even_while_it_is_cleared(
    demo: tuple[str, Layer], folder: Path, hours: float, clearing: bool
) -> None:
    url, layer = demo

    async def by_day(scope: dict[str, Any], send: Any) -> None:
        day = int(re.search(rb"end=2015-12-(\d\d)", scope["query_string"])[1]) - 1
        await validated(encoded(row(day)), "" if hours else f'"{day}"')(scope, send)

    layer.faults["start="] = by_day
    command = [sys.executable, "-c", SEARCHES, url, str(folder.parent.parent), str(hours)]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(2)
        ]
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes if clearing else ():
            while process.poll() is None:
                clear_cache()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
        outputs = [json.loads(process.communicate()[0]) for process in processes]
    assert [found for found, _ in outputs] == [[[*range(1, 11)]] * 2] * 2
    if not clearing:
        assert [logged for _, logged in outputs] == [[], []]
        with conf.set_temp("cache_hours", hours):
            layer.clear()
            layer.faults["start="] = answer(b"busy", status=503)
            days = a.Time("2015-12-01", "2015-12-11")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", MissingDataWarning)
                assert FLARECASTClient().search(days, CCD, progress=False)["Record"].tolist() == [*range(1, 11)]


# --- Failures ---------------------------------------------------------------------------------------------------------


def logged_warnings(**options: Any) -> list[str]:
    with sunpy.log.log_to_list() as records:
        for _ in range(3):
            assert numbers(**options) == [7]
    return [record.message for record in records if record.levelno >= logging.WARNING]


def test_a_damaged_database_is_reported_and_harmless(served: Layer, folder: Path) -> None:
    numbers()
    for file in folder.glob("replies*"):
        file.write_bytes(b"no database at all" * 1000)
    texts = logged_warnings()
    assert len(texts) == 3  # once a search
    assert all("clear_cache()" in text and "not a database" in text for text in texts)
    assert len(served.requests) == 4


def test_a_folder_that_cannot_be_created_is_reported_and_harmless(served: Layer, folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file in its place")
    assert len(logged_warnings()) == 3


def test_a_damaged_entry_is_requested_again(served: Layer, folder: Path) -> None:
    numbers()
    with closing(sqlite3.connect(folder / "replies.db", isolation_level=None)) as database:
        database.execute("UPDATE streams SET chunk_data = ?", (b"\x78\x01 nothing that could be unpacked",))
    assert logged_warnings() == []
    assert len(served.requests) == 2


def test_a_database_with_damaged_pages_is_harmless(served: Layer, folder: Path) -> None:
    served.faults["start="] = answer(encoded(row(7, comment=os.urandom(200_000).hex())))
    numbers()
    [file] = folder.glob("replies.db")
    content = bytearray(file.read_bytes())
    content[16 * 4096 :] = os.urandom(len(content) - 16 * 4096)  # pages of the reply, not those of its headers
    file.write_bytes(content)
    assert logged_warnings()
    assert len(served.requests) > 1


@pytest.mark.parametrize("headers", [b"{}", b'{"x-confirmed": "x"}'])
def test_an_entry_of_another_kind_is_requested_again(served: Layer, folder: Path, headers: bytes) -> None:
    import msgpack

    numbers()
    with closing(sqlite3.connect(folder / "replies.db", isolation_level=None)) as database:
        [(data,)] = database.execute("SELECT data FROM entries").fetchall()
        entry = msgpack.unpackb(data)
        entry["response"]["headers"] = json.loads(headers)
        database.execute("UPDATE entries SET data = ?", (msgpack.packb(entry),))
    assert logged_warnings() == []
    assert len(served.requests) == 2


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hishel", None)
    with pytest.raises(ImportError, match=r"conf\.cache = True needs .*hishel.*\[cache\]"):
        Service()
    with conf.set_temp("cache", False):
        Service().close()
    assert Service(cached=False).url
