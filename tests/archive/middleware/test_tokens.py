"""Bearer tokens: the file of them, and a service that demands one."""

from __future__ import annotations

import os
import socket
from io import StringIO
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sunpy_flarecast.archive import DemoArchive, Settings, create_app, running
from sunpy_flarecast.archive.middleware.tokens import Tokens, read_tokens

FIRST, SECOND = "first-of-two-tokens", "c2Vjb25kIG9mIHR3bw+/.~=="

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-11T01:00:00Z"}

LIST = "/HMI/hmi.sharp_720s?start=2015-12-11T00:00:00Z&end=2015-12-11T01:00:00Z"


@pytest.fixture(scope="module")
def service():
    with running(DemoArchive(), settings=Settings(tokens=frozenset({FIRST, SECOND}))) as url:
        yield url


@pytest.fixture
def token_file(tmp_path):
    def write(text, mode=0o600):
        path = tmp_path / "tokens"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    return write


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


class TestFile:
    def test_one_a_line(self, token_file):
        assert read_tokens(token_file(f"# group A\n{FIRST}\n\n  {SECOND}  \r\n")) == {FIRST, SECOND}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "There is no token in"),
            ("# none yet\n\n", "There is no token in"),
            ("short\n", "Line 1 of .* is no token"),
            (f"{FIRST}\ntwo words are none\n", "Line 2 of .* is no token"),
            (f"{FIRST}ä\n", "Line 1 of .* is no token"),
            (b"\xff\xfe\x00\x01", "no text in UTF-8"),
        ],
    )
    def test_what_is_none_is_refused_and_not_repeated(self, token_file, text, message):
        with pytest.raises(ValueError, match=message) as caught:
            read_tokens(token_file(text))
        assert "two words" not in str(caught.value)
        assert "short" not in str(caught.value)

    @pytest.mark.skipif(os.name != "posix", reason="files have no such permissions there")
    @pytest.mark.parametrize("mode", [0o604, 0o606, 0o660, 0o644])
    def test_others_must_not_read_it(self, token_file, mode):
        with pytest.raises(ValueError, match=f"mode {mode:o}.*chmod 600"):
            read_tokens(token_file(FIRST, mode))

    @pytest.mark.skipif(os.name != "posix", reason="files have no such permissions there")
    def test_the_group_may_as_services_need_it(self, token_file):
        assert read_tokens(token_file(FIRST, 0o440)) == {FIRST}

    def test_one_that_is_not_there(self, tmp_path):
        with pytest.raises(OSError, match=r"cannot be read from .*tokens: No such file"):
            read_tokens(tmp_path / "tokens")


class TestAccepting:
    @given(st.binary(max_size=40))
    def test_nothing_else_is_accepted(self, value):
        tokens = Tokens([FIRST])
        assert not tokens.accept([(b"authorization", value)])
        assert not tokens.accept([(b"authorization", b"Bearer " + value)])
        assert not tokens.accept([(b"authorization", b"Bearer " + FIRST.encode() + value + b"x")])

    def test_each_of_several(self):
        tokens = Tokens([FIRST, SECOND])
        for token in (FIRST, SECOND):
            assert tokens.accept([(b"host", b"x"), (b"authorization", b"bearer  " + token.encode())])

    def test_two_headers_are_not_understood(self):
        sent = [(b"authorization", b"Bearer " + FIRST.encode())]
        assert Tokens([FIRST]).accept(sent * 2) is False


class TestService:
    @pytest.mark.parametrize("path", [LIST, "/HMI", "/HMI/720/1/Br.fits", "/HMI/720/meta/1", "/", "/nothing"])
    def test_nothing_of_the_archive_without(self, service, path):
        reply = requests.get(f"{service}{path}", timeout=20)
        assert (reply.status_code, reply.headers["www-authenticate"]) == (401, 'Bearer realm="FLARECAST"')
        assert "conf.token" in reply.json()["message"]

    @pytest.mark.parametrize("path", ["//ui/", "/ui/../HMI", "/ui/%2e%2e/HMI", "/health/../HMI", "/UI", "/metrics/"])
    def test_what_is_open_opens_nothing_else(self, service, path):
        host = urlsplit(service)
        with socket.create_connection((host.hostname, host.port)) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            reply = b"".join(iter(lambda: client.recv(65536), b""))
        assert reply.split()[1] in (b"400", b"401", b"404")
        assert b"hmi.sharp" not in reply

    @pytest.mark.parametrize(
        "header", [f"Bearer {FIRST}x", "Bearer", f"Basic {FIRST}", FIRST, f"Bearer {FIRST} {SECOND}"]
    )
    def test_with_another(self, service, header):
        reply = requests.get(f"{service}{LIST}", headers={"Authorization": header}, timeout=20)
        assert reply.status_code == 401
        assert 'error="invalid_token"' in reply.headers["www-authenticate"]
        assert FIRST not in reply.text

    @pytest.mark.parametrize("token", [FIRST, SECOND])
    def test_with_one_of_them(self, service, token):
        records = requests.get(f"{service}{LIST}", headers=bearer(token), timeout=20).json()["data"]
        assert requests.get(records[0]["urls"][0], headers=bearer(token), timeout=60).content.startswith(b"SIMPLE")

    def test_a_token_in_the_url_is_none(self, service):
        assert requests.get(f"{service}{LIST}&access_token={FIRST}", timeout=20).status_code == 401

    def test_head_has_no_body(self, service):
        reply = requests.head(f"{service}{LIST}", timeout=20)
        assert (reply.status_code, reply.content) == (401, b"")

    @pytest.mark.parametrize("path", ["/health", "/ui", "/openapi.json"])
    def test_what_holds_no_data_is_open(self, service, path):
        reply = requests.get(f"{service}{path}", timeout=20)
        assert reply.status_code == 200
        assert path == "/openapi.json" or "sharp" not in reply.text  # it has examples


def test_the_openapi_document_tells_of_them():
    document = create_app(DemoArchive(), Settings(tokens=frozenset({FIRST}))).openapi()
    [[scheme]] = document["paths"]["/HMI/{series}"]["get"]["security"]
    assert document["components"]["securitySchemes"][scheme]["scheme"] == "bearer"
    assert "security" not in create_app(DemoArchive()).openapi()["paths"]["/HMI/{series}"]["get"]


def test_settings_do_not_show_them():
    settings = Settings(tokens=frozenset({FIRST}))
    console = Console(file=StringIO(), width=500)
    console.print(settings)
    for shown in (repr(settings), str(settings), f"{settings}", console.file.getvalue()):
        assert FIRST not in shown
        assert "max_streams=500" in shown
