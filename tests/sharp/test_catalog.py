"""The catalog against JSOC's own tables of segments and keywords."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import astropy.units as u
import pytest
from astropy.io import fits

import sunpy_flarecast
from sunpy_flarecast.fits.structure import NOT_OF_THE_RECORD
from sunpy_flarecast.sharp.catalog import (
    SPACE_WEATHER,
    all_keywords,
    all_series,
    find_keyword,
    find_series,
    similar_keywords,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = ("hmi.sharp_720s_fits_keywords.csv", "hmi.sharp_cea_720s_fits_keywords.csv")


@pytest.mark.parametrize("name", ["hmi.sharp_720s", "hmi.sharp_cea_720s"])
def test_segments_are_those_of_jsoc_in_its_order(shared: Path, name: str) -> None:
    lines = (shared / "data" / "keywords" / f"segments_{name}.txt").read_text().splitlines()
    # Two lines of titles, then one line for each segment; pandas may have wrapped the table into several parts.
    listed = [line.split()[0] for line in lines[2:] if line.strip()]
    names = list(dict.fromkeys(first for first in listed if first != "name" and not first.isdigit()))
    segments = [segment.name for segment in find_series(name).segments]
    assert [found for found in names if found in segments] == segments
    assert [segment.name for segment in find_series(f"{name}_nrt").segments] == segments


def test_every_unit_is_one_that_maps_accept() -> None:
    units = {segment.unit for series in all_series() for segment in series.segments}
    assert units == {"", "Mx/cm^2", "m/s", "cm/s", "DN/s", "degree", "10**-3 Angstrom"}
    for unit in units - {""}:
        u.Unit(unit)  # raises an error for invalid units


def test_every_segment_has_a_meaning_and_each_series_its_own_names() -> None:
    assert [len(series.segments) for series in all_series()] == [31, 31, 11, 11, 3, 3]
    for series in all_series():
        names = [segment.name.casefold() for segment in series.segments]
        assert len(set(names)) == len(names)
        assert all(segment.meaning for segment in series.segments)
        assert series.meaning


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("hmi.sharp_720s", "hmi.sharp_720s"),
        ("HMI.SHARP_CEA_720S_NRT", "hmi.sharp_cea_720s_nrt"),
        ("sharp_720s_nrt", "hmi.sharp_720s_nrt"),
        (" sharp_cea_720s ", "hmi.sharp_cea_720s"),
        ("720", "hmi.sharp_720s"),
        ("mdi.smarp_96m", "mdi.smarp_96m"),
        ("SMARP_CEA_96m", "mdi.smarp_cea_96m"),
    ],
)
def test_series_are_found_by_full_and_short_names(name: str, found: str) -> None:
    assert find_series(name).name == found


@pytest.mark.parametrize("name", ["", "hmi.", "hmi.720", "hmi.hmi.sharp_720s", "sharp_720", "hmi.m_720s", "sharp"])
def test_other_names_are_not_known(name: str) -> None:
    assert find_series(name) is None


def test_near_real_time_follows_from_the_name() -> None:
    assert [series.near_real_time for series in all_series()] == [False, True, False, True, False, False]
    assert [series.projection for series in all_series()] == ["CCD", "CCD", "CEA", "CEA", "CCD", "CEA"]


def test_a_series_is_shown_without_its_segments() -> None:
    assert repr(find_series("sharp_720s")) == "<Series hmi.sharp_720s: definitive SHARPs on the CCD grid, 31 segments>"


def test_segments_are_found_in_any_case() -> None:
    cea = find_series("hmi.sharp_cea_720s")
    assert cea.segment("DOPPLERGRAM").name == "Dopplergram"
    assert cea.segment("br") == cea.segment("Br")
    assert cea.segment("azimuth") is None


# --- Keywords ---------------------------------------------------------------------------------------------------------


def listed(shared: Path, table: str) -> Iterator[dict[str, str]]:
    with (shared / "data" / "keywords" / table).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def smarp_table(shared: Path, folder: Path) -> Path:
    """Write the table of a SMARP's header in JSOC's form."""
    name = "mdi.smarp_cea_96m.13520.20100714_124800_TAI.magnetogram.fits"
    rows = [("fits", "unit", "value_example")]
    for card in fits.getheader(shared / "data" / "cases" / name, 1).cards:
        if not NOT_OF_THE_RECORD.fullmatch(card.keyword) and card.keyword not in ("", "COMMENT", "HEADSUM"):
            unit = re.match(r"\[(.*?)\]|", card.comment)[1] or ""
            undefined = isinstance(card.value, fits.card.Undefined)
            rows.append((card.keyword, unit, "" if undefined else str(card)[10:].split("/ ")[0].strip()))
    path = folder / "mdi.smarp_cea_96m.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_the_catalog_equals_the_output_of_the_script(shared: Path, tmp_path: Path) -> None:
    root = Path(sunpy_flarecast.__file__).parents[1]
    tools = root / "docs" / "tools"
    if not tools.is_dir():
        pytest.skip("the folder docs is missing")
    (tmp_path / "docs" / "tools").mkdir(parents=True)
    (tmp_path / "sunpy_flarecast" / "data").mkdir(parents=True)
    for name in ("make_keywords.py", "keyword_meanings.txt"):
        (tmp_path / "docs" / "tools" / name).write_bytes((tools / name).read_bytes())
    command = [sys.executable, str(tmp_path / "docs" / "tools" / "make_keywords.py")]
    tables = [str(shared / "data" / "keywords" / table) for table in TABLES]
    tables.append(str(smarp_table(shared, tmp_path)))
    subprocess.run([*command, *tables], check=True, timeout=60)
    made, held = (top / "sunpy_flarecast" / "data" / "keywords.json" for top in (tmp_path, root))
    assert made.read_text("utf-8") == held.read_text("utf-8")
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 1


@pytest.mark.parametrize(("table", "projection"), [(TABLES[0], "CCD"), (TABLES[1], "CEA")])
def test_all_keywords_of_jsoc_s_headers_are_known(shared: Path, table: str, projection: str) -> None:
    of_files = r"BUNIT|DATAVALS|MISSVALS|DATAM\w+|DATARMS|DRMS_ID|HEADSUM|LONGSTRN"
    names = [row["fits"] for row in listed(shared, table) if not re.fullmatch(of_files, row["fits"])]
    assert {keyword.fits for keyword in all_keywords() if projection in keyword.projections} == set(names)
    for row in listed(shared, table):
        keyword, example = find_keyword(row["fits"]), row["value_example"]
        if keyword is None or not example:
            continue
        kind = "text" if example[0] in "'\"" else "float" if set(example) & set(".E") else "int"
        assert keyword.kind == kind, keyword


def test_every_keyword_has_a_meaning_and_a_unit_that_astropy_reads() -> None:
    names = [keyword.name for keyword in all_keywords()]
    assert len(set(names)) == len({keyword.fits for keyword in all_keywords()}) == len(names)
    for keyword in all_keywords():
        assert keyword.meaning
        assert keyword.name == keyword.name.lower()
        assert re.fullmatch(r"[A-Z0-9_-]{1,8}", keyword.fits)
        assert keyword.kind in ("int", "float", "text")
        assert keyword.projections in (("CCD", "CEA"), ("CCD",), ("CEA",), *([()] if keyword.smarp else []))
        unit = u.Unit(keyword.unit)
        assert u.Unit(unit.to_string()) == unit
        assert not (keyword.kind == "text" and keyword.unit)
        if keyword.error:
            assert find_keyword(keyword.error).unit == keyword.unit
            assert keyword.name.upper() in find_keyword(keyword.error).meaning


def test_units_of_the_parameters() -> None:
    units = {name: find_keyword(name).unit for name in SPACE_WEATHER}
    assert len(units) == 18
    assert units == {
        **dict.fromkeys(("meangam", "meanshr"), "deg"),
        **dict.fromkeys(("meangbt", "meangbz", "meangbh"), "G / pix"),
        "totusjz": "A",
        "savncpp": "A / arcsec2",
        **dict.fromkeys(("meanjzh", "totusjh", "absnjzh"), "G2 / m"),
        **dict.fromkeys(("r_value", "area_acr"), ""),
        "usflux": "Mx",
        "meanjzd": "mA / m2",
        "meanalp": "1 / Mm",
        "meanpot": "erg / cm3",
        "totpot": "erg / cm",
        "shrgt45": "%",
    }
    assert u.Unit(find_keyword("invlmbdm").unit).is_equivalent(u.AA)  # JSOC's mA are not milliampere


def test_units_that_differ_from_jsocs_agree_with_the_values(shared: Path) -> None:
    values = {row["fits"]: row["value_example"] for row in listed(shared, TABLES[0])}
    number = {name: float(values[name]) for name in ("MNET", "MMEAN", "NPIX", "TOTPOT", "MEANPOT", "CMASK", "SIZE")}
    assert number["MNET"] / number["NPIX"] == pytest.approx(number["MMEAN"], rel=1e-4)  # gauss, not weber
    pixel = (0.03 * u.deg).to_value("rad") * 696e6 * 100
    assert number["TOTPOT"] / number["CMASK"] / pixel**2 == pytest.approx(number["MEANPOT"], rel=0.01)
    side = (float(values["CDELT1"]) * u.arcsec).to_value("rad") * float(values["DSUN_OBS"])
    on_disk = 1e6 * number["NPIX"] * side**2 / (3.14159265 * 696e6**2)
    assert number["SIZE"] == pytest.approx(on_disk, rel=0.02)  # of the disk, not the hemisphere


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("usflux", "usflux"),
        (" USFLUX ", "usflux"),
        ("DATE-OBS", "date__obs"),
        ("date__obs", "date__obs"),
        ("LATFWTPO", "lat_fwtpos"),
        ("Lat_FWTPos", "lat_fwtpos"),
        ("TRECEPOC", "t_rec_epoch"),
    ],
)
def test_keywords_are_found_by_both_names_in_any_case(name: str, found: str) -> None:
    assert find_keyword(name).name == found


@pytest.mark.parametrize("name", ["", "bunit", "usfluxx", "datamin", "invkeyd1", "harp num"])
def test_other_keywords_are_not_known(name: str) -> None:
    assert find_keyword(name) is None


def test_similar_names_are_suggested() -> None:
    assert similar_keywords("usfluxx")[0] == "usflux"
    assert similar_keywords("R-VALUE")[0] == "r_value"
    assert similar_keywords("noaa")[0].startswith("noaa")
    assert similar_keywords("qqq") == ()
