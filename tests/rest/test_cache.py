"""The cache of finished windows: what is kept, what is dropped, and that it never harms a search."""

from __future__ import annotations

import gzip
import logging
import multiprocessing
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from astropy.config import set_temp_cache
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast import FLARECASTClient, clear_cache, conf
from sunpy_flarecast.rest import cache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults import Layer

URL = "http://localhost:8001/HMI/hmi.sharp_720s?start=a&end=b&meta=false"
BODY = b'[{"recnum": 7, "urls": ["http://localhost:8001/HMI/hmi.sharp_720s/7/bitmap.fits"]}]' * 50


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Use a cache of its own for each test; gives the folder, which is made with the first entry."""
    (tmp_path / "cache").mkdir()
    monkeypatch.setattr(cache, "_told", set())
    with set_temp_cache(tmp_path / "cache"), conf.set_temp("cache", True):
        yield cache._folder()


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def incompressible(size: int) -> bytes:
    return os.urandom(size)


# --- Which windows ------------------------------------------------------------------------------------------------


def test_off_by_default() -> None:
    assert type(conf).cache.defaultvalue is False
    with conf.set_temp("cache", False):
        assert not cache.usable("hmi.sharp_720s", Time("2015-12-11"))
    assert cache.usable("hmi.sharp_720s", Time("2015-12-11"))


@pytest.mark.parametrize("series", ["hmi.sharp_720s_nrt", "sharp_cea_720s_nrt", "HMI.SHARP_720s_NRT", "x_nrt"])
def test_never_near_real_time(series: str) -> None:
    assert not cache.usable(series, Time("2015-12-11"))


def test_only_what_ended_long_ago() -> None:
    day = 86400.0
    now = Time.now()
    for scale in ("utc", "tai"):
        assert cache.usable("hmi.sharp_720s", getattr(Time(now.unix - 31 * day, format="unix"), scale))
        assert not cache.usable("hmi.sharp_720s", getattr(Time(now.unix - 29 * day, format="unix"), scale))
    assert not cache.usable("hmi.sharp_720s", Time(2506331.5, format="jd"))  # in 2150
    with conf.set_temp("cache_settled", 1.0):
        assert cache.usable("hmi.sharp_720s", Time(now.unix - 2 * day, format="unix"))


# --- Entries ------------------------------------------------------------------------------------------------------


def test_what_was_kept_is_found(folder: Path) -> None:
    assert cache.lookup(URL) is None
    cache.keep(URL, BODY)
    assert cache.lookup(URL) == BODY
    assert cache.lookup(URL.replace("end=b", "end=c")) is None
    assert cache.lookup(URL.replace("localhost", "otherhost")) is None
    [path] = entries(folder)
    assert path.stat().st_size < len(BODY) / 10
    cache.keep(URL, b"[]")
    assert cache.lookup(URL) == b"[]"
    assert entries(folder) == [path]


@given(body=st.binary(max_size=2000))
def test_any_body(body: bytes) -> None:
    cache.keep(URL, body)
    assert cache.lookup(URL) == body


def test_passwords_are_not_written(folder: Path) -> None:
    secret = URL.replace("://", "://me:top@secret@")
    cache.keep(secret, BODY)
    assert cache.lookup(URL) == cache.lookup(secret) == BODY
    [path] = entries(folder)
    assert path.read_bytes().startswith(b"sunpy_flarecast cache 1\n" + URL.encode() + b"\n")
    assert b"secret" not in path.read_bytes()


def swapped(data: bytes) -> bytes:
    """Change one bit in the middle of the compressed body."""
    place = len(data) - 40
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


DAMAGE = {
    "empty": lambda _: b"",
    "truncated": lambda data: data[:-9],
    "without checksum": lambda data: data[:-8],
    "only the head": lambda data: data[: data.index(b"\n", len(URL) + 30) + 1],
    "a bit swapped": swapped,
    "zeros, as after a power failure": lambda data: bytes(len(data)),
    "of another URL": lambda data: data.replace(b"start=a", b"start=z"),
    "of another version": lambda data: data.replace(b"cache 1\n", b"cache 2\n"),
    "no length": lambda data: data.replace(b"\n%d\n" % len(BODY), b"\nmany\n"),
    "longer than told": lambda data: data.replace(b"\n%d\n" % len(BODY), b"\n%d\n" % (len(BODY) - 1)),
    "shorter than told": lambda data: data.replace(b"\n%d\n" % len(BODY), b"\n%d\n" % (len(BODY) + 1)),
    "absurdly long": lambda data: data.replace(b"\n%d\n" % len(BODY), b"\n%d\n" % 10**30),
    "plain gzip": lambda _: gzip.compress(BODY),
    "something else": lambda _: b"<html>" * 100,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_entries_are_dropped(folder: Path, damage: str) -> None:
    cache.keep(URL, BODY)
    [path] = entries(folder)
    damaged = DAMAGE[damage](path.read_bytes())
    assert damaged != path.read_bytes()
    path.write_bytes(damaged)
    assert cache.lookup(URL) is None
    assert entries(folder) == []
    cache.keep(URL, BODY)
    assert cache.lookup(URL) == BODY


# --- Size ---------------------------------------------------------------------------------------------------------


def aged(folder: Path, seconds: float) -> None:
    """Make all entries older, as they would be after some time."""
    for path in entries(folder):
        used = path.stat().st_mtime - seconds
        os.utime(path, (used, used))


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in entries(folder))


def test_the_least_recently_used_go_first(folder: Path) -> None:
    with conf.set_temp("cache_size", 0.05):
        for number in range(4):
            cache.keep(f"{URL}{number}", incompressible(10_000))
            aged(folder, 100)
        assert cache.lookup(f"{URL}0") is not None  # so that it is used last
        for number in range(4, 7):
            cache.keep(f"{URL}{number}", incompressible(10_000))
            assert size(folder) <= 50_000
        found = [number for number in range(7) if cache.lookup(f"{URL}{number}") is not None]
    assert found[0] == 0
    assert 6 in found
    assert {1, 2}.isdisjoint(found)


def test_the_size_is_kept_without_looking_each_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    files = cache._files
    monkeypatch.setattr(cache, "_files", lambda folder: looks.append(folder) or files(folder))
    with conf.set_temp("cache_size", 0.2):
        for number in range(500):
            cache.keep(f"{URL}{number}", incompressible(1000))
            assert number % 50 or size(folder) <= 200_000
        assert size(folder) > 100_000
    assert len(looks) <= 40


def test_other_processes_entries_count(folder: Path) -> None:
    with conf.set_temp("cache_size", 0.1):
        cache.keep(URL, BODY)
        entry = entries(folder)[0].read_bytes()
        for number in range(30):  # as another process would
            (folder / f"{number:064x}.reply").write_bytes(entry + bytes(5000))
        aged(folder, 100)
        for number in range(15):
            cache.keep(f"{URL}{number}", incompressible(1000))
        assert size(folder) <= 100_000


def test_a_smaller_size_holds_at_once(folder: Path) -> None:
    for number in range(20):
        cache.keep(f"{URL}{number}", incompressible(5000))
    with conf.set_temp("cache_size", 0.02):
        cache.keep(URL, BODY)
        assert size(folder) <= 20_000
        assert cache.lookup(URL) == BODY


@pytest.mark.parametrize("limit", [0.0, 0.0001])
def test_what_is_larger_than_the_cache_is_not_kept(folder: Path, limit: float) -> None:
    with conf.set_temp("cache_size", limit):
        cache.keep(URL, BODY)
        assert cache.lookup(URL) is None
    assert entries(folder) == []


def test_remains_of_killed_processes_are_removed_and_nothing_else(folder: Path) -> None:
    cache.keep(URL, BODY)
    [entry] = entries(folder)
    old, young, foreign = (
        folder / name for name in (f"{entry.name}.{'0' * 16}.tmp", f"{entry.name}.{'1' * 16}.tmp", "a")
    )
    for path in (old, young, foreign):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 7200,) * 2)
    with conf.set_temp("cache_size", 500.0):
        cache.keep(URL, BODY)
    assert entries(folder) == sorted([foreign, entry, young])


# --- Clearing -----------------------------------------------------------------------------------------------------


def test_clearing(folder: Path) -> None:
    assert clear_cache() == 0
    for number in range(3):
        cache.keep(f"{URL}{number}", BODY)
    held = size(folder)
    assert clear_cache() == held > 0
    assert not folder.exists()
    assert cache.lookup(f"{URL}0") is None
    cache.keep(URL, BODY)
    assert cache.lookup(URL) == BODY


def test_clearing_leaves_what_is_not_its_own(folder: Path) -> None:
    cache.keep(URL, BODY)
    (folder / "notes.txt").write_text("mine")
    sunpy_flarecast.clear_cache()
    assert [path.name for path in entries(folder)] == ["notes.txt"]


# --- Disks that do not work ---------------------------------------------------------------------------------------


class Heard(logging.Handler):
    """Collect what is logged at warning and above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def heard() -> Iterator[list[str]]:
    handler = Heard()
    log = logging.getLogger("sunpy")
    log.addHandler(handler)
    yield handler.texts
    log.removeHandler(handler)


