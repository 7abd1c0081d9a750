"""Whether what arrived is what was sent, and a file."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

from sunpy_flarecast import TransferError
from sunpy_flarecast.download.verify import check_content, check_digest, check_sums

if TYPE_CHECKING:
    from pathlib import Path


def digest(name: str, body: bytes) -> str:
    return f"{name}=:{base64.b64encode(hashlib.new(name.replace('-', ''), body).digest()).decode()}:"


@pytest.mark.parametrize("name", ["sha-256", "sha-512"])
def test_digests(name: str) -> None:
    headers = {"Repr-Digest": f"md5=:AAAA:, {digest(name, b'body')}"}
    check_digest("Repr-Digest", headers, b"body")
    with pytest.raises(TransferError, match=f"does not have the {name} that it told"):
        check_digest("Repr-Digest", headers, b"bodY")


@pytest.mark.parametrize("value", ["", "md5=:AAAA:", "sha-256=nonsense", "unixsum=:AAAA:"])
def test_digests_that_say_nothing_are_passed_over(value: str) -> None:
    check_digest("Content-Digest", {"Content-Digest": value}, b"body")
    check_digest("Content-Digest", {}, b"body")


def test_real_files_pass(shared: Path) -> None:
    for path in (shared / "data" / "sharp_fits").glob("*.fits"):
        check_content(path.read_bytes())


def test_checksums_of_real_files(shared: Path) -> None:
    stored = shared / "data" / "sharp_fits" / "hmi.sharp_cea_720s.7115.20170901_220000_TAI.continuum.fits"
    body = bytearray(stored.read_bytes())
    check_sums(bytes(body))
    body[-2000] ^= 255
    with pytest.raises(TransferError, match="wrong DATASUM in HDU 1"):
        check_sums(bytes(body))
