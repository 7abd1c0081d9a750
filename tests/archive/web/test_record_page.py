"""The pages of records and their enlarged pictures, over real HTTP."""

from __future__ import annotations

import io
import re
import tarfile
from datetime import date

import pytest
import requests
from browsed import EVIL, get, links, recnum
from indexed import CCD, CEA, name_of

from sunpy_flarecast.archive import DemoArchive, running
from sunpy_flarecast.archive.web.steps import slot_at


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
