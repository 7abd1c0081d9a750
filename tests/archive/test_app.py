"""The routes, over real HTTP."""

from __future__ import annotations

import json
import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests

from sunpy_flarecast.archive import Record, running
from sunpy_flarecast.archive.content import _Unchanged

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-12T00:00:00Z"}

RECORD = Record(
    recnum=5605571,
    segments=("magnetogram", "bitmap"),
    harpnum=6178,
    t_rec_index=1005598,
    date__obs="2015-12-11T23:34:08.799999Z",
    quality=0,
    time="2016-01-20T05:41:33.750935Z",
)

CONTENT = bytes(range(256)) * 40

#: A version of which the file has fewer bytes than it says.
VERSION = _Unchanged(2 * len(CONTENT), '"version"')

FILE = "/HMI/hmi.sharp_720s/5605571/{}.fits"


def get(url, **options):
    return requests.get(url, timeout=20, **options)


def raw(url, request):
    """Send bytes that no HTTP library would; give status and body."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2]


@pytest.fixture(scope="module")
def url(memory, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "anything.fits"
    path.write_bytes(CONTENT)
    os.utime(path, (1_450_000_000, 1_450_000_000))
    with running(memory([RECORD], {"magnetogram": path, "bitmap": CONTENT})) as url:
        yield url


class TestList:
    def test_layout(self, url):
        reply = get(f"{url}/HMI/hmi.sharp_720s", params=RANGE)
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "application/json"
        (record,) = reply.json()["data"]
        assert record == {
            "date__obs": "2015-12-11T23:34:08.799999Z",
            "download_time": None,
            "exptime": None,
            "harpnum": 6178,
            "mask_cadence": None,
            "nbr_update": 0,
            "quality": 0,
            "recnum": 5605571,
            "recnum_init": None,
            "series_name": "hmi.sharp_720s",
            "t_rec_index": 1005598,
            "time": "2016-01-20T05:41:33.750935Z",
            "type": None,
            "urls": [f"{url}/HMI/hmi.sharp_720s/5605571/{name}.fits" for name in ("magnetogram", "bitmap")],
            "wavelnth": 6173,
        }
        assert list(record) == sorted(record)

    def test_fields_are_those_of_the_documented_reply(self, url, shared_data):
        documented = json.loads((shared_data / "service_examples" / "hmi_list_v9_wrapped.json").read_bytes())
        (record,) = get(f"{url}/HMI/hmi.sharp_720s", params=RANGE).json()["data"]
        assert list(record) == list(documented["data"][0])

    @pytest.mark.parametrize("name", ["sharp_720s", "720", "HMI.Sharp_720S"])
    def test_series_is_found_by_any_spelling(self, url, name):
        (record,) = get(f"{url}/HMI/{name}", params=RANGE).json()["data"]
        assert record["series_name"] == "hmi.sharp_720s"

    def test_series_unknown_to_the_catalog(self, memory):
        with running(memory([RECORD], series="hmi.Something")) as url:
            (record,) = get(f"{url}/HMI/something", params=RANGE).json()["data"]
        assert record["urls"][0] == f"{url}/HMI/hmi.Something/5605571/magnetogram.fits"

    def test_urls_follow_the_host_of_the_request(self, url):
        headers = {"Host": "flarecast.example:81", "X-Forwarded-Proto": "https"}
        (record,) = get(f"{url}/HMI/720", params=RANGE, headers=headers).json()["data"]
        assert record["urls"][0] == "https://flarecast.example:81/HMI/hmi.sharp_720s/5605571/magnetogram.fits"

    def test_meta(self, url):
        (record,) = get(f"{url}/HMI/720", params={**RANGE, "meta": "true"}).json()["data"]
        assert record["meta"]["area"] == 3507.3125
        assert list(record) == sorted(record)

    @pytest.mark.parametrize("envelope", [True, False])
    def test_envelope(self, memory, many, envelope):
        with running(memory(many), envelope=envelope) as url:
            reply = get(f"{url}/HMI/720", params=RANGE).json()
        records = reply["data"] if envelope else reply
        assert [record["recnum"] for record in records] == list(range(1, 1001))
        assert records[999]["urls"][2] == f"{url}/HMI/hmi.sharp_720s/1000/conf_disambig.fits"

    @pytest.mark.parametrize(("envelope", "expected"), [(True, {"data": []}), (False, [])])
    def test_empty(self, memory, envelope, expected):
        with running(memory([]), envelope=envelope) as url:
            assert get(f"{url}/HMI/720", params=RANGE).json() == expected

    def test_head(self, url):
        reply = requests.head(f"{url}/HMI/720", params=RANGE, timeout=20)
        assert (reply.status_code, reply.content) == (200, b"")

    @pytest.mark.parametrize("fail_after", [300, 600, 999])
    def test_a_failure_half_way_breaks_the_connection_off(self, memory, many, fail_after):
        broken = pytest.raises(requests.exceptions.ChunkedEncodingError)
        with running(memory(many, fail_after=fail_after)) as url, broken:
            get(f"{url}/HMI/720", params=RANGE)

    def test_a_failure_at_once_is_a_status(self, memory, many):
        with running(memory(many, fail_after=0)) as url:
            reply = get(f"{url}/HMI/720", params=RANGE)
        assert reply.status_code == 500
        assert reply.json() == {"message": "The service failed; its log says why"}

    @pytest.mark.parametrize(
        ("start", "status"),
        [
            ("2015-12-11T00:00:00Z", 200),
            ("2015-12-11T00:00:00", 200),
            ("2015-12-11T00:00:00.123456Z", 200),
            ("2015-12-11T01:00:00+01:00", 200),
            ("2015-12-11T00:00:60Z", 200),
            ("2015-12-11", 200),
            ("2015-12-13T00:00:00Z", 400),
            ("2015-13-11T00:00:00Z", 400),
            ("9999-12-31T23:59:60Z", 400),
            ("0001-01-01T00:00:00+14:00", 400),
            ("yesterday", 400),
            ("", 400),
            ("\0", 400),
            ("é" * 5000, 400),
        ],
    )
    def test_instants(self, url, start, status):
        reply = get(f"{url}/HMI/720", params={**RANGE, "start": start})
        assert reply.status_code == status
        if status == 400:
            assert "start" in reply.json()["message"]
            assert len(reply.json()["message"]) < 400

    def test_an_offset_whose_plus_was_not_encoded(self, url):
        assert get(f"{url}/HMI/720?start=2015-12-11T01:00:00+01:00&end=2015-12-12T00:00:00Z").status_code == 200

    def test_missing_parameters(self, url):
        reply = get(f"{url}/HMI/720")
        assert reply.status_code == 422
        assert "'start' is missing. Write an instant in ISO 8601" in reply.json()["message"]

    def test_meta_neither_true_nor_false(self, url):
        reply = get(f"{url}/HMI/720", params={**RANGE, "meta": "maybe"})
        assert (reply.status_code, reply.json()["message"]) == (
            422,
            "Parameter 'meta' cannot be read: 'maybe'. Write true or false.",
        )

    def test_unknown_series(self, url):
        reply = get(f"{url}/HMI/hmi.sharp_cea_720s", params=RANGE)
        assert reply.status_code == 404
        assert reply.json()["message"].endswith("It holds: hmi.sharp_720s.")


class TestMeta:
    def test_fields(self, url):
        reply = get(f"{url}/HMI/720/meta/5605571", params={"fields": "area,CMASK, r_value"})
        record = reply.json()["5605571"]
        assert record["meta"] == {"area": 3507.3125, "cmask": 6423, "r_value": None}
        assert (record["harpnum"], record["t_rec_index"], record["urls"]) == (6178, 1005598, [])

    def test_fields_are_those_of_the_documented_reply(self, url, shared_data):
        documented = json.loads((shared_data / "service_examples" / "hmi_meta_v9.json").read_bytes())
        record = get(f"{url}/HMI/720/meta/5605571", params={"fields": "area"}).json()["5605571"]
        assert list(record) == list(documented["5601499"])

    def test_all_keywords(self, url):
        assert "t_rec" in get(f"{url}/HMI/720/meta/5605571").json()["5605571"]["meta"]

    def test_several_records(self, memory, many):
        with running(memory(many)) as url:
            assert list(get(f"{url}/HMI/720/meta/3,1,2,1").json()) == ["3", "1", "2"]
            reply = get(f"{url}/HMI/720/meta/1,5000,2,6000")
            assert (reply.status_code, "5000, 6000" in reply.json()["message"]) == (404, True)
            reply = get(f"{url}/HMI/720/meta/{','.join(map(str, range(1001)))}")
            assert (reply.status_code, "at most 1000" in reply.json()["message"]) == (400, True)

    def test_unknown_field(self, url):
        reply = get(f"{url}/HMI/720/meta/5605571", params={"fields": "aera"})
        assert (reply.status_code, reply.json()) == (
            400,
            {"message": "There is no keyword 'aera'. Did you mean 'area'?"},
        )

    @pytest.mark.parametrize("recnum", ["-1", "x", "1,,2", "1;2", "9" * 19, "9" * 5000, "%00", "%20", "1.fits", "²"])
    def test_no_record_numbers(self, url, recnum):
        reply = get(f"{url}/HMI/720/meta/{recnum}")
        assert (reply.status_code, "record numbers" in reply.json()["message"]) == (400, True)


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

    def test_head(self, url, segment):
        whole = get(url + FILE.format(segment))
        reply = requests.head(url + FILE.format(segment), timeout=20, headers={"Range": "bytes=0-9"})
        assert (reply.status_code, reply.content) == (200, b"")
        assert {**reply.headers, "date": ""} == {**whole.headers, "date": ""}

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

    def test_many_at_once(self, url, segment):
        with ThreadPoolExecutor(16) as pool:
            contents = pool.map(lambda _: get(url + FILE.format(segment)).content, range(64))
        assert set(contents) == {CONTENT}


class TestFilesThatFail:
    def test_unknown(self, url):
        for path in ("/HMI/720/5605571/field.fits", "/HMI/721/5605571/bitmap.fits"):
            reply = get(url + path)
            assert (reply.status_code, list(reply.json())) == (404, ["message"])

    def test_the_name_without_harpnum(self, memory, monkeypatch):
        archive = memory([RECORD], {"bitmap": CONTENT})
        monkeypatch.setattr(archive, "keywords", lambda series, recnum: {})
        with running(archive) as url:
            disposition = get(url + FILE.format("bitmap")).headers["content-disposition"]
        assert disposition == "attachment; filename=hmi.sharp_720s.5605571.bitmap.fits"

    def test_a_file_that_is_gone(self, memory, tmp_path):
        with running(memory([RECORD], {"bitmap": tmp_path / "gone.fits"})) as url:
            reply = get(url + FILE.format("bitmap"))
        assert (reply.status_code, "cannot be read" in reply.json()["message"]) == (404, True)

    def test_a_file_cut_short_while_it_is_sent(self, memory, tmp_path, monkeypatch):
        path = tmp_path / "short.fits"
        path.write_bytes(CONTENT)
        monkeypatch.setattr("sunpy_flarecast.archive.content._stat_version", lambda stat: VERSION)
        broken = pytest.raises(requests.exceptions.ChunkedEncodingError)
        with running(memory([RECORD], {"bitmap": path})) as url, broken:
            get(url + FILE.format("bitmap"))

    def test_a_file_changed_while_it_is_sent(self, memory, tmp_path, monkeypatch):
        path = tmp_path / "changed.fits"
        path.write_bytes(CONTENT)
        versions = iter([VERSION, None])
        monkeypatch.setattr("sunpy_flarecast.archive.content._stat_version", lambda stat: next(versions))
        broken = pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError))
        with running(memory([RECORD], {"bitmap": path})) as url, broken:
            get(url + FILE.format("bitmap"))


class TestHostileRequests:
    @pytest.mark.parametrize(
        "path",
        [
            "/HMI/720/5605571/..%2f..%2fetc%2fpasswd.fits",
            "/HMI/720/5605571/%2e%2e.fits",
            "/HMI/720/5605571/%00.fits",
            "/HMI/720/5605571/a%0d%0aSet-Cookie:b.fits",
            "/HMI/720/5605571/%ff.fits",
            "/HMI/720/5605571/%C3%A9.fits",
            "/HMI/720/5605571/.fits",
            "/HMI/720/5605571/" + "a" * 30000 + ".fits",
            "/HMI/720/-1/bitmap.fits",
            "/HMI/720/" + "9" * 5000 + "/bitmap.fits",
            "/HMI/720/1000000000000000000/bitmap.fits",
            "/HMI/720/1e3/bitmap.fits",
            "/HMI/720/NaN/bitmap.fits",
            "/HMI/720//bitmap.fits",
            "/HMI/%00/5605571/bitmap.fits",
            "/HMI/../../etc/passwd",
            "/HMI/..%2f720?start=2015-01-01&end=2016-01-01",
            "/HMI/%ED%A0%80?start=2015-01-01&end=2016-01-01",
            "/HMI/?start=2015-01-01&end=2016-01-01",
            "/HMI/720/meta/",
            "/HMI",
            "/ui/../../__init__.py",
            "/ui/index.html",
            "/docs",
            "/redoc",
            "//",
        ],
    )
    def test_paths(self, url, path):
        status, body = raw(url, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert 400 <= status < 500
        assert isinstance(json.loads(body)["message"], str)
        assert len(body) < 1000

    @pytest.mark.parametrize("host", ["[::1", "a b", 'a"b', "a\\b", "", "é", "x:port"])
    def test_hosts(self, url, host):
        request = f"GET /HMI/720?start=2015-01-01&end=2016-01-01 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        status, _ = raw(url, request.encode("latin-1"))
        assert status == 200 or 400 <= status < 500

    def test_methods(self, url):
        reply = requests.post(f"{url}/HMI/720", timeout=20)
        assert (reply.status_code, list(reply.json())) == (405, ["message"])
        assert "GET" in reply.headers["allow"]

    def test_unknown_route(self, url):
        reply = get(f"{url}/nowhere")
        assert (reply.status_code, "/ui" in reply.json()["message"]) == (404, True)


class TestDescription:
    def test_swagger_ui_needs_no_internet(self, url):
        page = get(f"{url}/")
        assert page.url == f"{url}/ui"
        assert re.search("https?://|//", page.text.replace("<!-- `SwaggerUIBundle` is now available", "")) is None
        assert '"validatorUrl": null' in page.text
        for asset in re.findall(r'(?:href|src)="([^"]+)"', page.text):
            assert get(f"{url}/{asset}").status_code == 200
        assert get(f"{url}/ui/").url == f"{url}/ui"

    def test_openapi_is_of_the_version_that_the_page_reads(self, url):
        description = get(f"{url}/openapi.json").json()
        assert description["openapi"].startswith("3.0.")
        assert '"null"' not in json.dumps(description)
        assert list(description["paths"]) == [
            "/HMI/{series}",
            "/HMI/{series}/meta/{recnum}",
            "/HMI/{series}/{recnum}/{segment}.fits",
        ]

    def test_every_parameter_and_error_is_described(self, url):
        description = get(f"{url}/openapi.json").json()
        assert list(description["components"]["schemas"]) == ["Message"]
        for path in description["paths"].values():
            assert {"200", "404", "422"} <= set(path["get"]["responses"])
            assert all(parameter["description"] for parameter in path["get"]["parameters"])
