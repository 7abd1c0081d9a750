"""The front page and Swagger UI, over real HTTP."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from html.parser import HTMLParser

import msgspec
import pytest
import requests
import sunpy

from sunpy_flarecast import conf
from sunpy_flarecast.archive import DemoArchive, Record, Settings, running
from sunpy_flarecast.archive.base import DayCount, Holding, NotHeldError, Steps
from sunpy_flarecast.archive.web.steps import slot_at

VOID = {"meta", "link", "br", "img", "input"}

DAY = date(2015, 12, 11)

TOKEN = "for-the-tests-only"
TOKEN_HASHES = frozenset({hashlib.sha256(TOKEN.encode()).hexdigest()})

EVIL = "</code></pre></script><script>alert(1)</script>\"'&"

PLACES = {"londtmin": -12.5, "latdtmin": 10.0, "londtmax": 2.5, "latdtmax": 20.0, "crlt_obs": -0.6, "noaa_ars": "12443"}


class FixedArchive:
    """An archive with the given counts of days, and keywords of the records of its latest time step."""

    synthetic = False

    def __init__(self, days, keywords=None, series="hmi.sharp_720s"):
        self.counts = days
        self.changes = 0
        self.given = {5605571: PLACES} if keywords is None else keywords
        self.name = series
        self.calls = 0

    def series(self):
        return [self.name]

    def version(self, series):
        return str(self.changes)

    def holdings(self):
        return [
            Holding(
                series=self.name,
                records=sum(self.counts.values()),
                first=None,
                last=None,
                segments=("bitmap",) if self.counts else (),
            )
        ]

    def days(self, series, start=None, end=None):
        self.calls += 1
        found = {day: DayCount(count, 1) for day, count in self.counts.items()}
        return {day: count for day, count in found.items() if (start or day) <= day <= (end or day)}

    def keyword_names(self, series):
        return list(PLACES)

    def steps(self, series, slot):
        assert slot == slot_at(max(self.counts)) + 120
        return Steps(1005597, 1005598, None)

    def records(self, series, start, end):
        return iter(self.records_at(series, 1005598))

    def records_at(self, series, slot):
        assert slot == 1005598
        return [
            Record(recnum=recnum, segments=("bitmap",), harpnum=6178 + number, t_rec_index=slot)
            for number, recnum in enumerate(self.given)
        ]

    def keywords_of(self, series, recnums, names=None):
        return {recnum: {name: self.given[recnum].get(name) for name in names} for recnum in recnums}


class Reader(HTMLParser):
    """Check that a page is well formed, and collect its tags and attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def values(self, *names):
        return [value for _, name, value in self.attributes if name in names]


def load(archive, settings=None, **options):
    with running(archive, settings=settings or Settings()) as url:
        reply = requests.get(f"{url}/", timeout=60, **options)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return reply, Reader(reply.text)


