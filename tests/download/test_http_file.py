"""Transfers from a faulty server: single faults, and all faults mixed."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from chaos import KINDS, Chaos, at_random, serving
from chaosfiles import files_only, fits_bytes, get, name_of, names, path_of, table_of
from sunpy.net import Fido

from sunpy_flarecast import conf, fetch
from sunpy_flarecast.download import retry
from sunpy_flarecast.utils.atomic_file import AtomicFile

if TYPE_CHECKING:
    from collections.abc import Iterator


SMALL = {path_of(number): fits_bytes(number) for number in range(500)}
LARGE = {path_of(0): fits_bytes(1, side=1500)}  # 9 MB, received in many pieces


@pytest.fixture
def chaos() -> Iterator[Chaos]:
    with serving(Chaos(dict(SMALL))) as server, files_only(server.url):
        server.other_host = server.url.replace("127.0.0.1", "localhost")
        yield server


@pytest.fixture
def large() -> Iterator[Chaos]:
    with serving(Chaos(dict(LARGE))) as server, files_only(server.url):
        server.other_host = server.url.replace("127.0.0.1", "localhost")
        yield server


def once(kind: str | None) -> Any:
    return lambda path, number: kind if number == 0 else None


# --- Single faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_temporary_fault_is_retried(chaos: Chaos, tmp_path: Path, kind: str) -> None:
    chaos.choose = once(kind)
    assert list(get(chaos, tmp_path)) == [str(tmp_path / name_of(0))]
    assert (tmp_path / name_of(0)).read_bytes() == SMALL[path_of(0)]
    assert names(tmp_path) == [name_of(0)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_file_is_resumed_without_sending_bytes_again(large: Chaos, tmp_path: Path, kind: str) -> None:
    large.choose = once(kind)
    assert get(large, tmp_path).errors == []
    assert (tmp_path / name_of(0)).read_bytes() == LARGE[path_of(0)]
    assert names(tmp_path) == [name_of(0)]
    resumed = [asked for _, _, asked in large.requests if asked]
    assert bool(resumed) == (kind in ("reset-mid-body", "short-body", "stall")), large.requests
    if resumed:  # a reset connection loses unread bytes
        [begin] = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in resumed]
        assert 0 < begin <= len(LARGE[path_of(0)]) // 2
        large.wait_for(lambda: large.sent[path_of(0)] == len(LARGE[path_of(0)]) - begin)


def test_a_file_over_a_connection_that_drops_regularly_is_completed(
    large: Chaos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "_PROGRESS_BYTES", 1)
    large.choose = lambda path, number: "short-body" if number < 8 else None
    with conf.set_temp("max_retries", 2):
        assert get(large, tmp_path).errors == []
    assert (tmp_path / name_of(0)).read_bytes() == LARGE[path_of(0)]


@pytest.mark.parametrize("kind", ["ignore-range", "wrong-content-range", "416", "changed-etag"])
def test_an_invalid_partial_reply_restarts_the_transfer(large: Chaos, tmp_path: Path, kind: str) -> None:
    large.choose = lambda path, number: ("short-body", kind, None)[min(number, 2)]
    assert get(large, tmp_path).errors == []
    assert (tmp_path / name_of(0)).read_bytes() == LARGE[path_of(0)]
    assert [bool(asked) for _, _, asked in large.requests][:2] == [False, True]


def test_without_a_validator_nothing_is_resumed(large: Chaos, tmp_path: Path) -> None:
    large.etag = False
    large.choose = once("short-body")
    assert get(large, tmp_path).errors == []
    assert [asked for _, _, asked in large.requests] == [None, None]
    assert (tmp_path / name_of(0)).read_bytes() == LARGE[path_of(0)]


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("slam", "the connection failed"),
        ("short-body", "ended early"),
        ("stall", "sent nothing for 0.5 s"),
        ("429", "answered 429"),
        ("500", "answered 500 Status: busy, 3 times"),
        ("html", 'not a FITS file but a web page titled "Please log in"'),
        ("json", "not a FITS file but the tape is away"),
        ("empty", "is empty"),
        ("truncated-fits", "ends at byte"),
        ("redirect", "redirects"),
    ],
)
def test_a_permanent_fault_is_an_error(chaos: Chaos, tmp_path: Path, kind: str, part: str) -> None:
    chaos.choose = lambda path, number: kind
    with conf.set_temp("max_retries", 2):
        [error] = get(chaos, tmp_path).errors
    assert part in str(error.exception)
    assert chaos.url in str(error.exception)
    assert names(tmp_path) == []


def test_other_statuses_fail_at_once_with_their_message(chaos: Chaos, tmp_path: Path) -> None:
    del chaos.files[path_of(3)]
    [error] = get(chaos, tmp_path, range(3, 4)).errors
    assert "answered 404 Status: no such file" in str(error.exception)
    assert chaos.count() == 1


def test_a_port_without_a_server(chaos: Chaos, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with conf.set_temp("url", nowhere), conf.set_temp("max_retries", 1):
        [error] = get(chaos, tmp_path).errors
    reason = f"no connection to the service at {nowhere[7:]} (Connection refused; is the service running?), 2 times"
    assert reason in str(error.exception)


def test_a_busy_host_slows_all_transfers(chaos: Chaos, tmp_path: Path) -> None:
    # One reply 429 with Retry-After 0.4 s: no transfer sends a request while the gate is closed.
    import time

    seen: list[float] = []

    def choose(path: str, number: int) -> str | None:
        seen.append(time.monotonic())
        return "busy" if len(seen) == 3 else None

    chaos.choose = choose
    original = chaos._answer

    async def answer(writer: Any, path: str, body: bytes, asked: Any, fault: str | None) -> bool:
        if fault == "busy":
            return await chaos._send(writer, 429, b"busy", {"Retry-After": "1"})
        return await original(writer, path, body, asked, fault)

    chaos._answer = answer  # type: ignore[method-assign]
    assert get(chaos, tmp_path, range(40), max_conn=2).errors == []
    gaps = np.diff(seen)
    # Independent of speed: two requests are separated by the second that the server requested.
    assert gaps.max() >= 0.9
    assert np.argmax(gaps) in (2, 3)


def test_the_wait_that_a_service_requests_is_limited(chaos: Chaos, tmp_path: Path) -> None:
    original = chaos._answer

    async def answer(writer: Any, path: str, body: bytes, asked: Any, fault: str | None) -> bool:
        if fault == "busy":
            return await chaos._send(writer, 503, b"busy", {"Retry-After": "86400"})
        return await original(writer, path, body, asked, fault)

    chaos._answer = answer  # type: ignore[method-assign]
    chaos.choose = once("busy")
    with conf.set_temp("retry_after_max", 0.05):
        assert get(chaos, tmp_path).errors == []


def test_datasums_are_verified_on_request(chaos: Chaos, tmp_path: Path) -> None:
    good = SMALL[path_of(0)]
    flipped = bytearray(good)
    flipped[-3000] ^= 1
    chaos.files[path_of(0)] = bytes(flipped)
    assert get(chaos, tmp_path / "unchecked").errors == []
    with conf.set_temp("verify_checksum", True):
        [error] = get(chaos, tmp_path / "checked").errors
        assert "has a wrong DATASUM in HDU 1" in str(error.exception)
        chaos.files[path_of(0)] = good
        assert get(chaos, tmp_path / "checked").errors == []


def test_datasums_of_existing_files_are_verified_on_request(
    chaos: Chaos, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (Path(path) for path in sorted(get(chaos, tmp_path, range(2))))
    good = first.read_bytes()
    flipped = bytearray(good)
    flipped[-3000] ^= 1
    first.write_bytes(flipped)
    caplog.clear()
    assert get(chaos, tmp_path, range(2)).errors == []
    assert first.read_bytes() == flipped
    assert caplog.text == ""
    with conf.set_temp("verify_checksum", True):
        assert get(chaos, tmp_path, range(2)).errors == []
        assert f"1 file on disk is damaged and will be fetched again: {first}" in caplog.text
        second.write_bytes(second.read_bytes()[:-1])
        first.write_bytes(flipped)
        report = fetch(table_of(chaos, range(2)), path=tmp_path / "{file}", progress=False)
        assert report.damaged == sorted(report.fetched) == [str(first), str(second)]
        assert f"2 files on disk were damaged and had to be fetched again: {first}, {second}." in str(report)
        report.write(tmp_path / "report.json")
        assert json.loads((tmp_path / "report.json").read_text())["damaged"] == report.damaged
    assert first.read_bytes() == good


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others answer though their queue is full")
def test_a_host_that_accepts_no_connections_is_reported(tmp_path: Path) -> None:
    with socket.socket() as full, ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # more than its backlog; the last connections are not accepted
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        chaos = Chaos({}, url=f"http://127.0.0.1:{full.getsockname()[1]}")
        with files_only(chaos.url), conf.set_temp("connect_timeout", 0.3), conf.set_temp("max_retries", 0):
            [error] = get(chaos, tmp_path).errors
    assert "no connection could be made within 0.3 s (conf.connect_timeout)" in str(error.exception)


# --- Across processes -------------------------------------------------------------------------------------------------

CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from chaos import Chaos
import sunpy_flarecast
from chaosfiles import get
chaos = Chaos({}, url=sys.argv[1])
sunpy_flarecast.conf.url = chaos.url
sunpy_flarecast.conf.complete_headers = False
first, last = map(int, sys.argv[4:6])
async def notebook():
    # A notebook runs what the user writes within a loop of its own.
    return get(chaos, Path(sys.argv[2]), range(first, last), max_conn=int(sys.argv[6]))
print("begin", flush=True)
if sys.argv[7] == "notebook":
    results = asyncio.run(notebook())
else:
    results = get(chaos, Path(sys.argv[2]), range(first, last), max_conn=int(sys.argv[6]))
print(len(results), len(results.errors), flush=True)
"""


