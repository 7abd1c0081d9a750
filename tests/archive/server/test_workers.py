"""A service in several processes: one that is killed, what they share, how they stop, and what they cannot serve."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from processes import END, LONG, begun, refused, rest, serving, url_of, workers_of

from sunpy_flarecast.archive import DemoArchive, create_app, serve
from sunpy_flarecast.archive.server import run

fcntl = pytest.importorskip("fcntl")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the system does not list the workers"),
]


class Failing(DemoArchive):
    """Comes up in no other process."""

    def __reduce__(self):
        return fail, ()


def fail():
    raise ValueError("the disk is not mounted")


def asked(url):
    """Ask on new connections."""
    return [requests.get(f"{url}/HMI", timeout=60).status_code for _ in range(10)]


def counted(url):
    """How often the series were asked for, as all workers together know it."""
    text = requests.get(f"{url}/metrics", timeout=60).text
    wanted = 'flarecast_http_requests_total{handler="/HMI",status="200"} '
    [line] = [line for line in text.splitlines() if line.startswith(wanted)]
    return float(line.rpartition(" ")[2])


def folder_of(worker):
    """The folder that workers share, which they know by their environment."""
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
        assert asked(url) == [200] * 10
        while counted(url) < 10:  # a request is counted just after it was answered
            pass
        assert [counted(url) for _ in range(6)] == [10] * 6
        [victim, _] = workers_of(process)
        os.kill(victim, signal.SIGKILL)
        assert asked(url) == [200] * 10  # nobody is refused
        while victim in (workers := workers_of(process)) or len(workers) < 2:
            pass
        while counted(url) < 20:
            pass
        transfer = begun(url, LONG)
        process.send_signal(signal.SIGTERM)
        assert rest(transfer).endswith(END)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "Stopped.\n")
    assert f"Child process [{victim}] died" in errors
    assert "Traceback" not in errors
    lines = log.read_text().splitlines()
    assert sum('"path": "/HMI"' in line for line in lines) == 20


def test_workers_end_with_the_process_that_started_them():
    with serving("--demo", "--workers", "2") as process:
        url = url_of(process)
        assert asked(url) == [200] * 10
        [folder, _] = map(folder_of, workers_of(process))
        with pytest.raises(BlockingIOError):
            lock(folder)  # so that nothing is cleaned up in it
        process.kill()
        refused(url)
    while folder.exists():
        pass


class TestWhatCannotBeServed:
    def test_an_archive_that_does_not_come_up(self, capfd, monkeypatch):
        monkeypatch.setattr(run, "_HEALTHCHECK", 15)
        with pytest.raises(RuntimeError, match="did not start: ValueError: the disk is not mounted"):
            serve(Failing(), port=0, workers=2)
        assert "Traceback" not in capfd.readouterr().err

    def test_a_script_without_the_line_that_processes_need(self, tmp_path):
        script = tmp_path / "script.py"
        script.write_text(
            "from sunpy_flarecast.archive import *\n"
            "import sunpy_flarecast.archive.server.run as run\n"
            "run._HEALTHCHECK = 15\n"
            "serve(DemoArchive(), port=0, workers=2)\n"
        )
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
        assert done.returncode == 1
        assert done.stderr.rstrip().endswith("did not start: in a script, call serve below: if __name__ == '__main__'")

    def test_an_application(self):
        with pytest.raises(TypeError, match="An application is served by one process"):
            serve(create_app(DemoArchive()), port=0, workers=2)
