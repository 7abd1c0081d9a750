"""Replies in gzip, and to HEAD, over real HTTP."""

from __future__ import annotations

import gzip

import pytest
import requests
from wire import get

from sunpy_flarecast.archive import running

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-12T00:00:00Z"}


@pytest.fixture(scope="module")
def url(memory, many):
    with running(memory(many)) as url:
        yield url


@pytest.mark.parametrize("path", ["/HMI/720?start=2015-12-11&end=2015-12-12", "/HMI/720/meta/1,2,3", "/HMI"])
def test_the_same_in_gzip(url, path):
    plain = get(url + path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    if len(plain.content) < 500:
        return  # not worth it
    with requests.get(url + path, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=20) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        body = packed.raw.read(decode_content=False)
    assert gzip.decompress(body) == plain.content
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    if len(plain.content) > 10_000:
        assert len(body) < len(plain.content) / 10


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_head(url, encoding):
    for path in ("/HMI/720?start=2015-12-11&end=2015-12-12", "/HMI/720/meta/1,2,3", "/HMI"):
        reply = requests.head(url + path, headers={"Accept-Encoding": encoding}, timeout=20)
        whole = get(url + path, headers={"Accept-Encoding": encoding})
        assert (reply.status_code, reply.content) == (200, b"")
        assert {**reply.headers, "date": ""} == {**whole.headers, "date": ""}


@pytest.mark.parametrize("fail_after", [300, 999])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_list_that_breaks_off_is_no_list(memory, many, fail_after, encoding):
    broken = pytest.raises(requests.exceptions.ChunkedEncodingError)
    with running(memory(many, fail_after=fail_after)) as url, broken:
        get(f"{url}/HMI/720", params=RANGE, headers={"Accept-Encoding": encoding})
