"""`Service` with a real server: its requests, and errors for all invalid replies."""

from __future__ import annotations

import gc
import gzip
import socket
import struct
import sys
import threading
import tracemalloc
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import sunpy
from certificates import expired, self_signed
from faults import answer

from sunpy_flarecast import QueryError, ReplyError, ServiceError, UnreachableError, conf
from sunpy_flarecast.archive import DemoArchive, running
from sunpy_flarecast.rest.auth import USER_AGENT
from sunpy_flarecast.rest.error_text import body_message
from sunpy_flarecast.rest.service import Service
from sunpy_flarecast.rest.service_url import base_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

    from faults import Layer

QUERY = "start=2015-12-11T00%3A00%3A00Z&end=2015-12-11T01%3A00%3A00Z&meta=false"
START, END = "2015-12-11T00:00:00Z", "2015-12-11T01:00:00Z"


@pytest.fixture
def client(demo: tuple[str, Layer]) -> Service:
    with Service(demo[0]) as service:
        yield service


def test_the_request_is_the_documented_one(demo: tuple[str, Layer]) -> None:
    url, layer = demo
    with Service(f"{url}/HMI/") as service:
        records, broken = service.records("hmi.sharp_720s", START, END)
    assert len(records) > 10
    assert broken == 0
    [(method, path)] = layer.requests
    assert method == "GET"
    assert path == "/HMI/hmi.sharp_720s?start=2015-12-11T00%3A00%3A00Z&end=2015-12-11T01%3A00%3A00Z&meta=false"
    assert layer.headers[0]["user-agent"] == USER_AGENT
    assert USER_AGENT.startswith("sunpy_flarecast/0")


def test_a_password_in_the_url_is_not_shown() -> None:
    with Service("http://me:secret@127.0.0.1:9") as service, pytest.raises(UnreachableError) as caught:
        service.records("hmi.sharp_720s", START, END)
    assert "secret" not in str(caught.value)
    assert repr(service) == "<Service at http://127.0.0.1:9>"
    with pytest.raises(QueryError) as refused:
        base_url("ftp://me:secret@host")
    assert "secret" not in str(refused.value)


def test_an_unreachable_service_names_the_url_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with Service(f"http://127.0.0.1:{port}") as service, pytest.raises(UnreachableError) as caught:
        service.records("hmi.sharp_720s", START, END)
    text = str(caught.value)
    for part in (
        f"http://127.0.0.1:{port}",
        "refused",
        "ssh -L",
        "conf.url",
        "FLARECAST_URL",
        "sunpy_flarecast.demo_service()",
    ):
        assert part in text
    assert "object at 0x" not in text


def test_a_tunnel_is_suggested_only_where_it_helps() -> None:
    with Service("http://flarecast.invalid:8001") as service, pytest.raises(UnreachableError) as caught:
        service.records("hmi.sharp_720s", START, END)
    assert "ssh -L" not in str(caught.value)
    assert "Check host and port of sunpy_flarecast.conf.url or FLARECAST_URL" in str(caught.value)


