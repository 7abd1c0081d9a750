"""Ctrl-C in searches, requests for keywords and fetches, in real processes: partial results are kept."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, FLARECASTResponse, Segment, Series, conf, read_keywords

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults import Layer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")

BEGIN = """
import sys
from sunpy.net import Fido, attrs as a
import sunpy_flarecast
from sunpy_flarecast import FLARECASTClient, FLARECASTResponse, Interrupted, conf
conf.url, folder, conf.window, conf.complete_headers = sys.argv[1], sys.argv[2], 1 / 24, False
"""
#: Time steps of two HARPs in the archive.
STEPS = 60

SERIES = ("--series", "hmi.sharp_cea_720s")
HOURS = ("2015-12-11", "2015-12-11T12:00")


class Stalling:
    """Answer a number of requests, and hold the others until the end of the test."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.left = 0
        self.waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def stall_after(self, number: int) -> None:
        self.layer.requests.clear()
        self.layer.faults["/"] = self
        self.left = number

    async def __call__(self, scope: Any, send: Any) -> None:
        self.left -= 1
        if self.left < 0:
            event = asyncio.Event()
            self.waiting.append((asyncio.get_running_loop(), event))
            await event.wait()
        messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict[str, Any]:
            for message in messages:
                return message
            return await asyncio.Future()  # a disconnect that never happens

        await self.layer.app(scope, receive, send)

    def resume(self) -> None:
        self.layer.faults.clear()
        for loop, event in self.waiting:
            loop.call_soon_threadsafe(event.set)
        self.waiting.clear()


@pytest.fixture
def stalling(keyworded: Layer) -> Iterator[Stalling]:
    stalling = Stalling(keyworded)
    yield stalling
    stalling.resume()


@pytest.fixture
def whole(keyworded: Layer) -> FLARECASTResponse:
    """Return the records of twelve hours, searched in windows of one hour."""
    with conf.set_temp("window", 1 / 24):
        found = FLARECASTClient().search(a.Time(*HOURS), Series("hmi.sharp_cea_720s"), Segment("bitmap"))
    assert len(found) > 110
    return found


def interrupted(
    stalling: Stalling, command: list[str], requests: int, number: int = signal.SIGINT
) -> tuple[int, str, str]:
    """Run a command, send it a signal after a number of requests, and return its status and output."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            stalling.layer.wait_for(requests)
            child.send_signal(number)
            out, err = child.communicate(timeout=60)
        finally:
            child.kill()
    stalling.resume()
    return child.returncode, out, err


def script(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", BEGIN + code, conf.url, *arguments]


def terminal(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sunpy_flarecast", "--url", conf.url, *arguments]


# --- Searches ---------------------------------------------------------------------------------------------------------

SEARCH = """
try:
    Fido.search(a.Time("2015-12-11", "2015-12-11T12:00"), a.flarecast.Series.hmi_sharp_cea_720s,
                a.flarecast.Segment.bitmap)
except KeyboardInterrupt as error:
    assert type(error) is Interrupted
    error.partial.write(folder)
    print(error)
"""


def test_an_interrupted_search_keeps_its_partial_result(
    stalling: Stalling, whole: FLARECASTResponse, tmp_path: Path
) -> None:
    windows = len(stalling.layer.requests)
    stalling.stall_after(6)
    file = tmp_path / "search.ecsv"
    status, out, err = interrupted(stalling, script(SEARCH, str(file)), 6 + conf.parallel_requests)
    assert (status, err) == (0, "")
    kept = FLARECASTResponse.read(file)
    assert f"has the {len(kept):,} records found so far, and partial.retry_missing() searches for the rest" in out
    assert 0 < len(kept) < len(whole)
    assert {str(gap.error) for gap in kept.missing} == {"Not requested because of an interrupt."}
    stalling.layer.requests.clear()
    with conf.set_temp("window", 1 / 24):
        stall_after = kept.retry_missing()
    assert stall_after["Record"].tolist() == whole["Record"].tolist()
    assert stall_after.missing == []
    assert 0 < len(stalling.layer.requests) < windows


def test_an_interrupted_search_for_keywords_of_a_condition_is_completed(
    stalling: Stalling, whole: FLARECASTResponse, tmp_path: Path
) -> None:
    windows = len(stalling.layer.requests)
    stalling.stall_after(windows + 2)
    code = SEARCH.replace("a.flarecast.Segment.bitmap", 'a.flarecast.Keyword("meangam") > 0')
    status, _, err = interrupted(stalling, script(code, str(tmp_path / "search.ecsv")), windows + 3)
    assert (status, err) == (0, "")
    kept = FLARECASTResponse.read(tmp_path / "search.ecsv")
    assert 0 < len(kept) < len(whole)
    assert kept.missing
    assert kept.retry_missing()["Record"].tolist() == whole["Record"].tolist()


def test_an_interrupt_before_any_reply_keeps_an_empty_result(
    stalling: Stalling, whole: FLARECASTResponse, tmp_path: Path
) -> None:
    stalling.stall_after(0)
    status, _, err = interrupted(stalling, script(SEARCH, str(tmp_path / "search.ecsv")), conf.parallel_requests)
    assert (status, err) == (0, "")
    kept = FLARECASTResponse.read(tmp_path / "search.ecsv")
    assert len(kept) == 0
    assert len(kept.retry_missing()) == len(whole)


def test_an_interrupted_retry_keeps_old_and_new_records(
    stalling: Stalling, whole: FLARECASTResponse, tmp_path: Path
) -> None:
    stalling.stall_after(6)
    file = tmp_path / "search.ecsv"
    interrupted(stalling, script(SEARCH, str(file)), 6 + conf.parallel_requests)
    before = len(FLARECASTResponse.read(file))
    stalling.stall_after(2)
    code = """
