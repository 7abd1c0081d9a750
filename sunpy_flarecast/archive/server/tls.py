"""A certificate and its key, checked before the service starts."""

from __future__ import annotations

import ssl
from pathlib import Path

__all__ = ["check_certificate"]


def check_certificate(certificate: Path | str | None, key: Path | str | None) -> bool:
    """
    Check that a service can speak TLS with a certificate.

    Parameters
    ----------
    certificate : path, optional
        File with the certificate and those of its issuers, in PEM.
    key : path, optional
        File with its key, in PEM, without passphrase; by default in the file of the certificate.

    Returns
    -------
    bool
        Whether there is one.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If they are no certificate and its key; the message is for the user.

    Examples
    --------
    >>> from sunpy_flarecast.archive.server.tls import check_certificate
    >>> check_certificate(None, None)
    False
    """
    if certificate is None:
        if key is not None:
            raise ValueError("A key (--ssl-key) is of no use without its certificate (--ssl-cert)")
        return False
    for path, option in ((certificate, "--ssl-cert"), (key, "--ssl-key")):
        if path is not None:
            try:
                Path(path).read_bytes()
            except OSError as error:
                raise OSError(f"{path} ({option}) cannot be read: {error.strerror}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asked = False

    def no_passphrase() -> str:
        nonlocal asked
        asked = True
        return ""

    try:
        context.load_cert_chain(certificate, key, password=no_passphrase)
    except (ssl.SSLError, ValueError) as error:
        if asked:
            raise ValueError(
                f"The key in {key or certificate} has a passphrase, which nobody can give when the service starts. "
                f"Write it without: openssl pkey -in {key or certificate} -out NEW"
            ) from error
        raise ValueError(_fault(Path(certificate), None if key is None else Path(key), error)) from error
    return True


def _fault(certificate: Path, key: Path | None, error: ssl.SSLError | ValueError) -> str:
    """Say which of the files is bad."""
    reason = getattr(error, "reason", None) or str(error)
    if b"-----BEGIN CERTIFICATE-----" not in certificate.read_bytes():
        return f"{certificate} (--ssl-cert) has no certificate in PEM"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(certificate)
    except ssl.SSLError:
        return f"The certificate in {certificate} (--ssl-cert) is broken ({reason})"
    if b"PRIVATE KEY-----" not in (key or certificate).read_bytes():
        if key is None:
            return f"{certificate} (--ssl-cert) has no key; name it with --ssl-key"
        return f"{key} (--ssl-key) has no key in PEM"
    if "MISMATCH" in reason:
        return f"The key in {key or certificate} is not that of the certificate in {certificate} ({reason})"
    return f"The key in {key or certificate} cannot be used with the certificate in {certificate} ({reason})"
