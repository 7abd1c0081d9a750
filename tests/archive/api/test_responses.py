"""JSON replies over real HTTP: gzip, HEAD, validators, and failures of the archive."""

from __future__ import annotations

import gzip

import pytest
import requests
from indexed import header_of, name_of, tiny
from wire import get

from sunpy_flarecast.archive import DemoArchive, DirectoryArchive, Settings, running
from sunpy_flarecast.archive.index import ArchiveIndexError, build_index

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-12T00:00:00Z"}


@pytest.fixture(scope="module")
def url(memory, many):
    with running(memory(many)) as url:
        yield url


@pytest.mark.parametrize("path", ["/HMI/720?start=2015-12-11&end=2015-12-12", "/HMI/720/meta/1,2,3", "/HMI"])
def test_gzip_replies_have_the_same_content(url, path):
    plain = get(url + path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    if len(plain.content) < 500:
        return  # too short to compress
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
def test_an_incomplete_list_is_an_error(memory, many, fail_after, encoding):
    broken = pytest.raises(requests.exceptions.ChunkedEncodingError)
    with running(memory(many, fail_after=fail_after)) as url, broken:
        get(f"{url}/HMI/720", params=RANGE, headers={"Accept-Encoding": encoding})


class TestValidators:
    """With ``ETag`` and ``Cache-Control`` clients store and validate replies."""

    LIST, META = "/HMI/720?start=2015-12-11&end=2015-12-12", "/HMI/720/meta/1,2,3"

    @pytest.fixture
    def archive(self, memory, many):
        archive = memory(many)
        archive.state = "first"
        return archive

    @pytest.mark.parametrize("path", [LIST, f"{LIST}&meta=true", META, f"{META}?fields=area"])
    @pytest.mark.parametrize("encoding", ["gzip", "identity"])
    def test_a_reply_is_valid_until_the_records_change(self, archive, path, encoding):
        headers = {"Accept-Encoding": encoding}
        with running(archive) as url:
            whole = get(url + path, headers=headers)
            assert whole.headers["cache-control"] == "no-cache"
            tag = whole.headers["etag"]
            for held in (tag, tag.removeprefix("W/"), f'"other", {tag}'):
                for method in ("GET", "HEAD"):
                    reply = requests.request(method, url + path, headers={**headers, "If-None-Match": held}, timeout=20)
                    assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", tag)
            archive.state = "second"
            again = get(url + path, headers={**headers, "If-None-Match": tag})
        assert (again.status_code, again.content) == (200, whole.content)
        assert again.headers["etag"] != tag

    def test_a_tag_depends_on_the_request_and_the_address(self, archive):
        tags = []
        for settings in (Settings(), Settings(envelope=False), Settings(public_url="https://sharps.example")):
            with running(archive, settings=settings) as url:
                paths = (self.LIST, self.LIST.replace("12-12", "12-13"), self.META, f"{self.META}?fields=area")
                tags += [get(url + path).headers["etag"] for path in paths]
                if not tags[4:]:
                    tags.append(get(url + self.LIST, headers={"Host": "elsewhere.example"}).headers["etag"])
        # Replies with keywords have neither addresses nor an envelope.
        assert len(set(tags)) == 3 * 2 + 2 + 1

    def test_an_archive_without_versions(self, archive):
        archive.state = None
        with running(archive) as url:
            for path in (self.LIST, self.META):
                reply = get(url + path, headers={"If-None-Match": "*"})
                assert (reply.status_code, reply.headers.get("etag")) == (200, None)
                assert reply.headers["cache-control"] == "no-cache"

    def test_synthetic_records_are_not_stored(self, archive):
        archive.synthetic = True
        with running(archive) as url:
            assert [get(url + path).headers["cache-control"] for path in (self.LIST, self.META)] == ["no-store"] * 2

    def test_the_demo(self):
        with running(DemoArchive()) as url:
            reply = get(url + self.LIST)
            again = get(url + self.LIST, headers={"If-None-Match": reply.headers["etag"]})
        assert (reply.headers["cache-control"], again.status_code) == ("no-store", 304)

    def test_a_folder(self, tmp_path):
        """A client that stores replies finds a record that was added later."""
        tiny(tmp_path / name_of(1, 0, "Br"), **header_of(1, 0, RECNUM=5))
        with DirectoryArchive(tmp_path) as archive, running(archive) as url:
            path = f"{url}/HMI/hmi.sharp_cea_720s?start=2010-01-01&end=2020-01-01"
            first = get(path)
            held = {"If-None-Match": first.headers["etag"]}
            assert get(path, headers=held).status_code == 304
            tiny(tmp_path / name_of(2, 0, "Br"), **header_of(2, 0, RECNUM=6))
            build_index(tmp_path)
            second = get(path, headers=held)
        assert [len(reply.json()["data"]) for reply in (first, second)] == [1, 2]

    def test_errors_take_precedence_over_validators(self, archive):
        with running(archive) as url:
            tag = {"If-None-Match": "*"}
            assert get(url + self.LIST.replace("720", "721"), headers=tag).status_code == 404
            assert get(url + self.LIST.replace("2015-12-12", "2014"), headers=tag).status_code == 400
            assert get(url + self.META + "x", headers=tag).status_code == 400


def test_an_index_that_cannot_be_read(memory, many, caplog):
    """Clients retry, and the service's log has the reason."""
    archive = memory(many)

    def fail(*_):
        raise ArchiveIndexError("The index is being rebuilt")

    archive.series = archive.holdings = fail
    paths = ("/HMI/720?start=2015-12-11&end=2015-12-12", "/HMI/720/meta/1", "/HMI/720/1/bitmap.fits", "/health")
    with running(archive) as url:
        for path in paths:
            reply = get(url + path)
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
            assert "log has the reason. Try again in 2 s." in reply.json()["message"]
    assert "GET /health: The index is being rebuilt" in caplog.text
