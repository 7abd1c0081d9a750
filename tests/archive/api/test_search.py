"""Search, compared with a filter over all records, and the routes of days and HARPs."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from itertools import pairwise

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st
from indexed import ALL, CEA, FIRST, header_of, name_of, tiny
from wire import get

from sunpy_flarecast.archive import DirectoryArchive, running
from sunpy_flarecast.archive.api.search import find, query_of
from sunpy_flarecast.archive.api.search_parameters import read_search
from sunpy_flarecast.sharp.t_rec import slot_time, t_rec_text

HARPS = {377: "11158", 378: "MISSING", 401: "11158,11160"}
STEPS = 12


@pytest.fixture(scope="module")
def archive_and_keywords(tmp_path_factory):
    """Return an archive, and the keywords of its records by slot and HARP number."""
    root = tmp_path_factory.mktemp("searched")
    keywords = {}
    for harp, noaa in HARPS.items():
        for step in range(0, STEPS, 1 + harp % 2):
            cards = {
                "NOAA_ARS": noaa,
                "QUALITY": (0, 0x400, 0x10000)[(harp + step) % 3],
                "DATE_OBS": slot_time(FIRST + step).utc.isot,
                "LON_FWT": -55.0 + 10 * step,
                "AREA": float(harp + step),
            }
            if (harp + step) % 5 == 0:
                del cards["AREA"]
            tiny(root / name_of(harp, step, "Br"), **header_of(harp, step, **cards))
            keywords[FIRST + step, harp] = cards
    tiny(root / name_of(377, STEPS, "bitmap", "hmi.sharp_720s"))
    with DirectoryArchive(root) as archive:
        yield archive, keywords


def all_pages(archive, given, limit):
    """Return the records of all pages of a search."""
    search, after, found = read_search({"series": CEA} | given, archive), None, []
    while True:
        page = find(archive, search, after=after, limit=limit)
        assert len(page.records) <= limit
        found += page.records
        after = page.after
        if after is None:
            return found


@given(data=st.data())
def test_pages_match_a_filter_over_all_records(archive_and_keywords, data):
    archive, keywords = archive_and_keywords
    records = list(archive.records(CEA, *ALL))
    dates = [record.date__obs for record in records]
    options = {
        "start": (st.sampled_from(dates), lambda record, text: record.date__obs >= text),
        "end": (st.sampled_from(dates), lambda record, text: record.date__obs <= text),
        "harp": (st.sampled_from(["377", "401", "7"]), lambda record, text: record.harpnum == int(text)),
        "noaa": (st.sampled_from(["11158", "11160", "9"]), lambda record, text: text in HARPS[record.harpnum]),
        "quality": (st.sampled_from(["good", "any", "0x400", "65536"]), quality),
        "cadence": (st.sampled_from(list(CADENCES)), lambda record, text: record.t_rec_index % CADENCES[text] == 0),
        "condition": (st.sampled_from(list(CONDITIONS)), lambda record, text: CONDITIONS[text](cards(record))),
    }

    def cards(record):
        return keywords[record.t_rec_index, record.harpnum]

    given = data.draw(st.fixed_dictionaries({}, optional={name: values for name, (values, _) in options.items()}))
    wanted = [record for record in records if all(options[name][1](record, text) for name, text in given.items())]
    first, last = given.get("start", ""), given.get("end", "~")
    if first > last:
        with pytest.raises(HTTPException, match="is after end"):
            all_pages(archive, given, 5)
    else:
        assert all_pages(archive, given, data.draw(st.integers(1, 30))) == wanted


CADENCES = {"12min": 1, "36min": 3, "1h": 5}
CONDITIONS = {
    "lon_fwt < -30": lambda cards: cards["LON_FWT"] < -30,
    "AREA > 380": lambda cards: cards.get("AREA", 0) > 380,
    "area!=380": lambda cards: cards.get("AREA") not in (None, 380),
    "abs( lon_fwt )<=25 deg": lambda cards: abs(cards["LON_FWT"]) <= 25,
    "NOAA_ARS = '11158'": lambda cards: cards["NOAA_ARS"] == "11158",
    "quality = 0x400": lambda cards: cards["QUALITY"] == 0x400,
}


def quality(record, text):
    return not record.quality & {"good": 0xFFFFFFFF, "any": 0}.get(text, int(text, 0) if text[0].isdigit() else 0)


def test_an_end_date_includes_its_day(archive_and_keywords):
    archive, _ = archive_and_keywords
    found = all_pages(archive, {"start": "2015-12-11", "end": "2015-12-11"}, 100)
    assert found == [record for record in archive.records(CEA, *ALL) if record.date__obs.startswith("2015-12-11")] != []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"series": "hmi.none"}, "holds no series 'hmi.none'. It holds: hmi.sharp_720s, hmi.sharp_cea_720s"),
        ({"start": "yesterday"}, "'start' is invalid: 'yesterday'. Write a day or an instant in ISO 8601"),
        ({"harp": "4e3"}, "'harp' is invalid: '4e3'. Write a HARP number"),
        ({"noaa": "²"}, "'noaa' is invalid: '²'. Write a NOAA number"),
        ({"quality": "best"}, "'quality' is invalid: 'best'. Write good, any, or the bits"),
        ({"cadence": "13min"}, "a multiple of the 12 min between time steps, for example 96min or 1d."),
        ({"cadence": "0h"}, "'cadence' is invalid"),
        ({"condition": "AREA"}, "Cannot parse the condition 'AREA'. Write, for example, USFLUX > 1e22"),
        ({"condition": "AREO > 3"}, "Unknown keyword 'areo'. Did you mean 'area'"),
        ({"condition": "AREA => 3"}, "'condition' is invalid: 'AREA => 3'. => is not an operator; write >=."),
        ({"condition": "abs(lon_fwt) = < 3"}, "= < is not an operator; write <=."),
        ({"condition": "AREA ≠ 3"}, "≠ is not an operator; write !=."),
        ({"condition": "AREA > big"}, "AREA can only be compared with a number, not 'big'"),
        ({"condition": "AREA != nan"}, "AREA can only be compared with a number, not 'nan'"),
        ({"condition": "AREA < 1e999"}, "AREA can only be compared with a number, not '1e999'"),
        ({"condition": "LON_FWT > 3 rad"}, "LON_FWT is in deg. Omit 'rad'."),
        ({"condition": "NOAA_ARS > 3"}, "NOAA_ARS is text and can only be compared with = and !="),
        ({"serie": "hmi.sharp_720s"}, "Unknown parameter 'serie'. Did you mean 'series'?"),
        ({"harp": ["1", "2"]}, "Parameter 'harp' is given 2 times. Write it once."),
        ({"after": "x"}, "Parameter 'after' is invalid: 'x'. Take it from the previous page."),
        ({"limit": "0"}, "Parameter 'limit' is invalid: '0'"),
    ],
)
def test_invalid_parameters(url, given, message):
    reply = get(f"{url}/search.json", params={"series": CEA} | given)
    assert reply.status_code in (400, 404, 422)
    assert message in reply.json()["message"]


@pytest.fixture(scope="module")
def url(archive_and_keywords):
    with running(archive_and_keywords[0]) as url:
        yield url


def test_json_and_csv_have_the_same_pages(url, archive_and_keywords):
    place = f"{url}/search.json?series=sharp_cea_720s&condition=AREA+%3E+380&limit=4&noaa=11158"
    rows, table = [], []
    while place:
        reply = get(place)
        rows += reply.json()["data"]
        text = get(place.replace(".json", ".csv"))
        assert text.headers["content-type"].startswith("text/csv")
        table += csv.DictReader(io.StringIO(text.text))
        place = reply.json()["next"]
        assert text.links.get("next", {}).get("url") == (place and place.replace(".json", ".csv"))
    assert [row["recnum"] for row in rows] == [int(row["recnum"]) for row in table]
    assert [row["meta"] for row in rows] == [{"area": float(row["area"])} for row in table]
    assert {row["harpnum"] for row in rows} == {377, 401}
    assert [row["t_rec"] for row in table] == [t_rec_text(row["t_rec_index"]) for row in rows]
    listed = get(f"{url}/HMI/{CEA}?start=2015-12-10&end=2015-12-13").json()["data"]
    assert [row | {"meta": None} for row in rows] == [
        row | {"meta": None} for row in listed if row["recnum"] in {found["recnum"] for found in rows}
    ]


def test_links_are_permanent(archive_and_keywords):
    """A page begins where the previous one ended, regardless of requests in between."""
    archive, _ = archive_and_keywords
    search = read_search({"series": "sharp_cea_720s", "condition": "AREA > 1", "noaa": " 11158 "}, archive)
    assert query_of(search, after="5.6") == ("series=hmi.sharp_cea_720s&noaa=11158&condition=AREA+%3E+1&after=5.6")
    pages = [find(archive, search, after=after, limit=3) for after in (None, f"{FIRST + 3}.377")]
    assert all((record.t_rec_index, record.harpnum) > (FIRST + 3, 377) for record in pages[1].records)


def test_an_archive_without_records(tmp_path):
    with DirectoryArchive(tmp_path) as archive, running(archive) as url:
        reply = get(f"{url}/search.json")
        assert (reply.status_code, reply.json()["message"]) == (404, "This archive holds no records yet.")


def test_days_and_harps(url, archive_and_keywords):
    archive, _ = archive_and_keywords
    days = get(f"{url}/HMI/sharp_cea_720s/days").json()["data"]
    assert days == [
        {"day": day.isoformat(), "records": count.records, "harps": count.harps}
        for day, count in archive.days(CEA).items()
    ]
    harps = get(f"{url}/HMI/{CEA}/harps?noaa=11160").json()["data"]
    assert [(harp["harpnum"], harp["noaa"]) for harp in harps] == [(401, [11158, 11160])]
    assert get(f"{url}/HMI/{CEA}/harps?start=2016-01-01").json() == {"data": []}
    reply = get(f"{url}/HMI/{CEA}/harps", params={"end": "2015-12-11"})
    assert [harp["harpnum"] for harp in reply.json()["data"]] == sorted(HARPS)
    assert all(before["first"] <= before["last"] for before, _ in pairwise(harps * 2))
    again = get(reply.url, headers={"If-None-Match": reply.headers["etag"]})
    assert again.status_code == 304
    assert get(f"{url}/HMI/{CEA}/days?start=x").status_code == 400
    for name in ("days", "harps"):
        assert "is after end" in get(f"{url}/HMI/{CEA}/{name}?start=2015-12-12&end=2015-12-11").json()["message"]
    assert datetime.fromisoformat(harps[0]["first"])
