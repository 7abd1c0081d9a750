"""An archive of the FITS files in a folder: what is found, what is told of it, what is left alone."""

from __future__ import annotations

import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from itertools import islice

import numpy as np
import pytest
import requests
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from indexed import header_of, name_of, tiny
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast.archive import DirectoryArchive, NotHeldError, running
from sunpy_flarecast.archive.base import Holding
from sunpy_flarecast.archive.headers import card, keywords_of, read_cards, read_header
from sunpy_flarecast.archive.index import ArchiveIndexError, build_index

ALL = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)

CCD = "hmi.sharp_720s"
CEA = "hmi.sharp_cea_720s"

FULL = {
    "HARPNUM": 377,
    "T_REC": "2011.02.15_02:00:00.000_TAI",
    "DATE_OBS": "2011-02-15T01:58:12.300",
    "QUALITY": 1024,
    "WAVELNTH": 6173.0,
    "RECNUM": 3464220,
    "AREA": 12.5,
}

JSOC = "hmi.sharp_cea_720s.{}.20110215_020000_TAI.{}.fits"


def listed(archive, series=CEA, start=ALL[0], end=ALL[1]):
    return list(archive.records(series, start, end))


def reasons(archive):
    return {path.name: reason for path, reason in archive.skipped}


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

    def test_a_record_of_bare_and_full_files(self, archive):
        (record,) = listed(archive, CEA, datetime(2017, 9, 1, tzinfo=UTC))
        assert record.segments == ("continuum", "Bp", "Bt", "Br")
        assert record.date__obs == "2017-09-01T21:58:42.40Z"
        assert archive.keywords(CEA, record.recnum)["noaa_ar"] == 12673

    def test_files_come_byte_for_byte(self, archive, shared_data):
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

    def test_headers_of_a_later_generation(self, shared_data, tmp_path):
        for path in sorted((shared_data / "keywords").glob("*.header")):
            text = path.read_text(encoding="ascii")
            header = fits.Header.fromstring(text, sep="\n" if "\n" in text else "")
            keywords = keywords_of(header)
            assert (keywords["harpnum"], keywords["date__obs"]) == (11465, "2024-06-27T23:58:46.200")
            assert not {"drms_id", "bunit", "datamin", "datarms"} & set(keywords)


