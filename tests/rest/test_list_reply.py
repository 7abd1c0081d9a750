"""Lists of records, from bytes to columns: all layouts, and invalid replies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from replying import FOLDER, SERIES, encoded, read, row, rows, urls

from sunpy_flarecast import ReplyError
from sunpy_flarecast.rest.list_reply import read_records
from sunpy_flarecast.rest.records import merge, segment_of
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.t_rec import slot_text
from sunpy_flarecast.sharp.times import utc_datetime64

if TYPE_CHECKING:
    from pathlib import Path

# --- The documented replies -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def examples(shared: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in (shared / "data" / "service_examples").glob("*.json")}


def test_layout_a(examples: dict[str, bytes]) -> None:
    records, broken = read_records(examples["hmi_list_v3"], "sharp_720s")
    assert (len(records), broken) == (5, 0)
    assert records.series.tolist() == ["sharp_720s"] * 5
    assert records.date_obs[0] == np.datetime64("2015-12-11T18:22:08.799999")
    assert records.prefix[4] == b"http://cluster-r730-1:8001/HMI/sharp_720s/sharp_720s_20151211_191008"
    assert set(records.names) == {("",)}
    for column in (records.recnum, records.harpnum, records.slot, records.quality, records.wavelength):
        assert column.mask.all()
    # T_REC can be estimated from DATE-OBS, but stays masked.
    assert [slot_text(slot) for slot in records.nearest_slot()[:2]] == ["20151211_182400_TAI", "20151211_183600_TAI"]


def test_layout_b(examples: dict[str, bytes]) -> None:
    records, broken = read_records(examples["hmi_list_v6_partial"], "sharp_cea_720s_nrt")
    assert (len(records), broken) == (1, 0)
    assert records.series[0] == "hmi.sharp_cea_720s_nrt"
    assert records.recnum.tolist() == [1958485]
    assert records.slot.tolist() == [1010166]
    assert records.quality.tolist() == [1024]
    assert records.harpnum.tolist() == [None]
    assert records.wavelength.tolist() == [None]
    assert records.date_obs[0] == np.datetime64("2016-01-19T01:10:08.4")
    assert records.prefix[0] == b"http://cluster-r730-1:8001/HMI/sharp_cea_720s_nrt/1958485_20160119011008_"
    listed = ["conf_disambig", "Bt_err", "Br", "Br_err", "magnetogram", "Bp_err", "bitmap", "Bp", "Dopplergram", "Bt"]
    assert records.names[0] == tuple(f"{name}.fits" for name in listed)


@pytest.mark.parametrize("name", ["hmi_list_v9_bare", "hmi_list_v9_wrapped"])
def test_layout_c_in_both_envelopes(examples: dict[str, bytes], name: str) -> None:
    records, broken = read_records(examples[name], "hmi.sharp_720s")
    assert (len(records), broken) == (1, 0)
    assert rows(records)[0][:6] == ("hmi.sharp_720s", 5605571, 6178, 1005598, 0, 6173.0)
    assert records.date_obs[0] == np.datetime64("2015-12-11T23:34:08.799999")
    assert records.nearest_slot().tolist() == [1005598]
    assert records.prefix[0].decode() == f"{FOLDER}/5605571/"
    segments = [segment.name for segment in find_series("hmi.sharp_720s").segments]
    assert records.names[0] == tuple(f"{segment}.fits" for segment in segments)


def test_a_meta_reply_is_not_a_list(examples: dict[str, bytes]) -> None:
    with pytest.raises(ReplyError, match="without data"):
        read_records(examples["hmi_meta_v9"], SERIES)


@pytest.mark.parametrize("name", ["hmi_list_v3", "hmi_list_v6_partial", "hmi_list_v9_bare", "hmi_list_v9_wrapped"])
@pytest.mark.parametrize("form", [{"separators": (",", ":")}, {"indent": 1}, {"indent": "\t"}])
def test_any_json_formatting_is_read(examples: dict[str, bytes], name: str, form: dict[str, Any]) -> None:
    expected = rows(read_records(examples[name], SERIES)[0])
    text = json.dumps(json.loads(examples[name]), **form)
    for reply in (text, f"\r\n {text}\n", text.replace("/", "\\/"), text.replace("/", "\\u002f")):
        assert rows(read_records(reply.encode(), SERIES)[0]) == expected


# --- Invalid replies --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [b"[]", b" [ ] ", b'{"data": []}', b'{"data": [], "message": null, "error": ""}'])
def test_no_records(reply: bytes) -> None:
    records, broken = read_records(reply, SERIES)
    assert (len(records), broken) == (0, 0)
    assert len(merge([records, records])) == 0
    assert records.date_obs.dtype == "datetime64[us]"


@pytest.mark.parametrize("data", [[{**row(), "recnum": "7", "harpnum": "x"}], {"a": 1}, 5, None])
def test_an_error_message_takes_precedence_over_data(data: Any) -> None:
    with pytest.raises(ReplyError, match="database timeout"):
        read_records(json.dumps({"data": data, "message": "partial: database timeout"}).encode(), SERIES)


def test_null_fields_and_unknown_fields() -> None:
    fields = ["date__obs", "harpnum", "quality", "series_name", "t_rec_index", "type", "url", "wavelnth"]
    records = read({**dict.fromkeys(fields), **row(), "new": {"deep": [1, {"er": None}]}, "recnum": None})
    assert rows(records) == [(SERIES, None, None, None, None, None, "NaT", (f"{FOLDER}/7/bitmap.fits",))]
    assert records.nearest_slot().tolist() == [None]


WRONG = [
    {"urls": None},
    {"urls": 5},
    {"urls": "http://h/HMI/s/7/a.fits"},
    {"urls": {"a": 1}},
    {"urls": [None]},
    {"urls": ["http://h/HMI/s/7/a.fits", 5]},
    {"urls": [["http://h/HMI/s/7/a.fits"]]},
    {"urls": False},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize("envelope", ["bare", "data"])
def test_a_broken_record_is_counted_and_the_others_kept(wrong: dict[str, Any], envelope: str) -> None:
    listed = [row(1, date__obs="2015-12-11T00:00:00Z"), {**row(2), **wrong}, row(3)]
    reply = json.dumps(listed if envelope == "bare" else {"data": listed}).encode()
    records, broken = read_records(reply, SERIES)
    assert records.recnum.tolist() == [1, 3]
    assert records.date_obs.astype(str).tolist() == ["2015-12-11T00:00:00.000000", "NaT"]
    assert broken == 1
    assert read_records(encoded({**row(2), **wrong}), SERIES)[1] == 1


@pytest.mark.parametrize("element", [5, None, "text", [], True])
def test_elements_that_are_not_records(element: Any) -> None:
    records, broken = read_records(encoded(row(1), element), SERIES)
    assert (records.recnum.tolist(), broken) == ([1], 1)
    with pytest.raises(ReplyError, match="not records"):
        read_records(encoded(element, element), SERIES)


@pytest.mark.parametrize(
    ("field", "given", "column", "value"),
    [
        ("recnum", "7", "recnum", 7),
        ("harpnum", 6178.0, "harpnum", 6178),
        ("t_rec_index", "1005598", "slot", 1005598),
        ("quality", "1024", "quality", 1024),
        ("quality", "0x00000400", "quality", 1024),
        ("quality", "0xFFFFFFFF80000000", "quality", 2**31),
        ("quality", -(2**31), "quality", 2**31),
        ("quality", -1, "quality", 2**32 - 1),
        ("quality", 2**63 - 1, "quality", 2**63 - 1),
        ("wavelnth", "6173.3", "wavelength", 6173.3),
    ],
)
def test_numbers_in_other_notations(field: str, given: Any, column: str, value: float) -> None:
    records = read(row(**{field: given}))
    assert getattr(records, column).tolist() == [value]


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"  ",
        b"<html><title>Log in</title></html>",
        b"Bad Gateway",
        b"[1, 2",
        b'[1, {"urls": [}]',
        b"[{]",
        b'{"data": [{}',
        b'{"data": [1, {"urls": ]}',
        b'[{"recnum": 7, "wavelnth": NaN}]',
        b'[{"recnum": 7, "wavelnth": Infinity}]',
        b"[]]",
        b"[] []",
        b"\xef\xbb\xbf[]",
        b"\xff\xfe[\x00]\x00",
        b"\x00",
        b"[" * 100_000,
        b'{"data": ' + b"[" * 100_000,
        b'[{"x": ' + b"[" * 100_000,
        b'[1, {"x": ' + b'{"x": ' * 100_000,
        b'[{"urls": ' + b"[" * 50_000 + b"]" * 50_000 + b"}]",
        b'{"message": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda reply: repr(reply[:40]),
)
def test_replies_that_are_not_json(reply: bytes) -> None:
    with pytest.raises(ReplyError, match="not JSON"):
        read_records(reply, SERIES)


@pytest.mark.parametrize("reply", [b"null", b"5", b'"text"', b"true", b'{"data": {}}', b'{"data": "x"}'])
def test_json_of_another_shape(reply: bytes) -> None:
    with pytest.raises(ReplyError, match="not a list of records"):
        read_records(reply, SERIES)


@pytest.mark.parametrize("reply", [b"{}", b'{"records": []}', b'{"data": null}', b'{"message": "", "data": null}'])
def test_an_object_without_data(reply: bytes) -> None:
    with pytest.raises(ReplyError, match="an object without data"):
        read_records(reply, SERIES)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ({"message": "no such series"}, "no such series"),
        ({"error": "no such series", "status": 404}, "no such series"),
        ({"detail": "Field required", "type": "about:blank"}, "Field required"),
        ({"data": [], "message": "database is down"}, "database is down"),
        ({"data": None, "error": {"code": 5}}, '{"code":5}'),
        ({"errors": [{"loc": ["start"], "msg": "bad"}]}, '[{"loc":["start"],"msg":"bad"}]'),
        ({"message": None, "error": "", "errors": [], "detail": 5}, "5"),
        ({"message": "Größe überschritten"}, "Größe überschritten"),
    ],
)
def test_an_error_reply_is_quoted(reply: dict[str, Any], text: str) -> None:
    for ascii_only in (True, False):
        with pytest.raises(ReplyError) as caught:
            read_records(json.dumps(reply, ensure_ascii=ascii_only).encode(), SERIES)
        assert str(caught.value) == text


@pytest.mark.parametrize("key", ["message", "error", "errors", "detail"])
def test_a_message_beside_records_is_an_error(key: str) -> None:
    # They would be incomplete.
    with pytest.raises(ReplyError, match="timeout after 1 of 900"):
        read_records(json.dumps({"data": [row()], key: "timeout after 1 of 900"}).encode(), SERIES)


@pytest.mark.parametrize(
    ("wrong", "column"),
    [
        ({"recnum": 2**63}, "recnum"),
        ({"recnum": -(2**63) - 1}, "recnum"),
        ({"harpnum": 10**400}, "harpnum"),
        ({"harpnum": -(2**31)}, "harpnum"),
        ({"quality": "0x400 or so"}, "quality"),
        ({"quality": [0]}, "quality"),
        ({"t_rec_index": 2**40}, "slot"),
        ({"t_rec_index": -(2**31)}, "slot"),
        ({"wavelnth": "red"}, "wavelength"),
        ({"recnum": "seven"}, "recnum"),
        ({"recnum": 7.5}, "recnum"),
        ({"date__obs": 5}, "date_obs"),
        ({"date__obs": "MISSING"}, "date_obs"),
        ({"date__obs": "2015-13-01T00:00:00Z"}, "date_obs"),
        ({"date__obs": "2015-12-11T23:60:10Z"}, "date_obs"),
        ({"date__obs": "2015.12.11_23:36:00_TAI"}, "date_obs"),
        ({"date__obs": "0001-01-01T00:00:00+01:00"}, "date_obs"),
        ({"date__obs": "now"}, "date_obs"),
    ],
    ids=str,
)
def test_unreadable_values_are_missing(wrong: dict[str, Any], column: str) -> None:
    fine = row(2, harpnum=6178, t_rec_index=1005598, quality=0, wavelnth=6173)
    records, broken = read_records(encoded(row(1), {**fine, **wrong}), SERIES)
    assert broken == 0
    assert getattr(records, column).tolist()[1] is None
    assert urls(records)[1] == urls(read(fine))[0]
    kept = {"harpnum": 6178, "slot": 1005598, "quality": 0}
    assert all(getattr(records, name).tolist()[1] == value for name, value in kept.items() if name != column)


def test_text_that_is_not_utf_8() -> None:
    good = json.dumps(row(1)).encode()
    # Whether or not the JSON library checks skipped parts, the record is never accepted.
    records, broken = read_records(b"[" + good + b', {"recnum": 2, "urls": ["http://h/\xff/a.fits"]}]', SERIES)
    assert (records.recnum.tolist(), broken) == ([1], 1)
    with pytest.raises(ReplyError, match="not JSON"):
        read_records(b"[" + good + b', {"recnum": 2, "url": "\xff"}]', SERIES)


@given(st.binary(min_size=1, max_size=60), st.sampled_from([b"[", b'{"data": [', b'[{"urls":', b"[1, ", b""]))
def test_any_bytes_are_read_or_refused(rest: bytes, begin: bytes) -> None:
    try:
        records, broken = read_records(begin + rest, SERIES)
    except ReplyError:
        return  # no other exception may be raised
    assert len(records) + broken <= len(rest)


@given(st.integers(0, 500), st.binary(min_size=1, max_size=3), st.integers(0, 3))
def test_a_reply_that_was_damaged_is_read_or_refused(at: int, bad: bytes, lost: int) -> None:
    whole = encoded(row(1, date__obs="2015-12-11T23:34:08Z"), row(2, quality=5), row(3, series_name="x"))
    try:
        records, broken = read_records(whole[:at] + bad + whole[at + lost :], SERIES)
    except ReplyError:
        return
    assert len(records) + broken <= 5


@pytest.mark.parametrize("wrong", [{"urls": 5}, {"urls": None}], ids=str)
@pytest.mark.parametrize("place", [0, 499, 999])
def test_one_broken_record_among_a_thousand(place: int, wrong: dict[str, Any]) -> None:
    listed = [
        row(number, harpnum=number % 7, t_rec_index=number, quality=None if number % 5 else 0, wavelnth=6173)
        for number in range(1000)
    ]
    records, broken = read_records(encoded(*listed[:place], {**listed[place], **wrong}, *listed[place + 1 :]), SERIES)
    assert broken == 1
    assert rows(records) == rows(read(*listed[:place], *listed[place + 1 :]))


@pytest.mark.parametrize(
    "value", ["NaN", "-Infinity", "[NaN]", '"\x00"', "01", "'x'", "1e", "[1,]", '{"x": 1,}'], ids=repr
)
@pytest.mark.parametrize("field", ["recnum", "new", "urls"])
def test_a_value_that_is_not_json(field: str, value: str) -> None:
    # In parts that are read, skipped, or read later: nothing of such a reply is accepted.
    reply = f'[{{"harpnum": 1, "{field}": {value}}}, {json.dumps(row(2))}]'.encode()
    with pytest.raises(ReplyError, match="not JSON"):
        read_records(reply, SERIES)


@pytest.mark.parametrize(
    "huge",
    [
        b" " * 100_000_000,
        b'"x": "' + b"x" * 100_000_000 + b'", ',
        b'"date__obs": "' + b"2" * 100_000_000 + b'", ',
        b'"harpnum": ' + b"9" * 100_000_000 + b", ",
        b'"harpnum": 1e' + b"9" * 10_000_000 + b", ",
    ],
    ids=lambda huge: repr(huge[:20]),
)
def test_a_reply_of_a_hundred_megabytes(huge: bytes) -> None:
    reply = b'{"data": [{' + huge + json.dumps(row(7)).encode()[1:] + b"]}"
    records, broken = read_records(reply, SERIES)
    assert (records.recnum.tolist(), broken) == ([7], 0)
    assert urls(records) == [[f"{FOLDER}/7/bitmap.fits"]]
    assert records.harpnum.tolist() == [None]
    assert np.isnat(records.date_obs).all()


def test_a_hundred_megabytes_of_records() -> None:
    one = json.dumps({**row(7), "x": "x" * 1900}).encode()
    records, broken = read_records(b"[" + b", ".join([one] * 50_000) + b"]", SERIES)
    assert (len(records), broken) == (50_000, 0)
    assert len({id(names) for names in records.names}) == 1
    assert len(merge([records])) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["urls", "url", "date__obs", "date_obs", "recnum", "harpnum", "t_rec_index", "quality", "wavelnth"]


@given(st.lists(st.dictionaries(st.sampled_from([*FIELDS, "series_name"]), JSON), min_size=1, max_size=4))
def test_any_json_in_the_fields_is_read_or_counted(listed: list[dict[str, Any]]) -> None:
    records, broken = read_records(encoded(row(1), *listed), SERIES)
    assert len(records) + broken == len(listed) + 1
    assert records.recnum[0] == 1
    assert {len(getattr(records, name)) for name in ("series", "harpnum", "date_obs", "names")} == {len(records)}


# --- Times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2015-12-11T23:34:08.799999Z", "2015-12-11T23:34:08.799999"),
        ("2015-12-11T23:34:08.799999", "2015-12-11T23:34:08.799999"),
        ("2015-12-11T23:34:08.8Z", "2015-12-11T23:34:08.8"),
        ("2015-12-11T23:34:08.799999999999Z", "2015-12-11T23:34:08.799999"),
        ("2015-12-11T23:34:08.Z", "2015-12-11T23:34:08"),
        ("2015-12-11T23:34:08Z", "2015-12-11T23:34:08"),
        ("2015-12-11 23:34:08", "2015-12-11T23:34:08"),
        (" 2015-12-11T23:34:08Z ", "2015-12-11T23:34:08"),
        ("2015-12-11T23:34Z", "2015-12-11T23:34:00"),
        ("2015-12-11", "2015-12-11"),
        ("20151211T233408Z", "2015-12-11T23:34:08"),
        ("2015:345:23:34:08", "2015-12-11T23:34:08"),
        ("2015-12-11T23:34:08+00:00", "2015-12-11T23:34:08"),
        ("2015-12-11T23:34:08.5+01:00", "2015-12-11T22:34:08.5"),
        ("2015-12-11T23:34:08-0130", "2015-12-12T01:04:08"),
        ("2016-12-31T23:59:60Z", "2017-01-01"),
        ("2016-12-31T23:59:60.999Z", "2017-01-01T00:00:00.999"),
        ("2017-01-01T00:59:60.5+01:00", "2017-01-01T00:00:00.5"),
        ("2015-06-30T23:59:60", "2015-07-01"),
        ("", "NaT"),
    ],
)
def test_times(text: str, time: str) -> None:
    expected = np.datetime64(time, "us").astype(str)
    assert read(row(date__obs=text)).date_obs.astype(str).tolist() == [expected]
    # With a time that is parsed with others, and one that is parsed alone.
    others = [row(date__obs="2015-12-11T00:00:00Z"), row(date_obs="2015-12-11T00:00Z")]
    assert read(row(date_obs=text), *others).date_obs.astype(str).tolist()[0] == expected


@given(
    st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["", "Z", "+00:00", "-11:30", "+0545"]),
    st.sampled_from(["auto", "microseconds", "milliseconds"]),
)
def test_any_time(time: datetime, zone: str, precision: str) -> None:
    text = time.isoformat(timespec=precision) + zone
    shown = datetime.fromisoformat(text)
    expected = shown if shown.tzinfo is None else shown.astimezone(UTC).replace(tzinfo=None)
    assert utc_datetime64(text) == np.datetime64(expected)
    assert read(row(date__obs=text)).date_obs.tolist() == [expected]


def test_date_obs_has_its_names_in_layouts_a_and_c() -> None:
    both = row(date__obs="2015-12-11T00:00:00Z", date_obs="2016-01-01T00:00:00Z")
    assert read(both).date_obs.astype(str).tolist() == ["2015-12-11T00:00:00.000000"]


# --- URLs -------------------------------------------------------------------------------------------------------------

HOSTS = st.sampled_from(["http://cluster-r730-1:8001", "https://h/proxy", "http://[::1]:80"])
NAMES = st.lists(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,12}(\.fits)?", fullmatch=True), max_size=5)
NULLABLE = st.none() | st.integers(0, 10**7)


@st.composite
def written(draw: st.DrawFn) -> dict[str, Any]:
    """Write a record in layout B or C."""
    recnum = draw(st.integers(0, 2**62))
    series = draw(st.sampled_from(["hmi.sharp_720s", "hmi.sharp_cea_720s_nrt"]))
    old = draw(st.booleans())
    prefix = f"{draw(HOSTS)}/HMI/" + (
        f"{series.removeprefix('hmi.')}/{recnum}_20160119011008_" if old else f"{series}/{recnum}/"
    )
    return {
        "series_name": series,
        "recnum": recnum,
        "harpnum": None if old else draw(NULLABLE),
        "t_rec_index": draw(NULLABLE),
        "quality": draw(st.none() | st.sampled_from([0, 1024, 2**31])),
        "wavelnth": draw(st.none() | st.just(6173)),
        "date__obs": draw(st.none() | st.just("2015-12-11T23:34:08.799999Z")),
        "urls": [prefix + name for name in draw(NAMES)],
    }


@given(st.lists(written(), min_size=1, max_size=6), st.booleans(), st.sampled_from([None, 1]), st.booleans())
def test_generated_records_are_read(
    listed: list[dict[str, Any]], wrapped: bool, indent: int | None, escaped: bool
) -> None:
    text = json.dumps({"data": listed} if wrapped else listed, indent=indent)
    records, broken = read_records((text.replace("/", "\\/") if escaped else text).encode(), SERIES)
    assert broken == 0
    assert urls(records) == [list(dict.fromkeys(given["urls"])) for given in listed]
    for field, column in (
        ("series_name", records.series),
        ("recnum", records.recnum),
        ("harpnum", records.harpnum),
        ("t_rec_index", records.slot),
        ("quality", records.quality),
        ("wavelnth", records.wavelength),
    ):
        assert column.tolist() == [given[field] for given in listed]
    # One object for all records with the same files.
    assert len({id(names) for names in records.names}) == len(set(records.names))
    assert len({id(name) for name in records.series}) == len(set(records.series))
    # Reading in parts gives the same.
    assert rows(records) == [found for place in range(len(records)) for found in rows(records[place : place + 1])]


@given(st.lists(st.text('a/_7"\\\n é:?%\U0001f31e', max_size=12), max_size=4))
def test_any_urls_are_kept(given_urls: list[str]) -> None:
    assert urls(read(row(urls=given_urls))) == [list(dict.fromkeys(given_urls))]


def test_urls_without_a_common_prefix() -> None:
    listed = ["http://a/HMI/s/7/Br.fits", "http://b/HMI/s/7/Bt.fits", "http://a/HMI/s/7/Bp.fits"]
    records = read(row(urls=listed), row(urls=listed[:1]))
    assert records.prefix.tolist() == [b"", b"http://a/HMI/s/7/"]
    assert urls(records) == [listed, listed[:1]]
    assert [segment_of(name) for name in records.names[0]] == ["Br", "Bt", "Bp"]
    for odd in (["Br.fits", listed[0]], [listed[0], "Br.fits"], [listed[0], "Br.fits", ""]):
        assert urls(read(row(urls=listed[:1]), row(urls=odd), row(urls=listed[:1]))) == [listed[:1], odd, listed[:1]]


def test_urls_takes_precedence_over_url_and_may_be_empty() -> None:
    records = read(row(url="http://h/HMI/x"), row(urls=[]), {"url": "http://h/HMI/x"})
    assert urls(records) == [[f"{FOLDER}/7/bitmap.fits"], [], ["http://h/HMI/x"]]
