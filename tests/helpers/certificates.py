"""Certificates made by openssl for a test."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["expired", "openssl", "self_signed"]

_SUBJECT = ("-subj", "/CN=service of the tests", "-addext", "subjectAltName=IP:127.0.0.1")

_KIND = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*arguments: str | Path) -> None:
    """Run openssl without its output."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    openssl("req", "-x509", *_KIND, *_SUBJECT, "-days", "2", "-keyout", key, "-out", certificate)
    return certificate, key


def expired(folder: Path) -> tuple[Path, Path]:
    """Make an expired certificate for 127.0.0.1, and its key."""
    certificate, key, request = (folder / f"expired-{name}.pem" for name in ("certificate", "key", "request"))
    openssl("req", *_KIND, *_SUBJECT, "-keyout", key, "-out", request)
    extensions = folder / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ["-signkey", key, "-days", "-1", "-extfile", extensions]
    openssl("x509", "-req", "-in", request, *signed, "-out", certificate)
    return certificate, key
