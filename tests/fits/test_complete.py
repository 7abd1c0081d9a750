"""Header completion: headers change, data do not."""

from __future__ import annotations

import shutil
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.io import fits
from bare import bare_twin
from barefiles import KEYWORDS, NAME, SHAPE, compressed, file_bytes
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast import FileError, QueryError, complete_header
from sunpy_flarecast.fits.complete import is_bare, replace_header
from sunpy_flarecast.fits.on_disk import is_whole
from sunpy_flarecast.fits.structure import Headers, read_headers
from sunpy_flarecast.utils.atomic_file import AtomicFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@cache
def plain(checksum: bool = True) -> bytes:
    return file_bytes(
        fits.HDUList([fits.PrimaryHDU(np.random.default_rng(1).integers(0, 256, SHAPE, np.uint8))]), checksum
    )


@cache
def extension() -> bytes:
    image = fits.ImageHDU(np.random.default_rng(1).random(SHAPE))
    return file_bytes(fits.HDUList([fits.PrimaryHDU(), image, fits.ImageHDU(np.zeros((5, 5)))]), checksum=True)


def data_of(file: bytes) -> bytes:
    return file[read_headers(file).end :]


def assert_valid_checksums(path: Path) -> None:
    with fits.open(path, disable_image_compression=True, checksum=True) as hdus:  # a wrong sum is a warning
        for hdu in hdus:
            assert hdu.verify_checksum() != 0
            assert hdu.verify_datasum() != 0


@pytest.mark.parametrize("make", [compressed, plain, extension, lambda: plain(checksum=False), lambda: compressed(700)])
def test_only_the_header_of_the_image_changes(tmp_path: Path, make: Callable[[], bytes]) -> None:
    path, before = tmp_path / NAME, make()
    path.write_bytes(before)
    assert is_bare(path)
    assert complete_header(path, KEYWORDS, source="http://host/HMI/meta")
    after = path.read_bytes()
    old, new = read_headers(before), read_headers(after)
    assert after[: new.at] == before[: old.at]
    assert after[new.end :] == before[old.end :]
    assert not new.bare
    assert is_whole(path)
    assert [one.name for one in tmp_path.iterdir()] == [NAME]
    assert_valid_checksums(path)
    was, now = (fits.Header.fromstring(one.image.decode()) for one in (old, new))
    kept = [str(card) for card in was.cards if card.keyword != "CHECKSUM"]
    assert [str(card) for card in now.cards[: len(kept)]] == kept
    assert "CHECKSUM" not in now
    assert now["USFLUX"] == 2e22
    assert now["DRMS_ID"] == "hmi.sharp_cea_720s:7:Br"
    assert "http://host/HMI/meta" in "".join(now["HISTORY"])


def test_completing_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(compressed())
    assert complete_header(str(path), KEYWORDS)
    before = path.read_bytes()
    assert not complete_header(path, KEYWORDS)
    assert path.read_bytes() == before
    assert complete_header(path, {"R_VALUE": 4.5})  # keywords of the file are not required
    [header] = [fits.getheader(path, 1)]
    assert (header["R_VALUE"], header["USFLUX"]) == (4.5, 2e22)
    assert_valid_checksums(path)


def test_existing_cards_are_kept(tmp_path: Path) -> None:
    path = tmp_path / NAME
    hdu = fits.PrimaryHDU(np.zeros(SHAPE, dtype=np.int16))
    hdu.header["USFLUX"] = (1e20, "mine")
    hdu.header["BUNIT"] = "Gauss"
    hdu.writeto(path)
    assert complete_header(path, KEYWORDS)
    header = fits.getheader(path)
    assert (header["USFLUX"], header.comments["USFLUX"], header["BUNIT"]) == (1e20, "mine", "Gauss")
    assert header.count("USFLUX") == 1


def test_keywords_from_the_header_of_another_segment(tmp_path: Path) -> None:
    first, second = tmp_path / NAME, tmp_path / NAME.replace("Br", "Dopplergram")
    first.write_bytes(compressed())
    second.write_bytes(plain())
    complete_header(first, KEYWORDS)
    complete_header(second, fits.getheader(first, 1))
    header = fits.getheader(second)
    assert (header["BUNIT"], header["DRMS_ID"]) == ("m/s", "hmi.sharp_cea_720s:7:Dopplergram")
    assert (header["BITPIX"], header["CRPIX1"]) == (8, 30.5)
    assert_valid_checksums(second)


def test_files_with_other_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.fits"
    path.write_bytes(plain())
    complete_header(path, KEYWORDS, series="hmi.sharp_720s", segment="field", recnum=9)
    header = fits.getheader(path)
    assert (header["BUNIT"], header["DRMS_ID"]) == ("Mx/cm^2", "hmi.sharp_720s:9:field")