def test_errors_of_tls_are_explained(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    with running(DemoArchive(), ssl_cert=certificate, ssl_key=key) as url, conf.set_temp("max_retries", 0):
        for requested, parts in {
            url: ("CERTIFICATE_VERIFY_FAILED", "REQUESTS_CA_BUNDLE", "not trusted here"),
            url.replace("https:", "http:"): (f"try {url}", "closed the connection"),
        }.items():
            with Service(requested) as service, pytest.raises(UnreachableError) as caught:
                service.records("hmi.sharp_720s", START, END)
            assert all(part in str(caught.value) for part in parts)
            assert "ssh -L" not in str(caught.value)


def test_an_expired_certificate_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = expired(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with (
        running(DemoArchive(), ssl_cert=certificate, ssl_key=key) as url,
        conf.set_temp("max_retries", 0),
        Service(url) as service,
        pytest.raises(UnreachableError, match=r"certificate has expired.*operators have to renew the certificate"),
    ):
        service.records("hmi.sharp_720s", START, END)


def test_a_service_without_tls_is_explained(demo: tuple[str, Layer]) -> None:
    with (
        conf.set_temp("max_retries", 0),
        Service(demo[0].replace("http:", "https:")) as service,
        pytest.raises(UnreachableError, match=f"try {demo[0]}"),
    ):
        service.records("hmi.sharp_720s", START, END)


def test_http_to_a_port_of_https_is_explained(demo: tuple[str, Layer], client: Service) -> None:
    demo[1].faults["/HMI/"] = answer(b"<title>400 The plain HTTP request was sent to HTTPS port</title>", status=400)
    with pytest.raises(ServiceError, match="Try https:// instead of http://"):
        client.records("hmi.sharp_720s", START, END)


@pytest.mark.parametrize(
    "url", ["http://host..name:8001", f"http://{'a' * 70}.org", "http://me:se/cret@host", "me:cret@h"]
)
def test_invalid_hosts(url: str) -> None:
    with pytest.raises(QueryError, match="is not a valid http:// or https:// URL") as caught:
        Service(url)
    assert "cret" not in str(caught.value)


def test_a_password_of_any_characters(demo: tuple[str, Layer]) -> None:
    with Service(demo[0].replace("://", "://me:%E2%82%AC@")) as service:
        assert len(service.records("hmi.sharp_720s", START, END)[0]) > 10
        assert service.url == demo[0]
    assert demo[1].headers[0]["authorization"] == "Basic bWU64oKs"


def test_closed_connections_do_not_mean_that_the_service_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def close_at_once() -> None:
            with suppress(OSError):
                while True:
                    listener.accept()[0].close()

        thread = threading.Thread(target=close_at_once)
        thread.start()
        with (
            conf.set_temp("max_retries", 1),
            Service(f"http://127.0.0.1:{listener.getsockname()[1]}") as service,
            pytest.raises(UnreachableError) as caught,
        ):
            service.records("hmi.sharp_720s", START, END)
        assert not caught.value.away
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    with Service("http://127.0.0.1:9") as service, pytest.raises(UnreachableError) as caught:
        service.records("hmi.sharp_720s", START, END)
    assert caught.value.away


def test_an_unknown_host_is_unreachable() -> None:
    with (
        Service("http://flarecast.invalid:8001") as service,
        pytest.raises(UnreachableError, match=r"flarecast\.invalid"),
    ):
        service.records("hmi.sharp_720s", START, END)


def test_a_silent_service_ends_in_a_timeout() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        conf.set_temp("read_timeout", 0.2),
        Service(f"http://127.0.0.1:{silent.getsockname()[1]}") as service,
        pytest.raises(UnreachableError, match="in time"),
    ):
        service.records("hmi.sharp_720s", START, END)


@pytest.mark.parametrize(
    ("status", "body", "kind", "parts"),
    [
        (404, b'{"message": "no such series"}', "application/json", ["404", "no such series", "Check the series"]),
        (500, b"out of memory", "text/plain", ["500", "out of memory", "later"]),
        (413, b'{"detail": {"max": 5}}', "application/json", ["413", '"max"', "conf.window"]),
        (
            401,
            b"<html><head><title>Log &amp; in</title>",
            "text/html",
            ["401", 'page titled "Log & in"', "Set conf.token"],
        ),
        (401, b"401: Unauthorized.", "text/plain", ["answered 401 Unauthorized. Set conf.token"]),
        (403, b"forbidden", "text/plain", ["answered 403 Forbidden. Set conf.token"]),
        (400, b"", "text/plain", ["400", "Check the query"]),
    ],
)
def test_an_error_status_is_reported_with_the_message_of_the_body(
    demo: tuple[str, Layer], client: Service, status: int, body: bytes, kind: str, parts: list[str]
) -> None:
    demo[1].faults["/HMI/"] = answer(body, status=status, kind=kind)
    with pytest.raises(ServiceError) as caught:
        client.records("hmi.sharp_720s", START, END)
    for part in ["hmi.sharp_720s from 2015-12-11T00:00:00Z", *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"<!DOCTYPE html><html><title>Please log in</title></html>", 'a web page titled "Please log in"'),
        (b'{"message": "the database is away"}', "the database is away"),
        (b'{"rows": []}', "an object without data"),
        (b"[1, 2, 3]", "not records"),
        (b'"hello"', "not a list of records"),
        (b"", "not JSON"),
        (b'[{"recnum": 1', "not JSON"),
    ],
)
def test_other_replies_are_reported(demo: tuple[str, Layer], client: Service, body: bytes, part: str) -> None:
    demo[1].faults["/HMI/"] = answer(body)
    with pytest.raises(ReplyError) as caught:
        client.records("hmi.sharp_720s", START, END)
    assert part in str(caught.value)
    assert demo[0] in str(caught.value)


def test_an_incomplete_reply_is_reported(demo: tuple[str, Layer], client: Service) -> None:
    demo[1].faults["/HMI/"] = answer(b'{"data": [', length=1000, drop=True)
    with pytest.raises(ReplyError, match="incomplete"):
        client.records("hmi.sharp_720s", START, END)


