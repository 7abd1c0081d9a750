"""Physics of `DemoArchive`: coordinates, the field in both projections, and keywords measured on pixels."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import astropy.units as u
import jsoc_parameters
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from sunpy.coordinates import HeliographicStonyhurst, sun
from sunpy.map import Map
from sunpy.sun.models import differential_rotation

from sunpy_flarecast.archive.demo.ephemeris import observe
from sunpy_flarecast.archive.demo.keywords import patch_keywords
from sunpy_flarecast.archive.demo.record import SyntheticRecord
from sunpy_flarecast.archive.demo.regions import drift, observation_of, recnum_of, record_of, region_of
from sunpy_flarecast.archive.demo.sharp_parameters import parameters
from sunpy_flarecast.archive.demo.time_slots import SLOTS_A_DAY, day_of
from sunpy_flarecast.sharp.catalog import find_keyword, find_series
from sunpy_flarecast.sharp.t_rec import slot_time

CCD, CEA = "hmi.sharp_720s", "hmi.sharp_cea_720s"
DAY = datetime(2014, 2, 10, tzinfo=UTC)
PIXEL = (np.radians(0.03) * 6.96e10) ** 2


@pytest.fixture(scope="module")
def load(archive, tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")

    def inner(series, recnum, name):
        path = folder / f"{series}.{recnum}.{name}.fits"
        if not path.exists():
            path.write_bytes(archive.segment(series, recnum, name))
        return Map(path)

    return inner


@pytest.fixture(scope="module")
def pairs(archive):
    """Return the records of one slot as (CCD, CEA), one at the east limb and others over the disk."""
    lists = [list(archive.records(series, DAY, DAY + timedelta(minutes=11))) for series in (CCD, CEA)]
    return list(zip(*lists, strict=True))


def near(archive, pairs, longitude):
    """Return the pair nearest to a longitude."""
    return min(pairs, key=lambda pair: abs(archive.keywords(CEA, pair[1].recnum)["lon_fwt"] - longitude))


@pytest.mark.parametrize("slot", [767_000, 900_123, 1_005_598, 1_123_456, 1_270_000, 1_400_007])
def test_the_observer_is_at_sunpys_position_of_the_earth(slot):
    time, observer = slot_time(slot), observe(slot * 720.0)
    assert abs((observer.longitude - sun.L0(time).deg + 180) % 360 - 180) < 1e-3
    assert abs(observer.latitude - sun.B0(time).deg) < 1e-3
    assert observer.distance == pytest.approx(sun.earth_distance(time).to_value("m"), rel=1e-6)
    assert observer.rotation == int(sun.carrington_rotation_number(time))
    assert abs(observer.radial) < 4000
    assert 24_000 < observer.west < 34_000


def test_the_differential_rotation_matches_sunpy():
    for latitude in (0, 12.5, 33):
        expected = differential_rotation(1 * u.day, latitude * u.deg, model="snodgrass").to_value("deg")
        assert drift(latitude) + 14.1844 == pytest.approx(expected, abs=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("series", [CCD, CEA])
def test_every_segment_is_a_map(archive, load, pairs, series):
    record = pairs[-1][series == CEA]
    keywords = archive.keywords(series, record.recnum)
    for segment in find_series(series).segments:
        loaded = load(series, record.recnum, segment.name)
        assert loaded.unit == (u.Unit(segment.unit) if segment.unit else None)
        assert loaded.instrument.startswith("HMI")
        assert abs((loaded.date - slot_time(record.t_rec_index)).to_value("s")) < 90
        assert loaded.date.utc.isot == record.date__obs[:23]
        assert abs((loaded.reference_date - slot_time(record.t_rec_index)).to_value("s")) < 10
        frame = loaded.coordinate_frame
        assert frame.name == ("heliographic_carrington" if series == CEA else "helioprojective")
        observer = loaded.observer_coordinate.transform_to(HeliographicStonyhurst(obstime=loaded.reference_date))
        assert abs(observer.lon.to_value("deg")) < 0.01
        assert abs(observer.lat.to_value("deg") - keywords["crlt_obs"]) < 0.01
        assert loaded.rsun_obs.to_value("arcsec") == pytest.approx(keywords["rsun_obs"], rel=1e-5)


@pytest.mark.parametrize("longitude", [-60, 0, 60])
@pytest.mark.parametrize("series", [CCD, CEA])
def test_positions_of_pixels_match_the_map(archive, load, pairs, series, longitude):
    pair = near(archive, pairs, longitude)
    loaded = load(series, pair[series == CEA].recnum, "magnetogram")
    _, region, slot = record_of(pair[series == CEA].recnum)
    synthetic = SyntheticRecord(region, slot, False)
    grid = synthetic.view(find_series(series).projection).grid
    rows, columns = np.nonzero(grid.visible)
    rows, columns = rows[::997], columns[::997]
    world = loaded.pixel_to_world(columns * u.pix, rows * u.pix)
    place = world.transform_to(HeliographicStonyhurst(obstime=loaded.reference_date))
    assert np.abs(place.lat.to_value("rad") - grid.latitude[rows, columns]).max() < 2e-5
    assert np.abs(place.lon.to_value("rad") - grid.longitude[rows, columns]).max() < 2e-5


@pytest.mark.parametrize("longitude", [-75, -40, 5, 60])
@pytest.mark.parametrize("series", [CCD, CEA])
def test_the_centre_of_the_flux(archive, load, pairs, series, longitude):
    pair = near(archive, pairs, longitude)
    record = pair[series == CEA]
    keywords = archive.keywords(series, record.recnum)
    magnetogram, bitmap = (load(series, record.recnum, name) for name in ("magnetogram", "bitmap"))
    rows, columns = np.nonzero(bitmap.data == 34)
    world = magnetogram.pixel_to_world(columns * u.pix, rows * u.pix)
    place = world.transform_to(HeliographicStonyhurst(obstime=magnetogram.reference_date))
    weight = np.abs(magnetogram.data[rows, columns])
    if series == CEA:  # the flux along the line of sight through a pixel of constant area on the Sun
        observer = np.radians(keywords["crlt_obs"])
        weight = weight * (
            np.sin(place.lat) * np.sin(observer) + np.cos(place.lat) * np.cos(observer) * np.cos(place.lon)
        )
    centre = [float(np.average(part.to_value("deg"), weights=weight)) for part in (place.lat, place.lon)]
    assert centre[0] == pytest.approx(keywords["lat_fwt"], abs=0.1)
    assert centre[1] == pytest.approx(keywords["lon_fwt"], abs=0.1)
    assert keywords["lon_min"] < keywords["lon_fwt"] < keywords["lon_max"]
    assert keywords["lat_min"] < keywords["lat_fwt"] < keywords["lat_max"]


def test_usflux_is_the_sum_over_the_pixels(archive, load, pairs):
    for ccd, cea in pairs:
        br, bitmap, sure = (load(CEA, cea.recnum, name).data for name in ("Br", "bitmap", "conf_disambig"))
        counted = (bitmap >= 33) & (sure == 90)
        for series, record in ((CCD, ccd), (CEA, cea)):
            keywords = archive.keywords(series, record.recnum)
            assert keywords["usflux"] == pytest.approx(np.abs(br[counted]).sum() * PIXEL, rel=1e-8)
            assert keywords["cmask"] == counted.sum()
        assert load(CEA, cea.recnum, "Br").meta["usflux"] == pytest.approx(keywords["usflux"], rel=1e-9)


def test_parameters_have_realistic_values(archive, pairs):
    for _, cea in pairs:
        keywords = archive.keywords(CEA, cea.recnum)
        assert 1e20 < keywords["usflux"] < 1e23
        assert 20 < keywords["meangam"] < 80
        assert 20 < keywords["meangbt"] < 200
        assert 1e12 < keywords["totusjz"] < 3e14
        assert 0.001 < abs(keywords["meanalp"]) < 0.5
        assert 20 < keywords["totusjh"] < 1e4
        assert 20 < keywords["meanshr"] < 80
        assert 1e20 < keywords["totpot"] < 1e24
        assert 0 <= keywords["r_value"] < 6
        assert 0 <= keywords["shrgt45"] <= 100
        assert 0 < keywords["errvf"] < 0.02 * keywords["usflux"]
        assert keywords["mpos_tot"] + keywords["mneg_tot"] == pytest.approx(keywords["mtot"])


def test_parameters_match_the_code_of_jsoc(archive, load, pairs):
    """Also where it differs from its headers: gradients in G/pixel, SAVNCPP in A/arcsec2, free energy and shear."""
    segments = "Bp", "Bt", "Br", "Bp_err", "Bt_err", "Br_err", "bitmap", "conf_disambig"
    for ccd, cea in (pairs[1], pairs[5]):
        keywords = archive.keywords(CEA, cea.recnum)
        images = {name: load(CEA, cea.recnum, name).data.astype(float) for name in segments}
        header = {name: keywords[name.lower()] for name in ("CDELT1", "RSUN_REF", "DSUN_OBS")}
        expected = jsoc_parameters.parameters(images, header)
        assert len(expected) > 25
        for name, value in expected.items():
            # Errors are computed from those of the pixel, not of its neighbours.
            tolerance = 0.03 if name.startswith("ERR") else 2e-3
            assert keywords[name.lower()] == pytest.approx(value.value, rel=tolerance), name
            if name not in ("CMASK", "SHRGT45"):
                assert value.unit.is_equivalent(find_keyword(name).unit), name
        los, counted = load(CEA, cea.recnum, "magnetogram").data, images["bitmap"] >= 33
        counted &= images["conf_disambig"] == 90
        assert keywords["meangbl"] == pytest.approx(np.hypot(*np.gradient(los))[counted].mean(), rel=1e-6)
        assert archive.keywords(CCD, ccd.recnum)["savncpp"] == keywords["savncpp"]


def test_the_field_at_the_end_of_a_carrington_rotation():
    """The longitude of the observer jumps from 0 to 360, that of the region does not."""
    records = (SyntheticRecord(region, region.last, False) for region in map(region_of, range(300, 400)))
    wrapped = [
        record
        for record in records
        if record.seen.region.carrington(record.seen.seconds) - record.seen.observer.longitude < -180
    ]
    for record in wrapped[:4]:
        assert record.cea.field.smooth.max() > 300
        assert record.ccd.field.envelope.max() > 1
    assert len(wrapped) > 3


@pytest.mark.parametrize("longitude", [-70, 0, 60])
def test_both_projections_show_one_field(archive, load, pairs, longitude):
    """The vector from field, inclination, azimuth and disambig matches that of CEA, after Sun (2013)."""
    ccd, cea = near(archive, pairs, longitude)
    keywords = archive.keywords(CCD, ccd.recnum)
    field, inclination, azimuth, disambig = (
        load(CCD, ccd.recnum, name).data for name in ("field", "inclination", "azimuth", "disambig")
    )
    assert np.nanmin(azimuth) >= 0
    assert np.nanmax(azimuth) <= 180
    gamma, psi = np.radians(inclination), np.radians(azimuth + 180 * (disambig > 0))
    x, y, towards = -field * np.sin(gamma) * np.sin(psi), field * np.sin(gamma) * np.cos(psi), field * np.cos(gamma)
    angle = np.radians(keywords["crota2"])
    west, north = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
    # The magnetogram shows the component along the line of sight.
    magnetogram = load(CCD, ccd.recnum, "magnetogram")
    assert np.nanmax(np.abs(magnetogram.data - towards)) < 1.0
    rows, columns = np.nonzero(load(CCD, ccd.recnum, "conf_disambig").data == 90)
    place = magnetogram.pixel_to_world(columns * u.pix, rows * u.pix).transform_to(
        HeliographicStonyhurst(obstime=magnetogram.reference_date)
    )
    b0, lat, lon = np.radians(keywords["crlt_obs"]), place.lat.to_value("rad"), place.lon.to_value("rad")
    west, north, towards = (part[rows, columns] for part in (west, north, towards))
    expected = {
        "Br": west * np.cos(lat) * np.sin(lon)
        + north * (np.sin(lat) * np.cos(b0) - np.cos(lat) * np.cos(lon) * np.sin(b0))
        + towards * (np.sin(lat) * np.sin(b0) + np.cos(lat) * np.cos(lon) * np.cos(b0)),
        "Bp": west * np.cos(lon) + np.sin(lon) * (north * np.sin(b0) - towards * np.cos(b0)),
        "Bt": west * np.sin(lat) * np.sin(lon)
        - north * (np.cos(lat) * np.cos(b0) + np.sin(lat) * np.cos(lon) * np.sin(b0))
        - towards * (np.cos(lat) * np.sin(b0) - np.sin(lat) * np.cos(lon) * np.cos(b0)),
    }
    for name, values in expected.items():
        loaded = load(CEA, cea.recnum, name)
        column, row = loaded.world_to_pixel(
            SkyCoord(place.lon, place.lat, frame=HeliographicStonyhurst, obstime=loaded.reference_date)
        )
        j, i = np.rint(row.value).astype(int), np.rint(column.value).astype(int)
        inside = (i >= 0) & (j >= 0) & (i < loaded.data.shape[1]) & (j < loaded.data.shape[0])
        served = loaded.data[j[inside], i[inside]]
        assert np.corrcoef(served, values[inside])[0, 1] > 0.9
        assert np.median(np.abs(served - values[inside])) < 90


def test_pixels_off_the_disk_are_missing(archive):
    """A large patch at the limb: the same pixels are missing in all segments of a projection."""
    for region in map(region_of, range(500, 600)):
        slot = region.last
        synthetic = SyntheticRecord(region, slot, False)
        if not day_of(slot // SLOTS_A_DAY, False).present[slot % SLOTS_A_DAY] or synthetic.seen.longitude < 80:
            continue
        if synthetic.cea.grid.visible.all() or synthetic.ccd.grid.visible.all():
            continue
        for place, series in ((0, CCD), (2, CEA)):
            recnum = recnum_of(place, region, slot)
            visible = synthetic.view(find_series(series).projection).grid.visible
            for name in ("magnetogram", "continuum", "conf_disambig"):
                with fits.open(io.BytesIO(archive.segment(series, recnum, name))) as hdus:
                    assert np.array_equal(np.isfinite(hdus[1].data), visible)
                    assert hdus[1].header["MISSVALS"] == (~visible).sum()
            with fits.open(io.BytesIO(archive.segment(series, recnum, "bitmap"))) as hdus:
                assert np.array_equal(hdus[0].data > 0, visible)
        return
    pytest.fail("no patch reaches over the limb")


def long_lived():
    """Return a region that crosses most of the disk, and one that emerges and decays on it."""
    known = [region_of(ordinal) for ordinal in range(100, 400)]
    crossing = next(region for region in known if region.last - region.first > 11 * 120)
    whole = next(
        region
        for region in known
        if abs(region.born / 720 - region.first) < 2 and abs((region.born + region.life) / 720 - region.last) < 2
    )
    return crossing, whole


def test_rotation_carries_harps_across_the_disk():
    region, _ = long_lived()
    slots = np.arange(region.first, region.last, 60)
    longitudes = np.array([observation_of(region, int(slot), False).longitude for slot in slots])
    rate = np.polyfit(slots / 120, longitudes, 1)[0]
    assert longitudes[0] < -70
    assert longitudes[-1] > 60
    # Sidereal rotation at this latitude minus the Earth's motion.
    assert rate == pytest.approx(14.1844 + drift(region.latitude) - 0.9856, abs=0.05)
    assert 12.2 < rate < 13.4
    track = [patch_keywords(SyntheticRecord(region, int(slot), False).ccd)["lon_fwt"] for slot in slots[[4, -4]]]
    assert (track[1] - track[0]) / ((slots[-4] - slots[4]) / 120) == pytest.approx(rate, abs=0.15)


def test_flux_emerges_and_decays():
    _, region = long_lived()
    peak = int((region.born + region.rise) // 720)
    slots = region.first, (region.first + peak) // 2, peak, region.last
    flux = [parameters(SyntheticRecord(region, slot, False).cea)["usflux"] for slot in slots]
    assert flux[0] < flux[1] < flux[2] > flux[3]
    assert max(flux[0], flux[3]) < 0.45 * flux[2]


def test_polarities_obey_hale_and_joy():
    good, tilts = {24: [], 25: []}, []
    for ordinal in [*range(600, 613), *range(4300, 4313)]:
        region = region_of(ordinal)
        keywords = patch_keywords(SyntheticRecord(region, (region.first + region.last) // 2, False).ccd)
        if keywords["lon_fwtpos"] is None or keywords["lon_fwtneg"] is None:
            continue
        positive_leads = keywords["lon_fwtpos"] > keywords["lon_fwtneg"]
        expected = (region.cycle == 25) == (region.latitude > 0)
        good[region.cycle].append(positive_leads == expected)
        names = ("pos", "neg") if positive_leads else ("neg", "pos")
        lead, follow = (abs(keywords[f"lat_fwt{name}"]) for name in names)
        tilts.append(lead < follow)
    assert all(len(found) >= 11 for found in good.values())
    assert all(np.mean(found) > 0.95 for found in good.values())
    assert np.mean(tilts) > 0.6


def test_latitudes_follow_the_butterfly_diagram():
    years = {year: [] for year in (2011, 2014, 2018, 2022)}
    for ordinal in range(5100):
        region = region_of(ordinal)
        year = int(1993 + region.first / 43830)
        if year in years:
            years[year].append(region.latitude)
    mean = {year: np.mean(np.abs(found)) for year, found in years.items()}
    assert mean[2011] > mean[2014] > mean[2018] < mean[2022]
    assert all(abs(np.mean(found)) < 6 for found in years.values())


def test_spots_and_the_limb_are_dark(archive, load, pairs):
    levels = {}
    for ccd, _ in pairs:
        continuum, field = (load(CCD, ccd.recnum, name).data for name in ("continuum", "field"))
        quiet = np.nanmedian(continuum)
        spot = field > 2000
        if spot.sum() > 20:
            assert np.nanmedian(continuum[spot]) < 0.55 * quiet
        levels[abs(archive.keywords(CCD, ccd.recnum)["lon_fwt"])] = quiet
    assert levels[min(levels)] > 1.15 * levels[max(levels)]


def test_the_dopplergram_shows_the_rotation(archive, load, pairs):
    mean = {}
    for ccd, _ in pairs:
        keywords = archive.keywords(CCD, ccd.recnum)
        velocity = load(CCD, ccd.recnum, "Dopplergram").data
        magnetised = load(CCD, ccd.recnum, "vlos_mag").data
        assert np.nanmean(magnetised) == pytest.approx(100 * np.nanmean(velocity), rel=0.02)
        mean[keywords["lon_fwt"]] = np.nanmean(velocity) - keywords["obs_vr"]
    east, west = min(mean), max(mean)
    assert mean[east] < -800
    assert mean[west] > 800


def test_the_ccd_is_upside_down(archive, load, pairs):
    """Columns run to the east, rows to the south."""
    ccd, _ = near(archive, pairs, 0)
    loaded = load(CCD, ccd.recnum, "magnetogram")
    corner = loaded.pixel_to_world([0, 50] * u.pix, [0, 50] * u.pix)
    assert corner.Tx[1] < corner.Tx[0]
    assert corner.Ty[1] < corner.Ty[0]
    assert loaded.meta["crota2"] == pytest.approx(180, abs=0.1)
