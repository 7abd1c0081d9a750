"""The page of searches, over real HTTP."""

from __future__ import annotations

import html
import re

import pytest
import requests
from browsed import DAY, EVIL, get, links, recnum
from indexed import CEA, header_of, name_of, tiny

from sunpy_flarecast.archive import DemoArchive, DirectoryArchive, Settings, running


class TestSearch:
    def test_the_form_without_parameters(self, service):
        text = get(service, "search")
        assert text.count("<option") >= 6
        assert "<table" not in text
        assert '<option value="USFLUX &gt; ">total unsigned flux (Mx)</option>' in text

    def test_only_segments_of_the_records_found_are_offered(self, tmp_path):
        for harp, segment in ((377, "Br"), (378, "Bt")):
            tiny(tmp_path / name_of(harp, 0, segment), **header_of(harp, 0))
        settings = Settings(contact="us@example.org", acknowledgement="Please cite us.")
        with DirectoryArchive(tmp_path) as archive, running(archive, settings=settings) as url:
            text = get((url,), f"search?series={CEA}&harp=378")
            missing = get((url,), f"download?series={CEA}&harp=378&segment=Br", 404)
        assert re.findall('name="segment" value="([^"]+)"', text) == ["Bt"]
        assert f"./search?series={CEA}&harp=378" in links(missing, "search")

    def test_found_records(self, service):
        text = get(service, f"search?series={CEA}&harp=377&quality=good&condition=usflux+>+7.1e21")
        records = {int(link.rpartition("/")[2]) for link in links(text, f"record/{CEA}/")}
        assert records == {recnum(service, step=step) for step in (60, 61, 150)}
        assert links(text, "noaa/") == ["./noaa/11158", "./noaa/11160"] * 3
        assert text.count("/Br.png?width=160") == 3
        plain = html.unescape(text)
        for line in ("a.flarecast.HARPNUM(377)", "a.flarecast.Quality.good", 'a.flarecast.Keyword("usflux") > 7.1e+21'):
            assert line in plain
        assert "usflux (Mx)</th>" in text
        assert "These records have 12 files" in text
        (table,) = links(text, "search.csv")
        lines = requests.get(requests.compat.urljoin(f"{service[0]}/search", table), timeout=30).text.splitlines()
        assert len(lines) == 4

    def test_the_table_of_the_page_shown_and_of_many_records(self):
        with running(DemoArchive()) as url:
            search = f"{url}/search?series={CEA}&start=2014-10-23T10:00&end=2014-10-23T13:00"
            (following,) = links(requests.get(search, timeout=30).text, "after=")
            text = requests.get(requests.compat.urljoin(search, following), timeout=30).text
            listed = [int(link.rpartition("/")[2]) for link in dict.fromkeys(links(text, "record/"))]
            first = requests.get(f"{url}/search.json?{search.partition('?')[2]}", timeout=30).json()["data"]
            tables = [
                requests.get(requests.compat.urljoin(search, link), timeout=30).json()["data"]
                for link in links(text, "search.json")
            ]
        shown, longest = ([row["recnum"] for row in rows] for rows in tables)
        assert len(longest) > len(listed) > 0
        assert shown == listed
        assert longest[:50] == [row["recnum"] for row in first]

    @pytest.mark.parametrize(
        ("query", "begin", "end"),
        [
            ("start=0001-01-01&end=9999-12-31", "0001-01-01", "9999-12-31"),
            ("end=9999-12-31T23:59:59.5", DAY, "9999-12-31T23:59:59"),
        ],
    )
    def test_the_ends_of_the_calendar(self, service, query, begin, end):
        plain = html.unescape(get(service, f"search?series={CEA}&{query}"))
        assert f'a.Time("{begin}", "{end}")' in plain
        assert f"sunpy-flarecast fetch {begin} {end} --series {CEA}" in plain

    def test_no_command_is_shown_for_quality_bits(self, service):
        """The command lacks the option and would fetch more records than were found."""
        plain = html.unescape(get(service, f"search?series={CEA}&quality=0x10000"))
        assert "a.flarecast.Quality(mask=0x10000)" in plain
        assert "sunpy-flarecast fetch" not in plain

    def test_no_records_found(self, service):
        assert "No record matches" in get(service, f"search?series={CEA}&start=2020-01-01")

    @pytest.mark.parametrize(
        ("query", "status"), [("condition=x", 400), (f"harp={EVIL}", 400), ("series=x", 404), ("start=tomorrow", 400)]
    )
    def test_errors_are_shown_with_the_form(self, service, query, status):
        text = get(service, f"search?{query}", status)
        assert 'role="alert"' in text
        assert "<form" in text

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("where=usflux+>+1", "Unknown parameter 'where'. Known parameters: series, start,"),
            (f"series={CEA}&conditon=", "Unknown parameter 'conditon'. Did you mean 'condition'?"),
            ("harp=377&harp=378", "Parameter 'harp' is given 2 times. Write it once."),
            (f"<script>alert={EVIL}", "Unknown parameter '<script>alert'."),
        ],
    )
    def test_unknown_and_repeated_parameters_are_not_ignored(self, service, query, message):
        text = get(service, f"search?{query}", 400)
        assert message in html.unescape(text)
        assert 'role="alert"' in text
        assert "<form" in text

    def test_empty_fields_of_the_form_are_valid(self, service):
        for path in ("", "search"):
            sent = re.search('<form action="[^"]*search">(.*?)</form>', get(service, path), re.DOTALL)[1]
            names = dict.fromkeys(re.findall(r'<(?:input|select)[^>]* name="(\w+)"', sent))
            assert len(names) > 4
            query = "&".join(f"{name}={CEA if name == 'series' else ''}" for name in names)
            assert 'role="alert"' not in get(service, f"search?{query}")

    def test_the_link_back_from_a_failed_download_is_valid(self, service):
        (link,) = links(get(service, "download?harp=377&where=1", 400), "search?")
        assert link.endswith("search?harp=377")
        get(service, "search?harp=377")
