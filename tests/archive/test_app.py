"""The routes of lists, keywords and health, over real HTTP."""

from __future__ import annotations

import json
import os

import pytest
import requests
from indexed import header_of, name_of, tiny
from wire import get, raw

from sunpy_flarecast import __version__
from sunpy_flarecast.archive import DirectoryArchive, NotHeldError, Record, create_app, running
from sunpy_flarecast.archive.index import build_index
from sunpy_flarecast.archive.index.write import Writer
from sunpy_flarecast.archive.settings import Settings

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


@pytest.fixture(scope="module")
def url(memory):
    with running(memory([RECORD])) as url:
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

    def test_fields_match_the_documented_reply(self, url, shared_data):
        documented = json.loads((shared_data / "service_examples" / "hmi_list_v9_wrapped.json").read_bytes())
        (record,) = get(f"{url}/HMI/hmi.sharp_720s", params=RANGE).json()["data"]
        assert list(record) == list(documented["data"][0])

    @pytest.mark.parametrize("name", ["sharp_720s", "720", "HMI.Sharp_720S"])
    def test_spellings_of_a_series(self, url, name):
        (record,) = get(f"{url}/HMI/{name}", params=RANGE).json()["data"]
        assert record["series_name"] == "hmi.sharp_720s"

    def test_a_series_that_is_not_in_the_catalog(self, memory):
        with running(memory([RECORD], series="hmi.Something")) as url:
            (record,) = get(f"{url}/HMI/something", params=RANGE).json()["data"]
        assert record["urls"][0] == f"{url}/HMI/hmi.Something/5605571/magnetogram.fits"

    def test_meta(self, url):
        (record,) = get(f"{url}/HMI/720", params={**RANGE, "meta": "true"}).json()["data"]
        assert record["meta"]["area"] == 3507.3125
        assert list(record) == sorted(record)

    def test_meta_of_records_removed_in_the_meantime(self, memory, many):
        class Shrinking(type(memory([]))):
            """Records with even numbers, and all of the second hundred, are removed before their keywords are read."""

            def keywords_of(self, series, recnums, names=None):
                if any(recnum % 2 == 0 or 100 < recnum <= 200 for recnum in recnums):
                    raise NotHeldError("removed")
                return super().keywords_of(series, recnums, names)

        with running(Shrinking(many[:400])) as url:
            records = get(f"{url}/HMI/720", params={**RANGE, "meta": "true"}).json()["data"]
        assert [record["recnum"] for record in records] == [*range(1, 101, 2), *range(201, 401, 2)]
        assert all(record["meta"]["area"] == 3507.3125 for record in records)

    @pytest.mark.parametrize("envelope", [True, False])
    def test_envelope(self, memory, many, envelope):
        with running(memory(many), settings=Settings(envelope=envelope)) as url:
            reply = get(f"{url}/HMI/720", params=RANGE).json()
        records = reply["data"] if envelope else reply
        assert [record["recnum"] for record in records] == list(range(1, 1001))
        assert records[999]["urls"][2] == f"{url}/HMI/hmi.sharp_720s/1000/conf_disambig.fits"

    @pytest.mark.parametrize(("envelope", "expected"), [(True, {"data": []}), (False, [])])
    def test_empty(self, memory, envelope, expected):
        with running(memory([]), settings=Settings(envelope=envelope)) as url:
            assert get(f"{url}/HMI/720", params=RANGE).json() == expected

    def test_head(self, url):
        reply = requests.head(f"{url}/HMI/720", params=RANGE, timeout=20)
        assert (reply.status_code, reply.content) == (200, b"")

    @pytest.mark.parametrize("fail_after", [300, 600, 999])
    def test_a_failure_half_way_closes_the_connection(self, memory, many, fail_after):
        broken = pytest.raises(requests.exceptions.ChunkedEncodingError)
        with running(memory(many, fail_after=fail_after)) as url, broken:
            get(f"{url}/HMI/720", params=RANGE)

    def test_a_failure_before_the_first_record_gives_an_error_status(self, memory, many):
        with running(memory(many, fail_after=0)) as url:
            reply = get(f"{url}/HMI/720", params=RANGE)
        assert reply.status_code == 500
        assert reply.json() == {"message": "The service failed; its log has the reason."}

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
    def test_valid_and_invalid_times(self, url, start, status):
        reply = get(f"{url}/HMI/720", params={**RANGE, "start": start})
        assert reply.status_code == status
        if status == 400:
            assert "start" in reply.json()["message"]
            assert len(reply.json()["message"]) < 400

    def test_a_time_offset_with_an_unencoded_plus(self, url):
        assert get(f"{url}/HMI/720?start=2015-12-11T01:00:00+01:00&end=2015-12-12T00:00:00Z").status_code == 200

    def test_missing_parameters(self, url):
        reply = get(f"{url}/HMI/720")
        assert reply.status_code == 422
        assert "'start' is missing. Write a day or an instant in ISO 8601" in reply.json()["message"]

    def test_an_invalid_value_of_meta(self, url):
        reply = get(f"{url}/HMI/720", params={**RANGE, "meta": "maybe"})
        assert (reply.status_code, reply.json()["message"]) == (
            422,
            "Parameter 'meta' is invalid: 'maybe'. Write true or false.",
        )

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ("&ends=x", "Unknown parameter 'ends'. Did you mean 'end'?"),
            ("&Meta=true", "Unknown parameter 'Meta'. Did you mean 'meta'?"),
            ("&harp=377", "Unknown parameter 'harp'. Known parameters: start, end, meta."),
            ("&meta=true&meta=false", "Parameter 'meta' is given 2 times. Write it once."),
        ],
    )
    def test_unknown_and_repeated_parameters(self, url, more, message):
        reply = get(f"{url}/HMI/720?start=2015-12-11&end=2015-12-12{more}")
        assert (reply.status_code, reply.json()["message"]) == (400, message)

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

    def test_fields_match_the_documented_reply(self, url, shared_data):
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
            assert (reply.status_code, "at most 1000" in reply.json()["message"]) == (413, True)

    def test_unknown_field(self, url):
        reply = get(f"{url}/HMI/720/meta/5605571", params={"fields": "aera"})
        assert (reply.status_code, reply.json()) == (
            400,
            {"message": "Unknown keyword 'aera'. Did you mean 'area'?"},
        )

    @pytest.mark.parametrize("recnum", ["-1", "x", "1,,2", "1;2", "9" * 19, "9" * 5000, "%20", "1.fits", "²"])
    def test_invalid_record_numbers(self, url, recnum):
        reply = get(f"{url}/HMI/720/meta/{recnum}")
        assert (reply.status_code, "record numbers" in reply.json()["message"]) == (400, True)


