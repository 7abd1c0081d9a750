"""The stored pixels of FITS files, compared with those decoded by astropy."""

from __future__ import annotations

import hashlib
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.io import fits
from patches import BLANK, full, numbers, stored

from sunpy_flarecast.archive import DemoArchive
from sunpy_flarecast.dataset.encoding import decode
from sunpy_flarecast.dataset.image_file import read_image
from sunpy_flarecast.errors import FileError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


def by_astropy(path: Path) -> npt.NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about cards in old exports
        with fits.open(path) as hdus:
            return np.array(next(hdu.data for hdu in hdus if hdu.is_image and hdu.header["NAXIS"] == 2))


def assert_same(path: Path) -> None:
    image = read_image(path)
    expected = by_astropy(path)
    assert image.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    np.testing.assert_array_equal(decode(image.pixels, image.encoding, "float64"), expected.astype("float64"))
    if expected.dtype.kind == "f":
        assert decode(image.pixels, image.encoding).dtype == expected.dtype.newbyteorder("=")


def test_pixels_of_real_files_equal_those_of_astropy(shared_data: Path) -> None:
    paths = [path for folder in ("sharp_fits", "cases") for path in sorted((shared_data / folder).glob("*.fits"))]
    tested = [path for path in paths if "linearfff" not in path.name]
    assert len(tested) > 20
    for path in tested:
        assert_same(path)


@pytest.mark.parametrize("headers", ["full", "bare"])
def test_pixels_of_the_demo_equal_those_of_astropy(tmp_path: Path, headers: Any) -> None:
    archive = DemoArchive(headers=headers)
    names = {
        "hmi.sharp_720s": ("magnetogram", "bitmap", "field", "inclination_err", "disambig", "info_map"),
        "hmi.sharp_cea_720s": ("Br", "Br_err", "bitmap", "conf_disambig", "Dopplergram"),
    }
    day = datetime(2014, 1, 1, tzinfo=UTC)
    for series, segments in names.items():
        records = archive.records(series, day, day + timedelta(hours=1))
        record = next(record for record in records if record.harpnum == 3238)  # at the limb
        for segment in segments:
            path = tmp_path / f"{series}.{segment}.fits"
            path.write_bytes(archive.segment(series, record.recnum, segment))
            assert_same(path)
    image = read_image(tmp_path / "hmi.sharp_720s.magnetogram.fits")
    assert (image.pixels == image.encoding.fill).any()


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("kind", "cards"),
    [
        ("int32", {"BSCALE": 0.01, "BLANK": BLANK}),
        ("int32", {"BSCALE": 3.0, "BZERO": 97304.0, "BLANK": BLANK}),
        ("int32", {}),
        ("int16", {"BSCALE": 0.01, "BLANK": -32768}),
        ("int16", {"BLANK": -32768}),
        ("int16", {"BZERO": 32768}),
        ("uint8", {}),
        ("float32", {}),
        ("float64", {}),
    ],
)
def test_pixels_equal_those_of_astropy(tmp_path: Path, kind: str, cards: dict[str, Any], packed: bool) -> None:
    pixels = numbers(9, 14).astype(kind)
    if kind == "int16":
        pixels[3, 4] = -32768
    assert_same(stored(tmp_path / "a.fits", pixels, packed=packed, **cards))


def test_a_file_in_which_every_integer_is_used_keeps_its_values(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.fits", np.arange(256, dtype=np.uint8).reshape(16, 16), packed=False)
    assert read_image(path).encoding.dtype == "float32"
    assert_same(path)


def test_missing_pixels_are_nan(tmp_path: Path) -> None:
    image = read_image(stored(tmp_path / "a.fits", numbers(4, 5), **full(377, 0)))
    values = decode(image.pixels, image.encoding)
    assert np.isnan(values[:, 0]).all()
    assert not np.isnan(values[:, 1:]).any()


def test_damaged_and_foreign_files_are_refused_with_a_reason(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.fits", numbers(60, 50), **full(377, 0))
    data = path.read_bytes()

    def refused(content: bytes, reason: str) -> None:
        path.write_bytes(content)
        with pytest.raises(FileError, match=reason):
            read_image(path)

    refused(b"", "is empty")
    refused(b"<html>Please log in</html>", "is not a FITS file")
    refused(data[: len(data) // 2880 * 2880 - 2880], "ends at byte")
    heap = bytearray(data)
    heap[-4000:-3000] = b"\xff" * 1000
    refused(bytes(heap), "cannot be decoded")
    fits.PrimaryHDU(np.zeros((2, 3, 4))).writeto(path, overwrite=True)
    refused(path.read_bytes(), "has no image with two axes")
    path.unlink()
    with pytest.raises(FileError, match=r"^cannot be read \(No such file"):
        read_image(path)


def test_a_flipped_bit_is_found_by_datasum(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(numbers(20, 20)).writeto(path, checksum=True)
    data = bytearray(path.read_bytes())
    data[2880 + 4 * 21 + 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileError, match="has a wrong DATASUM in HDU 0"):
        read_image(path)