try:
    FLARECASTResponse.read(folder).retry_missing()
except Interrupted as error:
    error.partial.write(folder, overwrite=True)
"""
    status, _, err = interrupted(stalling, script(code, str(file)), 2 + conf.parallel_requests)
    assert (status, err) == (0, "")
    kept = FLARECASTResponse.read(file)
    assert before < len(kept) < len(whole)
    assert kept.retry_missing()["Record"].tolist() == whole["Record"].tolist()


def test_the_command_search_writes_its_partial_result(
    stalling: Stalling, whole: FLARECASTResponse, tmp_path: Path
) -> None:
    file = tmp_path / "search.ecsv"
    days = ("2015-12-11", "2015-12-21")
    stalling.stall_after(5)
    status, out, err = interrupted(
        stalling, terminal("search", *days, *SERIES, "-o", str(file)), 5 + conf.parallel_requests
    )
    assert (status, out) == (130, "")
    assert err == (
        f"The partial result is in {file}. Resume in Python: FLARECASTResponse.read('{file}').retry_missing().\n"
        "Interrupted.\n"
    )
    kept = FLARECASTResponse.read(file)
    assert len(kept) > 0
    assert kept.missing


# --- Keywords ---------------------------------------------------------------------------------------------------------


def test_interrupted_keywords_keep_their_partial_result(
    stalling: Stalling, whole: FLARECASTResponse, tmp_path: Path
) -> None:
    truth = whole.keywords("usflux", "meangam")
    whole.write(tmp_path / "search.ecsv")
    code = """
found = FLARECASTResponse.read(folder + "/search.ecsv")
try:
    found.keywords("usflux", "meangam")
except KeyboardInterrupt as error:
    assert type(error) is Interrupted
    sunpy_flarecast.write_keywords(error.partial, folder + "/keywords.ecsv")
    print(error)
"""
    stalling.stall_after(2)
    status, out, err = interrupted(stalling, script(code, str(tmp_path)), 3)
    assert (status, err) == (0, "")
    assert "results.keywords(..., known=partial) requests the rest" in out
    kept = read_keywords(tmp_path / "keywords.ecsv")
    assert kept["Record"].tolist() == whole["Record"].tolist()
    [gap] = kept.meta["missing"]
    assert gap["reason"] == "not requested because of an interrupt"
    assert 0 < len(gap["records"]) < len(whole)
    assert (~kept["usflux"].mask).sum() <= len(whole) - len(gap["records"])
    stalling.layer.requests.clear()
    stall_after = whole.keywords("usflux", "meangam", known=kept)
    assert (stall_after["usflux"] == truth["usflux"]).all()
    assert (stall_after["meangam"] == truth["meangam"]).all()
    asked = {int(number) for _, path in stalling.layer.requests for number in re.findall(r"\d{6,}", path)}
    assert asked == set(gap["records"])


def test_the_command_keywords_writes_its_partial_result(
    stalling: Stalling, whole: FLARECASTResponse, tmp_path: Path
) -> None:
    file = tmp_path / "keywords.ecsv"
    stalling.stall_after(1 + 2)
    status, out, err = interrupted(stalling, terminal("keywords", *HOURS, *SERIES, "-o", str(file)), 4)
    assert (status, out) == (130, "")
    assert err == (
        f"The partial result is in {file}. Resume in Python: results.keywords(..., known=read_keywords('{file}')), "
        "where results is the same search.\nInterrupted.\n"
    )
    assert read_keywords(file).meta["missing"]


# --- Fetches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_fetch_ends_a_loop_over_days(
    stalling: Stalling, whole: FLARECASTResponse, tmp_path: Path, number: int
) -> None:
    whole[:40].write(tmp_path / "search.ecsv")
    code = """
