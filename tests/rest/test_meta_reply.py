"""The meta route: its URL, all forms of its replies, and their values."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from faults import answer
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast import ReplyError, ServiceError, UnreachableError
from sunpy_flarecast.rest.auth import USER_AGENT
from sunpy_flarecast.rest.meta_reply import meta_url, read_meta
from sunpy_flarecast.rest.service import Service
from sunpy_flarecast.sharp.catalog import all_keywords, find_keyword
from sunpy_flarecast.sharp.values import clean

if TYPE_CHECKING:
    from pathlib import Path

    from faults import Layer

SERIES = "hmi.sharp_720s"


def reply(*numbers: int, **meta: Any) -> bytes:
    return json.dumps({str(number): {"recnum": number, "meta": meta, "urls": []} for number in numbers}).encode()


def test_the_documented_reply_is_read(shared: Path) -> None:
    body = (shared / "data" / "service_examples" / "hmi_meta_v9.json").read_bytes()
    [(number, values)] = read_meta(body).items()
    assert number == 5601499
    assert values["area"] == 3507.3125
    assert values["cmask"] == 6423
    assert values["distcoef"].endswith("libs/lev15/")
    assert set(values) == {"area", "cmask", "distcoef"}


@pytest.mark.parametrize(
    "body",
    [
        reply(7, usflux=1.5),
        b'{"data": ' + reply(7, usflux=1.5) + b"}",
        b'[{"recnum": 7, "meta": {"usflux": 1.5}}]',
        b'{"data": [{"recnum": 7, "meta": {"USFLUX": 1.5}}]}',
        b'{"7": {"meta": {"usflux": 1.5}}, "x": 3, "8": null, "9": {"meta": null}, "10": {"urls": []}}',
    ],
)
def test_all_envelopes_are_understood(body: bytes) -> None:
    assert read_meta(body) == {7: {"usflux": 1.5}}


def test_fits_names_become_catalog_names() -> None:
    assert read_meta(reply(7, LATFWTPO=1, **{"DATE-OBS": "x", "My_Own": 2})) == {
        7: {"lat_fwtpos": 1, "date__obs": "x", "my_own": 2}
    }


def test_python_s_nan_is_read_as_a_missing_value() -> None:
    values = read_meta(b'{"7": {"meta": {"usflux": NaN, "meangam": -Infinity, "r_value": 4}}}')[7]
    assert [clean(values[name], find_keyword(name)) for name in ("usflux", "meangam", "r_value")] == [None, None, 4.0]


def test_no_records_are_not_an_error() -> None:
    assert read_meta(b"{}") == {}
    assert read_meta(b"[]") == {}


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b'{"message": "no such record"}', "no such record"),
        (b'{"errors": ["a", "b"]}', '["a","b"]'),
        (b'{"rows": {}}', "without record numbers"),
        (b"[1, 2]", "without record numbers"),
        (b"3", "not an object of records"),
        (b"null", "not an object of records"),
        (b"", "not JSON"),
        (b"<html><title>NaN</title></html>", "not JSON"),
        (b'{"7": {"meta": {"usflux": NaN', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_other_replies_are_errors(body: bytes, part: str) -> None:
    with pytest.raises(ReplyError) as caught:
        read_meta(body)
    assert part in str(caught.value)


KEYS = st.sampled_from(["7", "data", "meta", "recnum", "message", "usflux"])
SCALARS = st.none() | st.booleans() | st.floats() | st.integers() | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)))
def test_any_json_is_read_or_refused(value: Any) -> None:
    try:
        found = read_meta(json.dumps(value).encode())
    except ReplyError:
        return
    assert all(isinstance(number, int) and isinstance(values, dict) for number, values in found.items())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("usflux", None, None),
        ("usflux", "MISSING", None),
        ("usflux", " nan ", None),
        ("usflux", math.nan, None),
        ("usflux", math.inf, None),
        ("usflux", "", None),
        ("usflux", "1.5e22", 1.5e22),
        ("usflux", 3, 3.0),
        ("usflux", "many", None),
        ("usflux", [1], None),
        ("usflux", {}, None),
        ("usflux", "1e999", None),
        ("harpnum", "377", 377),
        ("harpnum", 377.0, 377),
        ("harpnum", -(2**31), None),
        ("harpnum", "-2147483648", None),
        ("harpnum", 2**70, float(2**70)),
        ("npix", 3.5, 3.5),
        ("quality", "0x00000400", 1024),
        ("noaa_ars", 11640, "11640"),
        ("noaa_ars", " 11640,11642 ", "11640,11642"),
        ("noaa_ars", "MISSING", None),
        ("arm_beta", 0.3, "0.3"),
    ],
)
def test_values_are_normalized(name: str, value: Any, expected: Any) -> None:
    found = clean(value, find_keyword(name))
    assert found == expected
    assert type(found) is type(expected)


def test_without_the_catalog_values_stay_as_they_are() -> None:
    assert clean("1.5") == "1.5"
    assert clean(1.5) == 1.5
    assert clean("MISSING") is None


@given(
    st.sampled_from(all_keywords()),
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text()
    | st.from_regex(r"-?\d+(\.\d+)?(e\d+)?", fullmatch=True),
)
def test_numbers_are_finite_and_of_their_kind(keyword: Any, value: Any) -> None:
    found = clean(value, keyword)
    if keyword.kind == "text":
        assert found is None or isinstance(found, str)
    elif found is not None:
        assert isinstance(found, float if keyword.kind == "float" else (int, float))
        assert math.isfinite(found)
        assert isinstance(found, float) or abs(found) < 2**63


def test_urls_are_the_documented_ones() -> None:
    url = meta_url("http://h:1", SERIES, [5601499], ["area", "cmask", "distcoef"])
    assert url == "http://h:1/HMI/hmi.sharp_720s/meta/5601499?fields=area,cmask,distcoef"
    assert meta_url("http://h:1", "a/b", [1, 2]) == "http://h:1/HMI/a%2Fb/meta/1,2"


# --- Service.meta -----------------------------------------------------------------------------------------------------


def some_record(service: Service) -> int:
    records, _ = service.records(SERIES, "2015-12-11T00:00:00Z", "2015-12-11T00:20:00Z")
    return int(records.recnum[0])


def test_a_service_sends_the_requested_keywords(demo: tuple[str, Layer]) -> None:
    with Service() as service:
        number = some_record(service)
        values = service.meta(SERIES, [number], ["usflux", "noaa_ars", "lat_fwtpos"])
        assert set(values[number]) == {"usflux", "noaa_ars", "lat_fwtpos"}
        assert set(service.meta(SERIES, [number])[number]) > {"usflux", "crpix1", "t_obs"}
    assert demo[1].requests[1] == ("GET", f"/HMI/{SERIES}/meta/{number}?fields=usflux,noaa_ars,lat_fwtpos")
    assert demo[1].headers[1]["user-agent"] == USER_AGENT


@pytest.mark.parametrize(
    ("fault", "kind", "part"),
    [
        (answer(b'{"message": "no such record"}', status=404), ServiceError, "404 Not Found: no such record"),
        (answer(b'{"message": "the database is away"}'), ReplyError, "the database is away"),
        (answer(b"<html><title>Please log in</title></html>"), ReplyError, 'a web page titled "Please log in"'),
        (answer(b'{"7": {"meta"', length=100, drop=True), ReplyError, "incomplete"),
        (answer(b"[3]", status=500), ServiceError, "500"),
    ],
)
def test_errors_name_the_request(demo: tuple[str, Layer], fault: Any, kind: type[Exception], part: str) -> None:
    demo[1].faults["/meta/"] = fault
    with Service() as service, pytest.raises(kind) as caught:
        service.meta(SERIES, [7], ["usflux", "meangam", "r_value", "npix"])
    assert part in str(caught.value)
    assert f"The request to {demo[0]} for usflux, meangam, r_value, ... of record 7 of {SERIES}" in str(caught.value)


def test_requests_to_a_busy_service_are_retried(demo: tuple[str, Layer]) -> None:
    demo[1].faults["/meta/"] = answer(b"busy", status=503)
    demo[1].times["/meta/"] = 2
    with Service() as service:
        number = some_record(service)
        assert service.meta(SERIES, [number], ["npix"])[number]["npix"] > 0
    assert demo[1].count("/meta/")["GET"] == 3


def test_an_unreachable_service_is_reported() -> None:
    with Service("http://127.0.0.1:9") as service, pytest.raises(UnreachableError, match="cannot be reached"):
        service.meta(SERIES, [7])
