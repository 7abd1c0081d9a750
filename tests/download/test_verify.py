"""Verification of received FITS files."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
from astropy.io import fits

from sunpy_flarecast import TransferError
from sunpy_flarecast.download.verify import check_content

if TYPE_CHECKING:
    from pathlib import Path


def test_the_title_of_a_web_page_is_quoted() -> None:
    with pytest.raises(TransferError, match='the reply is not a FITS file but a web page titled "Please log in"'):
        check_content(b"<html><title>Please log in</title></html>")


def test_real_files_are_accepted(shared: Path) -> None:
    for path in (shared / "data" / "sharp_fits").glob("*.fits"):
        check_content(path.read_bytes())


def test_datasums_are_verified_and_checksums_are_ignored(shared: Path) -> None:
    wrong = 0
    for path in (shared / "data" / "sharp_fits").glob("*.fits"):
        body = path.read_bytes()
        check_content(body, datasums=True)
        with fits.open(path, disable_image_compression=True) as hdus, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wrong += any(hdu.verify_checksum() == 0 for hdu in hdus)
            if hdus[-1].verify_datasum() == 1:
                with pytest.raises(TransferError, match="the reply has a wrong DATASUM in HDU"):
                    check_content(body[:-3000] + bytes([body[-3000] ^ 255]) + body[-2999:], datasums=True)
    assert wrong == 23  # as JSOC exported them from 2015 to 2020