found = FLARECASTResponse.read(folder + "/search.ecsv")
for part in (found[:20], found[20:]):
    try:
        sunpy_flarecast.fetch(part, path=folder + "/{file}", progress=False)
    except KeyboardInterrupt as error:
        error.partial.write(folder + "/report.json")
        raise
"""
    stalling.stall_after(3)
    status, _, err = interrupted(stalling, script(code, str(tmp_path)), 3 + 5, number)
    assert status == 1
    assert "Interrupted: The fetch was interrupted: 3 files fetched, 17 missing." in err
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["interrupted"], len(report["fetched"]), len(report["failed"])) == (True, 3, 17)
    assert len(stalling.layer.requests) == 3 + 5  # none of the second day


def test_the_command_fetch_writes_its_report_and_ends_with_130(stalling: Stalling, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    stalling.stall_after(1 + 3)
    arguments = (*HOURS, *SERIES, "--segment", "bitmap", "--complete-headers", "no", "--path", f"{tmp_path}/sharps")
    status, out, err = interrupted(stalling, terminal("fetch", *arguments, "--report", str(report)), 1 + 3 + 5)
    assert (status, out) == (130, "")
    assert err.startswith("3 files fetched, 0 already there,")
    assert ", interrupted." in err
    assert "Exception ignored" not in err
    assert len(json.loads(report.read_text())["fetched"]) == 3


def test_signals_and_pools_work_after_a_fetch_through_fido(whole: FLARECASTResponse, tmp_path: Path) -> None:
    whole[:4].write(tmp_path / "search.ecsv")
    code = """
import gc, multiprocessing, os, signal, threading, time, warnings
warnings.simplefilter("error")
def mine(*_): print("mine", flush=True)
signal.signal(signal.SIGTERM, mine)
before = signal.getsignal(signal.SIGINT)
found = FLARECASTResponse.read(folder + "/search.ecsv")
gc.disable()
for _ in range(2):  # the second time, all files exist
    assert len(Fido.fetch(found, path=folder, progress=False)) == 4
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == (before, mine)
thread = threading.Thread(target=gc.collect)
thread.start()
thread.join()
os.kill(os.getpid(), signal.SIGTERM)
signal.signal(signal.SIGTERM, signal.SIG_DFL)  # which ends the pool's workers
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(abs, [-1, -2]), flush=True)
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run(script(code, str(tmp_path)), capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "mine\n[1, 2]\ninterrupted\n", "")


def test_after_an_interrupted_fetch_through_fido_the_next_ctrl_c_works(
    stalling: Stalling, whole: FLARECASTResponse, tmp_path: Path
) -> None:
    whole[:20].write(tmp_path / "search.ecsv")
    code = """
import os, signal, time
found = FLARECASTResponse.read(folder + "/search.ecsv")
files = Fido.fetch(found, path=folder, progress=False)
print(len(files), len(files.errors), flush=True)
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""
    stalling.stall_after(3)
    status, out, err = interrupted(stalling, script(code, str(tmp_path)), 3 + 5)
    assert (status, out) == (0, "3 17\ninterrupted\n")
    assert "Exception ignored" not in err


# --- Progress without a terminal --------------------------------------------------------------------------------------


def test_without_a_terminal_progress_is_printed_as_lines(
    stalling: Stalling, whole: FLARECASTResponse, tmp_path: Path
) -> None:
    windows = len(stalling.layer.requests)
    code = """
import sunpy_flarecast.utils.progress as progress
progress._LINE_INTERVAL = 0.0
found = FLARECASTClient().search(a.Time("2015-12-11", "2015-12-11T12:00"), a.flarecast.Series.hmi_sharp_cea_720s,
                                 a.flarecast.Segment.bitmap)
found.keywords("usflux")
sunpy_flarecast.fetch(found[:3], path=folder)
Fido.fetch(found[3:5], path=folder)
"""
    done = subprocess.run(script(code, str(tmp_path)), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert "\r" not in done.stderr
    count = f"{len(whole):,}"
    found = rf"Windows searched: {windows} of {windows} windows, \d+ records, \d:\d\d:\d\d elapsed"
    assert re.fullmatch(found, lines[windows - 1])
    assert any(re.fullmatch(rf"Keywords: {count} of {count} records, \d:\d\d:\d\d elapsed", line) for line in lines)
    assert sum(line.startswith("Files Downloaded: ") for line in lines) == 5
    assert re.fullmatch(r"Files Downloaded: 2 of 2 files, \d:\d\d:\d\d elapsed", lines[-1])


def test_short_work_writes_no_progress_lines(whole: FLARECASTResponse, tmp_path: Path) -> None:
    code = """
found = FLARECASTClient().search(a.Time("2015-12-11", "2015-12-11T02:00"), a.flarecast.Series.hmi_sharp_cea_720s)
Fido.fetch(found[:1], path=folder)
"""
    done = subprocess.run(script(code, str(tmp_path)), capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
