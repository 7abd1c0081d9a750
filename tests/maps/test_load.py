"""`load`: maps of files of all generations, without a warning; files that cannot be loaded are named."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import astropy.units as u
import matplotlib as mpl
import numpy as np
import parfive
import pytest
import sunpy.map
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast import FetchReport, FileError, Maps, QueryError, load
from sunpy_flarecast.archive import DemoArchive
from sunpy_flarecast.maps.header_fixes import Identity, identify, mend
from sunpy_flarecast.maps.styles import style_of
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.utils.optional_deps import install_command

mpl.use("agg")

SERIES = {"CCD": "hmi.sharp_720s", "CEA": "hmi.sharp_cea_720s"}

#: JSOC's units of segments, most of which sunpy refuses or misreads.
JSOC_UNITS = {
    "bitmap": "Enumerated",
    "Dopplergram": "cm/s",
    "inclination": "Degree",
    "azimuth": "deg",
    "field": "Gauss",
    "dop_width": "mA",
    "eta_0": "adimensional",
    "damping": "Doppler width units",
    "src_continuum": "data units",
    "disambig": "none",
    "chisq": "none",
}


def real_files() -> list[str]:
    folder = Path(__file__).parents[3] / "shared" / "data" / "sharp_fits"
    return sorted(path.name for path in folder.glob("*.fits"))


def full_header(shared: Path, projection: str) -> fits.Header:
    name = "hmi_cea_sharp_magnetogram.header" if projection == "CEA" else "hmi_sharp_magnetogram.header"
    text = (shared / "data" / "keywords" / name).read_text()
    return fits.Header.fromstring(text, sep="\n")


def write(path: Path, header: fits.Header, data: Any = None, **changes: Any) -> Path:
    """Write a compressed image with a full header, as exported by JSOC."""
    header = header.copy()
    for name in ("CHECKSUM", "DATASUM", "HEADSUM", "BLANK", "BZERO", "BSCALE"):
        header.remove(name, ignore_missing=True)
    for name, value in changes.items():
        if value is None:
            header.remove(name, ignore_missing=True)
        else:
            header[name] = value
    image = np.zeros((24, 32), dtype=np.int32) if data is None else data
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(image, header, compression_type="RICE_1")]).writeto(path)
    return path


def demo_files(folder: Path, series: str, *names: str, headers: str = "full") -> list[Path]:
    """Write segments of a small demo record under JSOC's names."""
    archive = DemoArchive(headers=headers)
    recnum = demo_record(series)
    paths = []
    for name in names:
        path = folder / f"{series}.1234.20140210_000000_TAI.{name}.fits"
        path.write_bytes(archive.segment(series, recnum, name))
        paths.append(path)
    return paths


def demo_record(series: str) -> int:
    from datetime import UTC, datetime

    start, end = datetime(2014, 2, 10, tzinfo=UTC), datetime(2014, 2, 10, 0, 11, tzinfo=UTC)
    return next(iter(DemoArchive().records(series, start, end))).recnum


@pytest.mark.parametrize("name", real_files())
def test_real_files_load_without_a_warning(shared: Path, name: str) -> None:
    path = shared / "data" / "sharp_fits" / name
    if ".7115." in name and "continuum" in name:
        with pytest.raises(FileError, match="complete_header") as caught:
            load(path)
        assert str(path) in str(caught.value)
        return
    one = load(path)
    segment = name.split(".")[-2]
    unit = find_series("hmi.sharp_cea_720s").segment(segment).unit
    assert isinstance(one, sunpy.map.sources.HMIMap)
    assert one.meta["segment"] == segment
    assert one.unit == (u.Unit(unit) if unit else None)
    assert segment.lower() in one.latex_name.split()
    assert "nan" not in [value for value in one.meta.values() if isinstance(value, str)]
    assert "r_value" not in one.meta or isinstance(one.meta["r_value"], float)
    with fits.open(path) as hdus:
        assert np.array_equal(one.data, hdus[-1].data, equal_nan=True)
    # Position and time are those that sunpy reads from the same file.
    plain = sunpy.map.Map(path)
    assert one.center.separation(plain.center) == 0
    assert one.date == plain.date
    assert one.observer_coordinate.separation_3d(plain.observer_coordinate) == 0 * u.m


