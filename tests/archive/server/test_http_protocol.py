"""Bounds on connections, including idle ones and those that send no request."""

from __future__ import annotations

import shutil
import subprocess
import threading
from contextlib import ExitStack

import pytest
from processes import serving, url_of
from wire import connect, get

from sunpy_flarecast.archive import running


def test_requests_beyond_the_limit_get_503(memory):
    """A slow request does not count as an idle connection."""
    archive, arrived, resume = memory([]), threading.Event(), threading.Event()
    holdings = archive.holdings

    def waiting():
        arrived.set()
        assert resume.wait(60)
        return holdings()

    archive.holdings = waiting
    with running(archive, max_connections=1) as url:
        first: list[int] = []
        thread = threading.Thread(target=lambda: first.append(get(f"{url}/health").status_code))
        thread.start()
        assert arrived.wait(60)
        reply = get(f"{url}/HMI/720?start=2015-12-11&end=2015-12-12")
        resume.set()
        thread.join()
        assert (reply.status_code, first) == (503, [200])
        assert (reply.headers["Retry-After"], reply.headers["Connection"]) == ("2", "close")
        assert reply.json() == {"message": "The service has too many connections. Try again in 2 s."}


def test_disconnected_clients_free_their_connections(memory, many):
    """A list ends when its client disconnects, and its generator is closed."""
    closed = threading.Event()

    class Endless(type(memory([]))):
        def records(self, series, start, end):
            try:
                while True:
                    yield from many
            finally:
                closed.set()

    with running(Endless([]), max_connections=1) as url:
        with connect(url) as connection:
            connection.sendall(b"GET /HMI/720?start=2015-12-11&end=2015-12-12 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(10_000)
        assert closed.wait(60)
        for _ in range(1000):  # the reply ends just after that
            if get(f"{url}/health").status_code == 200:
                return
    pytest.fail("the connection was not freed")


def test_connections_without_a_request_are_closed_for_new_ones(memory):
    with running(memory([]), max_connections=3) as url:
        silent = [connect(url) for _ in range(10)]
        assert get(f"{url}/health").status_code == 200
        for connection in silent:
            connection.close()


@pytest.mark.parametrize("part", [b"", b"GET /health HTTP/1.1\r\n"])
def test_idle_connections_are_closed_for_new_ones(memory, part):
    """Also with an incomplete request, for which uvicorn would wait."""
    with running(memory([]), max_connections=3) as url, ExitStack() as kept:
        for _ in range(3):
            connection = kept.enter_context(connect(url))
            connection.sendall(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200")
            connection.sendall(part)
        # A request ends just after its reply.
        assert 200 in (get(f"{url}/health").status_code for _ in range(1000))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit")
def test_one_client_cannot_exhaust_the_open_files():
    """Even if a client opens more connections than the process may open files, others are served without messages."""
    with serving("--demo") as process, ExitStack() as silent:
        url = url_of(process)
        assert get(f"{url}/health").status_code == 200
        subprocess.run(["prlimit", f"--pid={process.pid}", "--nofile=512:512"], check=True)
        for _ in range(800):
            silent.enter_context(connect(url)).sendall(b"GET /health")
        assert get(f"{url}/health").status_code == 200
        process.terminate()
        assert process.communicate(timeout=60)[1] == ""
