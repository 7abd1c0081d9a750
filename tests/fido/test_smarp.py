"""SMARPs (SOHO/MDI) from an archive of real files to maps, keywords and pictures."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
import pytest
import requests
from astropy.io import fits
from astropy.table import Table
from sunpy.map.sources import MDIMap
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, QueryError, complete_header, conf, load
from sunpy_flarecast.archive import DirectoryArchive, create_app, running
from sunpy_flarecast.archive.index.file_names import read_name
from sunpy_flarecast.catalog import CEA_PIXEL, find_series
from sunpy_flarecast.keywords.timeseries import timeseries_of
from sunpy_flarecast.plot import plot_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sunpy_flarecast import FLARECASTResponse

CEA = find_series("mdi.smarp_cea_96m")
DAY = a.Time("2010-07-14", "2010-07-15")
STEM = "mdi.smarp_cea_96m.13520.20100714_124800_TAI"


@pytest.fixture(scope="module")
def folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smarp")
    for path in (shared / "data" / "cases").glob("mdi.*"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def service(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    index = tmp_path_factory.mktemp("index") / "index.sqlite"
    with DirectoryArchive(folder, index=index) as archive, running(create_app(archive)) as url:
        assert not archive.skipped
        with conf.set_temp("url", url):
            yield url


def search(*more: object) -> FLARECASTResponse:
    return Fido.search(DAY, a.flarecast.Series.mdi_smarp_cea_96m, *more)["flarecast"]


def test_the_service_counts_t_rec_in_steps_of_96_minutes(service: str) -> None:
    reply = requests.get(
        f"{service}/HMI/{CEA.name}?start=2010-07-14T00:00:00Z&end=2010-07-15T00:00:00Z", timeout=10
    ).json()["data"]
    assert [(row["harpnum"], row["t_rec_index"], row["wavelnth"]) for row in reply] == [(13520, 96053, 6768)]


@pytest.mark.parametrize(
    "attrs",
    [
        (),
        (a.Instrument("MDI"), a.flarecast.NOAA(11087)),
        (a.flarecast.HARPNUM(13520), a.Sample(96 * u.min)),
        (a.flarecast.Keyword("tarpnum") == 13520, a.flarecast.Keyword("npix_spt") > 100),
    ],
)
def test_a_search_finds_the_record(service: str, attrs: tuple[object, ...]) -> None:
    [row] = search(*attrs)
    assert (row["Start Time"].isot, row["T_REC"].isot) == ("2010-07-14T12:48:26.000", "2010-07-14T12:48:00.000")
    assert (row["HARPNUM"], row["Instrument"], row["Source"]) == (13520, "MDI", "SOHO")


def test_keywords_and_segments_that_smarps_lack_are_refused(service: str) -> None:
    for attrs, text in (
        ((a.Instrument("HMI"),), "is a series of MDI, not of HMI"),
        ((a.flarecast.Keyword("usflux") > 1e22 * u.Mx,), "'usflux' .* only in hmi.sharp_720s"),
        ((a.flarecast.Segment("Br"),), "Valid: magnetogram, bitmap, continuum"),
    ):
        with pytest.raises(QueryError, match=text):
            FLARECASTClient().search(DAY, a.flarecast.Series(CEA.name), *attrs)


def test_files_are_complete_and_load_as_maps(service: str, folder: Path, tmp_path: Path) -> None:
    files = Fido.fetch(search(), path=tmp_path / "{file}", progress=False)
    assert not files.errors
    assert {Path(file).name: Path(file).read_bytes() for file in files} == {
        path.name: path.read_bytes() for path in folder.glob("*.fits")
    }
    field, mask = load(files)
    assert isinstance(field, MDIMap)
    assert (field.unit, mask.unit) == (u.G, None)
    assert u.Mx / u.cm**2 == u.G
    assert field.date.isot == "2010-07-14T12:48:26.000"
    assert field.observer_coordinate.radius.to_value(u.m) == pytest.approx(field.meta["dsun_obs"])
    assert [one.latex_name for one in (field, mask)] == [
        f"MDI TARP 13520 {name} 2010-07-14 12:48:26" for name in ("magnetogram", "bitmap")
    ]
    assert np.isin(mask.data, (0, 5, 9, 10, 18, 37, 41, 42, 49, 50)).all()
    *_, sheet = plot_record(files)
    texts = [label.get_text() for bar in sheet.child_axes for label in bar.get_yticklabels()]
    assert "active, spot, in TARP" in texts
    assert sheet.figure.get_suptitle() == f"TARP 13520, 2010-07-14 12:48:00 TAI, {CEA.name}"
    plt.close("all")


def test_keywords_are_those_of_smarps(service: str, folder: Path) -> None:
    results = search()
    header = fits.getheader(folder / f"{STEM}.magnetogram.fits", 1)
    table = results.keywords()
    assert table.colnames[5:] == ["usfluxl", "meangbl", "r_value", "cmaskl"]
    assert table["usfluxl"][0] == header["USFLUXL"] * u.Mx
    gradient = table["meangbl"][0] / CEA.cea_pixel
    assert CEA.cea_pixel == 4 * CEA_PIXEL
    assert gradient.to_value(u.G / u.Mm) == pytest.approx(35.57, abs=0.01)
    everything = results.keywords("*")
    assert everything["area_spt"][0] == header["AREA_SPT"]
    assert "harpnum" not in everything.colnames
    assert results.keywords("tarpnum")["tarpnum"].tolist() == [13520]
    series = timeseries_of(table, ["meangbl"])[13520]
    assert (series.meta.metas[0]["instrume"], series.meta.metas[0]["tarpnum"]) == ("MDI", 13520)


def test_plots_name_tarps(service: str) -> None:
    results = search()
    assert results.plot_coverage().get_title(loc="left") == "1 TARP, 1 record"
    assert results.plot_disk(color="usfluxl").get_title() == "1 TARP, T_REC 2010-07-14 12:48:00 TAI"
    assert results.plot_keywords("r_value")[0].figure.get_suptitle() == "R_VALUE of TARP 13520"
    plt.close("all")


def test_a_file_without_keywords_is_completed(service: str, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{STEM}.magnetogram.fits"
    with fits.open(folder / path.name) as hdus:
        fits.HDUList(
            [fits.PrimaryHDU(), fits.CompImageHDU(hdus[1].data.astype("f4"), compression_type="RICE_1")]
        ).writeto(path)
    row = search().keywords("*")[0]
    assert complete_header(path, row)
    field = load(path)
    assert (field.meta["meangbl"], field.unit) == (row["meangbl"].value, u.G)
    with pytest.raises(QueryError, match="its name gives TARPNUM 13520, but the keywords are those of TARPNUM 13521"):
        complete_header(path, {"TARPNUM": 13521})


def test_tables_of_keywords_have_tarpnum(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / f"{STEM}.bitmap.fits", tmp_path)
    table = Table({"TARPNUM": [13520], "T_REC": ["2010.07.14_12:48:00_TAI"], "USER": [1.5]})
    table.write(tmp_path / "keywords.csv", format="ascii.csv")
    with DirectoryArchive(tmp_path) as archive:
        found = archive.keywords(CEA.name, 2)
    assert (found["user"], found["tarpnum"]) == (1.5, 13520)
    assert "harpnum" not in found


def test_names_between_the_96_minute_steps_are_invalid() -> None:
    assert read_name(f"{STEM}.bitmap.fits").slot == 8 * 96053
    assert read_name(f"{STEM.replace('124800', '123600')}.bitmap.fits") is None