@pytest.mark.parametrize("generation", [1, 2, 3])
@pytest.mark.parametrize("projection", ["CCD", "CEA"])
@pytest.mark.parametrize("segment", ["magnetogram", "Dopplergram"])
def test_all_generations_make_the_same_map(
    shared: Path, tmp_path: Path, generation: int, projection: str, segment: str
) -> None:
    header = full_header(shared, projection)
    series = SERIES[projection]
    path = tmp_path / f"{series}.11465.20240628_000000_TAI.{segment}.fits"
    changes: dict[str, Any] = {"BUNIT": "cm/s" if segment == "Dopplergram" else "Mx/cm^2"}
    if generation == 1:
        changes |= {"DRMS_ID": None, "RECNUM": None, "GWILL": "nan", "T_REC": "2024.06.28_00:00:00_TAI"}
    else:
        changes["DRMS_ID"] = f"{series}:9252513:{segment}"
        path = tmp_path / "renamed.fits"
    if generation == 3:
        changes |= {f"_{name}": header[name] for name in ("DATAMIN", "DATAMAX")}
        changes |= {"_BUNIT": changes["BUNIT"], "BUNIT": None, "DATAMIN": None, "DATAMAX": None}
    write(path, header, **changes)
    if generation == 1:  # without quotes, as JSOC wrote it
        path.write_bytes(path.read_bytes().replace(b"GWILL   = 'nan     '", b"GWILL   = nan       "))
    one = load(path)
    assert one.unit == u.Unit("m/s" if segment == "Dopplergram" else "Mx/cm^2")
    assert one.meta["segment"] == segment
    assert one.meta["datamin"] == header["DATAMIN"]
    assert "gwill" not in one.meta
    assert "_bunit" not in one.meta
    assert one.date.isot == "2024-06-27T23:58:46.200"
    assert one.latex_name == f"HMI HARP 11465 {segment.lower()} 2024-06-27 23:58:46"
    reference = one.coordinate_frame.observer
    assert reference.radius.to_value(u.m) == pytest.approx(header["DSUN_OBS"])
    assert one.wcs.wcs.crval.tolist() == [header["CRVAL1"], header["CRVAL2"]]


@pytest.mark.parametrize("projection", ["CCD", "CEA"])
def test_every_segment_has_the_catalogs_unit_and_a_fitting_style(shared: Path, tmp_path: Path, projection: str) -> None:
    header = full_header(shared, projection)
    series = find_series(SERIES[projection])
    for segment in series.segments:
        path = tmp_path / f"{series.name}.11465.20240628_000000_TAI.{segment.name}.fits"
        write(path, header, BUNIT=JSOC_UNITS.get(segment.name, segment.unit), DRMS_ID=None)
    maps = load(tmp_path)
    assert [one.meta["segment"] for one in maps] == [segment.name for segment in series.segments]
    for one, segment in zip(maps, series.segments, strict=True):
        assert one.unit == (u.Unit(segment.unit) if segment.unit else None), segment.name
        assert callable(one.plot_settings["norm"])


def test_pixels_without_a_value_are_nan(shared: Path, tmp_path: Path) -> None:
    header = full_header(shared, "CCD")
    stored = np.arange(24 * 32, dtype=np.int32).reshape(24, 32)
    stored[0, :5] = -(2**31)
    header["DRMS_ID"] = "hmi.sharp_720s:1:magnetogram"
    for name in (
        "CHECKSUM",
        "DATASUM",
        "HEADSUM",
        "BSCALE",
        "BZERO",
        "BLANK",
        "SIMPLE",
        "BITPIX",
        "NAXIS",
        "NAXIS1",
        "NAXIS2",
    ):
        header.remove(name, ignore_missing=True)
    plain = fits.ImageHDU(stored, header)
    plain.header["BLANK"] = -(2**31)
    for name, hdu in (("plain", plain), ("small", fits.CompImageHDU(stored, plain.header, compression_type="RICE_1"))):
        path = tmp_path / f"{name}.fits"
        raw = fits.HDUList([fits.PrimaryHDU(), hdu])
        raw.writeto(path)
        one = load(path)
        assert np.isnan(one.data).sum() == 5
        assert np.nanmax(one.data) == 767