def test_a_cache_that_cannot_be_written_is_told_once(folder: Path, heard: list[str]) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file in the place of the folder")
    for number in range(3):
        cache.keep(f"{URL}{number}", BODY)
    assert len(heard) == 1
    assert "conf.cache = False" in heard[0]
    assert "cannot be written" in heard[0]
    for number in range(3):
        assert cache.lookup(f"{URL}{number}") is None
    assert len(heard) <= 2


def test_a_full_disk(folder: Path, heard: list[str]) -> None:
    resource = pytest.importorskip("resource")
    cache.keep(URL, BODY)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Writing past the limit fails as writing to a full disk does (Python ignores the signal).
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        for number in range(3):
            cache.keep(f"{URL}{number}", incompressible(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(heard) == 1
    assert len(entries(folder)) == 1  # and no remains
    assert cache.lookup(URL) == BODY


def test_an_entry_that_cannot_be_read(folder: Path, heard: list[str]) -> None:
    cache.keep(URL, BODY)
    [path] = entries(folder)
    path.unlink()
    path.mkdir()
    assert cache.lookup(URL) is None
    cache.keep(URL, BODY)
    assert 1 <= len(heard) <= 2


# --- At the same time ---------------------------------------------------------------------------------------------


def body_of(number: int) -> bytes:
    return b"%d " % number * 2000


def hammered(where: str, first: int) -> int:
    """Keep and look up in a cache that is too small for all; tell how many bodies were wrong."""
    wrong = 0
    with set_temp_cache(where), conf.set_temp("cache_size", 0.004):
        for step in range(300):
            number = (first + step) % 40
            if step % 3 == 0:
                cache.keep(f"{URL}{number}", body_of(number))
            elif (body := cache.lookup(f"{URL}{number}")) is not None and body != body_of(number):
                wrong += 1
            if step == 150 and first == 0:
                clear_cache()
    return wrong


def test_several_processes(folder: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.starmap(hammered, [(str(folder.parent), first) for first in (0, 10)]) == [0, 0]
    assert not [path for path in entries(folder) if path.suffix == ".tmp"]
    assert size(folder) <= 4000 * 1.3


def test_several_threads(folder: Path) -> None:
    wrong = []

    def work(first: int) -> None:
        for step in range(200):
            number = (first + step) % 40
            cache.keep(f"{URL}{number}", body_of(number))
            body = cache.lookup(f"{URL}{number}")
            wrong.extend([number] * (body is not None and body != body_of(number)))

    with conf.set_temp("cache_size", 0.004):
        threads = [threading.Thread(target=work, args=(10 * number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert 0 < size(folder) <= 4000


# --- With a service -----------------------------------------------------------------------------------------------


def found(start: str, end: str, series: str = "hmi.sharp_720s") -> list[int]:
    query = a.Time(start, end) & a.flarecast.Series(series) & a.flarecast.Segment("magnetogram")
    return FLARECASTClient().search(query)["Record"].tolist()


def test_a_search_asks_once(settled: tuple[str, Layer], folder: Path) -> None:
    _, layer = settled
    with conf.set_temp("window", 0.25):
        first = found("2015-12-11", "2015-12-12")
        asked = layer.count("hmi.sharp_720s")["GET"]
        assert asked >= 4
        assert len(entries(folder)) == asked
        assert found("2015-12-11", "2015-12-12") == first
        assert layer.count("hmi.sharp_720s")["GET"] == asked
        entries(folder)[0].write_bytes(b"damaged")
        assert found("2015-12-11", "2015-12-12") == first
        assert layer.count("hmi.sharp_720s")["GET"] == asked + 1
        clear_cache()
        assert found("2015-12-11", "2015-12-12") == first
        assert layer.count("hmi.sharp_720s")["GET"] == 2 * asked + 1
    with conf.set_temp("cache", False):
        found("2015-12-11", "2015-12-12")
        assert layer.count("hmi.sharp_720s")["GET"] == 2 * asked + 2


def test_a_near_real_time_search_asks_again(demo: tuple[str, Layer], folder: Path) -> None:
    _, layer = demo
    for _ in range(2):
        found("2015-12-11", "2015-12-11T06:00", "hmi.sharp_720s_nrt")
    assert layer.count("nrt")["GET"] == 2
    assert entries(folder) == []


def test_a_cache_that_does_not_work_harms_no_search(demo: tuple[str, Layer], folder: Path, heard: list[str]) -> None:
    folder.write_text("a file in the place of the folder")
    assert found("2015-12-11", "2015-12-11T06:00")
    assert found("2015-12-11", "2015-12-11T06:00")
    assert 1 <= len(heard) <= 2


def test_synthetic_records_are_never_kept(demo: tuple[str, Layer], folder: Path) -> None:
    _, layer = demo
    for number in (1, 2):
        assert found("2015-12-11", "2015-12-11T06:00")
        assert layer.count("hmi.sharp_720s")["GET"] == number
    assert entries(folder) == []