def child(
    chaos: Chaos, folder: Path, first: int = 0, last: int = 1, max_conn: int = 5, within: str = "program"
) -> subprocess.Popen[str]:
    helpers = Path(__file__).parents[1] / "helpers"
    arguments = [chaos.url, str(folder), str(helpers), str(first), str(last), str(max_conn), within]
    process = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    return process


def ended(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=120)
    return out


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_files_of_an_ended_process_are_removed_by_the_next_fetch(
    large: Chaos, tmp_path: Path, end: signal.Signals
) -> None:
    half = len(LARGE[path_of(0)]) // 2
    large.choose = once("stall")
    process = child(large, tmp_path)
    large.wait_for(lambda: large.count() >= 1)
    while not any(path.stat().st_size == half for path in tmp_path.iterdir()):
        os.sched_yield()  # until the sent half has been written
    process.send_signal(end)
    assert ended(process) == ("" if end == signal.SIGKILL else "0 1\n")
    assert len(names(tmp_path)) == (1 if end == signal.SIGKILL else 0)
    assert get(large, tmp_path).errors == []
    assert (tmp_path / name_of(0)).read_bytes() == LARGE[path_of(0)]
    assert [asked for _, _, asked in large.requests] == [None, None]
    assert names(tmp_path) == [name_of(0)]