def test_lists_keep_their_order_and_are_read_on_access(tmp_path: Path) -> None:
    first, second, third = demo_files(tmp_path, "hmi.sharp_cea_720s", "bitmap", "Br", "magnetogram")
    broken = tmp_path / "broken.fits"
    broken.write_bytes(second.read_bytes()[:-3000])
    maps = load([third, str(first), broken, second])
    # As in a column of a table.
    assert load(np.array([third, str(first), broken, second], dtype=str)).paths == maps.paths
    assert isinstance(maps, Maps)
    assert len(maps) == 4
    assert maps[0].meta["segment"] == "magnetogram"
    assert maps[-1].meta["segment"] == "Br"
    assert [one.meta["segment"] for one in maps[:2]] == ["magnetogram", "bitmap"]
    assert isinstance(maps[1:], Maps)
    assert repr(maps).startswith("<Maps of 4 files: hmi.sharp_")
    assert repr(maps[:1]).startswith("<Maps of 1 file: hmi.sharp_")
    with pytest.raises(FileError, match=r"broken\.fits ends at byte"):
        maps[2]
    with pytest.raises(IndexError):
        maps[4]
    assert load(maps[:2]).paths == maps.paths[:2]


def test_folders_and_fetches_are_sorted(tmp_path: Path) -> None:
    names = [
        f"hmi.sharp_cea_720s.{harp}.20140210_00{minute}00_TAI.{segment}.fits"
        for harp in (377, 6060)
        for minute in ("00", "12")
        for segment in ("magnetogram", "bitmap", "Br", "conf_disambig")
    ]
    for name in reversed(names):
        (tmp_path / name.split(".")[2]).mkdir(exist_ok=True)
        (tmp_path / name.split(".")[2] / name).touch()
    (tmp_path / "notes.txt").touch()
    assert [Path(path).name for path in load(tmp_path).paths] == names
    arrived = [str(tmp_path / name) for name in reversed(names)]
    assert [Path(path).name for path in load(parfive.Results(arrived)).paths] == names
    assert [Path(path).name for path in load(FetchReport(arrived[:3], arrived[3:], [])).paths] == names


def test_files_that_cannot_be_loaded_are_named(shared: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.fits"
    page.write_text("<html>Please log in</html>")
    with pytest.raises(FileError, match=r"page\.fits is not a FITS file. Fetch it again"):
        load(page)
    with pytest.raises(FileError, match=r"There is no file .*nowhere\.fits"):
        load(tmp_path / "nowhere.fits")
    header = full_header(shared, "CCD")
    with pytest.raises(FileError, match=r"aia\.fits is not a SHARP or SMARP: its INSTRUME is 'AIA_3'"):
        load(write(tmp_path / "aia.fits", header, INSTRUME="AIA_3"))
    with pytest.raises(FileError, match=r"no CROTA2,.*[Cc]omplete"):
        load(write(tmp_path / "turned.fits", header, CROTA2=None))
    table = tmp_path / "table.fits"
    fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])]).writeto(table)
    with pytest.raises(FileError, match=r"table\.fits is not a SHARP file: it holds no image"):
        load(table)
    (tmp_path / "empty").mkdir()
    for nothing in (tmp_path / "empty", [], parfive.Results()):
        with pytest.raises(FileError, match="found no FITS file"):
            load(nothing)
    for other in (3, [3], None, b"a.fits"):
        with pytest.raises(QueryError, match="the result of Fido"):
            load(other)
    with pytest.raises(QueryError, match="the path is empty"):
        load("")