def test_a_redirect_loop_is_an_error(demo: tuple[str, Layer], client: Service) -> None:
    demo[1].faults["/HMI/"] = answer(b"", status=302, headers={"location": "/HMI/hmi.sharp_720s"})
    with pytest.raises(ServiceError, match="redirects"):
        client.records("hmi.sharp_720s", START, END)


@pytest.mark.parametrize("url", ["", "localhost:8001", "ftp://host/", "http://", "http://host:port", "http://[::1"])
def test_an_invalid_url_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(QueryError, match=r"for example to http://localhost:8001"):
        base_url(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8001", "http://localhost:8001"),
        (" https://host/flarecast/ ", "https://host/flarecast"),
        ("http://host/flarecast/HMI", "http://host/flarecast"),
        ("http://[::1]:8001/", "http://[::1]:8001"),
    ],
)
def test_base_urls_are_normalised(url: str, expected: str) -> None:
    assert base_url(url) == expected


def test_messages_are_short_and_on_one_line() -> None:
    assert body_message(b"first\n  second") == "first second"
    assert len(body_message(b"x" * 10_000)) == 300
    assert body_message(bytes(range(256)) * 4) == "binary data"
    assert body_message(b"<html>no title</html>") == "a web page"
    assert body_message(b'{"errors": ["a", "b"]}') == '["a","b"]'
    assert body_message(b"[" * 100_000).startswith("[[[")


# --- Retries ----------------------------------------------------------------------------------------------------------


