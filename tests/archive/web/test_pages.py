"""What all pages have in common: parameters, pictures, marks of synthetic records, and errors."""

from __future__ import annotations

import re
import sys

import pytest
import requests
from browsed import DAY, EVIL, PLACE, get, links, recnum
from indexed import CEA, FIRST, header_of, name_of, tiny

from sunpy_flarecast.archive import DirectoryArchive, Settings, running


@pytest.mark.parametrize(
    "path", [f"day/{DAY}?serie=x", f"day?date={DAY}&time=x", "harp/377?serie=x", "harp/377?page=1&page=2"]
)
def test_unknown_parameters_of_pages_are_not_ignored(service, path):
    assert re.search(r"Unknown parameter|is given 2 times", get(service, path, 400))


@pytest.mark.parametrize(
    "path",
    [f"day/{DAY}", "harp/377", f"record/{CEA}/{{}}", f"search?series={CEA}&start={DAY}"],
    ids=lambda path: path[:6],
)
def test_pages_without_matplotlib_have_no_pictures(service, monkeypatch, path):
    path = path.format(recnum(service))
    assert "<img" in get(service, path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    settings = Settings(contact="us@example.org", acknowledgement="Please cite us.")
    with running(service[1], settings=settings) as url:
        text = get((url,), path)
    assert "<img" not in text
    assert "picture" not in text.casefold()
    with running(service[1], settings=settings) as url:
        get((url,), f"picture/{CEA}/{recnum(service)}/Br", 404)


def test_copies_of_synthetic_records_are_marked(service, tmp_path):
    cards = {**PLACE, "ORIGIN": "sunpy_flarecast DemoArchive (SYNTHETIC)"}
    tiny(tmp_path / name_of(377, 0, "Br"), **header_of(377, 0, **cards))
    settings = Settings(contact="us@example.org", acknowledgement="Please cite us.")
    with DirectoryArchive(tmp_path) as archive, running(archive, settings=settings) as url:
        (record,) = archive.records_at(CEA, FIRST)
        for path in ("", "search?harp=377", f"day/{DAY}", "harp/377", f"record/{CEA}/{record.recnum}"):
            assert "This page shows synthetic records." in get((url,), path)
        listed = requests.get(f"{url}/HMI/{CEA}?start=2010-01-01&end=2020-01-01", timeout=20)
        assert listed.headers["data-origin"] == "SYNTHETIC"
        assert requests.get(f"{url}/health", timeout=20).json()["synthetic"] is True
    for path in ("", "search?harp=377", f"day/{DAY}", "harp/377", f"record/{CEA}/{recnum(service)}"):
        assert "synthetic" not in get(service, path)


class TestErrors:
    @pytest.mark.parametrize("path", ["nothing", "nothing/at/all", "a%2fb", EVIL])
    def test_browsers_get_a_page(self, service, path):
        text = get(service, path, 404)
        (css,) = links(text, "page.css")
        reply = requests.get(requests.compat.urljoin(f"{service[0]}/{path}", css), timeout=30)
        assert reply.status_code == 200

    @pytest.mark.parametrize(("path", "other"), [("harp/11158", "noaa/11158"), ("noaa/377", "harp/377")])
    def test_numbers_of_the_other_kind_are_linked(self, service, path, other):
        text = get(service, path, 404)
        kind, number = other.split("/")
        assert f", but of {kind.upper()} {number}." in text
        (link,) = links(text, other)
        get(service, link.removeprefix("../"))

    @pytest.mark.parametrize("path", ["harp/4", "noaa/4"])
    def test_unknown_numbers_have_no_link(self, service, path):
        text = get(service, path, 404)
        assert f"no records of {path.replace('/', ' ').upper()}." in text
        assert not links(text, "/4")

    @pytest.mark.parametrize(("path", "status"), [("", 400), ("nothing", 404)])
    def test_an_invalid_host(self, service, path, status):
        headers = {"Accept": "text/html", "Host": "two words"}
        reply = requests.get(f"{service[0]}/{path}", headers=headers, timeout=30)
        assert (reply.status_code, "two words" in reply.text) == (status, False)

    def test_programs_get_json(self, service):
        reply = requests.get(f"{service[0]}/nothing", timeout=30)
        assert (reply.status_code, list(reply.json())) == (404, ["message"])

    def test_without_pages_only_api_routes_exist(self, service):
        with running(service[1], settings=Settings(pages=False)) as url:
            for path in ("", "search", f"day/{DAY}", "harp/377"):
                reply = requests.get(f"{url}/{path}", headers={"Accept": "text/html"}, timeout=30)
                assert (reply.status_code, reply.headers["content-type"]) == (404, "application/json")
            assert requests.get(f"{url}/HMI", timeout=30).status_code == 200
