"""Keywords of real records, computed from the pixels with their units where possible."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from jsoc_parameters import parameters, potential_parameters, read

from sunpy_flarecast.catalog import CEA_PIXEL, find_keyword

RECORD = "hmi.sharp_cea_720s.377.20110215_020000_TAI"

SEGMENTS = ("Bp", "Bt", "Br", "Bp_err", "Bt_err", "Br_err", "conf_disambig", "bitmap")

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "keywords.md"

#: Keywords whose values have only three decimals in the header.
COARSE = ("ERRGAM", "ERRBT", "ERRBZ", "ERRBH")


@cache
def record(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    images = {name: read(folder / f"{RECORD}.{name}.fits")[0] for name in SEGMENTS}
    return images, read(folder / f"{RECORD}.Br.fits")[1]


def test_each_parameter_agrees_with_its_pixels(shared: Path) -> None:
    images, header = record(shared / "data" / "sharp_fits")
    found = parameters(images, header)
    rows = []
    for name, value in found.items():
        stored = header[name]
        rows.append(f"{name:8} {stored:<14.8g} {value.value:<14.8g} {value.unit}")
        close = pytest.approx(stored, abs=0.0006) if name in COARSE else pytest.approx(stored, rel=3e-5)
        assert value.value == close, name
    print("\n".join(("keyword  header         computed       unit", *rows)))  # noqa: T201 (shown by -s)
    assert len(found) == 31


def test_the_catalogs_units_agree_with_the_values(shared: Path) -> None:
    for name, value in parameters(*record(shared / "data" / "sharp_fits")).items():
        keyword = find_keyword(name)
        assert keyword is not None
        assert u.Unit(keyword.unit) == value.unit, name


def test_the_documented_values_are_right(shared: Path) -> None:
    images, header = record(shared / "data" / "sharp_fits")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+\|[^|]+\|)", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    found = parameters(images, header)
    assert set(rows) == set(found)
    for name, value in found.items():
        printed, computed = (float(cell.split()[0]) for cell in rows[name].split("|")[:2])
        assert printed == pytest.approx(header[name], rel=1e-6), name
        assert computed == pytest.approx(value.value, rel=1e-4), name


def test_shear_and_free_energy_are_not_against_the_potential_field(shared: Path) -> None:
    images, header = record(shared / "data" / "sharp_fits")
    found = potential_parameters(images, header)
    assert found["MEANSHR"].value < 0.6 * header["MEANSHR"]
    assert found["SHRGT45"].value < 0.4 * header["SHRGT45"]
    assert found["MEANPOT"].value < 0.8 * header["MEANPOT"]


def statistics() -> list[str]:
    folder = Path(__file__).parents[3] / "shared" / "data" / "sharp_fits"
    return sorted(path.name for path in folder.glob("*.fits")) or [""]


@pytest.mark.parametrize("name", statistics())
def test_the_statistics_of_the_image_are_those_of_the_pixels(shared: Path, name: str) -> None:
    data, header = read(shared / "data" / "sharp_fits" / name)
    if "DATAMEAN" not in header:
        pytest.skip("a file without keywords, or one that has no statistics")
    there = data[np.isfinite(data)]
    for keyword, value in {
        "DATAVALS": there.size,
        "DATAMIN": there.min(),
        "DATAMAX": there.max(),
        "DATAMEAN": there.mean(),
        "DATAMEDN": np.median(there),
        "DATARMS": there.std(ddof=1),
    }.items():
        assert value == pytest.approx(header[keyword], rel=2e-3, abs=0.06), keyword


def test_gradients_become_gauss_per_megametre(shared: Path) -> None:
    found = parameters(*record(shared / "data" / "sharp_fits"))["MEANGBZ"]
    assert (found / CEA_PIXEL).to_value(u.G / u.Mm) == pytest.approx(275.8, abs=0.1)


def test_smarp_gradients_are_per_pixel_too(shared: Path) -> None:
    stem = "mdi.smarp_cea_96m.13520.20100714_124800_TAI"
    field, header = read(shared / "data" / "cases" / f"{stem}.magnetogram.fits")
    patch = read(shared / "data" / "cases" / f"{stem}.bitmap.fits")[0] >= 32
    north, west = np.gradient(field)
    side = np.radians(header["CDELT1"]) * header["RSUN_REF"] * u.m
    assert patch.sum() == header["CMASKL"]
    assert np.hypot(west, north)[patch].mean() == pytest.approx(header["MEANGBL"], rel=1e-3)
    assert (np.abs(field[patch]).sum() * u.G * side**2).to_value(u.Mx) == pytest.approx(header["USFLUXL"], rel=1e-5)
