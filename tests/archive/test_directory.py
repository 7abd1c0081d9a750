"""An archive of the FITS files in a folder: records, keywords and counts."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from itertools import islice

import pytest
import requests
from indexed import ALL, CCD, CEA, FULL, JSOC, header_of, listed, name_of, tiny

from sunpy_flarecast.archive import DirectoryArchive, NotHeldError, running
from sunpy_flarecast.archive.base import DayCount, Holding
from sunpy_flarecast.archive.index import build_index


class TestRealFiles:
    @pytest.fixture
    def archive(self, shared_data, tmp_path):
        with DirectoryArchive(shared_data / "sharp_fits", index=tmp_path / "index.sqlite") as archive:
            yield archive

    def test_records(self, archive):
        assert archive.skipped == []
        assert repr(archive).endswith("5 records of hmi.sharp_cea_720s>")
        records = listed(archive)
        assert [(record.harpnum, record.t_rec_index, record.recnum, len(record.segments)) for record in records] == [
            (377, 794290, 3464220, 11),
            (6060, 1000440, 5574758, 3),
            (6060, 1000441, 5575656, 3),
            (6060, 1000442, 5575669, 3),
            (7115, 1081190, 6031248, 4),
        ]
        assert records[0].date__obs == "2011-02-15T01:58:12.30Z"
        assert records[0].segments[:3] == ("magnetogram", "bitmap", "Dopplergram")
        assert {(record.quality, record.wavelnth, record.time) for record in records} == {(0, 6173, None)}

    def test_ends_are_included(self, archive):
        first = datetime(2015, 10, 29, 23, 58, 13, 100000, tzinfo=UTC)
        last = datetime(2015, 10, 30, 0, 10, 13, 100000, tzinfo=UTC)
        assert [record.recnum for record in listed(archive, CEA, first, last)] == [5574758, 5575656]
        assert listed(archive, CEA, first.replace(microsecond=100001), last.replace(microsecond=99999)) == []

    def test_keywords(self, archive):
        keywords = archive.keywords(CEA, 3464220)
        assert keywords["t_rec"] == "2011.02.15_02:00:00_TAI"
        assert keywords["date__obs"] == "2011-02-15T01:58:12.30"
        assert (keywords["usflux"], keywords["noaa_ars"]) == (2.714760e22, "11158")
        assert (keywords["r_value"], keywords["invdocu"], keywords["crder1"]) == (None, None, None)
        assert not {"bunit", "datamin", "naxis", "znaxis1", "checksum", "history", "bscale", ""} & set(keywords)
        json.dumps(keywords, allow_nan=False)

    def test_a_record_of_files_with_and_without_keywords(self, archive):
        (record,) = listed(archive, CEA, datetime(2017, 9, 1, tzinfo=UTC))
        assert record.segments == ("continuum", "Bp", "Bt", "Br")
        assert record.date__obs == "2017-09-01T21:58:42.40Z"
        assert archive.keywords(CEA, record.recnum)["noaa_ar"] == 12673

    def test_files_are_served_byte_for_byte(self, archive, shared_data):
        names = set()
        with running(archive) as url, requests.Session() as session:
            reply = session.get(f"{url}/HMI/{CEA}", params={"start": "2010-01-01", "end": "2020-01-01"}, timeout=20)
            for record in reply.json()["data"]:
                for file in record["urls"]:
                    reply = session.get(file, timeout=20)
                    name = reply.headers["content-disposition"].partition("filename=")[2]
                    assert reply.content == (shared_data / "sharp_fits" / name).read_bytes()
                    names.add(name)
        assert names == {path.name for path in (shared_data / "sharp_fits").glob("*.fits")}


class TestRecords:
    def test_files_of_a_record_in_several_folders(self, tmp_path, write):
        write(tmp_path / "a" / JSOC.format(377, "Br"), compressed=True, **FULL)
        write(tmp_path / "b" / "c" / JSOC.format(377, "magnetogram"))
        archive = DirectoryArchive(tmp_path)
        (record,) = listed(archive)
        assert record.segments == ("magnetogram", "Br")
        assert (record.recnum, record.quality, record.date__obs) == (3464220, 1024, "2011-02-15T01:58:12.300Z")
        assert archive.segment(CEA, 3464220, "Br").path == tmp_path / "a" / JSOC.format(377, "Br")
        assert archive.keywords(CEA, 3464220)["area"] == 12.5

    def test_as_is_exports_only(self, tmp_path, write):
        write(tmp_path / JSOC.format(377, "Br"), compressed=True)
        write(tmp_path / JSOC.format(378, "Br"))
        archive = DirectoryArchive(tmp_path)
        first, second = listed(archive)
        assert (first.harpnum, first.t_rec_index, first.date__obs, first.quality) == (377, 794290, None, None)
        assert (first.recnum, second.recnum) == (1003770794290, 1003780794290)
        assert dict(archive.keywords(CEA, first.recnum)) == {"harpnum": 377, "t_rec": "2011.02.15_02:00:00_TAI"}
        # T_REC is TAI, which was 34 s ahead of UTC.
        instant = datetime(2011, 2, 15, 1, 59, 26, tzinfo=UTC)
        assert listed(archive, CEA, instant, instant) == [first, second]

    def test_missing_keywords_of_as_is_exports_are_null(self, tmp_path, write):
        write(tmp_path / JSOC.format(377, "Br"), **FULL)
        write(tmp_path / JSOC.format(378, "Br"))
        archive = DirectoryArchive(tmp_path)
        with running(archive) as url:
            reply = requests.get(f"{url}/HMI/{CEA}/meta/1003780794290?fields=area", timeout=20)
        assert reply.json()["1003780794290"]["meta"] == {"area": None}
        assert reply.json()["1003780794290"]["harpnum"] == 378

    def test_files_with_other_names_and_full_headers(self, tmp_path, write):
        write(tmp_path / "Br.fits", DRMS_ID=f"{CEA}:3464220:Br", **FULL)
        write(tmp_path / "other.fits", DRMS_ID="hmi.sharp_cea_720s_nrt:5:bitmap", **FULL)
        archive = DirectoryArchive(tmp_path)
        assert archive.series() == (CEA, f"{CEA}_nrt")
        assert listed(archive)[0].segments == ("Br",)
        assert listed(archive, f"{CEA}_nrt")[0].segments == ("bitmap",)

    def test_a_name_with_a_record_number_for_the_harp(self, tmp_path, write):
        write(tmp_path / JSOC.format(3464220, "Br"), DRMS_ID=f"{CEA}:3464220:Br", **FULL)
        assert listed(DirectoryArchive(tmp_path))[0].harpnum == 377

    def test_a_series_that_is_not_in_the_catalog(self, tmp_path, write):
        write(tmp_path / "su_me.patches.12.20110215_020000_TAI.z.fits")
        write(tmp_path / "su_me.patches.12.20110215_020000_TAI.Bz.fits")
        archive = DirectoryArchive(tmp_path)
        assert listed(archive, "su_me.patches")[0].segments == ("Bz", "z")

    def test_order_and_shared_tuples(self, tmp_path, write):
        for harp in (9, 10):
            for time in ("020000", "014800"):
                write(tmp_path / f"{CCD}.{harp}.20110215_{time}_TAI.bitmap.fits")
        records = listed(DirectoryArchive(tmp_path), CCD)
        assert [(record.t_rec_index, record.harpnum) for record in records] == [
            (794289, 9),
            (794289, 10),
            (794290, 9),
            (794290, 10),
        ]
        assert len({id(record.segments) for record in records}) == 1

    def test_a_record_number_given_twice(self, tmp_path, write):
        write(tmp_path / JSOC.format(377, "Br"), **FULL)
        write(tmp_path / JSOC.format(378, "Br"), **{**FULL, "HARPNUM": 378})
        assert [record.recnum for record in listed(DirectoryArchive(tmp_path))] == [3464220, 1003780794290]

    @pytest.mark.parametrize(
        ("keyword", "value", "expected"),
        [
            ("QUALITY", "0x00000400", {"quality": 1024}),
            ("QUALITY", "nan", {"quality": None}),
            ("QUALITY", True, {"quality": None}),
            ("WAVELNTH", 6173.5, {"wavelnth": None}),
            ("DATE_OBS", "MISSING", {"date__obs": None}),
            ("DATE_OBS", "2011-02-31T00:00:00", {"date__obs": None}),
            ("DATE_OBS", "2011-02-15T01:58:12Z", {"date__obs": "2011-02-15T01:58:12Z"}),
            ("RECNUM", "none", {"recnum": 1003770794290}),
            ("RECNUM", -5, {"recnum": 1003770794290}),
            ("RECNUM", 10**15, {"recnum": 1003770794290}),
            ("QUALITY", 1e300, {"quality": None}),
            ("QUALITY", "0xFFFFFFFFFFFFFFFFFFFF", {"quality": None}),
        ],
    )
    def test_unusual_values(self, tmp_path, write, keyword, value, expected):
        write(tmp_path / JSOC.format(377, "Br"), **{**FULL, keyword: value})
        (record,) = listed(DirectoryArchive(tmp_path))
        assert {name: getattr(record, name) for name in expected} == expected

    def test_bytes_that_are_invalid_in_a_header(self, tmp_path, write):
        path = write(tmp_path / JSOC.format(377, "Br"), **FULL, OBSERVER="Angstroem")
        path.write_bytes(path.read_bytes().replace(b"Angstroem", b"\xc5ngstr\xf6m\0"))
        archive = DirectoryArchive(tmp_path)
        assert archive.keywords(CEA, 3464220)["observer"] == "?ngstr?m?"

    def test_a_t_rec_in_the_far_future(self, tmp_path, write):
        write(tmp_path / "hmi.sharp_720s.1.21990101_000000_TAI.bitmap.fits")
        assert len(listed(DirectoryArchive(tmp_path), CCD)) == 1

    def test_an_empty_folder(self, tmp_path):
        archive = DirectoryArchive(tmp_path)
        assert (archive.series(), len(archive)) == ((), 0)
        with pytest.raises(NotHeldError, match=r"It holds: none\."):
            archive.records(CCD, *ALL)

    def test_a_missing_folder(self, tmp_path):
        with pytest.raises(NotADirectoryError, match=r"does not exist\. Choose a folder"):
            DirectoryArchive(tmp_path / "nowhere")
        (tmp_path / "file").touch()
        with pytest.raises(NotADirectoryError, match=r"file' is not a folder\. Choose a folder"):
            DirectoryArchive(tmp_path / "file")


class TestQueries:
    @pytest.fixture
    def archive(self, tmp_path, write):
        for day, harps in ((15, (377, 378)), (17, (377,))):
            for harp in harps:
                cards = {**FULL, "HARPNUM": harp, "RECNUM": 100 * day + harp, "T_REC": f"2011.02.{day}_02:00:00_TAI"}
                cards["DATE_OBS"] = f"2011-02-{day}T01:58:12.300"
                write(tmp_path / f"hmi.sharp_cea_720s.{harp}.201102{day}_020000_TAI.Br.fits", **cards)
        write(tmp_path / "hmi.sharp_cea_720s.377.20110217_020000_TAI.bitmap.fits")
        write(tmp_path / "hmi.sharp_720s.5.20110217_020000_TAI.bitmap.fits")
        with DirectoryArchive(tmp_path) as archive:
            yield archive

    def test_holdings(self, archive):
        bare, full = archive.holdings()
        assert (bare.series, bare.records, bare.first, bare.last) == (CCD, 1, *2 * ["2011-02-17T01:59:26Z"])
        assert full == Holding(
            series=CEA,
            records=3,
            first="2011-02-15T01:58:12.300Z",
            last="2011-02-17T01:58:12.300Z",
            segments=("bitmap", "Br"),
        )

    def test_days(self, archive):
        assert archive.days(CEA) == {date(2011, 2, 15): DayCount(2, 2), date(2011, 2, 17): DayCount(1, 1)}

    def test_record(self, archive):
        assert archive.record(CEA, 1877) == listed(archive)[0]
        with pytest.raises(NotHeldError, match="has no record 5 in"):
            archive.record(CEA, 5)

    def test_keywords_of_several_records(self, archive):
        assert archive.keyword_names(CEA)[-2:] == ("recnum", "area")
        assert archive.keyword_names(CCD) == ("harpnum", "t_rec")
        replies = archive.keywords_of(CEA, [2077, 1877], ["area", "usflux"])
        assert list(replies.items()) == [(2077, {"area": 12.5, "usflux": None}), (1877, {"area": 12.5, "usflux": None})]
        with pytest.raises(NotHeldError, match=r"hmi.sharp_cea_720s has no records 5, 6 in this archive"):
            archive.keywords_of(CEA, [5, 1877, 6])
        many = archive.keywords_of(CEA, [1877, *range(1878, 1879)] + [1877] * 1500)
        assert len(many) == 2


def test_many_records(tmp_path):
    """The list is longer than one query returns, and more records are written meanwhile."""
    for step in range(2500):
        tiny(tmp_path / "a" / name_of(1 + step % 3, step // 3, "Br"), **header_of(1 + step % 3, step // 3))
    with DirectoryArchive(tmp_path) as archive:
        records = archive.records(CEA, *ALL)
        places = [(record.t_rec_index, record.harpnum) for record in islice(records, 1500)]
        for step in (10, 2000):
            tiny(tmp_path / "a" / name_of(9, step, "Br"))
        assert build_index(tmp_path).new == 2
        places += [(record.t_rec_index, record.harpnum) for record in records]
        assert len(places) == 2501
        assert places == sorted(set(places))


def test_many_threads(tmp_path, write):
    for harp in range(1, 40):
        write(tmp_path / JSOC.format(harp, "Br"))
    with DirectoryArchive(tmp_path) as archive, ThreadPoolExecutor(8) as threads:
        counts = threads.map(lambda _: (len(listed(archive)), len(archive)), range(200))
        for harp in range(40, 80):
            write(tmp_path / JSOC.format(harp, "Br"))
            build_index(tmp_path)
        assert {tuple(sorted(count)) == count and 39 <= count[0] <= 79 for count in counts} == {True}
        assert len(archive) == 79
