"""Completeness of files: real files, files written by astropy, and truncated or extended files."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from sunpy_flarecast import TransferError
from sunpy_flarecast.fits.datasum import check_datasums, datasum
from sunpy_flarecast.fits.on_disk import _read_once, is_whole
from sunpy_flarecast.fits.structure import BLOCK, read_headers


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a path for the contents of a test."""
    return tmp_path_factory.mktemp("fits") / "file.fits"


def is_complete(file: Path, content: bytes) -> bool:
    file.write_bytes(content)
    return is_whole(file)


def reason(file: Path, content: bytes) -> str:
    file.write_bytes(content)
    with pytest.raises(TransferError) as caught:
        read_headers(file)
    return str(caught.value)


def written(*hdus: Any) -> bytes:
    # astropy can write random groups only to a file.
    with TemporaryDirectory() as folder:
        path = Path(folder, "file.fits")
        fits.HDUList(list(hdus)).writeto(path)
        return path.read_bytes()


def ends(content: bytes) -> list[int]:
    """List the ends of the HDUs as astropy finds them."""
    with fits.open(BytesIO(content), disable_image_compression=True) as hdus:
        return [hdu.fileinfo()["datLoc"] + hdu.fileinfo()["datSpan"] for hdu in hdus]


def image(*shape: int, dtype: str = "i4") -> np.ndarray:
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


SHARP = written(fits.PrimaryHDU(), fits.CompImageHDU(image(50, 60), compression_type="RICE_1"))

