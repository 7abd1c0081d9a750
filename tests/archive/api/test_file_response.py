"""File replies over real HTTP: ranges, validators, conditional requests, and files that cannot be read."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests
from wire import get

from sunpy_flarecast.archive import Record, Settings, create_app, running
from sunpy_flarecast.archive.base import Stored

RECORD = Record(recnum=5605571, segments=("magnetogram", "bitmap"), harpnum=6178, t_rec_index=1005598)

#: Longer than one chunk.
CONTENT = bytes(range(256)) * 5000

SIZE = len(CONTENT)

FILE = "/HMI/hmi.sharp_720s/5605571/{}.fits"

either = pytest.mark.parametrize("segment", ["magnetogram", "bitmap"], ids=["path", "bytes"])


def stored(path, root=None):
    stat = path.stat()
    return Stored(path=path, size=stat.st_size, mtime_ns=stat.st_mtime_ns, root=root)


@pytest.fixture(scope="module")
def url(memory, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "anything.fits"
    path.write_bytes(CONTENT)
    os.utime(path, (1_450_000_000, 1_450_000_000))
    with running(memory([RECORD], {"magnetogram": stored(path), "bitmap": CONTENT})) as url:
        yield url


@pytest.fixture(scope="module")
def file(url):
    return url + FILE.format("magnetogram")


class TestWhole:
    @either
    def test_get(self, url, segment):
        reply = get(url + FILE.format(segment))
        assert (reply.status_code, reply.content) == (200, CONTENT)
        assert reply.headers["content-type"] == "application/fits"
        assert reply.headers["content-length"] == str(SIZE)
        # as in a script of the service's documentation
        assert re.findall("filename=(.+)", reply.headers["content-disposition"]) == [
            f"hmi.sharp_720s.6178.20151211_233600_TAI.{segment}.fits"
        ]
        assert ("last-modified" in reply.headers) == (segment == "magnetogram")
        assert (reply.headers.get("accept-ranges") == "bytes") == (segment == "magnetogram")

    @either
    def test_head(self, url, segment):
        whole = get(url + FILE.format(segment))
        reply = requests.head(url + FILE.format(segment), timeout=20)
        assert (reply.status_code, reply.content) == (200, b"")
        assert {**reply.headers, "date": ""} == {**whole.headers, "date": ""}

    @either
    @pytest.mark.parametrize("encodings", ["gzip", "gzip, deflate, br", "*", "identity;q=0, gzip"])
    def test_never_compressed(self, url, segment, encodings):
        reply = get(url + FILE.format(segment), headers={"Accept-Encoding": encodings})
        assert (reply.headers.get("content-encoding"), reply.content) == (None, CONTENT)

    @either
    def test_many_at_once(self, url, segment):
        with ThreadPoolExecutor(16) as pool:
            contents = pool.map(lambda _: get(url + FILE.format(segment)).content, range(64))
        assert set(contents) == {CONTENT}


class TestRanges:
    @pytest.mark.parametrize(
        ("text", "first", "stop"),
        [
            ("bytes=0-9", 0, 10),
            ("bytes=100-", 100, SIZE),
            ("bytes=-5", SIZE - 5, SIZE),
            ("bytes=-99999999", 0, SIZE),
            (f"bytes={SIZE - 1}-99999999", SIZE - 1, SIZE),
        ],
    )
    def test_one(self, file, text, first, stop):
        reply = get(file, headers={"Range": text, "Accept-Encoding": "gzip"})
        assert (reply.status_code, reply.content) == (206, CONTENT[first:stop])
        assert reply.headers["content-range"] == f"bytes {first}-{stop - 1}/{SIZE}"
        assert reply.headers["content-length"] == str(stop - first)
        assert reply.headers["content-disposition"].startswith("attachment; filename=hmi")
        assert reply.headers.get("content-encoding") is None

    def test_several(self, file):
        reply = get(file, headers={"Range": "bytes=0-1,4-5"})
        assert (reply.status_code, reply.headers["content-type"].partition(";")[0]) == (206, "multipart/byteranges")
        assert CONTENT[0:2] in reply.content
        assert CONTENT[4:6] in reply.content

    @pytest.mark.parametrize("text", [f"bytes={SIZE}-", "bytes=9999999-10000000", "bytes=-0"])
    def test_outside(self, file, text):
        reply = get(file, headers={"Range": text})
        assert (reply.status_code, reply.headers["content-range"]) == (416, f"bytes */{SIZE}")
        assert f"{SIZE} bytes" in reply.json()["message"]

    @pytest.mark.parametrize("text", ["bytes=5-2", "bytes=-", "lines=0-9", "bytes=a-b", "9" * 30])
    def test_invalid(self, file, text):
        reply = get(file, headers={"Range": text})
        assert (reply.status_code, "Range header cannot be parsed" in reply.json()["message"]) == (400, True)

    def test_if_range(self, file):
        whole = get(file).headers
        for value in (whole["etag"], whole["last-modified"]):
            assert get(file, headers={"Range": "bytes=0-9", "If-Range": value}).status_code == 206
        for value in ('"other"', f"W/{whole['etag']}", "Sat, 12 Dec 2015 09:46:41 GMT"):
            assert get(file, headers={"Range": "bytes=0-9", "If-Range": value}).content == CONTENT

    def test_ranges_are_ignored_for_content_in_memory(self, url):
        assert get(url + FILE.format("bitmap"), headers={"Range": "bytes=0-9"}).content == CONTENT


class TestConditions:
    @either
    def test_none_match(self, url, segment):
        etag = get(url + FILE.format(segment)).headers["etag"]
        for value in (etag, f'"other", W/{etag}'):
            reply = get(url + FILE.format(segment), headers={"If-None-Match": value})
            assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", etag)
        headers = {"If-None-Match": '"other"', "If-Modified-Since": "Sat, 01 Jan 2050 00:00:00 GMT"}
        assert get(url + FILE.format(segment), headers=headers).status_code == 200

    @pytest.mark.parametrize(
        ("since", "status"),
        [
            ("Sun, 13 Dec 2015 09:46:40 GMT", 304),
            ("Sat, 01 Jan 2050 00:00:00 GMT", 304),
            ("Sun, 13 Dec 2015 09:46:39 GMT", 200),
            ("some day", 200),
        ],
    )
    def test_modified_since(self, url, file, since, status):
        assert get(file, headers={"If-Modified-Since": since}).status_code == status
        assert get(url + FILE.format("bitmap"), headers={"If-Modified-Since": since}).status_code == 200


def fail(*_):
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.fixture
def leased():
    """Hold a lease on a file, as file servers do for their clients, so that opening it blocks."""
    fcntl = pytest.importorskip("fcntl")

    @contextmanager
    def lease(path):
        previous = signal.signal(signal.SIGIO, signal.SIG_IGN)  # sent to the holder when another process opens the file
        with path.open("r+b") as file:
            try:
                fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            except (OSError, AttributeError):
                pytest.skip("file leases are not supported")
            try:
                yield
            finally:
                fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
                signal.signal(signal.SIGIO, previous)

    return lease


@pytest.fixture
def stalled():
    """Delay every read of a file by minutes, as on a network disk without connection, until the block ends."""
    strace = shutil.which("strace") or pytest.skip("needs strace")

    @contextmanager
    def stall(path):
        delayed = ("-e", "trace=read", "-e", "inject=read:delay_enter=600000000")
        command = [strace, "-f", "-P", str(path), *delayed, "-o", os.devnull, "-p", str(os.getpid())]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            if "attached" not in process.stderr.readline():
                pytest.skip("this process cannot be traced")
            try:
                yield
            finally:
                process.terminate()

    return stall


class TestFilesThatFail:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "some.fits"
        path.write_bytes(CONTENT)
        return path

    def answer(self, archive, **settings):
        with running(archive, settings=Settings(**settings)) as url:
            return get(url + FILE.format("bitmap"))

    def test_unknown(self, url):
        for path in ("/HMI/720/5605571/field.fits", "/HMI/721/5605571/bitmap.fits", "/HMI/720/7/bitmap.fits"):
            reply = get(url + path)
            assert (reply.status_code, list(reply.json())) == (404, ["message"])

    def test_the_name_without_harpnum(self, memory):
        reply = self.answer(memory([Record(recnum=5605571, segments=("bitmap",))], {"bitmap": CONTENT}))
        assert reply.headers["content-disposition"] == "attachment; filename=hmi.sharp_720s.5605571.bitmap.fits"

    def test_gone(self, memory, path):
        content = stored(path)
        path.unlink()
        reply = self.answer(memory([RECORD], {"bitmap": content}))
        assert (reply.status_code, "can no longer be read" in reply.json()["message"]) == (404, True)

    def test_temporarily_unavailable(self, memory):
        """Too many open files do not mean that a file was removed."""
        archive = memory([RECORD])
        archive.segment = fail
        reply = self.answer(archive)
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
        assert "(Too many open files). Try again in 2 s" in reply.json()["message"]

    def test_in_use_by_another_process(self, memory, path, leased):
        with leased(path):
            reply = self.answer(memory([RECORD], {"bitmap": stored(path)}))
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")

    def test_a_stalled_disk_does_not_stop_other_requests(self, memory, path, stalled):
        with running(memory([RECORD], {"bitmap": stored(path)})) as url, ThreadPoolExecutor() as pool:
            with stalled(path):
                waiting = pool.submit(get, url + FILE.format("bitmap"))
                assert [get(f"{url}/health").status_code for _ in range(20)] == [200] * 20
                assert not waiting.done()
            assert waiting.result().content == CONTENT

    @pytest.mark.parametrize("x_accel", [None, "/files"])
    @pytest.mark.parametrize("kind", ["folder", "link", "pipe", "device"])
    def test_replaced_by_another_kind_of_file(self, memory, path, tmp_path, kind, x_accel):
        """It was a file when the archive checked it, and was replaced afterwards."""
        content = stored(path, root=tmp_path)
        path.rename(tmp_path / "other")
        try:
            if kind == "folder":
                path.mkdir()
            elif kind == "link":
                path.symlink_to(tmp_path / "other")
            elif kind == "pipe":
                os.mkfifo(path)
            else:
                os.mknod(path, 0o020666, os.makedev(1, 5))  # /dev/zero
        except (OSError, AttributeError):
            pytest.skip(f"a {kind} cannot be created")
        assert self.answer(memory([RECORD], {"bitmap": content}), x_accel=x_accel).status_code == 404

    def test_empty(self, memory, path):
        path.write_bytes(b"")
        reply = self.answer(memory([RECORD], {"bitmap": stored(path)}))
        assert (reply.status_code, reply.content) == (200, b"")

    def test_changed_to_another_complete_one(self, memory, write, tmp_path):
        path = write(tmp_path / "changed.fits")
        content = stored(path)
        now = write(tmp_path / "now.fits", compressed=True).read_bytes()
        path.write_bytes(now)
        reply = self.answer(memory([RECORD], {"bitmap": content}))
        assert (reply.status_code, reply.content) == (200, now)

    def test_changed_to_an_incomplete_one(self, memory, write, tmp_path):
        path = write(tmp_path / "changed.fits")
        content = stored(path)
        path.write_bytes(path.read_bytes()[:-2880])
        reply = self.answer(memory([RECORD], {"bitmap": content}))
        assert (reply.status_code, "Try again later" in reply.json()["message"]) == (404, True)

    @pytest.mark.parametrize("change", ["shorter", "longer"])
    def test_size_changed_during_the_transfer(self, memory, path, change):
        """The connection is closed, so that the received part does not pass for the file."""

        def changing():
            os.truncate(path, 100 if change == "shorter" else SIZE + 2880)

        app = at_the_start(create_app(memory([RECORD], {"bitmap": stored(path)})), changing)
        broken = pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError))
        with running(app) as url, broken:
            get(url + FILE.format("bitmap"))

    @pytest.mark.skipif(os.name == "nt", reason="open files cannot be replaced there")
    @pytest.mark.parametrize("successor", ["file", "pipe", "nothing"])
    def test_replaced_during_the_transfer(self, memory, path, tmp_path, successor):
        """The opened file is sent, not the one that replaced it."""

        def replacing():
            path.unlink()
            if successor == "file":
                path.write_bytes(bytes(SIZE))
            elif successor == "pipe":
                os.mkfifo(path)

        app = at_the_start(create_app(memory([RECORD], {"bitmap": stored(path)})), replacing)
        with running(app) as url:
            assert get(url + FILE.format("bitmap")).content == CONTENT


def at_the_start(app, act):
    """Call a function between the head of a reply and its body."""

    async def layer(scope, receive, send):
        async def sending(message):
            await send(message)
            if message["type"] == "http.response.start":
                act()

        await app(scope, receive, sending)

    return layer


class TestFrontServer:
    def test_the_path_is_relative_to_the_archive_and_quoted(self, memory, tmp_path):
        path = tmp_path / "2015 12" / "a%3f?ü.fits"
        path.parent.mkdir()
        path.write_bytes(CONTENT)
        archive = memory([RECORD], {"bitmap": stored(path, root=tmp_path), "magnetogram": CONTENT})
        with running(archive, settings=Settings(x_accel="/files/")) as url:
            reply = get(url + FILE.format("bitmap"), headers={"Range": "bytes=0-9"})
            assert get(url + FILE.format("magnetogram")).content == CONTENT
        assert (reply.status_code, reply.content) == (200, b"")
        assert reply.headers["x-accel-redirect"] == "/files/2015%2012/a%253f%3F%C3%BC.fits"
        assert reply.headers["content-disposition"].startswith("attachment; filename=hmi")

    @pytest.mark.parametrize("path", ["files", "", "/", "/a b", "/files\r\n", "https://a.example/files", "//files"])
    def test_invalid_locations(self, memory, path):
        with pytest.raises(ValueError, match=r"x_accel=.* \(--x-accel\): write the path of an internal location"):
            create_app(memory([]), Settings(x_accel=path))
