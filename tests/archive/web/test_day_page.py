"""The pages of days, over real HTTP."""

from __future__ import annotations

import re
from datetime import date

import pytest
import requests
from browsed import DAY, EVIL, PLACE, SMARP, STEPS, get, links, recnum
from indexed import CCD, CEA, FIRST, header_of, name_of, tiny

from sunpy_flarecast.archive import DirectoryArchive, Settings, running
from sunpy_flarecast.archive.web.steps import slot_at


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