def test_files_that_cannot_be_completed_stay_unchanged(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(compressed())
    before = path.read_bytes()
    with pytest.raises(QueryError, match=r"Br\.fits cannot be completed: neither .* have CRLN_OBS, CRLT_OBS, which"):
        complete_header(path, {**KEYWORDS, "crln_obs": None, "crlt_obs": "nan"})
    assert path.read_bytes() == before
    path.write_bytes(before[:-1000])
    with pytest.raises(FileError, match="it ends at byte"):
        complete_header(path, KEYWORDS)
    path.write_bytes(b"<html>")
    with pytest.raises(FileError, match="it is not a FITS file"):
        complete_header(path, KEYWORDS)
    with pytest.raises(FileNotFoundError):
        complete_header(tmp_path / "not there.fits", KEYWORDS)
    assert not is_bare(tmp_path / "not there.fits")
    assert [one.name for one in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("rest", [b"\0", b"END", b"NAXIS1  =                   -1", b"\xff"])
def test_bytes_after_the_end_card_are_dropped(tmp_path: Path, rest: bytes) -> None:
    """There should be blanks; other bytes of some writers are dropped."""
    content = compressed()
    header = read_headers(content).image
    end = read_headers(content).at + header.index(b"END     ") + 80
    (path := tmp_path / NAME).write_bytes(content[:end] + rest.ljust(80, rest[:1]) + content[end + 80 :])
    assert complete_header(path, KEYWORDS)
    assert is_whole(path)
    completed = path.read_bytes()
    path.write_bytes(content)
    assert complete_header(path, KEYWORDS)
    assert read_headers(completed).image[:-2880] == read_headers(path).image[:-2880]
    assert not complete_header(path, KEYWORDS)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such permissions")
def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    path, link = tmp_path / NAME, tmp_path / NAME.replace("6178", "6179")
    path.write_bytes(compressed())
    path.chmod(0o640)
    link.symlink_to(path)
    with pytest.raises(QueryError, match="HARPNUM 6179"):  # the name given by the user is used
        complete_header(link, KEYWORDS)
    link = link.rename(tmp_path / "link.fits")
    complete_header(link, KEYWORDS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert not is_bare(path)


def test_concurrent_completion_of_the_same_files(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.fits" for number in range(100)]
    before = compressed()
    for path in paths:
        path.write_bytes(before)
    together = threading.Barrier(2, timeout=60)

    def complete() -> None:
        for path in paths:
            together.wait()
            complete_header(path, KEYWORDS)

    with ThreadPoolExecutor() as threads:
        for one in [threads.submit(complete), threads.submit(complete)]:
            one.result()
    for path in paths:
        content = path.read_bytes()
        assert not read_headers(content).bare
        assert data_of(content) == data_of(before)
    assert_valid_checksums(paths[0])
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_a_file_replaced_during_completion_keeps_its_new_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / NAME
    before, after = compressed(), compressed(700)
    path.write_bytes(before)
    copymode = shutil.copymode

    def replaced(source: str, target: str) -> None:
        copymode(source, target)
        if path.read_bytes() == before:
            (tmp_path / "new").write_bytes(after)
            (tmp_path / "new").replace(path)

    monkeypatch.setattr(shutil, "copymode", replaced)
    complete_header(path, KEYWORDS)
    assert data_of(path.read_bytes()) == data_of(after)
    assert not is_bare(path)


def test_other_products_and_too_long_headers_are_unchanged(tmp_path: Path) -> None:
    path = tmp_path / NAME
    cube = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 4, 5)))])
    cube.writeto(path)
    with pytest.raises(FileError, match="does not have two dimensions"):
        complete_header(path, KEYWORDS)
    before = compressed()
    path.write_bytes(before)
    with pytest.raises(FileError, match="it has 60 x 39 pixels, but images of the record have 60 x 40"):
        complete_header(path, KEYWORDS | {"crpix2": 20.5})
    assert path.read_bytes() == before
    with pytest.raises(FileError, match="would get a header of"):
        complete_header(path, KEYWORDS | {"comments": "x" * 1_200_000})
    assert path.read_bytes() == before
    assert is_bare(path)
    assert [one.name for one in tmp_path.iterdir()] == [NAME]


@given(st.binary(max_size=300), st.integers(0, 50), st.integers(0, 50), st.binary(max_size=80))
def test_a_header_is_replaced_in_place(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, at: int, length: int, more: bytes
) -> None:
    at = min(at, len(content))
    headers = Headers(b"", content[at : at + length], at)
    path = tmp_path_factory.getbasetemp() / "moved.fits"
    with pytest.MonkeyPatch.context() as patch, AtomicFile(path) as target:
        patch.setattr("sunpy_flarecast.fits.complete._COPIED", 7)
        target.write(content)
        replace_header(target, headers, b"x" * len(headers.image) + more)
        target.publish()
    assert path.read_bytes() == content[:at] + b"x" * len(headers.image) + more + content[headers.end :]


def test_ccd_images_of_any_size_and_cutouts_with_their_own_crpix(tmp_path: Path) -> None:
    path = tmp_path / NAME.replace("_cea", "")
    path.write_bytes(compressed())
    disk = {"ctype1": "HPLN-TAN", "ctype2": "HPLT-TAN", "crpix1": -1238.09, "crpix2": 316.1, "crota2": 180.0}
    assert complete_header(path, KEYWORDS | disk)
    cutout = fits.PrimaryHDU(np.zeros((5, 7)))
    cutout.header.update({"CRPIX1": -12.0, "CRPIX2": 3.5})
    cutout.writeto(tmp_path / NAME)
    assert complete_header(tmp_path / NAME, KEYWORDS)
    assert fits.getheader(tmp_path / NAME)["CRPIX1"] == -12


def test_bare_twins_are_bare(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(compressed())
    complete_header(path, KEYWORDS)
    twin = bare_twin(path.read_bytes())
    assert read_headers(twin).bare
    assert len(twin) == len(compressed())
