"""The URL of a service in its replies, and trusted proxies, over real HTTP."""

from __future__ import annotations

import json

import pytest
from wire import get

from sunpy_flarecast.archive import Record, Settings, running

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-12T00:00:00Z"}

SPOOFED = {"X_Forwarded_For": "198.51.100.7", "X_Forwarded_Proto": "https", "X_Forwarded_Host": "spoofed.example"}

PATH = "/HMI/hmi.sharp_720s/5/bitmap.fits"


@pytest.fixture
def archive(memory):
    return memory([Record(recnum=5, segments=("bitmap",))])


def first_url(url, **headers):
    reply = get(f"{url}/HMI/720", params=RANGE, headers={name.replace("_", "-"): headers[name] for name in headers})
    return reply.json()["data"][0]["urls"][0].removesuffix(PATH)


class TestHost:
    def test_the_host_of_the_request(self, archive):
        with running(archive) as url:
            assert first_url(url) == url
            assert first_url(url, Host="sharps.example:81") == "http://sharps.example:81"
            assert first_url(url, Host="[2001:db8::1]:81") == "http://[2001:db8::1]:81"

    def test_public_url(self, archive):
        settings = Settings(public_url="https://sharps.example/flarecast/")
        with running(archive, settings=settings) as url:
            assert first_url(url, Host="other.example") == "https://sharps.example/flarecast"

    @pytest.mark.parametrize(
        "url",
        ["", "sharps.example", "ftp://sharps.example", "http://", "http://a:b@c", "http://a/?b", "http://a/#b",
         "http://a:x", "http://a/b//c", "http://a/b/../c", "http://[::1", "http://a b", "//a", "http://é", "http://a\n"],
    )  # fmt: skip
    def test_invalid_public_urls(self, url):
        with pytest.raises(ValueError, match="is not a valid URL of a service"):
            Settings(public_url=url)


class TestProxies:
    def seen(self, log):
        return [json.loads(line)["client"] for line in log.read_text().splitlines()]

    @pytest.mark.parametrize("trusted", [(), ("192.0.2.0/24",)])
    def test_other_clients_are_not_trusted(self, archive, tmp_path, monkeypatch, trusted):
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # the default of uvicorn
        with running(archive, trusted_proxies=trusted, access_log=tmp_path / "log") as url:
            assert first_url(url, **SPOOFED) == url
        assert self.seen(tmp_path / "log") == ["127.0.0.1"]

    @pytest.mark.parametrize("trusted", ["127.0.0.1", "127.1.2.3/8"])
    def test_trusted_proxies(self, archive, tmp_path, trusted):
        with running(archive, trusted_proxies=(trusted,), access_log=tmp_path / "log") as url:
            assert first_url(url, **SPOOFED) == url.replace("http:", "https:")
            assert first_url(url, X_Forwarded_For="6.6.6.6, 198.51.100.8, 127.0.0.1") == url
        assert self.seen(tmp_path / "log") == ["198.51.100.7", "198.51.100.8"]

    @pytest.mark.parametrize("proxy", ["nonsense", "10.0.0.0/99", ""])
    def test_invalid_proxies(self, archive, proxy):
        with (
            pytest.raises(ValueError, match="is neither an address nor a network"),
            running(archive, trusted_proxies=(proxy,)),
        ):
            pass