class TestRecords:
    def test_a_tree(self, tmp_path, write):
        write(tmp_path / "a" / JSOC.format(377, "Br"), compressed=True, **FULL)
        write(tmp_path / "b" / "c" / JSOC.format(377, "magnetogram"))
        archive = DirectoryArchive(tmp_path)
        (record,) = listed(archive)
        assert record.segments == ("magnetogram", "Br")
        assert (record.recnum, record.quality, record.date__obs) == (3464220, 1024, "2011-02-15T01:58:12.300Z")
        assert archive.segment(CEA, 3464220, "Br").path == tmp_path / "a" / JSOC.format(377, "Br")
        assert archive.keywords(CEA, 3464220)["area"] == 12.5

    def test_bare_files_only(self, tmp_path, write):
        write(tmp_path / JSOC.format(377, "Br"), compressed=True)
        write(tmp_path / JSOC.format(378, "Br"))
        archive = DirectoryArchive(tmp_path)
        first, second = listed(archive)
        assert (first.harpnum, first.t_rec_index, first.date__obs, first.quality) == (377, 794290, None, None)
        assert (first.recnum, second.recnum) == (1003770794290, 1003780794290)
        assert dict(archive.keywords(CEA, first.recnum)) == {"harpnum": 377, "t_rec": "2011.02.15_02:00:00_TAI"}
        # T_REC is TAI, which was 34 s before UTC.
        instant = datetime(2011, 2, 15, 1, 59, 26, tzinfo=UTC)
        assert listed(archive, CEA, instant, instant) == [first, second]

    def test_a_bare_record_has_the_keywords_of_its_series_without_values(self, tmp_path, write):
        write(tmp_path / JSOC.format(377, "Br"), **FULL)
        write(tmp_path / JSOC.format(378, "Br"))
        archive = DirectoryArchive(tmp_path)
        with running(archive) as url:
            reply = requests.get(f"{url}/HMI/{CEA}/meta/1003780794290?fields=area", timeout=20)
        assert reply.json()["1003780794290"]["meta"] == {"area": None}
        assert reply.json()["1003780794290"]["harpnum"] == 378

    def test_other_names_with_full_headers(self, tmp_path, write):
        write(tmp_path / "Br.fits", DRMS_ID=f"{CEA}:3464220:Br", **FULL)
        write(tmp_path / "other.fits", DRMS_ID="hmi.sharp_cea_720s_nrt:5:bitmap", **FULL)
        archive = DirectoryArchive(tmp_path)
        assert archive.series() == (CEA, f"{CEA}_nrt")
        assert listed(archive)[0].segments == ("Br",)
        assert listed(archive, f"{CEA}_nrt")[0].segments == ("bitmap",)

    def test_a_name_with_a_record_number_for_the_harp(self, tmp_path, write):
        write(tmp_path / JSOC.format(3464220, "Br"), DRMS_ID=f"{CEA}:3464220:Br", **FULL)
        assert listed(DirectoryArchive(tmp_path))[0].harpnum == 377

    def test_a_series_that_the_catalog_does_not_know(self, tmp_path, write):
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
            ("NOAA_AR", 1e30, {"recnum": 3464220}),
        ],
    )
    def test_odd_values(self, tmp_path, write, keyword, value, expected):
        write(tmp_path / JSOC.format(377, "Br"), **{**FULL, keyword: value})
        (record,) = listed(DirectoryArchive(tmp_path))
        assert {name: getattr(record, name) for name in expected} == expected

    def test_a_t_rec_of_the_far_future(self, tmp_path, write):
        write(tmp_path / "hmi.sharp_720s.1.21990101_000000_TAI.bitmap.fits")
        assert len(listed(DirectoryArchive(tmp_path), CCD)) == 1

    def test_an_empty_folder(self, tmp_path):
        archive = DirectoryArchive(tmp_path)
        assert (archive.series(), len(archive)) == ((), 0)
        with pytest.raises(NotHeldError, match=r"It holds: none\."):
            archive.records(CCD, *ALL)

    def test_no_folder(self, tmp_path):
        with pytest.raises(NotADirectoryError, match="There is no folder"):
            DirectoryArchive(tmp_path / "nowhere")


class TestHeaders:
    def test_values(self):
        cards = [
            "SIMPLE  =                    T",
            "R_VALUE =                  nan",
            "USFLUX  =         2.714760e+22",
            "EMPTY   =",
            "BLANKS  = '   '",
            "NANTEXT = 'nan     '",
            "HUGE    = 99999999999999999999",
            "FLAG    =                    T",
            "TEXT    = 'MISSING '",
            "_BUNIT  = 'Gauss   '",
            "BROKEN  = 'no end",
            "COMMENT   nothing",
        ]
        header = fits.Header.fromstring("".join(f"{card:80}" for card in cards))
        assert keywords_of(header) == {
            "r_value": None,
            "usflux": 2.71476e22,
            "empty": None,
            "blanks": None,
            "nantext": None,
            "huge": 1e20,
            "flag": True,
            "text": None,
            "broken": None,
        }

    @given(
        st.one_of(
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
            st.integers(-(10**18), 10**18),
            st.floats(allow_nan=False, allow_infinity=False),
            st.booleans(),
            st.none(),
        ),
        st.sampled_from(["", "a note", "[Mx] with / in it"]),
    )
    def test_cards_are_read_as_astropy_reads_them(self, value, comment):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a comment may be too long
            header = fits.Header([("A_KEY", value, comment), ("LAST", 5)])
            text = header.tostring()
            again = fits.Header.fromstring(text)
        assert read_cards(text.encode()) == {"A_KEY": card(again, "A_KEY"), "LAST": 5}

    @pytest.mark.parametrize(
        "text",
        [
            "5",
            "7.5e+00",
            "7.5d+00",
            "5 no slash",
            "'text'/",
            "+.5E3",
            "1D5",
            "(1.0, 2.0)",
            "T",
            "t",
            "'open",
            "-NaN",
            "",
            "'a''b'",
            "007",
        ],
    )
    def test_cards_as_people_write_them(self, text):
        header = f"{'A_KEY   = ' + text:80}{'END':80}"
        assert read_cards(header.encode())["A_KEY"] == card(fits.Header.fromstring(header), "A_KEY")

    def test_keywords_in_the_primary_header_of_a_compressed_file(self, tmp_path):
        path = tmp_path / "a.fits"
        primary = fits.PrimaryHDU(header=fits.Header({"HARPNUM": 377, "T_REC": "2011.02.15_02:00:00_TAI"}))
        fits.HDUList([primary, fits.CompImageHDU(np.zeros((4, 4), dtype=np.int16))]).writeto(path)
        assert card(read_header(path), "HARPNUM") == 377

    def test_bytes_that_no_header_may_hold(self, tmp_path, write):
        path = write(tmp_path / JSOC.format(377, "Br"), **FULL, OBSERVER="Angstroem")
        path.write_bytes(path.read_bytes().replace(b"Angstroem", b"\xc5ngstr\xf6m\0"))
        archive = DirectoryArchive(tmp_path)
        assert archive.keywords(CEA, 3464220)["observer"] == "?ngstr?m?"


