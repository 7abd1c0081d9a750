"""The access log: the content of its lines, and files that are moved, shared or full."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
import requests
from wire import connect, received

from sunpy_flarecast.archive import DemoArchive, running
from sunpy_flarecast.archive.middleware.access_log import log_handler

TOKEN = "token-that-is-not-logged"

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-11T01:00:00Z"}


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


async def plain(scope, receive, send):
    """Reply to every path."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class TestLines:
    def test_every_request_has_its_line(self, tmp_path):
        path = tmp_path / "access.jsonl"
        with running(DemoArchive(), access_log=path) as url:
            listed = requests.get(f"{url}/HMI/720", params=RANGE, timeout=20, stream=True)
            size = len(listed.raw.read(decode_content=False))
            headers = {"Authorization": f"Bearer {TOKEN}"}
            requests.head(f"{url}/HMI/720/1/Br.fits?token={TOKEN}", headers=headers, timeout=20)
        # A line is written just after the reply, perhaps after the reply to the next request.
        whole, absent = sorted(read(path), key=lambda line: line["status"])
        assert (whole["status"], whole["complete"], whole["client"]) == (200, True, "127.0.0.1")
        assert whole["bytes"] == size
        assert (whole["method"], whole["path"]) == ("GET", "/HMI/720")
        assert whole["query"] == "start=2015-12-11T00%3A00%3A00Z&end=2015-12-11T01%3A00%3A00Z"
        assert whole["seconds"] > 0
        assert (absent["status"], absent["method"], absent["bytes"], absent["query"]) == (404, "HEAD", 0, "")
        assert TOKEN not in path.read_text()

    def test_every_request_gives_one_line_without_control_characters(self, tmp_path):
        path = tmp_path / "access.jsonl"
        with running(plain, access_log=path) as url, connect(url) as client:
            target = "/%0A%7B%22forged%22%3A1%7D%1B%5B2J%C2%9B%E2%80%A8%FF" + "x" * 1000 + "?start=%0A&a=b&start"
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert received(client).endswith(b"ok")
        text = path.read_text(encoding="ascii")
        assert text.count("\n") == 1
        assert text.rstrip("\n").isprintable()
        [line] = read(path)
        assert line["path"].startswith('/\n{"forged":1}\x1b[2J\x9b\u2028\ufffdxxx')
        assert (len(line["path"]), line["query"]) == (400, "start=%0A")

    @pytest.mark.parametrize(
        "query", [f"token={TOKEN}", f"access_token={TOKEN}&start=1", f"start=1&password={TOKEN}", f"xstart={TOKEN}"]
    )
    def test_only_known_parameters_are_logged(self, tmp_path, query):
        with running(plain, access_log=tmp_path / "log") as url:
            requests.get(f"{url}/?{query}", timeout=20)
        assert TOKEN not in (tmp_path / "log").read_text()

    def test_an_incomplete_reply(self, tmp_path):
        async def app(scope, receive, send):
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
                await send({"type": "http.response.body", "body": b"half", "more_body": True})
                raise ConnectionResetError

        with running(app, access_log=tmp_path / "log") as url, pytest.raises(requests.RequestException):
            requests.get(url, timeout=20)
        [line] = read(tmp_path / "log")
        assert (line["status"], line["bytes"], line["complete"]) == (200, 4, False)


class TestFile:
    def test_standard_error(self, capsys):
        with running(plain, access_log="-") as url:
            requests.get(f"{url}/ui", timeout=20)
        assert json.loads(capsys.readouterr().err)["path"] == "/ui"

    def test_a_file_that_cannot_be_written(self, tmp_path):
        with (
            pytest.raises(OSError, match=r"The access log cannot be written to .*: No such file.*another file"),
            running(plain, access_log=tmp_path / "none" / "access.jsonl"),
        ):
            pass

    @pytest.mark.skipif(os.name != "posix", reason="open files cannot be moved there")
    def test_a_moved_file_is_reopened(self, tmp_path):
        path = tmp_path / "access.jsonl"
        for name in ("old", "older"):
            with running(plain, access_log=path) as url:
                requests.get(f"{url}/{name}", timeout=20)
                while not path.exists() or f"/{name}" not in path.read_text():
                    pass
                path.rename(tmp_path / name)
                requests.get(f"{url}/new", timeout=20)
        assert [line["path"] for line in read(tmp_path / "old")] == ["/old"]
        assert [line["path"] for line in read(tmp_path / "older")] == ["/new", "/older"]
        assert [line["path"] for line in read(path)] == ["/new"]

    def test_lines_of_several_writers_do_not_mix(self, tmp_path):
        path = tmp_path / "access.jsonl"
        with running(plain, access_log=path) as first, running(plain, access_log=path) as second:

            def request(url):
                with requests.Session() as session:
                    for _ in range(100):
                        session.get(f"{url}/{'x' * 399}", timeout=20)

            threads = [threading.Thread(target=request, args=(url,)) for url in (first, second)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert [len(line["path"]) for line in read(path)] == [400] * 200

    @pytest.mark.skipif(os.name != "posix", reason="open files cannot be moved there")
    def test_a_missing_folder(self, tmp_path, capfd, caplog):
        """It is reported once; requests are still served, and logged again once the folder exists."""
        path = tmp_path / "log" / "access.jsonl"
        path.parent.mkdir()
        with running(plain, access_log=path) as url, requests.Session() as session:
            path.parent.rename(tmp_path / "away")
            for name in "abc":
                assert session.get(f"{url}/{name}", timeout=20).text == "ok"
            path.parent.mkdir()
            session.get(f"{url}/new", timeout=20)
        # A line is written just after its reply; that of the third may come after the folder is created.
        assert [line["path"] for line in read(path)] in (["/new"], ["/c", "/new"])
        assert capfd.readouterr().err.count("The access log cannot be written to") == 1
        assert caplog.records == []

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_full_disk_is_reported_once(self, capsys):
        handler = log_handler("/dev/full")
        with running(plain, access_log="/dev/full") as url:
            for _ in range(3):
                assert requests.get(url, timeout=20).text == "ok"
        assert capsys.readouterr().err.count("The access log cannot be written to /dev/full") == 1
        handler.close()
