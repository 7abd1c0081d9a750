"""What a service is called: by the request's host, by a setting, and behind proxies, over real HTTP."""

from __future__ import annotations

import asyncio

import pytest
from wire import get

from sunpy_flarecast.archive import Record, create_app, running
from sunpy_flarecast.archive.middleware.forwarded import Forwarded, check_public_url
from sunpy_flarecast.archive.middleware.networks import read_network
from sunpy_flarecast.archive.settings import Settings

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-12T00:00:00Z"}

RECORD = Record(recnum=5, segments=("bitmap",))

PATH = "/HMI/hmi.sharp_720s/5/bitmap.fits"


def first_url(url, **headers):
    reply = get(f"{url}/HMI/720", params=RANGE, headers={name.replace("_", "-"): headers[name] for name in headers})
    return reply.json()["data"][0]["urls"][0].removesuffix(PATH)


@pytest.fixture(scope="module")
def trusting(memory):
    with running(memory([RECORD])) as url:
        yield url


@pytest.fixture(scope="module")
def distrusting(memory):
    with running(memory([RECORD]), settings=Settings(trusted_proxies=("192.0.2.0/24",))) as url:
        yield url


class TestHost:
    def test_of_the_request(self, trusting):
        assert first_url(trusting) == trusting
        assert first_url(trusting, Host="sharps.example:81") == "http://sharps.example:81"
        assert first_url(trusting, Host="[2001:db8::1]:81") == "http://[2001:db8::1]:81"

    def test_public_url(self, memory):
        settings = Settings(public_url="https://sharps.example/flarecast/")
        with running(memory([RECORD]), settings=settings) as url:
            assert first_url(url) == "https://sharps.example/flarecast"
            assert first_url(url, Host="other.example", X_Forwarded_Host="third.example") == (
                "https://sharps.example/flarecast"
            )

    @pytest.mark.parametrize(
        "url",
        ["", "sharps.example", "ftp://sharps.example", "http://", "http://a:b@c", "http://a/?b", "http://a/#b",
         "http://a:x", "http://a/b//c", "http://a/b/../c", "http://[::1", "http://a b", "//a", "http://é"],
    )  # fmt: skip
    def test_what_is_no_public_url(self, memory, url):
        with pytest.raises(ValueError, match="is not the URL of a service"):
            create_app(memory([]), Settings(public_url=url))
        assert check_public_url("http://localhost:8001") == "http://localhost:8001"


class TestProxies:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({"X_Forwarded_Proto": "https"}, "https://inner"),
            ({"X_Forwarded_Proto": "HTTPS"}, "https://inner"),
            ({"X_Forwarded_Proto": "http, https"}, "https://inner"),
            ({"X_Forwarded_Proto": "ftp"}, "http://inner"),
            ({"X_Forwarded_Host": "outer.example:444"}, "http://outer.example:444"),
            ({"X_Forwarded_Host": "spoofed.example, outer.example"}, "http://outer.example"),
            ({"X_Forwarded_Host": "a b"}, "http://inner"),
            ({"X_Forwarded_Host": "a/b"}, "http://inner"),
            ({"X_Forwarded_Prefix": "/flarecast"}, "http://inner/flarecast"),
            ({"X_Forwarded_Prefix": "/a/flarecast/"}, "http://inner/a/flarecast"),
            ({"X_Forwarded_Prefix": "/HMI"}, "http://inner/HMI"),
            ({"X_Forwarded_Prefix": "//evil.example"}, "http://inner"),
            ({"X_Forwarded_Prefix": "/../a"}, "http://inner"),
            ({"X_Forwarded_Prefix": "/(a+)+$"}, "http://inner"),
            ({"Forwarded": "for=192.0.2.60;proto=https;by=203.0.113.43"}, "https://inner"),
            ({"Forwarded": 'for=1.2.3.4;host=spoofed, for=2.3.4.5; Host="outer.example:444"'}, "http://outer.example:444"),
            ({"Forwarded": "nonsense"}, "http://inner"),
            ({"Forwarded": "host=spoofed.example", "X_Forwarded_Proto": "https"}, "https://inner"),
        ],
    )  # fmt: skip
    def test_are_believed_if_trusted(self, trusting, distrusting, headers, expected):
        assert first_url(trusting, Host="inner", **headers) == expected
        assert first_url(distrusting, Host="inner", **headers) == "http://inner"

    def test_files_and_pages_behind_a_prefix(self, trusting):
        headers = {"X-Forwarded-Prefix": "/flarecast"}
        for path in ("/HMI", "/health", "/openapi.json", "/ui"):
            assert get(trusting + path, headers=headers).status_code == 200
        assert get(f"{trusting}/HMI/720/5/bitmap.fits", headers=headers).status_code == 404  # with no such file

    @pytest.mark.parametrize("proxy", ["nonsense", "10.0.0.0/99", ""])
    def test_what_is_no_proxy(self, memory, proxy):
        with pytest.raises(ValueError, match="is no address and no network"):
            create_app(memory([]), Settings(trusted_proxies=(proxy,)))


class TestClient:
    """The client as the layers further in see it: log, metrics."""

    def client(self, peer, **headers):
        seen = []

        async def app(scope, receive, send):
            seen.append(scope["client"])

        layer = Forwarded(app, [read_network(text) for text in ("127.0.0.1", "::1", "10.0.0.0/8")])
        raw = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
        asyncio.run(layer({"type": "http", "client": peer, "headers": raw, "path": "/"}, None, None))
        return seen[0][0] if seen[0] else None

    @pytest.mark.parametrize(
        ("peer", "told", "expected"),
        [
            ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
            ("::ffff:127.0.0.1", "192.0.2.7", "192.0.2.7"),
            ("127.0.0.1", "192.0.2.7:4711", "192.0.2.7"),
            ("127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
            ("127.0.0.1", "2001:db8::7", "2001:db8::7"),
            ("127.0.0.1", "6.6.6.6, 192.0.2.7, 10.1.2.3", "192.0.2.7"),
            ("127.0.0.1", "6.6.6.6, unknown, 10.1.2.3", "10.1.2.3"),
            ("127.0.0.1", "unknown", "127.0.0.1"),
            ("192.0.2.9", "6.6.6.6", "192.0.2.9"),
        ],
    )
    def test_x_forwarded_for(self, peer, told, expected):
        assert self.client((peer, 1), X_Forwarded_For=told) == expected

    def test_forwarded(self):
        told = 'for=6.6.6.6, for="[2001:db8::7]:80";proto=https, for=10.1.2.3'
        assert self.client(("127.0.0.1", 1), Forwarded=told) == "2001:db8::7"

    def test_a_socket_without_addresses(self):
        assert self.client(None, X_Forwarded_For="6.6.6.6") is None