class TestPage:
    def test_content(self):
        days = {date(2014, 1, 1): 5, date(2014, 1, 3): 10, DAY: 1200}
        reply, page = load(FixedArchive(days))
        for text in ("hmi.sharp_720s", "1,215", "NOAA 12443", "2015-12-11 23:36 TAI", "2014-01-02<", ": 1 HARP "):
            assert text in reply.text
        assert {f"day/{day}" for day in days} <= set(page.values("href"))
        assert 'a.Time("2015-12-11", "2015-12-12")' in reply.text.replace("&#34;", '"')

    @pytest.mark.parametrize(
        ("days", "text"),
        [
            ((10, 11), "Both days (UTC) have records"),
            ((9, 10, 11), "All 3 days (UTC) have records"),
            ((9, 11), "2 of 3 days (UTC) have records"),
        ],
    )
    def test_days_with_records_are_counted(self, days, text):
        reply, _ = load(FixedArchive({DAY.replace(day=day): 1 for day in days}))
        assert text in reply.text

    def test_nothing_is_loaded_from_other_hosts(self):
        reply, page = load(FixedArchive({DAY: 1}))
        links = page.values("href", "src", "action", "srcset")
        assert {"./ui", "openapi.json", "./search", "record/hmi.sharp_720s/5605571"} < set(links)
        assert all(link.startswith(("data:", "#")) or re.fullmatch(r"[\w./-]+(\?[\w.=&:-]+)?", link) for link in links)
        assert not {name for _, name, _ in page.attributes if name == "style" or name.startswith("on")}
        assert "style" not in page.tags
        policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"

    def test_references_to_ids_and_landmarks(self):
        _, page = load(FixedArchive({DAY: 1}))
        assert ("html", "lang", "en") in page.attributes
        ids = {value for _, name, value in page.attributes if name == "id"}
        for _, name, value in page.attributes:
            if name in ("aria-labelledby", "data-copies"):
                assert set(value.split()) <= ids
        assert page.tags.count("h1") == page.tags.count("main") == 1

    def test_an_empty_archive(self):
        reply, _ = load(FixedArchive({}))
        assert "holds no records yet" in reply.text
        assert "Fido.search" in reply.text
        assert "<svg" not in reply.text

    def test_without_positions(self):
        reply, _ = load(FixedArchive({DAY: 2}, {7: {}, 8: {"londtmin": "MISSING", "noaa_ars": None}}))
        assert ": 2 HARPs " in reply.text
        assert 'class="disk"' not in reply.text

    def test_a_series_removed_in_the_meantime(self):
        class Shrinking(FixedArchive):
            def days(self, series, start=None, end=None):
                raise NotHeldError("removed")

        assert "holds no records yet" in load(Shrinking({DAY: 1}))[0].text

    def test_synthetic_records_are_marked(self):
        archive = FixedArchive({DAY: 1})
        assert "synthetic" not in load(archive)[0].text
        archive.synthetic = True
        assert "These records are synthetic" in load(archive)[0].text

    def test_everything_is_escaped(self):
        reply, page = load(FixedArchive({DAY: 1}, {7: {**PLACES, "noaa_ars": EVIL}}, series=EVIL))
        assert "alert(1)" in reply.text
        assert "<script>alert" not in reply.text
        assert page.tags.count("script") == 1

    def test_texts_of_the_settings_are_escaped_with_links(self):
        settings = Settings(title="<b>Our</b> SHARPs", contact="us@example.org", acknowledgement=f"Cite\n{EVIL}")
        reply, page = load(FixedArchive({DAY: 1}), settings)
        assert "&lt;b&gt;Our&lt;/b&gt; SHARPs" in reply.text
        assert "mailto:us@example.org" in page.values("href")
        assert (page.tags.count("script"), "<script>alert" in reply.text) == (1, False)

    def test_the_url_used_by_the_client(self):
        assert (
            "http://sharps.example:81&#34;"
            in load(FixedArchive({DAY: 1}), headers={"Host": "sharps.example:81"})[0].text
        )
        settings = Settings(public_url="https://elsewhere.example/")
        assert "https://elsewhere.example&#34;" in load(FixedArchive({DAY: 1}), settings)[0].text

    def test_the_snippet_has_a_token_if_required(self):
        reply, _ = load(FixedArchive({DAY: 1}), Settings(token_hashes=TOKEN_HASHES), auth=("", TOKEN))
        assert "conf.token" in reply.text
        assert TOKEN not in reply.text

    def test_the_snippet_has_a_segment_of_that_day(self):
        class Later(FixedArchive):
            def holdings(self):
                (holding,) = super().holdings()
                return [msgspec.structs.replace(holding, segments=("magnetogram", "bitmap"))]

        text = load(Later({DAY: 1}))[0].text
        assert "--segment bitmap" in text
        assert "--segment magnetogram" not in text

    def test_head_and_gzip(self):
        with running(FixedArchive({DAY: 1})) as url:
            head = requests.head(f"{url}/", timeout=20)
            assert (head.status_code, head.content) == (200, b"")
            plain = requests.get(f"{url}/", timeout=20, headers={"Accept-Encoding": "identity"})
            packed = requests.get(f"{url}/", timeout=20, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])
        assert packed.text == plain.text

    def test_the_overview_is_cached_until_the_archive_changes(self):
        archive = FixedArchive({DAY: 1})
        with running(archive) as url, ThreadPoolExecutor(8) as pool:
            pages = set(pool.map(lambda _: requests.get(f"{url}/", timeout=20).text, range(24)))
            assert (len(pages), archive.calls) == (1, 1)
            archive.counts = {DAY: 2}
            archive.changes += 1
            assert requests.get(f"{url}/", timeout=20).text not in pages
        assert archive.calls == 2

    def test_slow_pages_do_not_block_lists(self):
        called, release = threading.Event(), threading.Event()

        class Slow(FixedArchive):
            def holdings(self):
                called.set()
                assert release.wait(60)
                return super().holdings()

        # More requests than threads that read lists and files.
        with running(Slow({DAY: 1})) as url, ThreadPoolExecutor(60) as pool:
            pages = [pool.submit(requests.get, f"{url}/", timeout=60) for _ in range(60)]
            try:
                assert called.wait(60)
                dates = {"start": f"{DAY}T00:00:00Z", "end": f"{DAY}T12:00:00Z"}
                assert requests.get(f"{url}/HMI/720", params=dates, timeout=20).status_code == 200
                assert not any(page.done() for page in pages)
            finally:
                release.set()
            assert {page.result().status_code for page in pages} == {200}

    def test_the_snippet_works(self, tmp_path):
        with running(DemoArchive(cached=1)) as url:
            text = requests.get(f"{url}/", timeout=120).text
            snippet = re.search('<pre id="python"[^>]*><code>(.*?)</code>', text, re.DOTALL)[1].replace("&#34;", '"')
            names = {}
            before = sunpy.config.get("downloads", "download_dir")
            sunpy.config.set("downloads", "download_dir", str(tmp_path))
            try:
                with conf.set_temp("url", "http://localhost:9"):
                    exec(snippet, names)
            finally:
                sunpy.config.set("downloads", "download_dir", before)
        assert len(names["files"]) == 4
        assert not names["files"].errors


