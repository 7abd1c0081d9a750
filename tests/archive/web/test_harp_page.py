"""The pages of HARPs and NOAA regions, over real HTTP."""

from __future__ import annotations

import re

import pytest
from browsed import SMARP, STEPS, get, links, recnum
from indexed import CCD, CEA, header_of, name_of, tiny

from sunpy_flarecast.archive import DirectoryArchive, Settings, running


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