FILES = {
    "image": written(fits.PrimaryHDU(image(30, 50))),
    "one pixel": written(fits.PrimaryHDU(image(1, dtype="u1"))),
    "exactly a block": written(fits.PrimaryHDU(image(720))),
    "a byte more than a block": written(fits.PrimaryHDU(image(2881, dtype="u1"))),
    "compressed, as SHARP files are": SHARP,
    "extensions": written(fits.PrimaryHDU(image(5)), fits.ImageHDU(image(3, 4, 5, dtype="f8")), fits.ImageHDU()),
    "table": written(
        fits.PrimaryHDU(),
        fits.BinTableHDU.from_columns(
            [fits.Column("a", "J", array=image(9)), fits.Column("b", "12A", array=["x"] * 9)]
        ),
    ),
    "table with a heap": written(
        fits.PrimaryHDU(),
        fits.BinTableHDU.from_columns(
            [fits.Column("a", "PD()", array=np.array([image(3, dtype="f8"), image(2000, dtype="f8")], dtype=object))]
        ),
    ),
    "text table": written(
        fits.PrimaryHDU(), fits.TableHDU.from_columns([fits.Column("a", "I6", array=image(700), ascii=True)])
    ),
    "random groups": written(
        fits.GroupsHDU(
            fits.GroupData(
                image(10, 1, 1, 1, 6, dtype="f4"), bitpix=-32, parnames=["u", "v"], pardata=[image(10, dtype="f4")] * 2
            )
        )
    ),
    "a long header": written(
        fits.PrimaryHDU(image(5), fits.Header([(f"KEY{number}", number) for number in range(500)]))
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_of_astropy_are_complete(file: Path, kind: str) -> None:
    assert len(FILES[kind]) % BLOCK == 0
    file.write_bytes(FILES[kind])
    read_headers(file)
    read_headers(str(file))


@pytest.mark.parametrize("kind", FILES)
@given(st.data())
def test_truncated_files_are_incomplete(file: Path, kind: str, data: st.DataObject) -> None:
    content = FILES[kind]
    bounds = ends(content)
    near = {max(0, min(len(content) - 1, end + off)) for end in bounds for off in (-BLOCK, -81, -80, -1, 0, 1, BLOCK)}
    at = data.draw(st.integers(0, len(content) - 1) | st.sampled_from(sorted(near)))
    # A file cut after an HDU with data is a valid FITS file, and cannot be distinguished from the whole.
    by_itself = at in bounds and any(hdu.data is not None for hdu in fits.open(BytesIO(content[:at])))
    assert is_complete(file, content[:at]) == by_itself


def test_a_sharp_file_truncated_anywhere_is_incomplete(file: Path) -> None:
    blocks = range(0, len(SHARP), BLOCK)
    for at in sorted({place + off for place in blocks for off in (0, 1, 79, 80, 2879)} - {len(SHARP)}):
        assert not is_complete(file, SHARP[:at]), at
    assert reason(file, SHARP[:BLOCK]) == "holds no data"
    assert reason(file, SHARP[:100]) == "ends within the header that begins at byte 0"
    assert reason(file, SHARP[: BLOCK + 1]) == "ends within the header that begins at byte 2,880"
    assert reason(file, SHARP[:-1]) == f"ends at byte {len(SHARP) - 1:,} of {len(SHARP):,}"


@given(st.sampled_from(sorted(FILES)), st.binary(min_size=1, max_size=2 * BLOCK))
def test_files_with_added_bytes_are_invalid(file: Path, kind: str, added: bytes) -> None:
    assert not is_complete(file, FILES[kind] + added)


@pytest.mark.parametrize(
    ("added", "text"),
    [
        (b"\0", "ends within the header"),
        (b"\r\n", "ends within the header"),
        (bytes(BLOCK), "has no FITS header at byte"),
        (b" " * BLOCK, "has no FITS header at byte"),
        (b"END".ljust(BLOCK), "has no FITS header at byte"),
        (SHARP, "has no FITS header at byte"),
        (b"XTENSION= 'IMAGE   '".ljust(80) + b"END".ljust(BLOCK - 80), "without a valid NAXIS"),
    ],
    ids=["zero", "newline", "zeros", "spaces", "END", "the file again", "no axes"],
)
def test_added_bytes_are_reported(file: Path, added: bytes, text: str) -> None:
    assert text in reason(file, SHARP + added)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is empty"),
        (b"S", "is not a FITS file"),
        (b"<html><body>Please log in</body></html>", "is not a FITS file"),
        (b'{"message": "no such record"}', "is not a FITS file"),
        (b"\x1f\x8b" + bytes(5000), "is compressed with gzip, but its name does not end in .gz"),
        (bytes(BLOCK), "is not a FITS file"),
        (SHARP[BLOCK:], "is not a FITS file"),
        (b"SIMPLE  =", "ends within the header that begins at byte 0"),
        (b"SIMPLE  =".ljust(500 * BLOCK), "has a header without an END card at byte 0"),
        (b"SIMPLE  =".ljust(3 * BLOCK), "ends within the header"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_other_content_is_not_fits(file: Path, content: bytes, text: str) -> None:
    assert reason(file, content) == text or reason(file, content).startswith(text)


def header(*cards: str, size: int = BLOCK) -> bytes:
    return b"".join(card.encode().ljust(80) for card in ("SIMPLE  =                    T", *cards)).ljust(size)


IMAGE = ("BITPIX  =                    8", "NAXIS   =                    1", "NAXIS1  =                  100")


def test_end_must_be_a_whole_card(file: Path) -> None:
    inside = header(*IMAGE, "COMMENT END     ", "KEY     = 'END     '", "ENDING  = 'END     '", "END")
    assert is_complete(file, inside + bytes(BLOCK))
    assert not is_complete(file, inside)
    never = header(*IMAGE, "COMMENT END     ", "KEY     = 'END     '", "ENDING  =                    5")
    assert "ends within the header" in reason(file, never)
    # END as the last card of a block, and as the first of the next.
    for count in (31, 32):
        cards = [*IMAGE, *["COMMENT"] * count]
        content = header(*cards, "END", size=BLOCK * (1 + (len(cards) + 2 > 36)))
        assert len(content) == (BLOCK if count == 31 else 2 * BLOCK)
        assert is_complete(file, content + bytes(BLOCK))


def test_keyword_names_inside_values_are_ignored(file: Path) -> None:
    tricky = ("COMMENT NAXIS1  =  9999", "KEY     = 'NAXIS1  =  9999'", "COMMENT BITPIX  = -64")
    assert is_complete(file, header(*tricky, *IMAGE, "END") + bytes(BLOCK))


@pytest.mark.parametrize(
    ("cards", "name"),
    [
        (IMAGE[1:], "BITPIX"),
        ((IMAGE[0], *IMAGE[2:]), "NAXIS"),
        (IMAGE[:2], "NAXIS1"),
        ((*IMAGE[:2], "NAXIS1  =                 -100"), "NAXIS1"),
        ((*IMAGE[:2], "NAXIS1  =                  1.5"), "NAXIS1"),
        ((*IMAGE[:2], "NAXIS1  ="), "NAXIS1"),
        (("BITPIX  = 'eight'", *IMAGE[1:]), "BITPIX"),
        ((IMAGE[0], "NAXIS   =                   -1"), "NAXIS"),
        ((IMAGE[0], "NAXIS   = 99999999999999999999"), "NAXIS1"),
        ((*IMAGE, "PCOUNT  =                   -5"), "PCOUNT"),
        ((*IMAGE, "GCOUNT  =                    T"), "GCOUNT"),
    ],
)
def test_a_header_without_a_valid_size(file: Path, cards: tuple[str, ...], name: str) -> None:
    assert reason(file, header(*cards, "END") + bytes(BLOCK)) == f"has a header without a valid {name}"


def test_an_extension_with_invalid_sizes_is_reported(file: Path) -> None:
    cards = {"BITPIX": "-32", "NAXIS": "2", "NAXIS1": "10", "NAXIS2": "20", "PCOUNT": "0", "GCOUNT": "1"}
    empty = header("BITPIX  =                    8", "NAXIS   =                    0", "END")

    def extended(**changed: str) -> bytes:
        values = {**cards, **changed}
        texts = [f"{name:8}= {value:>20}" for name, value in values.items()]
        return empty + header(*texts, "END").replace(
            b"SIMPLE  =                    T", b"XTENSION= 'IMAGE   '          "
        )

    assert is_complete(file, extended() + bytes(BLOCK))
    assert not is_complete(file, extended())
    for name in cards:
        for value in ("", "1 0", "- 1", "x", "1.5"):
            assert "without a valid" in reason(file, extended(**{name: value}) + bytes(BLOCK)), (name, value)


def test_sizes_with_comments_and_impossible_sizes(file: Path) -> None:
    commented = (IMAGE[0], "NAXIS   = 1 / axes", "NAXIS1  =   100/length")
    assert is_complete(file, header(*commented, "END") + bytes(BLOCK))
    huge = (*IMAGE[:2], f"NAXIS1  = {10**60}")
    assert reason(file, header(*huge, "END") + bytes(BLOCK)).startswith("ends at byte 5,760 of 1,000,000,000")


def test_real_files(shared: Path) -> None:
    paths = sorted((shared / "data" / "sharp_fits").glob("*.fits"))
    assert len(paths) == 24
    for path in paths:
        read_headers(path)


def test_truncated_real_files_are_incomplete(shared: Path, file: Path) -> None:
    for path in (shared / "data" / "sharp_fits").glob("*.377.*.fits"):
        content = path.read_bytes()
        for at in (BLOCK, 2 * BLOCK, len(content) // 2, len(content) - BLOCK, len(content) - 1):
            assert not is_complete(file, content[:at]), (path.name, at)
        assert not is_complete(file, content + b"\n"), path.name


def test_a_changed_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.fits"
    other = tmp_path / "other.fits"
    for content in (SHARP, bytes(len(SHARP)), SHARP, SHARP[:-1]):
        path.write_bytes(content)
        assert is_whole(path) == (content == SHARP)  # it has just changed, so nothing is cached
    monkeypatch.setattr("sunpy_flarecast.fits.on_disk._GRAIN", 0)
    path.write_bytes(SHARP)
    assert is_whole(path)
    hits = _read_once.cache_info().hits
    assert is_whole(path)
    assert _read_once.cache_info().hits == hits + 1
    other.write_bytes(bytes(len(SHARP)))
    other.replace(path)
    assert not is_whole(path)
    path.unlink()
    assert not is_whole(path)


def test_a_missing_file_is_incomplete(tmp_path: Path) -> None:
    assert not is_whole(tmp_path / "none.fits")
    assert not is_whole(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_headers(tmp_path / "none.fits")


def test_pipes_are_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file.fits")
    assert not is_whole(tmp_path / "file.fits")
    with pytest.raises(TransferError, match="is not a regular file"):
        read_headers(tmp_path / "file.fits")


@given(st.binary(min_size=4, max_size=400).map(lambda data: data[: len(data) // 4 * 4]), st.integers(0, 100))
def test_datasums_equal_those_of_astropy(data: bytes, at: int) -> None:
    from astropy.io.fits.hdu.base import _ValidHDU

    at = min(at * 4, len(data))
    assert datasum([data[:at], data[at:]]) == _ValidHDU()._compute_checksum(np.frombuffer(data, dtype=np.uint8))


@pytest.mark.parametrize("kind", FILES)
def test_one_flipped_bit_makes_datasum_wrong(file: Path, kind: str) -> None:
    with fits.open(BytesIO(FILES[kind]), disable_image_compression=True) as hdus:
        hdus.writeto(file, checksum=True, overwrite=True)
    content = bytearray(file.read_bytes())
    check_datasums(file)
    check_datasums(bytes(content))
    begin = read_headers(file).end
    content[begin] ^= 1
    file.write_bytes(content)
    with pytest.raises(TransferError, match="has a wrong DATASUM in HDU"), file.open("rb") as opened:
        check_datasums(opened.fileno())