def test_a_stopped_process_does_not_block_another_which_starts_at_the_other_end(chaos: Chaos, tmp_path: Path) -> None:
    chaos.choose = lambda path, number: "stall" if chaos.count() == 1 else None
    process = child(chaos, tmp_path)
    chaos.wait_for(lambda: chaos.count() >= 1)
    process.send_signal(signal.SIGSTOP)
    assert len(get(chaos, tmp_path, range(3), max_conn=1)) == 3
    assert [path for _, path, _ in chaos.requests] == [path_of(number) for number in (0, 2, 1, 0)]
    assert (tmp_path / name_of(0)).read_bytes() == SMALL[path_of(0)]
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGINT)
    ended(process)
    assert names(tmp_path) == [name_of(number) for number in range(3)]


def test_a_pipe_under_the_final_name_is_an_error_and_is_kept(chaos: Chaos, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name_of(0))
    [error] = get(chaos, tmp_path).errors
    assert "its path exists and is not a file" in str(error.exception)
    assert (tmp_path / name_of(0)).is_fifo()
    assert chaos.count() == 0


def test_planted_links_are_not_followed(chaos: Chaos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / f".{name_of(0)}.{'0' * 12}.part").symlink_to(victim)
    monkeypatch.setattr(secrets, "token_hex", lambda count: "0" * (2 * count))
    [error] = get(chaos, tmp_path).errors
    assert "cannot be written (File exists)" in str(error.exception)
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("within", ["program", "notebook"])
def test_an_interrupted_fetch_reports_missing_files_and_is_resumed(chaos: Chaos, tmp_path: Path, within: str) -> None:
    chaos.choose = lambda path, number: "stall" if int(path.split("/")[3]) >= 20 and number == 0 else None
    with conf.set_temp("read_timeout", 60.0):
        process = child(chaos, tmp_path, last=100, within=within)
        chaos.wait_for(lambda: chaos.count() >= 22)
        process.send_signal(signal.SIGINT)
        there, missing = map(int, ended(process).split())
    assert process.returncode == 0
    assert there + missing == 100
    assert there >= 15
    assert len(names(tmp_path)) == there  # only the missing files
    assert len(get(chaos, tmp_path, range(100))) == 100


def test_two_processes_do_not_corrupt_files(chaos: Chaos, tmp_path: Path) -> None:
    chaos.choose = lambda path, number: "trickle"
    one, two = child(chaos, tmp_path, last=200), child(chaos, tmp_path, last=200)
    assert [ended(one), ended(two)] == ["200 0\n"] * 2
    for number in range(200):
        assert (tmp_path / name_of(number)).read_bytes() == SMALL[path_of(number)]
    assert len(names(tmp_path)) == 200


