"""`Service` against a real server: what it asks, and what each wrong answer makes of it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from faults import answer

from sunpy_flarecast import QueryError, ReplyError, ServiceError, UnreachableError, conf
from sunpy_flarecast.service import USER_AGENT, Service, base_url, body_message

if TYPE_CHECKING:
    from faults import Layer

START, END = "2015-12-11T00:00:00Z", "2015-12-11T01:00:00Z"


@pytest.fixture
def asked(demo: tuple[str, Layer]) -> Service:
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


def test_a_password_in_the_url_is_not_told() -> None:
    with Service("http://me:secret@127.0.0.1:9") as service, pytest.raises(UnreachableError) as caught:
        service.records("hmi.sharp_720s", START, END)
    assert "secret" not in str(caught.value)
    with pytest.raises(QueryError) as refused:
        base_url("ftp://me:secret@host")
    assert "secret" not in str(refused.value)


def test_an_unreachable_service_names_the_url_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with Service(f"http://127.0.0.1:{port}") as service, pytest.raises(UnreachableError) as caught:
        service.records("hmi.sharp_720s", START, END)
    text = str(caught.value)
    for part in (f"http://127.0.0.1:{port}", "refused", "ssh -L", "conf.url", "FLARECAST_URL", "sunpy-flarecast serve"):
        assert part in text
    assert "object at 0x" not in text


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
        (401, b"<html><head><title>Log &amp; in</title>", "text/html", ["401", 'page titled "Log & in"', "access"]),
        (400, b"", "text/plain", ["400", "Check the query"]),
    ],
)
def test_an_error_status_is_told_with_the_body_s_message(
    demo: tuple[str, Layer], asked: Service, status: int, body: bytes, kind: str, parts: list[str]
) -> None:
    demo[1].faults["/HMI/"] = answer(body, status=status, kind=kind)
    with pytest.raises(ServiceError) as caught:
        asked.records("hmi.sharp_720s", START, END)
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
def test_a_reply_that_is_none_is_told_as_such(demo: tuple[str, Layer], asked: Service, body: bytes, part: str) -> None:
    demo[1].faults["/HMI/"] = answer(body)
    with pytest.raises(ReplyError) as caught:
        asked.records("hmi.sharp_720s", START, END)
    assert part in str(caught.value)
    assert demo[0] in str(caught.value)


def test_an_answer_that_breaks_off_is_told_as_such(demo: tuple[str, Layer], asked: Service) -> None:
    demo[1].faults["/HMI/"] = answer(b'{"data": [', length=1000, drop=True)
    with pytest.raises(ReplyError, match="broke off"):
        asked.records("hmi.sharp_720s", START, END)


def test_a_service_that_redirects_in_a_circle_is_an_error(demo: tuple[str, Layer], asked: Service) -> None:
    demo[1].faults["/HMI/"] = answer(b"", status=302, headers={"location": "/HMI/hmi.sharp_720s"})
    with pytest.raises(ServiceError, match="redirects"):
        asked.records("hmi.sharp_720s", START, END)


@pytest.mark.parametrize("url", ["", "localhost:8001", "ftp://host/", "http://", "http://host:port", "http://[::1"])
def test_a_url_that_is_none_is_refused_with_an_example(url: str) -> None:
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
