"""Connections: how many are served, how many are kept, and those that send no request."""

from __future__ import annotations

import shutil
import subprocess
import threading
from contextlib import ExitStack

import pytest
from processes import serving, url_of
from wire import connect, get

from sunpy_flarecast.archive import running


def test_beyond_the_number_allowed_requests_get_503(memory):
    """And a request that takes long is none that was not sent."""
    archive, arrived, go_on = memory([]), threading.Event(), threading.Event()
    holdings = archive.holdings

    def waiting():
        arrived.set()
        assert go_on.wait(60)
        return holdings()

    archive.holdings = waiting
    with running(archive, max_connections=1) as url:
        first: list[int] = []
        thread = threading.Thread(target=lambda: first.append(get(f"{url}/health").status_code))
        thread.start()
        assert arrived.wait(60)
        reply = get(f"{url}/HMI/720?start=2015-12-11&end=2015-12-12")
        go_on.set()
        thread.join()
        assert (reply.status_code, first) == (503, [200])
        assert (reply.headers["Retry-After"], reply.headers["Connection"]) == ("2", "close")
        assert reply.json() == {"message": "The service has too many connections. Try again in 2 s."}


def test_clients_that_leave_make_room(memory, many):
    """A list that nobody reads ends with its client, and what it reads from is closed."""
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
        for _ in range(1000):  # the answer ends at once after that, but not before
            if get(f"{url}/health").status_code == 200:
                return
    pytest.fail("there is no room again")


def test_connections_without_a_request_make_room(memory):
    with running(memory([]), max_connections=3) as url:
        silent = [connect(url) for _ in range(10)]
        assert get(f"{url}/health").status_code == 200
        for connection in silent:
            connection.close()


@pytest.mark.parametrize("part", [b"", b"GET /health HTTP/1.1\r\n"])
def test_connections_make_room_after_their_requests(memory, part):
    """Kept for another request, or with one that never ends, which uvicorn would wait for."""
    with running(memory([]), max_connections=3) as url, ExitStack() as kept:
        for _ in range(3):
            connection = kept.enter_context(connect(url))
            connection.sendall(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200")
            connection.sendall(part)
        # A request is over just after its reply.
        assert 200 in (get(f"{url}/health").status_code for _ in range(1000))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("prlimit") is None, reason="the limit of a process cannot be set")
def test_one_client_cannot_use_up_the_open_files():
    """More connections than files may be open: others are served, and nothing is said."""
    with serving("--demo") as process, ExitStack() as silent:
        url = url_of(process)
        assert get(f"{url}/health").status_code == 200
        subprocess.run(["prlimit", f"--pid={process.pid}", "--nofile=512:512"], check=True)
        for _ in range(800):
            silent.enter_context(connect(url)).sendall(b"GET /health")
        assert get(f"{url}/health").status_code == 200
        process.terminate()
        assert process.communicate(timeout=60)[1] == ""