class TestSeries:
    def test_layout(self, url):
        reply = get(f"{url}/HMI")
        assert reply.json() == {
            "data": [
                {
                    "series": "hmi.sharp_720s",
                    "records": 1,
                    "first": RECORD.date__obs,
                    "last": RECORD.date__obs,
                    "segments": ["magnetogram", "bitmap"],
                }
            ]
        }
        assert requests.head(f"{url}/HMI", timeout=20).content == b""

    def test_without_envelope(self, memory):
        with running(memory([]), settings=Settings(envelope=False)) as url:
            (held,) = get(f"{url}/HMI").json()
        assert (held["records"], held["first"], held["last"], held["segments"]) == (0, None, None, [])


class TestHealth:
    def test_available(self, url):
        reply = get(f"{url}/health")
        assert reply.headers["cache-control"] == "no-store"
        assert reply.json() == {
            "status": "ok",
            "version": __version__,
            "series": 1,
            "records": 1,
            "synthetic": False,
        }

    def test_unexpected_failure(self, memory, monkeypatch):
        archive = memory([RECORD])

        def fail():
            raise OSError("the disk is gone")

        monkeypatch.setattr(archive, "holdings", fail)
        with running(archive) as url:
            reply = get(f"{url}/health")
        assert (reply.status_code, list(reply.json())) == (500, ["message"])

    @pytest.mark.skipif(os.name == "nt", reason="open files cannot be moved there")
    def test_a_missing_folder(self, tmp_path):
        root = tmp_path / "root"
        tiny(root / name_of(1, 0, "Br"), **header_of(1, 0, RECNUM=5))
        with DirectoryArchive(root) as archive, running(archive) as url:
            file = f"{url}/HMI/hmi.sharp_cea_720s/5/Br.fits"
            assert (get(file).status_code, get(f"{url}/health").status_code) == (200, 200)
            root.rename(tmp_path / "away")
            for path in (f"{url}/health", file):
                reply = get(path)
                assert (reply.status_code, int(reply.headers["retry-after"]) > 0) == (503, True)
                assert "folder of the archive is missing" in reply.json()["message"]
            (tmp_path / "away").rename(root)
            assert (get(file).status_code, get(f"{url}/health").json()["status"]) == (200, "ok")
            assert get(f"{url}/health").json()["reindex_failed"] is False

    def test_an_index_that_is_rebuilt(self, tmp_path):
        """An unfinished index does not pass for a complete one."""
        tiny(tmp_path / name_of(1, 0, "Br"), **header_of(1, 0, RECNUM=5))
        series = "HMI/hmi.sharp_cea_720s"
        paths = ("health", "HMI", f"{series}?start=2015-01-01&end=2016-01-01", f"{series}/meta/5")
        with DirectoryArchive(tmp_path) as archive, running(archive) as url:
            assert get(f"{url}/health").json()["indexed"].startswith("20")
            for file in tmp_path.glob(".flarecast*"):
                file.unlink()
            with Writer(tmp_path, archive.index):
                for path in paths:
                    reply = get(f"{url}/{path}")
                    assert (reply.status_code, int(reply.headers["retry-after"]) > 0) == (503, True)
                    assert str(tmp_path) not in reply.text
            build_index(tmp_path)
            assert [get(f"{url}/{path}").status_code for path in paths] == [200] * 4


