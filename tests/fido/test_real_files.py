"""
Every real file in ``../shared/data``: from the index to the map, and completed after its keywords were removed.
"""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sunpy.map
from bare import bare_twin
from faults import Layer
from sunpy.net import attrs as a
from sunpy.util.exceptions import SunpyMetadataWarning

from sunpy_flarecast import FileError, FLARECASTClient, Series, conf, fetch, load, write_keywords
from sunpy_flarecast.archive import DirectoryArchive, create_app, running
from sunpy_flarecast.archive.index.headers import keywords_of, read_header
from sunpy_flarecast.catalog import find_keyword
from sunpy_flarecast.fits.complete import is_bare
from sunpy_flarecast.fits.structure import read_headers
from sunpy_flarecast.sharp.filenames import read_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sunpy_flarecast import FetchReport, FLARECASTResponse

DATA = Path(__file__).parents[3] / "shared" / "data"
FILES = {path.name: path for folder in ("sharp_fits", "cases") for path in sorted((DATA / folder).glob("*.fits"))}

#: Files as stored, without keywords; and a user's own product, which is not a segment.
STORED = "hmi.sharp_cea_720s.7115.20170901_220000_TAI.continuum.fits"
PRODUCT = "hmi.sharp_cea_720s.6060.20151030_000000_TAI.linearfff.fits"

SEGMENTS = [name for name in FILES if name != PRODUCT]
FULL = [name for name in SEGMENTS if name != STORED]
SERIES = sorted({read_name(name).series for name in SEGMENTS})
EVER = a.Time("2010-07-01", "2025-06-01")

#: Cards that describe the file, and statistics of the pixels, which are not keywords of the record; and those whose
#: values this package corrects or writes in another form.
OF_THE_FILE = {"CHECKSUM", "DATASUM", "HISTORY", "COMMENT", "", "LONGSTRN", "HEADSUM"}
STATISTICS = {
    *(
        "DATAMIN",
        "DATAMAX",
        "DATAMEDN",
        "DATAMEAN",
        "DATARMS",
        "DATASKEW",
        "DATAKURT",
        "DATAVALS",
        "MISSVALS",
        "TOTVALS",
    ),
    *("_DATAMIN", "_DATAMAX", "_BUNIT"),
}
CORRECTED = {"BUNIT", "DRMS_ID"}

pytestmark = pytest.mark.skipif(not FILES, reason="the folder ../shared with real data is missing")


@contextmanager
def served(folder: Path) -> Iterator[Layer]:
    with DirectoryArchive(folder) as archive:
        assert archive.skipped == []
        layer = Layer(create_app(archive))
        with running(layer) as url, conf.set_temp("url", url), conf.set_temp("window", 6000.0):
            yield layer


def search(series: str) -> FLARECASTResponse:
    return FLARECASTClient().search(EVER, Series(series), progress=False)


def fetched(folder: Path, **options: Any) -> list[FetchReport]:
    """Fetch all records of all series."""
    reports = [fetch(search(series), path=folder, progress=False, **options) for series in SERIES]
    assert all(report.complete and not report.bare and not report.damaged for report in reports), reports
    assert sorted(Path(path).name for report in reports for path in report.files) == sorted(SEGMENTS)
    return reports


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an archive of all segments."""
    folder = tmp_path_factory.mktemp("real") / "root"
    folder.mkdir()
    for name in SEGMENTS:
        shutil.copy(FILES[name], folder)
    return folder


@pytest.fixture(scope="module")
def completed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    Return a folder of all files, fetched from an archive of bare files with a table of their keywords.

    The table was requested from an archive of the full files.
    """
    bare, folder = tmp_path_factory.mktemp("bare"), tmp_path_factory.mktemp("completed")
    with served(root):
        for series in SERIES:
            (bare / series).mkdir()
            write_keywords(search(series).keywords("*", progress=False), bare / series / "keywords.ecsv")
    for name in SEGMENTS:
        twin = bare_twin(FILES[name].read_bytes())
        assert read_headers(twin).bare
        (bare / read_name(name).series / name).write_bytes(twin)
    with served(bare):
        fetched(folder)
    return folder


def cards_of(path: Path) -> dict[str, Any]:
    """Return the cards of the header that has the keywords, with times in one format."""
    return {
        name: re.sub(r"(\.\d*?)0*(_TAI|Z|)$", r"\1\2", value).removesuffix("Z").replace("._TAI", "_TAI").rstrip(".")
        if isinstance(value, str) and name.startswith(("DATE", "T_"))
        else value
        for name, value in read_header(path).items()
        if name not in OF_THE_FILE
    }


