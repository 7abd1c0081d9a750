"""The identity of a file, and how `load` treats unusual names, cards and codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.io import fits

from sunpy_flarecast import load
from sunpy_flarecast.archive import DemoArchive
from sunpy_flarecast.maps.header_fixes import Identity, identify
from sunpy_flarecast.maps.styles import style_of

if TYPE_CHECKING:
    from pathlib import Path

CCD, CEA = "hmi.sharp_720s", "hmi.sharp_cea_720s"


def demo_file(folder: Path, series: str, segment: str, ending: str = ".fits") -> Path:
    from datetime import UTC, datetime

    archive = DemoArchive()
    start, end = datetime(2014, 2, 10, tzinfo=UTC), datetime(2014, 2, 10, 0, 11, tzinfo=UTC)
    record = next(iter(archive.records(series, start, end)))
    path = folder / f"{series}.1234.20140210_000000_TAI.{segment}{ending}"
    path.write_bytes(archive.segment(series, record.recnum, segment))
    return path


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        (f"{CCD}.377.20110215_020000_TAI.eta_0.fits", "eta_0"),
        (f"{CCD}.377.20110215_020000_TAI.eta_0_1.fits", "eta_0"),
        (f"{CCD}.377.20110215_020000_TAI.magnetogram_12.fits", "magnetogram"),
        (f"{CCD}.377.20110215_020000_TAI.magnetogram.1.fits", "magnetogram"),
        (f"{CCD}.377.20110215_020000_TAI.vlos_mag.3.fits", "vlos_mag"),
        (f"{CCD}.377.20110215_020000_TAI.azimuth.fits.gz", "azimuth"),
        (f"{CCD}.377.20110215_020000_TAI.mine.fits", ""),
        (f"{CCD}.377.20110215_020000_TAI.fits", ""),
        (f"{CCD}.377.20110215_020000_TAI.magnetogram_old.fits", ""),
    ],
)
def test_the_segment_in_a_name_must_belong_to_the_series(name: str, segment: str) -> None:
    assert identify({}, name) == Identity(CCD, segment)


def test_the_header_takes_precedence_over_the_name() -> None:
    name = f"{CEA}.377.20110215_020000_TAI.Br_1.fits"
    assert identify({"DRMS_ID": f"{CEA}:7:Bt"}, name).segment == "Bt"
    assert identify({"SEGMENT": "newest"}, name).segment == "newest"


@pytest.mark.parametrize("ending", [".fits", "_1.fits", ".1.fits"])
def test_numbered_copies_load_as_the_original(tmp_path: Path, ending: str) -> None:
    one = load(demo_file(tmp_path, CCD, "Dopplergram", ending))
    assert one.meta["segment"] == "Dopplergram"
    assert one.unit.to_string() == "m / s"
    assert one.measurement == "dopplergram"


@pytest.mark.parametrize("segment", ["magnetogram", "conf_disambig"])
def test_maps_are_saved_without_a_warning(tmp_path: Path, segment: str) -> None:
    path = demo_file(tmp_path, CCD, segment)
    assert "BLANK" in fits.getheader(path, 1)
    one = load(path)
    assert one.data.dtype.kind == "f"
    assert "blank" not in one.meta
    one.save(tmp_path / "again.fits")
    assert np.array_equal(load(tmp_path / "again.fits").data, one.data, equal_nan=True)


def test_comments_of_cards_are_kept_in_maps(tmp_path: Path) -> None:
    path = demo_file(tmp_path, CEA, "magnetogram")
    with fits.open(path, mode="update") as hdus:
        hdus[-1].header["USFLUX"] = (1e22, "[Mx] total unsigned flux")
        hdus[-1].header["GWILL"] = ("nan", "goes with its card")
    one = load(path)
    assert one.meta["keycomments"]["USFLUX"] == "[Mx] total unsigned flux"
    assert "GWILL" not in one.meta["keycomments"]
    one.save(tmp_path / "again.fits")
    assert fits.getheader(tmp_path / "again.fits").comments["USFLUX"] == "[Mx] total unsigned flux"


@pytest.mark.parametrize(("segment", "codes"), [("bitmap", [0, 1, 3, 34, 64]), ("disambig", [0, 7, 8])])
def test_codes_without_a_meaning_are_grey_and_named_by_their_number(segment: str, codes: list[int]) -> None:
    style: Any = style_of(segment, np.array([codes], dtype=np.uint8))
    known = [code for code in style.codes if style.codes[code] != str(code)]
    strange = set(codes) - set(known)
    assert {style.codes[code] for code in strange} == {str(code) for code in strange}
    colours = {code: style.cmap(style.norm(code)) for code in style.codes}
    for code in strange:
        red, green, blue, _ = colours[code]
        assert red == green == blue
        assert colours[code] not in [colours[other] for other in known]
    usual: Any = style_of(segment, np.array([known], dtype=np.uint8))
    assert all(usual.cmap(usual.norm(code)) == colours[code] for code in known)
    assert not style_of(segment, np.arange(100).reshape(10, 10)).codes