@pytest.fixture(scope="module")
def url():
    with running(FixedArchive({})) as url:
        yield url


class TestSwaggerUI:
    def test_no_internet_is_required(self, url):
        reply = requests.get(f"{url}/ui", timeout=20)
        page = Reader(reply.text)
        links = [link for link in page.values("href", "src") if link != "openapi.json"]
        assert sorted(link.partition("?")[0] for link in links) == [
            "./",
            "data:,",
            "search",
            "ui/page.css",
            "ui/swagger-ui-bundle.js",
            "ui/swagger-ui.css",
            "ui/ui.js",
        ]
        for link in links:
            assert link == "data:," or requests.get(f"{url}/{link}", timeout=20).status_code == 200
        assert "validatorUrl: null" in requests.get(f"{url}/ui/ui.js", timeout=20).text
        assert not re.search("https?:", reply.text)
        policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert policy["style-src"] == "'self' 'unsafe-inline'"
        assert policy["default-src"] == "'none'"

    def test_no_token_is_required(self):
        """Swagger UI has a field for the token."""
        with running(FixedArchive({}), settings=Settings(token_hashes=TOKEN_HASHES)) as url:
            page = Reader(requests.get(f"{url}/ui", timeout=20).text)
            for link in page.values("src"):
                assert requests.get(f"{url}/{link}", timeout=20).status_code == 200
            assert requests.get(f"{url}/day/2015-12-11", timeout=20).status_code == 401

    def test_static_files_have_types_and_load_no_others(self, url):
        for name, kind in (("page.css", "text/css"), ("page.js", "text/javascript")):
            reply = requests.get(f"{url}/ui/{name}", timeout=20)
            assert reply.headers["content-type"].startswith(kind)
            assert not re.search(r"url\(|@import|https?:", reply.text)

    @pytest.mark.parametrize(
        "asset", ["index.html", "page.html", "..%2f..%2f__init__.py", "%2e%2e/__init__.py", "nothing.js"]
    )
    def test_no_other_files(self, url, asset):
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as client:
            client.sendall(f"GET /ui/{asset} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            reply = b"".join(iter(lambda: client.recv(65536), b""))
        assert reply.split()[1] in (b"400", b"404")