def test_a_users_own_product_is_reported_and_not_served(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "root", ignore=shutil.ignore_patterns(".*"))
    shutil.copy(FILES[PRODUCT], tmp_path / "root")
    with pytest.warns(UserWarning, match="1 of the files .*has no segment linearfff"):
        archive = DirectoryArchive(tmp_path / "root")
    assert [path.name for path, _ in archive.skipped] == [PRODUCT]
    archive.close()
    with pytest.raises(FileError, match="holds no image"):
        load(FILES[PRODUCT])


def test_real_files_are_found_fetched_verified_and_not_requested_again(root: Path, tmp_path: Path) -> None:
    with served(root) as layer, conf.set_temp("verify_checksum", True):
        fetched(tmp_path, complete_headers=False)
        assert all((tmp_path / name).read_bytes() == FILES[name].read_bytes() for name in SEGMENTS)
        layer.clear()
        reports = fetched(tmp_path, complete_headers=False)
        assert [path for _, path in layer.requests if path.endswith(".fits")] == []
    assert [Path(path).name for report in reports for path in report.unidentified] == [STORED]


@pytest.mark.parametrize("series", SERIES)
def test_keywords_are_those_of_the_headers(root: Path, series: str) -> None:
    with served(root):
        table = search(series).keywords("*", progress=False)
    headers = {int(header["recnum"]): header for name in FULL for header in [keywords_of(read_header(FILES[name]))]}
    compared = 0
    for row in table:
        header = headers[int(row["Record"])]
        for name in table.colnames[5:]:
            value, mask = row[name], np.ma.is_masked(row[name]) or getattr(row[name], "mask", False)
            expected = header.get(name)
            assert bool(mask) == (expected is None), (name, value, expected)
            if expected is None:
                continue
            if name.startswith(("t_", "date")):
                assert str(expected) in str(getattr(value, "isot", value)) or str(value) == str(expected), name
            elif find_keyword(name).kind == "text":
                assert str(value) == str(expected), name
            else:
                assert float(getattr(value, "value", value)) == float(expected), name
            compared += 1
    assert compared > 100 * len(table)


@pytest.mark.parametrize("name", FULL)
def test_a_file_becomes_a_map(name: str) -> None:
    named = read_name(name)
    one = load(FILES[name])
    # MDIMap of sunpy does not know JSOC's unit of SMARPs.
    with pytest.warns(SunpyMetadataWarning, match="Mx/cm") if "smarp" in name and "magn" in name else nullcontext():
        other = sunpy.map.Map(FILES[name])
    assert one.meta["segment"] == named.segment
    assert one.wcs.wcs.compare(other.wcs.wcs)
    assert (one.date, one.observer_coordinate.radius) == (other.date, other.observer_coordinate.radius)
    np.testing.assert_array_equal(one.data, other.data)


@pytest.mark.parametrize("name", FULL)
def test_a_bare_copy_regains_exactly_its_keywords(name: str, completed: Path) -> None:
    path, original = completed / name, FILES[name].read_bytes()
    assert not is_bare(path)
    assert path.read_bytes()[read_headers(path).end :] == original[read_headers(original).end :]
    now, was = cards_of(path), cards_of(FILES[name])
    assert {key for key in was.keys() - now.keys() if was[key] is not None} <= STATISTICS
    assert now.keys() - was.keys() <= {"DRMS_ID", "BUNIT", "RECNUM"}
    differing = {key: (now[key], was[key]) for key in was.keys() & now.keys() - CORRECTED if now[key] != was[key]}
    assert differing == {}
    one, other = load(path), load(FILES[name])
    assert one.wcs.wcs.compare(other.wcs.wcs)
    assert (one.date, one.unit, one.observer_coordinate.lon) == (other.date, other.unit, other.observer_coordinate.lon)
    np.testing.assert_array_equal(one.data, other.data)


def test_a_file_stored_without_keywords_gets_the_coordinates_of_its_record(completed: Path) -> None:
    one, other = (load(completed / STORED.replace("continuum", segment)) for segment in ("continuum", "Br"))
    assert one.wcs.wcs.compare(other.wcs.wcs)
    assert one.data.shape == other.data.shape
    assert one.meta["recnum"] == other.meta["recnum"]