class TestOtherRequests:
    @pytest.mark.parametrize("host", ["[::1", "a b", 'a"b', "a\\b", "", "é", "x:port", "a/b", "a@b", "x:1:2"])
    def test_invalid_hosts(self, url, host):
        request = f"GET /HMI/720?start=2015-01-01&end=2016-01-01 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        status, body = raw(url, request.encode("latin-1"))
        assert status == 400
        assert list(json.loads(body)) == ["message"]

    def test_without_a_host(self, url):
        status, body = raw(url, b"GET /HMI/720?start=2015-01-01&end=2016-01-01 HTTP/1.0\r\n\r\n")
        assert (status, json.loads(body)["data"][0]["urls"][0].startswith(f"{url}/HMI/")) == (200, True)

    def test_other_methods_are_refused(self, url):
        reply = requests.post(f"{url}/HMI/720", timeout=20)
        assert (reply.status_code, list(reply.json())) == (405, ["message"])
        assert "GET" in reply.headers["allow"]

    def test_unknown_route(self, url):
        reply = get(f"{url}/nowhere")
        assert (reply.status_code, "/ui" in reply.json()["message"]) == (404, True)


class TestDescription:
    @pytest.mark.parametrize("path", ["/search.json", "/search.csv"])
    def test_openapi_promises_no_validators_of_search_pages(self, url, path):
        replies = get(f"{url}/openapi.json").json()["paths"][path]["get"]["responses"]
        sent = {name.lower() for name in get(f"{url}{path}").headers}
        assert "304" not in replies
        assert {"cache-control", "etag"} & {name.lower() for name in replies["200"]["headers"]} == {"cache-control"}
        assert {"cache-control", "etag"} & sent == {"cache-control"}

    def test_openapi_has_the_version_that_swagger_ui_reads(self, url):
        description = get(f"{url}/openapi.json").json()
        assert description["openapi"].startswith("3.0.")
        assert '"null"' not in json.dumps(description)
        assert set(description["paths"]) == {
            "/HMI",
            "/HMI/{series}",
            "/HMI/{series}/days",
            "/HMI/{series}/harps",
            "/HMI/{series}/meta/{recnum}",
            "/HMI/{series}/{recnum}/{segment}.fits",
            "/download",
            "/health",
            "/metrics",
            "/search.csv",
            "/search.json",
        }

    def test_every_parameter_and_error_is_described(self, url):
        description = get(f"{url}/openapi.json").json()
        assert list(description["components"]["schemas"]) == ["Message"]
        for path, methods in description["paths"].items():
            assert {"200", "400", "413", "503"} <= set(methods["get"]["responses"])
            parameters = methods["get"].get("parameters", [])
            assert all(parameter["description"] for parameter in parameters)
            if parameters:
                assert {"404", "422"} <= set(methods["get"]["responses"]), path

    def test_server_url_is_relative_to_the_document(self, memory):
        assert create_app(memory([])).openapi()["servers"] == [{"url": "."}]
        settings = Settings(public_url="https://sharps.example/flarecast/")
        assert create_app(memory([]), settings).openapi()["servers"] == [{"url": "https://sharps.example/flarecast"}]
