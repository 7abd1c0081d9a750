"""Certificates for tests, made by openssl for the time of a test."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["openssl", "self_signed"]


def openssl(*arguments: str | Path) -> None:
    """Run openssl, without its chatter."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of 127.0.0.1, which is also its issuer's, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subject = ["-subj", "/CN=service of the tests", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *kind, *subject, "-keyout", key, "-out", certificate)
    return certificate, key
