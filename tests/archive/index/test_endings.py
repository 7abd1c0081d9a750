"""FITS files with suffixes other than ``.fits``, and files compressed by gzip."""

from __future__ import annotations

import gzip
import itertools

import numpy as np
import requests
from astropy.io import fits
from indexed import CEA, FULL, JSOC, listed, name_of, tiny
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, Series, conf, fetch
from sunpy_flarecast.archive import DirectoryArchive, Settings, running
from sunpy_flarecast.archive.index import build_index, packed

ENDINGS = [".fits.gz", ".fits.fz", ".FITS", ".fit", ".fts", ".FITS.GZ", ".fts.gz"]

PIXELS = np.arange(600, dtype=np.int32).reshape(20, 30)


def write(path, ending, **more):
    """Write a file as astropy does for such a name; return the content that a client should receive."""
    cards = fits.Header([(name.replace("DATE_OBS", "DATE-OBS"), value) for name, value in {**FULL, **more}.items()])
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.with_name("plain")
    hdu = fits.CompImageHDU(PIXELS, cards) if "fz" in ending else fits.PrimaryHDU(PIXELS, cards)
    hdu.writeto(plain)
    content = plain.read_bytes()
    plain.unlink()
    target = path.with_name(path.name + ending)
    target.write_bytes(gzip.compress(content) if ending.lower().endswith("gz") else content)
    return content


def test_clients_receive_decompressed_files(tmp_path):
    """They have JSOC's names, regardless of their names in the archive."""
    root, contents = tmp_path / "root", {}
    for harp, (ending, named) in enumerate(itertools.product(ENDINGS, (True, False)), 1):
        stem = JSOC.format(harp, "Br").removesuffix(".fits") if named else f"mine{harp}"
        contents[harp] = write(root / stem, ending, HARPNUM=harp, RECNUM=harp, DRMS_ID=f"{CEA}:{harp}:Br")
    with DirectoryArchive(root) as archive, running(archive) as url, conf.set_temp("url", url):
        assert (archive.report.records, archive.report.faulty, archive.skipped) == (len(contents), 0, [])
        table = FLARECASTClient().search(a.Time("2011-02-15", "2011-02-16"), Series(CEA))
        report = fetch(table, path=tmp_path / "data", progress=False)
        heads = [requests.head(f"{url}/HMI/{CEA}/{harp}/Br.fits", timeout=20).headers for harp in contents]
    assert [head["Content-Length"] for head in heads] == [str(len(content)) for content in contents.values()]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == sorted(
        JSOC.format(harp, "Br") for harp in contents
    )
    assert report.complete
    for harp, content in contents.items():
        path = tmp_path / "data" / JSOC.format(harp, "Br")
        assert path.read_bytes() == content
        with fits.open(path) as hdus:
            assert np.array_equal(hdus[-1].data, PIXELS)


def test_behind_nginx_compressed_files_come_from_the_service(tmp_path):
    """The service decompresses them; nginx sends the others from disk."""
    contents = {
        "Br": write(tmp_path / JSOC.format(377, "Br").removesuffix(".fits"), ".fits.gz"),
        "Bt": write(tmp_path / JSOC.format(377, "Bt").removesuffix(".fits"), ".fts"),
    }
    with running(DirectoryArchive(tmp_path), settings=Settings(x_accel="/files")) as url:
        replies = {name: requests.get(f"{url}/HMI/{CEA}/3464220/{name}.fits", timeout=20) for name in contents}
    assert replies["Br"].content == contents["Br"]
    assert replies["Bt"].headers["X-Accel-Redirect"] == "/files/" + JSOC.format(377, "Bt").replace(".fits", ".fts")


def test_an_uncompressed_file_takes_precedence(tmp_path):
    stem = tmp_path / JSOC.format(377, "Br").removesuffix(".fits")
    for ending in (".fits", ".fits.gz"):
        write(stem, ending)
    (fault,) = build_index(tmp_path).faults
    assert fault == f"{stem.name}.fits.gz: Segment Br of this record is already served from {stem.name}.fits"


def test_compressed_files_that_cannot_be_served(tmp_path, monkeypatch):
    for segment in ("Br", "Bt", "Bp"):
        tiny(tmp_path / name_of(1, 0, segment))
    whole, short, other = sorted(tmp_path.iterdir())
    packings = {whole: gzip.compress(whole.read_bytes()), other: b"not compressed at all"}
    packings[short] = packings[whole][:-20]
    for path, content in packings.items():
        path.with_name(f"{path.name}.gz").write_bytes(content)
        path.unlink()
    report = build_index(tmp_path)
    reasons = [fault.partition(".gz: ")[2].partition(":")[0] for fault in report.faults]
    assert reasons == ["It cannot be decompressed"] * 2
    monkeypatch.setattr(packed, "_MOST", 5000)
    path = whole.with_name(f"{whole.name}.gz")
    path.write_bytes(path.read_bytes())
    assert build_index(tmp_path).faults[0].endswith("It is larger than 0 MB when decompressed")


def test_a_compressed_file_damaged_while_it_is_served(tmp_path):
    path = tmp_path / f"{name_of(1, 0, 'Br')}.gz"
    tiny(path)
    path.write_bytes(gzip.compress(path.read_bytes()))
    with DirectoryArchive(tmp_path) as archive, running(archive) as url:
        (record,) = listed(archive)
        path.write_bytes(path.read_bytes()[:-20])
        reply = requests.get(f"{url}/HMI/{CEA}/{record.recnum}/Br.fits", timeout=20)
    assert (reply.status_code, "cannot be decompressed" in reply.json()["message"]) == (404, True)
