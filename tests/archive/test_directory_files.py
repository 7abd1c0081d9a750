"""Files that cannot be served, with the reasons, and files that change after indexing."""

from __future__ import annotations

import os

import pytest
import requests
from indexed import CCD, CEA, FULL, JSOC, listed
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast.archive import DirectoryArchive, NotHeldError, running
from sunpy_flarecast.archive.index import ArchiveIndexError, build_index


def reasons(archive):
    return {path.name: reason for path, reason in archive.skipped}


class TestSkippedFiles:
    def test_broken_files(self, tmp_path, write):
        whole = write(tmp_path / JSOC.format(377, "Br"), **FULL).read_bytes()
        (tmp_path / JSOC.format(377, "Bp")).write_bytes(b"")
        (tmp_path / JSOC.format(377, "Bt")).write_bytes(whole[:-1])
        (tmp_path / JSOC.format(377, "bitmap")).write_bytes(b"<html>" + whole[6:])
        (tmp_path / "unnamed.fits").write_bytes(b"SIMPLE  =".ljust(2880))
        # Headers are read by name until one is complete; this is the first.
        (tmp_path / JSOC.format(377, "Bp_err")).write_bytes(b"SIMPLE  =".ljust(2880))
        (tmp_path / JSOC.format(378, "Br")).write_bytes(b"SIMPLE  =".ljust(2880))
        (tmp_path / "notes.txt").write_text("neither this")
        (tmp_path / (JSOC.format(377, "Br") + ".part")).write_text("nor this")
        with pytest.warns(SunpyUserWarning, match="^6 of the files in .* cannot be served") as caught:
            archive = DirectoryArchive(tmp_path)
        assert len(caught) == 1
        assert {name[-12:]: reason[:17] for name, reason in reasons(archive).items()} == {
            "0_TAI.Bp.fits"[-12:]: "It is empty",
            "0_TAI.Bt.fits"[-12:]: "It ends at byte 5",
            "I.bitmap.fits"[-12:]: "It is not a FITS ",
            "unnamed.fits": "It ends within th",
            "I.Bp_err.fits"[-12:]: "It ends within th",
            "0_TAI.Br.fits"[-12:]: "It ends within th",
        }
        (record,) = listed(archive)
        assert record.segments == ("Br",)

    def test_files_of_unknown_records(self, tmp_path, write):
        write(tmp_path / "bare.fits")
        write(tmp_path / "no_id.fits", **FULL)
        write(tmp_path / "path.fits", DRMS_ID=f"{CEA}:1:../../etc", **FULL)
        write(tmp_path / "no_harp.fits", DRMS_ID=f"{CEA}:1:Br", T_REC=FULL["T_REC"])
        write(tmp_path / "hmi.sharp_720s.1.20111315_020000_TAI.bitmap.fits")
        write(tmp_path / "hmi.sharp_720s.1.19920101_000000_TAI.bitmap.fits")
        with pytest.warns(SunpyUserWarning):
            archive = DirectoryArchive(tmp_path)
        assert len(archive.skipped) == 6
        assert {reason[:16] for _, reason in archive.skipped} == {"Its name is not "}
        assert archive.series() == ()

    def test_two_files_of_one_segment(self, tmp_path, write):
        first = write(tmp_path / "a" / JSOC.format(377, "Br"), **FULL)
        second = write(tmp_path / "b" / JSOC.format(377, "br"))
        with pytest.warns(SunpyUserWarning):
            archive = DirectoryArchive(tmp_path)
        assert archive.skipped == [(second, f"Segment Br of this record is already served from a/{first.name}")]
        assert archive.segment(CEA, 3464220, "Br").path == first

    def test_a_header_of_another_record_than_the_name(self, tmp_path, write):
        write(tmp_path / JSOC.format(378, "Br"), **FULL)
        with pytest.warns(SunpyUserWarning, match="HARP number or T_REC in its header differs"):
            assert DirectoryArchive(tmp_path).series() == ()

    @pytest.mark.parametrize(
        ("name", "held"),
        [
            (JSOC.format(377, "Bt"), f"{CEA}:3464220:Bp"),  # a Bp renamed to a Bt
            (JSOC.format(377, "bitmap").replace(CEA, CCD), f"{CEA}:3464220:Br"),
        ],
    )
    def test_a_header_of_another_segment_or_series_than_the_name(self, tmp_path, write, name, held):
        write(tmp_path / JSOC.format(377, "Bp"), DRMS_ID=f"{CEA}:3464220:Bp", **FULL)
        write(tmp_path / name, DRMS_ID=held, **FULL)
        with pytest.warns(SunpyUserWarning, match=r"Its header is that of hmi.sharp_cea_720s B. \(DRMS_ID\)"):
            assert [record.segments for record in listed(DirectoryArchive(tmp_path))] == [("Bp",)]

    def test_a_file_of_an_unknown_segment(self, tmp_path, write):
        """Such as a user's own product, named like a segment."""
        write(tmp_path / JSOC.format(377, "linearfff"), **FULL)
        with pytest.warns(SunpyUserWarning, match="hmi.sharp_cea_720s has no segment linearfff"):
            assert DirectoryArchive(tmp_path).series() == ()

    def test_a_file_with_keywords_takes_precedence(self, tmp_path, write):
        bare = write(tmp_path / "a" / JSOC.format(377, "Br"))
        full = write(tmp_path / "b" / JSOC.format(377, "Br"), **FULL)
        with pytest.warns(SunpyUserWarning):
            archive = DirectoryArchive(tmp_path)
        assert archive.skipped == [(bare, f"Segment Br of this record is already served from b/{full.name}")]
        assert (archive.segment(CEA, 3464220, "Br").path, archive.keywords(CEA, 3464220)["area"]) == (full, 12.5)

    def test_links_to_files_outside_are_skipped(self, tmp_path, write):
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
            name: reason.partition(" outside")[0].partition(". If it is")[0]
            for name, reason in reasons(archive).items()
        } == {
            "Br.fits": "Its name is not in JSOC's format, and its header lacks DRMS_ID, HARPNUM and T_REC",
            JSOC.format(377, "bitmap"): "It is a link to a file",
            JSOC.format(377, "Bp"): "It is a link to a missing file",
            "elsewhere": "It is a link to a folder",
        }
        assert listed(archive)[0].segments == ("Br",)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
    def test_a_pipe_does_not_block(self, tmp_path):
        os.mkfifo(tmp_path / JSOC.format(377, "Br"))
        with pytest.warns(SunpyUserWarning, match="It is not a regular file"):
            DirectoryArchive(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_files_without_read_permission(self, tmp_path, write):
        write(tmp_path / "closed" / JSOC.format(377, "Br"))
        write(tmp_path / JSOC.format(377, "Br")).chmod(0)
        (tmp_path / "closed").chmod(0)
        with pytest.warns(SunpyUserWarning):
            archive = DirectoryArchive(tmp_path)
        (tmp_path / "closed").chmod(0o700)
        assert len(archive.skipped) == 2


class TestAfterIndexing:
    @pytest.fixture
    def path(self, tmp_path, write):
        return write(tmp_path / "root" / JSOC.format(377, "Br"), **FULL)

    def test_unknown_series_records_and_segments(self, path):
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
        assert "is no longer available" in replies[0].json()["message"]

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
        with pytest.raises(NotHeldError, match=r"is no longer available. It ends at byte 5,759 of 5,760"):
            archive.segment(CEA, 3464220, "Br")

    def test_a_file_replaced_by_that_of_another_record(self, tmp_path, write):
        path = write(tmp_path / "Br.fits", DRMS_ID=f"{CEA}:3464220:Br", **FULL)
        archive = DirectoryArchive(tmp_path)
        path.unlink()
        write(path, DRMS_ID=f"{CEA}:3464221:Br", **{**FULL, "HARPNUM": 378, "RECNUM": 3464221})
        with pytest.raises(NotHeldError, match=r"The file in its place belongs to another record, version or segment"):
            archive.segment(CEA, 3464220, "Br")

    @pytest.mark.skipif(os.name == "nt", reason="open files cannot be deleted there")
    def test_an_index_that_is_replaced(self, path, write):
        with DirectoryArchive(path.parent) as archive:
            assert [record.recnum for record in listed(archive)] == [3464220]
            for file in path.parent.glob(".flarecast*"):
                file.unlink()
            write(path.with_name("hmi.sharp_720s.5.20110215_020000_TAI.bitmap.fits"), compressed=True)
            write(path.with_name(JSOC.format(378, "bitmap")))
            build_index(path.parent)
            assert (len(archive), archive.series()) == (3, (CCD, CEA))
            assert [record.segments for record in listed(archive)] == [("Br",), ("bitmap",)]
            assert archive.keywords(CEA, 3464220)["area"] == 12.5

    def test_closed(self, path):
        with DirectoryArchive(path.parent) as archive:
            pass
        with pytest.raises(ArchiveIndexError, match="is closed"):
            archive.series()
