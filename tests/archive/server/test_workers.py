"""A service in processes of its own: several of them, one that crashes, and how they stop."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
import requests
from processes import begun, refused, rest, serving, url_of, workers_of

from sunpy_flarecast.archive import DemoArchive, Settings, create_app, running, serve

#: Three days: longer than what the system keeps for a client that does not take it.
LONG = "/HMI/hmi.sharp_720s?start=2014-10-21T00:00:00Z&end=2014-10-24T00:00:00Z"

SHORT = "/HMI/hmi.sharp_720s?start=2014-10-21T00:00:00Z&end=2014-10-21T00:10:00Z"

END = b"]}\r\n0\r\n\r\n"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently there")


class Failing(DemoArchive):
    """Comes up in no other process."""

    def __init__(self, parent=None):
        super().__init__()
        self._parent = parent or os.getpid()

    def __reduce__(self):
        return Failing, (self._parent,)

    @property
    def synthetic(self):
        if os.getpid() != self._parent:
            raise ValueError("the disk is not mounted")
        return True


def asked(url):
    """Count what each of several new connections gets."""
    return [requests.get(f"{url}{SHORT}", timeout=60).status_code for _ in range(10)]


def listed(url):
    """How often lists were asked for, as all workers together know it."""
    text = requests.get(f"{url}/metrics", timeout=60).text
    [line] = [
        line for line in text.splitlines() if line.startswith('flarecast_requests_total{method="GET",route="/HMI/{s')
    ]
    return float(line.rpartition(" ")[2])


def interrupt(process, url, told=lambda: True):
    """
    Tell a service to stop: one transfer is finished in its grace, another is broken off by a second interrupt.

    The second one, which kills workers, is sent when the first transfer has been told of.
    """
    finished, broken_off = begun(url, LONG), begun(url, LONG)
    process.send_signal(signal.SIGINT)
    refused(url)
    assert rest(finished).endswith(END)
    while not told():
        pass
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, "Stopped.\n")
    assert not rest(broken_off).endswith(END)
    return errors


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the system does not list the workers")
def test_workers_share_figures_and_log_are_replaced_and_finish_what_is_under_way(tmp_path):
    log = tmp_path / "access.jsonl"

    def told_of(number):
        return log.read_text().count('"path":"/HMI/hmi.sharp_720s"') >= number

    with serving("--demo", "--workers", "2", "--grace", "3600", "--access-log", str(log)) as process:
        url = url_of(process)
        first = workers_of(process)
        assert len(first) == 2
        assert asked(url) == [200] * 10
        while not told_of(10):  # just after it is answered
            pass
        assert [listed(url) for _ in range(6)] == [10] * 6
        for worker in first:
            os.kill(worker, signal.SIGKILL)
        # Nobody is refused: who connects waits at the socket, which is still there.
        assert asked(url) == [200] * 10
        while not told_of(20):
            pass
        assert listed(url) == 20
        assert not workers_of(process) & first
        errors = interrupt(process, url, lambda: told_of(21))
    told = sorted(line[line.index("Worker") :] for line in errors.splitlines())
    assert told == sorted(f"Worker {worker} was ended by signal 9; another takes its place" for worker in first)


def test_one_process_finishes_what_is_under_way():
    with serving("--demo", "--grace", "3600") as process:
        assert interrupt(process, url_of(process)) == ""


def test_the_grace_ends(caplog):
    with running(DemoArchive(), grace=0) as url:
        client = begun(url, LONG)
    assert not rest(client).endswith(END)
    assert "Traceback" not in caplog.text


class TestWhatCannotBeServed:
    def test_an_archive_that_does_not_come_up(self, capfd):
        with pytest.raises(RuntimeError, match=r"did not start: a worker ended .*ValueError: the disk is not mounted"):
            serve(Failing(), port=0, workers=2)
        assert capfd.readouterr().err == ""

    def test_settings_that_are_none(self):
        with pytest.raises(ValueError, match=r"'sharps.example' is not the URL"):
            serve(DemoArchive(), port=0, workers=2, settings=Settings(public_url="sharps.example"))

    def test_a_log_that_cannot_be_written(self, tmp_path, capfd):
        with pytest.raises(OSError, match=r"The access log cannot be written to .*Choose another file"):
            serve(DemoArchive(), port=0, workers=2, access_log=tmp_path / "none" / "log")
        assert capfd.readouterr().err == ""

    def test_one_that_cannot_be_sent(self):
        class Local(DemoArchive):
            def __reduce__(self):
                return (lambda: None), ()

        with pytest.raises(TypeError, match="Local cannot be served by several processes"):
            serve(Local(), port=0, workers=2)

    def test_an_application(self):
        with pytest.raises(TypeError, match="An application is served by one process"):
            serve(create_app(DemoArchive()), port=0, workers=2)

    def test_numbers(self):
        with pytest.raises(ValueError, match="workers=0: at least one"):
            serve(DemoArchive(), port=0, workers=0)
        with pytest.raises(ValueError, match="grace=-1"):
            serve(DemoArchive(), port=0, grace=-1)
