"""The mark of synthetic records stays with them: in tables, files, keywords, time series and maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sunpy.map
from astropy.table import QTable
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_flarecast import (
    FLARECASTClient,
    FLARECASTResponse,
    Segment,
    Series,
    conf,
    load,
    read_keywords,
    timeseries_of,
    write_keywords,
)
from sunpy_flarecast.archive import DirectoryArchive, running
from sunpy_flarecast.plot.data import origin_of

if TYPE_CHECKING:
    from pathlib import Path

    from faults import Layer

STEP = a.Time("2014-10-23T11:55", "2014-10-23T12:05")
CHOSEN = (STEP, Series.hmi_sharp_cea_720s, Segment("Br"), a.flarecast.HARPNUM(3944))


@pytest.mark.parametrize("end", ["ecsv", "parquet"])
def test_tables_of_synthetic_records_are_marked(demo: tuple[str, Layer], tmp_path: Path, end: str) -> None:
    if end == "parquet":
        pytest.importorskip("pyarrow")
    found = FLARECASTClient().search(*CHOSEN)
    found.write(tmp_path / f"search.{end}")
    again = FLARECASTResponse.read(tmp_path / f"search.{end}")
    assert found.origin == found[:1].origin == again.origin == again.retry_missing().origin == "SYNTHETIC"
    table = found.keywords("usflux")
    write_keywords(table, tmp_path / f"keywords.{end}")
    for one in (table, found.keywords("usflux", known=table), read_keywords(tmp_path / f"keywords.{end}")):
        assert one.meta["origin"] == "SYNTHETIC"
    table["HARPNUM", "usflux"].write(tmp_path / "keywords.fits")
    assert origin_of(QTable.read(tmp_path / "keywords.fits")) == "SYNTHETIC"
    pytest.importorskip("h5netcdf", reason="sunpy.timeseries needs it")
    assert timeseries_of(table)[3944].meta.metadata[0][2]["origin"] == "SYNTHETIC"


def test_titles_of_synthetic_maps_are_marked(demo: tuple[str, Layer], tmp_path: Path) -> None:
    found = FLARECASTClient().search(*CHOSEN)
    [file] = Fido.fetch(found, path=tmp_path, progress=False)
    assert load(file).latex_name == "SYNTHETIC HMI HARP 3944 br 2014-10-23 11:58:15"
    assert "synthetic" in sunpy.map.Map(file).latex_name
    with running(DirectoryArchive(tmp_path)) as url, conf.set_temp("url", url):
        copied = FLARECASTClient().search(*CHOSEN)
    assert (len(copied), copied.origin) == (1, "SYNTHETIC")