def test_files_with_damaged_tiles_are_named(tmp_path: Path) -> None:
    [path] = demo_files(tmp_path, "hmi.sharp_cea_720s", "Br")
    whole = path.read_bytes()
    with fits.open(path, disable_image_compression=True) as hdus:
        begin = hdus[1].fileinfo()["datLoc"]
    path.write_bytes(whole[:begin] + b"\x7f" * (len(whole) - begin))
    with pytest.raises(FileError, match=r"Cannot decode .*Br\.fits"):
        load(path)


@pytest.mark.parametrize("segment", ["magnetogram", "bitmap"])
def test_errors_for_bare_files_say_how_to_complete_them(tmp_path: Path, segment: str) -> None:
    [path] = demo_files(tmp_path, "hmi.sharp_720s", segment, headers="bare")
    with pytest.raises(FileError, match=r"has no keywords.*sunpy-flarecast complete"):
        load(path)


def test_demo_files_load_as_with_sunpy_map(tmp_path: Path) -> None:
    for path in demo_files(tmp_path, "hmi.sharp_720s", "magnetogram", "bitmap", "Dopplergram", "azimuth"):
        mine, plain = load(path), sunpy.map.Map(path)
        assert np.array_equal(mine.data, plain.data, equal_nan=True)
        assert mine.unit == plain.unit
        assert mine.wcs.wcs.compare(plain.wcs.wcs)
        axes = mpl.pyplot.figure().add_subplot(projection=mine)
        mine.plot(axes=axes)
        assert f" {mine.meta['segment'].lower()} " in axes.get_title()
        mpl.pyplot.close("all")


@pytest.mark.parametrize("series", SERIES.values())
def test_a_rotated_map_is_saved_and_loaded(tmp_path: Path, series: str) -> None:
    one = load(demo_files(tmp_path, series, "magnetogram")[0]).rotate()
    one.save(tmp_path / "rotated.fits")
    assert "CROTA2" not in fits.getheader(tmp_path / "rotated.fits")
    again = load(tmp_path / "rotated.fits")
    assert np.allclose(again.rotation_matrix, np.eye(2))
    assert again.center.separation(one.center) < 1e-6 * u.arcsec


def test_files_with_all_suffixes_are_loaded(tmp_path: Path) -> None:
    paths = demo_files(tmp_path, "hmi.sharp_cea_720s", "bitmap", "Br", "magnetogram")
    for path, ending in zip(paths[:2], (".fits.gz", ".FITS"), strict=True):
        path.with_name(path.name.removesuffix(".fits") + ending).write_bytes(
            gzip.compress(path.read_bytes()) if ending.endswith("gz") else path.read_bytes()
        )
        path.unlink()
    assert [one.meta["segment"] for one in load(tmp_path)] == ["magnetogram", "bitmap", "Br"]
    [packed] = tmp_path.glob("*.gz")
    packed.write_bytes(packed.read_bytes()[:-2000])
    with pytest.raises(FileError, match=r"Cannot decode .*\.gz"):
        load(packed)


def test_contours_and_submaps(tmp_path: Path) -> None:
    field, bitmap = (load(path) for path in demo_files(tmp_path, "hmi.sharp_cea_720s", "magnetogram", "bitmap"))
    part = field.submap([4, 4] * u.pix, top_right=[40, 30] * u.pix)
    axes = mpl.pyplot.figure().add_subplot(projection=part)
    part.plot(axes=axes)
    assert " magnetogram " in axes.get_title()
    for one in (bitmap, part):
        assert one.draw_contours([0.5 * one.data.max()] * (one.unit or u.dimensionless_unscaled), axes=axes).levels
    mpl.pyplot.close("all")