@contextmanager
def raw_server(*replies: bytes | None) -> Iterator[tuple[str, list[bytes]]]:
    """Answer connections with these bytes, or reset them; return the URL and the requests."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for content in replies:
                connection, _ = server.accept()
                with connection:
                    received.append(connection.recv(65536))
                    if content is None:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    else:
                        connection.sendall(content)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", received


EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]"


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_requests_to_a_busy_service_are_retried(demo: tuple[str, Layer], client: Service, status: int) -> None:
    layer = demo[1]
    layer.faults["/HMI/"] = answer(b"busy", status=status)
    layer.times["/HMI/"] = 2
    records, _ = client.records("hmi.sharp_720s", START, END)
    assert len(records) > 10
    assert len(layer.requests) == 3


def test_retries_are_limited(demo: tuple[str, Layer]) -> None:
    demo[1].faults["/HMI/"] = answer(b"busy", status=503)
    with conf.set_temp("max_retries", 2), Service() as service, pytest.raises(ServiceError, match="503"):
        service.records("hmi.sharp_720s", START, END)
    assert len(demo[1].requests) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 413, 504])
def test_lasting_errors_are_not_retried(demo: tuple[str, Layer], client: Service, status: int) -> None:
    demo[1].faults["/HMI/"] = answer(b"no", status=status, headers={"retry-after": "3600"})
    with pytest.raises(ServiceError) as caught:
        client.records("hmi.sharp_720s", START, END)
    assert len(demo[1].requests) == 1
    assert caught.value.less_may_help == (status in (413, 504))
    assert caught.value.lasting == (status == 403)


@pytest.mark.parametrize("wait", ["3600", "0", "Fri, 01 Jan 2100 00:00:00 GMT", "soon", "-1"])
def test_the_wait_that_a_service_requests_is_limited(demo: tuple[str, Layer], wait: str) -> None:
    demo[1].faults["/HMI/"] = answer(b"busy", status=429, headers={"retry-after": wait})
    demo[1].times["/HMI/"] = 1
    with conf.set_temp("retry_after_max", 0.01), Service() as service:
        service.records("hmi.sharp_720s", START, END)
    assert len(demo[1].requests) == 2


def test_a_reset_connection_is_retried() -> None:
    with raw_server(None, None, EMPTY) as (url, requests_sent), Service(url) as service:
        assert len(service.records("hmi.sharp_720s", START, END)[0]) == 0
    assert len(requests_sent) == 3


def test_after_an_incomplete_reply_a_smaller_request_may_help(demo: tuple[str, Layer]) -> None:
    # Here the server ends the reply; above, the time limit.
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{"
    with raw_server(whole) as (url, _), Service(url) as service, pytest.raises(ReplyError) as broken:
        service.records("hmi.sharp_720s", START, END)
    assert broken.value.less_may_help
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        conf.set_temp("read_timeout", 0.2),
        Service(f"http://127.0.0.1:{server.getsockname()[1]}") as service,
    ):
        ended = threading.Event()

        def stall() -> None:
            with server.accept()[0] as connection:
                connection.sendall(whole)
                ended.wait(60)

        thread = threading.Thread(target=stall, daemon=True)
        thread.start()
        with pytest.raises(UnreachableError, match="in time") as slow:
            service.records("hmi.sharp_720s", START, END)
        ended.set()
        thread.join()
    assert slow.value.less_may_help


def test_after_truncated_json_a_smaller_request_may_help(demo: tuple[str, Layer], client: Service) -> None:
    for body, less in ((b'{"data": [{"recnum": 7', True), (b"", False), (b"{]", False), (b"<html>", False)):
        demo[1].faults["/HMI/"] = answer(body)
        with pytest.raises(ReplyError) as caught:
            client.records("hmi.sharp_720s", START, END)
        assert caught.value.less_may_help is less


# --- Broken replies affect only their own request ---------------------------------------------------------------------


def http(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (http(b'{"message":"f\xfcr"}'), "not JSON"),
        (http(b'{"message":"f\xfcr"}', "404 Not Found"), "404"),
        (http(b"", "302 Found", "Location: http://[::1"), "Invalid"),
        (http(b"", "302 Found", "Location: http://user:pass@exa mple:port/"), ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n[]\r\n", "incomplete"),
        (http(b'{"data": ' + b"[" * 100_000), "not JSON"),
        (b"\x00\xff no HTTP\r\n\r\n", "cannot be reached"),
        (http(b"[]", "200 OK", "Content-Encoding: gzip"), "incomplete"),
    ],
)
def test_broken_replies_are_errors_of_the_service(content: bytes, part: str) -> None:
    with conf.set_temp("max_retries", 0), raw_server(content) as (url, _), Service(url) as service:
        with pytest.raises(ServiceError) as caught:
            service.records("hmi.sharp_720s", START, END)
        assert part in str(caught.value)


def test_a_retry_after_beyond_the_calendar_is_ignored() -> None:
    busy = http(b"", "503 Busy", "Retry-After: Fri, 31 Dec 99999999999999999999 23:59:59 GMT", "Connection: close")
    with raw_server(busy, EMPTY) as (url, requests_sent), Service(url) as service:
        assert len(service.records("hmi.sharp_720s", START, END)[0]) == 0
    assert len(requests_sent) == 2


@pytest.mark.parametrize("where", ["phrase", "message", "title", "list"])
def test_terminal_escapes_are_removed(where: str) -> None:
    evil = "\x1b]0;owned\x07\x1b[31mred"
    replies = {
        "phrase": http(b"", f"404 {evil}"),
        "message": http(f'{{"message": "{evil}"}}'.replace("\x1b", "\\u001b").replace("\x07", "\\u0007").encode()),
        "title": http(f"<html><title>{evil}</title>".encode(), "404 Not Found"),
        "list": http(f'[{{"urls": 5, "{evil}": 7}}, "{evil}"]'.encode()),
    }[where]
    with raw_server(replies) as (url, _), Service(url) as service, pytest.raises(ServiceError) as caught:
        service.records("hmi.sharp_720s", START, END)
    assert str(caught.value).isprintable()
    assert caught.value.reason.isprintable()


def test_a_reply_of_any_size_takes_bounded_memory(demo: tuple[str, Layer]) -> None:
    bomb = gzip.compress(b"[" + b" " * 20_000_000)
    assert len(bomb) < 30_000
    demo[1].faults["/HMI/"] = answer(bomb, headers={"content-encoding": "gzip"})
    with conf.set_temp("reply_size", 1.0), Service() as service:
        with pytest.raises(ReplyError, match=r"the reply is larger than 1 MB \(conf.reply_size\)") as caught:
            service.records("hmi.sharp_720s", START, END)
        assert caught.value.less_may_help


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n[", b" "),
        (b"HTTP/1.1 200 OK\r\nX-A: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_a_trickling_reply_times_out(begin: bytes, more: bytes) -> None:
    go_on = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(begin)
                while not go_on.wait(0.01):
                    connection.sendall(more)

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        with (
            conf.set_temp("reply_timeout", 0.1),
            Service(f"http://127.0.0.1:{server.getsockname()[1]}") as service,
            pytest.raises(ReplyError, match=r"was not complete after 0.1 s \(conf.reply_timeout\)") as caught,
        ):
            service.records("hmi.sharp_720s", START, END)
        go_on.set()
        thread.join()
    assert caught.value.less_may_help


def test_ctrl_c_at_any_line_of_a_reply_raises_one_exception(demo: tuple[str, Layer]) -> None:
    lines = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines
        code = frame.f_code
        if code.co_name not in ("__init__", "makefile") or not code.co_filename.endswith(
            ("rest/session.py", "http/client.py", "socket.py")
        ):
            return None
        if event == "line":
            lines -= 1
            if lines == 0:
                raise KeyboardInterrupt
        return trace

    before, interrupts = sys.gettrace(), 0
    for number in count(1):
        lines = number
        with Service(demo[0]) as service:
            sys.settrace(trace)
            try:
                service.records("hmi.sharp_720s", START, END)
            except KeyboardInterrupt:
                interrupts += 1
            else:
                break
            finally:
                sys.settrace(before)
    gc.collect()  # whose warnings are errors
    assert interrupts > 20


def test_the_body_of_a_redirect_is_not_read(demo: tuple[str, Layer], client: Service) -> None:
    body = gzip.compress(bytes(50_000_000))
    headers = {"content-encoding": "gzip", "location": "/HMI/moved"}
    demo[1].faults["start="] = answer(body, status=302, headers=headers)
    demo[1].faults["moved"] = answer(b"[]")
    tracemalloc.start()
    try:
        assert len(client.records("hmi.sharp_720s", START, END)[0]) == 0
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_only_the_beginning_of_an_error_is_read(demo: tuple[str, Layer]) -> None:
    body = gzip.compress(b"the disk is away" + b" " * 50_000_000)
    demo[1].faults["start="] = answer(body, status=404, headers={"content-encoding": "gzip"})
    with (
        conf.set_temp("reply_size", 1.0),
        Service(demo[0]) as service,
        pytest.raises(ServiceError, match="404 Not Found: the disk is away"),
    ):
        service.records("hmi.sharp_720s", START, END)


@pytest.mark.parametrize("location", ["http://127.0.0.1:9/x", "//127.0.0.1:9/x"])
def test_a_redirect_to_an_unreachable_host_affects_one_request(demo: tuple[str, Layer], location: str) -> None:
    demo[1].faults["start=2015-12-11T00"] = answer(b"", status=302, headers={"location": location})
    with conf.set_temp("max_retries", 0), Service(demo[0]) as service:
        with pytest.raises(UnreachableError, match=r"redirected to http://127.0.0.1:9/x, which cannot") as caught:
            service.records("hmi.sharp_720s", START, END)
        service.patience.failed(caught.value)
        assert len(service.records("hmi.sharp_720s", "2015-12-11T01:00:00Z", "2015-12-11T02:00:00Z")[0])


# --- HTTP -------------------------------------------------------------------------------------------------------------


def test_gzip_is_read(demo: tuple[str, Layer], client: Service) -> None:
    body = b'[{"recnum": 7, "urls": ["http://h/HMI/hmi.sharp_720s/7/bitmap.fits"]}]'
    demo[1].faults["/HMI/"] = answer(gzip.compress(body), headers={"content-encoding": "gzip"})
    assert client.records("hmi.sharp_720s", START, END)[0].recnum.tolist() == [7]
    assert "gzip" in demo[1].headers[0]["accept-encoding"]
    demo[1].faults["/HMI/"] = answer(gzip.compress(body)[:-20], headers={"content-encoding": "gzip"})
    with pytest.raises(ReplyError):
        client.records("hmi.sharp_720s", START, END)
    demo[1].faults["/HMI/"] = answer(b"this is not gzip", headers={"content-encoding": "gzip"})
    with pytest.raises(ReplyError, match="incomplete"):
        client.records("hmi.sharp_720s", START, END)


def test_redirects_are_followed(demo: tuple[str, Layer], client: Service) -> None:
    url, layer = demo
    layer.faults["/HMI/moved"] = answer(b"", status=307, headers={"location": f"{url}/HMI/hmi.sharp_720s?{QUERY}"})
    assert len(client.records("moved", START, END)[0]) > 10
    assert len(layer.requests) == 2


def test_each_request_is_logged_at_debug_level(demo: tuple[str, Layer]) -> None:
    url = demo[0].replace("http://", "http://me:secret@")
    level = sunpy.log.level
    sunpy.log.setLevel("DEBUG")
    try:
        with sunpy.log.log_to_list() as logged, Service(url) as service:
            records, _ = service.records("hmi.sharp_720s", START, END)
            days = service.days("hmi.sharp_720s")
            demo[1].faults["/HMI/"] = answer(b"no", status=404)
            with pytest.raises(ServiceError):
                service.records("hmi.sharp_720s", START, END)
    finally:
        sunpy.log.setLevel(level)
    first, second, third = (record.message for record in logged)
    assert f"{demo[0]}/HMI/hmi.sharp_720s?{QUERY}: " in first
    assert first.endswith(f" bytes, {len(records)} records")
    assert second.endswith(f" bytes, {len(days):,} days")
    assert "404" in third
    assert "secret" not in first + second + third
    assert {record.levelname for record in logged} == {"DEBUG"}
