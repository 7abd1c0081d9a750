"""Files of other series, such as images of the full disk, are recognized everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.io import fits
from bare import NEEDED
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast import FileError, QueryError, complete_header, load
from sunpy_flarecast.archive import DirectoryArchive
from sunpy_flarecast.download.complete_folder import complete_folder
from sunpy_flarecast.sharp.filenames import other_series

if TYPE_CHECKING:
    from pathlib import Path

KEYWORDS: dict[str, Any] = {**NEEDED, "crval2": 5.3, "date__obs": "2015-12-11T23:34:08.8"}

FULL_DISK = "hmi.M_720s.20110215_020000_TAI.magnetogram.fits"


def write(path: Path, **keywords: Any) -> Path:
    header = fits.Header([(name.upper().replace("__", "-")[:8], value) for name, value in keywords.items()])
    fits.PrimaryHDU(np.ones((8, 8), dtype=np.int32), header).writeto(path, output_verify="silentfix")
    return path


def without_region(**more: Any) -> dict[str, Any]:
    return {name: value for name, value in KEYWORDS.items() if name != "harpnum"} | more


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        (FULL_DISK, {}, "it belongs to hmi.M_720s"),
        ("one.fits", {"drms_id": "hmi.M_720s:7:magnetogram"}, "it belongs to hmi.M_720s"),
        ("one.fits", {}, "it has no HARPNUM"),
    ],
)
def test_load_refuses_other_series(tmp_path: Path, name: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(FileError, match=rf"not a SHARP or SMARP: {message}\. Use sunpy.map.Map"):
        load(write(tmp_path / name, **without_region(**more)))


def test_an_archive_reports_other_series(tmp_path: Path) -> None:
    write(tmp_path / FULL_DISK)
    write(tmp_path / "one.fits", **without_region(drms_id="hmi.M_720s:7:magnetogram"))
    write(tmp_path / "two.fits", **without_region())
    with pytest.warns(SunpyUserWarning, match="3 of the files .* cannot be served"):
        archive = DirectoryArchive(tmp_path)
    with archive:
        reasons = {path.name: why for path, why in archive.skipped}
    assert [reasons[name].partition(";")[0] for name in (FULL_DISK, "one.fits")] == ["It belongs to hmi.M_720s"] * 2
    assert "lacks DRMS_ID and HARPNUM. If it is a SHARP or SMARP, rename it" in reasons["two.fits"]


def test_files_of_other_series_get_no_keywords(tmp_path: Path) -> None:
    path = write(tmp_path / FULL_DISK)
    before = path.read_bytes()
    with pytest.raises(QueryError, match=r"it belongs to hmi\.M_720s, which is not a SHARP or SMARP series"):
        complete_header(path, KEYWORDS)
    [bare] = complete_folder(tmp_path).bare
    assert bare.reason == "it belongs to hmi.M_720s, which is not a SHARP or SMARP series"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("aia.lev1_euv_12s.2011-02-15T020002Z.171.image_lev1.fits", "aia.lev1_euv_12s"),
        ("mdi.fd_M_96m_lev182.20100714_124800_TAI.data.fits", "mdi.fd_M_96m_lev182"),
        ("hmi.sharp_cea_720s.377.20110215_020000_TAI.Br.fits", ""),
        ("mdi.smarp_96m.1.20100714_124800_TAI.bitmap.fits", ""),
        ("my.fits", ""),
        ("", ""),
    ],
)
def test_series_of_names(name: str, series: str) -> None:
    assert other_series(name) == series