def test_norms_and_colours_suit_the_segment() -> None:
    values = np.array([[-2000.0, np.nan], [10.0, 300.0]])
    for segment in ("magnetogram", "Br", "Bt", "Bp"):
        style = style_of(segment, values)
        assert style.norm.vmin == -style.norm.vmax
        assert style.extend == "min"
    wind = style_of("Dopplergram", 3000 + values)
    assert wind.norm(3010.0) == pytest.approx(0.5)  # the median
    assert style_of("azimuth", np.array([[0.0, 179.0]])).norm.vmax == 180
    assert style_of("azimuth", np.array([[0.0, 270.0]])).norm.vmax == 360
    for segment, codes in (("bitmap", (0, 1, 2, 17, 18, 33, 34)), ("disambig", tuple(range(8)))):
        style = style_of(segment, np.array([codes], dtype=np.uint8))
        colours = [style.cmap(style.norm(code)) for code in codes]
        assert len({tuple(colour) for colour in colours}) == len(codes) == len(style.codes)
    # 17 and 18 are the HARP's edge in old bitmaps, another HARP in new ones; 60 may be the whole rest of the patch.
    assert style_of("bitmap", np.array([[17]])).codes[17] == "quiet, edge or other HARP"
    assert style_of("conf_disambig", np.array([[60]])).codes[60] == "60: intermediate"
    flags = style_of("info_map", np.array([[0.0, 2.0**28]]))
    assert flags.codes == {0: "0", 2**28: "0x10000000"}
    for segment in ("continuum", "eta_0", "alpha_err", "field", "unheard_of", "conv_flag"):
        for image in (np.full((3, 3), np.nan), np.zeros((3, 3)), np.full((3, 3), 7.5), np.arange(9.0).reshape(3, 3)):
            style = style_of(segment, image)
            assert np.isfinite(np.ma.filled(style.norm(image[np.isfinite(image)]), 0)).all()
            if not style.codes:
                assert style.norm.vmax > style.norm.vmin


def test_the_segment_comes_from_drms_id_card_or_name() -> None:
    name = "hmi.sharp_cea_720s_nrt.1958485.20160119_011200_TAI.Br.fits"
    assert identify({}, name) == Identity("hmi.sharp_cea_720s_nrt", "Br")
    assert identify({"SEGMENT": "bt_ERR", "CTYPE1": "CRLN-CEA"}, "x.fits") == Identity("hmi.sharp_cea_720s", "Bt_err")
    assert identify({"DRMS_ID": "hmi.sharp_720s:7:azimuth"}, name) == Identity("hmi.sharp_720s", "azimuth")
    assert identify({}, "x.fits") == Identity("", "")
    assert identify({"DRMS_ID": "hmi.M_720s:7:magnetogram"}, "x.fits") == Identity("", "magnetogram")


VALUES = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.sampled_from(["nan", "MISSING", "", " ", "Gauss", "mA"])
)
NAMES = st.sampled_from(["BUNIT", "_BUNIT", "DATAMIN", "_DATAMIN", "R_VALUE", "SEGMENT", "CTYPE1", "HARPNUM"])
IDENTITIES = st.sampled_from(
    [Identity("", ""), Identity("hmi.sharp_720s", "dop_width"), Identity("hmi.sharp_720s", "field")]
)


@given(st.dictionaries(NAMES, VALUES), IDENTITIES)
def test_header_fixes_are_idempotent(keywords: dict[str, Any], identity: Identity) -> None:
    once = mend(keywords, identity)
    assert mend(once, identity) == once
    assert not [name for name in once if name.startswith("_")]
    assert not [value for value in once.values() if isinstance(value, str) and value.lower() in ("nan", "missing", "")]
    assert not [value for value in once.values() if isinstance(value, float) and not np.isfinite(value)]
    assert once.get("BUNIT") != "mA"


@pytest.mark.parametrize(
    ("call", "what"),
    [("sunpy_flarecast.load('x.fits')", "Maps"), ("from sunpy_flarecast.plot import save", "Plots")],
)
def test_without_matplotlib_the_extra_is_named(call: str, what: str) -> None:
    code = f"import sys; sys.modules['matplotlib'] = None; import sunpy_flarecast; {call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    text = f"ImportError: {what} need the package 'matplotlib', which is not installed. Install it with: "
    assert done.stderr.splitlines()[-1] == text + install_command("plot")


def test_paths_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [path] = demo_files(tmp_path, "hmi.sharp_cea_720s", "bitmap")
    shutil.copy(path, tmp_path / "b.fits")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert load("~/b.fits").meta["harpnum"] == load(["~/b.fits"])[0].meta["harpnum"]
