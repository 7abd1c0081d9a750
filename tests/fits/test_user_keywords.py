"""Header completion with keywords from users: headers, tables and dicts of the right record; completion of folders."""

from __future__ import annotations

import datetime
import re
import shutil
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pandas
import pytest
import sunpy.map
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from astropy.utils.masked import Masked
from bare import bare_twin
from barefiles import KEYWORDS, NAME, compressed
from click.testing import CliRunner
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, QueryError, Series, complete_header
from sunpy_flarecast.cli import cli
from sunpy_flarecast.download.complete_folder import complete_folder
from sunpy_flarecast.fits.complete import is_bare
from sunpy_flarecast.fits.structure import read_headers
from sunpy_flarecast.fits.user_keywords import plain_keywords
from sunpy_flarecast.sharp.filenames import file_name
from sunpy_flarecast.sharp.t_rec import slot_of

if TYPE_CHECKING:
    from pathlib import Path

    from faults import Layer

CEA = "hmi.sharp_cea_720s"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file without keywords, with a name of JSOC."""
    path = tmp_path / NAME
    path.write_bytes(compressed())
    return path


# --- Headers ----------------------------------------------------------------------------------------------------------


def broken_header() -> fits.Header:
    """Write a header with invalid cards, as JSOC did, and one without a value."""
    header = fits.Header({name.upper().replace("__", "-"): value for name, value in KEYWORDS.items()})
    text = header.tostring(endcard=False, padding=False)
    cards = ("GWILL   = -nan", "R_VALUE = nan", "MEANPOT =", "AREA_ACR= 1.5", "COMMENT one", "HISTORY two")
    return fits.Header.fromstring(text + "".join(f"{card:80}" for card in cards))


def test_cards_that_cannot_be_read_have_no_value(path: Path) -> None:
    header = broken_header()
    with pytest.raises(fits.VerifyError):
        header["GWILL"]
    assert complete_header(path, header)
    now = fits.getheader(path, 1)
    assert not {"GWILL", "R_VALUE", "MEANPOT", "COMMENT"} & set(now)
    assert (now["AREA_ACR"], now["USFLUX"]) == (1.5, 2e22)


def test_real_headers_of_all_generations(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "sharp_fits"
    start = f"{CEA}.7115.20170901_220000_TAI"
    header = fits.getheader(folder / f"{start}.Br.fits", 1)
    path = shutil.copy(folder / f"{start}.continuum.fits", tmp_path)
    complete_header(path, header)
    assert fits.getheader(path, 1)["USFLUX"] == header["USFLUX"]
    for file in sorted(folder.glob("*.B[rp].fits")):
        path = tmp_path / file.name
        path.write_bytes(bare_twin(file.read_bytes()))
        header = fits.Header.fromstring(read_headers(str(file)).image.decode())
        assert complete_header(path, header)
        assert fits.getheader(path, 1)["T_REC"] == header["T_REC"]


# --- The right record -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"harpnum": 4939}, r"HARPNUM 6178, but the keywords are those of HARPNUM 4939\. Give"),
        ({"harpnum": np.int64(4939)}, "keywords are those of HARPNUM 4939"),
        ({"t_rec": "2015.12.12_00:00:00.000_TAI"}, "T_REC 20151211_233600_TAI, but .* of T_REC 20151212_000000_TAI"),
        ({"harpnum": "1", "t_rec": Time("2015-12-12", scale="tai")}, "of HARPNUM 1, T_REC 20151212_000000_TAI"),
        ({"Series": "hmi.sharp_cea_720s_nrt"}, "series hmi.sharp_cea_720s, but .* of series hmi.sharp_cea_720s_nrt"),
        ({"drms_id": "hmi.sharp_cea_720s_nrt:7:Br"}, "keywords are those of series hmi.sharp_cea_720s_nrt"),
        (
            {"ctype1": "HPLN-TAN", "crota2": 180.0},
            r"keywords are those of a series on the CCD grid \(CTYPE1 HPLN-TAN\)",
        ),
    ],
)
def test_keywords_of_another_record_are_refused(path: Path, other: dict[str, Any], message: str) -> None:
    before = path.read_bytes()
    with pytest.raises(QueryError, match=rf"Br\.fits cannot be completed: its name gives .*{message}"):
        complete_header(path, KEYWORDS | other)
    header = fits.Header({name.upper().replace("__", "-")[:8]: value for name, value in plain(other).items()})
    with pytest.raises(QueryError, match="cannot be completed: its name gives"):
        complete_header(path, header)
    assert path.read_bytes() == before


def plain(keywords: dict[str, Any]) -> dict[str, Any]:
    return plain_keywords(keywords)


def test_a_given_series_is_compared_too(path: Path) -> None:
    with pytest.raises(QueryError, match=r"keywords are those of series hmi\.sharp_720s\. Give"):
        complete_header(path, KEYWORDS, series="hmi.sharp_720s")
    assert complete_header(path, KEYWORDS, series="sharp_cea_720s")  # a short form


def test_names_that_identify_no_record_are_not_compared(tmp_path: Path) -> None:
    known = {"slot": 1005598, "recnum": 7}
    for name in ("mine.fits", file_name(CEA, "Br", **known)):  # the record number instead of HARPNUM
        path = tmp_path / name
        path.write_bytes(compressed())
        assert complete_header(path, KEYWORDS)
        assert fits.getheader(path, 1)["HARPNUM"] == 6178


# --- Values -----------------------------------------------------------------------------------------------------------


def test_values_of_numpy_and_astropy(path: Path) -> None:
    loose: dict[str, Any] = {name: np.asarray(value)[()] for name, value in KEYWORDS.items()}
    assert type(loose["ctype1"]) is np.str_
    assert type(loose["crpix1"]) is np.float64
    loose |= {
        "usflux": 2e14 * u.Wb,
        "t_rec": Time("2015-12-11T23:36:00", scale="tai"),
        "date__obs": Time("2015-12-11T23:34:44.8", scale="tai"),
        "t_obs": np.str_("2015.12.11_23:35:48_TAI"),
        "dsun_obs": np.array(152059830.4192442) * u.km,
        "crpix2": np.array(20.0),
        "instrume": b"HMI_SIDE1",
        "r_value": np.ma.masked,
        "meanpot": Masked(1.0 * u.erg / u.cm**3, mask=True),
        "totpot": Masked(3.0 * u.J / u.m, mask=False),
        "meangam": np.float64("nan"),
        "noaa_ars": None,
    }
    assert complete_header(path, loose)
    header = fits.getheader(path, 1)
    assert not {"R_VALUE", "MEANPOT", "MEANGAM", "NOAA_ARS"} & set(header)
    expected = plain(KEYWORDS) | {"totpot": 3e5, "date__obs": "2015-12-11T23:34:08.800", "crval2": 5.3}
    for name, value in expected.items():
        got = header[name.upper().replace("__", "-")]
        assert got == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value)
    assert sunpy.map.Map(path).date.isot == "2015-12-11T23:34:08.800"


def test_a_row_of_a_pandas_table(path: Path) -> None:
    assert complete_header(path, pandas.DataFrame([plain(KEYWORDS)]).iloc[0])
    assert fits.getheader(path, 1)["HARPNUM"] == KEYWORDS["harpnum"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"usflux": 1 * u.m}, r"usflux \(total unsigned flux\) is written in Mx, and 1\.0 m cannot be converted"),
        ({"cdelt1": 1 * u.deg}, "in the unit CUNIT1.* is written without a unit, and 1.0 deg cannot"),
        ({"mine": 1 * u.m}, "mine is not a SHARP keyword"),
        ({"usflux": Time("2015-12-11")}, "usflux is given as a time"),
        ({"usflux": [1, 2] * u.Mx}, "usflux has several values"),
        ({"usflux": np.arange(3)}, "usflux has several values"),
        ({"date__obs": np.datetime64("2015-12-11", "ns")}, "date__obs is a datetime64, which is not valid"),
        ({"date__obs": datetime.datetime(2015, 12, 11, tzinfo=datetime.UTC)}, "date__obs is a datetime, which is not"),
        ({7: 1.0}, "must be strings, such as 'usflux', not 7"),
    ],
)
def test_invalid_values_are_refused(path: Path, value: Any, message: str) -> None:
    before = path.read_bytes()
    with pytest.raises(QueryError, match=message):
        complete_header(path, KEYWORDS | value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (None, r"not None\. Give a dict"),
        ("Br.fits", r"not the string 'Br.fits'\. Give a dict"),
        (["a.fits", "b.fits"], r"not a list\. Give a dict"),
        (Table({"usflux": [1.0]}), r"not a Table\. .* such as table\[0\]"),
        (fits.HDUList(), "not a HDUList"),
    ],
)
def test_other_objects_are_not_keywords(path: Path, keywords: Any, message: str) -> None:
    with pytest.raises(QueryError, match=f"complete_header takes the keywords of one record, {message}"):
        complete_header(path, keywords)


@pytest.mark.parametrize("wrong", [None, ["a.fits", "b.fits"], b"a.fits", 7])
def test_other_objects_are_not_paths(wrong: Any) -> None:
    with pytest.raises(QueryError, match=r"takes the path of one file, not (None|a list|a bytes|an int)\."):
        complete_header(wrong, KEYWORDS)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=f"takes the path of one file, but {re.escape(str(tmp_path))} is a folder"):
        complete_header(tmp_path, KEYWORDS)


def test_a_row_of_a_table_of_keywords(demo: tuple[str, Layer], tmp_path: Path) -> None:
    table = FLARECASTClient().search(a.Time("2015-12-11T23:30", "2015-12-11T23:36"), Series(CEA))
    keywords = table.keywords("*", progress=False)
    keywords["extra"] = 1 * u.m  # not a keyword
    row = keywords[0]
    as_dict = {name: row[name] for name in keywords.colnames if name != "extra"}
    bare = compressed(shape=(round(2 * row["crpix2"].value) - 1, round(2 * row["crpix1"].value) - 1))
    for some in (row, as_dict, {**as_dict, "date__obs": np.ma.masked}):
        path = tmp_path / file_name(CEA, "Br", harpnum=int(row["HARPNUM"]), slot=slot_of(row["T_REC"]))
        path.write_bytes(bare)
        assert complete_header(path, some)
        header = fits.getheader(path, 1)
        assert header["USFLUX"] == row["usflux"].to_value("Mx")
        assert abs(Time(header["DATE-OBS"]) - row["Start Time"]) < 1 * u.us
        assert header["DRMS_ID"] == f"{CEA}:{row['Record']}:Br"
        assert not {"EXTRA", "SERIES", "RECORD"} & set(header)
        assert sunpy.map.Map(path).date.isot == row["Start Time"].utc.isot
    mine = tmp_path / "mine.fits"
    mine.write_bytes(bare)
    complete_header(mine, row, segment="Br")
    assert fits.getheader(mine, 1)["BUNIT"] == "Mx/cm^2"  # of the row's series
    other = next(one for one in keywords if one["HARPNUM"] != row["HARPNUM"])
    with pytest.raises(QueryError, match=f"of HARPNUM {other['HARPNUM']}"):
        complete_header(path, other)


# --- Folders ----------------------------------------------------------------------------------------------------------


def test_incomplete_and_other_files_are_reported(path: Path) -> None:
    complete_header(path, KEYWORDS)
    whole = path.read_bytes()
    broken = {"Bp": b"not fits", "Bt": whole[:-1000], "bitmap": b"", "Br_err": compressed()[:-5000]}
    for segment, content in broken.items():
        path.with_name(NAME.replace("Br", segment)).write_bytes(content)
    got = complete_folder(path.parent, progress=False)
    assert got.fine == 1
    reasons = {one.path.split(".")[-2]: one.reason for one in got.bare}
    assert reasons["Bp"] == "it is not a FITS file"
    assert reasons["bitmap"] == "it is empty"
    assert reasons["Bt"].startswith("it ends at byte")
    assert reasons["Br_err"].startswith("it ends ")
    assert not is_bare(path)
    shown = CliRunner().invoke(cli, ["complete", str(path.parent), "--no-progress"])
    assert shown.exit_code == 1
    assert "0 files completed, 1 already had keywords, 4 not completed" in shown.output
    assert "Bp.fits: it is not a FITS file" in shown.output
