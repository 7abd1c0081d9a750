"""Bare files from a real service are completed for Map: keywords, coordinates, data and failures."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pytest
import sunpy.map
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from bare import TwinArchive, bare_twin
from barefiles import compressed
from click.testing import CliRunner
from faults import Layer, answer, pointed_at
from sunpy.coordinates import HeliographicStonyhurst
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_flarecast import (
    FLARECASTClient,
    FLARECASTResponse,
    MissingDataWarning,
    QueryError,
    Segment,
    Series,
    conf,
    fetch,
)
from sunpy_flarecast.archive import DemoArchive, create_app, running
from sunpy_flarecast.archive.index.headers import card, keywords_of, read_header
from sunpy_flarecast.archive.index.records import record_of
from sunpy_flarecast.cli import cli
from sunpy_flarecast.download.complete_folder import complete_folder
from sunpy_flarecast.fits.complete import is_bare
from sunpy_flarecast.fits.structure import read_headers
from sunpy_flarecast.sharp.filenames import read_name

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Keywords of a map that must equal the original, regardless of the format of the card.
GENERATION = {"date", "history", "comment", "keycomments", "checksum", "datasum", "drms_id", "recnum", "bunit"}

STATISTICS = {"datavals", "missvals", "datamin", "datamax", "datamedn", "datamean", "datarms", "dataskew", "datakurt"}

TWO_STEPS = a.Time("2015-12-11T23:30", "2015-12-11T23:59")

CEA = "hmi.sharp_cea_720s"

#: The source of the bare files.
FULL = DemoArchive(cached=16)
BARE = DemoArchive(headers="bare", cached=16)


@pytest.fixture(scope="module")
def _bare_service() -> Iterator[tuple[str, Layer]]:
    layer = Layer(create_app(BARE))
    with running(layer) as url:
        yield url, layer


@pytest.fixture
def bare(_bare_service: tuple[str, Layer]) -> Iterator[tuple[str, Layer]]:
    """Serve synthetic SHARPs without keywords in their files; otherwise like `demo`."""
    with pointed_at(_bare_service):
        yield _bare_service


def search(series: str, *segments: str, query: Any = TWO_STEPS) -> FLARECASTResponse:
    names = Segment(*segments) if segments else ()
    return FLARECASTClient().search(query, Series(series), *([names] if segments else []))


def time_around(keywords: Any) -> a.Time:
    when = Time(keywords["date__obs"])
    return a.Time(when - 5 * u.min, when + 5 * u.min)


def get(table: Any, folder: Path, **options: Any) -> list[str]:
    got = Fido.fetch(table, path=folder, progress=False, **options)
    assert got.errors == []
    return sorted(got)


def same_map(one: sunpy.map.GenericMap, other: sunpy.map.GenericMap) -> None:
    """Compare the coordinates and data of maps."""
    assert type(one) is type(other)
    assert one.date == other.date
    assert one.reference_date == other.reference_date
    assert one.unit == other.unit
    assert one.wcs.wcs.compare(other.wcs.wcs)
    for name in ("lon", "lat", "radius"):
        assert getattr(one.observer_coordinate, name) == getattr(other.observer_coordinate, name)
    assert one.observer_coordinate.obstime == other.observer_coordinate.obstime
    assert one.rsun_meters == other.rsun_meters
    assert one.rsun_obs == other.rsun_obs
    np.testing.assert_array_equal(one.data, other.data)


def values_agree(one: Any, other: Any) -> bool:
    """Compare values of cards; astropy writes at most 20 characters."""
    return one == (pytest.approx(other, rel=1e-12) if isinstance(other, float) else other)


def data_of(file: bytes) -> bytes:
    return file[read_headers(file).end :]


# --- The demo, in both projections, all segments ----------------------------------------------------------------------


@pytest.mark.parametrize("series", ["hmi.sharp_720s", CEA])
def test_completed_files_give_the_same_maps_as_full_files(bare: tuple[str, Layer], tmp_path: Path, series: str) -> None:
    table = search(series)[:1]
    recnum = int(table["Record"][0])
    files = get(table, tmp_path)
    assert len(files) == int(table["Segments"][0])
    assert bare[1].count("/meta/") == {"GET": 1}
    for path in files:
        segment = read_name(Path(path).name).segment
        original = FULL.segment(series, recnum, segment)
        (tmp_path / "original.fits").write_bytes(original)
        got = Path(path).read_bytes()
        assert data_of(got) == data_of(original)
        one, other = sunpy.map.Map(path), sunpy.map.Map(tmp_path / "original.fits")
        same_map(one, other)
        lost = set(other.meta) - set(one.meta) - STATISTICS - {"comment"}
        assert lost == set()
        differ = {
            name for name in other.meta if name in one.meta and not values_agree(one.meta[name], other.meta[name])
        }
        assert differ <= GENERATION | {"date-obs"}
        given = FULL.keywords(series, recnum)
        assert {name: one.meta[name] for name in given if isinstance(given[name], float) and name in one.meta} == {
            name: value for name, value in given.items() if isinstance(value, float) and name in one.meta
        }
        assert one.meta["drms_id"] == f"{series}:{recnum}:{segment}"
        with fits.open(path, disable_image_compression=True, checksum=True) as hdus:
            assert [hdu.verify_datasum() for hdu in hdus] == [1] * len(hdus)


@pytest.mark.parametrize("series", ["hmi.sharp_720s", CEA])
def test_the_centre_of_flux_is_where_the_keywords_say(bare: tuple[str, Layer], tmp_path: Path, series: str) -> None:
    found = search(series, "magnetogram", "bitmap")
    sides = {}
    for row, number in enumerate(found["Record"]):
        keywords = FULL.keywords(series, int(number))
        if keywords["lon_fwt"] is not None and 10 < abs(keywords["lon_fwt"]) < 60:
            sides.setdefault(keywords["lon_fwt"] > 0, (row, keywords))
        if len(sides) == 2:
            break
    assert len(sides) == 2
    for row, keywords in sides.values():
        files = {read_name(Path(path).name).segment: path for path in get(found[[row]], tmp_path)}
        field, mask = sunpy.map.Map(files["magnetogram"]), sunpy.map.Map(files["bitmap"])
        y, x = np.nonzero((mask.data == 34) & np.isfinite(field.data))
        places = field.wcs.pixel_to_world(x, y)
        sky = SkyCoord(places).transform_to(HeliographicStonyhurst(obstime=field.reference_date))
        weight = np.abs(field.data[y, x])
        if series == CEA:  # equal areas on the Sun; CCD pixels near the limb cover more
            observer = field.observer_coordinate
            towards = np.cos(sky.lat) * np.cos(observer.lat) * np.cos(sky.lon - observer.lon)
            weight = weight * (np.sin(sky.lat) * np.sin(observer.lat) + towards).value
        centre = [float(np.average(part, weights=weight)) for part in (sky.lon.wrap_at("180d").deg, sky.lat.deg)]
        assert centre == pytest.approx([keywords["lon_fwt"], keywords["lat_fwt"]], abs=0.1)


# --- Real files -------------------------------------------------------------------------------------------------------


RECORDS = (
    f"{CEA}.377.20110215_020000_TAI",
    f"{CEA}.6060.20151030_000000_TAI",
    f"{CEA}.7115.20170901_220000_TAI",
)


@pytest.mark.parametrize("record", RECORDS)
def test_completed_twins_of_real_files_give_the_same_maps(shared: Path, tmp_path: Path, record: str) -> None:
    paths = {read_name(path.name).segment: path for path in (shared / "data" / "sharp_fits").glob(f"{record}.*.fits")}
    full = {name: path for name, path in paths.items() if not is_bare(path)}
    keywords = keywords_of(read_header(full["Br"]))
    files = {name: bare_twin(path.read_bytes()) for name, path in paths.items()}
    assert all(read_headers(file).bare for file in files.values())
    archive = TwinArchive(CEA, record_of(7, keywords, tuple(files)), keywords, files)
    with running(create_app(archive)) as url, conf.set_temp("url", url):
        got = get(search(CEA, query=time_around(keywords)), tmp_path)
    assert [Path(path).name for path in got] == sorted(path.name for path in paths.values())
    for path in got:
        segment = read_name(Path(path).name).segment
        assert data_of(Path(path).read_bytes()) == data_of(paths[segment].read_bytes())
        one = sunpy.map.Map(path)
        if segment not in full:
            assert one.unit == u.DN / u.s
            assert one.wcs.wcs.compare(sunpy.map.Map(got[1]).wcs.wcs)
            continue
        with fits.open(full[segment]) as hdus:
            data = hdus[-1].data
        # Values that exports wrote in an invalid format are not in the map of the original.
        raw = read_header(full[segment])
        header = {key: value for key in raw if key and (value := card(raw, key)) is not None}
        if segment == "Dopplergram":  # with a wrong unit in exports
            header["BUNIT"] = "m/s"
        elif not one.unit:  # codes; their unit in exports is invalid
            header.pop("BUNIT", None)
        same_map(one, sunpy.map.Map(data, header))


@pytest.mark.parametrize("name", ["hmi_sharp", "hmi_cea_sharp"])
def test_real_full_headers_give_the_coordinates_that_sunpy_gives(shared: Path, tmp_path: Path, name: str) -> None:
    header = fits.Header.fromtextfile(shared / "data" / "keywords" / f"{name}_magnetogram.header")
    data = np.zeros((header["NAXIS2"], header["NAXIS1"]), dtype=np.int32)
    series = header["DRMS_ID"].partition(":")[0]
    bare = fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, compression_type="RICE_1")])
    bare.writeto(tmp_path / "bare.fits", checksum=True)
    files = {"magnetogram": (tmp_path / "bare.fits").read_bytes()}
    keywords = keywords_of(header)
    archive = TwinArchive(series, record_of(header["RECNUM"], keywords, ("magnetogram",)), keywords, files)
    with running(create_app(archive)) as url, conf.set_temp("url", url):
        [path] = get(search(series, query=time_around(keywords)), tmp_path)
    one, other = sunpy.map.Map(path), sunpy.map.Map(data.astype(float), header)
    same_map(one, other)
    assert str(one.unit) == "Mx / cm2"
    corners = [0, 0, 380, 380], [0, 430, 0, 430]
    for here, there in zip(one.wcs.pixel_to_world(*corners), other.wcs.pixel_to_world(*corners), strict=True):
        assert here.separation(there) == 0 * u.deg
    full = {key for key in header if key and header[key] is not None and key in fits.getheader(path, 1)}
    assert len(full) > 130
    for key in full - {"SIMPLE", "DATE-OBS", "CHECKSUM", "DATASUM", "HISTORY", "LICENSE", "COMMENT"}:
        same = pytest.approx(header[key], rel=1e-14) if isinstance(header[key], float) else header[key]
        assert one.meta[key] == same or key.startswith(("NAXIS", "B")), key


# --- Requests ---------------------------------------------------------------------------------------------------------


def test_one_request_per_record_and_none_for_existing_files(bare: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(CEA, "B?", "bitmap")
    table = table[:3]
    bare[1].clear()
    files = get(table, tmp_path, max_conn=5)
    assert len(files) == 12
    assert bare[1].count("/meta/") == {"GET": 3}
    before = [hashlib.sha256(Path(path).read_bytes()).digest() for path in files]
    bare[1].clear()
    assert get(table, tmp_path) == files
    assert bare[1].requests == []
    assert [hashlib.sha256(Path(path).read_bytes()).digest() for path in files] == before


def test_full_files_are_unchanged_unless_all_are_completed(demo: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(CEA, "Br")[:1]
    demo[1].clear()
    [path] = get(table, tmp_path)
    assert demo[1].count("/meta/") == {}
    original = Path(path).read_bytes()
    [path] = get(table, tmp_path, overwrite=True, complete_headers=True)
    assert demo[1].count("/meta/") == {"GET": 1}
    assert Path(path).read_bytes() == original  # it lacked nothing


def test_completion_can_be_switched_off(bare: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(CEA, "Br")[:1]
    original = BARE.segment(CEA, int(table["Record"][0]), "Br")
    with conf.set_temp("complete_headers", False):
        assert conf.complete_headers is False
        [path] = get(table, tmp_path / "1")
    assert Path(path).read_bytes() == original
    report = fetch(table, path=tmp_path / "2", complete_headers=False, progress=False)
    assert Path(report.fetched[0]).read_bytes() == original
    assert bare[1].count("/meta/") == {}
    assert conf.complete_headers == "auto"
    with pytest.raises(QueryError, match="complete_headers='maybe' is invalid"):
        FLARECASTClient().fetch(table, path=tmp_path, complete_headers="maybe")


def test_a_busy_service_is_retried(bare: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(CEA, "Br", "Bt")[:1]
    bare[1].faults["/meta/"] = answer(b"busy", status=503, kind="text/plain")
    bare[1].times["/meta/"] = 2
    assert not any(is_bare(path) for path in get(table, tmp_path))
    assert bare[1].count("/meta/") == {"GET": 3}
    assert bare[1].count(".fits") == {"GET": 2}


def test_services_that_require_a_list_of_fields(bare: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(CEA, "Br")
    table = table[:2]
    for number in table["Record"]:
        bare[1].faults[f"/meta/{number}?"] = lambda scope, send: bare[1].app(scope, None, send)
        bare[1].faults[f"/meta/{number}"] = answer(b'{"message": "fields is missing"}', status=400)
    assert not any(is_bare(path) for path in get(table, tmp_path, max_conn=1))
    # All keywords; those of the catalog, some of which the archive lacks; a few; then the list that worked.
    assert bare[1].count("/meta/") == {"GET": 4}


def test_a_file_whose_size_contradicts_its_record_is_unchanged(bare: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(CEA, "Br", "Bt")[:1]
    bare[1].faults["/Br.fits"] = answer(compressed(), kind="application/fits")
    with pytest.warns(
        MissingDataWarning, match=r"1 file lacks .*: it has 60 x 39 pixels, but images of the record have"
    ):
        files = get(table, tmp_path)
    assert [is_bare(path) for path in files] == [True, False]
    assert Path(files[0]).read_bytes() == compressed()


# --- Unavailable keywords ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "part"),
    [
        (answer(b'{"message": "no such route"}', status=404), "answered 404 Not Found: no such route"),
        (answer(b"broken", status=500), "answered 500"),
        (answer(b"<html><title>Log in</title>", kind="text/html"), "reply is not valid"),
        (answer(b'{"1": {"recnum": 1, "meta": {}}}'), "does not contain the record"),
        (answer(b'{"message": "the tape is away"}'), "the tape is away"),
    ],
)
def test_files_are_saved_as_served_with_a_warning(
    bare: tuple[str, Layer], tmp_path: Path, fault: Any, part: str
) -> None:
    table = search(CEA, "Br", "Bt")[:2]
    bare[1].faults["/meta/"] = fault
    with conf.set_temp("max_retries", 1), pytest.warns(MissingDataWarning, match="4 files lack the keywords") as caught:
        files = get(table, tmp_path)
    [message] = [str(warning.message) for warning in caught if warning.category is MissingDataWarning]
    assert part in message
    assert len(files) == 4
    for path in files:
        named = read_name(Path(path).name)
        number = table["Record"][table["HARPNUM"] == named.harpnum][0]
        assert Path(path).read_bytes() == BARE.segment(CEA, int(number), named.segment)
    bare[1].clear()
    got = complete_folder(tmp_path, progress=False)
    assert sorted(got.completed) == files
    assert got.bare == []
    assert all(sunpy.map.Map(path).unit == u.Mx / u.cm**2 for path in files)
    assert str(complete_folder(tmp_path)) == "0 files completed, 4 already had keywords, 0 not completed."


def test_one_record_without_keywords_does_not_affect_others(bare: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(CEA, "Br")[:3]
    number = int(table["Record"][1])
    bare[1].faults[f"/meta/{number}"] = answer(b'{"%d": {"recnum": %d, "meta": {"usflux": 1}}}' % (number, number))
    with pytest.warns(MissingDataWarning, match="1 file lacks .* lack CTYPE1 and 17 more"):
        report = fetch(table, path=tmp_path, progress=False)
    assert report.complete
    [left] = report.bare
    assert f".{table['HARPNUM'][1]}." in left.path
    assert [is_bare(path) for path in report.files].count(True) == 1
    assert "1 file lacks the keywords" in str(report)
    report.write(tmp_path / "report.json")
    assert left.path.replace("\\", "\\\\") in (tmp_path / "report.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"harpnum": 1}, "keywords of HARPNUM 1 instead of HARPNUM"),
        ({"t_rec": "2012.01.01_00:00:00_TAI"}, "keywords of T_REC 20120101_000000_TAI instead of T_REC 20151211_"),
        ({"comments": "x" * 1_200_000}, "it would get a header of"),
    ],
    ids=["HARP", "T_REC", "too many"],
)
def test_keywords_of_another_record_are_not_added(
    bare: tuple[str, Layer], tmp_path: Path, changed: dict[str, Any], part: str
) -> None:
    table = search(CEA, "Br")[:1]
    number = int(table["Record"][0])
    keywords = {name: value for name, value in FULL.keywords(CEA, number).items() if value is not None} | changed
    body = json.dumps({str(number): {"recnum": number, "meta": keywords}}).encode()
    bare[1].faults[f"/meta/{number}"] = answer(body)
    with pytest.warns(MissingDataWarning, match=re.escape(part)):
        [path] = get(table, tmp_path)
    assert Path(path).read_bytes() == BARE.segment(CEA, number, "Br")


def test_a_service_without_keywords_gets_few_requests(bare: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(CEA, "Br", query=a.Time("2015-12-11T23:00", "2015-12-12"))
    table = table[:12]
    bare[1].faults["/meta/"] = answer(b"", status=404)
    bare[1].requests.clear()
    with pytest.warns(MissingDataWarning, match="12 files lack"):
        get(table, tmp_path, max_conn=1)
    assert bare[1].count("/meta/") == {"GET": 5 * 3}


def test_records_without_number(bare: tuple[str, Layer], tmp_path: Path) -> None:
    table = search(CEA, "Br")[:1]
    table["Record"] = np.ma.MaskedArray([0], mask=[True])
    with pytest.warns(MissingDataWarning, match="did not return the number of the record"):
        [path] = get(table, tmp_path)
    assert is_bare(path)


# --- Large files ------------------------------------------------------------------------------------------------------


def test_an_interrupted_large_file_is_resumed_and_completed(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    image = fits.ImageHDU(rng.integers(-1000, 1000, (700, 700), dtype=np.int32))
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "large.fits", checksum=True)
    content = (tmp_path / "large.fits").read_bytes()
    with running(create_app(FULL)) as url, conf.set_temp("url", url):
        recnum = int(search(CEA)["Record"][0])
    keywords = FULL.keywords(CEA, recnum) | {"crpix1": 350.5, "crpix2": 350.5}
    archive = TwinArchive(CEA, record_of(7, keywords, ("Br",)), keywords, {"Br": content})
    layer = Layer(create_app(archive))
    with running(layer) as url, conf.set_temp("url", url):
        table = search(CEA)
        half = answer(content[:1_000_000], headers={"etag": ""}, length=len(content), drop=True)
        layer.faults["Br.fits"], layer.times["Br.fits"] = half, 1
        [path] = get(table, tmp_path / "got", overwrite=True)
    got = Path(path).read_bytes()
    assert data_of(got) == data_of(content)
    assert not is_bare(path)
    assert [file.name for file in (tmp_path / "got").iterdir()] == [Path(path).name]
    with fits.open(path, checksum=True) as hdus:
        assert hdus[1].verify_datasum() == 1


# --- Folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_of_files_from_many_sources(bare: tuple[str, Layer], tmp_path: Path) -> None:
    with conf.set_temp("complete_headers", False):
        one = get(search("hmi.sharp_720s", "bitmap", query=a.Time("2015-12-11", "2015-12-11T00:13"))[:2], tmp_path)
        two = get(search(CEA, "Br", query=a.Time("2016-03-01", "2016-03-01T00:13"))[:1], tmp_path / "deeper")
    shutil.copy(two[0], tmp_path / "mine.fits")
    shutil.copy(two[0], tmp_path / f"{CEA}.99999.20160301_000000_TAI.Br.fits")
    (tmp_path / "page.fits").write_text("<html>")
    bare[1].clear()
    got = complete_folder(tmp_path, progress=False)
    assert sorted(got.completed) == sorted([*one, *two])
    assert not any(map(is_bare, got.completed))
    assert got.fine == 0
    assert {Path(left.path).name: left.reason for left in got.bare} == {
        "page.fits": "it is not a FITS file",
        "mine.fits": "its name does not have JSOC's form, such as hmi.sharp_720s.377.20110215_020000_TAI.bitmap.fits",
        f"{CEA}.99999.20160301_000000_TAI.Br.fits": "the service does not have this record, or did not return its "
        "number",
    }
    assert "3 not completed" in str(got)
    asked = [path for _, path in bare[1].requests if "start=" in path]
    assert len(asked) == 2  # without the months in between


def test_the_command_completes_a_folder(bare: tuple[str, Layer], tmp_path: Path) -> None:
    run = CliRunner().invoke
    query = ["2015-12-11T23:30", "2015-12-11T23:36", "--series", CEA, "--segment", "Br", "--harp", "4928"]
    got = run(cli, ["fetch", *query, "--path", str(tmp_path), "--complete-headers", "no", "--no-progress"])
    assert got.exit_code == 0, got.output
    [path] = tmp_path.iterdir()
    assert is_bare(path)
    bare[1].faults["/meta/"] = answer(b'{"message": "the tape is away"}', status=404)
    got = run(cli, ["complete", str(tmp_path), "--no-progress"])
    assert got.exit_code == 1
    assert "1 not completed" in got.output
    assert "the tape is away" in got.output
    bare[1].clear()
    got = run(cli, ["complete", str(tmp_path), "--no-progress", "--url", bare[0]])
    assert (got.exit_code, got.output) == (0, "1 file completed, 0 already had keywords, 0 not completed.\n")
    assert not is_bare(path)
    bare[1].faults["/meta/"] = answer(b'{"message": "the tape is away"}', status=404)
    got = run(cli, ["fetch", *query, "--path", str(tmp_path), "--overwrite", "yes", "--no-progress"])
    assert got.exit_code == 1
    assert "1 file lacks the keywords" in got.output