def test_files_finished_by_another_process_are_not_requested(chaos: Chaos, tmp_path: Path) -> None:
    # All other files are finished while the first is transferred.
    def choose(path: str, number: int) -> None:
        if path == path_of(0) and number == 0:
            for number in range(1, 20):
                with AtomicFile(tmp_path / name_of(number)) as target:
                    target.write(SMALL[path_of(number)])
                    target.publish()

    chaos.choose = choose
    report = fetch(table_of(chaos, range(20)), path=tmp_path, progress=False, max_conn=1)
    assert chaos.count() == 1
    assert report.fetched == [str(tmp_path / name_of(0))]
    assert sorted(report.already_there) == [str(tmp_path / name_of(number)) for number in range(1, 20)]
    assert len(names(tmp_path)) == 20


FEW = """
import os, resource, sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from chaos import Chaos
from chaosfiles import get
from sunpy_flarecast import conf
conf.url, conf.complete_headers, conf.retry_wait, conf.max_retries = sys.argv[1], False, 0.05, int(sys.argv[4])
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, hard))
results = get(Chaos({}, url=conf.url), Path(sys.argv[2]), range(100), max_conn=40)
print(len(results), *{str(error.exception).partition(": ")[2] for error in results.errors}, sep="; ")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts its descriptors in /proc")
@pytest.mark.parametrize("retries", [0, 12])
def test_too_many_open_files_are_retried_when_other_transfers_end(chaos: Chaos, tmp_path: Path, retries: int) -> None:
    arguments = [chaos.url, str(tmp_path), str(Path(__file__).parents[1] / "helpers"), str(retries)]
    done = subprocess.run([sys.executable, "-c", FEW, *arguments], capture_output=True, text=True, check=True)
    count, *reasons = done.stdout.strip().split("; ", 1)
    if retries:
        assert (int(count), reasons) == (100, [])
    else:
        assert reasons == [
            "Too many open files; use a smaller max_conn, or increase the limit (ulimit -n). Fetch it again to retry."
        ]
    assert len(names(tmp_path)) == int(count)


# --- The disk ---------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_one_error_and_stops_the_rest(chaos: Chaos, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", folder]).returncode:
        pytest.skip("a small file system can be made only by root")
    try:
        results = get(chaos, folder, range(200), max_conn=3)
        whole = list(folder.glob("hmi*.fits"))
        assert len(results) == len(whole) > 3
        assert len(results) + len(results.errors) == 200
        assert len({str(error.exception) for error in results.errors}) == 1
        assert "is full" in str(results.errors[0].exception)
        assert chaos.count() <= len(whole) + 6
        for path in whole:
            assert path.read_bytes() == SMALL[path_of(int(results.data.index(str(path)) >= 0) and _number(path))]
        assert not list(folder.glob(".*"))
    finally:
        subprocess.run(["umount", folder], check=True)


def _number(path: Path) -> int:
    return next(number for number in range(500) if name_of(number) == path.name)


def test_a_file_size_limit_is_an_error_of_the_files_concerned(large: Chaos, tmp_path: Path) -> None:
    import resource

    large.files[path_of(1)] = SMALL[path_of(1)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 22, hard))
    try:
        results = get(large, tmp_path, range(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(results) == [str(tmp_path / name_of(1))]
    [error] = results.errors
    assert "cannot be written (File too large)" in str(error.exception)


def test_a_name_too_long_is_an_error(chaos: Chaos, tmp_path: Path) -> None:
    results = Fido.fetch(table_of(chaos, range(1)), path=str(tmp_path / f"{'x' * 250}{{file}}"), progress=False)
    [error] = results.errors
    assert "cannot be written (File name too long)" in str(error.exception)
    assert names(tmp_path) == []


# --- Mixed faults -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_500_files_through_mixed_faults_in_one_unattended_fetch(chaos: Chaos, tmp_path: Path, seed: int) -> None:
    chaos.choose = at_random(seed, 0.3)
    report = fetch(table_of(chaos, range(500)), path=tmp_path, progress=False, max_conn=10)
    assert report.complete, str(report)
    assert len(report.fetched) == 500
    _assert_all_right(tmp_path)


@pytest.mark.parametrize("seed", range(2, 4))
def test_500_files_through_mixed_faults_in_three_fetches(chaos: Chaos, tmp_path: Path, seed: int) -> None:
    chaos.choose = at_random(seed, 0.3)
    table = table_of(chaos, range(500))
    for _ in range(3):
        results = Fido.fetch(table, path=tmp_path, progress=False, max_conn=10)
        assert len(results) + len(results.errors) == 500
        if not results.errors:
            break
    assert results.errors == []
    _assert_all_right(tmp_path)


def _assert_all_right(folder: Path) -> None:
    assert len(names(folder)) == 500
    for number in range(500):
        assert (folder / name_of(number)).read_bytes() == SMALL[path_of(number)]
