"""Files as answers, over real HTTP: ranges, validators, digests, conditions, and what may be wrong with a file."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from wire import get

from sunpy_flarecast.archive import Record, create_app, running
from sunpy_flarecast.archive.base import Stored

RECORD = Record(recnum=5605571, segments=("magnetogram", "bitmap"), harpnum=6178, t_rec_index=1005598)

CONTENT = bytes(range(256)) * 40

DIGEST = f"sha-256=:{base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()}:"

FILE = "/HMI/hmi.sharp_720s/5605571/{}.fits"


def stored(path, sha256=None):
    stat = path.stat()
    return Stored(path=path, size=stat.st_size, mtime_ns=stat.st_mtime_ns, sha256=sha256)


def without_zero_copy(app):
    """Serve as over TLS, or by another server, where the kernel does not send files."""

    async def layer(scope, receive, send):
        await app({**scope, "extensions": {}}, receive, send)

    return layer


@pytest.fixture(scope="module", params=["sendfile", "read"])
def url(memory, tmp_path_factory, request):
    path = tmp_path_factory.mktemp("files") / "anything.fits"
    path.write_bytes(CONTENT)
    os.utime(path, (1_450_000_000, 1_450_000_000))
    archive = memory([RECORD], {"magnetogram": stored(path, hashlib.sha256(CONTENT).digest()), "bitmap": CONTENT})
    app = create_app(archive)
    with running(app if request.param == "sendfile" else without_zero_copy(app)) as url:
        yield url


@pytest.mark.parametrize("segment", ["magnetogram", "bitmap"], ids=["path", "bytes"])
class TestFile:
    def test_whole(self, url, segment):
        reply = get(url + FILE.format(segment))
        assert (reply.status_code, reply.content) == (200, CONTENT)
        assert reply.headers["content-type"] == "application/fits"
        assert reply.headers["content-length"] == str(len(CONTENT))
        assert reply.headers["accept-ranges"] == "bytes"
        # as a script in the service's documentation reads it
        assert re.findall("filename=(.+)", reply.headers["content-disposition"]) == [
            f"hmi.sharp_720s.6178.20151211_233600_TAI.{segment}.fits"
        ]
        assert ("last-modified" in reply.headers) == (segment == "magnetogram")
        assert (reply.headers["content-digest"], reply.headers.get("repr-digest")) == (DIGEST, None)

    def test_head(self, url, segment):
        whole = get(url + FILE.format(segment))
        reply = requests.head(url + FILE.format(segment), timeout=20, headers={"Range": "bytes=0-9"})
        assert (reply.status_code, reply.content) == (200, b"")
        differ = {"date": "", "content-digest": "", "repr-digest": ""}
        assert {**reply.headers, **differ} == {**whole.headers, **differ}
        # The content of an answer to HEAD is empty.
        assert (reply.headers.get("content-digest"), reply.headers["repr-digest"]) == (None, DIGEST)

    @pytest.mark.parametrize(
        ("text", "first", "stop"),
        [
            ("bytes=0-9", 0, 10),
            ("bytes=100-", 100, 10240),
            ("bytes=-5", 10235, 10240),
            ("bytes=-99999", 0, 10240),
            ("bytes=10239-99999", 10239, 10240),
            ("Bytes= 7-7 ", 7, 8),
        ],
    )
    def test_range(self, url, segment, text, first, stop):
        reply = get(url + FILE.format(segment), headers={"Range": text})
        assert (reply.status_code, reply.content) == (206, CONTENT[first:stop])
        assert reply.headers["content-range"] == f"bytes {first}-{stop - 1}/10240"
        assert reply.headers["content-length"] == str(stop - first)
        assert reply.headers["content-disposition"].startswith("attachment; filename=hmi")
        assert (reply.headers.get("content-digest"), reply.headers["repr-digest"]) == (None, DIGEST)

    @pytest.mark.parametrize("text", ["bytes=10240-", "bytes=99999-100000", "bytes=-0"])
    def test_range_outside(self, url, segment, text):
        reply = get(url + FILE.format(segment), headers={"Range": text})
        assert (reply.status_code, reply.headers["content-range"]) == (416, "bytes */10240")
        assert "10240 bytes" in reply.json()["message"]

    @pytest.mark.parametrize("text", ["bytes=5-2", "bytes=-", "bytes=0-1,4-5", "lines=0-9", "bytes=a-b", "9" * 30])
    def test_what_is_no_single_range_is_ignored(self, url, segment, text):
        reply = get(url + FILE.format(segment), headers={"Range": text})
        assert (reply.status_code, reply.content) == (200, CONTENT)

    def test_if_range(self, url, segment):
        whole = get(url + FILE.format(segment)).headers
        same = [whole[name] for name in ("etag", "last-modified") if name in whole]
        for value in same:
            headers = {"Range": "bytes=0-9", "If-Range": value}
            assert get(url + FILE.format(segment), headers=headers).status_code == 206
        for value in ('"other"', f"W/{whole['etag']}", "Sat, 12 Dec 2015 09:46:41 GMT"):
            headers = {"Range": "bytes=0-9", "If-Range": value}
            assert get(url + FILE.format(segment), headers=headers).content == CONTENT

    def test_not_modified(self, url, segment):
        etag = get(url + FILE.format(segment)).headers["etag"]
        for value in (etag, f'"other", W/{etag}', "*"):
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
            ("Sun, 13 Dec 2015 09:46:40", 200),
            ("some day", 200),
        ],
    )
    def test_modified_since(self, url, segment, since, status):
        reply = get(url + FILE.format(segment), headers={"If-Modified-Since": since})
        assert reply.status_code == (status if segment == "magnetogram" else 200)

    @pytest.mark.parametrize("text", ["gzip", "gzip, deflate, br", "*", "identity;q=0, gzip"])
    def test_never_in_gzip(self, url, segment, text):
        for headers in ({}, {"Range": "bytes=5-99"}):
            reply = get(url + FILE.format(segment), headers={"Accept-Encoding": text, **headers})
            assert reply.headers.get("content-encoding") is None
            assert reply.content == (CONTENT[5:100] if headers else CONTENT)

    def test_a_resumed_file_is_the_digested_one(self, url, segment):
        head = get(url + FILE.format(segment), headers={"Range": "bytes=0-999"})
        rest = get(url + FILE.format(segment), headers={"Range": "bytes=1000-", "If-Range": head.headers["etag"]})
        digest = base64.b64encode(hashlib.sha256(head.content + rest.content).digest()).decode()
        assert rest.headers["repr-digest"] == f"sha-256=:{digest}:"

    def test_many_at_once(self, url, segment):
        with ThreadPoolExecutor(16) as pool:
            contents = pool.map(lambda _: get(url + FILE.format(segment)).content, range(64))
        assert set(contents) == {CONTENT}


def fail(*_):
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


class TestFilesThatFail:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "some.fits"
        path.write_bytes(CONTENT)
        return path

    def answer(self, archive):
        with running(archive) as url:
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
        assert (reply.status_code, "cannot be read" in reply.json()["message"]) == (404, True)

    @pytest.mark.parametrize("opened", [True, False])
    def test_what_cannot_be_read_just_now(self, memory, path, monkeypatch, opened):
        """Too many open files are no reason to take a file for gone."""
        archive = memory([RECORD], {"bitmap": stored(path)})
        with running(archive) as url:
            if opened:
                archive.segment = fail
            else:
                monkeypatch.setattr("sunpy_flarecast.archive.api.file_response.os.open", fail)
            reply = get(url + FILE.format("bitmap"))
            monkeypatch.undo()
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
        assert "cannot be read just now (Too many open files). Try again in 2 s" in reply.json()["message"]

    def test_a_folder_in_its_place(self, memory, path):
        content = stored(path)
        path.unlink()
        path.mkdir()
        assert self.answer(memory([RECORD], {"bitmap": content})).status_code == 404

    @pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are followed there")
    def test_a_link_in_its_place(self, memory, path, tmp_path):
        """The archive saw to it that it was none; it was put there since."""
        content = stored(path)
        path.rename(tmp_path / "other")
        path.symlink_to(tmp_path / "other")
        assert self.answer(memory([RECORD], {"bitmap": content})).status_code == 404

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
    def test_a_pipe_in_its_place(self, memory, path):
        content = stored(path)
        path.unlink()
        os.mkfifo(path)
        assert self.answer(memory([RECORD], {"bitmap": content})).status_code == 404

    def test_empty(self, memory, path):
        path.write_bytes(b"")
        reply = self.answer(memory([RECORD], {"bitmap": stored(path)}))
        assert (reply.status_code, reply.content) == (200, b"")

    def test_changed_to_another_whole_one(self, memory, write, tmp_path):
        path = write(tmp_path / "changed.fits")
        content = stored(path, hashlib.sha256(path.read_bytes()).digest())
        now = write(tmp_path / "now.fits", compressed=True).read_bytes()
        path.write_bytes(now)
        reply = self.answer(memory([RECORD], {"bitmap": content}))
        assert (reply.status_code, reply.content) == (200, now)
        assert (reply.headers.get("content-digest"), reply.headers["content-length"]) == (None, str(len(now)))

    def test_changed_and_not_whole(self, memory, write, tmp_path):
        path = write(tmp_path / "changed.fits")
        content = stored(path)
        path.write_bytes(path.read_bytes()[:-2880])
        reply = self.answer(memory([RECORD], {"bitmap": content}))
        assert (reply.status_code, "Try again later" in reply.json()["message"]) == (404, True)

    @pytest.mark.parametrize("layer", [lambda app: app, without_zero_copy], ids=["sendfile", "read"])
    def test_cut_short_while_it_is_sent(self, memory, path, layer):
        app = create_app(memory([RECORD], {"bitmap": stored(path)}))

        async def cutting(scope, receive, send):
            async def sending(message):
                await send(message)
                if message["type"] == "http.response.start":
                    os.truncate(path, 100)

            await app(scope, receive, sending)

        broken = pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError))
        with running(layer(cutting)) as url, broken:
            get(url + FILE.format("bitmap"))

    def test_replaced_while_it_is_sent(self, memory, path, tmp_path):
        """A file that takes another's place by its name does not mix with it."""
        app = create_app(memory([RECORD], {"bitmap": stored(path)}))
        (tmp_path / "other").write_bytes(bytes(len(CONTENT)))

        async def replacing(scope, receive, send):
            async def sending(message):
                await send(message)
                if message["type"] == "http.response.start":
                    (tmp_path / "other").replace(path)

            await app(scope, receive, sending)

        with running(replacing) as url:
            assert get(url + FILE.format("bitmap")).content == CONTENT
