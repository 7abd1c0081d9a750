"""Keyword tables beside as-is exports: how they are read, and to which records they apply."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time
from indexed import ALL, CEA, FIRST, header_of, name_of, tiny
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast.archive import DirectoryArchive
from sunpy_flarecast.archive.index import build_index
from sunpy_flarecast.archive.index.model import Row
from sunpy_flarecast.archive.index.read import FaultError, read_table
from sunpy_flarecast.keywords.files import write_keywords

T_REC = "2015.12.11_00:12:00_TAI"
DERIVED = 10**12 + 377 * 10**7 + FIRST
ENDS = ("csv", "ecsv", "parquet")


def write(path, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write(path, format={".csv": "ascii.csv", ".ecsv": "ascii.ecsv", ".parquet": "parquet"}[path.suffix])
    return path


def only_row(path, table):
    (row,) = read_table(str(write(path, table)))
    return row


class TestReading:
    @pytest.mark.parametrize("end", ENDS)
    def test_values(self, tmp_path, end):
        table = Table(
            {
                "T_REC": [T_REC, "2015-12-11T00:24:00"],
                "harpnum": [377, 378],
                "DATE-OBS": ["2015-12-11T00:10:12.3", "MISSING"],
                "LATFWTPO": [1.5, np.nan],
                "quality": ["0x00000400", "0"],
                "NOAA_ARS": ["11158,11159", ""],
                "USFLUX": MaskedColumn([1e22, 0], mask=[False, True]),
                "NOAA_AR": MaskedColumn([11158, 0], mask=[False, True]),
                "BITPIX": [8, 8],
                "Peak flux": [5, 5],
                "mine": [7, 8],
            }
        )
        first, second = read_table(str(write(tmp_path / f"keywords.{end}", table)))
        assert (first.series, first.harpnum, first.slot) == (None, 377, FIRST)
        assert first.keywords == {
            "t_rec": T_REC,
            "harpnum": 377,
            "date__obs": "2015-12-11T00:10:12.3",
            "lat_fwtpos": 1.5,
            "quality": 1024,
            "noaa_ars": "11158,11159",
            "usflux": 1e22,
            "noaa_ar": 11158,
            "mine": 7,
        }
        assert (second.slot, second.keywords["t_rec"]) == (FIRST + 1, "2015.12.11_00:24:00_TAI")
        missing = {"date__obs", "lat_fwtpos", "noaa_ars", "usflux", "noaa_ar"}
        assert {name for name, value in second.keywords.items() if value is None} == missing

    @pytest.mark.parametrize("end", ENDS)
    def test_tables_written_by_the_client(self, tmp_path, end):
        table = QTable(
            {
                "T_REC": Time(["2015-12-11T00:12:00"], scale="tai"),
                "Start Time": Time(["2015-12-11T00:10:12.3"], scale="utc"),
                "Series": [CEA],
                "HARPNUM": [377],
                "Record": [5],
                "usflux": [2.5] * u.Unit("1e22 Mx"),
            }
        )
        write_keywords(table, tmp_path / f"a.{end}")
        (row,) = read_table(str(tmp_path / f"a.{end}"))
        assert (row.series, row.harpnum, row.slot) == (CEA, 377, FIRST)
        usflux = row.keywords.pop("usflux")
        assert usflux == pytest.approx(2.5 if end == "csv" else 2.5e22)  # CSV has no units
        date = "2015-12-11T00:10:12.300000" + "Z" * (end == "csv")
        assert row.keywords == {"t_rec": T_REC, "harpnum": 377, "recnum": 5, "date__obs": date}

    def test_units(self, tmp_path):
        table = QTable({"T_REC": [T_REC], "HARPNUM": [377], "USFLUX": [1] * u.Wb, "LAT_FWT": [90] * u.arcmin})
        keywords = only_row(tmp_path / "keywords.ecsv", table).keywords
        assert (keywords["usflux"], keywords["lat_fwt"]) == (pytest.approx(1e8), 1.5)
        table["USFLUX"] = [1] * u.G
        with pytest.raises(FaultError, match="Its column USFLUX is in G, which cannot be converted to Mx"):
            only_row(tmp_path / "b.keywords.ecsv", table)

    def test_the_short_name_of_a_series(self, tmp_path):
        table = Table({"SERIES": ["sharp_cea_720s"], "T_REC": [T_REC], "HARPNUM": [377]})
        assert only_row(tmp_path / "keywords.csv", table) == Row(CEA, 377, FIRST, {"harpnum": 377, "t_rec": T_REC})

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"T_REC": [T_REC]}, "It has no column HARPNUM"),
            ({"HARPNUM": [5]}, "It has no column T_REC"),
            ({"T_REC": [T_REC, "soon"], "HARPNUM": [5, 6]}, "Its row 2 does not identify a record: T_REC is 'soon'"),
            ({"T_REC": [T_REC], "HARPNUM": [-1]}, "Its row 1 does not identify a record: .* and HARPNUM is -1"),
        ],
    )
    def test_tables_that_are_not_keyword_tables(self, tmp_path, columns, message):
        with pytest.raises(FaultError, match=message):
            list(read_table(str(write(tmp_path / "keywords.csv", Table(columns)))))

    @pytest.mark.parametrize("end", ENDS)
    def test_files_that_are_not_tables(self, tmp_path, end):
        path = tmp_path / f"keywords.{end}"
        path.write_bytes(b"\x00\xff nothing\n'")
        with pytest.raises(FaultError, match=r"^It (cannot be read as a table: |has no column T_REC)"):
            list(read_table(str(path)))


def table_of(value, *, column="USFLUX", series=None, harp=377, **more):
    columns = {"T_REC": [T_REC], "HARPNUM": [harp], column: Column([value])}
    columns |= {name: [value] for name, value in more.items()}
    return Table(({"Series": [series]} if series else {}) | columns)


class TestRecords:
    @pytest.fixture
    def root(self, tmp_path):
        tiny(tmp_path / "cea" / "day" / name_of(377, 0, "Br"))
        tiny(tmp_path / "ccd" / name_of(377, 0, "bitmap", "hmi.sharp_720s"))
        return tmp_path

    def served(self, root, series=CEA):
        with DirectoryArchive(root) as archive:
            (recnum,) = (record.recnum for record in archive.records(series, *ALL))
            return archive.record(series, recnum), archive.keywords(series, recnum)

    def test_a_record_without_header_keywords(self, root):
        more = {"RECNUM": 5605571, "DATE-OBS": "2015-12-11T00:10:12.3", "QUALITY": 1024, "NOAA_AR": 12443}
        write(root / "cea" / "day" / "keywords.ecsv", table_of(1e22, **more))
        record, keywords = self.served(root)
        assert (record.recnum, record.date__obs, record.quality) == (5605571, "2015-12-11T00:10:12.3Z", 1024)
        assert (keywords["usflux"], keywords["noaa_ar"], keywords["t_rec"]) == (1e22, 12443, T_REC)
        assert self.served(root, "hmi.sharp_720s")[1] == {"harpnum": 377, "t_rec": T_REC}

    def test_a_table_without_series_applies_to_files_beside_and_below(self, root):
        write(root / "cea" / "a.keywords.csv", table_of(1e22))
        assert self.served(root)[1]["usflux"] == 1e22
        assert "usflux" not in self.served(root, "hmi.sharp_720s")[1]

    @pytest.mark.filterwarnings("ignore::sunpy.util.exceptions.SunpyUserWarning")
    def test_a_table_without_series_above_several_series_is_not_used(self, root):
        path = write(root / "keywords.csv", table_of(1e22, RECNUM=5))
        write(root / "ccd" / "keywords.csv", table_of(3e22))
        assert [self.served(root, series)[1].get("usflux") for series in (CEA, "hmi.sharp_720s")] == [None, 3e22]
        assert self.served(root)[0].recnum == DERIVED
        report = build_index(root)
        assert (report.faulty, report.bare) == (1, 1)
        assert "keywords.csv: It has no column SERIES" in report.faults[0]
        assert "(hmi.sharp_720s, hmi.sharp_cea_720s)" in report.faults[0] or CEA in report.faults[0]
        # It is used again once there is one series only, or it has a column SERIES.
        file = root / "ccd" / name_of(377, 0, "bitmap", "hmi.sharp_720s")
        file.unlink()
        report = build_index(root)
        assert (report.faulty, self.served(root)[0].recnum, self.served(root)[1]["usflux"]) == (0, 5, 1e22)
        tiny(file)
        assert build_index(root).faulty == 1
        path.unlink()
        write(path, table_of(1e22, series=CEA, RECNUM=5))
        assert (build_index(root).faulty, self.served(root)[0].recnum) == (0, 5)

    def test_a_table_with_series_applies_anywhere(self, root):
        write(root / "tables" / "keywords.csv", table_of(1e22, series="hmi.sharp_720s"))
        assert "usflux" not in self.served(root)[1]
        assert self.served(root, "hmi.sharp_720s")[1]["usflux"] == 1e22

    def test_several_tables_and_a_header(self, root):
        write(root / "cea" / "a.keywords.csv", table_of(1e22, AREA=1.5))
        write(root / "cea" / "b.keywords.csv", table_of(3.5, column="R_VALUE", AREA=2.5, MEANGAM=7.5))
        tiny(root / "cea" / "day" / name_of(377, 0, "Bt"), **header_of(377, 0, MEANGAM=5.5, RECNUM=17))
        record, keywords = self.served(root)
        assert record.recnum == 17
        assert {name: keywords[name] for name in ("usflux", "area", "r_value", "meangam")} == {
            "usflux": 1e22,
            "area": 1.5,
            "r_value": 3.5,
            "meangam": 5.5,
        }

    def test_a_table_that_changes_and_is_removed(self, root):
        path = write(root / "cea" / "keywords.csv", table_of(1e22))
        assert self.served(root)[1]["usflux"] == 1e22
        path.unlink()
        write(path, table_of(3e22, harp=377, RECNUM=5))
        assert (self.served(root)[1]["usflux"], self.served(root)[0].recnum) == (3e22, 5)
        path.unlink()
        assert (self.served(root)[1].get("usflux"), self.served(root)[0].recnum) == (None, DERIVED)

    def test_a_table_that_cannot_be_used(self, root):
        (root / "keywords.csv").write_text("HARPNUM\n5\n")
        with (
            pytest.warns(SunpyUserWarning, match=r"The first is keywords.csv: It has no column T_REC"),
            DirectoryArchive(root) as archive,
        ):
            assert len(archive) == 2
