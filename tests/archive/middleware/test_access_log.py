"""The access log: what a line says and does not say, and files that are moved, shared or full."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import msgspec
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast.archive import DemoArchive, Settings, running
from sunpy_flarecast.archive.middleware.access_log import AccessLog, line_of
from sunpy_flarecast.archive.middleware.observer import Exchange

TOKEN = "token-that-is-not-logged"

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-11T01:00:00Z"}


def exchange(**changed):
    told = {
        "began": 1449792000.5,
        "client": "192.0.2.7",
        "method": "GET",
        "path": "/HMI/720",
        "query": "",
        "route": "/HMI/{series}",
        "status": 200,
        "sent": 1234,
        "seconds": 0.25,
        "complete": True,
    }
    return Exchange(**{**told, **changed})


def read(path):
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


class TestLines:
    def test_a_line(self):
        assert line_of(exchange(query="start=a&end=b")) == (
            b'{"time":"2015-12-11T00:00:00.500Z","client":"192.0.2.7","method":"GET","path":"/HMI/720",'
            b'"query":"start=a&end=b","status":200,"bytes":1234,"seconds":0.25,"complete":true}\n'
        )

    @given(st.text(), st.text(alphabet=st.characters(max_codepoint=255)))
    def test_whatever_is_asked_makes_one_line_of_json(self, path, query):
        line = line_of(exchange(path=path.encode("utf-8", "replace").decode(), query=query))
        assert line.count(b"\n") == 1
        assert len(line) < 6000
        msgspec.json.decode(line)

    @pytest.mark.parametrize(
        "query", [f"token={TOKEN}", f"access_token={TOKEN}&start=1", f"start=1&password={TOKEN}", f"xstart={TOKEN}"]
    )
    def test_only_what_the_service_reads_of_a_query(self, query):
        assert TOKEN.encode() not in line_of(exchange(query=query))


class TestService:
    def test_every_request_has_its_line(self, tmp_path):
        path = tmp_path / "access.jsonl"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with running(DemoArchive(), settings=Settings(tokens=frozenset({TOKEN})), access_log=path) as url:
            listed = requests.get(f"{url}/HMI/720", params=RANGE, headers=headers, timeout=20, stream=True)
            size = len(listed.raw.read(decode_content=False))
            requests.get(f"{url}/HMI/720", params=RANGE, timeout=20)
            requests.head(f"{url}/HMI/720/1/Br.fits?token={TOKEN}", headers=headers, timeout=20)
        # A line is written just after the answer, perhaps when the next request has been answered, too.
        whole, refused, absent = sorted(read(path), key=lambda line: line["status"])
        assert (whole["status"], whole["bytes"], whole["complete"]) == (200, size, True)
        assert (whole["client"], whole["method"], whole["path"]) == ("127.0.0.1", "GET", "/HMI/720")
        assert whole["query"] == "start=2015-12-11T00%3A00%3A00Z&end=2015-12-11T01%3A00%3A00Z"
        assert whole["seconds"] > 0
        assert refused["status"] == 401
        assert (absent["status"], absent["method"], absent["bytes"], absent["query"]) == (404, "HEAD", 0, "")
        assert TOKEN not in path.read_text()

    def test_the_client_behind_a_proxy(self, tmp_path):
        path = tmp_path / "access.jsonl"
        with running(DemoArchive(), access_log=path) as url:
            requests.get(f"{url}/ui", headers={"X-Forwarded-For": "198.51.100.4"}, timeout=20)
        assert read(path)[0]["client"] == "198.51.100.4"

    def test_an_answer_that_breaks_off(self, tmp_path):
        async def app(scope, receive, send):
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
                await send({"type": "http.response.body", "body": b"half", "more_body": True})
                raise ConnectionResetError

        path = tmp_path / "access.jsonl"
        with running(app, access_log=path) as url, pytest.raises(requests.RequestException):
            requests.get(url, timeout=20)
        [line] = read(path)
        assert (line["status"], line["bytes"], line["complete"]) == (200, 4, False)

    def test_standard_error(self, capsys):
        with running(DemoArchive(), access_log="-") as url:
            requests.get(f"{url}/ui", timeout=20)
        assert msgspec.json.decode(capsys.readouterr().err)["path"] == "/ui"

    def test_a_file_that_cannot_be_written(self, tmp_path):
        with (
            pytest.raises(OSError, match=r"The access log cannot be written to .*: No such file.*another file"),
            running(DemoArchive(), access_log=tmp_path / "none" / "access.jsonl"),
        ):
            pass


class TestFile:
    def test_it_is_added_to(self, tmp_path):
        path = tmp_path / "access.jsonl"
        for _ in range(2):
            log = AccessLog(str(path))
            log(exchange())
            log.close()
        assert len(read(path)) == 2

    @pytest.mark.skipif(os.name != "posix", reason="open files cannot be moved there")
    def test_a_file_that_was_moved_is_begun_anew(self, tmp_path, monkeypatch):
        monkeypatch.setattr("sunpy_flarecast.archive.middleware.access_log._LOOK_AGAIN", 0.0)
        path = tmp_path / "access.jsonl"
        log = AccessLog(str(path))
        log(exchange(path="/old"))
        path.rename(tmp_path / "access.jsonl.1")
        log(exchange(path="/new"))
        log.close()
        assert [line["path"] for line in read(tmp_path / "access.jsonl.1")] == ["/old"]
        assert [line["path"] for line in read(path)] == ["/new"]

    def test_lines_of_several_writers_do_not_mix(self, tmp_path):
        path = tmp_path / "access.jsonl"
        logs = [AccessLog(str(path)) for _ in range(4)]
        threads = [
            threading.Thread(target=lambda log=log: [log(exchange(path="/" + "x" * 399)) for _ in range(200)])
            for log in logs
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for log in logs:
            log.close()
        assert [len(line["path"]) for line in read(path)] == [400] * 800

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk to write to")
    def test_a_full_disk_is_told_once_and_holds_up_nothing(self, capsys):
        log = AccessLog("/dev/full")
        for _ in range(3):
            log(exchange())
        log.close()
        assert capsys.readouterr().err == "The access log cannot be written to /dev/full: No space left on device\n"
