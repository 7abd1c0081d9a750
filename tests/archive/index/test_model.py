"""Names of tables and files, times of slots, record numbers, editions, and temporary errors."""

from __future__ import annotations

import pytest

from sunpy_flarecast.archive.base import is_temporary
from sunpy_flarecast.archive.index.edition import Edition, edition_of
from sunpy_flarecast.archive.index.file_names import Place, read_name
from sunpy_flarecast.archive.index.model import is_table, t_rec_utc
from sunpy_flarecast.archive.index.records import derived_recnum, record_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [("keywords.ecsv", True), ("2015.keywords.csv", True), ("mykeywords.csv", False), (".a.keywords.csv.tmp", False)],
)
def test_names_of_tables(name, expected):
    assert is_table(name) == expected


def test_t_rec_in_utc():
    assert t_rec_utc(794290) - 1297735200000000 == -34_000_000  # 2011-02-15T02:00:00, when TAI was 34 s ahead


def test_derived_record_numbers():
    assert derived_recnum(6178, 1005598) == 1061781005598


@pytest.mark.parametrize("ending", [".fits", ".fits.gz", ".FITS", ".fts", ".fit.fz"])
def test_names_of_files(ending):
    place = read_name(f"hmi.sharp_cea_720s.377.20110215_020000_TAI.Bp_err{ending}")
    assert place == Place("hmi.sharp_cea_720s", 377, 794290, "Bp_err")


def test_a_record_from_its_keywords():
    record = record_of(5, {"t_rec": "2011.02.15_02:00:00_TAI", "date__obs": "2011-02-15T01:58:12.30"})
    assert (record.recnum, record.t_rec_index, record.date__obs, record.harpnum) == (
        5,
        794290,
        "2011-02-15T01:58:12.30Z",
        None,
    )


def test_editions():
    cards = {"DRMS_ID": "hmi.sharp_cea_720s:3464220:Br", "DATE": "2013-12-19T18:48:01"}
    assert edition_of(cards) == Edition(3464220, "2013-12-19T18:48:01")
    assert edition_of({"RECNUM": 10**12 + 5, "DATE": 5}) == Edition()  # a derived number


def test_temporary_errors():
    assert is_temporary(OSError(24, "Too many open files"))
    assert not is_temporary(FileNotFoundError(2, "No such file or directory"))