class TestSkippedFiles:
    def test_broken_files(self, tmp_path, write):
        whole = write(tmp_path / JSOC.format(377, "Br"), **FULL).read_bytes()
        (tmp_path / JSOC.format(377, "Bp")).write_bytes(b"")
        (tmp_path / JSOC.format(377, "Bt")).write_bytes(whole[:-1])
        (tmp_path / JSOC.format(377, "bitmap")).write_bytes(b"<html>" + whole[6:])
        (tmp_path / "unnamed.fits").write_bytes(b"SIMPLE  =".ljust(2880))
        # Headers are read in the order of names, until one is full: this is the first.
        (tmp_path / JSOC.format(377, "Bp_err")).write_bytes(b"SIMPLE  =".ljust(2880))
        (tmp_path / JSOC.format(378, "Br")).write_bytes(b"SIMPLE  =".ljust(2880))
        (tmp_path / "notes.txt").write_text("not looked at")
        (tmp_path / (JSOC.format(377, "Br") + ".part")).write_text("nor this")
        with pytest.warns(SunpyUserWarning, match="^6 of the files in .* are not served") as caught:
            archive = DirectoryArchive(tmp_path)
        assert len(caught) == 1
        assert {name[-12:]: reason[:17] for name, reason in reasons(archive).items()} == {
            "0_TAI.Bp.fits"[-12:]: "It is empty",
            "0_TAI.Bt.fits"[-12:]: "It ends at byte 5",
            "I.bitmap.fits"[-12:]: "It is no FITS fil",
            "unnamed.fits": "It ends within th",
            "I.Bp_err.fits"[-12:]: "It ends within th",
            "0_TAI.Br.fits"[-12:]: "It ends within th",
        }
        (record,) = listed(archive)
        assert record.segments == ("Br",)

    def test_files_that_do_not_tell_where_they_belong(self, tmp_path, write):
        write(tmp_path / "bare.fits")
        write(tmp_path / "no_id.fits", **FULL)
        write(tmp_path / "path.fits", DRMS_ID=f"{CEA}:1:../../etc", **FULL)
        write(tmp_path / "no_harp.fits", DRMS_ID=f"{CEA}:1:Br", T_REC=FULL["T_REC"])
        write(tmp_path / "hmi.sharp_720s.1.20111315_020000_TAI.bitmap.fits")
        write(tmp_path / "hmi.sharp_720s.1.19920101_000000_TAI.bitmap.fits")
        with pytest.warns(SunpyUserWarning):
            archive = DirectoryArchive(tmp_path)
        assert len(archive.skipped) == 6
        assert {reason[:16] for _, reason in archive.skipped} == {"Its name is none"}
        assert archive.series() == ()

    def test_two_files_of_one_segment(self, tmp_path, write):
        first = write(tmp_path / "a" / JSOC.format(377, "Br"), **FULL)
        second = write(tmp_path / "b" / JSOC.format(377, "br"))
        with pytest.warns(SunpyUserWarning):
            archive = DirectoryArchive(tmp_path)
        assert archive.skipped == [(second, f"Segment Br of this record is served from a/{first.name} already")]
        assert archive.segment(CEA, 3464220, "Br").path == first

    def test_a_header_of_another_record_than_the_name(self, tmp_path, write):
        write(tmp_path / JSOC.format(378, "Br"), **FULL)
        with pytest.warns(SunpyUserWarning, match="another HARP"):
            assert DirectoryArchive(tmp_path).series() == ()

    def test_links(self, tmp_path, write):
        root, outside = tmp_path / "root", tmp_path / "outside"
        inside = write(root / "stored" / "D1" / "Br.fits")
        secret = write(outside / JSOC.format(377, "bitmap"), **FULL)
        (root / JSOC.format(377, "Br")).symlink_to(inside)
        (root / JSOC.format(377, "bitmap")).symlink_to(secret)
        (root / JSOC.format(377, "Bp")).symlink_to(root / "nowhere")
        (root / "elsewhere").symlink_to(outside)
        (root / "circle").symlink_to(root)
        with pytest.warns(SunpyUserWarning):
            archive = DirectoryArchive(root)
        assert {
            name: reason.partition(" outside")[0].partition(". Give")[0] for name, reason in reasons(archive).items()
        } == {
            "Br.fits": "Its name is none of JSOC's, and its header has no DRMS_ID, no HARPNUM, no T_REC",
            JSOC.format(377, "bitmap"): "It is a link to a file",
            JSOC.format(377, "Bp"): "It is a link to a file that is not there",
            "elsewhere": "It is a link to a folder",
        }
        assert listed(archive)[0].segments == ("Br",)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
    def test_a_pipe_does_not_block(self, tmp_path):
        os.mkfifo(tmp_path / JSOC.format(377, "Br"))
        with pytest.warns(SunpyUserWarning, match="It is no file"):
            DirectoryArchive(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_what_may_not_be_read(self, tmp_path, write):
        write(tmp_path / "closed" / JSOC.format(377, "Br"))
        write(tmp_path / JSOC.format(377, "Br")).chmod(0)
        (tmp_path / "closed").chmod(0)
        with pytest.warns(SunpyUserWarning):
            archive = DirectoryArchive(tmp_path)
        (tmp_path / "closed").chmod(0o700)
        assert len(archive.skipped) == 2


class TestAfterTheScan:
    @pytest.fixture
    def path(self, tmp_path, write):
        return write(tmp_path / "root" / JSOC.format(377, "Br"), **FULL)

    def test_what_is_not_held(self, path):
        archive = DirectoryArchive(path.parent)
        with pytest.raises(NotHeldError, match="no series 'hmi"):
            archive.keywords(CCD, 3464220)
        with pytest.raises(NotHeldError, match="has no record 5 in"):
            archive.keywords(CEA, 5)
        with pytest.raises(NotHeldError, match=r"no segment 'Brr'\. Did you mean 'Br'\? It has: Br\."):
            archive.segment(CEA, 3464220, "Brr")

    def test_a_file_that_disappears(self, path):
        archive = DirectoryArchive(path.parent)
        path.unlink()
        with running(archive) as url:
            replies = [
                requests.get(f"{url}/HMI/{CEA}/{rest}", timeout=20) for rest in ("3464220/Br.fits", "meta/3464220")
            ]
        assert [reply.status_code for reply in replies] == [404, 200]  # keywords are in the index
        assert "is not there any more" in replies[0].json()["message"]

    def test_a_file_that_becomes_a_link_to_the_outside(self, path, tmp_path):
        archive = DirectoryArchive(path.parent)
        path.rename(tmp_path / "outside.fits")
        path.symlink_to(tmp_path / "outside.fits")
        with pytest.raises(NotHeldError, match="a link to a file outside"):
            archive.segment(CEA, 3464220, "Br")

    def test_a_folder_that_becomes_a_link_to_the_outside(self, path, tmp_path, write):
        inner = write(path.parent / "a" / JSOC.format(378, "Br"))
        archive = DirectoryArchive(path.parent)
        inner.parent.rename(tmp_path / "outside")
        (path.parent / "a").symlink_to(tmp_path / "outside")
        with pytest.raises(NotHeldError, match="a link to a file outside"):
            archive.segment(CEA, 1003780794290, "Br")

    def test_a_file_that_changes(self, path, write):
        archive = DirectoryArchive(path.parent)
        before = archive.segment(CEA, 3464220, "Br")
        path.unlink()
        write(path, **{**FULL, "AREA": 99.5, "MORE": 1})
        os.utime(path, (1, 1))
        after = archive.segment(CEA, 3464220, "Br")
        assert (before.size, after.mtime_ns) == (after.size, 10**9)
        assert archive.keywords(CEA, 3464220)["area"] == 12.5
        with DirectoryArchive(path.parent) as archive:
            assert archive.keywords(CEA, 3464220)["area"] == 99.5

    def test_a_file_that_is_being_replaced(self, path):
        archive = DirectoryArchive(path.parent)
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(NotHeldError, match=r"is not there any more. It ends at byte 5,759 of 5,760"):
            archive.segment(CEA, 3464220, "Br")

    def test_a_file_that_becomes_that_of_another_record(self, tmp_path, write):
        path = write(tmp_path / "Br.fits", DRMS_ID=f"{CEA}:3464220:Br", **FULL)
        archive = DirectoryArchive(tmp_path)
        path.unlink()
        write(path, DRMS_ID=f"{CEA}:3464221:Br", **{**FULL, "HARPNUM": 378, "RECNUM": 3464221})
        with pytest.raises(NotHeldError, match=r"What is in its place now is of another record or segment"):
            archive.segment(CEA, 3464220, "Br")

    @pytest.mark.skipif(os.name == "nt", reason="what is open cannot be deleted there")
    def test_an_index_that_is_made_anew(self, path, write):
        with DirectoryArchive(path.parent) as archive:
            assert [one.recnum for one in listed(archive)] == [3464220]
            for file in path.parent.glob(".flarecast*"):
                file.unlink()
            write(path.with_name("hmi.sharp_720s.5.20110215_020000_TAI.bitmap.fits"), compressed=True)
            write(path.with_name(JSOC.format(378, "bitmap")))
            build_index(path.parent)
            assert (len(archive), archive.series()) == (3, (CCD, CEA))
            assert [one.segments for one in listed(archive)] == [("Br",), ("bitmap",)]
            assert archive.keywords(CEA, 3464220)["area"] == 12.5

    def test_closed(self, path):
        with DirectoryArchive(path.parent) as archive:
            pass
        with pytest.raises(ArchiveIndexError, match="was closed"):
            archive.series()


class TestWhatIsTold:
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
        assert archive.days(CEA) == {date(2011, 2, 15): 2, date(2011, 2, 17): 1}

    def test_record(self, archive):
        assert archive.record(CEA, 1877) == listed(archive)[0]
        with pytest.raises(NotHeldError, match="has no record 5 in"):
            archive.record(CEA, 5)

    def test_keywords_of_several_records(self, archive):
        assert archive.keyword_names(CEA)[-2:] == ("recnum", "area")
        assert archive.keyword_names(CCD) == ("harpnum", "t_rec")
        replies = archive.keywords_of(CEA, [2077, 1877], ["area", "usflux"])
        assert list(replies.items()) == [(2077, {"area": 12.5, "usflux": None}), (1877, {"area": 12.5, "usflux": None})]
        with pytest.raises(NotHeldError, match=r"hmi.sharp_cea_720s has no record 5, 6 in this archive"):
            archive.keywords_of(CEA, [5, 1877, 6])
        many = archive.keywords_of(CEA, [1877, *range(1878, 1879)] + [1877] * 1500)
        assert len(many) == 2


def test_many_records(tmp_path):
    """More than are taken from the database at once, while others are written."""
    for step in range(2500):
        tiny(tmp_path / "a" / name_of(1 + step % 3, step // 3, "Br"), **header_of(1 + step % 3, step // 3))
    with DirectoryArchive(tmp_path) as archive:
        records = archive.records(CEA, *ALL)
        places = [(one.t_rec_index, one.harpnum) for one in islice(records, 1500)]
        for step in (10, 2000):
            tiny(tmp_path / "a" / name_of(9, step, "Br"))
        assert build_index(tmp_path, digests=False).new == 2
        places += [(one.t_rec_index, one.harpnum) for one in records]
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
