"""Files of `DemoArchive`: how they are stored, and that they are the same every time."""

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

from sunpy_flarecast.archive.demo.archive import DemoArchive

CCD, CEA = "hmi.sharp_720s", "hmi.sharp_cea_720s"
NRT = "hmi.sharp_cea_720s_nrt"
DAY = datetime(2014, 2, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def archive():
    return DemoArchive()


def an_hour(archive, series=CEA):
    return list(archive.records(series, DAY, DAY + timedelta(hours=1)))


def opened(content, **options):
    return fits.open(io.BytesIO(content), **options)


@pytest.mark.parametrize("series", [CCD, CEA])
def test_bare_and_full_files_hold_the_same_data(archive, series):
    bare = DemoArchive("bare")
    record = an_hour(archive, series)[0]
    for name in record.segments:
        files = [one.segment(series, record.recnum, name) for one in (archive, bare)]
        units, headers = [], []
        for content in files:
            with opened(content, disable_image_compression=True) as hdus:
                where = hdus[-1].fileinfo()["datLoc"]
                assert len(hdus) == (1 if name == "bitmap" else 2)
                headers.append(hdus[-1].header.copy())
                units.append(content[where:])
        assert units[0] == units[1]
        assert headers[0]["DATASUM"] == headers[1]["DATASUM"]
        assert "SYNTHETIC" in headers[0]["ORIGIN"]
        assert "SYNTHETIC" in str(headers[0]["COMMENT"])
        assert headers[0]["DRMS_ID"] == f"{series}:{record.recnum}:{name}"
        assert headers[0]["T_REC"].endswith(".000_TAI")
        assert not {"ORIGIN", "T_REC", "CTYPE1", "BUNIT"} & set(headers[1])


@pytest.mark.parametrize("headers", ["full", "bare"])
def test_sums_are_valid(headers):
    archive = DemoArchive(headers)
    for series in (CCD, CEA):
        record = an_hour(archive, series)[1]
        for name in record.segments:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with opened(
                    archive.segment(series, record.recnum, name), checksum=True, disable_image_compression=True
                ) as hdus:
                    for hdu in hdus:
                        assert hdu.verify_datasum() == 1
                        assert "CHECKSUM" not in hdu.header
                    hdus.verify("exception")


def test_files_are_stored_like_those_of_jsoc(archive):
    bare = DemoArchive("bare")
    record = an_hour(bare)[0]
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


def digests(headers="full"):
    """Digest some files and keywords; a second process calls this as well."""
    archive = DemoArchive(headers)
    result = []
    for series in (CCD, NRT):
        record = an_hour(archive, series)[2]
        result.append(hashlib.sha256(repr(record).encode()).hexdigest())
        result.append(hashlib.sha256(json.dumps(archive.keywords(series, record.recnum)).encode()).hexdigest())
        files = (archive.segment(series, record.recnum, name) for name in record.segments[:5])
        result.extend(hashlib.sha256(content).hexdigest() for content in files)
    return result


def test_the_same_bytes_every_time():
    here = digests()
    assert digests() == here
    code = f"import runpy; print(' '.join(runpy.run_path({__file__!r})['digests']()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == here


def test_threads_get_the_same_bytes():
    archive = DemoArchive()
    record = an_hour(archive)[3]
    with ThreadPoolExecutor(4) as pool:
        contents = list(pool.map(lambda name: archive.segment(CEA, record.recnum, name), ["Br", "Bt"] * 4))
    assert len(set(contents)) == 2
