"""The pages of days, HARPs, NOAA regions, records and searches, over real HTTP."""

from __future__ import annotations

import html
import io
import re
import sys
import tarfile
from datetime import date

import pytest
import requests
from indexed import CCD, CEA, FIRST, header_of, name_of, tiny

from sunpy_flarecast.archive import DemoArchive, DirectoryArchive, Settings, running
from sunpy_flarecast.archive.web.steps import slot_at

SMARP = "mdi.smarp_cea_96m"
DAY = "2015-12-11"
EVIL = "'\"><script>alert(1)</script>"

#: The steps of HARPs: 377 has a gap, and records on two days.
STEPS = {377: (0, 1, 2, 60, 61, 150), 378: (1, 60)}

PLACE = {"LONDTMIN": -12.5, "LATDTMIN": 10.0, "LONDTMAX": 2.5, "LATDTMAX": 20.0, "CRLT_OBS": -0.6}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Serve two HARPs in CEA, one record of the CCD without keywords, and a region of SMARPs."""
    root = tmp_path_factory.mktemp("pages")
    for harp, steps in STEPS.items():
        for step in steps:
            cards = {**PLACE, "USFLUX": (harp - 370) * 1e21 + step * 1e19, "QUALITY": 1024 * (step == 2)}
            cards |= {} if harp == 378 else {"R_VALUE": 0.0 if step in (1, 60) else 4.25}
            cards["NOAA_ARS"] = "11158,11160" if harp == 377 else EVIL
            for pixel, segment in enumerate(("Bp", "Br", "Bt", "bitmap")):
                tiny(root / name_of(harp, step, segment), pixel=pixel, **header_of(harp, step, **cards))
    tiny(root / name_of(377, 0, "magnetogram", CCD))
    tiny(root / f"{SMARP}.13520.20100301_000000_TAI.magnetogram.fits", TARPNUM=13520, T_REC="2010.03.01_00:00:00_TAI")
    settings = Settings(title="Our SHARPs", contact="us@example.org", acknowledgement="Please cite us.")
    with DirectoryArchive(root) as archive, running(archive, settings=settings) as url:
        yield url, archive


def get(service, path, status=200):
    reply = requests.get(f"{service[0]}/{path}", headers={"Accept": "text/html"}, timeout=30)
    assert (reply.status_code, reply.headers["content-type"]) == (status, "text/html; charset=utf-8"), reply.text
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "Please cite us." in reply.text
    assert "mailto:us@example.org" in reply.text
    assert "<script>alert" not in reply.text
    return reply.text


def links(text, begin):
    return [html.unescape(link) for link in re.findall(r'href="([^"]*)"', text) if begin in link]


def recnum(service, harp=377, step=0, series=CEA):
    return next(record.recnum for record in service[1].records_at(series, FIRST + step) if record.harpnum == harp)


class TestDays:
    def test_the_time_step_nearest_to_noon(self, service):
        text = get(service, f"day/{DAY}")
        assert "The disk at 2015-12-11 12:12 TAI" in text
        assert text.index("7.60 × 10²¹") < text.index(">378</a></th>")  # larger flux first
        assert f"../record/{CEA}/{recnum(service, step=60)}" in links(text, "record/")
        assert "../noaa/11158" in links(text, "noaa/")
        assert text.count('class="harp') == 2

    @pytest.mark.parametrize(
        ("time", "shown", "steps"),
        [
            ("00:00", "00:12", ["00:24"]),
            ("00:20", "00:24", ["00:12", "00:36"]),
            ("24:00", "12:24", ["12:12", "06:12"]),
            ("05:00", "00:36", ["00:24", "12:12"]),
        ],
    )
    def test_time_steps_before_and_after(self, service, time, shown, steps):
        text = get(service, f"day/{DAY}?time={time}&series={CEA}")
        assert f"The disk at 2015-12-11 {shown} TAI" in text
        assert [link[-5:] for link in links(text, "&amp;time=") if "day/" in link][-len(steps) :] == steps

    def test_the_next_day(self, service):
        text = get(service, f"day/{DAY}")
        assert f"../day/2015-12-12?series={CEA}" in links(text, "day/2015-12-12")
        assert "The disk at 2015-12-12 06:12 TAI" in get(service, "day/2015-12-12")

    def test_other_series_and_records_without_keywords(self, service):
        text = get(service, f"day/{DAY}?series={CCD}")
        assert "Their positions are unknown" in text
        assert "The disk at 2015-12-11 00:12 TAI" in text

    def test_all_records_and_harps_of_the_day(self, service):
        text = get(service, f"day/{DAY}?time=00:12")
        assert len(dict.fromkeys(links(text, "record/"))) == 1
        assert set(links(text, "harp/")) == {f"../harp/{harp}?series={CEA}" for harp in STEPS}
        (search,) = links(text, "search?")
        text = get(service, search.removeprefix("../"))
        assert len(set(links(text, "record/"))) == 7

    def test_midnight_ends_the_day_on_which_it_was_observed(self, tmp_path):
        midnight = slot_at(date(2015, 12, 12)) - FIRST
        for step in (midnight - 30, midnight, midnight + 30):
            tiny(tmp_path / name_of(377, step, "Br"), **header_of(377, step, **PLACE))
        settings = Settings(contact="us@example.org", acknowledgement="Please cite us.")
        with DirectoryArchive(tmp_path) as archive, running(archive, settings=settings) as url:
            reply = requests.get(f"{url}/day/2015-12-12?time=00:00", timeout=30)
            harp = get((url,), "harp/377")
            assert "listed as 24:00" not in get((url,), f"day/{DAY}?time=18:00")
        assert reply.url == f"{url}/day/{DAY}?series={CEA}&time=24:00"
        assert "The disk at 2015-12-12 00:00 TAI" in reply.text
        assert f"shortly before midnight (UTC), so this time step is listed as 24:00 of {DAY}." in reply.text
        assert re.findall(r">(\d\d Dec)</text>", harp) == ["11 Dec", "12 Dec"]
        assert re.findall(r"<span>(12-\d\d) ", harp) == ["12-11", "12-12"]

    def test_midnight_of_smarps_observed_after_it_is_not_called_24_00(self, tmp_path):
        name = f"{SMARP}.77.20050115_000000_TAI.magnetogram.fits"
        keywords = {"T_REC": "2005.01.15_00:00:00_TAI", "DATE-OBS": "2005-01-15T00:00:28"}
        tiny(tmp_path / name, TARPNUM=77, **keywords)
        with DirectoryArchive(tmp_path) as archive, running(archive) as url:
            text = requests.get(f"{url}/day/2005-01-15", timeout=30).text
        assert "The disk at 2005-01-15 00:00 TAI" in text
        assert "listed as 24:00" not in text

    def test_a_day_without_records(self, service):
        assert f"Its records range from {DAY} to 2015-12-12" in get(service, "day/2016-01-01")

    def test_the_form_redirects_to_a_day(self, service):
        reply = requests.get(f"{service[0]}/day", params={"date": DAY, "series": CEA}, timeout=30)
        assert reply.url == f"{service[0]}/day/{DAY}?series={CEA}"

    @pytest.mark.parametrize(
        ("path", "status"),
        [("day/2015-13-01", 404), (f"day/{EVIL}", 404), (f"day/{DAY}?time=25:00", 400), (f"day/{DAY}?series=x", 404)],
    )
    def test_invalid_days(self, service, path, status):
        get(service, path, status)


class TestHarps:
    def test_regions_of_smarps_are_tarps(self, service):
        for path in (f"harp/13520?series={SMARP}", "day/2010-02-28", f"search?series={SMARP}"):
            text = get(service, path)
            assert "TARP" in text
            assert re.search(r"\bHARPs?\b(?! number)", text) is None
        assert "active regions (HARPs and TARPs):" in get(service, "")
        assert f"{SMARP} has no records of TARP 377" in get(service, f"harp/377?series={SMARP}", 404)

    def test_content(self, service):
        text = get(service, "harp/377")
        assert "2015-12-12 06:12 TAI" in text
        assert "with 2 gaps" in text
        assert set(links(text, "noaa/")) == {"../noaa/11158", "../noaa/11160"}
        records = {int(link.rpartition("/")[2]) for link in links(text, f"record/{CEA}/")}
        assert records == {recnum(service, step=step) for step in STEPS[377]}
        (curve,) = re.findall(r'<path class="line" d="([^"]+)"', text)
        assert curve.count("M") == 2
        assert text.count('class="point"') == 1 + 4
        assert text.count('class="zero"') == 2
        assert "from 4.25 to 4.25, and 0 in 2 records" in text
        assert "Circles on the time axis mark the 2 records with a value of 0." in text

    @pytest.mark.parametrize(
        ("values", "text"),
        [
            ((0.0, 0.0, 0.0, 0.0), "All values are 0.<"),
            ((0.0, None, 0.0, 0.0), "All values are 0 or missing.<"),
            ((None, None, None, None), "All values are missing.<"),
            ((4.0, 0.0, 4.0, 4.0), "The circle on the time axis marks the record with a value of 0.<"),
        ],
    )
    def test_values_of_zero_and_missing_values(self, values, text, tmp_path):
        tiny(tmp_path / name_of(378, 0, "Br"), **header_of(378, 0, R_VALUE=4.0))
        for step, given in enumerate(values):
            cards = {"USFLUX": 1e21} | ({} if given is None else {"R_VALUE": given})
            tiny(tmp_path / name_of(377, step, "Br"), **header_of(377, step, **cards))
        settings = Settings(contact="us@example.org", acknowledgement="Please cite us.")
        with DirectoryArchive(tmp_path) as archive, running(archive, settings=settings) as url:
            assert text in get((url,), "harp/377?keyword=r_value")

    def test_keywords_of_a_few_records_are_a_table(self, service):
        text = get(service, "harp/378")
        assert 'class="curve"' not in text
        for shown in ("2015-12-11 00:24 TAI</th>", "2015-12-11 12:12 TAI</th>", ">8.01e21</td>", ">8.6e21</td>"):
            assert shown in text
        assert "Show other keywords" in text

    def test_chosen_keywords(self, service):
        text = get(service, "harp/377?keyword=londtmin&keyword=crlt_obs")
        assert text.count('class="curve"') == 2
        assert "from -12.5 to -12.5" in text

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("harp/379", 404),
            ("harp/0", 404),
            ("harp/x", 404),
            ("harp/377?keyword=nothing", 400),
            ("harp/377?page=x", 404),
            (f"harp/378?series={CCD}", 404),
            ("noaa/12192", 404),
        ],
    )
    def test_unknown_regions(self, service, path, status):
        get(service, path, status)

    def test_a_noaa_region_links_to_its_harps(self, service):
        text = get(service, "noaa/11160")
        assert links(text, "harp/") == [f"../harp/377?series={CEA}"]
        assert "11158, 11160" in text


class TestRecords:
    def test_content(self, service):
        number = recnum(service, step=60)
        text = get(service, f"record/{CEA}/{number}")
        assert "NOAA 11158 +1, 2015-12-11 12:12 TAI" in text
        assert re.findall(r"<h3>(\w+)</h3>", text)[:4] == ["Br", "Bp", "Bt", "bitmap"]
        assert "5.8 kB" in text
        assert "total unsigned flux" in text
        assert "7.6e21" in text
        neighbours = {f"../../record/{CEA}/{recnum(service, step=step)}" for step in (2, 61)}
        assert neighbours == set(links(text, "record/"))

    def test_keywords_of_a_record_without_parameters_are_shown(self, service):
        number = recnum(service, series=CCD)
        text = get(service, f"record/{CCD}/{number}")
        assert re.search(r"<details open>\s*<summary>\d+ keywords?</summary>", text)

    def test_links_are_valid(self, service):
        page = f"{service[0]}/record/{CEA}/{recnum(service)}"
        text = requests.get(page, timeout=30).text
        for link in links(text, ""):
            if not link.startswith(("data:", "#", "mailto:")) and "quicklook" not in link:
                reply = requests.get(requests.compat.urljoin(page, link), timeout=60)
                assert reply.status_code == 200, link

    def test_the_vector_field_in_one_tar_file(self, service):
        page = f"{service[0]}/record/{CEA}/{recnum(service)}"
        (link,) = links(requests.get(page, timeout=30).text, "segment=Br")
        reply = requests.get(requests.compat.urljoin(page, link), timeout=60)
        with tarfile.open(fileobj=io.BytesIO(reply.content)) as held:
            assert sorted(held.getnames()) == sorted(name_of(377, 0, name) for name in ("Bp", "Br", "Bt"))
            for name in held.getnames():
                assert held.extractfile(name).read() == (service[1].path / name).read_bytes()

    def test_hostile_keywords_are_escaped(self, service):
        assert "&lt;script&gt;alert(1)" in get(service, f"record/{CEA}/{recnum(service, 378, 1)}")

    @pytest.mark.parametrize("path", [f"record/{CEA}/5", f"record/{CEA}/{EVIL}", "record/hmi.x/5", f"record/{EVIL}/5"])
    def test_unknown_records(self, service, path):
        get(service, path, 404)


class TestPictures:
    def test_content(self, service):
        place = f"{CEA}/{recnum(service, step=60)}"
        assert f"../../picture/{place}/Br" in links(get(service, f"record/{place}"), "picture/")
        text = get(service, f"picture/{place}/Br")
        assert "Br of NOAA 11158 +1, 2015-12-11 12:12 TAI" in text
        assert f"../../../record/{place}" in links(text, "record/")
        assert links(text, ".png") == [f"../../../quicklook/{place}/Br.png?width=1280"] * 2
        assert [link.rpartition("/")[2] for link in links(text, "picture/")] == ["Br", "Bp", "Bt", "bitmap"]
        page = f"{service[0]}/picture/{place}/Br"
        for link in links(text, ""):
            if not link.startswith(("data:", "#", "mailto:")):
                assert requests.get(requests.compat.urljoin(page, link), timeout=60).status_code == 200, link

    @pytest.mark.parametrize(
        ("series", "facts"),
        [
            (CEA, ["0.03 degree", "Its longitude (CRLN-CEA)", "301.765 degree", "12.9422 degree", "203.5, 125.5"]),
            (CCD, ["0.504 arcsec", "Its longitude (HPLN-TAN)", "0 arcsec", "1644.91, 466.108"]),
        ],
    )
    def test_scale_and_coordinates(self, series, facts):
        archive = DemoArchive()
        record = archive.records_at(series, slot_at(date(2014, 10, 23), 720))[0]
        with running(archive) as url:
            text = requests.get(f"{url}/picture/{series}/{record.recnum}/bitmap", timeout=30).text
        for fact in (*facts, "N13° W54°"):
            assert f">{fact}</d" in text

    @pytest.mark.parametrize("path", [f"{CEA}/5/Br", f"{CEA}/{{}}/Bx", f"{CEA}/{{}}/{EVIL}", f"{CEA}/x/Br", "x/1/Br"])
    def test_unknown_pictures(self, service, path):
        get(service, f"picture/{path.format(recnum(service))}", 404)


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
