"""Files from the kernel, and clients that are slow: uvicorn with `FileProtocol`, over real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from wire import connect, get, received

from sunpy_flarecast.archive import Record, create_app, running
from sunpy_flarecast.archive.base import Stored
from sunpy_flarecast.archive.server.http_protocol import ZERO_COPY, FileProtocol

RECORD = Record(recnum=5, segments=("field", "bitmap"))

FIELD = b"GET /HMI/720/5/field.fits HTTP/1.1\r\nHost: x\r\n\r\n"

#: More than the sockets of both ends hold.
LARGE = 12_000_000


@pytest.fixture(scope="module")
def archive(memory, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    contents = {}
    for name, size in (("field", LARGE), ("bitmap", 100_000)):
        path = folder / name
        path.write_bytes(os.urandom(1_000_000) * (size // 1_000_000) or os.urandom(size))
        stat = path.stat()
        contents[name] = Stored(path=path, size=stat.st_size, mtime_ns=stat.st_mtime_ns)
    return memory([RECORD], contents)


@pytest.fixture(scope="module")
def url(archive):
    with running(archive) as url:
        yield url


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(FileProtocol, "head_timeout", 0.2)
    monkeypatch.setattr(FileProtocol, "send_timeout", 0.2)


def watched(app):
    """Tell when an answer is over, and by what messages it was given."""
    messages, over = [], threading.Event()

    async def layer(scope, receive, send):
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def sending(message):
            messages.append(message["type"])
            await send(message)

        try:
            await app(scope, receive, sending)
        finally:
            over.set()

    return layer, messages, over


class TestFiles:
    def test_many_at_once_on_few_connections(self, url, archive):
        digests = {
            name: hashlib.sha256(archive.segment("", 5, name).path.read_bytes()).digest() for name in RECORD.segments
        }

        def fetch(number):
            name = RECORD.segments[number % 4 == 0]
            headers = {"Range": "bytes=10-"} if number % 3 == 0 else {}
            content = get(f"{url}/HMI/720/5/{name}.fits", headers=headers).content
            if headers:
                content = archive.segment("", 5, name).path.read_bytes()[:10] + content
            return hashlib.sha256(content).digest() == digests[name]

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(fetch, range(16)))

    def test_one_after_the_other_on_a_connection(self, url, archive):
        """Further requests, sent before the answer came, neither mix with it nor are lost."""
        bitmap = FIELD.replace(b"field", b"bitmap")
        health = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        with connect(url) as connection:
            connection.sendall(bitmap + FIELD + bitmap + health)
            answer = received(connection)
        for name in ("bitmap", "field", "bitmap"):
            _, _, answer = answer.partition(b"\r\n\r\n")
            content = archive.segment("", 5, name).path.read_bytes()
            assert answer[: len(content)] == content
            answer = answer[len(content) :]
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b'"status":"ok"' in answer

    def test_without_a_length(self, archive):
        """The extension as ASGI has it: parts of files, between other parts, in chunks."""

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                return
            with archive.segment("", 5, "bitmap").path.open("rb") as file:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"begin", "more_body": True})
                await send({"type": ZERO_COPY, "file": file, "offset": 99, "count": 50_000, "more_body": True})
                await send({"type": ZERO_COPY, "file": file, "count": 1, "more_body": True})
                await send({"type": "http.response.body", "body": b"end"})

        content = archive.segment("", 5, "bitmap").path.read_bytes()
        with running(app) as url:
            assert get(url).content == b"begin" + content[99:50_099] + content[:1] + b"end"

    def test_a_client_that_goes_away(self, archive, caplog):
        """The file is closed, nothing is logged as an error, and the service goes on."""
        layer, _, over = watched(create_app(archive))
        with running(layer) as url:
            for _ in range(3):
                over.clear()
                with connect(url) as connection:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    connection.sendall(FIELD)
                    assert connection.recv(1000)
                assert over.wait(60)
            assert get(f"{url}/health").status_code == 200
        assert [record.message for record in caplog.records] == []

    def test_other_event_loops_are_not_offered_it(self, archive):
        """What uvloop raises for is not asked of it."""
        offered = []

        async def app(scope, receive, send):
            offered.append(scope.get("extensions", {}))

        class OtherLoop(asyncio.AbstractEventLoop):
            pass

        protocol = FileProtocol.__new__(FileProtocol)
        protocol._application, protocol.scheme, protocol.loop = app, "http", OtherLoop()
        asyncio.run(protocol._offering({"asgi": {}}, None, None))
        assert offered == [{}]


@pytest.mark.usefixtures("impatient")
class TestSlowClients:
    def test_that_send_nothing(self, url):
        with connect(url) as connection:
            assert received(connection) == b""

    @pytest.mark.parametrize("part", [b"G", FIELD[:20], FIELD[:-2]])
    def test_that_send_a_part_of_a_request(self, url, part):
        with connect(url) as connection:
            connection.sendall(part)
            answer = received(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'{"message":"The request did not arrive within 0.2 s"}' in answer

    def test_that_send_a_part_of_a_second_request(self, url):
        with connect(url) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /hea")
            answer = received(connection)
        assert (answer.count(b"HTTP/1.1 200"), answer.count(b"HTTP/1.1 408")) == (1, 1)

    def test_that_send_no_body(self, url):
        """A body that was announced and never comes keeps nobody waiting."""
        with connect(url) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\na")
            answer = received(connection)
        assert answer.startswith(b"HTTP/1.1 200 OK")

    def test_that_take_no_file(self, archive):
        layer, _, over = watched(create_app(archive))
        with running(layer) as url, connect(url) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(FIELD)
            assert over.wait(60)
            with pytest.raises(ConnectionResetError):
                received(connection)

    def test_that_take_no_list(self, memory, many):
        class Endless(type(memory([]))):
            def records(self, series, start, end):
                while True:
                    yield from many

        layer, _, over = watched(create_app(Endless([])))
        with running(layer) as url, connect(url) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(b"GET /HMI/720?start=2015-12-11&end=2015-12-12 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert over.wait(60)

    def test_a_request_that_takes_long_to_answer_is_not_slow(self, memory):
        """Only the client's own time counts."""
        archive = memory([])
        holdings = archive.holdings

        def late():
            threading.Event().wait(0.5)
            return holdings()

        archive.holdings = late
        with running(archive) as url:
            assert get(f"{url}/health").status_code == 200
