"""A service in several processes: shared state, a killed process, stopping, and failures to start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from processes import END, LONG, begin_transfer, read_rest, serving, url_of, wait_until_stopped, workers_of

from sunpy_flarecast.archive import DemoArchive, create_app, serve
from sunpy_flarecast.archive.server import run

fcntl = pytest.importorskip("fcntl")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the system does not list the workers"),
]


class Failing(DemoArchive):
    """An archive that cannot be loaded in another process."""

    def __reduce__(self):
        return fail, ()


def fail():
    raise ValueError("the disk is not mounted")


def statuses(url):
    """Request the series on new connections."""
    return [requests.get(f"{url}/HMI", timeout=60).status_code for _ in range(10)]


def counted(url):
    """Return the number of requests for the series, summed over all workers."""
    text = requests.get(f"{url}/metrics", timeout=60).text
    wanted = 'flarecast_http_requests_total{handler="/HMI",status="200"} '
    [line] = [line for line in text.splitlines() if line.startswith(wanted)]
    return float(line.rpartition(" ")[2])


def folder_of(worker):
    """Return the folder shared by the workers, from the environment of one."""
    variables = Path(f"/proc/{worker}/environ").read_bytes().decode().split("\0")
    [folder] = [text.partition("=")[2] for text in variables if text.startswith("PROMETHEUS_MULTIPROC_DIR=")]
    return Path(folder)


def lock(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def test_workers_share_metrics_and_log_and_are_replaced(tmp_path):
    log = tmp_path / "access.jsonl"
    with serving("--demo", "--workers", "2", "--grace", "3600", "--access-log", str(log)) as process:
        url = url_of(process)
        assert statuses(url) == [200] * 10
        while counted(url) < 10:  # a request is counted just after its reply
            pass
        assert [counted(url) for _ in range(6)] == [10] * 6
        [victim, _] = workers_of(process)
        os.kill(victim, signal.SIGKILL)
        assert statuses(url) == [200] * 10  # no request is rejected
        while victim in (workers := workers_of(process)) or len(workers) < 2:
            pass
        while counted(url) < 20:
            pass
        transfer = begin_transfer(url, LONG)
        process.send_signal(signal.SIGTERM)
        assert read_rest(transfer).endswith(END)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "Stopped.\n")
    assert f"Child process [{victim}] died" in errors
    assert "Traceback" not in errors
    lines = log.read_text().splitlines()
    assert sum('"path": "/HMI"' in line for line in lines) == 20


def test_workers_end_with_their_parent_process():
    with serving("--demo", "--workers", "2") as process:
        url = url_of(process)
        assert statuses(url) == [200] * 10
        [folder, _] = map(folder_of, workers_of(process))
        with pytest.raises(BlockingIOError):
            lock(folder)  # keeps systemd-tmpfiles from removing it
        process.kill()
        wait_until_stopped(url)
    while folder.exists():
        pass


class TestFailures:
    def test_an_archive_that_cannot_be_loaded(self, capfd, monkeypatch):
        monkeypatch.setattr(run, "_HEALTHCHECK", 15)
        with pytest.raises(RuntimeError, match="did not start: ValueError: the disk is not mounted"):
            serve(Failing(), port=0, workers=2)
        assert "Traceback" not in capfd.readouterr().err

    def test_a_script_without_main_guard(self, tmp_path):
        script = tmp_path / "script.py"
        script.write_text(
            "from sunpy_flarecast.archive import *\n"
            "import sunpy_flarecast.archive.server.run as run\n"
            "run._HEALTHCHECK = 15\n"
            "serve(DemoArchive(), port=0, workers=2)\n"
        )
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
        assert done.returncode == 1
        advice = "in a script, call serve() only under: if __name__ == '__main__'"
        assert done.stderr.rstrip().endswith(f"did not start: {advice}")

    def test_an_application(self):
        with pytest.raises(TypeError, match="An application can be served by one process only"):
            serve(create_app(DemoArchive()), port=0, workers=2)
