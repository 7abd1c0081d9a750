"""Files of `DemoArchive`: their layout, and that they are reproducible."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from astropy.io import fits

from sunpy_flarecast.archive import DemoArchive
from sunpy_flarecast.archive.demo import fits_writer
from sunpy_flarecast.archive.demo.images import storage

CCD, CEA = "hmi.sharp_720s", "hmi.sharp_cea_720s"
NRT = "hmi.sharp_cea_720s_nrt"
DAY = datetime(2014, 2, 10, tzinfo=UTC)


def opened(content, **options):
    return fits.open(io.BytesIO(content), **options)


@pytest.mark.parametrize("series", [CCD, CEA])
def test_bare_and_full_files_hold_the_same_data(archive, an_hour, series):
    bare = DemoArchive("bare")
    record = an_hour(series)[0]
    for name in record.segments:
        units, headers = [], []
        for content in (source.segment(series, record.recnum, name) for source in (archive, bare)):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with opened(content, checksum=True, disable_image_compression=True) as hdus:
                    assert len(hdus) == (1 if name == "bitmap" else 2)
                    for hdu in hdus:
                        assert hdu.verify_datasum() == 1
                        assert "CHECKSUM" not in hdu.header
                    hdus.verify("exception")
                    headers.append(hdus[-1].header.copy())
                    units.append(content[hdus[-1].fileinfo()["datLoc"] :])
        assert units[0] == units[1]
        assert headers[0]["DATASUM"] == headers[1]["DATASUM"]
        assert "SYNTHETIC" in headers[0]["ORIGIN"]
        assert "SYNTHETIC" in str(headers[0]["COMMENT"])
        assert headers[0]["DRMS_ID"] == f"{series}:{record.recnum}:{name}"
        assert headers[0]["T_REC"].endswith(".000_TAI")
        assert not {"ORIGIN", "T_REC", "CTYPE1", "BUNIT"} & set(headers[1])


def test_headers_hold_the_keywords(archive, an_hour):
    record = an_hour(CEA)[0]
    keywords = archive.keywords(CEA, record.recnum)
    with opened(archive.segment(CEA, record.recnum, "Br"), disable_image_compression=True) as hdus:
        header = hdus[1].header
    assert header["USFLUX"] == keywords["usflux"]
    assert header.comments["USFLUX"] == "[Mx] total unsigned flux"
    assert header["DATE-OBS"] == keywords["date__obs"][:23]
    assert header["RECNUM"] == record.recnum
    assert header["NOAA_ARS"] == keywords["noaa_ars"]
    assert "GWILL" not in header


def test_files_have_the_layout_of_jsoc(an_hour):
    bare = DemoArchive("bare")
    record = an_hour(CEA)[0]
    for name, scale, zero in (
        ("Br", 0.01, 0),
        ("magnetogram", 0.1, 0),
        ("Dopplergram", 0.5, 0),
        ("continuum", 3, 97304),
    ):
        with opened(bare.segment(CEA, record.recnum, name), disable_image_compression=True) as hdus:
            header = hdus[1].header
            assert (header["ZCMPTYPE"], header["ZBITPIX"], header["ZTILE2"]) == ("RICE_1", 32, 1)
            assert header["ZTILE1"] == header["ZNAXIS1"]
            assert (header["BSCALE"], header["BZERO"], header["BLANK"]) == (scale, zero, -(2**31))
    with opened(bare.segment(CEA, record.recnum, "bitmap")) as hdus:
        assert hdus[0].data.dtype == np.uint8
        assert set(np.unique(hdus[0].data)) <= {0, 1, 2, 33, 34}


@pytest.mark.parametrize("segment", ["conf_disambig", "Br"])
def test_images_are_compressed_as_by_astropy(monkeypatch, segment):
    """Also with a version of astropy that lacks the private function."""
    layout = storage(segment)
    random = np.random.default_rng(1)
    stored = random.integers(-9, 99, (30, 40)).astype(f"int{layout.bits}")
    stored[:, :5] = layout.blank
    image = fits.CompImageHDU(stored, compression_type="RICE_1", tile_shape=(1, 40))
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(buffer)
    content = fits_writer.fits_bytes(stored, layout, "", "2014-02-10")
    with (
        opened(buffer.getvalue(), disable_image_compression=True) as expected,
        opened(content, disable_image_compression=True) as hdus,
    ):
        written = hdus[1].header
        assert {name: written[name] for name in expected[1].header} == dict(expected[1].header)
        begins = [file[1].fileinfo()["datLoc"] for file in (expected, hdus)]
    assert buffer.getvalue()[begins[0] :] == content[begins[1] :]
    monkeypatch.setattr(fits_writer, "Rice1", None)
    assert fits_writer.fits_bytes(stored, layout, "", "2014-02-10") == content


def digests():
    """Return digests of some files and keywords; a second process calls this as well."""
    archive = DemoArchive()
    result = []
    for series in (CCD, NRT):
        record = list(archive.records(series, DAY, DAY + timedelta(hours=1)))[2]
        result.append(hashlib.sha256(repr(record).encode()).hexdigest())
        result.append(hashlib.sha256(json.dumps(archive.keywords(series, record.recnum)).encode()).hexdigest())
        files = (archive.segment(series, record.recnum, name) for name in record.segments[:5])
        result.extend(hashlib.sha256(content).hexdigest() for content in files)
    return result


def test_files_are_reproducible():
    here = digests()
    assert digests() == here
    code = f"import runpy; print(' '.join(runpy.run_path({__file__!r})['digests']()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == here


def test_threads_get_the_same_bytes(an_hour):
    archive = DemoArchive()
    record = an_hour(CEA)[3]
    with ThreadPoolExecutor(4) as pool:
        contents = list(pool.map(lambda name: archive.segment(CEA, record.recnum, name), ["Br", "Bt"] * 4))
    assert len(set(contents)) == 2
