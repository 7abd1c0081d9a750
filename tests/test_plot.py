"""Pictures: that the maps stand where they belong, north up, labelled and with their units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import matplotlib as mpl
import pytest
import sunpy.map
from astropy.coordinates import SkyCoord
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, Segment, Series

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults import Layer

mpl.use("agg")


@pytest.fixture
def maps(demo: tuple[str, Layer], tmp_path: Path) -> list[Any]:
    table = FLARECASTClient().search(
        a.Time("2014-10-23T11:00", "2014-10-23T13:00", near="2014-10-23T12:00"), Series.hmi_sharp_720s,
        Segment.magnetogram,
    )  # fmt: skip
    files = Fido.fetch(table[:4], path=tmp_path, progress=False)
    return [sunpy.map.Map(name) for name in sorted(files)]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    mpl.pyplot.close("all")


def test_each_region_is_on_the_disk_and_by_itself(maps: list[Any], tmp_path: Path) -> None:
    from sunpy_flarecast.plot import plot_magnetograms

    figure = plot_magnetograms(maps)
    figure.canvas.draw()
    disk, *single, bar = figure.get_axes()
    titles = [axes.get_title() for axes in single]
    assert titles == [f"HARP {one.meta['harpnum']}" for one in maps]
    assert {text.get_text() for text in disk.texts} >= {str(one.meta["harpnum"]) for one in maps}
    assert "Mx/cm²" in bar.get_ylabel()
    assert "arcsec" in disk.coords[0].get_axislabel()
    for axes, one in zip(single, maps, strict=True):
        # North is up and east is left, though the camera stood on its head.
        centre = one.center
        north, west = (SkyCoord(centre.Tx + x, centre.Ty + y, frame=centre.frame)
                       for x, y in ((0 * u.arcsec, 10 * u.arcsec), (10 * u.arcsec, 0 * u.arcsec)))  # fmt: skip
        here, above, right = (
            axes.transData.transform(axes.wcs.world_to_pixel(place)) for place in (centre, north, west)
        )
        assert above[1] > here[1]
        assert right[0] > here[0]
    figure.savefig(tmp_path / "picture.png", dpi=40)
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_no_maps_is_an_error_that_says_so() -> None:
    from sunpy_flarecast.plot import plot_magnetograms

    with pytest.raises(ValueError, match="no maps"):
        plot_magnetograms([])
